//! Edits after which nothing else changes.

use super::*;

/// Inserts a copy of the marked line, «line», below it, or above it if `is_above`, replaces words of
/// one of the two lines, and returns the new texts of what is offered.
fn offered_in_copy(uri: &str, marked: &str, is_above: bool, words: &[(&str, &str)]) -> Vec<String> {
    let uri: Arc<str> = uri.into();
    let (start, end) = (marked.find('«').unwrap(), marked.find('»').unwrap() - '«'.len_utf8());
    let mut text = marked.replace(['«', '»'], "");
    let copy = text[start..end].to_owned();
    let mut history = History::default();
    let mut replace = |text: &mut String, range: Range<usize>, new: &str| {
        let old = text[range.clone()].to_owned();
        text.replace_range(range.clone(), new);
        history.record(&uri, range.start, &old, new);
        history.placed(&uri)
    };
    // VS Code copies a line down by inserting it above the cursor.
    let mut placed = replace(&mut text, if is_above { start..start } else { end..end }, &copy);
    for (old, new) in words {
        let at = end + text[end..].find(old).unwrap();
        placed = replace(&mut text, at..at + old.len(), new);
    }
    Finder::default()
        .find(&query(uri.clone(), &text, placed))
        .into_iter()
        .map(|it| it.new)
        .collect()
}

#[test]
fn copied_line_is_adapted_alone() {
    let go = "package a\n\nfunc f() {\n«\tred := New(Red)\n»\tg(red, red)\n}\n";
    let python = "class A:\n«    loads: int = 1\n»\nA().loads\n";
    let rust = "fn f() {\n«    let width = g(size);\n»    h(width, size);\n    i(size);\n}\n";
    for is_above in [false, true] {
        let offered = |uri, marked, words: &[_]| offered_in_copy(uri, marked, is_above, words);
        assert_eq!(offered("a.go", go, &[("red", "green")]), [""; 0]);
        assert_eq!(offered("a.go", go, &[("red", "green"), ("Red", "Green")]), [""; 0]);
        assert_eq!(offered("a.py", python, &[("loads", "dumps")]), [""; 0]);
        assert_eq!(offered("a.rs", rust, &[("width", "height")]), [""; 0], "shadowed");
        assert_eq!(offered("a.rs", rust, &[("size", "length")]), [""; 0], "a reference");
    }
}

#[test]
fn copied_function_is_adapted_with_its_uses() {
    let text = "«def area(size):\n    b = 1\n    return size + b\n\n»area(1)\n";
    for is_above in [false, true] {
        let offered = |words: &[_]| offered_in_copy("a.py", text, is_above, words);
        assert_eq!(offered(&[("area", "volume")]), [""; 0], "called by the name of the original");
        assert_eq!(offered(&[("area", "volume"), ("size", "n")]), ["n"]);
        assert_eq!(offered(&[("area", "volume"), ("b", "y")]), ["y"]);
    }
}

#[test]
fn values_and_receivers_mean_something_else_elsewhere() {
    let quiet = |uri, marked: &str, new| {
        let unchanged = marked.replace(['«', '»'], "");
        let (start, end) = (marked.find('«').unwrap(), marked.find('»').unwrap() - 2);
        let with_edit = format!("{}{new}{}", &unchanged[..start], &unchanged[end..]);
        assert_eq!(offered(uri, marked, new), with_edit);
    };
    quiet("a.ts", "a = { b: «true», c: 1 };\nd = { e: true, f: 2 };\n", "false");
    quiet("a.ts", "f(a, «3»);\ng(a, 3);\n", "30");
    quiet("a.py", "def f(a=«True», b=True, c=True): pass\n", "");
    quiet("a.ts", "class A {\n  f() { «this».g(); }\n  h() { this.g(); }\n}\n", "super");
    check(
        "a.ts",
        "f('«1» a');\ng('1 a');\n",
        "2",
        &expect![[r"
            f('2 a');
            g('‹1? 1→2› a');
        "]],
    );
}

#[test]
fn annotation_is_not_a_rename() {
    let text = "def f(a«»):\n    return a + 1\n";
    check("a.py", text, ": str", &expect![["def f(a: str):\n    return a + 1\n"]]);
}
