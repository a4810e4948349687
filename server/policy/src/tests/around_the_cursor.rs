//! Texts that depend on the rest of the cursor's line.

use expect_test::expect;

use super::well_formed::{check, check_with};
use crate::{Indent, Style};

#[test]
fn closer_after_the_cursor_ends_the_text() {
    check(
        "python",
        "r = math.sqrt(ˇ)  # root\n",
        "16)\n",
        &expect![[r#"
        r = math.sqrt(«16»)  # root

    "#]],
    );
    check(
        "javascript",
        "for (ˇ) {}\n",
        "const a of b) {\n",
        &expect![[r#"
        for («const a of b») {}

    "#]],
    );
    check(
        "javascript",
        "for (ˇ) {}\n",
        "const a of b",
        &expect![[r#"
        for («const a of b») {}

    "#]],
    );
    check(
        "javascriptreact",
        "const a = <button onCˇ></button>;\n",
        "lick={() => go()}>Go</button>;\n",
        &expect![[r#"
            const a = <button onC«lick={() => go()}»></button>;

        "#]],
    );
    check(
        "css",
        "a:hover {\n  color: ˇ; /* link */\n}\n",
        "red;\n",
        &expect![[r#"
        a:hover {
          color: «red»; /* link */
        }

    "#]],
    );
    check(
        "html",
        "<img src=\"ˇ\" alt=\"x\" />\n",
        "a.png\" />\n",
        &expect![[r#"
        <img src="«a.png»" alt="x" />

    "#]],
    );
    check(
        "python",
        "d['ˇ'] = 1\n",
        "key'] = 2\n",
        &expect![[r#"
        d['«key»'] = 1

    "#]],
    );
    check(
        "rust",
        "fn f() {ˇ}\n",
        "\n    g();\n}\n",
        &expect![[r#"
        fn f() {«
            g();
        }»

    "#]],
    );
    check(
        "javascript",
        "it('a', () => {ˇ});\n",
        "\n  g();\n});\n",
        &expect![[r#"
            it('a', () => {«
              g();
            });»

        "#]],
    );
}

#[test]
fn docstring_body_is_kept() {
    check(
        "python",
        "def slugify(title):\n    \"\"\"ˇ\"\"\"\n    return title\n",
        "\n    Make a slug.\n    \"\"\"\n    return title\n",
        &expect![[r#"
            def slugify(title):
                """«
                Make a slug.
                """»
                return title

        "#]],
    );
    check(
        "python",
        "def slugify(title):\n    \"\"\"ˇ\n",
        "\n    Make a slug.\n\n    Twice.\n    \"\"\"\n    return title\n",
        &expect![[r#"
            def slugify(title):
                """«
                Make a slug.

                Twice.
                """»

        "#]],
    );
    check(
        "javascript",
        "/** ˇ */\nfunction add(a, b) {\n  return a + b;\n}\n",
        "\n * Adds.\n * @param a\n */\nfunction",
        &expect![[r#"
            /** «
             * Adds.
             * @param a» */
            function add(a, b) {
              return a + b;
            }

        "#]],
    );
}

#[test]
fn suffix_is_not_found_inside_a_word() {
    check(
        "python",
        "def f(x):\n    if x:\n        g()\n    ˇif y:\n        h()\n",
        "    elif y:\n        h()\n",
        &expect![[r#"
            def f(x):
                if x:
                    g()
                «»if y:
                    h()

        "#]],
    );
}

#[test]
fn indent_follows_the_cursor_and_the_editor() {
    let two =
        Style { indent: Some(Indent { with_spaces: true, tab_columns: 2 }), ..Style::default() };
    check_with(
        two,
        "javascript",
        "function printHelp() {\n  ˇ\n}\n",
        "  console.log(1);\n    if (a) {\n        b();\n    }\n",
        &expect![[r#"
            function printHelp() {
              «console.log(1);
              if (a) {
                b();
              }»
            }

        "#]],
    );
    check(
        "python",
        "def read_lines(path):\n  ˇ\n",
        "  with open(path) as f:\n        return f\n    return 1\n",
        &expect![[r#"
            def read_lines(path):
              «with open(path) as f:
                return f
              return 1»

        "#]],
    );
    check(
        "csharp",
        "class A {\n  void F() {\n    G();\n    ˇ\n  }\n}\n",
        "var a = @\"{\n          b\n    }\";\n",
        &expect![[r#"
            class A {
              void F() {
                G();
                «var a = @"{
                      b
                }";»
              }
            }

        "#]],
    );
    check(
        "c",
        "{\n    ˇfoo();\n}\n",
        "bar();\n    ",
        &expect![[r#"
        {
            «bar();
            »foo();
        }

    "#]],
    );
}

#[test]
fn aside_to_the_reader_is_cut() {
    check(
        "c",
        "int main(void) {\n  printf(\"%d\\n\", add(1, ˇ);\n  return 0;\n}\n",
        "2)); // Output: 3\n",
        &expect![[r#"
            int main(void) {
              printf("%d\n", add(1, «2));»
              return 0;
            }

        "#]],
    );
    check(
        "sql",
        "select ˇ\n",
        "name from users -- Replace 'John' with the name\n",
        &expect![[r#"
        select «name from users»

    "#]],
    );
    check(
        "python",
        "url = ˇ\n",
        "\"https://a.b\"  # the address\n",
        &expect![[r#"
        url = «"https://a.b"»

    "#]],
    );
    check(
        "python",
        "a = 1  # one\nurl = ˇ\n",
        "\"https://a.b\"  # the address\n",
        &expect![[r#"
        a = 1  # one
        url = «"https://a.b"  # the address»

    "#]],
    );
    check(
        "go",
        "func f() {\n\tx := ˇ\n}\n",
        "compute(1) // Sums it up for you\n",
        &expect![[r#"
            func f() {
            	x := «compute(1)»
            }

        "#]],
    );
    check(
        "lua",
        "local f = g(ˇ\n",
        "a, -- first\n  b)\n",
        &expect![[r#"
        local f = g(«a, -- first»

    "#]],
    );
}

#[test]
fn closer_ends_the_text_in_other_languages() {
    check(
        "rust",
        "let v = vec![ˇ]; // ids\n",
        "1, 2, 3]; // ids\n",
        &expect![[r#"
            let v = vec![«1, 2, 3»]; // ids

        "#]],
    );
    check(
        "go",
        "fmt.Println(ˇ) // log\n",
        "\"a\", b)\n",
        &expect![[r#"
        fmt.Println(«"a", b») // log

    "#]],
    );
    check(
        "c",
        "printf(\"ˇ\"); /* x */\n",
        "hello\\n\");\n",
        &expect![[r#"
        printf("«hello\n»"); /* x */

    "#]],
    );
    check(
        "ruby",
        "puts [ˇ].map { |x| x }\n",
        "1, 2].each { |y| y }\n",
        &expect![[r#"
        puts [«1, 2»].map { |x| x }

    "#]],
    );
    check(
        "html",
        "<a href=\"ˇ\">x</a>\n",
        "/home\">Home</a>\n",
        &expect![[r#"
        <a href="«/home»">x</a>

    "#]],
    );
    check(
        "lua",
        "f(ˇ) -- call\n",
        "a, b)\n",
        &expect![[r#"
        f(«a, b») -- call

    "#]],
    );
    check(
        "sql",
        "insert into t values (ˇ); -- row\n",
        "1, 2);\n",
        &expect![[r#"
        insert into t values («1, 2»); -- row

    "#]],
    );
    check(
        "typescript",
        "const a: Map<ˇ> = new Map();\n",
        "string, number> = new Map<string, number>();\n",
        &expect![[r#"
        const a: Map<«string, number»> = new Map();

    "#]],
    );
    check(
        "json",
        "{\n  \"a\": [ˇ],\n  \"b\": 1\n}\n",
        "1, 2],\n  \"c\": 2\n",
        &expect![[r#"
        {
          "a": [«1, 2»],
          "b": 1
        }

    "#]],
    );
}
