//! The imports of the open documents, which a search for edits may offer elsewhere.

use std::sync::Arc;

use foretell_edits::{Import, imports};
use foretell_policy::{Grammar, MAX_SYNTAX_BYTES};
use parking_lot::Mutex;
use ropey::Rope;

use super::event::Settings;
use crate::document::Snapshot;

/// Those of each document.
pub(super) type Imports = Vec<Arc<[Import]>>;

/// The imports of each document as of the text and settings with which it was read last.
#[derive(Debug, Default)]
pub(super) struct OpenImports(Mutex<Vec<Known>>);

#[derive(Debug)]
struct Known {
    uri: Arc<str>,
    rope: Rope,
    real_path: Option<Arc<str>>,
    settings: Arc<Settings>,
    imports: Arc<[Import]>,
}

impl OpenImports {
    /// The imports of the documents in the language of one of them, except those of that one and of
    /// excluded ones. All open documents are given, with the real paths of their files.
    pub(super) fn around(
        &self,
        of: &Snapshot,
        mut documents: Vec<(Snapshot, Option<Arc<str>>)>,
        settings: &Arc<Settings>,
    ) -> Imports {
        let grammar = |it: &Snapshot| Grammar::of_document(&it.uri, &it.language);
        let Some(own) = grammar(of) else { return Vec::new() };
        documents.retain(|(it, _)| it.uri != of.uri && grammar(it) == Some(own));
        let mut known = self.0.lock();
        let mut read = |(Snapshot { uri, language, rope, .. }, real_path)| {
            let is_current = |it: &Known| {
                it.uri == uri
                    && it.rope.is_instance(&rope)
                    && it.real_path == real_path
                    && Arc::ptr_eq(&it.settings, settings)
            };
            if let Some(at) = known.iter().position(is_current) {
                return known.swap_remove(at);
            }
            let path = real_path.as_deref();
            let is_excluded = settings.exclusions.contain_open(&uri, &language, path);
            let may_read = !is_excluded && rope.len_bytes() <= MAX_SYNTAX_BYTES;
            let found =
                if may_read { imports(&uri, &language, &rope.to_string()) } else { Vec::new() };
            Known { uri, rope, real_path, settings: Arc::clone(settings), imports: found.into() }
        };
        let read: Vec<Known> = documents.into_iter().map(&mut read).collect();
        let imports = read.iter().map(|it| Arc::clone(&it.imports)).collect();
        *known = read;
        imports
    }
}

#[cfg(test)]
mod tests {
    use foretell_config::{Config, exclude::Exclusions};

    use super::*;

    fn of(open: &OpenImports, documents: &[&Snapshot], settings: &Arc<Settings>) -> Imports {
        let documents = documents.iter().map(|it| ((*it).clone(), None)).collect();
        open.around(&Snapshot::of_text("file:///own.py", "python", ""), documents, settings)
    }

    #[test]
    fn document_is_read_once_per_text() {
        let (open, settings) = (OpenImports::default(), Arc::new(Settings::default()));
        let a = Snapshot::of_text("file:///a.py", "python", "import os\n");
        let b = Snapshot::of_text("file:///b.py", "python", "import sys\n");
        let first = of(&open, &[&a, &b], &settings);
        let changed = Snapshot::of_text("file:///b.py", "python", "import json\n");
        let second = of(&open, &[&changed, &a], &settings);
        assert!(Arc::ptr_eq(&first[0], &second[1]));
        assert_ne!(first[1], second[0]);
    }

    #[test]
    fn excluded_documents_are_not_read() {
        let open = OpenImports::default();
        let secret = Snapshot::of_text("file:///x/secret.py", "python", "import os\n");
        let n = |settings: &Arc<Settings>| of(&open, &[&secret], settings)[0].len();
        assert_eq!(n(&Arc::new(Settings::default())), 1);
        let mut config = Config::default();
        config.suggest.exclude = vec!["**/secret.py".to_owned()];
        let (exclusions, _) = Exclusions::new(&config.suggest.exclude);
        assert_eq!(n(&Arc::new(Settings { config, exclusions })), 0);
    }
}
