//! Reads cases (a cursor and the expected text) and replays (a text and its edits), one JSON object
//! per line.

use std::{fs, path::Path};

use anyhow::{Context, bail, ensure};
use foretell_policy::n_replaced;
use foretell_session::document::{Documents, PositionEncoding, Snapshot};
use serde::Deserialize;

/// A cursor between two texts, and the text that belongs there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Case {
    #[serde(alias = "task_id")]
    pub(super) path: String,
    pub(super) language: String,
    pub(super) kind: String,
    #[serde(alias = "prompt")]
    pub(super) prefix: String,
    pub(super) suffix: String,
    #[serde(alias = "canonical_solution")]
    pub(super) expected: String,
    /// Other open files, the most relevant first.
    pub(super) others: Vec<Other>,
}

/// An open file without the cursor.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Other {
    path: String,
    text: String,
}

impl Other {
    /// A snapshot of the file, in the language of `case`.
    pub(super) fn snapshot(&self, case: &Case) -> Snapshot {
        Snapshot::of_text(&self.path, &case.language, &self.text)
    }
}

/// A text, and the edits that lead to its next version.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Replay {
    pub(super) path: String,
    pub(super) language: String,
    pub(super) text: String,
    pub(super) edits: Vec<Edit>,
}

/// A replacement at one place.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Edit {
    /// A char_idx in the text after the preceding edits.
    pub(super) at: usize,
    /// The number of characters removed at once.
    pub(super) delete: usize,
    /// The text typed there, one keystroke at a time.
    pub(super) insert: String,
}

/// The expected text at the cursor, including text after the cursor that a suggestion replaces.
pub(super) fn truth(case: &Case, text: &str) -> String {
    let rest = case.suffix.split('\n').next().unwrap_or_default();
    let replaced: String = rest.chars().take(n_replaced(text, rest)).collect();
    format!("{}{replaced}", case.expected)
}

/// Opens the case's text as a document. Returns its snapshot and the cursor, a char_idx.
pub(super) fn open_case(case: &Case) -> (Snapshot, usize) {
    let mut documents = Documents::default();
    let text = format!("{}{}", case.prefix, case.suffix);
    documents.open(&case.path, &case.language, 1, &text);
    let snapshot = documents.snapshot(&case.path, PositionEncoding::Utf8);
    let snapshot = snapshot.unwrap_or_else(|| Snapshot::of_text(&case.path, "", &text));
    (snapshot, case.prefix.chars().count())
}

/// The cases and replays of one file.
#[derive(Debug, Default)]
pub(super) struct Set {
    /// The file's name without its extension.
    pub(super) name: String,
    pub(super) cases: Vec<Case>,
    pub(super) replays: Vec<Replay>,
}

impl Set {
    /// Reads the first `limit` non-blank lines of a file.
    ///
    /// # Errors
    /// If the file cannot be read, a line is not a valid case or replay, or there is none.
    pub(super) fn read(path: &Path, limit: usize) -> anyhow::Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut set = Self { name, ..Self::default() };
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        for (i, line) in lines.take(limit) {
            set.parse_line(line).with_context(|| format!("{}:{}", path.display(), i + 1))?;
        }
        ensure!(set.len() > 0, "{}: no cases", path.display());
        Ok(set)
    }

    fn parse_line(&mut self, line: &str) -> anyhow::Result<()> {
        let value: serde_json::Value = serde_json::from_str(line)?;
        let has = |key: &str| value.get(key).is_some();
        if has("edits") {
            let replay: Replay = serde_json::from_value(value)?;
            replay.check()?;
            self.replays.push(replay);
        } else if has("expected") || has("canonical_solution") {
            self.cases.push(serde_json::from_value(value)?);
        } else {
            bail!("expected one of the fields `expected`, `canonical_solution` and `edits`");
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.cases.len() + self.replays.len()
    }
}

impl Replay {
    /// Fails if an edit is outside the text.
    fn check(&self) -> anyhow::Result<()> {
        let mut n_chars = self.text.chars().count();
        for (i, edit) in self.edits.iter().enumerate() {
            let is_within = edit.at.checked_add(edit.delete).is_some_and(|end| end <= n_chars);
            ensure!(is_within, "edit {i} is beyond the text's end");
            n_chars = n_chars - edit.delete + edit.insert.chars().count();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, limit: usize) -> anyhow::Result<Set> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        Set::read(file.path(), limit)
    }

    #[test]
    fn own_and_human_eval_cases_are_read() {
        let ours = r#"{"path": "a.rs", "language": "rust", "kind": "mid_line", "prefix": "a", "suffix": "c", "expected": "b"}"#;
        let theirs = r#"{"task_id": "SingleLineInfilling/HumanEval/0/L0", "entry_point": "f", "prompt": "a", "suffix": "c", "canonical_solution": "b", "test": "x"}"#;
        let set = read(&format!("{ours}\n\n{theirs}\n"), 9).unwrap();
        assert_eq!(set.cases[0].kind, "mid_line");
        let (a, b) = (&set.cases[0], &set.cases[1]);
        assert_eq!((&a.prefix, &a.suffix, &a.expected), (&b.prefix, &b.suffix, &b.expected));
        assert_eq!(b.path, "SingleLineInfilling/HumanEval/0/L0");
        assert_eq!(read(&format!("{ours}\n{theirs}\n"), 1).unwrap().len(), 1);
    }

    #[test]
    fn replay_edits_must_fit_the_text() {
        let replay = |at: usize| {
            let edit = format!(r#"{{"at": {at}, "delete": 1, "insert": "xyz"}}"#);
            format!(r#"{{"path": "", "language": "", "text": "abc", "edits": [{edit}]}}"#)
        };
        assert_eq!(read(&replay(2), 9).unwrap().replays[0].edits[0].insert, "xyz");
        let error = format!("{:#}", read(&replay(3), 9).unwrap_err());
        assert!(error.ends_with(":1: edit 0 is beyond the text's end"), "{error}");
    }

    #[test]
    fn invalid_case_error_has_its_line() {
        for wrong in ["{}", "[1]", "{", r#"{"expected": 1}"#] {
            let error = format!("{:#}", read(&format!("\n{wrong}"), 9).unwrap_err());
            assert!(error.contains(":2: "), "{wrong}: {error}");
        }
        assert!(format!("{:#}", read("\n", 9).unwrap_err()).ends_with("no cases"));
    }
}
