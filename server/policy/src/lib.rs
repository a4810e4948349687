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
    place: CursorContext,
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
type Rule = (StopRule, fn(&CursorContext, &str, bool) -> Cut);

const RULES: [Rule; 5] = [
    (StopRule::Hidden, invisible_chars::look),
    (StopRule::Marker, special_tokens::look),
    (StopRule::Chat, chat_preamble::look),
    (StopRule::Copy, duplicate_lines::look),
    (StopRule::Repetition, repetition::look),
];

impl Policy {
    /// The rules for a completion at `place`.
    #[must_use]
    pub fn new(place: CursorContext) -> Self {
        Self { place, style: Style::default(), syntax: None, left_out: vec![], has_rules: true }
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
        let trimmed = if self.place.is_prose() { Cow::Borrowed(text) } else { trim_lines(text) };
        let (told, own) = (self.style.indent, self.place.indent);
        // The step is the document's, whatever the editor's settings are.
        let indent = match (told, own) {
            (Some(told), Some(own)) if told.with_spaces && own.with_spaces => Some(own),
            _ => told.or(own),
        };
        match indent {
            Some(indent) => indent.apply(&self.place.line_before, trimmed),
            None => trimmed,
        }
    }

    /// Looks at the text so far; `ended` says that nothing more will come.
    #[must_use]
    pub fn look(&self, text: &str, ended: bool) -> Cut {
        if !self.has_rules {
            return Cut::all(text);
        }
        let shape = self.look_at_shape(text, ended);
        let mut look = RULES
            .iter()
            .filter(|(stop, _)| !self.left_out.contains(stop))
            .fold(shape, |look, (_, rule)| look.and(rule(&self.place, text, ended)));
        if insert_above::is_whole(&self.place, &text[..shape.keep_bytes]) {
            look.keep_bytes = insert_above::whole_lines(&self.place, text, look.keep_bytes);
        }
        let look = match &self.syntax {
            Some(_) if self.left_out.contains(&StopRule::SyntaxErrors) => look,
            Some(syntax) if insert_above::is_whole(&self.place, &text[..look.keep_bytes]) => {
                let first_bytes = insert_above::first_line(&self.place, text);
                syntax.look_before_a_line(text, look, first_bytes, ended)
            }
            Some(syntax) => syntax.look(text, look, ended, self.style.whole_lines),
            None => look,
        };
        self.look_at_size(text, look, ended)
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
    pub fn look_at_certainty(&self, look: Cut, mean_log_probability: Option<f32>) -> Cut {
        let (Some(percent), Some(mean)) = (self.style.min_certainty, mean_log_probability) else {
            return look;
        };
        let is_uncertain = look.keep_bytes > 0 && mean.exp() * 100.0 < f32::from(percent);
        if is_uncertain { Cut { keep_bytes: 0, stop: Some(StopRule::Uncertain) } } else { look }
    }

    /// How far the line or the block goes that belongs to the place.
    fn look_at_shape(&self, text: &str, ended: bool) -> Cut {
        let place = &self.place;
        let is_last = place.line_after.trim().is_empty();
        if place.line_before.trim().is_empty() {
            return if is_last {
                self.look_at_block(&place.line_before, text, 0, ended)
            } else if place.is_before_a_line() {
                self.look_before_a_line(text, ended)
            } else {
                self.look_at_line(text, ended)
            };
        }
        match text.strip_prefix('\n') {
            // A whole new line after text makes sense where a block opens, and nowhere else.
            Some(_) if is_last && brackets::opens_a_block(&place.line_before) => {
                self.look_at_block("", text, 1, ended)
            }
            Some(_) => Cut { keep_bytes: 0, stop: Some(StopRule::LineEnd) },
            None => self.look_at_line(text, ended),
        }
    }

    /// Either the beginning of the line that is there, or lines to put before it.
    fn look_before_a_line(&self, text: &str, ended: bool) -> Cut {
        let CursorContext { line_before, line_after, .. } = &self.place;
        let line = text.split('\n').next().unwrap_or_default();
        let is_complete = ended || line.len() < text.len();
        let meets = match suffix::must_follow(line_after) {
            true => suffix::in_line(line, line_after, is_complete),
            false => suffix::Meets::Not,
        };
        match meets {
            suffix::Meets::Not => insert_above::look(line_before, text, line_after, ended),
            _ => self.look_at_line(text, ended),
        }
    }

    fn look_at_line(&self, text: &str, ended: bool) -> Cut {
        let (line, complete) = match text.find('\n') {
            Some(line_end) => (&text[..line_end], true),
            None => (text, false),
        };
        let rest_must_follow = suffix::must_follow(&self.place.line_after);
        let meets = if self.left_out.contains(&StopRule::SuffixMet) {
            suffix::Meets::Not
        } else {
            suffix::in_line(line, &self.place.line_after, ended || complete)
        };
        match meets {
            suffix::Meets::At(byte_idx) if only_closers(&self.place.line_after) => {
                // What follows what the editor has closed takes the place of it (`n_replaced`).
                if brackets::retyped(line, &self.place.line_after).says_more {
                    Cut { keep_bytes: line.len(), stop: complete.then_some(StopRule::LineEnd) }
                } else {
                    let is_whole = ended || complete;
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
            suffix::Meets::Not | suffix::Meets::MaybeAt(_) if rest_must_follow && !ended => {
                Cut { keep_bytes: 0, stop: None }
            }
            suffix::Meets::MaybeAt(byte_idx) => Cut { keep_bytes: byte_idx, stop: None },
            suffix::Meets::Not => {
                Cut { keep_bytes: line.len(), stop: complete.then_some(StopRule::LineEnd) }
            }
        }
    }

    /// The block begins at a byte_idx; `indent` is what stands before it in its first line.
    fn look_at_block(&self, indent: &str, text: &str, start: usize, ended: bool) -> Cut {
        let block = &text[start..];
        let is_open = |byte_idx: usize| match &self.syntax {
            Some(syntax) => syntax.is_open(text[..start + byte_idx].trim_end()),
            None => brackets::depth(&block[..byte_idx]) > 0,
        };
        let unless =
            |stop, look| if self.left_out.contains(&stop) { Cut::all(block) } else { look };
        let suffix = suffix::in_block(indent, block, &self.place.next_line, ended);
        let end = block_end::block_end(indent, block, self.style.max_lines, ended, is_open);
        let Cut { keep_bytes, stop } =
            unless(StopRule::SuffixMet, suffix).and(unless(StopRule::BlockEnd, end));
        Cut { keep_bytes: if keep_bytes == 0 { 0 } else { start + keep_bytes }, stop }
    }

    /// Takes off white space at the end, which may yet be cut while more can come, and shows
    /// nothing of what is too little.
    fn look_at_size(&self, text: &str, look: Cut, ended: bool) -> Cut {
        let all = &text[..look.keep_bytes];
        // The line break before a line that is there is no white space too much.
        let kept = if insert_above::is_whole(&self.place, all) { all } else { all.trim_end() };
        // A lone bracket is what an editor writes by itself.
        let is_lone = |kept: &str| matches!(kept, ")" | "]" | "}" | "\"" | "'" | "`");
        let n_chars = || kept.chars().filter(|c| !c.is_whitespace()).count();
        let too_little = !self.left_out.contains(&StopRule::TooLittle)
            && !kept.is_empty()
            && self.style.min_chars > 0
            && (is_lone(kept) || n_chars() < self.style.min_chars);
        match (too_little, ended || look.stop.is_some()) {
            (true, true) => Cut { keep_bytes: 0, stop: Some(StopRule::TooLittle) },
            (true, false) => Cut { keep_bytes: 0, stop: None },
            (false, _) => Cut { keep_bytes: kept.len(), ..look },
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
