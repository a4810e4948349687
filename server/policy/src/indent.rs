//! Indents the lines of a text like the document.

use std::borrow::Cow;

/// A document's indentation (LSP 3.18, `FormattingOptions`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Indent {
    /// Whether the document is indented with spaces instead of tabs.
    pub with_spaces: bool,
    /// The width of a tab or of one step of spaces, in columns.
    pub tab_columns: usize,
}

/// The widest indentation step, in columns.
const MAX_STEP: usize = 8;

/// A document counts as indented with tabs if it has more than this many lines with tabs per line
/// with spaces.
const MIXED: usize = 8;

impl Indent {
    /// Detects the indentation of the lines around the cursor, including the cursor's line if it is
    /// blank before the cursor: tabs or spaces if nearly all lines agree, and the most frequent
    /// step between a line and a deeper next one. `None` if it is unclear. Also returns the steps
    /// that occur, as bits.
    pub(super) fn of_lines<'a>(
        above: impl Iterator<Item = &'a str>,
        line_before: &'a str,
        below: impl Iterator<Item = &'a str>,
    ) -> (Option<Self>, u16) {
        let (mut n_tabs, mut n_spaces) = (0, 0);
        let mut steps = [0; MAX_STEP + 1];
        let (mut previous, mut is_below) = (0, false);
        let cursor = Some(line_before).filter(|it| it.trim().is_empty() && !it.is_empty());
        let lines = above.map(|it| (it, false)).chain(cursor.map(|it| (it, true)));
        for (line, is_cursor) in lines.chain(below.map(|it| (it, false))) {
            // The cursor's line only counts if there is a line above it.
            if line.trim().is_empty() && !(is_cursor && is_below) {
                continue;
            }
            is_below = true;
            n_tabs += usize::from(line.starts_with('\t'));
            n_spaces += usize::from(line.starts_with("  "));
            let n = line.len() - line.trim_start_matches(' ').len();
            if let Some(times) = n.checked_sub(previous).and_then(|step| steps.get_mut(step)) {
                *times += 1;
            }
            previous = n;
        }
        let mut occur =
            (1..=MAX_STEP).filter(|it| steps[*it] > 0).fold(0, |bits, it| bits | 1 << it);
        if n_tabs > MIXED * n_spaces {
            return (Some(Self { with_spaces: false, tab_columns: 4 }), occur);
        }
        // A single space belongs to a comment or an alignment. Between equally frequent steps the
        // shorter wins, since the longer may be an alignment.
        let step = (2..=MAX_STEP).rev().max_by_key(|step| steps[*step]).unwrap_or_default();
        let step = (n_tabs == 0 && step > 0 && steps[step] > 0).then_some(step);
        if step.is_some_and(|it| steps[it] < 2) && cursor.is_none_or(str::is_empty) {
            // One line is not enough evidence to reindent a text.
            occur = u16::MAX;
        }
        (step.map(|tab_columns| Self { with_spaces: true, tab_columns }), occur)
    }

    /// Rewrites the indentation of each line outside strings. A block with a step that the document
    /// does not use gets the document's step, including the first line if the line above opens its
    /// block.
    pub(super) fn apply<'a>(
        self,
        place: &Place<'_>,
        text: Cow<'a, str>,
        is_verbatim: impl Fn(usize) -> bool,
    ) -> Cow<'a, str> {
        let first_is_deeper = place.line_before.trim().is_empty() && text.starts_with([' ', '\t']);
        if !text.contains('\n') && !first_is_deeper {
            return text;
        }
        let mut lines = text.split('\n');
        let first = lines.next().unwrap_or_default();
        let first_line = format!("{}{first}", place.line_before);
        let mut written = first.to_owned();
        let mut above = self.columns(&first_line);
        let mut block_step: Option<BlockStep> = None;
        if first_is_deeper && !first.trim().is_empty() && opens_an_indented_block(place.line_above)
        {
            block_step = self.block_step(place, self.columns(place.line_above), above);
            let n_columns = block_step.map_or(above, |it| it.into(above, self));
            if let Some(more) = n_columns.checked_sub(self.columns(place.line_before)) {
                let code = first.trim_start_matches([' ', '\t']);
                if block_step.is_some() && self.with_spaces {
                    written = format!("{:more$}{code}", "");
                }
            }
        }
        let mut opens = opens_an_indented_block(&first_line);
        for (i, line) in lines.enumerate() {
            written.push('\n');
            if is_verbatim(i + 1) {
                written.push_str(line);
                continue;
            }
            let code = line.trim_start_matches([' ', '\t']);
            // Tabs followed by spaces are an alignment that assumes another tab width.
            let after_tabs = line.trim_start_matches('\t');
            if after_tabs.len() < line.len() && after_tabs.starts_with(' ') {
                written.push_str(line);
                continue;
            }
            let n_columns = self.columns(line);
            if block_step.is_none() && opens && n_columns > above {
                block_step = self.block_step(place, above, n_columns);
            }
            self.indent(&mut written, block_step.map_or(n_columns, |it| it.into(n_columns, self)));
            written.push_str(code);
            if !code.is_empty() {
                (above, opens) = (n_columns, opens_an_indented_block(code));
            }
        }
        Cow::Owned(written)
    }

    /// The step of a block whose lines are indented to `n_columns` below a line at `from`, unless
    /// the document has such blocks.
    fn block_step(self, place: &Place<'_>, from: usize, n_columns: usize) -> Option<BlockStep> {
        let step = n_columns.checked_sub(from).filter(|it| (1..=MAX_STEP).contains(it))?;
        (place.steps & 1 << step == 0).then_some(BlockStep { from, step })
    }

    /// The width of a line's indentation.
    fn columns(self, line: &str) -> usize {
        let tab_columns = self.tab_columns.max(1);
        line.chars().take_while(|c| matches!(c, ' ' | '\t')).fold(0, |n, c| match c {
            '\t' => n / tab_columns * tab_columns + tab_columns,
            _ => n + 1,
        })
    }

    fn indent(self, written: &mut String, n_columns: usize) {
        let tab_columns = self.tab_columns.max(1);
        let (n_tabs, n_spaces) = if self.with_spaces {
            (0, n_columns)
        } else {
            (n_columns / tab_columns, n_columns % tab_columns)
        };
        written.extend(std::iter::repeat_n('\t', n_tabs));
        written.extend(std::iter::repeat_n(' ', n_spaces));
    }
}

/// A text without whitespace at the ends of its lines, except for the last one, which may continue.
pub(super) fn trim_lines(text: &str) -> Cow<'_, str> {
    let Some((above, last)) = text.rsplit_once('\n') else { return Cow::Borrowed(text) };
    if !above.contains([' ', '\t']) || !crate::lines(above).any(|(_, line)| line != line.trim_end())
    {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = above.split('\n').map(str::trim_end).chain([last]).collect();
    Cow::Owned(lines.join("\n"))
}

/// The context that determines how a text is indented.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Place<'a> {
    /// The nearest non-blank line above the cursor's.
    pub(super) line_above: &'a str,
    pub(super) line_before: &'a str,
    /// The indentation steps that occur in the document, as bits.
    pub(super) steps: u16,
}

/// The step that a generated block uses, from the width `from` on.
#[derive(Clone, Copy)]
struct BlockStep {
    from: usize,
    step: usize,
}

impl BlockStep {
    fn into(self, n_columns: usize, indent: Indent) -> usize {
        match n_columns.checked_sub(self.from) {
            Some(more) => self.from + more / self.step * indent.tab_columns + more % self.step,
            None => n_columns,
        }
    }
}

/// Whether the line after this one is one step deeper. False where it may be aligned instead: after
/// `(`, and after markers such as `? {` or `{ if a; then`.
fn opens_an_indented_block(line: &str) -> bool {
    const MARKERS: [&str; 7] = ["? ", ": ", "- ", "* ", "&& ", "|| ", "{ "];
    let line = line.trim_end();
    if MARKERS.iter().any(|it| line.trim_start().starts_with(it)) {
        return false;
    }
    line.ends_with(['{', ':'])
        || [" do", " then", "\telse", " else"].iter().any(|it| line.ends_with(it))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(with_spaces: bool, tab_columns: usize, text: &str, written: &str) {
        let indent = Indent { with_spaces, tab_columns };
        let place = Place::default();
        assert_eq!(indent.apply(&place, Cow::Borrowed(text), |_| false), written);
    }

    #[test]
    fn lines_use_the_documents_indent() {
        check(true, 4, "{\n\tlet a;\n\t\tb\n}", "{\n    let a;\n        b\n}");
        check(true, 2, "{\n\ta\n", "{\n  a\n");
        check(false, 4, "{\n    a\n      b\n}", "{\n\ta\n\t  b\n}");
        check(false, 4, "{\n\ta\n}", "{\n\ta\n}");
        check(true, 4, "{\n  \ta", "{\n    a");
        check(true, 4, "    if a {\n        b\n    }", "    if a {\n        b\n    }");
    }

    #[test]
    fn other_whitespace_is_unchanged() {
        check(true, 4, "\ta\tb\n    c\td", "\ta\tb\n    c\td");
    }

    #[test]
    fn zero_tab_columns_count_as_one() {
        check(false, 0, "a\n  b", "a\n\t\tb");
    }

    #[test]
    fn indent_step_follows_the_document() {
        check(
            true,
            2,
            "if x {\n    if y {\n        z\n    }\n}",
            "if x {\n  if y {\n    z\n  }\n}",
        );
        check(true, 4, "if x:\n  y\n  if z:\n    a", "if x:\n    y\n    if z:\n        a");
        check(false, 4, "if x {\n  y\n}", "if x {\n\ty\n}");
        check(true, 4, "f(\n        a,\n        b)", "f(\n        a,\n        b)");
    }

    #[test]
    fn indent_is_detected_from_lines() {
        let of = |text: &str| {
            let (indent, _) = Indent::of_lines(text.lines(), "x", [].into_iter());
            indent.map(|it| (it.with_spaces, it.tab_columns))
        };
        assert_eq!(of("a {\n\tb\n}"), Some((false, 4)));
        assert_eq!(of("a {\n  b {\n    c\n  }\n}"), Some((true, 2)));
        assert_eq!(of("a:\n    b(c,\n      d)\n    if e:\n        f"), Some((true, 4)));
        assert_eq!(of("a\nb\n"), None);
        assert_eq!(of("/*\n * a\n */"), None);
        assert_eq!(of(""), None);
    }
}
