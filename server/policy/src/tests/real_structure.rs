//! Blocks of real files pass unchanged, in pages, examples and languages without brackets.

use expect_test::expect;

use super::well_formed::check;

#[test]
fn script_in_a_page_is_code() {
    check(
        "vue",
        "<script>\nexport default {\n  computed: {\n    a() {ˇ}\n    b() {\n      return 1;\n    }\n  }\n}\n</script>\n",
        "\n      return { c: 2 };\n    },\n    b() {",
        &expect![[r#"
            <script>
            export default {
              computed: {
                a() {«
                  return { c: 2 };
                },»
                b() {
                  return 1;
                }
              }
            }
            </script>

        "#]],
    );
    check(
        "vue",
        "<script>\nexport default {\n  data() {\n    ˇ\n  }\n}\n</script>\n",
        "for (const a of b) {\n\n      c(a);\n    }\n  }\n}\n",
        &expect![[r#"
            <script>
            export default {
              data() {
                «for (const a of b) {

                  c(a);
                }»
              }
            }
            </script>

        "#]],
    );
    check(
        "svelte",
        "<div>\n  ˇ\n</div>\n",
        "{#if a}\n    <p on:click={() => b({ c })}>{d}</p>\n\n    <br>\n  {:else}\n    e\n  {/if}\n</div>\n",
        &expect![[r#"
            <div>
              «{#if a}
                <p on:click={() => b({ c })}>{d}</p>

                <br>
              {:else}
                e
              {/if}»
            </div>

        "#]],
    );
    check(
        "svelte",
        "<button\n  ˇ\n/>\n",
        "on:click={() => {\n    a(b);\n  }}\n/>\n",
        &expect![[r#"
            <button
              «on:click={() => {
                a(b);
              }}»
            />

        "#]],
    );
    check(
        "markdown",
        "# A\n\n```js\nlet a = {ˇ}\n```\n",
        "\n  b: 1,\n};\n```\n",
        &expect![[r#"
            # A

            ```js
            let a = {«
              b: 1,
            };»
            ```

        "#]],
    );
}

#[test]
fn unfinished_tag_ends_at_the_next_one() {
    check(
        "html",
        "<div>\n  <input type=\"a\"\n    ˇ\n</div>\n",
        "id=\"b\" placeholder=\"c\">\n</div>\n",
        &expect![[r#"
            <div>
              <input type="a"
                «id="b" placeholder="c">»
            </div>

        "#]],
    );
}

#[test]
fn example_in_text_is_closed() {
    check(
        "python",
        "def f():\n    \"\"\"An example:\n\n    a = {ˇ}\n    \"\"\"\n",
        "\n        \"b\": 1,\n    }\n    \"\"\"\n",
        &expect![[r#"
            def f():
                """An example:

                a = {«
                    "b": 1,
                }»
                """

        "#]],
    );
    check(
        "elixir",
        "defmodule A do\n  @doc \"\"\"\n      def f doˇ\n  \"\"\"\nend\n",
        "\n        1\n      end\n  \"\"\"\n",
        &expect![[r#"
            defmodule A do
              @doc """
                  def f do«
                    1
                  end»
              """
            end

        "#]],
    );
}

#[test]
fn blocks_of_sql_are_closed() {
    check(
        "sql",
        "CREATE FUNCTION f() AS $$\nBEGIN\n  if a < 1 thenˇ\n\n  b;\nEND;\n$$ LANGUAGE plpgsql;\n",
        "\n    c(\n      d\n    );\n  end if;\n\n  b;\n",
        &expect![[r#"
            CREATE FUNCTION f() AS $$
            BEGIN
              if a < 1 then«
                c(
                  d
                );
              end if;»

              b;
            END;
            $$ LANGUAGE plpgsql;

        "#]],
    );
    check(
        "sql",
        "CREATE FUNCTION f() AS $$\nBEGIN\n  ˇ\nEND;\n$$ LANGUAGE plpgsql;\n",
        "IF a IS NULL THEN\n    raise exception 'it''s';\n\n    b;\n  END IF;\nEND;\n$$",
        &expect![[r#"
            CREATE FUNCTION f() AS $$
            BEGIN
              «IF a IS NULL THEN
                raise exception 'it''s';

                b;
              END IF;»
            END;
            $$ LANGUAGE plpgsql;

        "#]],
    );
    check(
        "sql",
        "CREATE FUNCTION f() AS $$\nBEGIN\n  ˇ\nEND;\n$$ LANGUAGE plpgsql;\n",
        "FOR a IN b LOOP\n    c;\n\n    d;\n  END LOOP;\nEND;\n",
        &expect![[r#"
            CREATE FUNCTION f() AS $$
            BEGIN
              «FOR a IN b LOOP
                c;

                d;
              END LOOP;»
            END;
            $$ LANGUAGE plpgsql;

        "#]],
    );
    check(
        "sql",
        "ˇ\nselect 1;\n",
        "drop table if exists a;\nselect 1;\n",
        &expect![[r#"
            «drop table if exists a;»
            select 1;

        "#]],
    );
}

#[test]
fn aligned_lines_keep_their_indent() {
    check(
        "yaml",
        "a:\n  b: 1\n  c:\n    d: 2\nˇ\n",
        "e:\n  - http:\n      path: f\n      g: h\n",
        &expect![[r#"
            a:
              b: 1
              c:
                d: 2
            «e:
              - http:
                  path: f
                  g: h»

        "#]],
    );
    check(
        "typescriptreact",
        "if (a) {\n  b();\n}\nif (b) {\n  ˇ\n}\n",
        "c = a\n    ? {\n        d: 1,\n      }\n    : e;\n}\n",
        &expect![[r#"
            if (a) {
              b();
            }
            if (b) {
              «c = a
                ? {
                    d: 1,
                  }
                : e;»
            }

        "#]],
    );
    check(
        "shellscript",
        "f() {\n  a\n}\nb() {\n  ˇ\n}\n",
        "{ if c; then\n      d\n    else\n      e\n    fi\n  } >&2\n}\n",
        &expect![[r#"
            f() {
              a
            }
            b() {
              «{ if c; then
                  d
                else
                  e
                fi
              } >&2»
            }

        "#]],
    );
}

#[test]
fn deeper_lines_belong_to_the_line_above() {
    check(
        "ruby",
        "class A\n  ˇ\nend\n",
        "protected\n\n    def f\n      1\n    end\nend\n",
        &expect![[r#"
            class A
              «protected

                def f
                  1
                end»
            end

        "#]],
    );
    check(
        "elixir",
        "defmodule A do\n  @moduledoc \"\"\"\n  ˇ\n  \"\"\"\nend\n",
        "## Examples\n\n      a(1)\n  \"\"\"\n",
        &expect![[r#"
            defmodule A do
              @moduledoc """
              «## Examples

                  a(1)»
              """
            end

        "#]],
    );
    check(
        "python",
        "ˇ",
        "def f(\n    a: int,\n) -> int:\n    b = a\n\n    return b\n\ndef g():\n    pass\n",
        &expect![[r#"
            «def f(
                a: int,
            ) -> int:
                b = a

                return b»
        "#]],
    );
    check(
        "sql",
        "ˇ\nBEGIN\n  a;\nEND;\n$$;\n",
        "CREATE FUNCTION f(\n    a int\n)\n    RETURNS int\n    AS $$\nBEGIN\n",
        &expect![[r#"
            «CREATE FUNCTION f(
                a int
            )
                RETURNS int
                AS $$»
            BEGIN
              a;
            END;
            $$;

        "#]],
    );
}
