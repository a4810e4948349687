//! Decides where a suggestion ends and how much of a text is shown. Pure functions of text, one
//! rule per file.
//!
//! The same code sees every partial text and the final one. **Architecture Invariant:** shown text
//! only grows: for every text and every extension of it, the bytes kept of the first are a prefix
//! of the bytes kept of the second. A rule that cannot decide yet therefore holds back what it may
//! have to cut, and a rule that has stopped a text decides the same for every extension.

mod block_end;
mod brackets;
mod certainty;
mod chat_preamble;
mod duplicate_lines;
mod indent;
mod insert_above;
mod invisible_chars;
mod join;
mod place;
mod repetition;
mod scanner;
mod scans;
mod settle;
mod shape;
mod special_tokens;
mod structure;
mod suffix;
mod syntax;

use std::{
    borrow::Cow,
    cmp::Ordering,
    sync::{Arc, OnceLock},
};

use parking_lot::Mutex;
use scanner::Language;
use settle::Judge;
use shape::{Judged, Shape};
use structure::Structure;

pub use brackets::{is_closer, only_closers};
pub use certainty::{
    DEFAULT_MIN_PROBABILITY, READING_COST_KEYS, Rest, best_end, reading_cost_keys,
};
pub use indent::Indent;
pub use invisible_chars::is_hidden;
pub use place::CursorContext;
pub use scans::Scans;
pub use syntax::{Grammar, MAX_BYTES as MAX_SYNTAX_BYTES, Parsed, Syntax, Trees, errors};

/// The default of [`Style::max_lines`].
pub const MAX_LINES: usize = 16;

/// The default of [`Style::min_chars`].
pub const MIN_CHARS: usize = 1;

/// The rule that stopped a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopRule {
    /// The line is complete.
    LineEnd,
    /// The block is complete: a dedent, a blank line, the closing line.
    BlockEnd,
    /// The text after the cursor is repeated.
    SuffixMet,
    /// The limit of lines is reached.
    MaxLines,
    /// It leads into the rest of the cursor's line.
    Joined,
    /// It is a complete line, but text follows the cursor on its line.
    RestFollows,
    /// It repeats the same few characters.
    Repetition,
    /// It repeats the lines above.
    Copy,
    /// It is text that chat models write around code.
    Chat,
    /// It spells out a special token.
    Marker,
    /// It contains an invisible character, or one that reorders others.
    Hidden,
    /// It adds syntax errors to the document.
    SyntaxErrors,
    /// It is too short.
    TooLittle,
    /// The model is not sure enough how the text continues.
    Unsure,
}

impl StopRule {
    /// All rules.
    pub const ALL: [Self; 14] = [
        Self::LineEnd,
        Self::BlockEnd,
        Self::SuffixMet,
        Self::MaxLines,
        Self::Joined,
        Self::RestFollows,
        Self::Repetition,
        Self::Copy,
        Self::Chat,
        Self::Marker,
        Self::Hidden,
        Self::SyntaxErrors,
        Self::TooLittle,
        Self::Unsure,
    ];

    /// The name in logs and JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LineEnd => "line_end",
            Self::BlockEnd => "block_end",
            Self::SuffixMet => "suffix_met",
            Self::MaxLines => "max_lines",
            Self::Joined => "joined",
            Self::RestFollows => "rest_follows",
            Self::Repetition => "repetition",
            Self::Copy => "copy",
            Self::Chat => "chat",
            Self::Marker => "marker",
            Self::Hidden => "hidden",
            Self::SyntaxErrors => "syntax_errors",
            Self::TooLittle => "too_little",
            Self::Unsure => "unsure",
        }
    }
}

/// Whether more text may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The generation continues.
    Partial,
    /// The generation ended, but the model did not end the text.
    Final,
    /// The model ended the text.
    Ended,
}

impl Phase {
    /// The phase of a text that the model continues or has ended.
    #[must_use]
    pub fn of(is_ended: bool) -> Self {
        if is_ended { Self::Ended } else { Self::Partial }
    }

    /// Whether the text is complete.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Partial
    }
}

/// The result of a rule.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cut {
    /// Byte length of the prefix that may be shown.
    pub keep_bytes: usize,
    /// The rule that stopped the text, if any: no more of it would be shown.
    pub stop: Option<StopRule>,
}

impl Cut {
    /// The whole text.
    fn all(text: &str) -> Self {
        Self { keep_bytes: text.len(), stop: None }
    }

    /// The shorter of two cuts.
    fn and(self, other: Self) -> Self {
        match self.keep_bytes.cmp(&other.keep_bytes) {
            Ordering::Less => self,
            Ordering::Greater => other,
            Ordering::Equal => Self { stop: self.stop.or(other.stop), ..self },
        }
    }
}

/// The user's preferences for suggestions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The maximum number of lines.
    pub max_lines: usize,
    /// The minimum number of non-whitespace characters. A single bracket or quote is too short
    /// unless this is 0.
    pub min_chars: usize,
    /// The editor's indentation; by default, that of the document's lines.
    pub indent: Option<Indent>,
    /// Whether a line is held back until it is complete and its syntax is known.
    pub whole_lines: bool,
    /// Whether a text may start a new line after a complete one. Most such texts are wrong, so
    /// enable this only if unlikely text is not shown.
    pub next_line: bool,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            max_lines: MAX_LINES,
            min_chars: MIN_CHARS,
            indent: None,
            whole_lines: false,
            next_line: false,
        }
    }
}

/// The rules at one cursor.
#[derive(Debug, Clone)]
pub struct Policy {
    context: CursorContext,
    style: Style,
    syntax: Option<Arc<Syntax>>,
    left_out: Vec<StopRule>,
    has_rules: bool,
    document: Option<Arc<Document>>,
    /// Computed when first needed.
    structure: Arc<OnceLock<Structure>>,
    judged: Arc<Mutex<Judged>>,
}

/// The document around the cursor, with `\n` as its only line break.
#[derive(Debug)]
struct Document {
    scans: Arc<Scans>,
    uri: String,
    before: String,
    after: String,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(CursorContext::default())
    }
}

/// A rule, and the reason it reports.
type Rule = (StopRule, fn(&CursorContext, &str, Phase) -> Cut);

const RULES: [Rule; 5] = [
    (StopRule::Hidden, invisible_chars::cut),
    (StopRule::Marker, special_tokens::cut),
    (StopRule::Chat, chat_preamble::cut),
    (StopRule::Copy, duplicate_lines::cut),
    (StopRule::Repetition, repetition::cut),
];

impl Policy {
    /// The rules at a cursor.
    #[must_use]
    pub fn new(context: CursorContext) -> Self {
        Self {
            context,
            style: Style::default(),
            syntax: None,
            left_out: vec![],
            has_rules: true,
            document: None,
            structure: Arc::default(),
            judged: Arc::default(),
        }
    }

    /// The rules that [`Policy::without`] can leave out.
    pub const OPTIONAL: &[StopRule] = &[
        StopRule::SuffixMet,
        StopRule::BlockEnd,
        StopRule::Hidden,
        StopRule::Marker,
        StopRule::Chat,
        StopRule::Copy,
        StopRule::Repetition,
        StopRule::SyntaxErrors,
        StopRule::TooLittle,
    ];

    /// A baseline without rules, which keeps everything.
    #[must_use]
    pub fn none() -> Self {
        Self { has_rules: false, ..Self::default() }
    }

    /// The same rules with another style.
    #[must_use]
    pub fn with_style(self, style: Style) -> Self {
        Self { style, judged: Arc::default(), ..self }
    }

    /// The same rules with the document's syntax.
    #[must_use]
    pub fn with_syntax(self, syntax: Option<Syntax>) -> Self {
        Self { syntax: syntax.map(Arc::new), judged: Arc::default(), ..self }
    }

    /// The same rules with the whole document, because the surrounding lines do not always show
    /// what is open at the cursor. `before` and `after` the cursor use `\n` as their only line
    /// break.
    #[must_use]
    pub fn with_document(
        self,
        scans: &Arc<Scans>,
        uri: &str,
        before: String,
        after: String,
    ) -> Self {
        let (scans, uri) = (Arc::clone(scans), uri.to_owned());
        let document = Document { scans, uri, before, after };
        Self {
            document: Some(Arc::new(document)),
            structure: Arc::default(),
            judged: Arc::default(),
            ..self
        }
    }

    /// The same policy without some rules, to measure the effect of each.
    #[must_use]
    pub fn without(self, left_out: Vec<StopRule>) -> Self {
        Self { left_out, judged: Arc::default(), ..self }
    }

    /// The text as shown: with the document's indentation, and without whitespace at the ends of
    /// complete lines. The result for a prefix that does not end with whitespace is a prefix of the
    /// result for the whole text.
    #[must_use]
    pub fn written<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.has_rules {
            return Cow::Borrowed(text);
        }
        // Lines inserted above the existing line end with its indentation.
        let is_whole = insert_above::is_whole(&self.context, text);
        let n_kept = if is_whole { self.context.line_before.len() } else { 0 };
        let (lines, indent_after) = text.split_at(text.len() - n_kept);
        let trimmed = match self.context.is_prose() {
            true => Cow::Borrowed(text),
            false if indent_after.is_empty() => indent::trim_lines(text),
            false => Cow::Owned(format!("{}{indent_after}", indent::trim_lines(lines))),
        };
        let (editor, document) = (self.style.indent, self.context.indent);
        // If both use spaces, the document's step overrides the editor's settings.
        let indent = match (editor, document) {
            (Some(editor), Some(document)) if editor.with_spaces && document.with_spaces => {
                Some(document)
            }
            _ => editor.or(document),
        };
        match indent {
            Some(indent) if !trimmed.is_empty() => {
                let lines = self.structure().lines(&trimmed, Phase::Final);
                let above = self.context.above.split('\n').rev();
                let place = indent::Place {
                    line_above: { above }.find(|it| !it.trim().is_empty()).unwrap_or_default(),
                    line_before: &self.context.line_before,
                    steps: if self.structure().language().is_aligned() {
                        u16::MAX
                    } else {
                        self.context.steps
                    },
                };
                let is_verbatim = |i: usize| lines.get(i).is_none_or(|it| it.starts_in_text);
                indent.apply(&place, trimmed, is_verbatim)
            }
            _ => trimmed,
        }
    }

    /// Applies the rules to the text so far.
    #[must_use]
    pub fn cut(&self, text: &str, phase: Phase) -> Cut {
        if !self.has_rules {
            return Cut::all(text);
        }
        let (shape, join) = self.shape().cut(text, phase);
        let rules = RULES.iter().filter(|(stop, _)| !self.left_out.contains(stop));
        let all = Cut::all(text);
        let rules = rules.fold(all, |cut, (_, rule)| cut.and(rule(&self.context, text, phase)));
        let mut cut = shape.and(rules);
        if let Some(end) = join {
            // Part of a text that is joined would not fit before the rest of the line.
            if rules.keep_bytes >= end && !self.is_too_little(text[..end].trim()) {
                return Cut { keep_bytes: end, ..shape };
            }
            cut.stop = rules.stop.or((rules.keep_bytes >= end).then_some(StopRule::TooLittle));
        }
        if insert_above::is_whole(&self.context, &text[..shape.keep_bytes]) {
            cut.keep_bytes = insert_above::whole_lines(&self.context, text, cut.keep_bytes);
        }
        let cut = match &self.syntax {
            Some(_) if self.left_out.contains(&StopRule::SyntaxErrors) => cut,
            Some(syntax) if insert_above::is_whole(&self.context, &text[..cut.keep_bytes]) => {
                let first_bytes = insert_above::first_line(&self.context, text);
                syntax.cut_before_line(text, cut, first_bytes, phase)
            }
            Some(syntax) => syntax.cut(text, cut, phase, self.style.whole_lines),
            None => cut,
        };
        self.cut_if_too_little(text, cut, phase)
    }

    /// Shortens a complete text that was not shown yet. `cut` is its result of [`Policy::cut`].
    /// Removes lines that are known to be wrong, and constructs that the text opens without
    /// closing.
    #[must_use]
    pub fn settle(&self, text: &str, cut: Cut) -> Cut {
        if !self.has_rules
            || cut.stop == Some(StopRule::Joined)
            || self.left_out.contains(&StopRule::SyntaxErrors)
        {
            return cut;
        }
        let Self { context, .. } = self;
        let judge = Judge { context, structure: self.structure(), syntax: self.syntax.as_deref() };
        self.cut_if_too_little(text, judge.settle(text, cut), Phase::Final)
    }

    fn shape(&self) -> Shape<'_> {
        let Self { context, style, left_out, judged, .. } = self;
        let syntax = self.syntax.as_deref();
        let syntax = syntax.filter(|_| !left_out.contains(&StopRule::SyntaxErrors));
        Shape { context, structure: self.structure(), syntax, style: *style, left_out, judged }
    }

    fn structure(&self) -> &Structure {
        self.structure.get_or_init(|| match &self.document {
            Some(it) => {
                let language = Language::of(&self.context.language, &it.uri);
                Structure::new(&it.scans, &it.uri, language, &it.before, &it.after, true)
            }
            None => Structure::of(&self.context),
        })
    }

    /// Removes trailing whitespace, because a rule may still cut there, and rejects texts that are
    /// too short.
    fn cut_if_too_little(&self, text: &str, cut: Cut, phase: Phase) -> Cut {
        let all = &text[..cut.keep_bytes];
        // The line break before an existing line is not trailing whitespace.
        let kept = if insert_above::is_whole(&self.context, all) { all } else { all.trim_end() };
        match (self.is_too_little(kept), phase.is_final() || cut.stop.is_some()) {
            (true, true) => Cut { keep_bytes: 0, stop: Some(StopRule::TooLittle) },
            (true, false) => Cut { keep_bytes: 0, stop: None },
            (false, _) => Cut { keep_bytes: kept.len(), ..cut },
        }
    }

    fn is_too_little(&self, kept: &str) -> bool {
        // Editors insert a single bracket themselves.
        let is_lone = || matches!(kept, ")" | "]" | "}" | "\"" | "'" | "`");
        let n_chars = || kept.chars().filter(|c| !c.is_whitespace()).count();
        !self.left_out.contains(&StopRule::TooLittle)
            && !kept.is_empty()
            && self.style.min_chars > 0
            && (is_lone() || n_chars() < self.style.min_chars)
    }
}

/// How many characters of the rest of the cursor's line a text replaces: auto-closed text that the
/// text closes itself before it continues.
#[must_use]
pub fn n_replaced(text: &str, line_after: &str) -> usize {
    let Some(closers) = brackets::leading_closers(line_after) else { return 0 };
    if text.contains('\n') && !text.starts_with('\n') {
        return 0;
    }
    brackets::retyped(text, closers).n_rest_chars
}

/// Cuts a suggestion before a `closer` that it would repeat, because the editor has inserted one.
#[must_use]
pub fn cut_closed(text: &str, closer: char) -> &str {
    let line = text.split('\n').next().unwrap_or_default();
    brackets::first_unmatched(line, closer).map_or(text, |byte_idx| &text[..byte_idx])
}

/// The width of a line's indentation, with tab stops at multiples of four.
fn indent_width(line: &str) -> usize {
    indent_width_of(line, "")
}

/// The width of the indentation of a line that consists of two parts.
fn indent_width_of(start: &str, end: &str) -> usize {
    let chars = start.chars().chain(end.chars());
    chars.take_while(|c| c.is_whitespace()).fold(0, |width, c| match c {
        '\t' => width / 4 * 4 + 4,
        _ => width + 1,
    })
}

/// The lines of a text with the byte_idx of each; the last one has no line break.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').scan(0, |byte_idx, line| {
        let start = *byte_idx;
        *byte_idx += line.len() + 1;
        Some((start, line))
    })
}

#[cfg(test)]
mod tests;
