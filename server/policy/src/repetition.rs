//! Stops a line that repeats the same few characters in a loop.

use super::{CursorContext, Cut, Phase, StopRule, lines};

/// The longest unit of a loop, in bytes. Longer loops span lines; `duplicate_lines` stops them.
const MAX_UNIT: usize = 32;
/// A unit that occurs fewer times may be a row of values.
const MIN_TIMES: usize = 4;
/// A shorter loop, in bytes, may be a row of values.
const MIN_BYTES: usize = 48;

/// Searches for a loop in each line. A possible loop is held back from the unit's third occurrence.
pub(super) fn cut(_: &CursorContext, text: &str, phase: Phase) -> Cut {
    let n_lines = lines(text).count();
    let of_line = |(i, (start, line)): (usize, (usize, &str))| {
        let is_open = !phase.is_final() && i + 1 == n_lines;
        let units = 1..=MAX_UNIT.min(line.len() / 2);
        let of_unit = |n_bytes| in_line(line, n_bytes, is_open);
        let Cut { keep_bytes, stop } = units.map(of_unit).fold(Cut::all(line), Cut::and);
        (keep_bytes < line.len() || stop.is_some())
            .then(|| Cut { keep_bytes: start + keep_bytes, stop })
    };
    lines(text).enumerate().find_map(of_line).unwrap_or_else(|| Cut::all(text))
}

/// Searches for a loop with a unit of `n_unit` bytes.
fn in_line(line: &str, n_unit: usize, is_open: bool) -> Cut {
    let bytes = line.as_bytes();
    let limit = MIN_BYTES.max(MIN_TIMES * n_unit);
    let cut = |start: usize, stop| {
        let keep_bytes = line.floor_char_boundary(start + 2 * n_unit);
        Cut { keep_bytes, stop }
    };
    // Separators and boxes repeat punctuation legitimately.
    let has_word_chars = |start: usize| {
        bytes[start..start + n_unit].iter().any(|it| it.is_ascii_alphanumeric() || !it.is_ascii())
    };
    let is_same = |end: &usize| bytes[*end] == bytes[*end - n_unit];
    let mut start = 0;
    if bytes.len() < limit {
        // Only a loop at the end of the line could still grow.
        let n_same = (n_unit..bytes.len()).rev().take_while(is_same).count();
        start = bytes.len() - n_unit - n_same;
    }
    for end in start + n_unit..bytes.len() {
        if !is_same(&end) {
            start = end + 1 - n_unit;
        } else if end + 1 - start == limit && has_word_chars(start) {
            return cut(start, Some(StopRule::Repetition));
        }
    }
    if is_open && bytes.len() > start + 2 * n_unit && has_word_chars(start) {
        return cut(start, None);
    }
    Cut::all(line)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::check;

    #[test]
    fn repetition_is_cut_after_two_rounds() {
        check(
            "x = ˇ",
            "very very very very very very very very very very very very",
            &expect![[r#"
                x = «very very»
                Some(Repetition)
            "#]],
        );
        check(
            "s = \"ˇ\"",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            &expect![[r#"
                s = "«aa»"
                Some(Repetition)
            "#]],
        );
        check(
            "s = ˇ",
            "\"é\" + \"é\" + \"é\" + \"é\" + \"é\" + \"é\" + \"é\" + \"é\" + \"é\"",
            &expect![[r#"
                s = «"é" + "é" +»
                Some(Repetition)
            "#]],
        );
    }

    #[test]
    fn row_of_values_is_no_repetition() {
        check(
            "let row = ˇ;",
            "[0, 0, 0, 0, 0, 0, 0, 0];",
            &expect![[r#"
                let row = «[0, 0, 0, 0, 0, 0, 0, 0]»;
                Some(SuffixMet)
            "#]],
        );
    }

    #[test]
    fn separator_line_is_no_repetition() {
        check(
            "// ˇ",
            "------------------------------------------------------------------------",
            &expect![[r#"
                // «------------------------------------------------------------------------»
                None
            "#]],
        );
    }
}
