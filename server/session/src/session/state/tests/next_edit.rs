//! Random edits, searches and judgements that end at any time, and requests: each request has one
//! response, and every offer is for the current text.

use std::collections::BTreeMap;

use foretell_config::next_edit::EditEagerness;
use foretell_edits::{Candidate, Kind, Placed};
use proptest::prelude::*;

use super::*;
use crate::session::edit_offer::{EditOffer, EditRequest, EditRequestId, OfferId, SearchId};

const URIS: [&str; 2] = ["file:///a.rs", "file:///b.rs"];

#[derive(Debug, Clone)]
enum Act {
    /// Replaces a character of a document, and undoes it at once if `true`.
    Edit(usize, usize, bool),
    Ask(usize, bool),
    /// The n-th running search ends, with candidates that are judged if `true`.
    Found(usize, bool),
    /// The last judgement ends: in favour of the edit, against it, or interrupted.
    Judged(usize),
    /// Time passes.
    Wait(u64),
    Reject,
    Reopen(usize),
    Configure(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..2usize, 0..4usize, any::<bool>()).prop_map(|(it, at, undo)| Act::Edit(it, at, undo)),
        4 => (0..2usize, any::<bool>()).prop_map(|(it, stale)| Act::Ask(it, stale)),
        4 => (0..3usize, any::<bool>()).prop_map(|(n, judged)| Act::Found(n, judged)),
        4 => (0..3usize).prop_map(Act::Judged),
        4 => prop_oneof![Just(100), Just(300), Just(4_000)].prop_map(Act::Wait),
        1 => Just(Act::Reject),
        1 => (0..2usize).prop_map(Act::Reopen),
        1 => any::<bool>().prop_map(Act::Configure),
    ]
}

struct World {
    state: State,
    now: Instant,
    timer: Option<Instant>,
    /// The generation that judges.
    judge: Option<GenerationId>,
    last_edit: Option<Instant>,
    versions: [i32; 2],
    /// The running searches.
    searches: Vec<(SearchId, Snapshot, Vec<Placed>)>,
    /// The requests: document, whether it was for an old version, number of responses.
    asked: BTreeMap<u64, (usize, bool, usize)>,
    last: Option<EditOffer>,
    rejected: Vec<OfferId>,
}

impl World {
    fn handle(&mut self, event: Event) {
        for effect in self.state.handle(event, self.now) {
            match effect {
                Effect::FindEdits { id, snapshot, placed, .. } => {
                    assert!(!placed.is_empty());
                    self.searches.push((id, snapshot, placed));
                }
                Effect::AnswerEdit { id, offer } => {
                    let (here, is_stale, n) = self.asked.get_mut(&id.0).unwrap();
                    *n += 1;
                    if let Some(offer) = &offer {
                        assert!(!*is_stale && *offer.snapshot.uri == *URIS[*here]);
                    }
                    self.check(offer);
                }
                Effect::SetJudgeTimer { at } => self.timer = Some(at),
                Effect::Judge { id, .. } => {
                    assert!(self.judge.is_none(), "two judgements at once");
                    let rested = self.last_edit.map(|it| self.now - it);
                    assert!(
                        rested.is_none_or(|it| it >= super::super::judge::PAUSE),
                        "the user types"
                    );
                    self.judge = Some(id);
                }
                Effect::Cancel { id, .. } => drop(self.judge.take_if(|it| *it == id)),
                Effect::SupersedeEdit { id } => self.asked.get_mut(&id.0).unwrap().2 += 1,
                Effect::PushEdit(offer) => self.check(Some(offer)),
                _ => {}
            }
        }
    }

    fn check(&mut self, offer: Option<EditOffer>) {
        let Some(offer) = offer else { return };
        let here = URIS.iter().position(|it| **it == *offer.snapshot.uri).unwrap();
        assert_eq!(offer.snapshot.version, self.versions[here], "an outdated version");
        assert_eq!(offer.snapshot.slice(offer.range.clone()), offer.old);
        assert!(!self.rejected.contains(&offer.id));
        self.last = Some(offer);
    }

    fn change(&mut self, here: usize, at: u32, text: &str) {
        self.versions[here] += 1;
        self.last_edit = Some(self.now);
        let range = Some(Position::new(0, at)..Position::new(0, at + 1));
        let changes = vec![Change { range, text: text.into() }];
        let (uri, version) = (URIS[here].to_owned(), self.versions[here]);
        self.handle(Event::Change { uri, version, changes, encoding: PositionEncoding::Utf8 });
    }

    fn open(&mut self, here: usize) {
        self.versions[here] += 1;
        let (uri, version) = (URIS[here].to_owned(), self.versions[here]);
        let (language, text) = ("rust".to_owned(), "abcdefgh".to_owned());
        self.handle(Event::Open { uri, language, version, text, real_path: None });
    }

    fn play(&mut self, act: Act) {
        match act {
            Act::Edit(here, at, undoes) => {
                let at = 2 * at;
                let snapshot = self.state.snapshot(URIS[here], PositionEncoding::Utf8).unwrap();
                let before = snapshot.slice(at..at + 1);
                let text = if before == "x" { "y" } else { "x" };
                self.change(here, at as u32, text);
                if undoes {
                    self.change(here, at as u32, &before);
                }
            }
            Act::Ask(here, is_stale) => {
                let id = self.asked.len() as u64;
                self.asked.insert(id, (here, is_stale, 0));
                let version = Some(self.versions[here] - i32::from(is_stale));
                let (uri, encoding) = (URIS[here].into(), PositionEncoding::Utf8);
                let id = EditRequestId(id);
                self.handle(Event::EditRequest(EditRequest { id, uri, version, encoding }));
            }
            Act::Found(n, is_judged) if !self.searches.is_empty() => {
                let n = n % self.searches.len();
                let (id, snapshot, _) = self.searches.remove(n);
                let candidate = |at: usize| Candidate {
                    range: at..at + 1,
                    old: snapshot.slice(at..at + 1),
                    new: "zz".into(),
                    kind: if is_judged { Kind::Repeat } else { Kind::Rename },
                };
                let found = vec![candidate(1), candidate(7)];
                self.handle(Event::EditsFound { id, found });
            }
            Act::Reject => {
                if let Some(offer) = self.last.take() {
                    self.handle(Event::EditRejected(offer.id));
                    self.rejected.push(offer.id);
                }
            }
            Act::Found(..) => {}
            Act::Judged(how) => {
                let Some(id) = self.judge else { return };
                let (finish, log_probabilities) = match how {
                    0 => (FinishReason::Scored, vec![-90.0, -1.0]),
                    1 => (FinishReason::Scored, vec![-1.0, -90.0]),
                    _ => (FinishReason::Cancelled, vec![]),
                };
                // Its successor may start at once.
                self.judge = None;
                let finish = Some(finish);
                let progress = Progress { finish, log_probabilities, ..Progress::default() };
                self.handle(Event::Progress { id, progress });
            }
            Act::Wait(ms) => {
                let end = self.now + Duration::from_millis(ms);
                while let Some(at) = self.timer.take_if(|it| *it <= end) {
                    self.now = at;
                    self.handle(Event::JudgeTimer { on_battery: false });
                }
                self.now = end;
            }
            Act::Reopen(here) => self.open(here),
            Act::Configure(enabled) => {
                let mut config = Config::default();
                config.next_edit.enabled = enabled;
                config.next_edit.eagerness = EditEagerness::Eager;
                let settings = Arc::new(Settings { config, ..Settings::default() });
                self.handle(Event::Configured { settings, has_other_model: true });
            }
        }
    }
}

proptest! {
    #![proptest_config(Cases { cases: 2_000, ..Cases::default() })]

    #[test]
    fn edit_requests_have_one_response_and_offers_are_current(
        acts in prop::collection::vec(act(), 1..40),
        pushes in any::<bool>(),
    ) {
        let mut world = World {
            state: State::default(),
            now: Instant::now(),
            timer: None,
            judge: None,
            last_edit: None,
            versions: [0, 0],
            searches: Vec::new(),
            asked: BTreeMap::new(),
            last: None,
            rejected: Vec::new(),
        };
        world.play(Act::Configure(true));
        world.open(0);
        world.open(1);
        if pushes {
            world.handle(Event::PushEdits);
        }
        for act in acts {
            world.play(act);
        }
        world.handle(Event::End);
        let n_open = world.asked.values().filter(|(.., n)| *n != 1).count();
        prop_assert_eq!(n_open, 0, "requests without exactly one response");
    }
}
