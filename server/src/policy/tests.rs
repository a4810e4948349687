use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::*;

/// Feeds what the model says to the rules one character at a time, at the cursor of `fixture`,
/// and shows the line or block with the kept text between `«»`, then why it ended.
fn check(fixture: &str, says: &str, expected: &Expect) {
    let (before, after) = fixture.split_once('ˇ').expect("a cursor");
    let policy = Policy::new(Place::new(before, after));
    let (kept, stop) = streamed(&policy, says);
    expected.assert_eq(&format!("{before}«{kept}»{after}\n{stop:?}\n"));
}

/// What is shown at the end of a stream, which stops at the first rule that says so.
fn streamed(policy: &Policy, says: &str) -> (String, Option<Stop>) {
    let mut kept = String::new();
    let boundaries = says.char_indices().map(|(i, c)| i + c.len_utf8());
    for end in boundaries {
        let look = policy.look(&says[..end], false);
        assert!(says[..look.keep_bytes].starts_with(&kept), "took back some of {kept:?}");
        says[..look.keep_bytes].clone_into(&mut kept);
        if look.stop.is_some() {
            return (kept, look.stop);
        }
    }
    let look = policy.look(says, true);
    assert!(says[..look.keep_bytes].starts_with(&kept), "took back some of {kept:?} at the end");
    (says[..look.keep_bytes].to_owned(), look.stop)
}

#[test]
fn a_begun_line_stops_at_its_end() {
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
fn an_empty_line_goes_on_to_the_blocks_end() {
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
fn a_blank_line_ends_a_block() {
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
fn an_item_at_the_margin_ends_with_its_closing_line() {
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
fn a_new_line_after_text_is_for_openers_only() {
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
fn a_bracket_that_the_editor_closed_is_not_written_twice() {
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
        println!("«Hello, {}»");
        Some(SuffixMet)
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
fn the_rest_of_the_line_is_not_written_twice() {
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
fn the_next_line_is_not_written_twice() {
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
fn a_bracket_that_the_text_opened_is_its_own() {
    check(
        "fn f() {\n    ˇ\n    }\n}",
        "if x {\n        y();\n    }\n    }\n",
        &expect![[r#"
        fn f() {
            «if x {
                y();
            }»
            }
        }
        Some(SuffixMet)
    "#]],
    );
}

#[test]
fn white_space_alone_is_nothing() {
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

proptest! {
    /// What is shown only grows, and the stream ends at what the whole text gives at once.
    #[test]
    fn a_partial_is_never_taken_back(
        before in "[ a{(:=\n]{0,8}",
        after in "[ a)};\n\"]{0,8}",
        says in "[ ab{}();\n\"éx]{0,40}",
    ) {
        let policy = Policy::new(Place::new(&before, &after));
        let (kept, stop) = streamed(&policy, &says);
        let at_once = policy.look(&says, true);
        prop_assert_eq!(kept.as_str(), &says[..at_once.keep_bytes]);
        if stop.is_some() {
            prop_assert_eq!(stop, at_once.stop);
        }
    }
}
