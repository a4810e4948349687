//! Keeps only complete lines if the cursor is at the start of an existing line: they are inserted
//! above it, each with its line break, so that no text is joined to the existing line.

use super::{CursorContext, Cut, Phase, StopRule, indent_width, indent_width_of, lines};

/// The existing line must be repeated within this many lines.
const MAX_LINES: usize = 8;
/// If the text's first line has at least this length, the text ends where it occurs again.
const MIN_REPEATED_BYTES: usize = 12;

/// Keeps the first line, and the lines after it if the existing line follows them. `indent`
/// precedes the cursor on the existing line, `rest` follows it.
pub(super) fn cut(indent: &str, text: &str, rest: &str, phase: Phase) -> Cut {
    let nothing = |stop| Cut { keep_bytes: 0, stop };
    let there = rest.trim();
    let n_lines = lines(text).count();
    let mut first: Option<Cut> = None;
    for (i, (start, line)) in lines(text).enumerate() {
        let is_complete = i + 1 < n_lines;
        let is_there = line.trim() == there && (is_complete || phase.is_final());
        let Some(cut) = first else {
            let next = &text[(start + line.len() + 1).min(text.len())..];
            return match (is_complete, next.starts_with(indent)) {
                _ if is_there => nothing(Some(StopRule::SuffixMet)),
                // One blank line may come first, as before a paragraph.
                (true, _) if line.trim().is_empty() && i == 0 => continue,
                (true, _) if line.trim().is_empty() => nothing(Some(StopRule::RestFollows)),
                (true, true) => {
                    let keep_bytes = start + line.len() + 1 + indent.len();
                    first = Some(Cut { keep_bytes, stop: Some(StopRule::LineEnd) });
                    continue;
                }
                (true, false) if !phase.is_final() && indent.starts_with(next) => nothing(None),
                (false, _) if !phase.is_final() => nothing(None),
                _ => nothing(Some(StopRule::RestFollows)),
            };
        };
        if is_there && line.starts_with(indent) {
            return Cut { keep_bytes: start + indent.len(), stop: Some(StopRule::SuffixMet) };
        }
        let first_line = text.trim_start().split('\n').next().unwrap_or_default().trim_end();
        let leaves = line.trim().is_empty()
            || line.trim() == first_line && first_line.len() >= MIN_REPEATED_BYTES
            || indent_width(line) < min_width(indent, text, rest);
        if is_complete && (leaves || i >= MAX_LINES) {
            return cut;
        }
    }
    first
        .map_or(nothing(None), |cut| if phase.is_final() { cut } else { Cut { stop: None, ..cut } })
}

/// The smallest indentation allowed between the first line and the existing line.
fn min_width(indent: &str, text: &str, rest: &str) -> usize {
    let first = text.split('\n').find(|line| !line.trim().is_empty()).unwrap_or_default();
    indent_width_of(indent, first).min(indent_width_of(indent, rest))
}

/// Whether a text consists of complete lines to insert above the existing line.
pub(super) fn is_whole(context: &CursorContext, text: &str) -> bool {
    context.is_before_a_line()
        && text.strip_suffix(context.line_before.as_str()).is_some_and(|it| it.ends_with('\n'))
}

/// Byte length of the first non-blank line, including the cursor's indentation after it.
pub(super) fn first_line(context: &CursorContext, text: &str) -> usize {
    let blank = text.len() - text.trim_start().len();
    let end = text[blank..].find('\n').map_or(text.len(), |n| blank + n + 1);
    (end + context.line_before.len()).min(text.len())
}

/// The byte lengths of the complete lines at the beginning of a text, ascending, if `n_bytes` may be
/// kept. The cursor's indentation belongs to them, even if a rule holds it back together with the
/// line after it.
pub(super) fn line_ends(
    context: &CursorContext,
    text: &str,
    n_bytes: usize,
) -> impl DoubleEndedIterator<Item = usize> {
    let indent = context.line_before.as_str();
    let starts = text[..n_bytes].match_indices('\n').map(|(i, _)| i + 1);
    starts.filter(move |start| text[*start..].starts_with(indent)).map(|it| it + indent.len())
}

/// The last of [`line_ends`], or 0.
pub(super) fn whole_lines(context: &CursorContext, text: &str, n_bytes: usize) -> usize {
    line_ends(context, text, n_bytes).next_back().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::{check, check_in};

    #[test]
    fn whole_line_is_inserted_above() {
        check_in(
            "python",
            "def f(k):\nˇ        return False\n",
            "    if k < 2:\n        return True\n",
            &expect![[r#"
                def f(k):
                «    if k < 2:
                »        return False

                Some(LineEnd)
            "#]],
        );
        check(
            "fn f() {\n    ˇfoo();\n",
            "let x = 1;\n    bar();\n\n",
            &expect![[r#"
            fn f() {
                «let x = 1;
                »foo();

            Some(LineEnd)
        "#]],
        );
    }

    /// The first line was shown before the others were generated.
    #[test]
    fn invalid_line_keeps_the_line_above_it() {
        check_in(
            "c",
            "int f(int x) {\nˇ}\n",
            "\tif (x) {\n\t@\ty();\n\t}\n}\n",
            &expect![[r#"
            int f(int x) {
            «	if (x) {
            »}

            Some(SyntaxErrors)
        "#]],
        );
    }

    /// A line that may repeat the line above is withheld, with the cursor's indentation.
    #[test]
    fn withheld_line_keeps_the_line_above_it() {
        check(
            "\n\tfoo();\n\tˇbar();",
            "let x = 1;\n\tfoo();",
            &expect![[r#"

            	foo();
            	«let x = 1;
            	»bar();
            Some(LineEnd)
        "#]],
        );
    }

    #[test]
    fn lines_up_to_the_existing_one_are_inserted() {
        check(
            "a {\nˇ    d();\n}",
            "    b();\n    c();\n    d();\n}\n",
            &expect![[r#"
            a {
            «    b();
                c();
            »    d();
            }
            Some(SuffixMet)
        "#]],
        );
        check(
            "a {\nˇ    d();\n}",
            "\n    b();\n    c();\n    e();\n}\n",
            &expect![[r#"
            a {
            «
                b();
            »    d();
            }
            Some(LineEnd)
        "#]],
        );
        check(
            "a {\n    ˇd();\n}",
            "b();\n    c();\n    d();\n}\n",
            &expect![[r#"
            a {
                «b();
                c();
                »d();
            }
            Some(SuffixMet)
        "#]],
        );
    }

    #[test]
    fn existing_line_is_not_repeated_or_joined() {
        check(
            "a {\nˇ    d();\n}",
            "    d();\n}\n",
            &expect![[r#"
            a {
            «»    d();
            }
            Some(SuffixMet)
        "#]],
        );
        check(
            "a {\nˇ    d();\n}",
            "    c();",
            &expect![[r#"
            a {
            «»    d();
            }
            Some(RestFollows)
        "#]],
        );
        check(
            "a {\n    ˇd();\n}",
            "c();\n}\n",
            &expect![[r#"
            a {
                «»d();
            }
            Some(RestFollows)
        "#]],
        );
        check(
            "a {\n    ˇd();\n}",
            "let x = d();\n",
            &expect![[r#"
            a {
                «let x =»d();
            }
            Some(SuffixMet)
        "#]],
        );
    }

    #[test]
    fn insert_must_not_break_the_existing_line() {
        check_in(
            "rust",
            "fn f() {\nˇ    g();\n}",
            "    } else {\n        h();\n",
            &expect![[r#"
            fn f() {
            «»    g();
            }
            Some(SyntaxErrors)
        "#]],
        );
    }
}
