use expect_test::{Expect, expect};

use super::*;
use crate::{History, history::tests::replaced};

mod calls;
mod insertions;
mod quiet;

fn query(uri: Arc<str>, text: &str, placed: Vec<Placed>) -> Query {
    Query { uri, language: "".into(), text: text.into(), placed, others: Some(Vec::new()) }
}

/// Replaces `«old»` by `new` at the marked places and marks the offered edits:
/// `‹old→new›`, numbered in their order, with a question mark if they are guesses.
fn offered(uri: &str, marked: &str, new: &str) -> String {
    let uri: Arc<str> = uri.into();
    let (mut text, history) = replaced(&uri, marked, new);
    let placed = history.placed(&uri);
    let found = Finder::default().find(&query(uri, &text, placed));
    let mut numbered: Vec<(usize, &Candidate)> = found.iter().enumerate().collect();
    numbered.sort_by_key(|(_, it)| std::cmp::Reverse(it.range.start));
    for (i, it) in numbered {
        let guess = if it.kind == Kind::Similar { "?" } else { "" };
        let new = format!("‹{}{guess} {}→{}›", i + 1, it.old, it.new);
        text.replace_range(it.range.clone(), &new);
    }
    text
}

fn check(uri: &str, marked: &str, new: &str, expected: &Expect) {
    expected.assert_eq(&offered(uri, marked, new));
}

#[test]
fn uses_of_a_parameter_follow_its_name() {
    check(
        "a.py",
        "def area(w, «height»):\n    if height < 0:  # height\n        raise ValueError(\"height\")\n    return w * height\n\ndef other(height):\n    return height\n",
        "tall",
        &expect![[r#"
            def area(w, tall):
                if ‹1 height→tall› < 0:  # height
                    raise ValueError("height")
                return w * ‹2 height→tall›

            def other(height):
                return height
        "#]],
    );
}

#[test]
fn code_that_was_just_written_is_renamed() {
    let uri: Arc<str> = "a.py".into();
    let (mut text, mut history) = (String::new(), History::default());
    let mut replace = |range: Range<usize>, new: &str| {
        let old = text[range.clone()].to_owned();
        text.replace_range(range.clone(), new);
        history.record(&uri, range.start, &old, new);
        (text.clone(), history.placed(&uri))
    };
    for (i, c) in "def area(width, height):\n    return width * height\n".chars().enumerate() {
        replace(i..i, &c.to_string());
    }
    let (text, placed) = replace(16..22, "tall");
    let found = Finder::default().find(&query(uri.clone(), &text, placed));
    let shown: Vec<_> = found.iter().map(|it| (it.range.clone(), it.new.as_str())).collect();
    assert_eq!(shown, [(42..48, "tall")]);
}

#[test]
fn shadowed_names_are_left_alone() {
    check(
        "a.rs",
        "fn f(«x»: u8) -> u8 {\n    let y = x + g(|x| x);\n    let x = x * 2;\n    x + y\n}\n",
        "n",
        &expect![[r#"
            fn f(n: u8) -> u8 {
                let y = ‹1 x→n› + g(|x| x);
                let x = ‹2 x→n› * 2;
                x + y
            }
        "#]],
    );
}

#[test]
fn format_strings_and_shorthands_are_followed() {
    check(
        "a.rs",
        "fn f(«x»: u8) -> P {\n    println!(\"{x} x {x:?}\", x);\n    P { x }\n}\n",
        "n",
        &expect![[r#"
            fn f(n: u8) -> P {
                println!("{‹1 x→n›} x {‹2 x→n›:?}", ‹3 x→n›);
                P { ‹4 x→x: n› }
            }
        "#]],
    );
    check(
        "a.ts",
        "function f(«x»: number) {\n  return { x, y: x, z: o.x };\n}\n",
        "n",
        &expect![[r#"
            function f(n: number) {
              return { ‹1 x→x: n›, y: ‹2 x→n›, z: o.x };
            }
        "#]],
    );
}

#[test]
fn offers_start_after_the_edit() {
    check(
        "a.go",
        "package a\n\nfunc f(a int) int {\n\tt := a\n\t«t» += 1\n\treturn t\n}\n",
        "sum",
        &expect![[r#"
            package a

            func f(a int) int {
            	‹2 t→sum› := a
            	sum += 1
            	return ‹1 t→sum›
            }
        "#]],
    );
}

#[test]
fn fields_are_those_of_their_type() {
    check(
        "a.rs",
        "struct A { «size»: u8 }\nstruct B { size: u8 }\nimpl A {\n    fn f(&self, b: &B) -> u8 { self.size + b.size }\n}\n",
        "len",
        &expect![[r#"
            struct A { len: u8 }
            struct B { size: u8 }
            impl A {
                fn f(&self, b: &B) -> u8 { self.‹1 size→len› + b.size }
            }
        "#]],
    );
    check(
        "A.java",
        "class A {\n  int «size»;\n  A(int size) { this.size = size; }\n  int size() { return size; }\n}\n",
        "len",
        &expect![[r#"
            class A {
              int len;
              A(int size) { this.‹1 size→len› = size; }
              int size() { return ‹2 size→len›; }
            }
        "#]],
    );
}

#[test]
fn functions_are_followed_to_their_calls() {
    check(
        "a.c",
        "static int «get»(int i);\nint use(void) { return get(1) + x.get; }\nstatic int get(int i) { return i; }\n",
        "load",
        &expect![[r#"
            static int load(int i);
            int use(void) { return ‹1 get→load›(1) + x.get; }
            static int ‹2 get→load›(int i) { return i; }
        "#]],
    );
}

#[test]
fn methods_are_followed_to_their_calls() {
    check(
        "a.go",
        "package a\n\nfunc (s *Stack) «Get»() int { return s.n }\n\nfunc f(a *Stack, b *Queue) int { return a.Get() + b.Get() }\n",
        "Peek",
        &expect![[r#"
            package a

            func (s *Stack) Peek() int { return s.n }

            func f(a *Stack, b *Queue) int { return a.‹1 Get→Peek›() + b.Get() }
        "#]],
    );
    check(
        "a.rs",
        "fn «get»() {}\n\nmod tests {\n    use super::{get, set};\n    fn f() { get() }\n}\n",
        "load",
        &expect![[r#"
            fn load() {}

            mod tests {
                use super::{‹1 get→load›, set};
                fn f() { ‹2 get→load›() }
            }
        "#]],
    );
}

#[test]
fn existing_name_is_not_a_rename() {
    let text = "def f(a, b):\n    x = «a» + 1\n    return a + b\n";
    check("a.py", text, "b", &expect![["def f(a, b):\n    x = b + 1\n    return a + b\n"]]);
    let text = "def f(«a»):\n    return a\n";
    check("a.py", text, "if", &expect![["def f(if):\n    return a\n"]]);
}

#[test]
fn third_place_of_a_repeated_change_is_offered() {
    check(
        "a.py",
        "open(a«»)\nopen(b«»)\nopen(c)\nclose(d)\nopen(e, f)\n",
        ", \"r\"",
        &expect![[r#"
            open(a, "r")
            open(b, "r")
            open(c‹1? →, "r"›)
            close(d)
            open(e, f)
        "#]],
    );
    check(
        "a.py",
        "x.«old_name»(1)\ny = x.«old_name»(2)\nz = x.old_name(3)\nx.old_names(3)\n",
        "new_name",
        &expect![[r#"
            x.new_name(1)
            y = x.new_name(2)
            z = x.‹1 old_name→new_name›(3)
            x.old_names(3)
        "#]],
    );
}

#[test]
fn repeated_deletions_are_offered() {
    check(
        "a.py",
        "a: «typing.»Any\nb = «typing.»cast(int, a)\nc: list[typing.Any]\nd = typings.cast(int, a)\n",
        "",
        &expect![[r#"
            a: Any
            b = cast(int, a)
            c: list[‹1 typing.→›Any]
            d = typings.cast(int, a)
        "#]],
    );
}

#[test]
fn one_change_is_repeated_as_a_guess_where_its_neighbours_agree() {
    check(
        "a.c",
        "void f(int n) {\n  if (n < 0) «exit»(1);\n  g(exit);\n  // exit(2)\n  while (n--) exit(n);\n}\n",
        "abort",
        &expect![[r#"
            void f(int n) {
              if (n < 0) abort(1);
              g(exit);
              // exit(2)
              while (n--) ‹1? exit→abort›(n);
            }
        "#]],
    );
}

#[test]
fn guessed_members_belong_to_the_same_thing() {
    check(
        "a.go",
        "package a\n\nfunc f() {\n\tif mode.«IsEnabled» {\n\t}\n\tif other.IsEnabled {\n\t}\n\tif mode.IsEnabled {\n\t}\n}\n",
        "IsOn",
        &expect![[r#"
            package a

            func f() {
            	if mode.IsOn {
            	}
            	if other.IsEnabled {
            	}
            	if mode.‹1? IsEnabled→IsOn› {
            	}
            }
        "#]],
    );
}

#[test]
fn words_in_strings_follow_words_in_strings() {
    check(
        "a.ts",
        "is('«RequestHandler»')(a)\nis('RequestHandler')(b)\nconst c = new RequestHandler()\n",
        "request",
        &expect![[r#"
            is('request')(a)
            is('‹1? RequestHandler→request›')(b)
            const c = new RequestHandler()
        "#]],
    );
}

#[test]
fn names_of_other_files_are_guessed_if_they_are_distinctive() {
    check(
        "A.java",
        "class A {\n  private «DevInternalSettings» a;\n  DevInternalSettings b() { return a; }\n}\n",
        "DeveloperSettings",
        &expect![[r#"
            class A {
              private DeveloperSettings a;
              ‹1? DevInternalSettings→DeveloperSettings› b() { return a; }
            }
        "#]],
    );
}

#[test]
fn white_space_around_a_repeated_change_is_kept() {
    check(
        "a.java",
        "class A {\n  «»void a() {}\n  «»void b() {}\n  void c() {}\n  public void d() {}\n}\n",
        "public ",
        &expect![[r#"
            class A {
              public void a() {}
              public void b() {}
              ‹1? →public ›void c() {}
              public void d() {}
            }
        "#]],
    );
    check(
        "a.py",
        "def f(self, a«»):\n    pass\n\ndef g(self, a«»):\n    pass\n\ndef h(self, a):\n    pass\n",
        ": str",
        &expect![[r#"
            def f(self, a: str):
                pass

            def g(self, a: str):
                pass

            def h(self, a‹1? →: str›):
                pass
        "#]],
    );
}

/// Changes two lines in two places each.
#[test]
fn all_changes_of_a_line_are_repeated_together() {
    let uri: Arc<str> = "a.go".into();
    let line = "\tfmt.Print(1, &b)\n";
    let mut text = format!("package a\n\nfunc f() {{\n{line}\tg()\n{line}{line}}}\n");
    let mut history = History::default();
    for _ in 0..2 {
        for (old, new) in [("fmt.Print", "b.Write"), (", &b", "")] {
            let at = text.find(old).unwrap();
            text.replace_range(at..at + old.len(), new);
            history.record(&uri, at, old, new);
        }
    }
    let placed = history.placed(&uri);
    let found = Finder::default().find(&query(uri, &text, placed));
    let texts: Vec<(&str, &str)> = found.iter().map(|it| (&*it.old, &*it.new)).collect();
    assert_eq!(texts, [("fmt.Print(1, &b", "b.Write(1")]);
    assert_eq!(found[0].kind, Kind::Repeat);
}

#[test]
fn next_line_of_a_list_is_guessed() {
    check(
        "a.ts",
        "import {\n  «»Match,\n  Path,\n  match as m,\n} from './types'\n",
        "type ",
        &expect![[r#"
            import {
              type Match,
              ‹1? →type ›Path,
              match as m,
            } from './types'
        "#]],
    );
}

#[test]
fn equal_lines_are_deleted() {
    check(
        "a.py",
        "def f():\n«    log.debug(1)\n»    g()\n\ndef h():\n    log.debug(1)\n    log.debug(2)\n",
        "",
        &expect![[r#"
            def f():
                g()

            def h():
            ‹1?     log.debug(1)
            →›    log.debug(2)
        "#]],
    );
}

#[test]
fn comments_mention_renamed_names() {
    check(
        "a.py",
        "def f(«height_px»):\n    # height_px in pixels\n    return g(a.height_px)\n",
        "tall",
        &expect![[r#"
            def f(tall):
                # ‹1? height_px→tall› in pixels
                return g(a.height_px)
        "#]],
    );
}

#[test]
fn variable_that_is_split_keeps_its_old_part() {
    check(
        "a.py",
        "def f(value):\n    «value» = int(value)\n    return value + 1\n",
        "number",
        &expect![[r#"
            def f(value):
                number = int(value)
                return ‹1 value→number› + 1
        "#]],
    );
}

#[test]
fn self_is_not_repeated_in_other_types() {
    let text = "impl A {\n    fn new() -> «Path» { todo!() }\n}\nimpl B {\n    fn new() -> Path { todo!() }\n}\n";
    let expected = text.replace("«Path»", "Self");
    assert_eq!(offered("a.rs", text, "Self"), expected);
}

#[test]
fn documented_parameters_follow() {
    check(
        "a.js",
        "/**\n * @param {string} [name] the name\n */\nexport function f(«name») {\n  return name;\n}\n",
        "label",
        &expect![[r#"
            /**
             * @param {string} [‹2 name→label›] the name
             */
            export function f(label) {
              return ‹1 name→label›;
            }
        "#]],
    );
}

const PIECES: [&str; 20] = [
    "from b import (a, b)\n",
    "use a::{a, b};\n",
    "import { a, b } from \"b\";\n",
    "a(B {\n    a: 1,\n    b: 2,\n})\n",
    "match a {\n    a => 1,\n    b => 2\n}\n",
    "    a: 1,\n",
    "let a = ",
    "fn f(a: u8) {",
    "def f(a, b=a):\n",
    "{ a }",
    "a",
    "b",
    "(a, b)",
    ".a",
    ";\n",
    "}\n",
    "\n",
    " ",
    "\"{a} é\"",
    "for a in b ",
];
/// A regular expression for the texts to insert.
const INSERTED: &str = r"[abc(){}:é]{0,2}|\n    (c: 3,|a,)\n{0,2}|    (c => 3,|a\(\))\n";
const FILES: [&str; 8] = ["a.rs", "a.py", "a.ts", "a.go", "a.java", "a.c", "a.cpp", "a.json"];

proptest::proptest! {
    /// Whatever is edited, offers are for the text that is there, and accepting them all ends.
    #[test]
    fn random_edits_lead_to_valid_offers(
        pieces in proptest::collection::vec(0..PIECES.len(), 1..30),
        edits in proptest::collection::vec((0..200usize, 0..3usize, INSERTED), 1..8),
        file in 0..FILES.len(),
    ) {
        let uri: Arc<str> = FILES[file].into();
        let mut text: String = pieces.iter().map(|it| PIECES[*it]).collect();
        let (finder, mut history) = (Finder::default(), History::default());
        let floor = |text: &str, i: usize| (0..=i).rev().find(|i| text.is_char_boundary(*i)).unwrap();
        let mut change = |text: &mut String, range: Range<usize>, new: &str| {
            let old = text[range.clone()].to_owned();
            text.replace_range(range.clone(), new);
            history.record(&uri, range.start, &old, new);
            finder.find(&query(Arc::clone(&uri), text, history.placed(&uri)))
        };
        for (at, n_bytes, new) in edits {
            let start = floor(&text, at % (text.len() + 1));
            let end = floor(&text, (start + n_bytes).min(text.len()));
            let mut found = change(&mut text, start..end, &new);
            for _ in 0..200 {
                for it in &found {
                    assert_eq!(text[it.range.clone()], it.old);
                    assert_ne!(it.old, it.new);
                }
                let Some(Candidate { range, new, .. }) = found.first().cloned() else { break };
                found = change(&mut text, range, &new);
            }
            assert!(found.is_empty(), "offers without end");
        }
    }
}
