//! Inserted lines and fields.

use expect_test::expect;

use super::{check, offered};

#[test]
fn other_literals_of_a_type_get_the_field() {
    check(
        "a.rs",
        "fn f() {\n    g(P { x: 1, y: 2«» });\n    g(P { x: 3, y });\n    let p = P {\n        x: 5,\n        y: 6,\n    };\n    P { y, ..p }.h();\n    P { z: 1, x: 0 }.h();\n}\n",
        ", z: 0",
        &expect![[r#"
            fn f() {
                g(P { x: 1, y: 2, z: 0 });
                g(P { x: 3, y‹1? →, z: 0› });
                let p = P {
                    x: 5,
                    y: 6,‹2? →
                    z: 0,›
                };
                P { y, ..p }.h();
                P { z: 1, x: 0 }.h();
            }
        "#]],
    );
    check(
        "a.go",
        "package a\n\nvar (\n\ta = P{x: 1, y: 2}\n\tb = []P{{x: 1}, {y: 1}}\n\tc = &P{\n\t\tx: 5,\n\t\ty: 6,\n«»\t}\n)\n",
        "\t\tz: 7,\n",
        &expect![[r#"
            package a

            var (
            	a = P{x: 1, y: 2‹1? →, z: 7›}
            	b = []P{{x: 1}, {y: 1}}
            	c = &P{
            		x: 5,
            		y: 6,
            		z: 7,
            	}
            )
        "#]],
    );
}

#[test]
fn field_is_inserted_in_objects_that_look_alike() {
    check(
        "a.ts",
        "open({\n  name: 'a',\n  size: 1«»\n})\nopen({\n  name: 'b',\n  size: 2\n})\nopen({\n  name: 'c',\n  size: 3,\n})\nopen({\n  name: 'c',\n  strict: false,\n  size: 3,\n})\nother({\n  name: 'c',\n  size: 3,\n})\nopen({ name: 'd', size: 4 })\n",
        ",\n  strict: true",
        &expect![[r#"
            open({
              name: 'a',
              size: 1,
              strict: true
            })
            open({
              name: 'b',
              size: 2‹1? →,
              strict: true›
            })
            open({
              name: 'c',
              size: 3,‹2? →
              strict: true,›
            })
            open({
              name: 'c',
              strict: false,
              size: 3,
            })
            other({
              name: 'c',
              size: 3,
            })
            open({ name: 'd', size: 4 })
        "#]],
    );
}

#[test]
fn arm_is_inserted_in_matches_that_look_alike() {
    check(
        "a.rs",
        "fn f(kind: Kind) -> u8 {\n    match kind {\n        Kind::A => 1,\n«»        Kind::C => 3,\n    }\n}\n\nfn g(kind: Kind) -> bool {\n    match kind {\n        Kind::A => true,\n        Kind::C => false,\n    }\n}\n\nfn h(c: char) -> bool {\n    match c {\n        'a' => true,\n        'b' => false,\n    }\n}\n",
        "        Kind::B => unreachable!(),\n",
        &expect![[r#"
            fn f(kind: Kind) -> u8 {
                match kind {
                    Kind::A => 1,
                    Kind::B => unreachable!(),
                    Kind::C => 3,
                }
            }

            fn g(kind: Kind) -> bool {
                match kind {
                    Kind::A => true,‹1? →
                    Kind::B => unreachable!(),›
                    Kind::C => false,
                }
            }

            fn h(c: char) -> bool {
                match c {
                    'a' => true,
                    'b' => false,
                }
            }
        "#]],
    );
}

#[test]
fn statement_is_inserted_between_equal_lines() {
    check(
        "a.py",
        "def f():\n    start()\n«»    run()\n\n\ndef g():\n    if x:\n        start()\n        run()\n    start()\n    stop()\n",
        "    check(1)\n",
        &expect![[r#"
            def f():
                start()
                check(1)
                run()


            def g():
                if x:
                    start()‹1? →
                    check(1)›
                    run()
                start()
                stop()
        "#]],
    );
    check(
        "a.py",
        "def f():\n    start()\n«»    return 1\n\n\ndef g():\n    start()\n    return 2\n",
        "    check(1)\n",
        &expect![[r#"
            def f():
                start()
                check(1)
                return 1


            def g():
                start()
                return 2
        "#]],
    );
}

#[test]
fn line_is_inserted_where_two_examples_agree() {
    check(
        "a_test.go",
        "package a\n\nfunc TestA(t *testing.T) {\n«»\tf(1)\n}\n\nfunc TestB(t *testing.T) {\n«»\tg()\n}\n\nfunc h(t *testing.T, n int) {\n\tf(n)\n}\n\nfunc TestC(t *testing.T) {\n\tg()\n}\n\nfunc TestD(t *testing.T) {\n\tt.Parallel()\n\tg()\n}\n",
        "\tt.Parallel()\n",
        &expect![[r#"
            package a

            func TestA(t *testing.T) {
            	t.Parallel()
            	f(1)
            }

            func TestB(t *testing.T) {
            	t.Parallel()
            	g()
            }

            func h(t *testing.T, n int) {
            	f(n)
            }

            func TestC(t *testing.T) {‹1? →
            	t.Parallel()›
            	g()
            }

            func TestD(t *testing.T) {
            	t.Parallel()
            	g()
            }
        "#]],
    );
    check(
        "a.rs",
        "impl A {\n«»    pub fn b(self) -> Self {\n        self\n    }\n\n«»    pub fn c(self, n: u8) -> Self {\n        self\n    }\n\n    pub fn d(self) -> Self {\n        self\n    }\n\n    pub fn e(self) {}\n}\n",
        "    #[must_use]\n",
        &expect![[r#"
            impl A {
                #[must_use]
                pub fn b(self) -> Self {
                    self
                }

                #[must_use]
                pub fn c(self, n: u8) -> Self {
                    self
                }
            ‹1? →
                #[must_use]›
                pub fn d(self) -> Self {
                    self
                }

                pub fn e(self) {}
            }
        "#]],
    );
}

#[test]
fn line_endings_of_the_text_are_kept() {
    let text = "f({\r\n  name: 1,\r\n«»})\r\nf({\r\n  name: 2\r\n})\r\n";
    let offered = offered("a.ts", text, "  strict: true,\r\n");
    assert!(offered.ends_with("  name: 2‹1? →,\r\n  strict: true›\r\n})\r\n"), "{offered:?}");
}

#[test]
fn nothing_is_inserted_twice() {
    let quiet = |uri, text: &str, new| {
        let offered = offered(uri, text, new);
        assert!(!offered.contains('‹'), "{offered}");
    };
    quiet(
        "a.rs",
        "fn f() {\n    match a {\n        E::A(n) => n,\n«»        E::B => 1,\n    }\n    match a {\n        E::A(n) => n,\n        E::B => 1,\n        E::C(i) => i,\n    }\n}\n",
        "        E::C(inner) => todo!(),\n",
    );
    quiet(
        "a.ts",
        "interface A {\n  id: string;\n«»  at: Date;\n}\ninterface B {\n  id: string;\n  at: Date;\n  end?: Date;\n}\n",
        "  end?: Date;\n",
    );
    quiet(
        "A.java",
        "class A {\n  int f(S s) {\n    return switch (s) {\n      case X -> 1;\n«»      case Z -> 3;\n    };\n  }\n  int g(S s) {\n    return switch (s) {\n      case X -> 1;\n      case Z -> 3;\n      case Y -> 4;\n    };\n  }\n}\n",
        "      case Y -> 2;\n",
    );
    quiet(
        "a.py",
        "def f():\n    start()\n«»    run()\n\n\ndef g():\n    start()\n    run()\n    check(1)\n",
        "    check(1)\n",
    );
}

#[test]
fn comma_is_inserted_before_the_comment() {
    check(
        "a.rs",
        "fn f() {\n    match a {\n        Up => 1,\n«»    };\n    match a {\n        Up => \"//\" // no\n    };\n    match a {\n        Up => 3, // yes\n    };\n}\n",
        "        Down => 2,\n",
        &expect![[r#"
            fn f() {
                match a {
                    Up => 1,
                    Down => 2,
                };
                match a {
                    Up => "//"‹1?  // no→, // no
                    Down => 2›
                };
                match a {
                    Up => 3, // yes‹2? →
                    Down => 2,›
                };
            }
        "#]],
    );
}

#[test]
fn elements_of_a_list_are_alike() {
    check(
        "a.js",
        "f({\n  dev: {\n    min: 1,\n«»  },\n  test: {\n    min: 2,\n  },\n  get('/x', {\n    min: 3,\n  }),\n});\ng([\n  {\n    min: 1,\n  },\n]);\n",
        "    max: 2,\n",
        &expect![[r#"
            f({
              dev: {
                min: 1,
                max: 2,
              },
              test: {
                min: 2,‹1? →
                max: 2,›
              },
              get('/x', {
                min: 3,
              }),
            });
            g([
              {
                min: 1,‹2? →
                max: 2,›
              },
            ]);
        "#]],
    );
    check(
        "a.js",
        "get('/x', {\n  min: 3,\n«»});\nget('/y', {\n  min: 4,\n});\n",
        "  max: 2,\n",
        &expect![[r#"
            get('/x', {
              min: 3,
              max: 2,
            });
            get('/y', {
              min: 4,‹1? →
              max: 2,›
            });
        "#]],
    );
}

#[test]
fn places_follow_one_after_the_other() {
    check(
        "a.js",
        "const a = {\n  a: rule({\n    min: 0,\n«»  }),\n  b: rule({\n    min: 1,\n«»  }),\n  c: rule({\n    min: 2,\n  }),\n};\n",
        "    strict: true,\n",
        &expect![[r#"
            const a = {
              a: rule({
                min: 0,
                strict: true,
              }),
              b: rule({
                min: 1,
                strict: true,
              }),
              c: rule({
                min: 2,‹1? →
                strict: true,›
              }),
            };
        "#]],
    );
}

#[test]
fn lines_at_the_end_of_the_text_are_repeated() {
    check(
        "a.py",
        "start()\n\nrun()\n\nstart()«»",
        "\ncheck(1)\n\n",
        &expect![[r#"
            start()‹1? →
            check(1)

            ›

            run()

            start()
            check(1)

        "#]],
    );
}

/// The user has pressed Enter after the field, and the editor closes a new block.
#[test]
fn empty_line_and_open_block_are_not_repeated() {
    let text = "interface A {\n  id: string;«»\n  at: Date;\n}\ninterface B {\n  id: string;\n  at: Date;\n}\n";
    let offered_fields = offered("a.ts", text, "\n  end: Date;\n  ");
    assert!(offered_fields.contains("id: string;‹1? →\n  end: Date;›\n  at"), "{offered_fields}");
    let text = "def f():\n    start()\n    # a\n«»    run()\n\ndef g():\n    start()\n    # a\n    run()\n";
    let quiet = [
        offered("a.py", text, "    # b\n"),
        offered(
            "a.go",
            "package a\n\nfunc f() {\n\tg()\n«»\th()\n\tg()\n\th()\n}\n",
            "\tif a {}\n",
        ),
    ];
    assert!(quiet.iter().all(|it| !it.contains('‹')), "{quiet:?}");
}
