//! Random edits, searches that end at any time, and requests: each request has one response, and
//! every offer is for the current text.

use std::collections::BTreeMap;

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
    /// The n-th running search ends.
    Found(usize),
    Reject,
    Reopen(usize),
    Configure(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (0..2usize, 0..4usize, any::<bool>()).prop_map(|(it, at, undo)| Act::Edit(it, at, undo)),
        4 => (0..2usize, any::<bool>()).prop_map(|(it, stale)| Act::Ask(it, stale)),
        4 => (0..3usize).prop_map(Act::Found),
        1 => Just(Act::Reject),
        1 => (0..2usize).prop_map(Act::Reopen),
        1 => any::<bool>().prop_map(Act::Configure),
    ]
}

struct World {
    state: State,
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
        for effect in self.state.handle(event, Instant::now()) {
            match effect {
                Effect::FindEdits { id, snapshot, placed } => {
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
            Act::Found(n) if !self.searches.is_empty() => {
                let n = n % self.searches.len();
                let (id, snapshot, _) = self.searches.remove(n);
                let candidate = |at: usize| Candidate {
                    range: at..at + 1,
                    old: snapshot.slice(at..at + 1),
                    new: "zz".into(),
                    kind: Kind::Rename,
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
            Act::Found(_) => {}
            Act::Reopen(here) => self.open(here),
            Act::Configure(enabled) => {
                let mut config = Config::default();
                config.next_edit.enabled = enabled;
                let settings = Arc::new(Settings { config, ..Settings::default() });
                self.handle(Event::Configured { settings, has_other_model: false });
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
