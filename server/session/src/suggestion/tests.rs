use proptest::prelude::*;

use super::*;

/// The progress of a generation; a `…` at the end means that it is still running. The part after
/// `|` is held back.
fn progress(says: &str) -> Progress {
    let finish = if says.ends_with('…') { None } else { Some(FinishReason::EndOfText) };
    let says = says.trim_end_matches('…');
    let (text, held_back) = says.split_once('|').unwrap_or((says, ""));
    let (text, held_back) = (text.to_owned(), held_back.to_owned());
    Progress { text, held_back, finish, ..Progress::default() }
}

/// Checks a suggestion `says` at the `ˇ` of `document` after `edits`, each a text with the removed
/// part between `‹›`, and the inserted part. The cursor is `back` characters before the end of the
/// last inserted part.
#[track_caller]
fn check(document: &str, says: &str, edits: &[(&str, &str)], back: usize, expected: &str) {
    let start = document.chars().position(|c| c == 'ˇ').unwrap();
    let mut text = document.replace('ˇ', "");
    let snapshot = Snapshot::of_text("a", "", &text);
    let line_char_idx = snapshot.rope.line_to_char(snapshot.rope.char_to_line(start));
    let mut anchored = AnchoredText::new(line_char_idx, start, cursor_context(&snapshot, start));
    let progress = progress(says);
    let mut cursor = start;
    for (marked, inserted) in edits {
        let (head, rest) = marked.split_once('‹').unwrap();
        let (old, tail) = rest.split_once('›').unwrap();
        assert_eq!(format!("{head}{old}{tail}"), text, "the edit does not match the text");
        text = format!("{head}{inserted}{tail}");
        let from = head.chars().count();
        let edit = Edit { removed: from..from + old.chars().count(), inserted: (*inserted).into() };
        cursor = from + inserted.chars().count();
        let fits = anchored.apply(&edit);
        let lives =
            if fits { anchored.may_live(&progress) } else { Err(DismissReason::TextChanged) };
        if let Err(gone) = lives {
            assert_eq!(format!("dropped: {gone:?}"), expected);
            return;
        }
    }
    let verdict = match anchored.verdict(cursor - back, &progress) {
        Verdict::Shows(rest) => format!("shows {rest:?}"),
        other => format!("{other:?}"),
    };
    assert_eq!(verdict, expected);
}

#[test]
fn typing_through_keeps_the_suggestion() {
    check("let xˇ", " = 1;", &[], 0, r#"shows " = 1;""#);
    check("let xˇ", " = 1;", &[("let x‹›", " ")], 0, r#"shows "= 1;""#);
    check("let xˇ", " = 1;", &[("let x‹›", " "), ("let x ‹›", "= ")], 0, r#"shows "1;""#);
}

#[test]
fn contradicting_key_dismisses_the_suggestion() {
    check("let xˇ", " = 1;", &[("let x‹›", "y")], 0, "dropped: Contradicted");
    check("let xˇ", " = …", &[("let x‹›", "y")], 0, "dropped: Contradicted");
}

#[test]
fn key_may_contradict_held_back_text() {
    check("let xˇ", " =|on…", &[("let x‹›", " =o")], 0, "NotYet");
    check("let xˇ", " =|on…", &[("let x‹›", " =one")], 0, "NotYet");
    check("let xˇ", " =|on…", &[("let x‹›", " =t")], 0, "dropped: Contradicted");
}

#[test]
fn incomplete_text_is_awaited() {
    check("let xˇ", "…", &[("let x‹›", " =")], 0, "NotYet");
    check("let xˇ", " =…", &[("let x‹›", " = 1")], 0, "NotYet");
    check("let xˇ", " = 1;", &[("let x‹›", " = 1;")], 0, "Dismissed(UsedUp)");
    check("let xˇ", "", &[], 0, "Empty(EndOfText)");
}

#[test]
fn line_break_alone_is_no_suggestion() {
    check("ˇ\nb", "a\n", &[("‹›\nb", "a")], 0, "Dismissed(UsedUp)");
    check("ˇ\nb", "a\n…", &[("‹›\nb", "a")], 0, "NotYet");
    check("ˇ\nb", "\n", &[], 0, "Empty(EndOfText)");
    check("ˇ\nb", "a\nc", &[("‹›\nb", "a")], 0, r#"shows "\nc""#);
}

#[test]
fn backspace_returns_into_the_suggestion() {
    check("let xˇ", " = 1;", &[("let x‹›", " ="), ("let x ‹=›", "")], 0, r#"shows "= 1;""#);
    check("let xˇ", " = 1;", &[("let x‹›", " = "), ("let x ‹= ›", "=")], 0, r#"shows " 1;""#);
    check("let xˇ", " = 1;", &[("let ‹x›", "")], 0, "dropped: TextChanged");
}

#[test]
fn auto_closed_bracket_keeps_the_suggestion() {
    let typed = &[("f‹›", "()")];
    check("fˇ", "(x, y);", typed, 1, r#"shows "x, y""#);
    check("fˇ", "(x, y);", &[typed[0], ("f(‹›)", "x,")], 0, r#"shows " y""#);
    check("fˇ", "(x, y);", &[("f‹›", "("), ("f(‹›", ")")], 1, r#"shows "x, y""#);
    check("fˇ", "(x, y);", &[typed[0], ("f(‹›)", "z")], 0, "dropped: Contradicted");
}

/// Trying every character of a long row as auto-closed would take minutes.
#[test]
fn long_row_is_not_taken_for_auto_closing() {
    let row = ",".repeat(2_000);
    check("let xˇ", " = 1;", &[("let x‹›", &row)], 0, "dropped: Contradicted");
}

/// Without any generated text, everything typed may be the beginning of it.
#[test]
fn typed_text_before_the_first_token_is_limited() {
    let mut anchored = AnchoredText::new(0, 0, CursorContext::default());
    let n_typed = (0..2 * MAX_TYPED_BYTES).find(|at| {
        let key = Edit { removed: *at..*at, inserted: "x".into() };
        !anchored.apply(&key)
    });
    assert_eq!(n_typed, Some(MAX_TYPED_BYTES));
}

#[test]
fn typed_text_is_counted_in_characters() {
    let edits = [("x‹›", "日本x"), ("x日本‹x›", ""), ("x‹日›本", "ä"), ("xä本‹›", "語")];
    check("xˇ", "ä本語!", &edits, 0, "dropped: Contradicted");
    let mut anchored = AnchoredText::new(0, 1, CursorContext::default());
    for (removed, inserted) in [(1..1, "日本x"), (3..4, ""), (1..2, "ä"), (3..3, "語")] {
        assert!(anchored.apply(&Edit { removed, inserted: inserted.into() }));
    }
    assert_eq!((anchored.typed.as_str(), anchored.n_typed_chars), ("ä本語", 3));
    assert_eq!(
        anchored.may_live(&progress("ä本語!")),
        Ok(()),
        "all edits of a message are applied"
    );
}

#[test]
fn edits_elsewhere_do_not_move_the_suggestion() {
    check("use a;\nlet xˇ", " = 1;", &[("use ‹a›;\nlet x", "bcd")], 0, "Dismissed(CursorMoved)");
    check(
        "use a;\nlet xˇ\nend",
        " = 1;",
        &[("use a;\nlet x\n‹end›", "END")],
        0,
        "dropped: TextChanged",
    );
}

#[test]
fn lines_above_move_the_suggestion() {
    let edits = [("use a;\n‹›let x", "use b;\n"), ("use a;\nuse b;\nlet x‹›", " =")];
    check("use a;\nlet xˇ", " = 1;", &edits, 0, r#"shows " 1;""#);
    check("use a;\nlet xˇ", " = 1;", &[("use a;\n‹let› x", "var")], 0, "dropped: TextChanged");
}

#[test]
fn line_break_style_does_not_matter() {
    check("{ˇ", "\n    x", &[("{‹›", "\r\n")], 0, r#"shows "    x""#);
}

/// The verdict of a suggestion at the `ˇ` of a Python document after `typed` was typed, with the
/// default eagerness. The generation consists of tokens with their probabilities.
#[track_caller]
fn check_sure(
    tokens: &[(&str, f32)],
    typed: &str,
    finish: Option<FinishReason>,
    n_shown_bytes: usize,
    expected: &str,
) {
    let snapshot = Snapshot::of_text("a", "python", "x = \n");
    let mut anchored = AnchoredText::new(0, 4, cursor_context(&snapshot, 4));
    anchored.min_probability = Some(policy::DEFAULT_MIN_PROBABILITY);
    anchored.n_shown_bytes = n_shown_bytes;
    let (mut text, mut confidence) = (String::new(), foretell_engine::Confidence::default());
    for (token, probability) in tokens {
        text.push_str(token);
        confidence.push(text.len(), probability.ln());
    }
    let progress = Progress { text, confidence: Some(confidence), finish, ..Progress::default() };
    assert!(anchored.apply(&Edit { removed: 4..4, inserted: typed.into() }));
    let verdict = match anchored.verdict(4 + typed.chars().count(), &progress) {
        Verdict::Shows(rest) => format!("shows {rest:?}"),
        other => format!("{other:?}"),
    };
    assert_eq!(verdict, expected);
}

const CALL: [(&str, f32); 5] =
    [("load", 0.9), ("(", 0.95), ("file_path", 0.5), (", mode", 0.5), (")", 0.95)];
const LINE_END: Option<FinishReason> = Some(FinishReason::Stopped(StopRule::LineEnd));
const UNSURE: Option<FinishReason> = Some(FinishReason::Stopped(StopRule::Unsure));

#[test]
fn suggestion_ends_where_the_model_is_unsure() {
    check_sure(&CALL, "", LINE_END, 0, r#"shows "load(""#);
    check_sure(&CALL[..4], "", UNSURE, 0, r#"shows "load(""#);
    check_sure(&[("load", 0.9), ("()", 0.9)], "", LINE_END, 0, r#"shows "load()""#);
}

#[test]
fn typed_text_is_certain() {
    check_sure(&CALL, "load(", LINE_END, 0, r#"shows "file_path""#);
    check_sure(&CALL, "load(file_path", LINE_END, 0, r#"shows ", mode)""#);
    check_sure(&[("a", 0.6), (" == b.", 0.6), ("cd", 0.6)], "a", LINE_END, 0, r#"shows " == b.""#);
}

#[test]
fn unlikely_text_is_not_shown() {
    let tokens = [("load", 0.05), ("()", 0.9)];
    check_sure(&tokens, "", LINE_END, 0, "Unsure { is_exact: true }");
    check_sure(&tokens[..1], "", UNSURE, 0, "Unsure { is_exact: true }");
    // The probability of `ad` after `lo` is unknown.
    check_sure(&tokens, "lo", LINE_END, 0, "Unsure { is_exact: false }");
    check_sure(&tokens, "load", LINE_END, 0, r#"shows "()""#);
    // The model is sure of `load`, but it is unknown whether the word ends there.
    check_sure(&[("x.", 0.6), ("load", 0.8)], "x.", UNSURE, 0, "Unsure { is_exact: false }");
    check_sure(&[("load", 0.9)], "", None, 0, "NotYet");
    check_sure(&tokens, "", None, 0, "Unsure { is_exact: true }");
}

#[test]
fn short_text_must_be_more_certain() {
    let unsure = "Unsure { is_exact: true }";
    check_sure(&[("load", 0.5)], "", LINE_END, 0, unsure);
    check_sure(&[("load", 0.6)], "", LINE_END, 0, r#"shows "load""#);
    check_sure(&[("load_all", 0.5)], "", LINE_END, 0, r#"shows "load_all""#);
    check_sure(&[("load", 0.5)], "", LINE_END, 4, r#"shows "load""#);
    check_sure(&[("lo", 0.6), ("ad", 0.5)], "lo", LINE_END, 0, unsure);
    // Another generation would go on beyond the limit.
    let limit = Some(FinishReason::MaxTokens);
    check_sure(&[("lo", 0.6), ("ad", 0.5)], "lo", limit, 0, "Unsure { is_exact: false }");
    check_sure(&[("lo", 0.6), ("ad", 0.8)], "lo", LINE_END, 0, r#"shows "ad""#);
}

#[test]
fn further_text_must_pay() {
    let after_sum = |further| [("sum", 0.8), further];
    check_sure(&after_sum(("(", 0.65)), "", LINE_END, 0, r#"shows "sum""#);
    check_sure(&after_sum(("(", 0.9)), "", LINE_END, 0, r#"shows "sum(""#);
    check_sure(
        &after_sum(("(items, start)", 0.65)),
        "",
        LINE_END,
        0,
        r#"shows "sum(items, start)""#,
    );
    // A long text may be less likely, but not below the minimum probability.
    let long = "(items, start=first_of_many_values, default=None)";
    check_sure(&[("sum", 0.2), (long, 0.9)], "", LINE_END, 0, &format!("shows \"sum{long}\""));
    check_sure(&[("sum", 0.2), (long, 0.4)], "", LINE_END, 0, "Unsure { is_exact: true }");
}

#[test]
fn cut_in_line_differs_from_line_end() {
    let snapshot = Snapshot::of_text("a", "python", "x = \n");
    let suggestion = Suggestion::new(&snapshot, 4, GenerationId(1));
    let is_cut = |text: &str, held_back: &str, finish| {
        let (text, held_back) = (text.to_owned(), held_back.to_owned());
        let progress = Progress { text, held_back, finish, ..Progress::default() };
        suggestion.is_cut_in_line(4, "a()", &progress)
    };
    assert!(is_cut("a()", " + b", UNSURE) && is_cut("a() + b", "", LINE_END));
    assert!(!is_cut("a()", "\nb", UNSURE) && !is_cut("a()\nb", "", LINE_END));
    assert!(!is_cut("a()", " refused", LINE_END), "text that a rule cut does not follow");
}

#[test]
fn shown_text_stays() {
    check_sure(&CALL, "", LINE_END, 14, r#"shows "load(file_path""#);
    check_sure(&CALL, "load(f", LINE_END, 14, r#"shows "ile_path""#);
    check_sure(&CALL, "load(file_path", LINE_END, 14, r#"shows ", mode)""#);
}

const TOKENS: [&str; 20] = [
    "foo", "_bar", "(", ")", " + ", "\"", "a b", "\n    ", "\n", "x", ".", ", ", "//", " # ", "é",
    "{", "}", ";", "'", " ",
];

proptest! {
    /// A generation that streams through the policy at any threshold while the user types into it.
    #[test]
    fn shown_text_never_shrinks(
        tokens in proptest::collection::vec((0..TOKENS.len(), 0.3f32..=1.0), 1..16),
        min_probability in prop_oneof![Just(None), (0.05f32..1.0).prop_map(Some)],
        language in prop_oneof![Just("python"), Just("rust"), Just("markdown")],
        document in prop_oneof![Just("x = ˇ\n"), Just("    ˇ\n"), Just("f(ˇ)\n"), Just("f()ˇ\n\ng()\n")],
        n_typed in 0..20usize,
    ) {
        let cursor = document.chars().position(|c| c == 'ˇ').unwrap();
        let snapshot = Snapshot::of_text("a", language, &document.replace('ˇ', ""));
        let context = cursor_context(&snapshot, cursor);
        let style = policy::Style { next_line: true, ..policy::Style::default() };
        let policy = policy::Policy::new(context.clone()).with_style(style);
        let mut anchored = AnchoredText::new(0, cursor, context);
        anchored.min_probability = min_probability;
        let mut confidence = foretell_engine::Confidence::default();
        let (mut text, mut n_kept, mut shown) = (String::new(), 0, String::new());
        let mut progress = Progress::default();
        let says = |verdict: Verdict| match verdict {
            Verdict::Shows(rest) => rest,
            _ => String::new(),
        };
        let mut advance = |text: &str, phase, finish, confidence: &foretell_engine::Confidence| {
            let cut = policy.cut(text, phase);
            n_kept = cut.keep_bytes.max(n_kept);
            let kept = policy.written(&text[..n_kept]).into_owned();
            let all = policy.written(text).into_owned();
            let held_back = all.strip_prefix(&kept).unwrap_or_default().to_owned();
            let is_over = finish || cut.stop.is_some();
            let finish = is_over.then_some(FinishReason::Stopped(StopRule::LineEnd));
            Progress { text: kept, held_back, confidence: Some(confidence.clone()), finish, ..Progress::default() }
        };
        for (i, probability) in tokens {
            text.push_str(TOKENS[i]);
            confidence.push(policy.written(&text).len(), probability.ln());
            progress = advance(&text, policy::Phase::Partial, false, &confidence);
            let now = says(anchored.verdict(cursor, &progress));
            prop_assert!(now.starts_with(&shown), "{now:?} after {shown:?}");
            shown = now;
            if progress.finish.is_some() {
                break;
            }
            if min_probability.is_some_and(|it| confidence.is_below(it)) {
                progress.finish = UNSURE;
                break;
            }
        }
        if progress.finish != UNSURE {
            progress = advance(&text, policy::Phase::Final, true, &confidence);
        }
        let last = says(anchored.verdict(cursor, &progress));
        prop_assert!(last.starts_with(&shown), "{last:?} at the end after {shown:?}");
        // Typing through it shows at least the rest.
        anchored.n_shown_bytes = last.len();
        let typed: String = last.chars().take(n_typed).collect();
        let edit = Edit { removed: cursor..cursor, inserted: typed.clone() };
        prop_assert!(anchored.apply(&edit));
        let rest = says(anchored.verdict(cursor + typed.chars().count(), &progress));
        prop_assert!(rest.starts_with(&last[typed.len()..]), "{rest:?} of {last:?}");
    }
}
