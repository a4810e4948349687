//! The imports that an edit concerns: those whose last use it removed ([`unused`]), and those that a
//! name in it needs ([`missing`]).
//!
//! Only the import statements at the top of a file count. Which names a file would find without an
//! import is unknown, so an import is inserted only if the user had it in this file, or if another
//! document has it with a path that means the same everywhere.

mod join;
mod missing;
mod place;
mod read;
mod unused;
mod uses;
mod well_known;

use std::ops::Range;

use foretell_policy::Grammar;

use crate::{history::Placed, words};

pub(crate) use missing::missing;
pub use read::{Import, imports};
pub(crate) use unused::unused;

/// How many of the last edits count.
const MAX_EDITS: usize = 8;

/// A change of the imports of a text.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) range: Range<usize>,
    pub(crate) new: String,
    /// Whether the syntax shows that it is right.
    pub(crate) is_certain: bool,
}

/// Whether a text has been changed where it would be changed: an offer changes nothing that the user
/// has written.
pub(crate) fn is_written(placed: &[Placed], range: &Range<usize>) -> bool {
    let overlaps = |it: &Placed| it.range.start < range.end && it.range.end > range.start;
    placed.iter().any(|it| !it.after.is_empty() && overlaps(it))
}

/// A text with its last edits reverted, and where their words were.
#[derive(Debug)]
struct Reverted {
    text: String,
    ranges: Vec<Range<usize>>,
}

impl Reverted {
    /// `None` if the edits overlap.
    fn new(text: &str, placed: &[Placed]) -> Option<Self> {
        let mut placed: Vec<&Placed> = placed.iter().collect();
        placed.sort_by_key(|it| it.range.start);
        let (mut before, mut ranges, mut done) = (String::with_capacity(text.len()), Vec::new(), 0);
        for it in placed {
            before += text.get(done..it.range.start)?;
            ranges.push(before.len()..before.len() + it.before.len());
            before += &it.before;
            done = it.range.end;
        }
        before += text.get(done..)?;
        for it in &mut ranges {
            *it = with_words(&before, it);
        }
        Some(Self { text: before, ranges })
    }
}

/// A range with the words at its ends as a whole.
fn with_words(text: &str, range: &Range<usize>) -> Range<usize> {
    range.start - words::n_before(text, range.start)..range.end + words::n_after(text, range.end)
}

/// The identifiers of a text, and where they are.
fn identifiers(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    let tokens = text.split(|c| !words::is_word(c)).map(move |it| {
        let start = at;
        // All separators but one are between two tokens.
        at += it.len();
        at += text[at..].chars().next().map_or(0, char::len_utf8);
        (start, it)
    });
    tokens.filter(|(_, it)| !it.is_empty() && words::is_identifier(it))
}

/// Whether a file has imports for other files.
pub(crate) fn only_imports(uri: &str) -> bool {
    let name = uri.rsplit('/').next();
    matches!(name, Some("__init__.py" | "__init__.pyi"))
}

/// Whether imports are understood in a language.
pub(crate) fn is_understood(grammar: Grammar) -> bool {
    use Grammar::{Go, Java, Python, Rust, Tsx};
    matches!(grammar, Go | Java | Python | Rust | Tsx)
}

#[cfg(test)]
mod tests;
