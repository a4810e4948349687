//! Cuts places out of a file: text that a user would type next, and the document without it.

use std::ops::Range;

use fastrand::Rng;

use super::{
    brackets::{Brackets, Pair},
    lines::Lines,
};

/// The kind of text to cut out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A line, what is indented below it, and its closer.
    Block,
    /// A block with blank lines in it.
    SpacedBlock,
    /// All of a block but its first line, whose brackets the editor has closed after the cursor.
    Body,
    /// A line without a block.
    Line,
    /// A line before one that closes a block.
    LastLine,
    /// A line and its line break; the cursor is at the start of the next line.
    BeforeLine,
    /// The rest of a line.
    Remainder,
    /// The rest of a line, whose brackets the editor has closed after the cursor.
    ClosedRemainder,
    /// The text between two brackets or quotes.
    Brackets,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Block,
        Self::SpacedBlock,
        Self::Body,
        Self::Line,
        Self::LastLine,
        Self::BeforeLine,
        Self::Remainder,
        Self::ClosedRemainder,
        Self::Brackets,
    ];

    /// The name in tables and JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::SpacedBlock => "spaced_block",
            Self::Body => "body",
            Self::Line => "line",
            Self::LastLine => "last_line",
            Self::BeforeLine => "before_line",
            Self::Remainder => "remainder",
            Self::ClosedRemainder => "closed_remainder",
            Self::Brackets => "brackets",
        }
    }

    /// The name of the group of kinds that share a floor.
    #[cfg(test)]
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Block | Self::SpacedBlock => "blocks",
            Self::Body => "bodies",
            Self::BeforeLine => "lines_above",
            Self::Line
            | Self::LastLine
            | Self::Remainder
            | Self::ClosedRemainder
            | Self::Brackets => "lines",
        }
    }
}

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) kind: Kind,
    /// The number of the cursor's line, from 0.
    pub(super) line: usize,
    /// The bytes that are cut out.
    pub(super) range: Range<usize>,
    /// The closers that the editor inserted after the cursor.
    pub(super) closers: String,
}

impl Place {
    fn new(kind: Kind, line: usize, range: Range<usize>) -> Self {
        Self { kind, line, range, closers: String::new() }
    }

    /// The text that is cut out.
    pub(super) fn expected<'a>(&self, text: &'a str) -> &'a str {
        &text[self.range.clone()]
    }
}

/// A longer line is not what anybody types.
const MAX_LINE_BYTES: usize = 160;

/// At most `limit` places of each kind, spread over the file, in the order of the file.
pub(super) fn places(text: &str, language: &str, limit: usize) -> Vec<Place> {
    let lines = Lines::of(text);
    let mut found = vec![];
    for line in 1..lines.len() {
        let n_bytes = lines.range(line).len();
        if !lines.is_blank(line) && n_bytes <= MAX_LINE_BYTES {
            cut_line(&lines, language, line, &mut found);
        }
    }
    let mut taken: Vec<Place> = vec![];
    for kind in Kind::ALL {
        let of_kind: Vec<&Place> = found.iter().filter(|it| it.kind == kind).collect();
        let n = of_kind.len().min(limit);
        taken.extend((0..n).map(|i| of_kind[i * of_kind.len() / n].clone()));
    }
    taken.sort_by_key(|it| (it.line, it.kind, it.range.start));
    taken
}

/// The places that start in a line.
fn cut_line(lines: &Lines, language: &str, line: usize, found: &mut Vec<Place>) {
    // The choice depends on nothing else, so a change elsewhere in the file keeps it.
    let mut rng = Rng::with_seed(line as u64);
    let text = lines.get(line);
    let brackets = Brackets::of(text, language);
    if !lines.is_closer(line) && !lines.continues(line) {
        cut_block(lines, language, line, &brackets, found);
        if has_whole_statement(text, language, &brackets) {
            cut_whole_line(lines, line, found);
        }
    }
    found.extend(remainder(lines, line, &mut rng));
    found.extend(closed_remainder(lines, line, &brackets, &mut rng));
    found.extend(inside_brackets(lines, line, &brackets, &mut rng));
}

fn cut_block(
    lines: &Lines,
    language: &str,
    line: usize,
    brackets: &Brackets,
    found: &mut Vec<Place>,
) {
    let Some(block) = lines.block(line) else { return };
    let range = lines.range(line);
    let end = lines.range(block.last).end;
    let balance = |range: Range<usize>| {
        range.fold((0, 0), |(n_open, n_unopened), line| {
            let it = Brackets::of(lines.get(line), language);
            (n_open + it.closers.len(), n_unopened + it.n_unopened)
        })
    };
    let (n_open, n_unopened) = balance(line..block.last + 1);
    let text = lines.text(line..block.last + 1);
    if n_open != n_unopened || !closes_delimiters(text, language) {
        return;
    }
    let kind = if block.has_blank { Kind::SpacedBlock } else { Kind::Block };
    found.push(Place::new(kind, line, range.start + lines.indent(line)..end));
    let first = lines.get(line).trim_end();
    let last = lines.get(block.last).trim_start();
    let closers = &brackets.closers;
    let is_body = match closers.as_str() {
        "" => [":", " do", " then"].iter().any(|it| first.ends_with(it)),
        closers => first.ends_with(['(', '[', '{']) && block.is_closed && last.starts_with(closers),
    };
    if is_body && !block.has_parts && !block.has_blank {
        let start = range.start + first.len();
        let place = Place::new(Kind::Body, line, start..end);
        found.push(Place { closers: closers.clone(), ..place });
    }
}

/// Whether a line can be a statement of its own: it closes its brackets and multi-line strings.
fn has_whole_statement(line: &str, language: &str, brackets: &Brackets) -> bool {
    brackets.is_balanced() && closes_delimiters(line, language) && line.trim().len() > 2
}

/// Whether a text closes the multi-line strings and comments that it opens.
fn closes_delimiters(text: &str, language: &str) -> bool {
    let n = |it: &str| text.matches(it).count();
    let has_templates = language.starts_with("javascript") || language.starts_with("typescript");
    let pairs = ["\"\"\"", "'''", "```"].into_iter();
    let mut pairs =
        pairs.chain(has_templates.then_some("`")).chain((language == "sql").then_some("$$"));
    let has_heredoc = ["<<-", "<<~", "<<'", "<<\"", "<<<"].iter().any(|it| {
        text.split_once(it).is_some_and(|(_, after)| {
            let word = after.trim_start_matches(['\'', '"']);
            let n = word.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(word.len());
            n > 0 && !word[n..].contains(&word[..n])
        })
    });
    let is_shell = language == "shellscript";
    let n_quotes = n("\"") - n("\\\"");
    let is_open = has_heredoc || is_shell && n_quotes % 2 == 1;
    !is_open && pairs.all(|it| n(it).is_multiple_of(2)) && n("/*") == n("*/")
}

fn cut_whole_line(lines: &Lines, line: usize, found: &mut Vec<Place>) {
    let (range, indent) = (lines.range(line), lines.indent(line));
    let next = lines.next_text(line + 1);
    if next.is_some_and(|it| lines.indent(it) > indent || lines.get(it).trim() == "{") {
        return;
    }
    let start = range.start + indent;
    let kind = match next {
        Some(next) if lines.indent(next) < indent && lines.is_closer(next) => Kind::LastLine,
        _ => Kind::Line,
    };
    found.push(Place::new(kind, line, start..range.end));
    let is_adjacent = next == Some(line + 1) && lines.indent(line + 1) == indent;
    if is_adjacent && !lines.is_closer(line + 1) && !lines.continues(line + 1) {
        // The cursor is before or behind the indentation.
        let before = if line.is_multiple_of(2) { 0 } else { indent };
        let next = lines.range(line + 1).start;
        found.push(Place::new(Kind::BeforeLine, line, range.start + before..next + before));
    }
}

fn remainder(lines: &Lines, line: usize, rng: &mut Rng) -> Option<Place> {
    let text = lines.get(line).trim_end();
    let starts: Vec<usize> = token_starts(text).skip(1).filter(|at| text.len() - at >= 3).collect();
    let at = *rng.choice(&starts)?;
    let start = lines.range(line).start;
    Some(Place::new(Kind::Remainder, line, start + at..start + text.len()))
}

fn closed_remainder(
    lines: &Lines,
    line: usize,
    brackets: &Brackets,
    rng: &mut Rng,
) -> Option<Place> {
    let text = lines.get(line).trim_end();
    let is_within = |at: &usize| brackets.pairs.iter().any(|it| it.open < *at && *at < it.close);
    // Most suggestions are requested right after an opening bracket.
    let mut starts: Vec<usize> = if rng.bool() {
        brackets.pairs.iter().map(|it| it.open + 1).collect()
    } else {
        token_starts(text).filter(is_within).collect()
    };
    // The editor has typed the closers.
    starts
        .retain(|at| text[*at..].contains(|c: char| !c.is_whitespace() && !")]}\"',;".contains(c)));
    let at = *rng.choice(&starts)?;
    let start = lines.range(line).start;
    let place = Place::new(Kind::ClosedRemainder, line, start + at..start + text.len());
    Some(Place { closers: brackets.auto_closed(text, at), ..place })
}

fn inside_brackets(
    lines: &Lines,
    line: usize,
    brackets: &Brackets,
    rng: &mut Rng,
) -> Option<Place> {
    let text = lines.get(line);
    let is_long = |it: &&Pair| text[it.open + 1..it.close].trim().len() >= 2;
    let pairs: Vec<&Pair> = brackets.pairs.iter().filter(is_long).collect();
    let pair = rng.choice(&pairs)?;
    let start = lines.range(line).start;
    Some(Place::new(Kind::Brackets, line, start + pair.open + 1..start + pair.close))
}

/// The byte_idx of each word and each other visible character.
fn token_starts(line: &str) -> impl Iterator<Item = usize> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut last = ' ';
    line.char_indices().filter_map(move |(at, c)| {
        let is_start = !c.is_whitespace() && (!is_word(c) || !is_word(last));
        last = c;
        is_start.then_some(at)
    })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    /// Prints the places of a kind with `«»` around the text that is cut out, and then what the
    /// editor has inserted.
    fn check(kind: Kind, language: &str, text: &str, expected: &Expect) {
        let places = places(text, language, usize::MAX);
        let print = |Place { range, closers, line, .. }: &Place| {
            let start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
            let end = text[range.end..].find('\n').map_or(text.len(), |at| range.end + at);
            let (before, after) = (&text[start..range.start], &text[range.end..end]);
            format!("{line}: {before}«{}»{closers}{after}\n", &text[range.clone()])
        };
        let found: String = places.iter().filter(|it| it.kind == kind).map(print).collect();
        expected.assert_eq(&found);
    }

    const RUST: &str = "\
fn a() {}

fn main() {
    let x = f(1, [2, 3]);

    if x {
        println!(\"{x}\");
    } else {
        g();
    }
    done(x);
}
";

    #[test]
    fn blocks_are_cut() {
        check(
            Kind::Block,
            "rust",
            RUST,
            &expect![[r#"
                5:     «if x {
                        println!("{x}");
                    } else {
                        g();
                    }»
            "#]],
        );
        check(
            Kind::SpacedBlock,
            "rust",
            RUST,
            &expect![[r#"
            2: «fn main() {
                let x = f(1, [2, 3]);

                if x {
                    println!("{x}");
                } else {
                    g();
                }
                done(x);
            }»
        "#]],
        );
        check(
            Kind::Body,
            "rust",
            "\nf(|| {\n    g();\n});\n",
            &expect![[r#"
            1: f(|| {«
                g();
            });»})
        "#]],
        );
        check(
            Kind::Body,
            "python",
            "\nif a:\n    b\nc\n",
            &expect![[r#"
            1: if a:«
                b»
        "#]],
        );
    }

    #[test]
    fn lines_are_cut() {
        check(
            Kind::Line,
            "rust",
            RUST,
            &expect![[r#"
            3:     «let x = f(1, [2, 3]);»
        "#]],
        );
        check(
            Kind::LastLine,
            "rust",
            RUST,
            &expect![[r#"
                6:         «println!("{x}");»
                8:         «g();»
                10:     «done(x);»
            "#]],
        );
        check(
            Kind::BeforeLine,
            "python",
            "\nif a:\n    b()\n    c()\n    d()\n",
            &expect![[r#"
            2: «    b()
            »    c()
            3:     «c()
                »d()
        "#]],
        );
    }

    #[test]
    fn parts_of_lines_are_cut() {
        check(
            Kind::Remainder,
            "rust",
            RUST,
            &expect![[r#"
            2: fn «main() {»
            3:     let x = f(1, «[2, 3]);»
            5:     if «x {»
            6:         println!("{x«}");»
            7:     } «else {»
            8:         g«();»
            10:     done(«x);»
        "#]],
        );
        check(
            Kind::ClosedRemainder,
            "rust",
            RUST,
            &expect![[r#"
            3:     let x = f(1, [«2, 3]);»])
            6:         println!(«"{x}");»)
            10:     done(«x);»)
        "#]],
        );
        check(
            Kind::Brackets,
            "rust",
            RUST,
            &expect![[r#"
            3:     let x = f(«1, [2, 3]»);
            6:         println!(«"{x}"»);
        "#]],
        );
    }

    #[test]
    fn limit_spreads_over_the_file() {
        let text = "a = 1\n".repeat(101);
        let found = places(&text, "", 4);
        let lines = found.iter().filter(|it| it.kind == Kind::Line).map(|it| it.line);
        assert_eq!(lines.collect::<Vec<_>>(), [1, 26, 51, 76]);
    }
}
