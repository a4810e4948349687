use proptest::prelude::*;

use super::*;

/// The number of bytes shown of a complete text.
fn whole(context: &CursorContext, typed: &str, text: &str, n_certain: usize) -> usize {
    longest(context, Rest { typed, text, held_back: "", is_whole: true }, n_certain)
}

/// Cuts the text between `«»` of a document; the part before `|` is certain.
#[track_caller]
fn check_in(language: &str, fixture: &str, expected: &str) {
    let (before, text) = fixture.split_once('«').expect("«");
    let (text, after) = text.split_once('»').expect("»");
    let n_certain = text.find('|').unwrap_or(text.len());
    let text = text.replace('|', "");
    let context = CursorContext::new(before, after).in_language(language);
    let n_bytes = whole(&context, "", &text, n_certain);
    assert_eq!(&text[..n_bytes], expected);
}

#[track_caller]
fn check(fixture: &str, expected: &str) {
    check_in("python", fixture, expected);
}

#[test]
fn certain_text_is_kept_whole() {
    check("x = «f(a, 'b')»\n", "f(a, 'b')");
    check("x = «a»\n", "a");
}

#[test]
fn cut_is_at_a_word_boundary() {
    check("x = «compute_all(items)|»\n", "compute_all(items)");
    check("x = «compute|_all(items)»\n", "");
    check("x = «compute_all(it|ems)»\n", "compute_all(");
    check("x = «compute_all|(items)»\n", "compute_all");
    check("x = «a + b| + c»\n", "a + b");
    check("x = «a + |b»\n", "a +");
    check("x = «a !|= b»\n", "");
    check("x = «a != |b»\n", "a !=");
    check_in("rust", "let x = «größe| + 1»;\n", "größe");
    check_in("rust", "let x = «grö|ße + 1»;\n", "");
}

#[test]
fn cut_is_never_inside_a_character() {
    check_in("rust", "a(«b, 日|本);»\n", "b,");
    for (n_certain, kept) in [(3, "ab"), (4, "ab"), (5, "ab"), (6, "ab")] {
        let context = CursorContext::new("", "");
        assert_eq!(&"ab 🦀 c"[..whole(&context, "", "ab 🦀 c", n_certain)], kept);
    }
    // A letter with a combining accent, and a family of several emoji.
    check_in("markdown", "«ab e|\u{301}t cd»", "ab");
    check_in("markdown", "«ab 👩|\u{200d}👩 cd»", "ab");
    check_in("markdown", "«ab 👩\u{200d}|👩 cd»", "ab");
    check_in("markdown", "«ab 👍|🏽 cd»", "ab");
}

#[test]
fn string_is_whole_or_left_out() {
    check("x = «say(\"hello |world\", 1)»\n", "say(");
    check("x = «say(\"hello world\"|, 1)»\n", "say(\"hello world\"");
    check("x = «say(\"a \\\" b| c\")»\n", "say(");
    check("x = «say(f\"hello |world\", 1)»\n", "say(");
    check("x = «'''one |two'''»\n", "");
    check_in("rust", "let x = «a.f(r#\"hello |world\"#)»;\n", "a.f(");
    check_in("javascript", "x = «go(`a ${b} |c`)»;\n", "go(");
}

#[test]
fn string_that_the_user_began_may_be_cut() {
    check("say(\"«hello |world\", 1)»\n", "hello");
    check("say(\"«hello world\", name='a| b')»\n", "hello world\", name=");
    let context = CursorContext::new("x = ", "").in_language("python");
    let n_bytes = whole(&context, "say(\"hel", "lo big world\")", 6);
    assert_eq!(n_bytes, "lo big".len(), "typed text is the user's");
}

#[test]
fn comment_is_whole_or_left_out() {
    check("«x = 1  # the first| one»\n", "x = 1");
    check("# «the first| one»\n", "the first");
    check_in("rust", "let x = «f(1); // the first| one»\n", "f(1);");
    check_in("rust", "let x = «f(/|/ the first one»\n", "f(");
    check_in("rust", "let x = «f(/* the |first */ 1);»\n", "f(");
    check_in("rust", "    «// one\n    // two\n    /|/ three»\n", "// one\n    // two");
}

#[test]
fn apostrophe_may_begin_a_lifetime() {
    check_in("rust", "fn f«<'a>(x: &'a str| , y: u8)»\n", "<'a>(x: &'a str");
    check_in("rust", "let x = «f('\\'', 'b|')»;\n", "f('\\'',");
}

#[test]
fn prose_has_no_strings() {
    check_in("markdown", "It «isn't the \"first one| that\" we saw»\n", "isn't the \"first one");
}

#[test]
fn further_lines_are_whole_or_left_out() {
    let block = "if a:\n    «x = f(1)\n    y = g(2)\n    z = h(3)»\n";
    let cut = |certain: &str| block.replace(certain, &format!("{certain}|"));
    check(&cut("z = h("), "x = f(1)\n    y = g(2)");
    check(&cut("y = g(2)"), "x = f(1)\n    y = g(2)");
    check(&cut("y = g("), "x = f(1)");
    check(&cut("x = f("), "x = f(");
    check("if a:«\n    x = f(|1)»\n", "");
    check("if a:«\n    x = f(1)\n    y| = 2»\n", "\n    x = f(1)");
    check("«x = \"\"\"one\n    two\n    thr|ee\"\"\"\n»\n", "x =");
}

#[test]
fn further_line_leaves_no_block_open() {
    check("«x = f(1)\nif x:\n    g(|1)\n»", "x = f(1)");
    check("«x = f(1)\ny = g(\n    |1)\n»", "x = f(1)");
    check("«x = f(\n    1,\n    |2)\n»", "x = f(\n    1,");
    check_in("rust", "«f(1);\nif x {\n    g(1);\n}|\nh(1);\n»", "f(1);\nif x {\n    g(1);\n}");
    check_in("rust", "«f(1);\nif x {\n    g(1);|\n}\n»", "f(1);");
}

#[test]
fn partial_text_never_precedes_a_rest() {
    check("f(«a.b()|.c()», other)\n", "");
    check("f(«a.b()|.c()»)\n", "a.b()");
    check("«first()\nsecond|()\n»third()\n", "first()\n");
    check("    «first()\n    sec|ond()\n    »third()\n", "first()\n    ");
    check("    «fir|st()\n    »third()\n", "");
}

#[test]
fn single_character_is_too_little() {
    check("x = «(a| + b)»\n", "(a");
    check("x = «(|a + b)»\n", "");
    check("x = «a| + b»\n", "");
}

#[test]
fn last_word_is_shown_once_it_ends() {
    let context = CursorContext::new("x = ", "").in_language("python");
    let shown = |(text, held_back): &(&'static str, &str)| {
        let rest = Rest { typed: "", text, held_back, is_whole: false };
        &text[..longest(&context, rest, text.len())]
    };
    let found = [("comp", ""), ("load", " "), ("load", "_all("), ("f(a, ", "\"b"), ("f(a, ", "b)")];
    assert_eq!(found.map(|it| shown(&it)), ["", "load", "", "f(a,", "f(a,"]);
    // The next character may belong to the last shown one.
    let found = [("f(\"a\"", ""), ("f(\"a\"", ", b "), ("f(e", "\u{301}) "), ("f(1)", " # no")];
    assert_eq!(found.map(|it| shown(&it)), ["", "f(\"a\"", "f(", "f(1)"]);
}

const LANGUAGES: [&str; 8] = ["python", "rust", "javascript", "lua", "markdown", "sh", "html", ""];

proptest! {
    /// For any certain length, at any point of a stream, after any typed part.
    #[test]
    fn shown_text_never_shrinks(
        text in "[ab_1 (){}\"'`#/*\\\\\n.=<$-é日🦀\u{301}\u{200d}]{0,24}",
        before in "[a \"'#/(]{0,4}",
        after in prop_oneof![Just(""), Just(")"), Just("other(1)"), Just("\nnext")],
        language in proptest::sample::select(LANGUAGES.to_vec()),
        n_held_back in 0..8usize,
        n_certain in 0..40usize,
        more in 0..40usize,
    ) {
        let context = CursorContext::new(&before, after).in_language(language);
        let n_certain = text.floor_char_boundary(n_certain);
        let mut shown = 0;
        for end in (0..=text.len()).filter(|it| text.is_char_boundary(*it)) {
            let part = &text[..end];
            let n_let_through = part.floor_char_boundary(end.saturating_sub(n_held_back));
            let (let_through, held_back) = part.split_at(n_let_through);
            let rest = Rest { typed: "", text: let_through, held_back, is_whole: false };
            let n_bytes = longest(&context, rest, n_certain);
            prop_assert!(n_bytes >= shown, "{:?} after {:?}", &part[..n_bytes], &text[..shown]);
            // The indentation before an existing line counts as part of the line above it.
            let n_indent = if context.is_before_a_line() { before.len() } else { 0 };
            prop_assert!(n_bytes <= n_let_through && n_bytes <= n_certain + n_indent);
            shown = n_bytes;
        }
        let last = whole(&context, "", &text, n_certain);
        prop_assert!(last >= shown, "{:?} at the end after {:?}", &text[..last], &text[..shown]);
        let surer = whole(&context, "", &text, n_certain + more);
        prop_assert!(surer >= last, "{:?} if surer than {:?}", &text[..surer], &text[..last]);
        // Text that the user typed is certain, and its strings may be cut.
        let typed = text.floor_char_boundary(last / 2);
        let rest = whole(&context, &text[..typed], &text[typed..], n_certain - typed.min(n_certain));
        let n_left = text[typed..last.max(typed)].chars().filter(|c| !c.is_whitespace()).count();
        prop_assert!(typed + rest >= last || n_left < 2, "{:?} {:?}", &text[typed..typed + rest], &text[..last]);
    }

    /// As the text grows, and as the user types a part of it that may end there.
    #[test]
    fn best_end_only_moves_forward(
        text in "[ab_1 (){}\"',\n.=é]{0,24}",
        before in "[a \"(]{0,4}",
        steps in proptest::collection::vec(0.5f64..=1.0, 48),
        cost_keys in 0.5f64..20.0,
    ) {
        let context = CursorContext::new(&before, "\nnext").in_language("python");
        let given = |start: usize, end: usize| steps[start..end].iter().product::<f64>();
        let best = |typed: usize, end: usize, is_whole| {
            let (typed, text) = (&text[..typed], &text[typed..end]);
            let rest = Rest { typed, text, held_back: "", is_whole };
            let n_typed = typed.len();
            typed.len() + best_end(&context, rest, text.len(), |n| given(n_typed, n_typed + n), cost_keys)
        };
        let mut shown = 0;
        for end in (0..=text.len()).filter(|it| text.is_char_boundary(*it)) {
            let n_bytes = best(0, end, false);
            prop_assert!(n_bytes >= shown, "{:?} after {:?}", &text[..n_bytes], &text[..shown]);
            shown = n_bytes;
        }
        let last = best(0, text.len(), true);
        prop_assert!(last >= shown, "{:?} at the end after {:?}", &text[..last], &text[..shown]);
        let rest = Rest { typed: "", text: &text, held_back: "", is_whole: true };
        // A text of one character is not shown alone, so it is not compared with others, either.
        let n_chars = |part: &str| part.chars().filter(|c| !c.is_whitespace()).count();
        for typed in ends(&context, rest, last).into_iter().filter(|it| *it < last) {
            let now = best(typed, text.len(), true);
            prop_assert!(
                now >= last || n_chars(&text[typed..last]) < 2,
                "{:?} of {:?}", &text[typed..now], &text[typed..last]
            );
        }
    }
}
