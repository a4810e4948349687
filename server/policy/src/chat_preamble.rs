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

/// Searches for the first such line that starts in the text, not before the cursor. In prose, such
/// lines are ordinary text.
pub(super) fn cut(context: &CursorContext, text: &str, phase: Phase) -> Cut {
    if context.is_prose() {
        return Cut::all(text);
    }
    let n_lines = lines(text).count();
    let skipped = usize::from(!context.line_before.trim().is_empty());
    for (i, (start, line)) in lines(text).enumerate().skip(skipped) {
        let is_whole = phase.is_final() || i + 1 < n_lines;
        let content = line.trim_start();
        let (words, begins): (_, &[&str]) = match comment_content(content) {
            Some(words) => (words, &HEADINGS),
            None => (content, &PHRASES),
        };
        let words = words.to_lowercase();
        // Documents that already contain such a phrase may get more of them.
        let foreign = |begin: &&str| !context.above.to_lowercase().contains(*begin);
        if begins.iter().filter(|it| words.starts_with(**it)).any(foreign) {
            return Cut { keep_bytes: start, stop: Some(StopRule::Chat) };
        }
        let may_be = !is_whole
            && !content.is_empty()
            && begins.iter().filter(|it| it.starts_with(&words)).any(foreign);
        if may_be
            || (!is_whole && COMMENTS.iter().any(|it| *it != content && it.starts_with(content)))
        {
            return Cut { keep_bytes: start, stop: None };
        }
    }
    Cut::all(text)
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
