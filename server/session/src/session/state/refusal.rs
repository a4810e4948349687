//! Requests that are refused without asking the model.

use crate::empty_reason::EmptyReason;
use std::sync::Arc;

use foretell_config::Trigger;

use super::State;
use crate::{
    document::Snapshot,
    prompt::{file_comment, says_nothing},
    session::request::Request,
};

impl State {
    /// The reason to show nothing whatever the model would generate: the settings, or a stale
    /// request.
    #[must_use]
    pub fn refusal(&mut self, request: &Request) -> Option<EmptyReason> {
        let Request { snapshot, params, .. } = request;
        let is_excluded = self.is_excluded(snapshot);
        let suggest = &self.settings.config.suggest;
        let is_stale = params.version.is_some_and(|it| it != snapshot.version);
        if !suggest.enabled {
            Some(EmptyReason::TurnedOff)
        } else if suggest.trigger == Trigger::Manual && !params.invoked {
            Some(EmptyReason::ManualOnly)
        } else if !suggest.language_is_on(&snapshot.language) {
            Some(EmptyReason::LanguageOff)
        } else if is_excluded {
            Some(EmptyReason::Excluded)
        } else if is_stale {
            Some(EmptyReason::StaleVersion)
        } else if says_nothing(snapshot) && file_comment(snapshot, false).is_none() {
            // The model would guess a language.
            Some(EmptyReason::NoContext)
        } else {
            None
        }
    }

    /// Whether `suggest.exclude` matches a document. Matching the globs takes longer than the rest of
    /// a keystroke, so the last result is kept.
    pub(super) fn is_excluded(&mut self, snapshot: &Snapshot) -> bool {
        let uri = &snapshot.uri;
        if let Some((last_uri, is_excluded)) = &self.last_excluded
            && last_uri == uri
        {
            return *is_excluded;
        }
        let exclusions = &self.settings.exclusions;
        let real_path = self.documents.real_path(uri);
        let is_excluded = exclusions.contain_open(uri, &snapshot.language, real_path.as_deref());
        self.last_excluded = Some((Arc::clone(uri), is_excluded));
        is_excluded
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use foretell_config::{Config, exclude::Exclusions};

    use super::*;
    use crate::{
        document::PositionEncoding,
        session::{
            event::{Event, Settings},
            request::{RequestId, RequestParams},
        },
    };

    fn configure(state: &mut State, globs: &[&str]) {
        let globs: Vec<String> = globs.iter().copied().map(str::to_owned).collect();
        let (exclusions, _) = Exclusions::new(&globs);
        let settings = Arc::new(Settings { config: Config::default(), exclusions });
        state.handle(Event::Configured { settings, has_other_model: false }, Instant::now());
    }

    fn open(state: &mut State, real_path: Option<&str>) -> Snapshot {
        let real_path = real_path.map(Arc::from);
        let (uri, language, text) = ("file:///a.rs".into(), "rust".into(), String::new());
        let event = Event::Open { uri, language, version: 1, text, real_path };
        state.handle(event, Instant::now());
        state.snapshot("file:///a.rs", PositionEncoding::Utf8).unwrap()
    }

    #[test]
    fn exclusion_follows_the_settings_and_the_link() {
        let mut state = State::default();
        configure(&mut state, &["**/secret.rs"]);
        let snapshot = open(&mut state, None);
        let request = Request::new(RequestId(1), snapshot, RequestParams::default());
        assert_eq!(state.refusal(&request), None);
        configure(&mut state, &["**/a.rs"]);
        assert_eq!(state.refusal(&request), Some(EmptyReason::Excluded));
        configure(&mut state, &["**/secret.rs"]);
        assert_eq!(state.refusal(&request), None);
        open(&mut state, Some("/home/me/secret.rs"));
        assert_eq!(state.refusal(&request), Some(EmptyReason::Excluded));
    }
}
