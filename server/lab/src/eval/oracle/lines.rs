//! The lines of a file, and the blocks that they form.

use std::ops::Range;

/// The maximum number of lines in a block.
const MAX_BLOCK_LINES: usize = 12;

/// A file's lines.
pub(super) struct Lines<'a> {
    text: &'a str,
    /// The bytes of each line, without its line break.
    ranges: Vec<Range<usize>>,
}

/// A block: its first line, what is indented below, and the line that closes it, if any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// The number of its last line.
    pub(super) last: usize,
    pub(super) has_blank: bool,
    /// Whether the last line closes what the first one opens.
    pub(super) is_closed: bool,
    /// Whether there are lines such as `} else {` in it.
    pub(super) has_parts: bool,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let mut start = 0;
        let ranges = text.split('\n').map(|line| {
            let range = start..start + line.len();
            start = range.end + 1;
            range
        });
        Self { text, ranges: ranges.collect() }
    }

    pub(super) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// The bytes of a line, without its line break.
    pub(super) fn range(&self, line: usize) -> Range<usize> {
        self.ranges[line].clone()
    }

    pub(super) fn get(&self, line: usize) -> &'a str {
        &self.text[self.range(line)]
    }

    /// The text of a range of lines.
    pub(super) fn text(&self, lines: Range<usize>) -> &'a str {
        &self.text[self.ranges[lines.start].start..self.ranges[lines.end - 1].end]
    }

    pub(super) fn is_blank(&self, line: usize) -> bool {
        self.get(line).trim().is_empty()
    }

    /// Byte length of a line's indentation.
    pub(super) fn indent(&self, line: usize) -> usize {
        let line = self.get(line);
        line.len() - line.trim_start().len()
    }

    /// The number of the first line from `line` that is not blank.
    pub(super) fn next_text(&self, line: usize) -> Option<usize> {
        (line..self.len()).find(|it| !self.is_blank(*it))
    }

    /// Whether a line closes a block, or closes one and opens the next.
    pub(super) fn is_closer(&self, line: usize) -> bool {
        let line = self.get(line).trim();
        line.starts_with([')', '}', ']'])
            || ["</", "/>", "></", "-->", "*/", "#endif"].iter().any(|it| line.starts_with(it))
            || matches!(line, ">" | ";;")
            || is_closing_word(line)
    }

    /// Whether a line continues the block above at the same indentation.
    pub(super) fn continues(&self, line: usize) -> bool {
        const WORDS: [&str; 15] = [
            "else", "elif", "elseif", "elsif", "except", "catch", "finally", "rescue", "ensure",
            "after", "then", "where", "while", "in", "do",
        ];
        let trimmed = self.get(line).trim();
        let is_word = WORDS[..9].contains(&first_word(trimmed)) || WORDS[9..].contains(&trimmed);
        is_word || trimmed.starts_with("{:else") || trimmed.starts_with("#el")
    }

    /// Whether the brace of a block may be on the line after `line`.
    fn awaits_brace(&self, first: usize, line: usize) -> bool {
        line == first || self.continues(line)
    }

    /// The block that starts at a line. `None` if nothing is indented below the line, or the block
    /// is too long.
    pub(super) fn block(&self, first: usize) -> Option<Block> {
        let indent = self.indent(first);
        let mut block = Block { last: first, has_blank: false, is_closed: false, has_parts: false };
        let mut is_body = false;
        while let Some(next) = self.next_text(block.last + 1) {
            let is_adjacent = next == block.last + 1;
            let is_deeper = self.indent(next) > indent;
            let is_awaited = is_body && !block.is_closed && self.is_closer(next);
            let is_same = self.indent(next) == indent && (is_adjacent || is_awaited);
            if is_deeper && !block.is_closed {
                is_body = true;
            } else if is_same
                && self.get(next).trim() == "{"
                && self.awaits_brace(first, block.last)
            {
                // The brace that opens the body is on a line of its own.
            } else if is_same && (self.continues(next) || (is_body && self.is_closer(next))) {
                block.has_parts |= block.is_closed || self.continues(next);
                let below = self.next_text(next + 1);
                let reopens = below.is_some_and(|it| self.indent(it) > indent);
                block.has_parts |= reopens;
                block.is_closed = !reopens && self.is_closer(next);
                is_body |= reopens;
            } else {
                break;
            }
            block.has_blank |= !is_adjacent;
            block.last = next;
            if block.last - first >= MAX_BLOCK_LINES {
                return None;
            }
        }
        (is_body && block.last > first).then_some(block)
    }
}

/// Whether a line starts with a word that closes a block, and not with a name such as `end(`.
fn is_closing_word(line: &str) -> bool {
    const WORDS: [&str; 7] = ["end", "fi", "done", "esac", "until", "endif", "endforeach"];
    let word = first_word(line);
    let rest = &line[word.len()..];
    WORDS.contains(&word.to_ascii_lowercase().as_str())
        && (rest.is_empty() || rest.starts_with([' ', ')', ']', '}', ',', ';', '.', '|']))
        && !rest.trim_start().starts_with(['=', ':'])
}

fn first_word(line: &str) -> &str {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The text of the block that starts at the first line.
    fn block(text: &str) -> Option<(String, Block)> {
        let lines = Lines::of(text);
        let block = lines.block(0)?;
        Some((text[..lines.range(block.last).end].to_owned(), block))
    }

    #[test]
    fn block_ends_at_its_closer() {
        for (text, expected) in [
            ("if a {\n  b\n}\nc", "if a {\n  b\n}"),
            ("if a {\n  b\n} else {\n  c\n}\nd", "if a {\n  b\n} else {\n  c\n}"),
            ("if (a)\n{\n  b;\n}\nc", "if (a)\n{\n  b;\n}"),
            ("if (a)\n{\n  b;\n}\nelse\n{\n  c;\n}\nd", "if (a)\n{\n  b;\n}\nelse\n{\n  c;\n}"),
            ("if a:\n  b\nelse:\n  c\nd", "if a:\n  b\nelse:\n  c"),
            ("f do\n  a\n\n  b\nend\n", "f do\n  a\n\n  b\nend"),
            ("if a {\n  b\n}\ndone(c)", "if a {\n  b\n}"),
            ("<p>\n\n  a\n\n</p>\n<p>", "<p>\n\n  a\n\n</p>"),
            ("a:\n  - b\nc: d", "a:\n  - b"),
            ("<p>\n  a\n</p>\n<p>", "<p>\n  a\n</p>"),
            ("<p\n  a=\"b\"\n>\n  c\n</p>\n", "<p\n  a=\"b\"\n>\n  c\n</p>"),
        ] {
            let (found, block) = block(text).unwrap();
            assert_eq!(found, expected);
            assert_eq!(block.has_blank, text.contains("\n\n"));
            assert_eq!(
                block.has_parts,
                ["else", "\n>"].iter().any(|it| text.contains(it)),
                "{text}"
            );
        }
    }

    #[test]
    fn line_alone_is_no_block() {
        assert_eq!(block("a\nb"), None);
        assert_eq!(block("a\n\nb"), None);
        let long: String = (0..20).map(|i| format!("\n  {i}")).collect();
        assert_eq!(block(&format!("a{long}")), None);
    }
}
