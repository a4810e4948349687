//! Stops at the end of the block that the text started.

use super::{Cut, Phase, StopRule, indent_width, lines};

/// Cuts at the end of the block: before a line that is indented less than its first one, before a
/// blank line, after a line at the margin that closes what the text opened, or after `max_lines`
/// lines.
///
/// A blank line inside something that the text itself opened is part of the block: `is_open`
/// decides this for brackets in the text up to a byte_idx, and the next line after a first line
/// with a colon.
pub(super) fn block_end(
    indent: &str,
    text: &str,
    max_lines: usize,
    phase: Phase,
    is_open: impl Fn(usize) -> bool,
) -> Cut {
    let n_lines = lines(text).count();
    let mut head: Option<Head> = None;
    let mut n_shown = 0;
    // The start of blank lines; the next line decides whether they belong to the block.
    let mut blank: Option<usize> = None;
    for (i, (start, line)) in lines(text).enumerate() {
        let complete = phase.is_final() || i + 1 < n_lines;
        let end_before = |start: usize| Cut {
            keep_bytes: start.saturating_sub(1),
            stop: Some(StopRule::BlockEnd),
        };
        if line.trim().is_empty() {
            let from = blank.unwrap_or(start);
            if !complete {
                return Cut { stop: None, ..end_before(from) };
            }
            let may_continue = match &head {
                // One blank line may start a paragraph; more mean that the model has lost track.
                None => i <= 1,
                Some(head) => blank.is_none() && (head.has_colon || is_open(start)),
            };
            if !may_continue {
                return end_before(from);
            }
            blank = head.is_some().then_some(start);
            continue;
        }
        let width =
            if i == 0 { indent_width(&format!("{indent}{line}")) } else { indent_width(line) };
        match &head {
            None => head = Some(Head { width, has_colon: line.trim_end().ends_with(':') }),
            Some(head) if width < head.width => return end_before(blank.unwrap_or(start)),
            Some(head) => {
                if let Some(from) = blank.filter(|from| width == head.width && !is_open(*from)) {
                    return end_before(from);
                }
            }
        }
        blank = None;
        n_shown += 1;
        let end = start + line.len();
        let closes = width == 0 && n_shown > 1 && line.starts_with(['}', ')', ']']);
        if complete && closes {
            return Cut { keep_bytes: end, stop: Some(StopRule::BlockEnd) };
        }
        if complete && n_shown >= max_lines {
            return Cut { keep_bytes: end, stop: Some(StopRule::MaxLines) };
        }
    }
    Cut { keep_bytes: text.len(), stop: None }
}

/// The first line of the block.
struct Head {
    width: usize,
    has_colon: bool,
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::{check, check_in};

    #[test]
    fn blank_line_within_an_open_block_is_kept() {
        check(
            "ˇ",
            "fn f() {\n    let x = 1;\n\n    g(x)\n}\n\nfn g() {}",
            &expect![[r#"
                «fn f() {
                    let x = 1;

                    g(x)
                }»
                Some(BlockEnd)
            "#]],
        );
        check_in(
            "rust",
            "ˇ",
            "fn f() {\n    let x = \"}\";\n\n    g(x)\n}\n\nfn g() {}",
            &expect![[r#"
                «fn f() {
                    let x = "}";

                    g(x)
                }»
                Some(BlockEnd)
            "#]],
        );
        check(
            "class A:\n    ˇ",
            "def f(self):\n        a = 1\n\n        return a\n\n    def g(self):\n        pass",
            &expect![[r#"
                class A:
                    «def f(self):
                        a = 1

                        return a»
                Some(BlockEnd)
            "#]],
        );
    }

    #[test]
    fn two_blank_lines_end_every_block() {
        check(
            "ˇ",
            "def f():\n    a = 1\n\n\n    b = 2",
            &expect![[r#"
            «def f():
                a = 1»
            Some(BlockEnd)
        "#]],
        );
    }

    #[test]
    fn blank_line_after_a_statement_ends_the_block() {
        check(
            "    ˇ",
            "a = 1\n\n    b = 2",
            &expect![[r#"
                «a = 1»
            Some(BlockEnd)
        "#]],
        );
    }
}
