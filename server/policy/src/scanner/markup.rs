//! Scans elements in HTML, XML and JSX.

use super::{Escape, Feature, Kind, Language, Scanner, StringKind};

/// Elements without content.
const VOID: [&str; 13] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track",
    "wbr",
];
/// Elements that end where the next element of the same name starts.
const REPEATED: [&str; 8] = ["p", "li", "dt", "dd", "tr", "td", "th", "option"];

/// The language of an element that contains code instead of text.
pub(super) fn code_in(name: &str) -> Option<&'static Language> {
    match name {
        "script" => Some(Language::script()),
        "style" => Some(Language::style()),
        _ => None,
    }
}

/// The closer of Svelte's `{#name …}`.
fn block_closer(name: &str) -> Option<&'static str> {
    ["{/if}", "{/each}", "{/await}", "{/key}", "{/snippet}"]
        .into_iter()
        .find(|it| &it[2..it.len() - 1] == name)
}

impl Scanner {
    /// Scans the content of an element from `i` on.
    pub(super) fn markup(&mut self, line: &str, i: usize, at: usize) -> usize {
        let rest = &line[i..];
        let is_jsx = self.language.has(Feature::Jsx);
        let has_braces = is_jsx || self.language.has(Feature::Braces);
        let stop = |c: char| c == '<' || has_braces && c == '{';
        let Some(start) = rest.find(stop) else {
            self.is_first &= rest.trim().is_empty();
            return line.len();
        };
        self.is_first &= rest[..start].trim().is_empty();
        let (i, rest) = (i + start, &rest[start..]);
        self.token = at + i;
        if rest.starts_with('{') {
            return self.brace(rest, i, at);
        }
        for (open, close) in self.language.block_comments {
            if !is_jsx && rest.starts_with(open) {
                self.push(Kind::Comment(open, close), at + i + open.len());
                return i + open.len();
            }
        }
        if let Some(closing) = rest.strip_prefix("</") {
            let name = self.element_name(closing);
            let Some(end) = closing.find('>') else { return line.len() };
            self.close(&Kind::Element(name), at + i);
            (self.previous, self.is_first) = (')', false);
            return i + 2 + end + 1;
        }
        let name = self.element_name(&rest[1..]);
        if name.is_empty() && !(is_jsx && rest.starts_with("<>")) {
            return i + 1;
        }
        self.open_tag(name, i, at)
    }

    /// Scans code in braces, or a tag that opens or closes a Svelte block.
    fn brace(&mut self, rest: &str, i: usize, at: usize) -> usize {
        let name = rest[1..].trim_start_matches(['#', '/']);
        let name = &name[..name.find(|c: char| !c.is_alphanumeric()).unwrap_or(name.len())];
        if let Some(closer) = block_closer(name) {
            if rest.starts_with("{#") {
                self.push(Kind::Word(closer), at + i + 1);
            } else if rest.starts_with("{/")
                && let Some(end) = rest.find('}')
            {
                self.close(&Kind::Word(closer), at + i);
                (self.previous, self.is_first) = (')', false);
                return i + end + 1;
            }
        }
        self.push(Kind::Bracket('}'), at + i + 1);
        (self.previous, self.is_first) = ('{', false);
        i + 1
    }

    /// Opens a tag whose `<` is at `i`.
    pub(super) fn open_tag(&mut self, name: String, i: usize, at: usize) -> usize {
        if self.language.has(Feature::Html)
            && REPEATED.contains(&name.as_str())
            && self.frames.last().is_some_and(|it| it.kind == Kind::Element(name.clone()))
        {
            self.pop(at + i);
        }
        let end = i + 1 + name.len();
        self.push(Kind::Tag(name), at + end);
        self.is_first = false;
        end
    }

    /// The name at the start of a tag.
    pub(super) fn element_name(&self, text: &str) -> String {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | ':' | '.');
        let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
        let name = &text[..end];
        match name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            true if self.document.has(Feature::Html) => name.to_ascii_lowercase(),
            true => name.to_owned(),
            false => String::new(),
        }
    }

    /// Scans the attributes of a tag from `i` on.
    pub(super) fn tag(&mut self, line: &str, i: usize, at: usize) -> usize {
        let rest = &line[i..];
        let is_jsx = self.language.has(Feature::Jsx);
        let has_braces = self.language.has(Feature::Braces);
        let stop = |c: char| {
            matches!(c, '"' | '\'' | '>' | '/' | '<')
                || is_jsx && "{,(;".contains(c)
                || has_braces && c == '{'
        };
        let Some(start) = rest.find(stop) else { return line.len() };
        let (i, rest) = (i + start, &rest[start..]);
        self.token = at + i;
        self.is_first = false;
        match rest.chars().next() {
            Some(c @ ('"' | '\'')) => {
                let close = if c == '"' { "\"" } else { "'" };
                self.push(
                    Kind::String(StringKind {
                        close: close.into(),
                        escape: Escape::No,
                        spans_lines: true,
                        hole: None,
                    }),
                    at + i + 1,
                );
            }
            Some('{') => {
                self.push(Kind::Bracket('}'), at + i + 1);
                self.previous = '{';
            }
            // This is a type parameter, not an element.
            Some(',' | '(' | ';') => drop(self.frames.pop()),
            // The unfinished tag ends where the next tag starts.
            Some('<') => {
                if self.frames.pop().is_some() {
                    let depth = self.frames.len();
                    self.closed.push(super::Closed { depth, at: at + i, is_matched: false });
                }
                return if is_jsx { i + 1 } else { self.markup(line, i, at) };
            }
            Some('/') if rest.starts_with("/>") => {
                self.pop(at + i);
                self.previous = ')';
                return i + 2;
            }
            Some('>') => {
                let Some(frame) = self.frames.pop() else { return i + 1 };
                let Kind::Tag(name) = frame.kind else { return i + 1 };
                if self.language.has(Feature::Html) && VOID.contains(&name.as_str()) {
                    let depth = self.frames.len();
                    self.closed.push(super::Closed { depth, at: at + i, is_matched: true });
                } else {
                    // The element starts where its tag does.
                    let kind = Kind::Element(name);
                    self.frames.push(super::Frame { kind, ..frame });
                }
            }
            _ => {}
        }
        i + 1
    }

    /// Scans text outside `<?php … ?>` from `i` on.
    pub(super) fn outside(&mut self, line: &str, i: usize, at: usize) -> usize {
        let Some(start) = line[i..].find("<?") else { return line.len() };
        self.pop(at + i + start);
        let name = line[i + start + 2..].bytes().take_while(u8::is_ascii_alphabetic).count();
        (self.previous, self.is_statement_start) = (';', true);
        i + start + 2 + name
    }
}
