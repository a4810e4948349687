//! Texts that the model ended in the middle of a line.

use super::*;

/// The text that is shown at the cursor `ˇ` of `fixture` if the model ends it.
fn shown(language: &str, fixture: &str, says: &str) -> String {
    let (before, after) = fixture.split_once('ˇ').expect("a cursor");
    let text = format!("{before}{after}");
    let syntax = Syntax::new(&Arc::default(), &"a".into(), language, &text, before.len());
    let context = CursorContext::new(before, after).in_language(language);
    let policy = Policy::new(context).with_syntax(syntax);
    let ends = says.char_indices().map(|(i, c)| i + c.len_utf8());
    let mut kept = String::new();
    for end in ends {
        let cut = policy.cut(&says[..end], Phase::Partial);
        assert!(says[..cut.keep_bytes].starts_with(&kept), "took back part of {kept:?}");
        kept = says[..cut.keep_bytes].to_owned();
        if cut.stop.is_some() {
            return kept;
        }
    }
    let cut = policy.settle(says, policy.cut(says, Phase::Ended));
    assert!(says[..cut.keep_bytes].starts_with(&kept), "took back part of {kept:?} at the end");
    policy.written(&says[..cut.keep_bytes]).into_owned()
}

#[track_caller]
fn joins(language: &str, fixture: &str, says: &str) {
    assert_eq!(shown(language, fixture, says), says);
}

#[track_caller]
fn shows_nothing(language: &str, fixture: &str, says: &str) {
    assert_eq!(shown(language, fixture, says), "");
}

#[test]
fn operand_is_joined_to_the_rest() {
    joins("python", "def f(a):\n    return ˇ* 2\n", "a ");
    joins("rust", "fn f(a: u8) -> u8 {\n    let b = ˇ.min(9);\n    b\n}\n", "(a + 1)");
    joins("javascript", "const total = ˇ=> sum(items);\n", "(items) ");
    joins("go", "func f() {\n\tfor ˇ range items {\n\t}\n}\n", "_, it :=");
    joins("c", "int f(int a) {\n    return ˇ? 1 : 0;\n}\n", "a > 1 ");
}

#[test]
fn last_line_leads_into_the_rest() {
    joins(
        "python",
        "def f(items):\n    n = ˇn\n",
        "0\n    for it in items:\n        n += it\n    return ",
    );
    joins("rust", "fn f(n: u8) {\n    let a =ˇ + n;\n    g(a, b);\n}\n", " n;\n    let b = a");
    joins("ruby", "def f(a)\n  b = ˇ(a)\nend\n", "a + 1\n  puts(b)\n  g");
}

#[test]
fn rest_of_a_word_is_joined() {
    joins("python", "def f(numbers):\n    retˇbers)\n", "urn sum(num");
    shows_nothing("python", "def f(numbers):\n    return ˇbers\n", "plum");
}

#[test]
fn short_rest_with_a_word_must_follow() {
    joins("python", "def f(n):\n    return ˇn\n", "2 * ");
    joins("rust", "fn f(x: u8) {\n    g(ˇx);\n}\n", "1, ");
    shows_nothing("python", "def f(number):\n    return nuˇm\n", "mber % 2 != 0");
}

#[test]
fn broken_document_is_not_shown() {
    // Brackets, statements, a comment that contains the rest.
    shows_nothing("rust", "fn f(a: u8) {\n    let b = ˇ.min(9);\n}\n", "(a + 1");
    shows_nothing("python", "def f(a):\n    y = 2\n    x = ˇreturn a\n", "a + 1 ");
    shows_nothing("python", "def f(a):\n    return ˇ* 2\n", "a  # twice ");
    shows_nothing("javascript", "const a = ˇ+ b;\n", "1; const c = \"");
}

#[test]
fn word_in_a_comment_is_joined() {
    joins("ruby", "def f\n  # Returns \"ˇ\" of a list.\nend\n", "one");
    shows_nothing("ruby", "def f(a)\n  a ˇif a\nend\n", "# one");
}

#[test]
fn closers_after_the_cursor_are_not_repeated() {
    let fixture = "void f() {\n    A* a = cast<ˇ)));\n    g(a);\n}\n";
    assert_eq!(shown("cpp", fixture, "A*>(get(n, sizeof(A)));\n    h(a);"), "A*>(get(n, sizeof(A");
    assert_eq!(shown("python", "x = ˇ))\n", "f(g(h(1)))\ny"), "f(g(h(1)");
    assert_eq!(shown("javascript", "const a = ˇ];\n", "[b(1), 2];\n"), "[b(1), 2");
    assert_eq!(shown("rust", "fn f() {\n    g(ˇ);\n}\n", "h(1)"), "h(1)");
}

#[test]
fn line_with_another_indentation_is_not_joined() {
    shows_nothing("python", "def f(a):\n    b = ˇ    return b\n", "a + 1\n  ");
    joins("python", "def f(a):\n    b = ˇ  return b\n", "a + 1\n  ");
}

#[test]
fn text_ends_where_it_repeats_the_rest() {
    assert_eq!(shown("python", "x = ˇ + tax\n", "price + tax"), "price");
    let says = "1\n    y = 2\n    return x\n\ndef g():\n";
    assert_eq!(shown("python", "def f():\n    x = ˇreturn x\n", says), "1\n    y = 2\n    ");
    let says = "1) {\n        g();\n    }\n    if (b > 2) {\n        h();";
    let fixture = "void f(int b) {\n    if (b < ˇ(b > 2) {\n        h();\n    }\n}\n";
    assert_eq!(shown("c", fixture, says), "1) {\n        g();\n    }\n    if ");
}
