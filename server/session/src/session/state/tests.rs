//! Checks a session's invariants with random events: 10,000 sequences, or more with
//! `PROPTEST_CASES`.

mod answers;
mod asked_again;
mod continuation;
mod focus;
mod judge;
mod next_edit;

use std::collections::{BTreeMap, BTreeSet};

use foretell_policy::StopRule;
use proptest::{prelude::*, test_runner::Config as Cases};

use super::*;
use crate::{
    document::{Change, Position},
    session::{
        UPDATE_INTERVAL,
        request::{RequestParams, Selected},
    },
};
use foretell_config::{Config, eagerness::Eagerness};
use foretell_engine::Confidence;

const URIS: [&str; 2] = ["file:///a.rs", "file:///b.rs"];
/// The texts of the generations; the user types pieces of them and other things.
const SAYS: [&str; 3] = [" = f(x);\nlet y", "g(y)", "return x;"];
const PIECES: [&str; 6] = [" ", "= f(", "g", "q", "\n", ");"];

#[derive(Debug, Clone)]
enum Act {
    /// Types a piece at the cursor.
    Type(usize),
    /// Types the first bytes of the suggestion.
    Accept(usize),
    /// Deletes a character before the cursor.
    Backspace,
    /// Inserts a line at the top.
    EditAbove,
    Switch(usize),
    Ask {
        streams: bool,
        kind: Kind,
    },
    /// Starts the handler of the last request.
    Start,
    /// The n-th running generation generates some bytes.
    Write(usize, usize),
    /// The n-th running generation ends, for one of several reasons.
    Finish(usize, usize),
    NotStarted(usize),
    /// The n-th timer elapses.
    Elapse(usize),
    /// The n-th ended generation reports progress.
    Late(usize),
    Configure(bool),
    Close,
    /// The user focuses the n-th document.
    Focus(usize),
    FocusTimer,
    End,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Kind {
    #[default]
    Automatic,
    Invoked,
    Menu,
    Selected,
}

fn act() -> impl Strategy<Value = Act> {
    let kind = prop_oneof![
        8 => Just(Kind::Automatic),
        1 => Just(Kind::Invoked),
        2 => Just(Kind::Menu),
        1 => Just(Kind::Selected)
    ];
    prop_oneof![
        4 => (0..PIECES.len()).prop_map(Act::Type),
        4 => (1..6usize).prop_map(Act::Accept),
        1 => Just(Act::Backspace),
        1 => Just(Act::EditAbove),
        1 => (0..2usize).prop_map(Act::Switch),
        8 => (any::<bool>(), kind).prop_map(|(streams, kind)| Act::Ask { streams, kind }),
        8 => Just(Act::Start),
        10 => (0..4usize, 1..8usize).prop_map(|(n, k)| Act::Write(n, k)),
        5 => (0..4usize, 0..5usize).prop_map(|(n, k)| Act::Finish(n, k)),
        1 => (0..4usize).prop_map(Act::NotStarted),
        8 => (0..6usize).prop_map(Act::Elapse),
        1 => (0..20usize).prop_map(Act::Late),
        1 => any::<bool>().prop_map(Act::Configure),
        1 => Just(Act::Close),
        2 => (0..2usize).prop_map(Act::Focus),
        2 => Just(Act::FocusTimer),
    ]
}

/// The client's view of a request.
#[derive(Debug, Default)]
struct Asked {
    streams: bool,
    is_started: bool,
    is_menu: bool,
    kind: Kind,
    /// The document and the version of the request.
    made_for: (usize, i32),
    answer: Option<Answer>,
    /// The text on screen, and since when.
    shown: String,
    since: Option<Instant>,
    is_superseded: bool,
    is_done: bool,
    /// The text on screen after the cursor before the request, which must stay.
    must_show: String,
}

/// The confidence in the first bytes of a generation's text. Some parts of one or two bytes are
/// unlikely, and some generations report no confidence.
fn confidence(id: GenerationId, n_bytes: usize) -> Option<Confidence> {
    let mut confidence = Confidence::default();
    for end in (1..=n_bytes).filter(|end| end % 3 != 1) {
        let is_doubtful = (id.0 as usize * 5 + end * 7).is_multiple_of(4);
        confidence.push(end, if is_doubtful { 0.6f32 } else { 0.97 }.ln());
    }
    confidence.push(n_bytes, -0.1);
    (id.0 % 4 != 1).then_some(confidence)
}

/// The client, the engine and the clock around a state.
struct World {
    state: State,
    now: Instant,
    texts: [String; 2],
    versions: [i32; 2],
    is_open: [bool; 2],
    here: usize,
    cursor: usize,
    asked: BTreeMap<RequestId, Asked>,
    last: Option<RequestId>,
    /// The running generations: whether each generates text (or only prefills), and its progress.
    running: BTreeMap<GenerationId, (bool, Progress)>,
    ended: BTreeSet<GenerationId>,
    /// The rest of the suggestion after the user typed part of it.
    left: String,
    /// `suggest.eagerness` as a number.
    threshold: f64,
    /// The running timers, including those of superseded requests, which may elapse too late.
    timers: Vec<(Timer, RequestId, Instant)>,
    focus_timer: Option<Instant>,
}

impl World {
    fn new() -> Self {
        Self::with_threshold(0.1)
    }

    fn with_threshold(threshold: f64) -> Self {
        let mut world = Self {
            state: State::default(),
            now: Instant::now(),
            texts: ["let x".into(), "fn f() {".into()],
            versions: [1, 1],
            is_open: [false; 2],
            here: 0,
            cursor: 5,
            asked: BTreeMap::new(),
            last: None,
            running: BTreeMap::new(),
            ended: BTreeSet::new(),
            left: String::new(),
            threshold,
            timers: Vec::new(),
            focus_timer: None,
        };
        world.configure(true, true);
        for here in [1, 0] {
            world.here = here;
            world.open();
        }
        world
    }

    fn configure(&mut self, computes_ahead: bool, has_other_model: bool) {
        let mut config = Config::default();
        config.suggest.compute_ahead = computes_ahead;
        config.suggest.eagerness = Eagerness::Threshold(self.threshold);
        let settings = Arc::new(Settings { config, ..Settings::default() });
        self.handle(Event::Configured { settings, has_other_model });
    }

    fn open(&mut self) {
        let here = self.here;
        self.is_open[here] = true;
        self.cursor = self.texts[here].len();
        let (version, text) = (self.versions[here], self.texts[here].clone());
        let (uri, language) = (URIS[here].to_owned(), "rust".to_owned());
        self.handle(Event::Open { uri, language, version, text, real_path: None });
    }

    fn edit(&mut self, start: usize, end: usize, text: &str) {
        let here = self.here;
        if !self.is_open[here] {
            return;
        }
        let position = |text: &str, at: usize| {
            let before = &text[..at];
            let line_start = before.rfind('\n').map_or(0, |i| i + 1);
            Position::new(
                u32::try_from(before.matches('\n').count()).unwrap(),
                u32::try_from(at - line_start).unwrap(),
            )
        };
        let range = position(&self.texts[here], start)..position(&self.texts[here], end);
        self.texts[here].replace_range(start..end, text);
        self.versions[here] += 1;
        let changes = vec![Change { range: Some(range), text: text.to_owned() }];
        let (uri, version) = (URIS[here].to_owned(), self.versions[here]);
        let encoding = PositionEncoding::Utf8;
        self.handle(Event::Change { uri, version, changes, encoding });
        let snapshot = self.state.snapshot(URIS[here], encoding).unwrap();
        assert_eq!(snapshot.rope, self.texts[here].as_str());
    }

    fn type_text(&mut self, text: &str) {
        if self.is_open[self.here] {
            let at = self.cursor;
            self.cursor += text.len();
            self.edit(at, at, text);
        }
    }

    /// The text on screen.
    fn shown(&self) -> String {
        let asked = self.last.and_then(|it| self.asked.get(&it));
        asked.filter(|it| !it.is_superseded).map(|it| it.shown.clone()).unwrap_or_default()
    }

    fn ask(&mut self, streams: bool, kind: Kind) {
        let here = self.here;
        let Some(snapshot) = self.state.snapshot(URIS[here], PositionEncoding::Utf8) else {
            return;
        };
        let id = RequestId(self.asked.len() as u64 + 1);
        let cursor = self.cursor;
        let selected = (kind == Kind::Selected)
            .then(|| Selected { range: cursor..cursor, text: "item".into() });
        let params = RequestParams {
            cursor,
            invoked: kind == Kind::Invoked,
            lives_on: kind == Kind::Menu,
            selected,
            ..RequestParams::default()
        };
        let made_for = (here, self.versions[here]);
        let is_menu = kind == Kind::Menu;
        let left = std::mem::take(&mut self.left);
        let must_show = if kind == Kind::Automatic { left } else { String::new() };
        let asked = Asked { streams, is_menu, kind, made_for, must_show, ..Asked::default() };
        self.asked.insert(id, asked);
        self.last = Some(id);
        self.handle(Event::Request(Request::new(id, snapshot, params)));
    }

    fn start(&mut self) {
        let Some(id) = self.last else { return };
        let asked = self.asked.get_mut(&id).unwrap();
        if !asked.is_superseded && !std::mem::replace(&mut asked.is_started, true) {
            let streams = asked.streams && !asked.is_menu;
            self.handle(Event::Start { id, streams });
        }
    }

    fn nth(&self, n: usize) -> Option<GenerationId> {
        self.running.keys().nth(n % self.running.len().max(1)).copied()
    }

    fn write(&mut self, n: usize, n_chars: usize) {
        let Some(id) = self.nth(n) else { return };
        let (writes, progress) = self.running.get_mut(&id).unwrap();
        if *writes {
            let says = SAYS[usize::try_from(id.0).unwrap() % SAYS.len()];
            let n_bytes = says.len().min(progress.text.len() + n_chars);
            let n_ahead = says.len().min(n_bytes + usize::from(id.0.is_multiple_of(2)) * 2);
            says[..n_bytes].clone_into(&mut progress.text);
            says[n_bytes..n_ahead].clone_into(&mut progress.held_back);
            progress.confidence = confidence(id, n_ahead);
        }
        let progress = progress.clone();
        self.handle(Event::Progress { id, progress });
    }

    fn finish(&mut self, n: usize, how: usize) {
        let Some(id) = self.nth(n) else { return };
        let (writes, mut progress) = self.running.remove(&id).unwrap();
        self.ended.insert(id);
        progress.finish = Some(match (writes, how) {
            (false, _) => FinishReason::PromptRead,
            (true, 0) => FinishReason::EndOfText,
            (true, 1) => FinishReason::Stopped(StopRule::LineEnd),
            (true, 2) => FinishReason::MaxTokens,
            (true, 4) => FinishReason::Stopped(StopRule::Unsure),
            (true, _) => FinishReason::Failed(foretell_engine::Failure::message("broken")),
        });
        self.handle(Event::Progress { id, progress });
    }

    fn handle(&mut self, event: Event) {
        self.now += Duration::from_millis(7);
        for effect in self.state.handle(event, self.now) {
            self.check(effect);
        }
        let n_texts = self.running.values().filter(|(writes, _)| *writes).count();
        let chooses = self.state.active.as_ref().is_some_and(|it| it.request.params.invoked);
        assert!(n_texts <= 1 + usize::from(chooses), "{n_texts} generations run at once");
        for id in self.running.keys() {
            assert!(self.state.generations.contains_key(id), "{id:?} is abandoned");
        }
    }

    fn check(&mut self, effect: Effect) {
        match effect {
            Effect::Respond { id, answer } => {
                let asked = self.asked.get_mut(&id).unwrap();
                assert!(asked.is_started && !asked.is_superseded, "{id:?} is not waiting");
                assert!(asked.answer.is_none(), "{id:?} is answered twice");
                let (here, version) = asked.made_for;
                let is_current = version == self.versions[here];
                assert!(is_current || asked.is_menu, "{id:?} is for another version");
                let must_show = &asked.must_show;
                let shows = if let Answer::Shows { text, .. } = &answer { text } else { "" };
                assert!(shows.starts_with(must_show), "{answer:?} takes back {must_show:?}");
                if let Answer::Shows { text, others, .. } = &answer {
                    assert!(!text.is_empty() && !others.contains(text));
                    asked.shown.clone_from(text);
                    asked.since = Some(self.now);
                }
                asked.answer = Some(answer);
            }
            Effect::Update { id, text, done, probability } => {
                assert!(done || probability.is_none(), "{text:?} may still grow");
                let asked = self.asked.get_mut(&id).unwrap();
                assert!(asked.streams && !asked.is_superseded && !asked.is_done);
                assert!(asked.answer.is_some(), "an update comes after the answer");
                assert!(text.starts_with(&asked.shown), "{text:?} takes back {:?}", asked.shown);
                let shown_for = asked.since.replace(self.now).map(|it| self.now - it);
                assert!(shown_for >= Some(UPDATE_INTERVAL), "{shown_for:?} after the last text");
                asked.shown = text;
                asked.is_done = done;
            }
            Effect::Supersede { id } => {
                let asked = self.asked.get_mut(&id).unwrap();
                assert!(!std::mem::replace(&mut asked.is_superseded, true), "{id:?} twice");
            }
            Effect::SetTimer { id, timer, at } => {
                assert!(at >= self.now && Some(id) == self.last);
                self.timers.retain(|it| (it.0, it.1) != (timer, id));
                self.timers.push((timer, id, at));
            }
            Effect::Generate { id, .. } => {
                assert!(self.running.insert(id, (true, Progress::default())).is_none());
            }
            Effect::SetFocusTimer { at } => {
                assert!(at >= self.now);
                self.focus_timer = Some(at);
            }
            Effect::Prefill { id, .. }
            | Effect::PrefillFirst { id, .. }
            | Effect::PrefillWider { id, .. } => {
                assert!(self.running.insert(id, (false, Progress::default())).is_none());
            }
            Effect::Cancel { id, .. } => {
                self.running.remove(&id);
                self.ended.insert(id);
            }
            Effect::Publish { snapshot, .. } => {
                let here = URIS.iter().position(|it| **it == *snapshot.uri).unwrap();
                assert_eq!(snapshot.rope, self.texts[here].as_str(), "a half-applied change");
            }
            Effect::Unpublish { .. } | Effect::Edited { .. } | Effect::GatherContext { .. } => {}
            // Checked in `next_edit`.
            Effect::FindEdits { .. } | Effect::AnswerEdit { .. } => {}
            Effect::SupersedeEdit { .. } | Effect::PushEdit(_) | Effect::Widen => {}
            Effect::SetJudgeTimer { .. } | Effect::Judge { .. } => {}
        }
    }

    fn play(&mut self, act: Act) {
        if !matches!(act, Act::Ask { .. } | Act::Write(..) | Act::Finish(..) | Act::Elapse(_)) {
            self.left.clear();
        }
        match act {
            Act::Type(n) => self.type_text(PIECES[n]),
            Act::Accept(n) => {
                let shown = self.shown();
                let is_suggestion =
                    self.last.and_then(|it| self.asked.get(&it)).is_some_and(|it| {
                        let is_here = it.made_for == (self.here, self.versions[self.here]);
                        is_here && matches!(it.kind, Kind::Automatic | Kind::Invoked)
                    });
                let (typed, left) = shown.split_at(shown.len().min(n));
                self.type_text(typed);
                if is_suggestion {
                    left.clone_into(&mut self.left);
                }
            }
            Act::Backspace if self.cursor > 0 && self.is_open[self.here] => {
                self.cursor -= 1;
                self.edit(self.cursor, self.cursor + 1, "");
            }
            Act::Backspace => {}
            Act::EditAbove => {
                self.edit(0, 0, "// above\n");
                self.cursor += if self.is_open[self.here] { "// above\n".len() } else { 0 };
            }
            Act::Switch(here) => {
                self.here = here;
                if !self.is_open[here] {
                    self.open();
                }
                self.cursor = self.texts[here].len();
            }
            Act::Ask { streams, kind } => self.ask(streams, kind),
            Act::Start => self.start(),
            Act::Write(n, n_chars) => self.write(n, n_chars),
            Act::Finish(n, how) => self.finish(n, how),
            Act::NotStarted(n) => {
                let is_new = |id: &GenerationId| self.running[id].1.text.is_empty();
                if let Some(id) = self.nth(n).filter(is_new) {
                    self.running.remove(&id);
                    self.ended.insert(id);
                    self.asked.values_mut().for_each(|it| it.must_show.clear());
                    self.handle(Event::NotStarted { id, reason: EmptyReason::ModelLoading });
                }
            }
            Act::Elapse(n) => self.elapse(n),
            Act::Late(n) => self.late(n),
            Act::Configure(computes_ahead) => self.configure(computes_ahead, false),
            Act::Close => {
                let here = self.here;
                self.is_open[here] = false;
                self.handle(Event::Close { uri: URIS[here].to_owned() });
            }
            Act::Focus(here) => self.focus(here, false),
            Act::FocusTimer => self.elapse_focus(),
            Act::End => self.handle(Event::End),
        }
    }

    fn elapse(&mut self, n: usize) {
        if !self.timers.is_empty() {
            let (timer, id, at) = self.timers.remove(n % self.timers.len());
            self.now = self.now.max(at);
            self.handle(Event::Timer { id, timer });
        }
    }

    /// Reports progress of a generation that was cancelled or has ended.
    fn late(&mut self, n: usize) {
        if let Some(id) = self.ended.iter().nth(n % self.ended.len().max(1)).copied() {
            let progress = Progress { text: "late".into(), ..Progress::default() };
            if !self.state.generations.contains_key(&id) {
                self.handle(Event::Progress { id, progress });
            }
        }
    }

    /// Runs everything to its end: each started request is answered, unless it was superseded.
    fn settle(&mut self) {
        self.start();
        for _ in 0..200 {
            if self.running.is_empty() && self.timers.is_empty() && self.focus_timer.is_none() {
                break;
            }
            self.elapse_focus();
            self.write(0, 100);
            self.finish(0, 0);
            self.elapse(0);
        }
        for (id, it) in &self.asked {
            let is_answered = it.answer.is_some();
            assert!(is_answered || it.is_superseded || !it.is_started, "{id:?} has no answer");
        }
        self.play(Act::End);
        assert!(self.running.is_empty(), "the end cancels every generation");
        assert!(self.state.generations.is_empty());
        self.ask(true, Kind::Automatic);
        let last = self.last.and_then(|it| self.asked.get(&it));
        assert!(last.is_none_or(|it| it.is_superseded), "nothing starts after the end");
    }
}

proptest! {
    #![proptest_config(Cases { cases: Cases::default().cases.max(10_000), ..Cases::default() })]

    #[test]
    fn random_events_keep_the_invariants(
        acts in proptest::collection::vec(act(), 1..60),
        threshold in prop_oneof![Just(0.0), Just(0.1), 0.02..=1.0],
    ) {
        let mut world = World::with_threshold(threshold);
        for act in acts {
            world.play(act);
        }
        world.settle();
    }
}
