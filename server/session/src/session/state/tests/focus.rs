//! Tests what is prefilled where the cursor rests.

use foretell_config::{exclude::Exclusions, prefetch::OnBattery};

use super::*;

/// A client that focuses documents, and a trace of the server's reactions.
struct Rests {
    state: State,
    now: Instant,
    n_asked: u64,
    last: Option<GenerationId>,
    timer: Option<Instant>,
    trace: Vec<String>,
}

impl Rests {
    fn new(configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        configure(&mut config);
        let (exclusions, _) = Exclusions::new(&config.suggest.exclude);
        let (state, now) = (State::default(), Instant::now());
        let mut it = Self { state, now, n_asked: 0, last: None, timer: None, trace: vec![] };
        let settings = Arc::new(Settings { config, exclusions });
        it.handle(Event::Configured { settings, has_other_model: true });
        for (uri, text) in [("a.rs", "let a;\nlet b;\n"), ("b.rs", "let c;\n"), (".env", "A=1\n")] {
            let (uri, language, text) = (uri.to_owned(), "rust".to_owned(), text.to_owned());
            it.handle(Event::Open { uri, language, version: 1, text, real_path: None });
        }
        it
    }

    fn handle(&mut self, event: Event) {
        for effect in self.state.handle(event, self.now) {
            self.trace.push(match effect {
                Effect::PrefillFirst { id, snapshot, cursor } => {
                    self.last = Some(id);
                    format!("first {}:{cursor}", snapshot.uri)
                }
                Effect::PrefillWider { id, snapshot, cursor, within } => {
                    self.last = Some(id);
                    format!("wider {}:{cursor} in {} ms", snapshot.uri, within.as_millis())
                }
                Effect::Prefill { snapshot, cursor, .. } => {
                    format!("whole {}:{cursor}", snapshot.uri)
                }
                Effect::Generate { id, snapshot, cursor, .. } => {
                    self.last = Some(id);
                    format!("generate {}:{cursor}", snapshot.uri)
                }
                Effect::Cancel { id, .. } => format!("cancel {}", id.0),
                Effect::Widen => "use wider".to_owned(),
                Effect::SetFocusTimer { at } => {
                    self.timer = Some(at);
                    continue;
                }
                Effect::Respond { answer: Answer::Empty(reason), .. } => reason.name().to_owned(),
                _ => continue,
            });
        }
    }

    fn focus(mut self, uri: &str, position: Option<(u32, u32)>) -> Self {
        self.rest(uri, position, false);
        self
    }

    fn focus_on_battery(mut self, uri: &str) -> Self {
        self.rest(uri, Some((0, 3)), true);
        self
    }

    fn rest(&mut self, uri: &str, position: Option<(u32, u32)>, on_battery: bool) {
        let position = position.map(|(line, col)| Position::new(line, col));
        let (uri, encoding) = (uri.to_owned(), PositionEncoding::Utf8);
        self.handle(Event::Focus { uri, position, encoding, on_battery });
    }

    /// Lets time pass; the timer elapses when due.
    fn wait(mut self, ms: u64) -> Self {
        let end = self.now + Duration::from_millis(ms);
        while let Some(at) = self.timer.take_if(|it| *it <= end) {
            self.now = at;
            self.trace.push(format!("{} ms", ms - (end - at).as_millis() as u64));
            self.handle(Event::FocusTimer);
        }
        self.now = end;
        self
    }

    /// Completes the prefill of the last generation.
    fn prefilled(mut self) -> Self {
        let finish = Some(FinishReason::PromptRead);
        let progress = Progress { finish, ..Progress::default() };
        let id = self.last.unwrap();
        self.trace.push(format!("{} done", id.0));
        self.handle(Event::Progress { id, progress });
        self
    }

    /// Generates `text` for the last request, completely or so far.
    fn generated(mut self, text: &str, finish: Option<FinishReason>) -> Self {
        let progress = Progress { text: text.into(), finish, ..Progress::default() };
        let id = self.last.unwrap();
        self.trace.push(format!("{} writes", id.0));
        self.handle(Event::Progress { id, progress });
        self
    }

    /// The request's timer for a pause elapses.
    fn pause(mut self) -> Self {
        let (id, timer) = (RequestId(self.n_asked), Timer::Rest);
        self.handle(Event::Timer { id, timer });
        self
    }

    fn ask(mut self, uri: &str, cursor: usize) -> Self {
        self.n_asked += 1;
        let id = RequestId(self.n_asked);
        let snapshot = self.state.snapshot(uri, PositionEncoding::Utf8).unwrap();
        let params = RequestParams { cursor, ..RequestParams::default() };
        self.trace.push("ask".into());
        self.handle(Event::Request(Request::new(id, snapshot, params)));
        self.handle(Event::Start { id, streams: true });
        self
    }

    fn type_text(mut self, uri: &str, col: u32, text: &str) -> Self {
        let at = Position::new(0, col);
        let changes = vec![Change { range: Some(at..at), text: text.to_owned() }];
        self.trace.push(format!("type {text}"));
        let (uri, encoding) = (uri.to_owned(), PositionEncoding::Utf8);
        self.handle(Event::Change { uri, version: 2, changes, encoding });
        self
    }

    #[track_caller]
    fn check(self, expected: &[&str]) {
        assert_eq!(self.trace, expected);
    }
}

fn rests() -> Rests {
    Rests::new(|_| ())
}

#[test]
fn resting_cursor_is_prefilled_in_two_steps() {
    let it = rests().focus("a.rs", Some((1, 3))).prefilled().wait(5_000);
    it.check(&[
        "first a.rs:10",
        "1 done",
        "1100 ms",
        "wider a.rs:10 in 800 ms",
        "cancel 1",
        "2000 ms",
        "cancel 2",
    ]);
}

#[test]
fn wider_window_is_used_once_prefilled() {
    let it = rests().focus("a.rs", Some((0, 3))).prefilled().wait(1_500).prefilled();
    let it = it.ask("a.rs", 3);
    it.check(&[
        "first a.rs:3",
        "1 done",
        "1100 ms",
        "wider a.rs:3 in 800 ms",
        "cancel 1",
        "2 done",
        "ask",
        "use wider",
        "generate a.rs:3",
        "cancel 2",
    ]);
}

#[test]
fn focus_supersedes_the_previous_one() {
    let it = rests().focus("a.rs", Some((0, 3))).wait(300).focus("b.rs", Some((0, 1))).wait(800);
    let it = it.prefilled().wait(400);
    it.check(&[
        "first a.rs:3",
        "first b.rs:1",
        "cancel 1",
        "2 done",
        "300 ms",
        "wider b.rs:1 in 800 ms",
        "cancel 2",
    ]);
}

#[test]
fn late_first_step_is_followed_by_the_second() {
    let it = rests().focus("a.rs", Some((0, 3))).wait(1_500).prefilled();
    it.check(&["first a.rs:3", "1100 ms", "1 done", "wider a.rs:3 in 800 ms", "cancel 1"]);
}

#[test]
fn prefill_ends_after_two_seconds() {
    let it = rests().focus("a.rs", Some((0, 3))).wait(5_000);
    it.check(&["first a.rs:3", "1100 ms", "2000 ms", "cancel 1"]);
}

#[test]
fn request_ends_the_focus() {
    let it =
        rests().focus("a.rs", Some((0, 3))).type_text("a.rs", 3, "x").ask("a.rs", 4).wait(5_000);
    it.check(&["first a.rs:3", "type x", "ask", "cancel 1", "generate a.rs:4", "1100 ms"]);
}

#[test]
fn edit_ends_the_widening() {
    let it = rests().focus("a.rs", Some((0, 3))).type_text("a.rs", 3, "x").prefilled().wait(5_000);
    it.check(&["first a.rs:3", "type x", "1 done", "1100 ms", "2000 ms", "cancel 1"]);
}

#[test]
fn requested_place_is_not_prefilled_again() {
    rests().ask("a.rs", 3).focus("a.rs", Some((0, 3))).check(&["ask", "generate a.rs:3"]);
}

#[test]
fn focus_keeps_a_running_request() {
    let it = rests().ask("a.rs", 3).focus("b.rs", Some((0, 1)));
    it.check(&["ask", "generate a.rs:3", "first b.rs:1"]);
}

#[test]
fn nothing_is_generated_at_a_place_that_was_left() {
    let written = |finish| rests().ask("a.rs", 5).generated(" = 1", finish);
    let end = Some(FinishReason::Stopped(StopRule::LineEnd));
    let is_prefetch = |it: &String| it.starts_with("generate a.rs:9");

    let it = written(end.clone()).focus("b.rs", Some((0, 1))).pause();
    assert!(!it.trace.iter().any(is_prefetch), "{:?}", it.trace);
    let it = written(end).pause();
    assert!(it.trace.iter().any(is_prefetch), "{:?}", it.trace);
    let cancelled = format!("cancel {}", it.last.unwrap().0);
    let it = it.focus("b.rs", Some((0, 1)));
    assert!(it.trace.contains(&cancelled), "{:?}", it.trace);
    let it = written(None).focus("b.rs", Some((0, 1)));
    assert!(it.trace.contains(&"cancel 1".to_owned()), "{:?}", it.trace);
}

#[test]
fn focus_without_position_returns_to_the_last_one() {
    let it = rests().focus("a.rs", Some((1, 3))).focus("b.rs", None).focus("a.rs", None);
    it.check(&["first a.rs:10", "first b.rs:0", "cancel 1", "first a.rs:10", "cancel 2"]);
}

#[test]
fn position_outside_of_the_text_is_clamped() {
    rests().focus("b.rs", Some((99, 99))).check(&["first b.rs:7"]);
}

#[test]
fn battery_allows_the_narrow_window() {
    let it = rests().focus_on_battery("a.rs").prefilled().wait(5_000);
    it.check(&["first a.rs:3", "1 done", "2000 ms", "cancel 1"]);
    let whole = Rests::new(|it| it.prefetch.on_battery = OnBattery::Whole);
    let it = whole.focus_on_battery("a.rs").prefilled().wait(1_100);
    it.check(&["first a.rs:3", "1 done", "1100 ms", "wider a.rs:3 in 800 ms", "cancel 1"]);
    Rests::new(|it| it.prefetch.on_battery = OnBattery::Off).focus_on_battery("a.rs").check(&[]);
}

#[test]
fn excluded_and_disabled_files_are_not_prefilled() {
    rests().focus(".env", Some((0, 0))).focus("closed.rs", Some((0, 0))).check(&[]);
    Rests::new(|it| it.suggest.enabled = false).focus("a.rs", None).check(&[]);
    Rests::new(|it| it.suggest.trigger = foretell_config::Trigger::Manual)
        .focus("a.rs", None)
        .check(&[]);
    let off = |it: &mut Config| it.suggest.languages.extend([("rust".to_owned(), false)]);
    Rests::new(off).focus("a.rs", None).check(&[]);
}

#[test]
fn prefills_respect_runs_per_minute() {
    let it = Rests::new(|it| it.suggest.runs_per_minute = 2).focus("a.rs", Some((0, 1)));
    let it = it.focus("b.rs", Some((0, 1))).focus("a.rs", Some((0, 2))).ask("a.rs", 3);
    it.check(&["first a.rs:1", "first b.rs:1", "cancel 1", "cancel 2", "ask", "generate a.rs:3"]);
}

#[test]
fn focus_waits_for_the_model() {
    let mut it = rests().focus("a.rs", Some((0, 3)));
    it.handle(Event::NotStarted { id: it.last.unwrap(), reason: EmptyReason::ModelLoading });
    it.handle(Event::ModelReady);
    it.handle(Event::ModelReady);
    it.check(&["first a.rs:3", "first a.rs:3"]);
}

impl World {
    pub(super) fn focus(&mut self, here: usize, on_battery: bool) {
        // The cursor is elsewhere, so the editor hides the suggestion.
        self.left.clear();
        if let Some(it) = self.last.and_then(|it| self.asked.get_mut(&it)) {
            it.shown.clear();
        }
        let (uri, position) = (URIS[here].to_owned(), Some(Position::new(0, 3)));
        self.handle(Event::Focus { uri, position, encoding: PositionEncoding::Utf8, on_battery });
    }

    pub(super) fn elapse_focus(&mut self) {
        if let Some(at) = self.focus_timer.take() {
            self.now = self.now.max(at);
            self.handle(Event::FocusTimer);
        }
    }
}
