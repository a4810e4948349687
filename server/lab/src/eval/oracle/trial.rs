//! Gives the policy the right text at a place, as the engine gives it a model's text.

use std::sync::Arc;

use foretell_policy::{Cut as PolicyCut, Phase, Policy, StopRule, Style, Trees, n_replaced};
use foretell_session::document::Snapshot;
use serde::Serialize;

use super::super::rules;
use super::{
    lines::Lines,
    places::{Kind, Place},
};

/// How many characters a text continues after the expected one.
const N_CONTINUED_CHARS: usize = 300;
/// The longest piece of a text that is generated at once, in characters.
const MAX_TOKEN_CHARS: usize = 8;

/// The text that the oracle generates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Output {
    /// The expected text.
    Exact,
    /// The expected text and the text that follows in the file.
    Continued,
    /// The expected text and text from another place in the file.
    Unrelated,
}

impl Output {
    pub(super) const ALL: [Self; 3] = [Self::Exact, Self::Continued, Self::Unrelated];

    /// How the text ends: only the expected one ends where the document goes on.
    fn phase(self) -> Phase {
        if self == Self::Exact { Phase::Ended } else { Phase::Final }
    }

    /// The name in tables and JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Continued => "continued",
            Self::Unrelated => "unrelated",
        }
    }
}

/// The effect of the policy on the expected text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The document becomes what it was.
    Intact,
    /// Nothing is shown.
    Nothing,
    /// Only the beginning is shown.
    Truncated,
    /// All of it and more is shown.
    Extended,
    /// Something else is shown.
    Altered,
}

impl Outcome {
    pub(super) const ALL: [Self; 5] =
        [Self::Intact, Self::Nothing, Self::Truncated, Self::Extended, Self::Altered];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Intact => "intact",
            Self::Nothing => "nothing",
            Self::Truncated => "truncated",
            Self::Extended => "extended",
            Self::Altered => "altered",
        }
    }
}

/// A text at a place.
#[derive(Debug)]
pub(super) struct Trial {
    pub(super) output: Output,
    pub(super) outcome: Outcome,
    /// The text on screen.
    pub(super) shown: String,
    /// The rule that stopped the text.
    pub(super) stop: Option<StopRule>,
}

/// A document with a place cut out of it.
pub(super) struct Cut<'a> {
    text: &'a str,
    place: &'a Place,
    policy: Policy,
}

impl<'a> Cut<'a> {
    pub(super) fn new(
        trees: &Arc<Trees>,
        uri: &str,
        language: &str,
        text: &'a str,
        place: &'a Place,
    ) -> Self {
        let (before, after) = (&text[..place.range.start], &text[place.range.end..]);
        let document = [before, &place.closers, after].concat();
        let snapshot = Snapshot::of_text(uri, language, &document);
        let cursor = before.chars().count();
        let policy = rules::policy(trees, &snapshot, cursor, Style::default());
        Self { text, place, policy }
    }

    pub(super) fn run(&self, output: Output) -> Trial {
        let (shown, stop) = show(&self.policy, &self.generated(output), output.phase());
        Trial { output, outcome: self.outcome(&shown), shown, stop }
    }

    /// The text that the oracle generates.
    fn generated(&self, output: Output) -> String {
        let (text, Place { kind, range, .. }) = (self.text, self.place);
        let expected = self.place.expected(text);
        match output {
            Output::Exact => expected.to_owned(),
            Output::Continued => format!("{expected}{}", head(&text[range.end..])),
            Output::Unrelated => match kind {
                Kind::Brackets | Kind::Remainder | Kind::ClosedRemainder => {
                    format!("{expected}{}\n{}", self.rest(), self.other_lines())
                }
                Kind::BeforeLine => format!("{expected}{}", self.other_lines().trim_start()),
                _ => format!("{}\n\n{}", expected.trim_end(), self.other_lines()),
            },
        }
    }

    /// Lines from the other half of the file that are not deeper than the cursor's: deeper ones
    /// could belong to the expected text.
    fn other_lines(&self) -> &'a str {
        let lines = Lines::of(self.text);
        let n = lines.len();
        let indent = lines.indent(self.place.line);
        let others = (1..n).map(|i| (self.place.line + n / 2 + i) % n);
        let is_outside = |it: &usize| {
            !self.place.range.contains(&lines.range(*it).start) && !lines.is_blank(*it)
        };
        let mut others = others.filter(is_outside);
        let other = others.find(|it| lines.indent(*it) <= indent && !lines.is_closer(*it));
        other.map_or("", |it| head(&self.text[lines.range(it).start..]))
    }

    /// The rest of the file's line after the expected text.
    fn rest(&self) -> &'a str {
        self.text[self.place.range.end..].split('\n').next().unwrap_or_default()
    }

    /// Compares the document after accepting the suggestion with the file, ignoring whitespace at
    /// the ends of lines and before a closing bracket.
    fn outcome(&self, shown: &str) -> Outcome {
        let expected = self.place.expected(self.text);
        let rest = self.rest();
        let line_after = format!("{}{rest}", self.place.closers);
        let n_replaced = n_replaced(shown, &line_after);
        let left: String = line_after.chars().skip(n_replaced).collect();
        if shown.trim().is_empty() {
            Outcome::Nothing
        } else if is_same(&format!("{shown}{left}"), &format!("{expected}{rest}"))
            || (self.place.kind == Kind::Brackets && shown == expected.trim_end())
        {
            Outcome::Intact
        } else if trimmed(&format!("{expected}{rest}")).starts_with(&trimmed(shown)) {
            Outcome::Truncated
        } else if trimmed(shown).starts_with(&trimmed(expected)) {
            Outcome::Extended
        } else {
            Outcome::Altered
        }
    }
}

/// Streams a text through the policy as `GenerationState` of the engine does. Returns what is shown
/// at the end in a phase, and the rule that stopped the text.
fn show(policy: &Policy, generated: &str, phase: Phase) -> (String, Option<StopRule>) {
    let (mut shown, mut end) = (0, 0);
    while end < generated.len() {
        end += token_len(&generated[end..]);
        let cut = policy.cut(&generated[..end], Phase::Partial);
        shown = shown.max(cut.keep_bytes);
        if cut.stop.is_some() {
            break;
        }
    }
    let cut = policy.cut(&generated[..end], phase);
    let cut = PolicyCut { keep_bytes: shown.max(cut.keep_bytes), ..cut };
    let settled = policy.settle(&generated[..end], cut);
    (policy.written(&generated[..settled.keep_bytes]).into_owned(), settled.stop)
}

/// Byte length of the next piece of a text: about what a token of a model is. Whitespace belongs to
/// the word after it.
fn token_len(text: &str) -> usize {
    #[derive(PartialEq)]
    enum Class {
        Space,
        Word,
        Other,
    }
    let class = |c: char| match c {
        _ if c.is_whitespace() => Class::Space,
        _ if c.is_alphanumeric() || c == '_' => Class::Word,
        _ => Class::Other,
    };
    let mut last = None;
    for (n, (at, c)) in text.char_indices().enumerate() {
        let is_start = c == '\n' || last.as_ref().is_some_and(|it| *it != class(c));
        let is_after_space = last == Some(Class::Space) && c != '\n';
        if n > 0 && ((is_start && !is_after_space) || n == MAX_TOKEN_CHARS) {
            return at;
        }
        last = Some(class(c));
    }
    text.len()
}

/// The first characters of a text.
fn head(text: &str) -> &str {
    text.char_indices().nth(N_CONTINUED_CHARS).map_or(text, |(at, _)| &text[..at])
}

fn is_same(a: &str, b: &str) -> bool {
    trimmed(a) == trimmed(b)
}

/// A text without whitespace at the ends of its lines.
fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.split('\n').map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The document with a place cut out between `«` and `»`.
    fn with_cut<T>(kind: Kind, marked: &str, closers: &str, f: impl FnOnce(&Cut) -> T) -> T {
        let start = marked.find('«').unwrap();
        let end = marked.find('»').unwrap() - '«'.len_utf8();
        let text = marked.replace(['«', '»'], "");
        let line = text[..start].matches('\n').count();
        let place = Place { kind, line, range: start..end, closers: closers.to_owned() };
        f(&Cut::new(&Arc::default(), "a.rs", "rust", &text, &place))
    }

    #[test]
    fn outcome_compares_the_accepted_document() {
        let marked = "fn f() {\n    a(«b, c»);\n}\n";
        let outcome = |shown: &str| with_cut(Kind::Brackets, marked, "", |it| it.outcome(shown));
        assert_eq!(outcome("b, c"), Outcome::Intact);
        assert_eq!(outcome("b, c);"), Outcome::Intact, "it replaces what follows the cursor");
        assert_eq!(outcome("b,"), Outcome::Truncated);
        assert_eq!(outcome(" "), Outcome::Nothing);
        assert_eq!(outcome("b, c, d"), Outcome::Extended);
        assert_eq!(outcome("c"), Outcome::Altered);
    }

    #[test]
    fn auto_closed_brackets_belong_to_the_document() {
        let marked = "fn f() {\n    a(«b(c));»\n}\n";
        let outcome =
            |shown: &str| with_cut(Kind::ClosedRemainder, marked, ")", |it| it.outcome(shown));
        assert_eq!(outcome("b(c));"), Outcome::Intact);
        assert_eq!(outcome("b(c)"), Outcome::Truncated, "without the semicolon");
    }

    #[test]
    fn outputs_continue_the_expected_text() {
        let marked = "use a;\nuse b;\n\nfn f() {\n    «a();»\n    b();\n}\n";
        let generated = |output| with_cut(Kind::Line, marked, "", |it| it.generated(output));
        assert_eq!(generated(Output::Exact), "a();");
        assert_eq!(generated(Output::Continued), "a();\n    b();\n}\n");
        assert!(generated(Output::Unrelated).starts_with("a();\n\nuse b;\n"));
    }

    #[test]
    fn policy_ends_all_outputs_alike() {
        let marked = "use a;\nuse b;\n\nfn f() {\n    «a();»\n    b();\n}\n";
        for output in Output::ALL {
            let trial = with_cut(Kind::Line, marked, "", |it| it.run(output));
            assert_eq!((trial.outcome, trial.shown.as_str()), (Outcome::Intact, "a();"));
        }
    }

    #[test]
    fn pieces_are_like_tokens() {
        let mut rest = "let  x_1 = f(\"é\");\n\n    extraordinarily";
        let mut pieces = vec![];
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(token_len(rest));
            pieces.push(piece);
            rest = after;
        }
        let expected =
            ["let", "  x_1", " =", " f", "(\"", "é", "\");", "\n", "\n    ext", "raordina", "rily"];
        assert_eq!(pieces, expected);
    }
}
