//! The next edit: the history of the user's edits, the search for places where the last one
//! continues, and the offers.
//!
//! A search is for one version of one document; a later change makes it outdated. A request for the
//! next edit waits for the running search, and is superseded by any change. The
//! request for a suggestion is not affected.

use std::sync::Arc;

use foretell_edits::{Candidate, History, Kind, Recorded};
use ropey::Rope;

use super::State;
use crate::{
    document::{Edit, PositionEncoding, Snapshot},
    session::{
        edit_offer::{EditOffer, EditRequest, EditRequestId, OfferId, SearchId},
        event::Effect,
    },
};
use foretell_config::next_edit::EditEagerness;

/// The maximum number of rejected offers that are remembered.
const MAX_REJECTED: usize = 64;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct NextEdit {
    history: History,
    /// Whether the last change was an undo: nothing is offered.
    is_undone: bool,
    /// Whether the client shows edits as soon as they are found.
    pub(super) pushes: bool,
    n_searches: u64,
    n_offers: u64,
    /// The last search, if it is for the current text of its document.
    search: Option<Search>,
    waiting: Option<EditRequest>,
    rejected: Vec<Rejected>,
}

#[derive(Debug)]
struct Search {
    id: SearchId,
    snapshot: Snapshot,
    /// The result, once it has ended.
    result: Option<Option<EditOffer>>,
}

/// A rejected offer, recognised by its line.
#[derive(Debug, PartialEq, Eq)]
struct Rejected {
    uri: Arc<str>,
    line: String,
    /// In characters.
    column: usize,
    new: String,
}

impl Rejected {
    fn of(offer: &EditOffer) -> Self {
        let EditOffer { snapshot, range, new, .. } = offer;
        let line_idx = snapshot.rope.char_to_line(range.start);
        let line = snapshot.line_range(line_idx);
        let column = range.start - line.start;
        let (uri, line) = (Arc::clone(&snapshot.uri), snapshot.slice(line));
        Self { uri, line, column, new: new.clone() }
    }
}

impl State {
    /// Records the edits of one notification, and searches for the next one if the client shows it.
    pub(super) fn record_edits(&mut self, before: Option<Snapshot>, edits: &[Edit]) {
        let Some(before) = before else { return };
        let uri = Arc::clone(&before.uri);
        self.next_edit.search = None;
        // The search that it waits for may be replaced, also by one in another document.
        self.supersede_edit(None);
        if !self.offers_edits(&before) {
            return;
        }
        let mut rope = before.rope;
        for edit in edits {
            self.record_edit(&uri, &mut rope, edit);
        }
        if self.next_edit.pushes {
            self.search_edit(&uri);
        }
    }

    fn record_edit(&mut self, uri: &Arc<str>, rope: &mut Rope, Edit { removed, inserted }: &Edit) {
        let start = rope.char_to_byte(removed.start);
        let text = rope.slice(removed.clone()).to_string();
        match self.next_edit.history.record(uri, start, &text, inserted) {
            Recorded::Edit => self.next_edit.is_undone = false,
            Recorded::Undo => self.next_edit.is_undone = true,
            Recorded::Nothing => {}
        }
        rope.remove(removed.clone());
        rope.insert(removed.start, inserted);
    }

    /// Whether edits are offered in a document, and those of the user enter the history.
    fn offers_edits(&mut self, snapshot: &Snapshot) -> bool {
        let config = &self.settings.config;
        let is_on = config.next_edit.enabled
            && config.suggest.enabled
            && config.suggest.language_is_on(&snapshot.language);
        is_on && !self.has_ended && !self.is_excluded(snapshot)
    }

    /// Handles a request for the next edit.
    pub(super) fn request_edit(&mut self, request: EditRequest) {
        self.supersede_edit(None);
        let EditRequest { id, uri, version, encoding } = &request;
        let snapshot = self.documents.snapshot(uri, *encoding);
        let current = snapshot.filter(|it| version.is_none_or(|version| version == it.version));
        let Some(snapshot) = current.filter(|it| self.offers_edits(it)) else {
            let effect = if self.has_ended {
                Effect::SupersedeEdit { id: *id }
            } else {
                Effect::AnswerEdit { id: *id, offer: None }
            };
            return self.effects.push(effect);
        };
        self.next_edit.waiting = Some(request);
        let is_known = self.next_edit.search.as_ref().is_some_and(|it| {
            it.snapshot.uri == snapshot.uri && it.snapshot.version == snapshot.version
        });
        if !is_known {
            self.search_edit(&snapshot.uri);
        }
        self.answer_edit();
    }

    /// Searches for the next edit in a document.
    fn search_edit(&mut self, uri: &Arc<str>) {
        let Some(snapshot) = self.documents.snapshot(uri, PositionEncoding::default()) else {
            return;
        };
        let NextEdit { history, is_undone, .. } = &self.next_edit;
        let is_last = history.last_uri().is_some_and(|it| it == uri);
        let placed = if is_last && !is_undone { history.placed(uri) } else { Vec::new() };
        self.next_edit.n_searches += 1;
        let id = SearchId(self.next_edit.n_searches);
        let result = placed.is_empty().then_some(None);
        if result.is_none() {
            self.effects.push(Effect::FindEdits { id, snapshot: snapshot.clone(), placed });
        }
        self.next_edit.search = Some(Search { id, snapshot, result });
    }

    /// Handles the end of a search.
    pub(super) fn edits_found(&mut self, id: SearchId, found: &[Candidate]) {
        let eagerness = self.settings.config.next_edit.eagerness;
        let NextEdit { search, rejected, n_offers, .. } = &mut self.next_edit;
        let Some(search) = search.as_mut().filter(|it| it.id == id) else { return };
        let is_wanted = |it: &&Candidate| match it.kind {
            Kind::Rename => true,
            Kind::Member => eagerness >= EditEagerness::Balanced,
            Kind::Repeat => eagerness >= EditEagerness::Eager,
            // Only the model can tell.
            Kind::Similar => false,
        };
        let offers = found.iter().filter(is_wanted).map(|it| {
            let rope = &search.snapshot.rope;
            let range = rope.byte_to_char(it.range.start)..rope.byte_to_char(it.range.end);
            let (snapshot, id) = (search.snapshot.clone(), OfferId(*n_offers + 1));
            EditOffer { id, snapshot, range, old: it.old.clone(), new: it.new.clone() }
        });
        let offer = offers.into_iter().find(|it| !rejected.contains(&Rejected::of(it)));
        *n_offers += u64::from(offer.is_some());
        search.result = Some(offer.clone());
        self.answer_edit();
        if let Some(offer) = offer.filter(|_| self.next_edit.pushes) {
            self.effects.push(Effect::PushEdit(offer));
        }
    }

    /// Answers the waiting request, if the search has ended.
    fn answer_edit(&mut self) {
        let NextEdit { search: Some(search), waiting, .. } = &mut self.next_edit else { return };
        let Some(result) = &search.result else { return };
        let Some(EditRequest { id, .. }) = waiting.take() else { return };
        self.effects.push(Effect::AnswerEdit { id, offer: result.clone() });
    }

    /// Remembers that the user rejected an offer. Nothing else is offered until the next edit.
    pub(super) fn reject_edit(&mut self, id: OfferId) {
        let NextEdit { search, rejected, .. } = &mut self.next_edit;
        let Some(Search { result: Some(result), .. }) = search else { return };
        if let Some(offer) = result.take_if(|it| it.id == id) {
            self.counts.edits.rejected += 1;
            if rejected.len() == MAX_REJECTED {
                rejected.remove(0);
            }
            rejected.push(Rejected::of(&offer));
        }
    }

    /// Forgets the edits of a document that was closed or replaced; of all documents if `None`.
    pub(super) fn forget_edits(&mut self, uri: Option<&str>) {
        self.supersede_edit(uri);
        let is_concerned = |it: &str| uri.is_none_or(|uri| uri == it);
        let it = &mut self.next_edit;
        it.search.take_if(|it| is_concerned(&it.snapshot.uri));
        it.rejected.retain(|it| !is_concerned(&it.uri));
        match uri {
            Some(uri) => it.history.forget(uri),
            None => it.history = History::default(),
        }
    }

    /// Supersedes the waiting request, if it is for this document or `None` is given.
    fn supersede_edit(&mut self, uri: Option<&str>) {
        let is_concerned = |it: &mut EditRequest| uri.is_none_or(|uri| *it.uri == *uri);
        let waiting: Option<EditRequestId> =
            self.next_edit.waiting.take_if(is_concerned).map(|it| it.id);
        if let Some(id) = waiting {
            self.effects.push(Effect::SupersedeEdit { id });
        }
    }
}
