//! Cuts where the text repeats the lines above it, verbatim and in order.
//!
//! A model without a good continuation copies the lines above. Lines that are merely similar, such
//! as the arms of a match, are kept.

use super::{CursorContext, Cut, Phase, StopRule, lines};

/// The maximum number of lines compared as one piece.
const MAX_LINES: usize = 4;
/// A copy has at least this many letters and digits: brackets and short words recur in any text.
const MIN_LETTERS: usize = 8;
/// The maximum number of identical consecutive list elements.
const MAX_ELEMENTS: usize = 6;

/// Searches for the first piece of up to [`MAX_LINES`] lines that equals the piece before it. A
/// possible copy is held back from its first line on. Blank lines are ignored.
pub(super) fn cut(context: &CursorContext, text: &str, phase: Phase) -> Cut {
    let is_blank = |line: &str| line.trim().is_empty();
    let n_lines = lines(text).count();
    let first = format!("{}{}", context.line_before, text.split('\n').next().unwrap_or_default());
    let above: Vec<&str> =
        context.above.lines().rev().filter(|line| !is_blank(line)).take(MAX_LINES).collect();
    // Each line's byte_idx in the text, content, and whether it is complete.
    let mut all: Vec<(usize, &str, bool)> =
        above.into_iter().rev().map(|line| (0, line.trim_end(), true)).collect();
    let n_above = all.len();
    for (i, (start, line)) in lines(text).enumerate() {
        let line = if i == 0 { first.as_str() } else { line };
        let is_whole = phase.is_final() || i + 1 < n_lines;
        if !is_blank(line) {
            all.push((start, if is_whole { line.trim_end() } else { line }, is_whole));
        }
    }
    for at in n_above..all.len() {
        for n in 1..=MAX_LINES.min(at) {
            let piece = &all[at..all.len().min(at + n)];
            let same =
                piece.iter().zip(&all[at - n..at]).all(|((_, line, is_whole), (_, of, _))| {
                    // Complete lines are compared without trailing whitespace.
                    line == of || !is_whole && (of.starts_with(line) || of == &line.trim_end())
                });
            let n_letters = |lines: &[(usize, &str, bool)]| {
                let chars = lines.iter().flat_map(|(_, line, _)| line.chars());
                chars.filter(|c| c.is_alphanumeric()).count()
            };
            let of = all[at - 1].1;
            let is_repeated =
                at >= MAX_ELEMENTS && all[at - MAX_ELEMENTS..at].iter().all(|it| it.1 == of);
            let is_element = n == 1 && of.ends_with(',') && !is_repeated;
            if !same || is_element || n_letters(&all[at - n..at]) < MIN_LETTERS {
                continue;
            }
            let is_whole = piece.len() == n && piece.iter().all(|(_, _, is_whole)| *is_whole);
            if is_whole {
                return Cut { keep_bytes: all[at].0, stop: Some(StopRule::Copy) };
            }
            if !phase.is_final() {
                return Cut { keep_bytes: all[at].0, stop: None };
            }
        }
    }
    Cut::all(text)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::check;

    #[test]
    fn line_above_is_not_repeated() {
        check(
            "    total += item.price\n    ˇ",
            "total += item.price\n    total += item.price\n",
            &expect![[r#"
                    total += item.price
                    «»
                Some(Copy)
            "#]],
        );
        check(
            "    x = compute(1)\n    x = ˇ\n",
            "compute(1)\n",
            &expect![[r#"
                    x = compute(1)
                    x = «»

                Some(Copy)
            "#]],
        );
    }

    #[test]
    fn repeating_lines_are_cut_at_the_first_repeat() {
        check(
            "def f():\n    ˇ",
            "open_the_door()\n    close_the_door()\n    open_the_door()\n    close_the_door()\n    o",
            &expect![[r#"
                def f():
                    «open_the_door()
                    close_the_door()»
                Some(Copy)
            "#]],
        );
    }

    #[test]
    fn similar_lines_are_kept() {
        check(
            "match kind {\n    Kind::One => Some(1),\n    ˇ\n}",
            "Kind::Two => Some(2),\n    Kind::Three => Some(3),\n}",
            &expect![[r#"
                match kind {
                    Kind::One => Some(1),
                    «Kind::Two => Some(2),
                    Kind::Three => Some(3),»
                }
                Some(BlockEnd)
            "#]],
        );
    }

    #[test]
    fn brackets_and_short_lines_may_repeat() {
        check(
            "f(|| {\n    g(|| {\n        h();\n        })\n    ˇ",
            "})\n}",
            &expect![[r#"
                f(|| {
                    g(|| {
                        h();
                        })
                    «})»
                Some(BlockEnd)
            "#]],
        );
        check(
            "[\n    null,\n    ˇ\n]",
            "null,\n    null\n]",
            &expect![[r#"
                [
                    null,
                    «null,
                    null»
                ]
                Some(BlockEnd)
            "#]],
        );
    }
}
