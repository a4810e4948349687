//! Names the file where nothing else says what it is.
//!
//! In an empty file, a model guesses a language: the default model guesses React in all of them. So
//! while a document has only white space and comments, a comment with the file's name, or with its
//! language if it has none, comes first in the prompt.

use foretell_config::exclude::path_of;

use super::cursor_context::language;
use crate::{
    comments::{self, MAX_MARKER_CHARS},
    document::Snapshot,
};

/// A longer beginning without code is not looked at: so much prose says what it is.
const MAX_BYTES: usize = 1 << 14;
/// The most characters of a file's name.
const MAX_NAME_CHARS: usize = 64;

/// Whether a document, or a cell's notebook, has only white space and comments.
#[must_use]
pub fn says_nothing(snapshot: &Snapshot) -> bool {
    if let Some((notebook, _)) = snapshot.in_notebook(0) {
        return says_nothing(&notebook);
    }
    let rope = &snapshot.rope;
    let Some(start) = rope.chars().position(|c| !c.is_whitespace()) else { return true };
    if rope.len_bytes() > MAX_BYTES {
        return false;
    }
    let Some(comments) = comments::of_language(language(snapshot)) else { return false };
    // A document that starts with code is not copied at every keystroke.
    let end = (start + MAX_MARKER_CHARS).min(rope.len_chars());
    comments.starts(&rope.slice(start..end).to_string())
        && comments.are_all_of(&rope.slice(start..).to_string())
}

/// A comment line with the file's name, or its language; `None` if the language is not known.
#[must_use]
pub fn file_comment(snapshot: &Snapshot, with_name: bool) -> Option<String> {
    let language = language(snapshot);
    let comments = comments::of_language(language)?;
    let path = path_of(snapshot.uri.split(['?', '#']).next().unwrap_or_default());
    let name: String = path.file_name().map(|it| it.to_string_lossy().into()).unwrap_or_default();
    let is_plain = |c: char| c.is_alphanumeric() || "._- +@".contains(c);
    let is_telling = name.contains('.')
        && !name.ends_with(".ipynb")
        && name.chars().all(is_plain)
        && name.chars().count() <= MAX_NAME_CHARS;
    Some(comments.comment(if with_name && is_telling { &name } else { language }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(uri: &str, language: &str, with_name: bool, expected: Option<&str>) {
        let snapshot = Snapshot::of_text(uri, language, "");
        assert_eq!(file_comment(&snapshot, with_name).as_deref(), expected);
    }

    #[test]
    fn file_is_named_in_its_language() {
        check("file:///a/src/main.rs", "rust", true, Some("// main.rs\n"));
        check("file:///a/my%20page.html", "html", true, Some("<!-- my page.html -->\n"));
        check("b.sql", "", true, Some("-- b.sql\n"));
        check("untitled:Untitled-1", "python", true, Some("# python\n"));
        check("file:///a/x.py", "python", false, Some("# python\n"));
        check("vscode-notebook-cell:/a/x.ipynb#W0sZm", "python", true, Some("# python\n"));
        check("file:///a/x%0Aimport%20y.py", "python", true, Some("# python\n"));
        check("file:///a/x.json", "json", true, None);
        check("untitled:Untitled-1", "plaintext", true, None);
    }

    #[test]
    fn comments_and_blank_lines_say_nothing() {
        let says = |text: &str| says_nothing(&Snapshot::of_text("a.go", "go", text));
        assert!(says("") && says("\n\n  ") && says("// a\n\n/* b */\n"));
        assert!(!says("// a\npackage b\n") && !says(&"// a\n".repeat(1 << 13)));
        assert!(says_nothing(&Snapshot::of_text("a.json", "json", " \n")));
        assert!(!says_nothing(&Snapshot::of_text("a.json", "json", "// a")));
    }
}
