//! Cuts text that chat models write around code: fences, headings of examples, phrases addressed to
//! the reader.

use super::{CursorContext, Cut, Phase, StopRule, lines};

/// The starts of comments that announce an example instead of continuing the code.
const HEADINGS: [&str; 6] = [
    "example usage",
    "example use:",
    "usage example",
    "sample usage",
    "driver code",
    "test cases:",
];
/// The starts of lines that address the reader.
const PHRASES: [&str; 10] = [
    "```",
    "here is the ",
    "here is a ",
    "here's the ",
    "here's a ",
    "sure, ",
    "sure! ",
    "certainly! ",
    "explanation:",
    "let me know if",
];
const COMMENTS: [&str; 6] = ["#", "//", "--", "/*", "*", ";"];

/// How trailing comments that address the reader start.
const ASIDES: [&str; 12] = [
    "output:",
    "outputs:",
    "prints ",
    "print ",
    "replace ",
    "add your ",
    "your code",
    "maximum number of ",
    "change this ",
    "this will ",
    "expected output",
    "should print",
];

/// Byte_idx of a trailing comment that addresses the reader, including the whitespace before it,
/// and whether it certainly is one. `None` also if the document already contains such a comment.
fn aside(context: &CursorContext, line: &str, is_whole: bool) -> Option<(usize, bool)> {
    let mut quote = None;
    for (byte_idx, c) in line.char_indices() {
        match (quote, c) {
            (Some(q), _) if q == c => quote = None,
            (Some(_), _) => continue,
            (None, '"' | '\'' | '`') => quote = Some(c),
            (None, _) => {}
        }
        let rest = &line[byte_idx..];
        let before = &line[..byte_idx];
        let Some(leader) = ["//", "# ", "-- "].into_iter().find(|it| rest.starts_with(it)) else {
            // A partial line may end inside the comment leader.
            if !is_whole && ["//", "# ", "-- "].iter().any(|it| it.starts_with(rest)) {
                return Some((before.trim_end().len(), false));
            }
            continue;
        };
        if quote.is_some() || !before.ends_with(char::is_whitespace) || before.trim().is_empty() {
            continue;
        }
        let words = rest[leader.len()..].trim_start().to_lowercase();
        let foreign = |it: &&str| !context.above.to_lowercase().contains(*it);
        if ASIDES.iter().filter(|it| words.starts_with(**it)).any(foreign) {
            return Some((before.trim_end().len(), true));
        }
        let may_be = !is_whole && ASIDES.iter().any(|it| it.starts_with(&words));
        return may_be.then_some((before.trim_end().len(), false));
    }
    None
}

/// Searches for the first such line that starts in the text, not before the cursor. In prose, such
/// lines are ordinary text.
pub(super) fn cut(context: &CursorContext, text: &str, phase: Phase) -> Cut {
    if context.is_prose() {
        return Cut::all(text);
    }
    let n_lines = lines(text).count();
    let skipped = usize::from(!context.line_before.trim().is_empty());
    for (i, (start, line)) in lines(text).enumerate() {
        let is_whole = phase.is_final() || i + 1 < n_lines;
        if i >= skipped
            && let Some(stop) = phrase(context, line, is_whole)
        {
            return Cut { keep_bytes: start, stop };
        }
        let first = format!("{}{line}", context.line_before);
        let n_before = if i == 0 { context.line_before.len() } else { 0 };
        let whole = if i == 0 { first.as_str() } else { line };
        if let Some((at, is_aside)) = aside(context, whole, is_whole)
            && let Some(at) = at.checked_sub(n_before)
        {
            let stop = is_aside.then_some(StopRule::Chat);
            return Cut { keep_bytes: start + at, stop };
        }
    }
    Cut::all(text)
}

/// `Some` if a line is held back: with a stop if it starts with a phrase, without one if it may
/// still become one.
fn phrase(context: &CursorContext, line: &str, is_whole: bool) -> Option<Option<StopRule>> {
    let content = line.trim_start();
    let (words, begins): (_, &[&str]) = match comment_content(content) {
        Some(words) => (words, &HEADINGS),
        None => (content, &PHRASES),
    };
    let words = words.to_lowercase();
    // Such phrases are allowed if the document already contains them.
    let foreign = |begin: &&str| !context.above.to_lowercase().contains(*begin);
    if begins.iter().filter(|it| words.starts_with(**it)).any(foreign) {
        return Some(Some(StopRule::Chat));
    }
    let may_be = !is_whole
        && !content.is_empty()
        && begins.iter().filter(|it| it.starts_with(&words)).any(foreign);
    let may_be_comment =
        !is_whole && COMMENTS.iter().any(|it| *it != content && it.starts_with(content));
    (may_be || may_be_comment).then_some(None)
}

/// The content of a comment; `None` for code.
fn comment_content(line: &str) -> Option<&str> {
    let leader = COMMENTS.iter().find(|it| line.starts_with(**it))?;
    Some(line[leader.len()..].trim_start_matches(['/', '!', '*', '#', '-', ';']).trim_start())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use crate::tests::{check, check_in};

    #[test]
    fn code_fence_ends_the_code() {
        check(
            "    ˇ",
            "return total\n```\nThis function",
            &expect![[r#"
                    «return total»
                Some(BlockEnd)
            "#]],
        );
        check(
            "ˇ",
            "```python\ndef f():\n",
            &expect![[r#"
                «»
                Some(Chat)
            "#]],
        );
    }

    #[test]
    fn usage_examples_and_chat_end_the_code() {
        check(
            "ˇ",
            "def double(x):\n    return 2 * x\n# Example usage:\nprint(double(2))",
            &expect![[r#"
                «def double(x):
                    return 2 * x»
                Some(Chat)
            "#]],
        );
        check(
            "ˇ",
            "Here is the code:\n",
            &expect![[r#"
                «»
                Some(Chat)
            "#]],
        );
    }

    #[test]
    fn begun_example_comment_is_continued() {
        check(
            "# Exampleˇ",
            " usage of the parser\n",
            &expect![[r#"
                # Example« usage of the parser»
                Some(LineEnd)
            "#]],
        );
    }

    #[test]
    fn markdown_may_contain_fences() {
        check_in(
            "markdown",
            "## Use\n\nˇ",
            "```sh\nmake\n```",
            &expect![[r#"
            ## Use

            «```sh
            make
            ```»
            None
        "#]],
        );
    }

    #[test]
    fn similar_comments_are_code() {
        check(
            "    ˇ",
            "// Examples are tests too.\n    surely(x);\n    // Here is the end.\n    -x",
            &expect![[r#"
                    «// Examples are tests too.
                    surely(x);
                    // Here is the end.
                    -x»
                None
            "#]],
        );
    }
}
