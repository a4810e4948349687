//! Whole lines that were inserted: a field of a literal, an arm of a match, a statement.
//!
//! Another place looks the same if the lines above and below it are like those around the last
//! insertion: equal, or setting the same in a block of the same name. After two insertions, it is
//! enough if they have what the lines around both have in common.

use std::ops::Range;

use super::{Repeat, line_change::tokens};
use crate::{
    history::{Placed, joined},
    words,
};

/// The most lines that are repeated, and their maximum size in bytes.
const MAX_LINES: usize = 4;
const MAX_BYTES: usize = 240;
/// How far from a place its block is searched for the inserted lines.
const MAX_BLOCK_LINES: usize = 60;
/// The tokens that lines above or below examples must have in common. In equal lines, each counts
/// twice: at the start and at the end.
const MIN_COMMON: usize = 4;

/// The places of the same shape as the one where the last edit inserted lines.
pub(super) fn inserted(text: &str, placed: &[Placed]) -> Vec<Repeat> {
    let lines = Lines { text, lines: super::lines(text).collect() };
    let mut insertions = joined(placed).into_iter();
    let last = insertions.next().and_then(|it| lines.insertion(&it));
    let Some(last) = last.filter(|it| lines.is_short(it)) else { return Vec::new() };
    let texts = |it: &Range<usize>| -> Vec<&str> {
        it.clone().map(|i| lines.line(i).trim()).filter(|it| !it.is_empty()).collect()
    };
    let is_same = |it: &Range<usize>| texts(it) == texts(&last);
    let is_comment = last.clone().all(|i| lines.line(i).is_empty() || is_comment(lines.line(i)));
    let mut examples = vec![last.clone()];
    examples.extend(insertions.filter_map(|it| lines.insertion(&it)).filter(is_same));
    if is_comment && examples.len() == 1 {
        return Vec::new();
    }
    let around = |it: &Range<usize>| (lines.line_above(it.start), lines.line(it.end));
    let (above, below): (Vec<&str>, Vec<&str>) = examples.iter().map(around).unzip();
    let common = [Common::of(&above), Common::of(&below)];
    let sites = (0..lines.lines.len()).filter(|i| lines.is_site(&examples, &common, *i));
    let found = sites.filter_map(|i| lines.at(&examples, i));
    found
        .map(|(range, new)| Repeat { range, new, n_examples: examples.len(), inserts: true })
        .collect()
}

/// A text and its lines: where they start, and their text without white space at the end.
struct Lines<'a> {
    text: &'a str,
    lines: Vec<(usize, &'a str)>,
}

impl<'a> Lines<'a> {
    /// A line; empty before the first one and after the last one.
    fn line(&self, line_idx: usize) -> &'a str {
        self.lines.get(line_idx).map_or("", |it| it.1)
    }

    fn line_above(&self, line_idx: usize) -> &'a str {
        line_idx.checked_sub(1).map_or("", |it| self.line(it))
    }

    /// The lines that an edit inserted, if it inserted whole lines only.
    fn insertion(&self, Placed { range, before, after, .. }: &Placed) -> Option<Range<usize>> {
        let n_lines = after.matches('\n').count();
        let line = self.lines.partition_point(|it| it.0 <= range.start).checked_sub(1)?;
        let head = &self.text[self.lines[line].0..range.start];
        let rest = self.text[range.end..].split('\n').next()?;
        let (first, tail) = (after.split('\n').next()?, after.rsplit('\n').next()?);
        let is_blank = |it: &str| it.trim().is_empty();
        let first_line = if is_blank(head) && is_blank(tail) {
            line
        } else if is_blank(rest) && matches!(first.trim(), "" | ",") {
            line + 1
        } else {
            return None;
        };
        (is_blank(before) && n_lines > 0).then_some(first_line..first_line + n_lines)
    }

    /// Whether inserted lines are few, contain a word, and are finished.
    fn is_short(&self, insertion: &Range<usize>) -> bool {
        let n_bytes: usize = insertion.clone().map(|i| self.line(i).len()).sum();
        // An editor has closed a block that the user will fill.
        let is_open = insertion.clone().any(|i| self.line(i).ends_with("{}"));
        insertion.len() <= MAX_LINES
            && n_bytes <= MAX_BYTES
            && !is_open
            && insertion.clone().any(|i| has_word(self.line(i)))
    }

    /// Whether the place below a line looks like those of the examples. `common` is what the lines
    /// above them, and those below them, have in common.
    fn is_site(
        &self,
        examples: &[Range<usize>],
        common: &[Common<'_>; 2],
        line_idx: usize,
    ) -> bool {
        let own = [self.line(line_idx), self.line(line_idx + 1)];
        let are_alike = common.iter().any(Common::says_enough)
            && common.iter().zip(own).all(|(it, line)| it.is_in(line));
        let is_alike =
            examples.len() > 1 && are_alike || self.is_like_one(&examples[0], own, line_idx);
        let is_in = |it: &Range<usize>| it.start <= line_idx + 1 && line_idx < it.end;
        is_alike && !examples.iter().any(is_in) && !self.is_there(&examples[0], line_idx)
    }

    /// Whether the lines above and below a place are like those around the only example.
    fn is_like_one(&self, example: &Range<usize>, own: [&str; 2], line_idx: usize) -> bool {
        let (above, below) = (self.line_above(example.start), self.line(example.end));
        let are_equal = [is_equal(above, own[0]), is_equal(below, own[1])];
        let has_common = |a, b| Common::of(&[a, b]).says_enough();
        match (are_equal, [is_telling(above), is_telling(below)]) {
            ([true, true], [true, _] | [_, true]) if !is_closer(below) => true,
            ([true, false], [true, _]) if has_common(below, own[1]) => true,
            ([false, true], [_, true]) if has_common(above, own[0]) => true,
            (_, [true, _] | [_, true]) => {
                let is_like = is_like(above, own[0]) && is_like(below, own[1]);
                is_like && self.have_same_head(example.start.saturating_sub(1), line_idx)
            }
            _ => false,
        }
    }

    /// Whether a place has the inserted lines already: next to it, or, unless they begin with an
    /// attribute, anywhere in its block; or whether its block sets the same.
    fn is_there(&self, insertion: &Range<usize>, line_idx: usize) -> bool {
        let Some(first) = insertion.clone().map(|i| self.line(i)).find(|it| !it.is_empty()) else {
            return true;
        };
        let next = line_idx + 1;
        let mut nearby = next.saturating_sub(insertion.len())..next + insertion.len();
        if nearby.any(|i| is_equal(self.line(i), first)) {
            return true;
        }
        let depth = indent(self.line(line_idx)).len().max(indent(self.line(next)).len());
        let is_in_block =
            |i: &usize| self.line(*i).is_empty() || indent(self.line(*i)).len() >= depth;
        let above = (0..next).rev().take(MAX_BLOCK_LINES).take_while(is_in_block);
        let below = (next..self.lines.len()).take(MAX_BLOCK_LINES).take_while(is_in_block);
        let is_statement = depth > 0 && !first.trim_start().starts_with(['@', '#', '[']);
        let is_same = |i: usize| {
            let line = self.line(i);
            let is_equal = is_statement && indent(line).len() == depth && is_equal(line, first);
            is_equal || sets_same(line, first)
        };
        above.chain(below).any(is_same)
    }

    /// Whether the blocks around two lines are opened by the same name, or are elements of a list.
    fn have_same_head(&self, a: usize, b: usize) -> bool {
        let Some((a, b)) = self.opener(a).zip(self.opener(b)) else { return false };
        let is_element = |it: &str| it.trim() == "{" || key(it).is_some() && head(it).is_none();
        let are_elements = is_element(a) && is_element(b) && indent(a) == indent(b);
        are_elements || head(a).is_some() && head(a) == head(b)
    }

    /// The line that opens the block around a line.
    fn opener(&self, line_idx: usize) -> Option<&'a str> {
        let line = self.line(line_idx);
        if is_opener(line) {
            return Some(line);
        }
        let depth = indent(line).len();
        let above = (0..line_idx).rev().take(MAX_BLOCK_LINES).map(|i| self.line(i));
        above.into_iter().find(|it| !it.is_empty() && indent(it).len() < depth)
    }

    /// The edit that inserts the lines of the examples below a line, with its indentation and commas.
    fn at(&self, examples: &[Range<usize>], line_idx: usize) -> Option<(Range<usize>, String)> {
        let example = &examples[0];
        let (start, above) = self.lines[line_idx];
        let end = start + above.len();
        let eol = &self.text[end..];
        let eol = ["\r\n", "\n"].into_iter().find(|it| eol.starts_with(it))?;
        let (its_above, its_below) = (self.line_above(example.start), self.line(example.end));
        let inserted: Vec<&str> = example.clone().map(|i| self.line(i)).collect();
        // A last line of white space alone is where the user goes on.
        let last_line = self.lines.get(example.end - 1).map_or("", |it| &self.text[it.0..]);
        let ends_with_cursor = last_line.starts_with([' ', '\t']);
        let n_lines = inserted.len() - usize::from(ends_with_cursor && inserted.ends_with(&[""]));
        let its_indent = indent(inserted.iter().find(|it| !it.is_empty())?);
        let below = self.line(line_idx + 1);
        let own_indent = if indent(its_above) == its_indent {
            indent(above).to_owned()
        } else if indent(its_below) == its_indent && !below.is_empty() && !is_closer(below) {
            indent(below).to_owned()
        } else {
            format!("{}{}", indent(above), its_indent.strip_prefix(indent(its_above))?)
        };
        let mut new = String::new();
        for line in &inserted[..n_lines] {
            let rest = line.strip_prefix(its_indent).or_else(|| line.is_empty().then_some(""))?;
            let own_indent = if rest.is_empty() { "" } else { &own_indent };
            new += &format!("{eol}{own_indent}{rest}");
        }
        // The last element may have no comma.
        let (code, its_code) = (code(above), code(its_above));
        let has_commas = new.ends_with(',') || its_code.ends_with(',');
        if has_commas && !is_opener(above) {
            new.truncate(new.trim_end_matches(',').len());
            if code.ends_with(',') || !is_closer(below) {
                new += ",";
            } else if its_code.ends_with(',') {
                // Before the comment at the end of the line.
                let comment = &above[code.len()..];
                return Some((start + code.len()..end, format!(",{comment}{new}")));
            }
        }
        Some((end..end, new))
    }
}

/// What lines have in common: the tokens at their start and their end.
struct Common<'a> {
    start: Vec<&'a str>,
    end: Vec<&'a str>,
    /// Whether the first of them is empty: then so must others be.
    is_first_empty: bool,
}

impl<'a> Common<'a> {
    fn of(lines: &[&'a str]) -> Self {
        let mut lines = lines.iter().map(|it| texts(it));
        let mut start = lines.next().unwrap_or_default();
        let is_first_empty = start.is_empty();
        let mut end = start.clone();
        for line in lines {
            let n = start.iter().zip(&line).take_while(|(a, b)| a == b).count();
            start.truncate(n);
            let n = end.iter().rev().zip(line.iter().rev()).take_while(|(a, b)| a == b).count();
            end.drain(..end.len() - n);
        }
        Self { start, end, is_first_empty }
    }

    fn is_in(&self, line: &str) -> bool {
        let texts = texts(line);
        texts.starts_with(&self.start)
            && texts.ends_with(&self.end)
            && (!self.is_first_empty || texts.is_empty())
    }

    fn says_enough(&self) -> bool {
        let common: Vec<&str> = self.start.iter().chain(&self.end).copied().collect();
        let has_word = common.iter().any(|it| it.len() > 1 && it.starts_with(words::is_word));
        has_word && common.len() >= MIN_COMMON
    }
}

fn texts(line: &str) -> Vec<&str> {
    tokens(line).into_iter().map(|it| &line[it]).collect()
}

fn indent(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// A line without the comment at its end.
fn code(line: &str) -> &str {
    let is_comment = |at: &usize| {
        let before = &line[..*at];
        let is_closed = |quote| before.matches(quote).count() % 2 == 0;
        is_closed('"') && is_closed('\'') && !before.trim().is_empty()
    };
    let starts = [" //", " # ", " /*"].iter().flat_map(|it| line.match_indices(it));
    let end = starts.map(|it| it.0).filter(is_comment).min().unwrap_or(line.len());
    line[..end].trim_end()
}

/// Whether a line is a comment.
fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "# ", "/*", "* ", "*/"].iter().any(|it| line.starts_with(it)) || line == "*"
}

/// Whether a line opens a block.
fn is_opener(line: &str) -> bool {
    code(line).ends_with(['{', '(', '[', ':'])
}

/// The word before the first bracket of a line that opens a block.
fn head(opener: &str) -> Option<&str> {
    let before = opener[..opener.find(['(', '{', '['])?].trim_end();
    let head = &before[before.len() - words::n_before(before, before.len())..];
    Some(head).filter(|it| !it.is_empty())
}

/// Whether a line begins with the end of a block.
fn is_closer(line: &str) -> bool {
    line.trim_start().starts_with(['}', ')', ']'])
}

/// Whether two lines are equal, or set the same, or open or close a block.
fn is_like(a: &str, b: &str) -> bool {
    is_equal(a, b)
        || sets_same(a, b)
        || is_opener(a) && is_opener(b)
        || is_closer(a) && is_closer(b)
}

fn is_equal(a: &str, b: &str) -> bool {
    let [a, b] = [a, b].map(|it| it.trim().trim_end_matches(','));
    a == b
}

fn sets_same(a: &str, b: &str) -> bool {
    key(a).is_some_and(|it| key(b) == Some(it))
}

/// Whether a line says what it is about.
fn is_telling(line: &str) -> bool {
    has_word(line) && !is_opener(line) && !is_closer(line)
}

/// Whether a line has a word of more than one character.
fn has_word(line: &str) -> bool {
    line.split(|c| !words::is_word(c)).any(|it| it.len() > 1)
}

/// The field, pattern or variable that a line sets, from the text before `:`, `=`, `=>` or `->`: for
/// `Shape::Circle(r) => 1`, it is `Shape::Circle`.
fn key(line: &str) -> Option<&str> {
    let line = line.trim();
    let mut depth = 0;
    let is_end = |(at, c): &(usize, char)| {
        let (before, rest) = line.split_at(*at);
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        let is_comparison = before.ends_with(['=', '!', '<', '>']) || rest.starts_with("==");
        let is_path = before.ends_with(':') || rest.starts_with("::");
        let is_arrow = rest.starts_with("-> ") && before.ends_with(' ');
        let is_sign = matches!(c, ':' | '=') && !is_comparison && !is_path;
        depth == 0 && (is_sign || is_arrow)
    };
    let end = line.char_indices().find(is_end)?.0;
    let is_arm = line[end..].starts_with("=>") || line[end..].starts_with("->");
    let mut key = line[..end].trim_end().trim_end_matches(['?', '!']);
    if is_arm {
        key = key[..key.find(['(', '{', '[']).unwrap_or(key.len())].trim_end();
    }
    let is_word = key.ends_with(|c| words::is_word(c) || c == '"' || c == '\'');
    (is_word && !key.contains(['(', '{', '['])).then_some(key)
}
