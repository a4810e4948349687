//! The next edit: the history of the user's edits, the search for places where the last one
//! continues, and the offers.
//!
//! A search is for one version of one document; a later change makes it outdated. A request for the
//! next edit waits for the running search and for the model's judgement ([`super::judge`]), and is
//! superseded by any change. The request for a suggestion is not affected.

use std::{sync::Arc, time::Instant};

use foretell_edits::{Candidate, History, Kind, Recorded};
use ropey::Rope;

use super::{
    State,
    edit_search::{NextEdit, Rejected, Search, Stage},
};
use crate::{
    document::{Edit, PositionEncoding, Snapshot},
    session::{
        edit_offer::{EditOffer, EditRequest, EditRequestId, OfferId, SearchId},
        event::Effect,
    },
};
use foretell_config::next_edit::EditEagerness;

/// Whether a kind of candidate is offered without a judgement of the model.
#[must_use]
pub fn is_offered_unjudged(kind: Kind, eagerness: EditEagerness) -> bool {
    match kind {
        Kind::Rename => true,
        Kind::Member | Kind::Import => eagerness >= EditEagerness::Balanced,
        Kind::Repeat => eagerness >= EditEagerness::Eager,
        Kind::Similar => false,
    }
}

/// The lowest eagerness with which the model judges other candidates.
const LEAST_TO_JUDGE: EditEagerness = EditEagerness::Balanced;

impl State {
    /// Records the edits of one notification, and searches for the next one if the client shows it.
    pub(super) fn record_edits(&mut self, before: Option<Snapshot>, edits: &[Edit], now: Instant) {
        let Some(before) = before else { return };
        let uri = Arc::clone(&before.uri);
        self.next_edit.last_edit = Some(now);
        self.next_edit.n_changes_since_offer += 1;
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
        let stage = if placed.is_empty() { Stage::Ended(None) } else { Stage::Running };
        if !placed.is_empty() {
            let (snapshot, placed) = (snapshot.clone(), placed.clone());
            let is_cell = self.documents.is_cell(uri);
            self.effects.push(Effect::FindEdits { id, snapshot, placed, is_cell });
        }
        self.next_edit.search = Some(Search { id, snapshot, placed, stage });
    }

    /// Handles the end of a search: offers the first place of a renamed name, or has others judged. An
    /// import is offered last, as accepting it would end the search for others.
    pub(super) fn edits_found(&mut self, id: SearchId, found: Vec<Candidate>, now: Instant) {
        let eagerness = self.settings.config.next_edit.eagerness;
        let NextEdit { search, rejected, .. } = &mut self.next_edit;
        let Some(search) = search.as_mut().filter(|it| it.id == id) else { return };
        let is_wanted = |it: &Candidate| {
            let is_judged = !it.kind.is_proved() && eagerness >= LEAST_TO_JUDGE;
            is_judged || is_offered_unjudged(it.kind, eagerness)
        };
        let is_rejected =
            |it: &Candidate| rejected.contains(&Rejected::of_candidate(&search.snapshot, it));
        let wanted = found.into_iter().filter(|it| is_wanted(it) && !is_rejected(it));
        let (names, others): (Vec<_>, Vec<_>) = wanted.partition(|it| it.kind.is_name());
        let (imports, others): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|it| it.kind == Kind::Import);
        let import = imports.into_iter().next();
        match names.into_iter().next() {
            None if !others.is_empty() || import.is_some() => {
                self.begin_judging(others, import, now);
            }
            first => self.end_search(first),
        }
    }

    /// Ends the search with the candidate to offer.
    pub(super) fn end_search(&mut self, candidate: Option<Candidate>) {
        let NextEdit { search: Some(search), n_offers, n_changes_since_offer, .. } =
            &mut self.next_edit
        else {
            return;
        };
        if candidate.is_some() {
            *n_offers += 1;
            *n_changes_since_offer = 0;
        }
        let offer = candidate.map(|it| EditOffer {
            id: OfferId(*n_offers),
            range: search.snapshot.chars_of_bytes(&it.range),
            snapshot: search.snapshot.clone(),
            old: it.old,
            new: it.new,
        });
        search.stage = Stage::Ended(offer.clone());
        self.answer_edit();
        if let Some(offer) = offer.filter(|_| self.next_edit.pushes) {
            self.effects.push(Effect::PushEdit(offer));
        }
    }

    /// Answers the waiting request, if the search has ended.
    fn answer_edit(&mut self) {
        let NextEdit { search: Some(search), waiting, .. } = &mut self.next_edit else { return };
        let Stage::Ended(offer) = &search.stage else { return };
        let Some(EditRequest { id, .. }) = waiting.take() else { return };
        self.effects.push(Effect::AnswerEdit { id, offer: offer.clone() });
    }

    /// Counts an acceptance. If the last change applied this offer, nobody is typing, and the judge
    /// of the next edit needs no pause.
    pub(super) fn edit_accepted(&mut self, id: OfferId, now: Instant) {
        self.counts.edits.accepted += 1;
        if id.0 == self.next_edit.n_offers && self.next_edit.n_changes_since_offer == 1 {
            self.next_edit.last_edit = None;
            self.judge_at_once(now);
        }
    }

    /// Remembers that the user rejected an offer. Nothing else is offered until the next edit.
    pub(super) fn reject_edit(&mut self, id: OfferId) {
        let NextEdit { search, rejected, .. } = &mut self.next_edit;
        let Some(Search { stage: Stage::Ended(offer), .. }) = search else { return };
        if let Some(offer) = offer.take_if(|it| it.id == id) {
            self.counts.edits.rejected += 1;
            Rejected::of(&offer).add_to(rejected);
        }
    }

    /// Forgets the edits of a document that was closed or replaced; of all documents if `None`.
    pub(super) fn forget_edits(&mut self, uri: Option<&str>) {
        self.supersede_edit(uri);
        let is_concerned = |it: &str| uri.is_none_or(|uri| uri == it);
        let it = &mut self.next_edit;
        it.search.take_if(|it| is_concerned(&it.snapshot.uri));
        it.rejected.retain(|it| !is_concerned(&it.uri));
        it.refused.retain(|it| !is_concerned(&it.uri));
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
