//! An unfinished file, to try `foretell complete` with.

use std::collections::HashMap;

/// Counts the words of a text.
pub fn word_counts(text: &str) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for word in text.
    }
    counts
}
