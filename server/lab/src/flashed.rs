//! Counts characters that appear on screen but differ from what the user types next.

/// The number of characters of `shown` that are new on screen and wrong. Its first `n_seen_bytes`
/// were on screen before; the user types `to_come` next. Everything after the first difference is
/// wrong. Whitespace around the wrong part does not count.
#[must_use]
pub fn n_wrong_chars(shown: &str, n_seen_bytes: usize, to_come: &str) -> usize {
    let n_right_bytes: usize = shown
        .chars()
        .zip(to_come.chars())
        .take_while(|(shown, typed)| shown == typed)
        .map(|(c, _)| c.len_utf8())
        .sum();
    let new = &shown[shown.floor_char_boundary(n_seen_bytes.max(n_right_bytes))..];
    new.trim().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_characters_count_once() {
        assert_eq!(n_wrong_chars("let x = 1;", 0, "let x = 1;\n"), 0);
        assert_eq!(n_wrong_chars("let x = 1;", 0, "let y = 1;"), "x = 1;".len());
        assert_eq!(n_wrong_chars("let x = 1;", "let x".len(), "let y = 1;"), "= 1;".len());
        assert_eq!(n_wrong_chars("let x = 1;", 99, "let y = 1;"), 0);
        assert_eq!(n_wrong_chars("é = ü", 1, "é = a"), 1);
        assert_eq!(n_wrong_chars("", 0, "a"), 0);
    }
}
