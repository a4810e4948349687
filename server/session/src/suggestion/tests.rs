use super::*;

/// A draft at one moment: `…` at the end says that it goes on.
fn draft(says: &str) -> Progress {
    let finish = if says.ends_with('…') { None } else { Some(FinishReason::EndOfText) };
    Progress { text: says.trim_end_matches('…').to_owned(), finish, ..Progress::default() }
}

/// A document with the offer's place at `ˇ`, then edits, each a text with the old part between
/// `‹›` and, behind `→`, the new one; then the verdict for a cursor that is `back` characters
/// before the end of what the last edit inserted.
#[track_caller]
fn check(document: &str, says: &str, edits: &[(&str, &str)], back: usize, expected: &str) {
    let start = document.chars().position(|c| c == 'ˇ').unwrap();
    let mut text = document.replace('ˇ', "");
    let snapshot = Snapshot::of_text("a", "", &text);
    let line_char_idx = snapshot.rope.line_to_char(snapshot.rope.char_to_line(start));
    let mut anchored = AnchoredText::new(line_char_idx, start);
    let draft = draft(says);
    let mut cursor = start;
    for (marked, inserted) in edits {
        let (head, rest) = marked.split_once('‹').unwrap();
        let (old, tail) = rest.split_once('›').unwrap();
        assert_eq!(format!("{head}{old}{tail}"), text, "the edit is for this text");
        text = format!("{head}{inserted}{tail}");
        let from = head.chars().count();
        let edit = Edit { removed: from..from + old.chars().count(), inserted: (*inserted).into() };
        cursor = from + inserted.chars().count();
        let fits = anchored.apply(&edit);
        let lives = if fits { anchored.may_live(&draft) } else { Err(DismissReason::TextChanged) };
        if let Err(gone) = lives {
            assert_eq!(format!("dropped: {gone:?}"), expected);
            return;
        }
    }
    let verdict = match anchored.verdict(cursor - back, &draft) {
        Verdict::Shows(rest) => format!("shows {rest:?}"),
        other => format!("{other:?}"),
    };
    assert_eq!(verdict, expected);
}

#[test]
fn typing_into_an_offer_keeps_it() {
    check("let xˇ", " = 1;", &[], 0, r#"shows " = 1;""#);
    check("let xˇ", " = 1;", &[("let x‹›", " ")], 0, r#"shows "= 1;""#);
    check("let xˇ", " = 1;", &[("let x‹›", " "), ("let x ‹›", "= ")], 0, r#"shows "1;""#);
}

#[test]
fn typing_against_an_offer_drops_it() {
    check("let xˇ", " = 1;", &[("let x‹›", "y")], 0, "dropped: Contradicted");
    check("let xˇ", " = …", &[("let x‹›", "y")], 0, "dropped: Contradicted");
}

#[test]
fn an_offer_that_is_not_there_yet_is_waited_for() {
    check("let xˇ", "…", &[("let x‹›", " =")], 0, "NotYet");
    check("let xˇ", " =…", &[("let x‹›", " = 1")], 0, "NotYet");
    check("let xˇ", " = 1;", &[("let x‹›", " = 1;")], 0, "Dismissed(UsedUp)");
    check("let xˇ", "", &[], 0, "Empty(EndOfText)");
}

#[test]
fn backspace_and_retyping_lead_back_into_the_offer() {
    check("let xˇ", " = 1;", &[("let x‹›", " ="), ("let x ‹=›", "")], 0, r#"shows "= 1;""#);
    check("let xˇ", " = 1;", &[("let x‹›", " = "), ("let x ‹= ›", "=")], 0, r#"shows " 1;""#);
    check("let xˇ", " = 1;", &[("let ‹x›", "")], 0, "dropped: TextChanged");
}

#[test]
fn a_bracket_that_the_editor_closes_is_no_contradiction() {
    let typed = &[("f‹›", "()")];
    check("fˇ", "(x, y);", typed, 1, r#"shows "x, y""#);
    check("fˇ", "(x, y);", &[typed[0], ("f(‹›)", "x,")], 0, r#"shows " y""#);
    check("fˇ", "(x, y);", &[("f‹›", "("), ("f(‹›", ")")], 1, r#"shows "x, y""#);
    check("fˇ", "(x, y);", &[typed[0], ("f(‹›)", "z")], 0, "dropped: Contradicted");
}

/// Were each of them looked at as if the editor had closed it, a long row would take minutes.
#[test]
fn no_editor_closes_a_long_row() {
    let row = ",".repeat(2_000);
    check("let xˇ", " = 1;", &[("let x‹›", &row)], 0, "dropped: Contradicted");
}

/// Until a draft says something, all that is typed may be a beginning of it.
#[test]
fn no_offer_is_waited_for_for_ever() {
    let mut anchored = AnchoredText::new(0, 0);
    let n_typed = (0..2 * MAX_TYPED_BYTES).find(|at| {
        let key = Edit { removed: *at..*at, inserted: "x".into() };
        !anchored.apply(&key)
    });
    assert_eq!(n_typed, Some(MAX_TYPED_BYTES));
}

#[test]
fn what_was_typed_is_counted_in_characters() {
    let edits = [("x‹›", "日本x"), ("x日本‹x›", ""), ("x‹日›本", "ä"), ("xä本‹›", "語")];
    check("xˇ", "ä本語!", &edits, 0, "dropped: Contradicted");
    let mut anchored = AnchoredText::new(0, 1);
    for (removed, inserted) in [(1..1, "日本x"), (3..4, ""), (1..2, "ä"), (3..3, "語")] {
        assert!(anchored.apply(&Edit { removed, inserted: inserted.into() }));
    }
    assert_eq!((anchored.typed.as_str(), anchored.n_typed_chars), ("ä本語", 3));
    assert_eq!(anchored.may_live(&draft("ä本語!")), Ok(()), "all edits of a message count");
}

#[test]
fn edits_elsewhere_leave_the_offer_where_it_is() {
    check("use a;\nlet xˇ", " = 1;", &[("use ‹a›;\nlet x", "bcd")], 0, "Dismissed(CursorMoved)");
    check(
        "use a;\nlet xˇ\nend",
        " = 1;",
        &[("use a;\nlet x\n‹end›", "END")],
        0,
        "dropped: TextChanged",
    );
    check("‹›let xˇ", " = 1;", &[], 0, r#"shows " = 1;""#);
}

#[test]
fn lines_above_move_the_offer_along() {
    let edits = [("use a;\n‹›let x", "use b;\n"), ("use a;\nuse b;\nlet x‹›", " =")];
    check("use a;\nlet xˇ", " = 1;", &edits, 0, r#"shows " 1;""#);
    check("use a;\nlet xˇ", " = 1;", &[("use a;\n‹let› x", "var")], 0, "dropped: TextChanged");
}

#[test]
fn line_breaks_are_the_same_whatever_the_file_has() {
    check("{ˇ", "\n    x", &[("{‹›", "\r\n")], 0, r#"shows "    x""#);
}
