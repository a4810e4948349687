//! Counts misfits: openers without a closer, and closers without an opener.

use crate::scanner::{Scanner, must_close};

/// The number of misfits in `text` and `after`, scanned from a state: closers without an opener and
/// openers without a closer.
pub(super) fn problems_after(start: &Scanner, text: &str, after: &str) -> usize {
    problems(start.clone(), &format!("{text}{after}"))
}

pub(super) fn problems(mut scanner: Scanner, text: &str) -> usize {
    scanner.unmatched.clear();
    for (start, line) in crate::lines(text) {
        scanner.line(line, start, true);
    }
    n_misfits(&scanner) + n_must_close(&scanner)
}

/// The number of closers without an opener, plus openers that an enclosing closer closed.
pub(super) fn n_misfits(scanner: &Scanner) -> usize {
    scanner.unmatched.len() + scanner.closed.iter().filter(|it| !it.is_matched).count()
}

/// The number of open constructs that must be closed.
pub(super) fn n_must_close(scanner: &Scanner) -> usize {
    scanner.frames.iter().filter(|it| must_close(std::slice::from_ref(*it))).count()
}
