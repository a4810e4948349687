//! Where a completion stops, and what of it is shown. Pure functions of text, one rule a file.
//!
//! The same code looks at every partial text and at the last one. **Architecture Invariant:** what
//! a partial shows is never taken back: for every text and every longer one that begins with it,
//! the bytes kept of the first are a beginning of the bytes kept of the second. So a rule that
//! can't tell yet holds back what it may have to cut, and once it has stopped a text it says the
//! same of every longer one.

mod block_end;
mod brackets;
mod chat_preamble;
mod duplicate_lines;
mod indent;
mod insert_above;
mod invisible_chars;
mod place;
mod repetition;
mod special_tokens;
mod suffix;
mod syntax;

use std::{borrow::Cow, cmp::Ordering, sync::Arc};

pub use brackets::{is_closer, only_closers};
pub use indent::Indent;
pub use invisible_chars::is_hidden;
pub use place::CursorContext;
pub use syntax::{MAX_BYTES as MAX_SYNTAX_BYTES, Syntax, Trees};

/// The most lines that one completion shows, unless the user says otherwise.
pub const MAX_LINES: usize = 16;

/// The fewest characters of a completion, unless the user says otherwise.
pub const MIN_CHARS: usize = 1;

/// The rule that stopped a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StopRule {
    /// The line that was begun is complete.
    LineEnd,
    /// The block that was begun is complete: a dedent, a blank line, the closing line.
    BlockEnd,
    /// The text after the cursor begins again.
    SuffixMet,
    /// The most lines that may be shown are there.
    MaxLines,
    /// It is a line of its own, and text follows the cursor in its line.
    RestFollows,
    /// The same few characters again and again.
    Repetition,
    /// The lines above, once more.
    Copy,
    /// What a chat model says around code.
    Chat,
    /// A token with a meaning of its own, written out as text.
    Marker,
    /// A character that is not to be seen, or that changes the order of others.
    Hidden,
    /// With it the document has more syntax errors than without.
    SyntaxErrors,
    /// Too little to be worth a look.
    TooLittle,
    /// The model was less sure of it than the user wants.
    Uncertain,
}

impl StopRule {
    /// The rule in one word, as it stands in logs and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::LineEnd => "line_end",
            Self::BlockEnd => "block_end",
            Self::SuffixMet => "suffix_met",
            Self::MaxLines => "max_lines",
            Self::RestFollows => "rest_follows",
            Self::Repetition => "repetition",
            Self::Copy => "copy",
            Self::Chat => "chat",
            Self::Marker => "marker",
            Self::Hidden => "hidden",
            Self::SyntaxErrors => "syntax_errors",
            Self::TooLittle => "too_little",
            Self::Uncertain => "uncertain",
        }
    }
}

/// Whether more text may come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The generation goes on.
    Partial,
    /// The text is complete.
    Final,
}

impl Phase {
    /// The phase of a text that is final or not.
    #[must_use]
    pub fn of(is_final: bool) -> Self {
        if is_final { Self::Final } else { Self::Partial }
    }

    /// Whether nothing more will come.
    #[must_use]
    pub fn is_final(self) -> bool {
        self == Self::Final
    }
}

/// What a look at a text decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// How many bytes at the beginning of the text may be shown.
    pub keep_bytes: usize,
    /// The rule by which nothing that follows would be shown.
    pub stop: Option<StopRule>,
}

impl Cut {
    /// All of a text.
    fn all(text: &str) -> Self {
        Self { keep_bytes: text.len(), stop: None }
    }

    /// What both let through.
    fn and(self, other: Self) -> Self {
        match self.keep_bytes.cmp(&other.keep_bytes) {
            Ordering::Less => self,
            Ordering::Greater => other,
            Ordering::Equal => Self { stop: self.stop.or(other.stop), ..self },
        }
    }
}

/// How a user wants texts to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// The most lines.
    pub max_lines: usize,
    /// The fewest characters, white space not counted. A lone bracket or quote is too little unless
    /// this is 0.
    pub min_chars: usize,
    /// How the editor indents, if it says so; else the document's own lines tell.
    pub indent: Option<Indent>,
    /// Whether nothing is let through of a line before it is whole and its syntax is known.
    pub whole_lines: bool,
    /// How sure the model must have been, in percent: the geometric mean of the probabilities of
    /// a text's tokens.
    pub min_certainty: Option<u8>,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            max_lines: MAX_LINES,
            min_chars: MIN_CHARS,
            indent: None,
            whole_lines: false,
            min_certainty: None,
        }
    }
}

/// The rules for one place.
#[derive(Debug, Clone)]
pub struct Policy {
    context: CursorContext,
    style: Style,
    syntax: Option<Arc<Syntax>>,
    left_out: Vec<StopRule>,
    has_rules: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self::new(CursorContext::default())
    }
}

/// A rule that cuts a text wherever it goes, and the reason that it gives.
type Rule = (StopRule, fn(&CursorContext, &str, Phase) -> Cut);

const RULES: [Rule; 5] = [
    (StopRule::Hidden, invisible_chars::cut),
    (StopRule::Marker, special_tokens::cut),
    (StopRule::Chat, chat_preamble::cut),
    (StopRule::Copy, duplicate_lines::cut),
    (StopRule::Repetition, repetition::cut),
];

impl Policy {
    /// The rules for a completion at `context`.
    #[must_use]
    pub fn new(context: CursorContext) -> Self {
        Self { context, style: Style::default(), syntax: None, left_out: vec![], has_rules: true }
    }

    /// The reasons that [`Policy::without`] can leave out.
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

    /// No rules: all text is let through, to be measured against.
    #[must_use]
    pub fn none() -> Self {
        Self { has_rules: false, ..Self::default() }
    }

    /// The same rules for texts of a style.
    #[must_use]
    pub fn with_style(self, style: Style) -> Self {
        Self { style, ..self }
    }

    /// The same rules with what is known of the document's syntax.
    #[must_use]
    pub fn with_syntax(self, syntax: Option<Syntax>) -> Self {
        Self { syntax: syntax.map(Arc::new), ..self }
    }

    /// The same rules without those that give one of these reasons: to measure what each is good
    /// for.
    #[must_use]
    pub fn without(self, left_out: Vec<StopRule>) -> Self {
        Self { left_out, ..self }
    }

    /// A text that was let through as it is shown: with the document's indentation, and no white
    /// space at the ends of lines. The text of a partial stays a beginning of the text of a longer
    /// one.
    #[must_use]
    pub fn written<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if !self.has_rules {
            return Cow::Borrowed(text);
        }
        let trimmed = if self.context.is_prose() { Cow::Borrowed(text) } else { trim_lines(text) };
        let (told, own) = (self.style.indent, self.context.indent);
        // The step is the document's, whatever the editor's settings are.
        let indent = match (told, own) {
            (Some(told), Some(own)) if told.with_spaces && own.with_spaces => Some(own),
            _ => told.or(own),
        };
        match indent {
            Some(indent) => indent.apply(&self.context.line_before, trimmed),
            None => trimmed,
        }
    }

    /// Looks at the text so far; `phase.is_final()` says that nothing more will come.
    #[must_use]
    pub fn cut(&self, text: &str, phase: Phase) -> Cut {
        if !self.has_rules {
            return Cut::all(text);
        }
        let shape = self.cut_to_shape(text, phase);
        let mut cut = RULES
            .iter()
            .filter(|(stop, _)| !self.left_out.contains(stop))
            .fold(shape, |cut, (_, rule)| cut.and(rule(&self.context, text, phase)));
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

    /// Whether nothing may be shown before the text is whole, since only then it is known how sure
    /// the model was of it.
    #[must_use]
    pub fn waits_for_the_end(&self) -> bool {
        self.style.min_certainty.is_some()
    }

    /// Shows nothing of what the model was not sure enough of, by the mean of the logarithms of its
    /// tokens' probabilities.
    #[must_use]
    pub fn cut_if_uncertain(&self, cut: Cut, mean_log_probability: Option<f32>) -> Cut {
        let (Some(percent), Some(mean)) = (self.style.min_certainty, mean_log_probability) else {
            return cut;
        };
        let is_uncertain = cut.keep_bytes > 0 && mean.exp() * 100.0 < f32::from(percent);
        if is_uncertain { Cut { keep_bytes: 0, stop: Some(StopRule::Uncertain) } } else { cut }
    }

    /// How far the line or the block goes that belongs to the place.
    fn cut_to_shape(&self, text: &str, phase: Phase) -> Cut {
        let context = &self.context;
        let is_last = context.line_after.trim().is_empty();
        if context.line_before.trim().is_empty() {
            return if is_last {
                self.cut_to_block(&context.line_before, text, 0, phase)
            } else if context.is_before_a_line() {
                self.cut_before_line(text, phase)
            } else {
                self.cut_to_line(text, phase)
            };
        }
        match text.strip_prefix('\n') {
            // A whole new line after text makes sense where a block opens, and nowhere else.
            Some(_) if is_last && brackets::opens_a_block(&context.line_before) => {
                self.cut_to_block("", text, 1, phase)
            }
            Some(_) => Cut { keep_bytes: 0, stop: Some(StopRule::LineEnd) },
            None => self.cut_to_line(text, phase),
        }
    }

    /// Either the beginning of the line that is there, or lines to put before it.
    fn cut_before_line(&self, text: &str, phase: Phase) -> Cut {
        let CursorContext { line_before, line_after, .. } = &self.context;
        let line = text.split('\n').next().unwrap_or_default();
        let is_complete = phase.is_final() || line.len() < text.len();
        let meets = match suffix::must_follow(line_after) {
            true => suffix::in_line(line, line_after, is_complete),
            false => suffix::Meets::Not,
        };
        match meets {
            suffix::Meets::Not => insert_above::cut(line_before, text, line_after, phase),
            _ => self.cut_to_line(text, phase),
        }
    }

    fn cut_to_line(&self, text: &str, phase: Phase) -> Cut {
        let (line, complete) = match text.find('\n') {
            Some(line_end) => (&text[..line_end], true),
            None => (text, false),
        };
        let rest_must_follow = suffix::must_follow(&self.context.line_after);
        let meets = if self.left_out.contains(&StopRule::SuffixMet) {
            suffix::Meets::Not
        } else {
            suffix::in_line(line, &self.context.line_after, phase.is_final() || complete)
        };
        match meets {
            suffix::Meets::At(byte_idx) if only_closers(&self.context.line_after) => {
                // What follows what the editor has closed takes the place of it (`n_replaced`).
                if brackets::retyped(line, &self.context.line_after).says_more {
                    Cut { keep_bytes: line.len(), stop: complete.then_some(StopRule::LineEnd) }
                } else {
                    let is_whole = phase.is_final() || complete;
                    Cut { keep_bytes: byte_idx, stop: is_whole.then_some(StopRule::SuffixMet) }
                }
            }
            suffix::Meets::At(byte_idx) => {
                Cut { keep_bytes: byte_idx, stop: Some(StopRule::SuffixMet) }
            }
            // The rest of the line would be glued to a line that is whole without it.
            suffix::Meets::Not if rest_must_follow && complete => {
                Cut { keep_bytes: 0, stop: Some(StopRule::RestFollows) }
            }
            suffix::Meets::Not | suffix::Meets::MaybeAt(_)
                if rest_must_follow && !phase.is_final() =>
            {
                Cut { keep_bytes: 0, stop: None }
            }
            suffix::Meets::MaybeAt(byte_idx) => Cut { keep_bytes: byte_idx, stop: None },
            suffix::Meets::Not => {
                Cut { keep_bytes: line.len(), stop: complete.then_some(StopRule::LineEnd) }
            }
        }
    }

    /// The block begins at a byte_idx; `indent` is what stands before it in its first line.
    fn cut_to_block(&self, indent: &str, text: &str, start: usize, phase: Phase) -> Cut {
        let block = &text[start..];
        let is_open = |byte_idx: usize| match &self.syntax {
            Some(syntax) => syntax.is_open(text[..start + byte_idx].trim_end()),
            None => brackets::depth(&block[..byte_idx]) > 0,
        };
        let unless = |stop, cut| if self.left_out.contains(&stop) { Cut::all(block) } else { cut };
        let suffix = suffix::in_block(indent, block, &self.context.next_line, phase);
        let end = block_end::block_end(indent, block, self.style.max_lines, phase, is_open);
        let Cut { keep_bytes, stop } =
            unless(StopRule::SuffixMet, suffix).and(unless(StopRule::BlockEnd, end));
        Cut { keep_bytes: if keep_bytes == 0 { 0 } else { start + keep_bytes }, stop }
    }

    /// Takes off white space at the end, which may yet be cut while more can come, and shows
    /// nothing of what is too little.
    fn cut_if_too_little(&self, text: &str, cut: Cut, phase: Phase) -> Cut {
        let all = &text[..cut.keep_bytes];
        // The line break before a line that is there is no white space too much.
        let kept = if insert_above::is_whole(&self.context, all) { all } else { all.trim_end() };
        // A lone bracket is what an editor writes by itself.
        let is_lone = |kept: &str| matches!(kept, ")" | "]" | "}" | "\"" | "'" | "`");
        let n_chars = || kept.chars().filter(|c| !c.is_whitespace()).count();
        let too_little = !self.left_out.contains(&StopRule::TooLittle)
            && !kept.is_empty()
            && self.style.min_chars > 0
            && (is_lone(kept) || n_chars() < self.style.min_chars);
        match (too_little, phase.is_final() || cut.stop.is_some()) {
            (true, true) => Cut { keep_bytes: 0, stop: Some(StopRule::TooLittle) },
            (true, false) => Cut { keep_bytes: 0, stop: None },
            (false, _) => Cut { keep_bytes: kept.len(), ..cut },
        }
    }
}

/// A text without white space at the ends of its lines.
fn trim_lines(text: &str) -> Cow<'_, str> {
    if !text.contains([' ', '\t']) || !lines(text).any(|(_, line)| line != line.trim_end()) {
        return Cow::Borrowed(text);
    }
    let lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
    Cow::Owned(lines.join("\n"))
}

/// How many characters of the rest of the cursor's line a text takes the place of: what an editor
/// has closed behind the cursor, where the text closes it and goes on.
#[must_use]
pub fn n_replaced(text: &str, line_after: &str) -> usize {
    if text.contains('\n') || !only_closers(line_after) {
        return 0;
    }
    brackets::retyped(text, line_after).n_rest_chars
}

/// Cuts an offered text before `closer` where the editor has closed by itself since what the text
/// closes there.
#[must_use]
pub fn cut_closed(text: &str, closer: char) -> &str {
    let line = text.split('\n').next().unwrap_or_default();
    brackets::first_unmatched(line, closer).map_or(text, |byte_idx| &text[..byte_idx])
}

/// The width of a line's leading white space, a tab counted up to the next multiple of four.
fn indent_width(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).fold(0, |width, c| match c {
        '\t' => width / 4 * 4 + 4,
        _ => width + 1,
    })
}

/// The lines of a text with the byte_idx of each; the last has no line break behind it.
fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').scan(0, |byte_idx, line| {
        let start = *byte_idx;
        *byte_idx += line.len() + 1;
        Some((start, line))
    })
}

#[cfg(test)]
mod tests;
