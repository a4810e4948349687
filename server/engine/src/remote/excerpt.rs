//! Quotes of a server's answer in our error messages.

use std::fmt::Display;

/// The longest quote, in characters.
const MAX_CHARS: usize = 200;

/// The beginning of an answer on one line, without control characters.
pub(super) fn excerpt(answer: &impl Display) -> String {
    let answer = answer.to_string();
    let words = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|c| !c.is_control()).take(MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn excerpt_is_one_short_line() {
        assert_eq!(excerpt(&"a\n\u{1b}[2J  b"), "a [2J b");
        assert_eq!(excerpt(&"x".repeat(1_000)).len(), MAX_CHARS);
    }
}
