//! Accepting a complete suggestion that was not shown while it streamed leaves the file well
//! formed.

use expect_test::{Expect, expect};

use crate::{CursorContext, Phase, Policy, Style, Syntax, n_replaced};

/// Compares the document after accepting the text at the cursor `ˇ`.
#[track_caller]
pub(super) fn check(language: &str, fixture: &str, says: &str, expected: &Expect) {
    check_with(Style::default(), language, fixture, says, expected);
}

#[track_caller]
pub(super) fn check_with(
    style: Style,
    language: &str,
    fixture: &str,
    says: &str,
    expected: &Expect,
) {
    let (before, after) = fixture.split_once('ˇ').expect("a cursor");
    let document = format!("{before}{after}");
    let syntax = Syntax::new(&Default::default(), &"a".into(), language, &document, before.len());
    let policy = Policy::new(CursorContext::new(before, after).in_language(language))
        .with_style(style)
        .with_syntax(syntax);
    let ends = says.char_indices().map(|(i, c)| i + c.len_utf8());
    let stopped =
        ends.into_iter().find(|end| policy.cut(&says[..*end], Phase::Partial).stop.is_some());
    let said = &says[..stopped.unwrap_or(says.len())];
    let settled = policy.settle(said, policy.cut(said, Phase::Final));
    let text = policy.written(&said[..settled.keep_bytes]);
    let n_chars = n_replaced(&text, after.split('\n').next().unwrap_or_default());
    let rest: String = after.chars().skip(n_chars).collect();
    expected.assert_eq(&format!("{before}«{text}»{rest}\n"));
}

#[test]
fn own_lines_do_not_match_the_suffix() {
    check(
        "go",
        "func save(path string) error {\n\tf, err := os.Create(path)\n\tˇ\n\treturn err\n}\n",
        "if err != nil {\n\t\treturn err\n\t}\n\tdefer f.Close()\n\treturn err\n}\n",
        &expect![[r#"
            func save(path string) error {
            	f, err := os.Create(path)
            	«if err != nil {
            		return err
            	}
            	defer f.Close()»
            	return err
            }

        "#]],
    );
    check(
        "javascript",
        "function parsePort(text) {\n  const port = Number(text);\n  ˇ\n  return null;\n}\n",
        "if (isNaN(port)) {\n    return null;\n  }\n",
        &expect![[r#"
            function parsePort(text) {
              const port = Number(text);
              «if (isNaN(port)) {
                return null;
              }»
              return null;
            }

        "#]],
    );
    check(
        "python",
        "def f(x):\n    ˇ\n    return None\n",
        "if x:\n        return None\n    return None\n",
        &expect![[r#"
            def f(x):
                «if x:
                    return None»
                return None

        "#]],
    );
    check(
        "kotlin",
        "fun f() {\n    ˇ\n    check(\n        \"b\",\n    )\n}\n",
        "check(\n        \"a\",\n    )\n    check(\n        \"b\",\n    )\n}",
        &expect![[r#"
            fun f() {
                «check(
                    "a",
                )»
                check(
                    "b",
                )
            }

        "#]],
    );
    check(
        "go",
        "func f() {\n\tˇ\n\tg(\n\t\t1,\n\t)\n}\n",
        "g(\n\t\t1,\n\t)\n}\n",
        &expect![[r#"
            func f() {
            	«»
            	g(
            		1,
            	)
            }

        "#]],
    );
}

#[test]
fn block_of_words_or_tags_is_closed() {
    check(
        "ruby",
        "class Stack\n  def initialize\n    @items = []\n  end\n\n  ˇ\nend\n",
        "def push(item)\n    @items << item if item\n\n    self\n  end\nend\n",
        &expect![[r#"
            class Stack
              def initialize
                @items = []
              end

              «def push(item)
                @items << item if item

                self
              end»
            end

        "#]],
    );
    check(
        "elixir",
        "defmodule Math do\n  def add(a, b) do\n    a + b\n  end\n\n  ˇ\nend\n",
        "def subtract(a, b) do\n    a - b\n  end\nend\n",
        &expect![[r#"
            defmodule Math do
              def add(a, b) do
                a + b
              end

              «def subtract(a, b) do
                a - b
              end»
            end

        "#]],
    );
    check(
        "html",
        "<div class=\"page\">\n  ˇ\n</div>\n",
        "<div class=\"content\">\n    <p>Text<br>\n\n    <img src=\"a\"></p>\n  </div>\n</div>\n",
        &expect![[r#"
            <div class="page">
              «<div class="content">
                <p>Text<br>

                <img src="a"></p>
              </div>»
            </div>

        "#]],
    );
    check(
        "lua",
        "local M = {}\n\nfunction M.a()\n  ˇ\nend\n",
        "if x then\n    return 1\n\n  end\nend\n",
        &expect![[r#"
            local M = {}

            function M.a()
              «if x then
                return 1

              end»
            end

        "#]],
    );
    check(
        "shellscript",
        "if a; then\n  ˇ\nfi\n",
        "for f in *; do\n    case $f in\n      a) b ;;\n    esac\n  done\nfi\n",
        &expect![[r#"
            if a; then
              «for f in *; do
                case $f in
                  a) b ;;
                esac
              done»
            fi

        "#]],
    );
    check(
        "xml",
        "<a>\n  ˇ\n</a>\n",
        "<b>\n    <c/>\n  </b>\n</a>\n",
        &expect![[r#"
        <a>
          «<b>
            <c/>
          </b>»
        </a>

    "#]],
    );
    check(
        "javascriptreact",
        "function App() {\n  return (\n    <div>\n      ˇ\n    </div>\n  );\n}\n",
        "<ul>\n        {items.map((it) => <li key={it}>{it}</li>)}\n      </ul>\n    </div>\n",
        &expect![[r#"
            function App() {
              return (
                <div>
                  «<ul>
                    {items.map((it) => <li key={it}>{it}</li>)}
                  </ul>»
                </div>
              );
            }

        "#]],
    );
    check(
        "sql",
        "ˇ",
        "create procedure p() begin\n  select 1;\n\n  select case when a then b end;\nend;\n\nselect 2;\n",
        &expect![[r#"
            «create procedure p() begin
              select 1;

              select case when a then b end;
            end;»
        "#]],
    );
}

#[test]
fn string_is_closed_or_not_shown() {
    let load = "def load_config(path, defaults=None):\n    ˇ\n";
    check(
        "python",
        load,
        "\"\"\"Loads it.\n\n    Args:\n        path: a path.\n    \"\"\"\n    return 1\n",
        &expect![[r#"
            def load_config(path, defaults=None):
                «"""Loads it.

                Args:
                    path: a path.
                """
                return 1»

        "#]],
    );
    check(
        "python",
        load,
        "\"\"\"Loads it.\n\n    Args:\n        path: a path.\n",
        &expect![[r#"
        def load_config(path, defaults=None):
            «»

    "#]],
    );
    check(
        "javascript",
        "ˇ",
        "console.log(`\n  Usage:\n\n",
        &expect![[r#"
        «»
    "#]],
    );
    check(
        "javascript",
        "ˇ",
        "console.log(`\n  Usage:\n\n  a\n`);\n",
        &expect![[r#"
        «console.log(`
          Usage:

          a
        `);»
    "#]],
    );
    check(
        "rust",
        "fn f() {\n    ˇ\n}\n",
        "let s = r#\"a\n\n b",
        &expect![[r#"
        fn f() {
            «»
        }

    "#]],
    );
    check(
        "go",
        "func f() {\n\tˇ\n}\n",
        "s := `a\n\nb`\n\tg(s)\n}\n",
        &expect![[r#"
        func f() {
        	«s := `a

        b`
        	g(s)»
        }

    "#]],
    );
    check(
        "shellscript",
        "ˇ",
        "cat <<EOF\na\n\nb\nEOF\necho\n\n",
        &expect![[r#"
        «cat <<EOF
        a

        b
        EOF
        echo»
    "#]],
    );
    check(
        "shellscript",
        "ˇ",
        "cat <<EOF\na\n\nb\n",
        &expect![[r#"
        «»
    "#]],
    );
    check(
        "c",
        "int a;\nˇ\n",
        "/* A comment\n * of two lines\n",
        &expect![[r#"
        int a;
        «»

    "#]],
    );
    let long = format!("s = \"\"\"\n{}\"\"\"\n", "line\n".repeat(200));
    check(
        "python",
        "ˇ",
        &long,
        &expect![[r#"
        «»
    "#]],
    );
}

#[test]
fn wrong_first_line_is_not_shown() {
    check(
        "typescript",
        "class Counter {\n  static ˇ\n}\n",
        "int count = 0;\n",
        &expect![[r#"
        class Counter {
          static «»
        }

    "#]],
    );
    check(
        "rust",
        "fn f() {\n    ˇ\n}\n",
        "if a {",
        &expect![[r#"
        fn f() {
            «»
        }

    "#]],
    );
    check(
        "python",
        "def f():\n    ˇ\n",
        "if a:\n",
        &expect![[r#"
        def f():
            «»

    "#]],
    );
}

#[test]
fn long_block_is_shown_whole_or_not_at_all() {
    let body = |n: usize| (0..n).map(|it| format!("    x{it} = g(y{it})\n")).collect::<String>();
    let shown = |says: &str| {
        let policy = Policy::new(CursorContext::new("", "").in_language("ruby"));
        let cut = policy.settle(says, policy.cut(says, Phase::Final));
        says[..cut.keep_bytes].lines().count()
    };
    // It closes soon after the limit of 16 lines.
    assert_eq!(shown(&format!("def f\n{}end\n", body(25))), 27);
    assert_eq!(shown(&format!("def f\n{}end\n", body(40))), 0);
    // The file is well formed without the block.
    assert_eq!(shown(&format!("a = 1\nb = 2\ndef f\n{}end\n", body(40))), 2);
}

#[test]
fn unclosed_block_is_not_shown() {
    check(
        "rust",
        "fn f() {\n    ˇ\n}\n",
        "if a {\n        b();\n        c",
        &expect![[r#"
            fn f() {
                «»
            }

        "#]],
    );
}

#[test]
fn incomplete_repetition_is_cut() {
    check(
        "java",
        "ˇ\npublic class A {\n\n  private String x;\n\n  public A(String x) {\n    this.x = x;\n  }\n}\n",
        "/** A. */\npublic class A {\n\n  private String x;\n\n  public A(Str",
        &expect![[r#"
            «/** A. */»
            public class A {

              private String x;

              public A(String x) {
                this.x = x;
              }
            }

        "#]],
    );
}
