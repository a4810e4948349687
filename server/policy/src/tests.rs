use expect_test::{Expect, expect};

use super::*;

mod around_the_cursor;
mod joins;
mod other_languages;
pub(crate) mod properties;
mod real_code;
mod real_structure;
mod well_formed;

/// Feeds `says` to the policy one character at a time, at the cursor `ˇ` of `fixture`, and compares
/// the document with the kept text between `«»`, and the stop rule.
#[track_caller]
pub(super) fn check(fixture: &str, says: &str, expected: &Expect) {
    check_in("", fixture, says, expected);
}

/// `check` in a document of a language.
#[track_caller]
pub(super) fn check_in(language: &str, fixture: &str, says: &str, expected: &Expect) {
    let (before, after) = fixture.split_once('ˇ').expect("a cursor");
    let text = format!("{before}{after}");
    let syntax = Syntax::new(&Arc::default(), &"a".into(), language, &text, before.len());
    let context = CursorContext::new(before, after).in_language(language);
    let policy = Policy::new(context).with_syntax(syntax);
    let (kept, stop) = streamed(&policy, says);
    expected.assert_eq(&format!("{before}«{kept}»{after}\n{stop:?}\n"));
}

/// The text shown at the end of a stream, and the rule that stopped it.
pub(super) fn streamed(policy: &Policy, says: &str) -> (String, Option<StopRule>) {
    let mut kept = String::new();
    let boundaries = says.char_indices().map(|(i, c)| i + c.len_utf8());
    for end in boundaries {
        let cut = policy.cut(&says[..end], Phase::Partial);
        assert!(says[..cut.keep_bytes].starts_with(&kept), "took back part of {kept:?}");
        says[..cut.keep_bytes].clone_into(&mut kept);
        if cut.stop.is_some() {
            return (kept, cut.stop);
        }
    }
    let cut = policy.cut(says, Phase::Final);
    assert!(says[..cut.keep_bytes].starts_with(&kept), "took back part of {kept:?} at the end");
    (says[..cut.keep_bytes].to_owned(), cut.stop)
}

#[test]
fn begun_line_stops_at_its_end() {
    check(
        "fn f() {\n    let x = ˇ\n}",
        "compute(1);\n    let y = 2;",
        &expect![[r#"
            fn f() {
                let x = «compute(1);»
            }
            Some(LineEnd)
        "#]],
    );
}

#[test]
fn empty_line_gets_the_rest_of_the_block() {
    check(
        "fn f() {\n    ˇ\n}",
        "let x = 1;\n    if x > 0 {\n        g(x);\n    }\n}\n\nfn g() {",
        &expect![[r#"
            fn f() {
                «let x = 1;
                if x > 0 {
                    g(x);
                }»
            }
            Some(BlockEnd)
        "#]],
    );
}

#[test]
fn blank_line_ends_a_block() {
    check(
        "def f():\n    ˇ",
        "a = 1\n    b = 2\n\n    c = 3",
        &expect![[r#"
        def f():
            «a = 1
            b = 2»
        Some(BlockEnd)
    "#]],
    );
}

#[test]
fn top_level_item_ends_at_its_closing_line() {
    check(
        "ˇ",
        "fn f() {\n    g();\n}\nfn h() {}",
        &expect![[r#"
        «fn f() {
            g();
        }»
        Some(BlockEnd)
    "#]],
    );
}

#[test]
fn new_line_only_follows_an_opener() {
    check(
        "fn f() {ˇ\n}",
        "\n    g();\n}",
        &expect![[r#"
        fn f() {«
            g();»
        }
        Some(BlockEnd)
    "#]],
    );
    check(
        "let x = 1;ˇ\n",
        "\nlet y = 2;",
        &expect![[r#"
        let x = 1;«»

        Some(LineEnd)
    "#]],
    );
}

#[test]
fn auto_closed_bracket_is_not_repeated() {
    check(
        "foo(ˇ)",
        "x, bar(y))",
        &expect![[r#"
        foo(«x, bar(y)»)
        Some(SuffixMet)
    "#]],
    );
    check(
        "println!(\"ˇ\");",
        "Hello, {}\", name);\n",
        &expect![[r#"
            println!("«Hello, {}", name);»");
            Some(LineEnd)
        "#]],
    );
    check(
        "let x = ˇ;",
        "f(a, b);\n",
        &expect![[r#"
        let x = «f(a, b)»;
        Some(SuffixMet)
    "#]],
    );
}

#[test]
fn text_beyond_auto_closed_bracket_replaces_it() {
    let check_line = |fixture: &str, says: &str, line: &str| {
        let (before, after) = fixture.split_once('ˇ').unwrap();
        let (kept, _) = streamed(&Policy::new(CursorContext::new(before, after)), says);
        let rest: String = after.chars().skip(n_replaced(&kept, after)).collect();
        assert_eq!(format!("{before}{kept}{rest}"), line);
    };
    check_line("foo(ˇ)", "x) + g(y);\n", "foo(x) + g(y);");
    check_line("foo(bar(ˇ))", "x).y(z))\n", "foo(bar(x).y(z))");
    check_line("foo(bar(ˇ))", "x).y(z)).w\n", "foo(bar(x).y(z)).w");
    check_line("foo(bar(ˇ))", "x).y\n", "foo(bar(x).y)");
    check_line("if (ˇ)", "x > 0) {\n", "if (x > 0) {");
    check_line("print(\"ˇ\");", "Hello, {}\", name);\n", "print(\"Hello, {}\", name);");
    check_line("foo(ˇ)", "x, bar(y))\n", "foo(x, bar(y))");
    check_line("foo(ˇ);", "x)\n", "foo(x);");
}

#[test]
fn rest_of_the_line_is_not_repeated() {
    check(
        "let x = ˇ.iter().sum();",
        "values.iter().sum();\n",
        &expect![[r#"
        let x = «values».iter().sum();
        Some(SuffixMet)
    "#]],
    );
    check(
        "if ˇ {",
        "x > 0 {\n",
        &expect![[r#"
        if «x > 0» {
        Some(SuffixMet)
    "#]],
    );
}

#[test]
fn next_line_is_not_repeated() {
    check(
        "    ˇ\n    return total\n",
        "total += 1\n    return total\n",
        &expect![[r#"
            «total += 1»
            return total

        Some(SuffixMet)
    "#]],
    );
}

#[test]
fn closing_an_own_block_does_not_end_it() {
    check(
        "fn f() {\n    ˇ\n    }\n}",
        "if x {\n        y();\n    }\n    }\n",
        &expect![[r#"
            fn f() {
                «if x {
                    y();»
                }
            }
            Some(SuffixMet)
        "#]],
    );
}

#[test]
fn whitespace_alone_is_not_shown() {
    check(
        "x = ˇ",
        "   ",
        &expect![[r#"
        x = «»
        None
    "#]],
    );
    check(
        "    ˇ",
        "\n\n\nx",
        &expect![[r#"
            «»
        Some(BlockEnd)
    "#]],
    );
}

#[test]
fn whole_line_is_not_joined_to_the_rest() {
    check(
        "    ˇfoo();\n",
        "let x = 1;\n    foo();",
        &expect![[r#"
                «let x = 1;
                »foo();

            Some(SuffixMet)
        "#]],
    );
    check(
        "let x = ˇ.iter().sum();\n",
        "vec![1];\n",
        &expect![[r#"
            let x = «».iter().sum();

            Some(RestFollows)
        "#]],
    );
    check(
        "    ˇ= 1;\n",
        "let x ",
        &expect![[r#"
                «»= 1;

            Some(RestFollows)
        "#]],
    );
    check(
        "let x = ˇ // why\n",
        "1;\n",
        &expect![[r#"
            let x = «1;» // why

            Some(LineEnd)
        "#]],
    );
}

#[test]
fn lone_bracket_is_too_little() {
    check(
        "foo(xˇ",
        ")\n",
        &expect![[r#"
            foo(x«»
            Some(TooLittle)
        "#]],
    );
    check(
        "foo(xˇ",
        ");\n",
        &expect![[r#"
            foo(x«);»
            Some(LineEnd)
        "#]],
    );
    let any = Style { min_chars: 0, ..Style::default() };
    let policy = Policy::new(CursorContext::new("foo(x", "")).with_style(any);
    assert_eq!(policy.cut(")", Phase::Final).keep_bytes, 1);
    let longer = Style { min_chars: 3, ..Style::default() };
    let policy = Policy::new(CursorContext::new("foo(", "")).with_style(longer);
    assert_eq!(policy.cut("x y", Phase::Final).stop, Some(StopRule::TooLittle));
    assert_eq!(policy.cut("xyz", Phase::Final).keep_bytes, 3);
}

#[test]
fn rules_can_be_disabled() {
    let says = "x<|im_end|> y";
    let all = Policy::new(CursorContext::new("return ", ""));
    let without = all.clone().without(vec![StopRule::Marker]);
    assert_eq!(streamed(&all, says), ("x".into(), Some(StopRule::Marker)));
    assert_eq!(streamed(&without, says), (says.into(), None));
}

#[test]
fn text_adopts_the_documents_style() {
    let written = |before: &str, after: &str, language: &str, text: &str| {
        let context = CursorContext::new(before, after).in_language(language);
        Policy::new(context).written(text).into_owned()
    };
    let tabs = "int main() {\n\ta();\n\tb();\n\t";
    assert_eq!(written(tabs, "", "c", "if (c) {\n        d();\n    }"), "if (c) {\n\t\td();\n\t}");
    let twos = "a {\n  b {\n    c\n  }\n  ";
    assert_eq!(written(twos, "", "js", "d {\n      e\n  }"), "d {\n    e\n  }");
    assert_eq!(written("", "", "c", "a;  \n  \nb;"), "a;\n\nb;");
    assert_eq!(written("", "", "markdown", "one  \ntwo"), "one  \ntwo");
}

#[test]
fn every_script_is_kept() {
    check(
        "// ˇ",
        "שלום עולם, 你好世界, 한국어, ไทย, हिन्दी, ёж 😀\n",
        &expect![[r#"
            // «שלום עולם, 你好世界, 한국어, ไทย, हिन्दी, ёж 😀»
            Some(LineEnd)
        "#]],
    );
}

#[test]
fn whitespace_document_is_an_empty_line() {
    let policy = Policy::new(CursorContext::new("  \n\t\n    ", "\n\n  "));
    let says = "let x = 1;\n    let y = 2;\n\n";
    assert_eq!(streamed(&policy, says), (says.trim_end().into(), Some(StopRule::BlockEnd)));
    assert_eq!(policy.written(says.trim_end()), says.trim_end());
}

/// In text inserted above a line, a leading blank line alone is not judged.
#[test]
fn leading_blank_line_does_not_end_the_text() {
    let (before, after, says) = ("\n\n\t", "    (let x = 1;", "\n\t{\n\t\n");
    let syntax = Syntax::new(
        &Arc::default(),
        &"a".into(),
        "rust",
        &format!("{before}{after}"),
        before.len(),
    );
    let context = CursorContext::new(before, after).in_language("rust");
    let policy = Policy::new(context).with_syntax(syntax);
    let at_once = policy.cut(says, Phase::Final);
    assert_eq!(streamed(&policy, says), (says[..at_once.keep_bytes].into(), at_once.stop));
}

/// The shown text for each length of the generated text.
fn growth(language: &str, fixture: &str, says: &str) -> Vec<String> {
    let (before, after) = fixture.split_once('ˇ').expect("a cursor");
    let policy = Policy::new(CursorContext::new(before, after).in_language(language));
    let ends = says.char_indices().map(|(i, c)| i + c.len_utf8());
    let shown = |end| says[..policy.cut(&says[..end], Phase::Partial).keep_bytes].to_owned();
    let mut shown: Vec<String> = ends.map(shown).collect();
    shown.dedup();
    shown
}

/// When a line continues, its beginning may turn out to be something else.
#[test]
fn reinterpreted_line_keeps_what_was_shown() {
    let cases = [
        (
            "java",
            "class A {\n    ˇ",
            "@Override public iif x { a() } else {\n\"    b(c)?;\n}nt f()",
        ),
        (
            "javascriptreact",
            "const a =1e999 (\n  ˇ\n);\n",
            "<ul>{a.map(a.map((b8446 d\n) => <li key={b}>it's {`${b}`}</li>)}</ul>\n",
        ),
        ("javascriptreact", "a(ˇ", "<ul>{a.map((b) => <li kei kei key={b}>it's {`${null"),
        ("rust", "ˇ", "let x = ('a, 'b' + r#a\"{ b( \"#; c"),
        ("javascript", "a = ˇ", "b / (c[ / d) + `${e} / `"),
    ];
    for (language, fixture, says) in cases {
        let shown = growth(language, fixture, says);
        assert!(shown.is_sorted_by(|a, b| b.starts_with(a)), "{shown:#?}");
    }
}

#[test]
fn partial_text_ends_at_a_word() {
    expect![[r#"
        [
            "",
            "np.array([1,",
        ]
    "#]]
    .assert_debug_eq(&growth("python", "ˇ", "np.array([1, 2"));
    expect![[r#"
        [
            "",
            "print(",
            "print(\"Hello, you\")",
            "print(\"Hello, you\") or",
        ]
    "#]]
    .assert_debug_eq(&growth("python", "ˇ", "print(\"Hello, you\") or x"));
    expect![[r#"
        [
            "",
            "expect(",
            "expect(<<~RUBY, 'a')\n  b\nRUBY",
        ]
    "#]]
    .assert_debug_eq(&growth("ruby", "ˇ", "expect(<<~RUBY, 'a')\n  b\nRUBY\n"));
}
