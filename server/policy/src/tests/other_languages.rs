//! The same behaviour in further languages.

use expect_test::expect;

use super::well_formed::check;

#[test]
fn own_lines_do_not_match_the_suffix_in_other_languages() {
    check(
        "typescript",
        "class A {\n  f(x: number) {\n    ˇ\n    return x;\n  }\n}\n",
        "if (x > 1) {\n      return x;\n    }\n    x += 1;\n    return x;\n  }\n",
        &expect![[r#"
        class A {
          f(x: number) {
            «if (x > 1) {
              return x;
            }
            x += 1;»
            return x;
          }
        }

    "#]],
    );
    check(
        "lua",
        "function f(x)\n  ˇ\n  return x\nend\n",
        "if x > 1 then\n    return x\n  end\n  x = x + 1\n  return x\nend\n",
        &expect![[r#"
        function f(x)
          «if x > 1 then
            return x
          end
          x = x + 1»
          return x
        end

    "#]],
    );
    check(
        "ruby",
        "def f(x)\n  ˇ\n  x\nend\n",
        "if x > 1\n    x\n  end\n  x\nend\n",
        &expect![[r#"
        def f(x)
          «if x > 1
            x
          end»
          x
        end

    "#]],
    );
    check(
        "rust",
        "fn f() -> u8 {\n    for i in 0..3 {\n        ˇ\n        continue;\n    }\n}\n",
        "if i == 2 {\n            continue;\n        }\n        continue;\n    }\n",
        &expect![[r#"
        fn f() -> u8 {
            for i in 0..3 {
                «if i == 2 {
                    continue;
                }»
                continue;
            }
        }

    "#]],
    );
    check(
        "python",
        "def f(x):\n    if x:\n        ˇ\n    else:\n        b()\n",
        "if y:\n            a()\n        else:\n            c()\n    else:\n        b()\n",
        &expect![[r#"
        def f(x):
            if x:
                «if y:
                    a()
                else:
                    c()»
            else:
                b()

    "#]],
    );
    check(
        "yaml",
        "a:\n  - ˇ\n  - name: x\nb: 1\n",
        "name: y\n    run: |\n      name: x\n  - name: x\nb: 1\n",
        &expect![[r#"
        a:
          - «name: y»
          - name: x
        b: 1

    "#]],
    );
}

#[test]
fn other_blocks_and_strings_are_closed() {
    check(
        "julia",
        "function f(x)\n    ˇ\nend\n",
        "for i in 1:3\n        g(i)\n\n    end\nend\n",
        &expect![[r#"
        function f(x)
            «for i in 1:3
                g(i)

            end»
        end

    "#]],
    );
    check(
        "vue",
        "<template>\n  <div>\n    ˇ\n  </div>\n</template>\n",
        "<ul>\n      <li>a</li>\n\n    </ul>\n  </div>\n</template>\n",
        &expect![[r#"
        <template>
          <div>
            «<ul>
              <li>a</li>

            </ul>»
          </div>
        </template>

    "#]],
    );
    check(
        "php",
        "<?php\nfunction f() {\n    ˇ\n}\n",
        "if ($a) {\n        g();\n\n    }\n}\n",
        &expect![[r#"
        <?php
        function f() {
            «if ($a) {
                g();

            }»
        }

    "#]],
    );
    check(
        "swift",
        "func f() {\n    ˇ\n}\n",
        "guard let a else {\n        return\n\n    }\n}\n",
        &expect![[r#"
        func f() {
            «guard let a else {
                return

            }»
        }

    "#]],
    );
    check(
        "fish",
        "function f\n    ˇ\nend\n",
        "if test -f a\n        echo a\n    end\nend\n",
        &expect![[r#"
        function f
            «if test -f a
                echo a
            end»
        end

    "#]],
    );
    check(
        "kotlin",
        "fun f() {\n    ˇ\n}\n",
        "val s = \"\"\"\n      a\n\n      b\n    \"\"\"\n    g(s)\n}\n",
        &expect![[r#"
        fun f() {
            «val s = """
              a

              b
            """
            g(s)»
        }

    "#]],
    );
    check(
        "latex",
        "\\begin{document}\nˇ\n\\end{document}\n",
        "\\begin{itemize}\n\\item a\n\n\\item b\n\\end{itemize}\n\\end{document}\n",
        &expect![[r#"
        \begin{document}
        «\begin{itemize}
        \item a

        \item b
        \end{itemize}»
        \end{document}

    "#]],
    );
    check(
        "csharp",
        "class A {\n    void F() {\n        ˇ\n    }\n}\n",
        "var s = @\"a\n\nb\";\n        G(s);\n    }\n}\n",
        &expect![[r#"
        class A {
            void F() {
                «var s = @"a

        b";
                G(s);»
            }
        }

    "#]],
    );
    check(
        "elixir",
        "defmodule A do\n  ˇ\nend\n",
        "@doc \"\"\"\n  Adds.\n\n  More.\n  \"\"\"\n  def f(a), do: a\nend\n",
        &expect![[r#"
        defmodule A do
          «@doc """
          Adds.

          More.
          """
          def f(a), do: a»
        end

    "#]],
    );
    check(
        "perl",
        "sub f {\n    ˇ\n}\n",
        "my $t = <<EOT;\na\n\nb\nEOT\n    return $t;\n}\n",
        &expect![[r#"
        sub f {
            «my $t = <<EOT;
        a

        b
        EOT
            return $t;»
        }

    "#]],
    );
    check(
        "php",
        "<?php\nˇ\n",
        "$a = <<<EOT\na\n\nb\nEOT;\n\n\n",
        &expect![[r#"
        <?php
        «$a = <<<EOT
        a

        b
        EOT;»

    "#]],
    );
}
