//! In which documents nothing is suggested, and of which nothing is shown to the model.

use super::{Session, Settings};
use crate::document::Snapshot;
use foretell_config::exclude::real_path;

impl Session {
    /// Takes in a document that the client opened, in place of an older one of that name.
    ///
    /// Where it really lies is looked up once, here: later, the disk would be asked at each key.
    pub fn open(&self, uri: &str, language: &str, version: i32, text: &str) {
        let real_path = real_path(uri).map(|it| it.to_string_lossy().into());
        self.documents.open(uri, language, version, text);
        self.documents.set_real_path(uri, real_path);
        self.forget(uri);
    }

    /// Whether a document is excluded, by its name or by that of the file that it is a link to.
    pub(super) fn is_excluded(&self, settings: &Settings, Snapshot { uri, .. }: &Snapshot) -> bool {
        let exclusions = &settings.exclusions;
        exclusions.contain(uri)
            || self.documents.real_path(uri).is_some_and(|it| exclusions.contain(&it))
    }
}
