//! Changed calls and definitions.

use expect_test::expect;

use super::check;

#[test]
fn other_calls_get_the_argument() {
    check(
        "a.py",
        "def run(app):\n    app.add(\"/a\", f(1)«»)\n    app.add(\"/b\", g)\n    app.add(\"/c\")\n    other.add(\n        \"/d\",\n        h,\n    )\n",
        ", login=True",
        &expect![[r#"
            def run(app):
                app.add("/a", f(1), login=True)
                app.add("/b", g‹1? →, login=True›)
                app.add("/c")
                other.add(
                    "/d",
                    h,‹2? →
                    login=True,›
                )
        "#]],
    );
    check(
        "a.c",
        "void f() {\n    g(a«», \"{}\");\n    g(b, \"{}\");\n}\n",
        ", \"raw\"",
        &expect![[r#"
            void f() {
                g(a, "raw", "{}");
                g(b, ‹1? →"raw", ›"{}");
            }
        "#]],
    );
    check(
        "a.rs",
        "fn f() {\n    g(«»1);\n    T::g(x + 1);\n    g();\n}\n",
        "&log, ",
        &expect![[r#"
            fn f() {
                g(&log, 1);
                T::g(‹1? →&log, ›x + 1);
                g();
            }
        "#]],
    );
    check(
        "a.go",
        "package a\n\nfunc f() {\n\tg(«»)\n\tg()\n\tg(1)\n}\n",
        "ctx",
        &expect![[r#"
        package a

        func f() {
        	g(ctx)
        	g(‹1? →ctx›)
        	g(1)
        }
    "#]],
    );
}

#[test]
fn calls_with_any_number_of_arguments_differ() {
    let text = "console.log('a', id«»);\nconsole.log('b', id);\nconsole.table('c', id);\n";
    let offered = super::offered("a.ts", text, ", this.name");
    assert!(!offered.contains('‹'), "{offered}");
}

#[test]
fn calls_follow_the_definition() {
    check(
        "a.py",
        "class A:\n    def f(self, a«»):\n        return a\n\n    def g(self, size):\n        return self.f(1)\n\n    def h(self):\n        return self.f(2)\n",
        ", size",
        &expect![[r#"
            class A:
                def f(self, a, size):
                    return a

                def g(self, size):
                    return self.f(1‹1? →, size›)

                def h(self):
                    return self.f(2)
        "#]],
    );
    check(
        "a.c",
        "int f(int a«»);\n\nint f(int a) {\n    return a;\n}\n\nint g(int n) {\n    return f(1);\n}\n",
        ", int n",
        &expect![[r#"
            int f(int a, int n);

            int f(int a‹1? →, int n›) {
                return a;
            }

            int g(int n) {
                return f(1‹2? →, n›);
            }
        "#]],
    );
    check(
        "a.rs",
        "fn f(a: u8«, b: u8») {}\n\nfn g() {\n    f(1, 2);\n    f(\n        1,\n        h(3, 4),\n    );\n}\n",
        "",
        &expect![[r#"
            fn f(a: u8) {}

            fn g() {
                f(1‹1? , 2→›);
                f(
                    1‹2? ,
                    h(3, 4)→›,
                );
            }
        "#]],
    );
    check(
        "a.py",
        "def f(a«»):\n    return a\n\ndef g(b):\n    return f(b)\n",
        ", b=1",
        &expect![[r#"
            def f(a, b=1):
                return a

            def g(b):
                return f(b)
        "#]],
    );
}

#[test]
fn definition_follows_a_call() {
    check(
        "a.py",
        "def f(a):\n    return a\n\ndef g(log):\n    f(1«»)\n    f(2, 3)\n",
        ", log",
        &expect![[r#"
            def f(a‹1? →, log›):
                return a

            def g(log):
                f(1, log)
                f(2, 3)
        "#]],
    );
    check(
        "a.js",
        "class A {\n  f(a) {}\n  g(log) {\n    this.f(1«»);\n  }\n}\n",
        ", log",
        &expect![[r#"
            class A {
              f(a‹1? →, log›) {}
              g(log) {
                this.f(1, log);
              }
            }
        "#]],
    );
    check(
        "a.ts",
        "function f(a: number) {}\nfunction g(log: Log) {\n  f(1«»);\n}\n",
        ", log",
        &expect![[r#"
            function f(a: number) {}
            function g(log: Log) {
              f(1, log);
            }
        "#]],
    );
}
