//! Real code passes unchanged. Each case represents a class of places in the files of
//! `tests/oracle`.

use expect_test::expect;

use super::well_formed::check;

#[test]
fn auto_closed_body_keeps_its_last_line() {
    check(
        "typescriptreact",
        "import {ˇ}\nimport b from 'b';\n",
        "\n  A,\n  B,\n} from 'a';\nimport b from 'b';\n",
        &expect![[r#"
            import {«
              A,
              B,
            } from 'a';»
            import b from 'b';

        "#]],
    );
    check(
        "typescript",
        "f({ a: 1 });\ng({ˇ})\n",
        "\n  b,\n  c: !d,\n});\n\nh();\n",
        &expect![[r#"
            f({ a: 1 });
            g({«
              b,
              c: !d,
            });»

        "#]],
    );
    check(
        "json",
        "{\n  \"a\": {ˇ}\n  \"b\": 1\n}\n",
        "\n    \"c\": 2\n  },\n  \"b\": 1\n",
        &expect![[r#"
            {
              "a": {«
                "c": 2
              },»
              "b": 1
            }

        "#]],
    );
    check(
        "elixir",
        "defmodule A do\n  def f(x) when is_atom(x) doˇ\n\n  def g(a)\n      when is_list(a) do\n    a\n  end\nend\n",
        "\n    [x]\n  end\n\n  def g(a)",
        &expect![[r#"
            defmodule A do
              def f(x) when is_atom(x) do«
                [x]
              end»

              def g(a)
                  when is_list(a) do
                a
              end
            end

        "#]],
    );
    check(
        "elixir",
        "defmodule A do\n  def f(x) doˇ\n\n  def g(\n        a,\n        b\n      ) do\n    a\n  end\nend\n",
        "\n    x\n  end\n\n  def g(",
        &expect![[r#"
            defmodule A do
              def f(x) do«
                x
              end»

              def g(
                    a,
                    b
                  ) do
                a
              end
            end

        "#]],
    );
}

#[test]
fn body_below_the_cursor_is_not_repeated() {
    check(
        "rust",
        "impl fmt::Display for A {\n    fn fmt(&self, f: &mut fmtˇ\n        write!(f, \"_\")\n    }\n}\n",
        "::Formatter) -> fmt::Result {\n        write!(f, \"_\")\n    }\n}\n",
        &expect![[r#"
            impl fmt::Display for A {
                fn fmt(&self, f: &mut fmt«::Formatter) -> fmt::Result {»
                    write!(f, "_")
                }
            }

        "#]],
    );
    check(
        "rust",
        "impl fmt::Display for A {\n    fn fmt(&self, f: &mut fmtˇ\n        write!(f, \"_\")\n    }\n}\n",
        "::Formatter) -> fmt::Result {\n\nuse b;\n\nfn c() {\n",
        &expect![[r#"
            impl fmt::Display for A {
                fn fmt(&self, f: &mut fmt«::Formatter) -> fmt::Result {»
                    write!(f, "_")
                }
            }

        "#]],
    );
    check(
        "vue",
        "<template>\n  <ˇ\n    class=\"a\"\n    @click=\"b\">\n  </figure>\n</template>\n",
        "figure\n    class=\"a\"\n    @click=\"b\">\n",
        &expect![[r#"
            <template>
              <«figure»
                class="a"
                @click="b">
              </figure>
            </template>

        "#]],
    );
}

#[test]
fn space_before_a_closer_is_kept() {
    check(
        "javascript",
        "return {ˇ}\n",
        " width }\n",
        &expect![[r#"
            return {« width }»

        "#]],
    );
    check(
        "toml",
        "a = { version = \"ˇ\"}\n",
        "1.0\" }\nb = 1\n",
        &expect![[r#"
            a = { version = "«1.0" }»

        "#]],
    );
    check(
        "python",
        "f(\n    \"ˇ\"\n    \"b\"\n)\n",
        "a \"\n    \"b\"\n",
        &expect![[r#"
            f(
                "«a "»
                "b"
            )

        "#]],
    );
}

#[test]
fn trailing_comment_is_kept() {
    check(
        "ruby",
        "def self.included(ˇ) #:nodoc:\n  super\nend\n",
        "base) #:nodoc:\n  super\n",
        &expect![[r#"
            def self.included(«base») #:nodoc:
              super
            end

        "#]],
    );
}

#[test]
fn line_is_inserted_above_any_line() {
    check(
        "python",
        "class A:\n    ˇb: int = 1\n",
        "a: int = 0\n    b: int = 1\n",
        &expect![[r#"
            class A:
                «a: int = 0
                »b: int = 1

        "#]],
    );
    check(
        "go",
        "func f() {\n\tˇy := g()\n}\n",
        "x := 1\n\ty := g()\n}\n",
        &expect![[r#"
            func f() {
            	«x := 1
            	»y := g()
            }

        "#]],
    );
    check(
        "cpp",
        "void f() {\n  ˇ// Then.\n  g();\n}\n",
        "// First.\n  // Then.\n",
        &expect![[r#"
            void f() {
              «// First.
              »// Then.
              g();
            }

        "#]],
    );
    check(
        "java",
        "/*\n ˇ*\n * B\n */\n",
        "* A\n *\n",
        &expect![[r#"
            /*
             «* A
             »*
             * B
             */

        "#]],
    );
    check(
        "ruby",
        "a do |b|\n  ˇb\nend\n",
        "b[0] = b.first\n  b\nend\n",
        &expect![[r#"
            a do |b|
              «b[0] = b.first
              »b
            end

        "#]],
    );
    check(
        "java",
        "/*\n ˇ* All rights.\n */\n",
        "* Copyright (C) 2010 A.\n /*\n * Copyright (C) 2010 A.\n * All rights.\n",
        &expect![[r#"
            /*
             «* Copyright (C) 2010 A.
             »* All rights.
             */

        "#]],
    );
}

#[test]
fn macro_is_no_syntax_error() {
    check(
        "c",
        "int a;\nˇ\n",
        "int CJSON_CDECL main(void)\n{\n    f();\n    return g();\n}\n",
        &expect![[r#"
            int a;
            «int CJSON_CDECL main(void)
            {
                f();
                return g();
            }»

        "#]],
    );
    check(
        "c",
        "namespace a {\nclass B;\n\nˇ\n}\n",
        "class C {\n private:\n  friend class B;\n\n  static void f(int b);\n};\n\n}\n",
        &expect![[r#"
            namespace a {
            class B;

            «class C {
             private:
              friend class B;

              static void f(int b);
            };»
            }

        "#]],
    );
    check(
        "cpp",
        "namespace a {\n\nˇ\n\nvoid g() {}\n}\n",
        "A::A(B* b, int c)\n    : b_(b), c_(c) {\n  f();\n}\n\nvoid g() {}\n",
        &expect![[r#"
            namespace a {

            «A::A(B* b, int c)
                : b_(b), c_(c) {
              f();
            }»

            void g() {}
            }

        "#]],
    );
}

#[test]
fn modifier_after_a_bracket_opens_nothing() {
    check(
        "ruby",
        "def f(a)\n  ˇ\n  g\nend\n",
        "b = h(a) if a\n  g\nend\n",
        &expect![[r#"
            def f(a)
              «b = h(a) if a»
              g
            end

        "#]],
    );
}

#[test]
fn equal_list_elements_are_kept() {
    check(
        "kotlin",
        "val a = f(\n  ˇ\n)\n",
        "Params.WRAP_CONTENT,\n  Params.WRAP_CONTENT,\n)\n",
        &expect![[r#"
            val a = f(
              «Params.WRAP_CONTENT,
              Params.WRAP_CONTENT,»
            )

        "#]],
    );
}
