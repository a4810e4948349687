//! Tests when the model judges an edit, and what follows.

use foretell_config::{engine::Kind as EngineKind, next_edit::EditEagerness, prefetch::OnBattery};
use foretell_edits::{Candidate, Kind};

use super::*;
use crate::{
    document::Position,
    session::{
        edit_offer::{EditOffer, EditRequest, EditRequestId, SearchId},
        state::judge::MARGIN_NATS,
    },
};

const URI: &str = "file:///a.rs";

/// A user who edits a document, and a trace of the server's reactions.
struct Edits {
    state: State,
    now: Instant,
    version: i32,
    timer: Option<Instant>,
    search: Option<SearchId>,
    judge: Option<GenerationId>,
    offer: Option<EditOffer>,
    on_battery: bool,
    trace: Vec<String>,
}

impl Edits {
    fn new(configure: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.next_edit.eagerness = EditEagerness::Eager;
        configure(&mut config);
        let (state, now) = (State::default(), Instant::now());
        let mut it = Self {
            state,
            now,
            version: 0,
            timer: None,
            search: None,
            judge: None,
            offer: None,
            on_battery: false,
            trace: vec![],
        };
        let settings = Arc::new(Settings { config, ..Settings::default() });
        it.handle(Event::Configured { settings, has_other_model: true });
        let (uri, language, text) =
            (URI.to_owned(), "rust".to_owned(), "a b\nc d\ne f\n".to_owned());
        it.handle(Event::Open { uri, language, version: 0, text, real_path: None });
        it.handle(Event::PushEdits);
        it
    }

    fn handle(&mut self, event: Event) {
        for effect in self.state.handle(event, self.now) {
            self.trace.push(match effect {
                Effect::FindEdits { id, .. } => {
                    self.search = Some(id);
                    continue;
                }
                Effect::SetJudgeTimer { at } => {
                    self.timer = Some(at);
                    continue;
                }
                Effect::Judge { id, snapshot, edit } => {
                    self.judge = Some(id);
                    format!("judge {} → {}", snapshot.slice(edit.range), edit.new)
                }
                Effect::Cancel { id, .. } if Some(id) == self.judge => "cancel".to_owned(),
                Effect::PushEdit(offer) => {
                    let shown = format!("offer {} → {}", offer.old, offer.new);
                    self.offer = Some(offer);
                    shown
                }
                Effect::AnswerEdit { offer, .. } => {
                    format!("answer {}", offer.map_or("nothing".to_owned(), |it| it.new))
                }
                _ => continue,
            });
        }
    }

    /// Types a key at the start of the document, and finds the given candidates: the char that is
    /// replaced, and its kind.
    fn edit(mut self, candidates: &[(char, Kind)]) -> Self {
        self.version += 1;
        let at = Position::new(0, 0);
        let (uri, version) = (URI.to_owned(), self.version);
        let changes = vec![Change { range: Some(at..at), text: "x".into() }];
        self.handle(Event::Change { uri, version, changes, encoding: PositionEncoding::Utf8 });
        let text = self.state.snapshot(URI, PositionEncoding::Utf8).unwrap().rope.to_string();
        let candidate = |(old, kind): &(char, Kind)| {
            let at = text.find(*old).unwrap();
            let (old, new) = (old.to_string(), old.to_ascii_uppercase().to_string());
            Candidate { range: at..at + 1, old, new, kind: *kind }
        };
        let found = candidates.iter().map(candidate).collect();
        let id = self.search.unwrap();
        self.handle(Event::EditsFound { id, found });
        self
    }

    fn repeats(self, of: &str) -> Self {
        let candidates: Vec<_> = of.chars().map(|it| (it, Kind::Repeat)).collect();
        self.edit(&candidates)
    }

    /// Lets time pass; the timer elapses when due.
    fn wait(mut self, ms: u64) -> Self {
        let end = self.now + Duration::from_millis(ms);
        while let Some(at) = self.timer.take_if(|it| *it <= end) {
            self.now = at;
            self.trace.push(format!("{} ms", ms - (end - at).as_millis() as u64));
            self.handle(Event::JudgeTimer { on_battery: self.on_battery });
        }
        self.now = end;
        self
    }

    fn ends(mut self, finish: FinishReason, log_probabilities: &[f64]) -> Self {
        let log_probabilities = log_probabilities.to_vec();
        let progress = Progress { finish: Some(finish), log_probabilities, ..Progress::default() };
        let id = self.judge.take().unwrap();
        self.handle(Event::Progress { id, progress });
        self
    }

    /// The model prefers the text with the edit by the margin and this.
    fn prefers(self, nats: f64) -> Self {
        self.ends(FinishReason::Scored, &[-9.0, MARGIN_NATS - 9.0 + nats])
    }

    /// The change of `edit()` before was the accepted offer.
    fn accepts_offer(mut self) -> Self {
        let id = self.offer.as_ref().unwrap().id;
        self.handle(Event::EditAccepted(id));
        self
    }

    fn rejects_offer(mut self) -> Self {
        let id = self.offer.take().unwrap().id;
        self.handle(Event::EditRejected(id));
        self
    }

    fn asks(mut self) -> Self {
        let (id, uri, encoding) = (EditRequestId(1), URI.into(), PositionEncoding::Utf8);
        self.handle(Event::EditRequest(EditRequest { id, uri, version: None, encoding }));
        self
    }

    #[track_caller]
    fn check(self, expected: &[&str]) {
        assert_eq!(self.trace, expected);
    }
}

fn edits() -> Edits {
    Edits::new(|_| ())
}

#[test]
fn judge_starts_after_a_pause_and_decides() {
    let judged = ["300 ms", "judge c → C"];
    let preferred = edits().repeats("c").wait(400).prefers(0.1);
    preferred.check(&[&judged[..], &["offer c → C"]].concat());
    edits().repeats("c").wait(400).prefers(-0.1).check(&judged);
    edits().repeats("c").wait(400).ends(FinishReason::Scored, &[]).check(&judged);
    edits().repeats("c").wait(299).check(&[]);
}

/// The typed `x` occurs nowhere else, so more of the word may follow.
#[test]
fn guess_in_a_new_word_waits_longer() {
    let guess = [('c', Kind::Similar)];
    edits().edit(&guess).wait(699).check(&["300 ms"]);
    edits().edit(&guess).wait(700).check(&["300 ms", "700 ms", "judge c → C"]);
    // Elsewhere, the word is there already.
    let mut known = edits();
    let (uri, language) = (URI.to_owned(), "rust".to_owned());
    let text = " b\nx c\n".to_owned();
    known.handle(Event::Open { uri, language, version: 0, text, real_path: None });
    known.edit(&guess).wait(300).check(&["300 ms", "judge c → C"]);
}

#[test]
fn certain_candidate_needs_no_judge() {
    let found = [('c', Kind::Repeat), ('d', Kind::Rename)];
    edits().edit(&found).wait(9_999).check(&["offer d → D"]);
}

#[test]
fn key_cancels_the_judge_and_its_pause() {
    edits().repeats("c").wait(400).repeats("c").wait(299).check(&[
        "300 ms",
        "judge c → C",
        "cancel",
    ]);
    let typing = edits().repeats("c").wait(200).repeats("c").wait(200).repeats("c").wait(299);
    typing.check(&[]);
}

#[test]
fn interrupted_judge_starts_again_for_a_while() {
    let again = edits().repeats("c").wait(400).ends(FinishReason::Cancelled, &[]).prefers(1.0);
    again.check(&["300 ms", "judge c → C", "judge c → C", "offer c → C"]);
    // The model takes too long: the setting decides alone.
    edits().repeats("c").wait(5_000).check(&[
        "300 ms",
        "judge c → C",
        "3300 ms",
        "offer c → C",
        "cancel",
    ]);
}

#[test]
fn next_candidate_is_judged_after_a_rejected_one() {
    let second = edits().repeats("cd").wait(400).prefers(-1.0).prefers(1.0);
    second.check(&["300 ms", "judge c → C", "judge d → D", "offer d → D"]);
}

#[test]
fn rejected_candidate_is_not_offered_again() {
    let by_model = edits().repeats("c").wait(400).prefers(-1.0).repeats("c").wait(400);
    by_model.check(&["300 ms", "judge c → C"]);
    let by_user =
        edits().repeats("c").wait(400).prefers(1.0).rejects_offer().repeats("c").wait(400);
    by_user.check(&["300 ms", "judge c → C", "offer c → C"]);
}

#[test]
fn judge_needs_no_pause_after_an_accepted_edit() {
    let offered = || edits().repeats("c").wait(400).prefers(1.0);
    let shown = ["300 ms", "judge c → C", "offer c → C"];
    let next = offered().repeats("d").accepts_offer().wait(0);
    next.check(&[&shown[..], &["0 ms", "judge d → D"]].concat());
    let typed_since = offered().repeats("d").repeats("d").accepts_offer().wait(299);
    typed_since.check(&shown);
}

#[test]
fn request_waits_for_the_judge() {
    let asked = edits().repeats("c").asks().wait(400).prefers(1.0);
    asked.check(&["300 ms", "judge c → C", "answer C", "offer c → C"]);
    let rejected = edits().repeats("c").asks().wait(400).prefers(-1.0);
    rejected.check(&["300 ms", "judge c → C", "answer nothing"]);
}

#[test]
fn default_offers_only_what_the_model_prefers() {
    let with = |eagerness| Edits::new(move |config| config.next_edit.eagerness = eagerness);
    let found = [('c', Kind::Similar)];
    let judged = with(EditEagerness::Balanced).edit(&found).wait(800).prefers(0.1);
    judged.check(&["300 ms", "700 ms", "judge c → C", "offer c → C"]);
    let unjudged = with(EditEagerness::Balanced).repeats("c").wait(5_000);
    unjudged.check(&["300 ms", "judge c → C", "3300 ms", "cancel"]);
    with(EditEagerness::Calm).repeats("c").wait(400).check(&[]);
}

/// Then the setting decides alone.
#[test]
fn nothing_is_judged_without_a_local_model_or_on_battery() {
    let remote = |config: &mut Config| config.engine.kind = EngineKind::Remote;
    Edits::new(remote).repeats("c").wait(400).check(&["offer c → C"]);
    let mut on_battery = edits();
    on_battery.on_battery = true;
    on_battery.repeats("c").wait(400).check(&["300 ms", "offer c → C"]);
    // A guess is never offered without the model.
    let found = [('c', Kind::Similar), ('d', Kind::Repeat)];
    Edits::new(remote).edit(&found).check(&["offer d → D"]);
    Edits::new(remote).edit(&found[..1]).check(&[]);
    let mut whole = Edits::new(|config| config.prefetch.on_battery = OnBattery::Whole);
    whole.on_battery = true;
    whole.repeats("c").wait(400).check(&["300 ms", "judge c → C"]);
    let mut loading = edits().repeats("c").wait(400);
    let id = loading.judge.unwrap();
    loading.handle(Event::NotStarted { id, reason: EmptyReason::ModelLoading });
    loading.check(&["300 ms", "judge c → C", "offer c → C"]);
}

#[test]
fn excluded_documents_and_disabled_edits_are_not_judged() {
    let mut off = edits().repeats("c");
    let mut config = Config::default();
    config.next_edit.enabled = false;
    let settings = Arc::new(Settings { config, ..Settings::default() });
    off.handle(Event::Configured { settings, has_other_model: false });
    off.wait(400).check(&["300 ms"]);
}

#[test]
fn import_is_offered_after_the_pause_unless_the_model_prefers_another_edit() {
    let alone = || edits().edit(&[('c', Kind::Import)]);
    alone().wait(400).check(&["300 ms", "offer c → C"]);
    alone().wait(299).check(&[]);
    let both = || edits().edit(&[('c', Kind::Import), ('d', Kind::Similar)]).wait(800);
    let judged = ["300 ms", "700 ms", "judge d → D"];
    both().prefers(0.1).check(&[&judged[..], &["offer d → D"]].concat());
    both().prefers(-0.1).check(&[&judged[..], &["offer c → C"]].concat());
    let renamed = edits().edit(&[('c', Kind::Import), ('d', Kind::Rename)]);
    renamed.check(&["offer d → D"]);
}

#[test]
fn import_needs_no_model() {
    let remote = |config: &mut Config| config.engine.kind = EngineKind::Remote;
    let found = [('c', Kind::Import), ('d', Kind::Similar)];
    Edits::new(remote).edit(&found).wait(400).check(&["300 ms", "offer c → C"]);
    let mut on_battery = edits();
    on_battery.on_battery = true;
    on_battery.edit(&found).wait(800).check(&["300 ms", "700 ms", "offer c → C"]);
    let calm = |config: &mut Config| config.next_edit.eagerness = EditEagerness::Calm;
    Edits::new(calm).edit(&found).wait(400).check(&[]);
}
