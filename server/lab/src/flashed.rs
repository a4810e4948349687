//! Counts what appears on screen and is not what the user types next.

/// The number of characters of `shown` that are new on screen and wrong. `n_seen_bytes` of it were
/// on screen before, `to_come` is what the user types from the cursor on. From the first difference
/// on, everything is wrong; whitespace around the wrong part does not count.
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
