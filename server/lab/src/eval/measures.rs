//! Compares texts with the expected ones. docs/eval.md defines each measure.

use serde::Serialize;

/// How one text compares with the expected one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Verdict {
    pub(super) is_shown: bool,
    pub(super) is_line_exact: bool,
    pub(super) is_exact: bool,
    pub(super) similarity: f64,
}

impl Verdict {
    /// Compares a text with the expected one, ignoring trailing whitespace.
    pub(super) fn of(text: &str, expected: &str) -> Self {
        let (text, expected) = (text.trim_end(), expected.trim_end());
        Self {
            is_shown: !text.is_empty(),
            is_line_exact: first_line(text) == first_line(expected),
            is_exact: text == expected,
            similarity: strsim::normalized_levenshtein(text, expected),
        }
    }
}

/// The first non-blank line, without trailing whitespace.
fn first_line(text: &str) -> &str {
    text.lines().map(str::trim_end).find(|line| !line.is_empty()).unwrap_or_default()
}

/// The measures of many texts. Shares are from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Measures {
    pub(super) cases: usize,
    pub(super) exact_first_line: f64,
    pub(super) exact: f64,
    pub(super) edit_similarity: f64,
    pub(super) precision_when_shown: f64,
    pub(super) wrong_show_rate: f64,
    pub(super) share_shown: f64,
    /// The standard error of `exact_first_line`.
    pub(super) standard_error: f64,
}

impl Measures {
    /// Computes the measures of verdicts.
    pub(super) fn of<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Self {
        let verdicts: Vec<&Verdict> = verdicts.into_iter().collect();
        let n = verdicts.len();
        let mean = |value: &dyn Fn(&Verdict) -> f64| {
            verdicts.iter().map(|it| value(it)).sum::<f64>() / n.max(1) as f64
        };
        let share = |holds: &dyn Fn(&Verdict) -> bool| mean(&|it| f64::from(u8::from(holds(it))));
        let share_shown = share(&|it| it.is_shown);
        let wrong_show_rate = share(&|it| it.is_shown && !it.is_line_exact);
        let exact_first_line = share(&|it| it.is_line_exact);
        // If nothing is shown, nothing wrong is shown.
        let precision_when_shown =
            if share_shown > 0.0 { 1.0 - wrong_show_rate / share_shown } else { 1.0 };
        Self {
            cases: n,
            exact_first_line,
            exact: share(&|it| it.is_exact),
            edit_similarity: mean(&|it| it.similarity),
            precision_when_shown,
            wrong_show_rate,
            share_shown,
            standard_error: (exact_first_line * (1.0 - exact_first_line) / n.max(1) as f64).sqrt(),
        }
    }
}

/// The paired difference in `exact_first_line` between two variants on the same cases.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Difference {
    pub(super) cases: usize,
    /// The difference in `exact_first_line`, as a share of the cases.
    pub(super) mean: f64,
    pub(super) standard_error: f64,
    /// Cases that only the first variant gets right.
    pub(super) better: usize,
    /// Cases that only the second variant gets right.
    pub(super) worse: usize,
}

impl Difference {
    /// Computes the difference from pairs of verdicts, each pair on one case.
    pub(super) fn of(pairs: &[(Verdict, Verdict)]) -> Self {
        let n = pairs.len().max(1) as f64;
        let only = |it: &Verdict, other: &Verdict| it.is_line_exact && !other.is_line_exact;
        let better = pairs.iter().filter(|(a, b)| only(a, b)).count();
        let worse = pairs.iter().filter(|(a, b)| only(b, a)).count();
        let mean = (better as f64 - worse as f64) / n;
        let variance = (better + worse) as f64 / n - mean * mean;
        let standard_error = (variance.max(0.0) / n).sqrt();
        Self { cases: pairs.len(), mean, standard_error, better, worse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(pairs: &[(&str, &str)]) -> Measures {
        let verdicts: Vec<Verdict> =
            pairs.iter().map(|(text, expected)| Verdict::of(text, expected)).collect();
        Measures::of(&verdicts)
    }

    #[test]
    fn first_line_and_whole_text_are_judged() {
        let verdict = |text: &str| Verdict::of(text, "a + b;\nc\n");
        assert_eq!(verdict("a + b;\nc"), Verdict::of("x", "x"));
        let first = verdict("a + b;  \nd");
        assert!(first.is_line_exact && !first.is_exact && first.similarity < 1.0);
        assert!(!verdict("a + b").is_line_exact);
        assert!(!verdict(" a + b;").is_line_exact, "leading whitespace counts");
        assert!(!verdict("").is_shown && !verdict(" \n").is_shown);
        assert_eq!(verdict("").similarity, 0.0);
    }

    #[test]
    fn empty_text_is_right_if_expected() {
        let silent = Verdict::of("", "");
        assert!(silent.is_line_exact && silent.is_exact && !silent.is_shown);
        assert_eq!(silent.similarity, 1.0);
        assert!(!Verdict::of("\nx", "").is_line_exact);
    }

    #[test]
    fn precision_counts_only_shown_cases() {
        let it = measures(&[("a", "a"), ("b", "a"), ("", "a"), ("", "")]);
        assert_eq!((it.share_shown, it.wrong_show_rate), (0.5, 0.25));
        assert_eq!((it.precision_when_shown, it.exact_first_line), (0.5, 0.5));
        assert_eq!(it.standard_error, 0.25);
        assert_eq!(measures(&[("", "a")]).precision_when_shown, 1.0);
        assert!(measures(&[]).exact == 0.0, "no division by zero");
    }

    #[test]
    fn difference_counts_discordant_cases() {
        let (right, wrong) = (Verdict::of("a", "a"), Verdict::of("b", "a"));
        let pairs = [(right, right), (right, wrong), (right, wrong), (wrong, right)];
        let it = Difference::of(&pairs);
        assert_eq!((it.better, it.worse, it.mean), (2, 1, 0.25));
        let by_hand = ((0.0625 + 2.0 * 0.5625 + 1.5625) / 4.0 / 4.0_f64).sqrt();
        assert!((it.standard_error - by_hand).abs() < 1e-12, "{it:?}");
    }
}
