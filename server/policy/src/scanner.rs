//! Tracks what code opens and closes in the languages of the table in `languages`: brackets,
//! keyword pairs, elements, strings, comments. One pass, line by line, with a state that can be
//! resumed at the start of any line.
//!
//! Unlike a parser, it works on incomplete documents. If a document has errors, a closer at the
//! start of a line belongs to the opener with the same indentation.

mod code;
mod languages;
mod markup;
mod words;

use std::{borrow::Cow, ops::Range};

use crate::indent_width;
pub(crate) use code::is_word;
use languages::{Escape, Quote};
pub(crate) use languages::{Feature, Language};

/// The kind of an open construct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A bracket, identified by its closer.
    Bracket(char),
    /// A keyword, identified by its closer.
    Word(&'static str),
    /// A string.
    String(StringKind),
    /// A block comment, identified by its delimiters.
    Comment(&'static str, &'static str),
    /// Lines up to one that consists of `word`: a heredoc, a fenced block, documentation. `code` is
    /// the language of a fenced block.
    Heredoc { word: String, is_indented: bool, code: Option<&'static Language> },
    /// Code between two tags such as `$$`.
    Dollar(String),
    /// A tag up to its `>`.
    Tag(String),
    /// An element up to its closing tag.
    Element(String),
    /// The text outside of `<?php … ?>`.
    Outside,
}

/// The form of an open string.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StringKind {
    pub(crate) close: Cow<'static, str>,
    escape: Escape,
    spans_lines: bool,
    hole: Option<(&'static str, char)>,
}

impl StringKind {
    fn raw(close: impl Into<Cow<'static, str>>) -> Kind {
        let close = close.into();
        Kind::String(Self { close, escape: Escape::No, spans_lines: true, hole: None })
    }
}

impl From<&'static Quote> for Kind {
    fn from(quote: &'static Quote) -> Self {
        let Quote { close, escape, spans_lines, hole, .. } = *quote;
        Self::String(StringKind { close: Cow::Borrowed(close), escape, spans_lines, hole })
    }
}

/// HTML elements whose end tag is optional.
const OPTIONAL: [&str; 10] =
    ["p", "dt", "dd", "option", "html", "body", "head", "tbody", "thead", "colgroup"];

impl Kind {
    /// Whether its content is not code, so that brackets and keywords have no meaning there.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Self::String(_) | Self::Comment(..) | Self::Heredoc { .. })
    }

    /// Whether it may span lines.
    pub(crate) fn spans_lines(&self) -> bool {
        !matches!(self, Self::String(it) if !it.spans_lines)
    }

    /// The length of its closer, in bytes.
    pub(crate) fn closer_len(&self) -> usize {
        match self {
            Self::String(it) => it.close.len(),
            Self::Comment(_, close) => close.len(),
            Self::Heredoc { word, .. } => word.len(),
            _ => 1,
        }
    }

    /// Whether it has to be closed.
    fn must_close(&self) -> bool {
        match self {
            Self::Outside => false,
            Self::Element(name) => !OPTIONAL.contains(&name.as_str()),
            _ => true,
        }
    }
}

/// How many of the innermost frames are searched for the opener of a closer, and for the language
/// of embedded code. Without a limit, deep nesting would take quadratic time.
pub(crate) const MAX_DEPTH: usize = 256;

/// An open construct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: Kind,
    /// The indentation of its line.
    pub(crate) indent: usize,
    /// Byte range of the opener.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// A frame that was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closed {
    /// Its index in the stack.
    pub(crate) depth: usize,
    /// The byte_idx of the closer.
    pub(crate) at: usize,
    /// Whether its own closer closed it, not that of an enclosing frame.
    pub(crate) is_matched: bool,
}

/// The state between two lines.
#[derive(Debug, Clone)]
pub(crate) struct Scanner {
    /// The language of the document, and that at the current position: a script in a page or a
    /// fenced block in a Markdown document has its own.
    document: &'static Language,
    pub(crate) language: &'static Language,
    pub(crate) frames: Vec<Frame>,
    /// Frames that were closed, and closers without an opener with their byte_idx, since the last
    /// [`Self::clear_events`].
    pub(crate) closed: Vec<Closed>,
    pub(crate) unmatched: Vec<(Kind, usize)>,
    /// Byte ranges of strings, character literals and comments that ended, and the start of a
    /// comment that runs to the end of the current line.
    pub(crate) texts: Vec<Range<usize>>,
    pub(crate) line_comment: Option<usize>,
    /// Heredocs that begin on the next line.
    pending: Vec<(Kind, usize)>,
    /// The byte_idx of the current token.
    token: usize,
    /// The last non-whitespace character.
    previous: char,
    /// Whether the last word must be followed by an operand.
    after_operator_word: bool,
    /// Whether the last word is a jump such as `return`, which a modifier may follow.
    after_jump: bool,
    is_statement_start: bool,
    /// Whether the next `do` belongs to a loop on the same line.
    is_loop: bool,
    /// The indentation of the current line, of the line above, and of the key of the enclosing
    /// block scalar.
    indent: usize,
    previous_indent: usize,
    scalar: Option<usize>,
    /// Whether the current line has had no token yet.
    is_first: bool,
    /// The start of a line comment after code on the current line.
    pub(crate) comment_at: Option<usize>,
    /// Whether the next line continues one whose start was scanned before.
    continues: bool,
}

impl Scanner {
    /// The state at the start of a document.
    pub(crate) fn new(language: &'static Language) -> Self {
        Self {
            document: language,
            language,
            frames: vec![],
            closed: vec![],
            unmatched: vec![],
            texts: vec![],
            line_comment: None,
            pending: vec![],
            token: 0,
            previous: '\n',
            after_operator_word: false,
            after_jump: false,
            is_statement_start: true,
            is_loop: false,
            indent: 0,
            previous_indent: 0,
            scalar: None,
            is_first: true,
            comment_at: None,
            continues: false,
        }
    }

    /// The heredocs that begin on the next line, as frames; the first one is the last.
    pub(crate) fn pending(&self) -> impl Iterator<Item = Frame> {
        let frame = |(kind, start): &(Kind, usize)| {
            let (kind, start) = (kind.clone(), *start);
            Frame { kind, indent: self.indent, start, end: start }
        };
        self.pending.iter().rev().map(frame)
    }

    /// Whether the next character belongs to a string or comment.
    pub(crate) fn is_in_text(&self) -> bool {
        self.scalar.is_some() || self.frames.last().is_some_and(|it| it.kind.is_text())
    }

    /// Clears the recorded closers, unmatched closers and texts.
    pub(crate) fn clear_events(&mut self) {
        self.closed.clear();
        self.unmatched.clear();
        self.texts.clear();
    }

    /// Scans the start of a line, which the next call of [`Scanner::line`] continues. A token must
    /// not extend beyond it.
    pub(crate) fn line_start(&mut self, start: &str, at: usize) {
        self.line(start, at, false);
        self.clear_events();
        self.continues = true;
    }

    /// Scans one line, which starts at the byte_idx `at`.
    pub(crate) fn line(&mut self, line: &str, at: usize, is_complete: bool) {
        let mut i = self.start_line(line, at, is_complete);
        while i < line.len() {
            self.token = at + i;
            self.language = self.language_here();
            let next = match self.frames.last().map(|it| &it.kind) {
                Some(Kind::String(_) | Kind::Comment(..)) => self.text(line, i, at),
                Some(Kind::Heredoc { code: None, .. }) => line.len(),
                Some(Kind::Outside) => self.outside(line, i, at),
                Some(Kind::Tag(_)) => self.tag(line, i, at),
                Some(Kind::Element(name)) if markup::code_in(name).is_none() => {
                    self.markup(line, i, at)
                }
                Some(Kind::Word(_) | Kind::Heredoc { .. }) | None
                    if self.language.has(Feature::Markup) =>
                {
                    self.markup(line, i, at)
                }
                _ => self.code(line, i, at),
            };
            debug_assert!(next > i, "no progress in {line:?}");
            i = next.max(i + 1);
        }
        if is_complete {
            self.end_line(line, at + line.len());
        }
        self.language = self.language_here();
    }

    /// The language of the innermost code, since a document may embed other languages.
    fn language_here(&self) -> &'static Language {
        if !self.document.embeds() {
            return self.document;
        }
        let is_markup = self.document.has(Feature::Markup);
        let has_braces = self.document.has(Feature::Braces);
        let code = |it: &Frame| match &it.kind {
            Kind::Heredoc { code, .. } => Some(code.unwrap_or(self.document)),
            Kind::Bracket(_) if has_braces => Some(Language::script()),
            Kind::Element(name) => {
                markup::code_in(name).or_else(|| is_markup.then_some(self.document))
            }
            Kind::Tag(_) if is_markup => Some(self.document),
            _ => None,
        };
        self.frames.iter().rev().take(MAX_DEPTH).find_map(code).unwrap_or(self.document)
    }

    /// Prepares the state for a line. Returns the byte_idx in the line where its scan starts.
    fn start_line(&mut self, line: &str, at: usize, is_complete: bool) -> usize {
        if std::mem::take(&mut self.continues) {
            self.comment_at = None;
            let is_comment = self.scalar.is_some() || self.line_comment.is_some();
            return if is_comment { line.len() } else { 0 };
        }
        self.line_comment = None;
        let content = line.trim();
        self.comment_at = None;
        if content.is_empty() {
            return line.len();
        }
        self.previous_indent = std::mem::replace(&mut self.indent, indent_width(line));
        (self.is_first, self.is_statement_start, self.is_loop) = (true, true, false);
        if let Some(indent) = self.scalar {
            if self.indent > indent {
                return line.len();
            }
            self.scalar = None;
        }
        let after_indent = line.len() - line.trim_start().len();
        // A closing fence also ends everything open in its code.
        let n_last = self.frames.len().saturating_sub(1);
        // Only a document with fenced blocks may have a block that is not the innermost frame.
        let has_fences = self.document.has(Feature::Markdown);
        let n_searched = if has_fences { MAX_DEPTH } else { 1 };
        let frames = self.frames.iter().enumerate().rev().take(n_searched);
        let block = { frames }.find_map(|(n, it)| match &it.kind {
            Kind::Heredoc { word, is_indented, code } if n == n_last || code.is_some() => {
                Some((n, word, *is_indented, code.is_some()))
            }
            _ => None,
        });
        if let Some((n, word, is_indented, is_code)) = block {
            let is_php = self.language.has(Feature::PhpHeredoc) && !is_code;
            let rest = if is_indented || is_php { line.trim() } else { line.trim_end() };
            let end = after_indent + word.len();
            let is_closer = match rest.strip_prefix(word.as_str()) {
                Some("") => true,
                Some(more) if is_php => {
                    !more.starts_with(|c: char| c == '_' || c.is_alphanumeric())
                }
                Some(more) if word.starts_with("=") => more.starts_with(' '),
                // A longer fence closes the block, too.
                Some(more) => {
                    word.starts_with(['`', '~']) && more.chars().all(|c| word.contains(c))
                }
                None => false,
            };
            // An incomplete word may become a longer one.
            if is_closer && (is_complete || end < line.len()) {
                self.pop_to(n, at + after_indent);
                return if is_php { end } else { line.len() };
            }
            if !is_code {
                if line.contains("<<") && line.ends_with(word.as_str()) {
                    let kind = self.frames[n].kind.clone();
                    self.unmatched.push((kind, at));
                }
                return line.len();
            }
            return 0;
        }
        if self.is_in_text() {
            return 0;
        }
        let heredoc = |word: &str, is_indented, code| {
            let word = word.to_owned();
            Kind::Heredoc { word, is_indented, code }
        };
        let opened = if self.language.has(Feature::Markdown) {
            let info = content.trim_start_matches(['`', '~']);
            let fence = &content[..content.len() - info.len()];
            let code = Language::known(info.split(|c: char| !c.is_alphanumeric()).next());
            (fence.len() >= 3).then(|| heredoc(fence, true, code))
        } else if self.language.has(Feature::Pod) && line.starts_with('=') {
            let is_name = line[1..].starts_with(|c: char| c.is_ascii_alphabetic());
            let is_ruby = self.language.names.contains(&"ruby");
            match is_ruby {
                true => line.starts_with("=begin").then(|| heredoc("=end", false, None)),
                false => {
                    (is_name && !line.starts_with("=cut")).then(|| heredoc("=cut", false, None))
                }
            }
        } else {
            let is_comment = self.language.has(Feature::QuoteComments) && content.starts_with('"');
            self.line_comment = is_comment.then_some(at);
            return if is_comment { line.len() } else { 0 };
        };
        if let Some(kind) = opened {
            self.token = at;
            self.push(kind, at + line.len());
            return line.len();
        }
        0
    }

    fn end_line(&mut self, line: &str, end: usize) {
        let content = line.trim_end();
        let continues = content.ends_with('\\') && !content.ends_with("\\\\");
        while let Some(Frame { kind: Kind::String(it), .. }) = self.frames.last()
            && !it.spans_lines
            && !(continues && it.escape == Escape::Backslash)
        {
            let unclosed = self.frames.pop();
            self.texts.extend(unclosed.map(|it| it.start..end + 1));
            self.previous = '"';
        }
        self.texts.extend(self.line_comment.map(|start| start..end));
        for (kind, start) in std::mem::take(&mut self.pending) {
            self.token = start;
            self.push(kind, end);
        }
        if self.language.has(Feature::Yaml) && self.scalar.is_none() && !content.is_empty() {
            let value = content.rsplit([' ', '\t']).next().unwrap_or_default();
            let is_scalar = value.starts_with(['|', '>'])
                && value[1..].chars().all(|c| matches!(c, '-' | '+') || c.is_ascii_digit());
            self.scalar = (is_scalar && self.frames.is_empty()).then_some(self.indent);
        }
    }

    /// Scans a string or comment from `i` on. Returns the index after the scanned part, like the
    /// other functions for one construct.
    fn text(&mut self, line: &str, i: usize, at: usize) -> usize {
        let Some(frame) = self.frames.last() else { return line.len() };
        let rest = &line[i..];
        match &frame.kind {
            Kind::Comment(open, close) => {
                let (open, close) = (*open, *close);
                if self.language.comments_nest {
                    let Some((n, is_open)) = first_of(rest, open, close) else {
                        return line.len();
                    };
                    if is_open {
                        self.token = at + i + n;
                        self.push(Kind::Comment(open, close), at + i + n + open.len());
                        return i + n + open.len();
                    }
                    self.pop(at + i + n);
                    return i + n + close.len();
                }
                let end = rest.find(close);
                if let Some(inner) = rest[..end.unwrap_or(rest.len())].find(open) {
                    // Another opener suggests that the comment ended earlier.
                    self.unmatched.push((Kind::Comment(open, close), at + i + inner));
                }
                let Some(end) = end else { return line.len() };
                self.pop(at + i + end);
                i + end + close.len()
            }
            Kind::String(it) => {
                let StringKind { close, escape, hole, .. } = it.clone();
                let close = match close.strip_prefix('\n') {
                    Some(own_line) if i == 0 && rest.starts_with(own_line) => own_line,
                    Some(_) => return line.len(),
                    None => &close,
                };
                let mut chars = rest.char_indices();
                while let Some((k, c)) = chars.next() {
                    let here = &rest[k..];
                    if let Some((open, closer)) = hole.filter(|it| here.starts_with(it.0)) {
                        let end = i + k + open.len();
                        self.token = at + i + k;
                        self.push(Kind::Bracket(closer), at + end);
                        self.previous = '{';
                        return end;
                    }
                    if c == '\\' && escape == Escape::Backslash {
                        chars.next();
                    } else if here.starts_with(close) {
                        let end = i + k + close.len();
                        if escape == Escape::Doubled && line[end..].starts_with(close) {
                            chars.next();
                            continue;
                        }
                        self.pop(at + i + k);
                        (self.previous, self.is_first) = ('"', false);
                        return end;
                    }
                }
                line.len()
            }
            _ => line.len(),
        }
    }

    fn push(&mut self, kind: Kind, end: usize) {
        self.frames.push(Frame { kind, indent: self.indent, start: self.token, end });
    }

    /// Closes the innermost frame.
    fn pop(&mut self, at: usize) {
        if let Some(Frame { kind, start, .. }) = self.frames.pop() {
            if kind.is_text() {
                self.texts.push(start..at + kind.closer_len());
            }
            self.closed.push(Closed { depth: self.frames.len(), at, is_matched: true });
        }
    }

    /// Closes the innermost frame of a kind and everything inside it.
    fn close(&mut self, kind: &Kind, at: usize) {
        let limit = self.frames.len().saturating_sub(MAX_DEPTH);
        let text = self.frames[limit..].iter().rposition(|it| it.kind.is_text());
        let floor = text.map_or(limit, |it| limit + it + 1);
        let frames = &self.frames[floor..];
        let Some(mut n) = frames.iter().rposition(|it| it.kind == *kind) else {
            self.unmatched.push((kind.clone(), at));
            return;
        };
        if self.is_first && frames[n].indent > self.indent {
            let same = |it: &Frame| it.kind == *kind && it.indent == self.indent;
            n = frames[..n].iter().rposition(same).unwrap_or(n);
        }
        // Code after the closer belongs to the statement that began with the opener.
        let indent = self.frames[floor + n].indent;
        self.indent = if self.is_first { indent } else { self.indent.min(indent) };
        self.pop_to(floor + n, at);
    }

    /// Closes the frame at index `n` and everything inside it.
    fn pop_to(&mut self, n: usize, at: usize) {
        for depth in (n..self.frames.len()).rev() {
            self.closed.push(Closed { depth, at, is_matched: depth == n });
        }
        self.frames.truncate(n);
    }
}

/// The first occurrence of one of two delimiters, and whether it is the first one.
fn first_of(text: &str, open: &str, close: &str) -> Option<(usize, bool)> {
    let bytes = text.as_bytes();
    let delimiter = |n: usize| {
        let is_open = bytes[n..].starts_with(open.as_bytes());
        (is_open || bytes[n..].starts_with(close.as_bytes())).then_some((n, is_open))
    };
    (0..bytes.len()).find_map(delimiter)
}

/// Whether any of the frames must be closed.
pub(crate) fn must_close(frames: &[Frame]) -> bool {
    frames.iter().any(|it| it.kind.must_close())
}
