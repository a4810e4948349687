use expect_test::{Expect, expect};

use super::*;
use crate::{
    CursorContext, Policy, Style,
    tests::{check_in, streamed},
};

/// Like `check_in`, with lines withheld until they are complete.
#[track_caller]
fn check_whole_lines(language: &str, fixture: &str, says: &str, expected: &Expect) {
    let (before, after) = fixture.split_once('ˇ').expect("a cursor");
    let style = Style { whole_lines: true, ..Style::default() };
    let text = format!("{before}{after}");
    let syntax = Syntax::new(&Arc::default(), &"a".into(), language, &text, before.len());
    let context = CursorContext::new(before, after).in_language(language);
    let policy = Policy::new(context).with_style(style).with_syntax(syntax);
    let (kept, stop) = streamed(&policy, says);
    expected.assert_eq(&format!("{before}«{kept}»{after}\n{stop:?}\n"));
}

#[test]
fn line_with_a_syntax_error_is_not_shown() {
    check_whole_lines(
        "rust",
        "fn f() {\n    let x = ˇ;\n}\n",
        "the sum of all\n",
        &expect![[r#"
        fn f() {
            let x = «»;
        }

        Some(SyntaxErrors)
    "#]],
    );
    check_whole_lines(
        "rust",
        "fn f() {\n    let x = ˇ\n}\n",
        "all\n    .sum();",
        &expect![[r#"
        fn f() {
            let x = «all»
        }

        Some(LineEnd)
    "#]],
    );
    check_whole_lines(
        "python",
        "def f():\n    return ˇ\n",
        "the sum of all\n",
        &expect![[r#"
        def f():
            return «»

        Some(SyntaxErrors)
    "#]],
    );
    check_whole_lines(
        "python",
        "def f():\n    return ˇ\n",
        "sum(all)\n",
        &expect![[r#"
        def f():
            return «sum(all)»

        Some(LineEnd)
    "#]],
    );
}

#[test]
fn block_is_cut_at_the_first_error() {
    check_in(
        "javascript",
        "function f() {\n  ˇ\n}\n",
        "let x = 1;\n  if (x) {\n    g(x);\n  }\n  This function returns x.\n}",
        &expect![[r#"
            function f() {
              «let x = 1;
              if (x) {
                g(x);
              }»
            }

            Some(SyntaxErrors)
        "#]],
    );
}

#[test]
fn unclosed_block_is_no_error() {
    check_in(
        "rust",
        "fn f() {\n    ˇ\n}\n",
        "if a {",
        &expect![[r#"
        fn f() {
            «if a {»
        }

        None
    "#]],
    );
    check_in(
        "python",
        "ˇ",
        "def f():\n    if a:",
        &expect![[r#"
        «def f():
            if a:»
        None
    "#]],
    );
    check_in(
        "shellscript",
        "ˇ",
        "for a in b; do\n  if c; then\n    d",
        &expect![[r#"
        «for a in b; do
          if c; then
            d»
        None
    "#]],
    );
}

#[test]
fn multi_line_statement_is_no_error() {
    check_in(
        "rust",
        "fn f() {\n    ˇ\n}\n",
        "let x = all\n        .iter()\n        .sum();",
        &expect![[r#"
            fn f() {
                «let x = all
                    .iter()
                    .sum();»
            }

            None
        "#]],
    );
}

#[test]
fn existing_errors_are_ignored() {
    check_in(
        "rust",
        "fn f( {\n    let = ˇ\n",
        "g(1);\n",
        &expect![[r#"
        fn f( {
            let = «g(1);»

        Some(LineEnd)
    "#]],
    );
    check_in(
        "rust",
        "这 is ) no code\nˇ\n",
        "at all ]\n",
        &expect![[r#"
            这 is ) no code
            «at all ]»

            None
        "#]],
    );
}

#[test]
fn every_grammar_loads() {
    let names = ["sh", "c", "cpp", "go", "java", "json", "js", "py", "rs", "tsx", "ts"];
    for name in names {
        let trees = Arc::new(Trees::default());
        let uri = format!("file:///a.{name}").into();
        let syntax = Syntax::new(&trees, &uri, "", "", 0).expect(name);
        assert!(trees.parsed(&uri, syntax.grammar, &syntax.text).is_some(), "{name}");
    }
    assert!(Syntax::new(&Arc::default(), &"file:///a.cob".into(), "cobol", "", 0).is_none());
}
