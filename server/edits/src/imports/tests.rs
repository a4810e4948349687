use std::sync::Arc;

use expect_test::{Expect, expect};

use super::*;
use crate::{Finder, History, Kind, Query, history::tests::replaced};

/// Replaces `«old»` by `new` at the marked places, one after the other, and applies what is offered
/// for the imports. Other documents have `others`.
fn with_imports(uri: &str, marked: &str, new: &str, others: &[&str]) -> (String, Vec<Kind>) {
    let uri: Arc<str> = uri.into();
    let (mut text, history) = replaced(&uri, marked, new);
    let others = others.iter().map(|it| imports(&uri, "", it).into()).collect();
    let (text_now, placed) = (text.as_str().into(), history.placed(&uri));
    let query = Query { uri, language: "".into(), text: text_now, placed, others: Some(others) };
    let mut found = Finder::default().find(&query);
    found
        .retain(|it| it.kind == Kind::Import || it.range.start < it.range.end && it.new.is_empty());
    found.sort_by_key(|it| it.range.start);
    for it in found.iter().rev() {
        assert_eq!(it.old, text[it.range.clone()]);
        text.replace_range(it.range.clone(), &it.new);
    }
    (text, found.into_iter().map(|it| it.kind).collect())
}

/// Checks the text after the edit and with the offered changes of imports.
fn check(uri: &str, marked: &str, new: &str, expected: &Expect) {
    check_with(uri, marked, new, &[], expected);
}

fn check_with(uri: &str, marked: &str, new: &str, others: &[&str], expected: &Expect) {
    let (text, kinds) = with_imports(uri, marked, new, others);
    let guesses = if kinds.contains(&Kind::Similar) { "(a guess)\n" } else { "" };
    expected.assert_eq(&format!("{guesses}{text}"));
}

/// Checks that nothing is offered.
#[track_caller]
fn check_quiet(uri: &str, marked: &str, new: &str, others: &[&str]) {
    let (text, kinds) = with_imports(uri, marked, new, others);
    assert!(kinds.is_empty(), "offered: {text}");
}

#[test]
fn import_goes_with_its_last_use() {
    check(
        "a.py",
        "import os\nimport sys\n\n\ndef f(a):\n    return «os.path.join(a)» + sys.path\n",
        "a",
        &expect![[r#"
            import sys


            def f(a):
                return a + sys.path
        "#]],
    );
    check(
        "A.java",
        "package a;\n\nimport java.util.List;\nimport java.util.Set;\n\nclass A {\n  List<A> a;\n  «Set»<A> b;\n}\n",
        "List",
        &expect![[r#"
            package a;

            import java.util.List;

            class A {
              List<A> a;
              List<A> b;
            }
        "#]],
    );
    check(
        "a.go",
        "package a\n\nimport (\n\t\"fmt\"\n\t\"os\"\n)\n\nfunc f() {\n\tfmt.Print()\n«\tos.Exit(1)\n»}\n",
        "",
        &expect![[r#"
            package a

            import (
            	"fmt"
            )

            func f() {
            	fmt.Print()
            }
        "#]],
    );
    check(
        "a.rs",
        "use std::fs;\nuse std::io;\n\nfn f() -> io::Result<()> {\n«    fs::read(\"a\")?;\n»    Ok(())\n}\n",
        "",
        &expect![[r#"
            use std::io;

            fn f() -> io::Result<()> {
                Ok(())
            }
        "#]],
    );
}

#[test]
fn name_leaves_a_list_with_its_comma_and_alias() {
    check(
        "a.py",
        "from typing import Any, List as L, Set\n\na: «L[Any]»\nb: Set\n",
        "Any",
        &expect![[r#"
            from typing import Any, Set

            a: Any
            b: Set
        "#]],
    );
    check(
        "a.ts",
        "import React, { useMemo, useState } from \"react\";\nimport {\n  a,\n  b,\n} from './b';\n\nexport const x = [useMemo(a), «useState(b)»];\n",
        "1",
        &expect![[r#"
            import React, { useMemo } from "react";
            import {
              a,
            } from './b';

            export const x = [useMemo(a), 1];
        "#]],
    );
    check(
        "a.ts",
        "import Def, { one } from 'a';\n\nf(Def, «one»);\n",
        "2",
        &expect![[r#"
            import Def from 'a';

            f(Def, 2);
        "#]],
    );
    check(
        "a.rs",
        "use std::{fs, io::{self, Read}};\n\nfn f(r: io::Error) {\n    «fs»::g();\n}\n",
        "x",
        &expect![[r#"
            use std::io::{self, Read};

            fn f(r: io::Error) {
                x::g();
            }
        "#]],
    );
}

#[test]
fn blank_lines_around_a_removed_import_are_joined() {
    check(
        "a.py",
        "\"\"\"Doc.\"\"\"\n\nimport os\n\nimport b\n\nb(«os.sep»)\n",
        "1",
        &expect![[r#"
            """Doc."""

            import b

            b(1)
        "#]],
    );
    check(
        "a.ts",
        "import { a } from 'a';\n\nf(«a»);\n",
        "1",
        &expect![[r#"
            f(1);
        "#]],
    );
}

#[test]
fn rust_import_that_may_be_a_trait_is_a_guess() {
    let file = |of: &str| format!("use std::fmt::Write;\nuse std::path::PathBuf;\n\n{of}\n");
    check(
        "a.rs",
        &file("fn f(a: &mut «impl Write») {}"),
        "A",
        &expect![[r#"
            (a guess)
            use std::path::PathBuf;

            fn f(a: &mut A) {}
        "#]],
    );
    check(
        "a.rs",
        &file("fn f(a: «PathBuf») {}"),
        "A",
        &expect![[r#"
            use std::fmt::Write;

            fn f(a: A) {}
        "#]],
    );
}

#[test]
fn used_imports_stay() {
    let quiet = |uri, text: &str| check_quiet(uri, text, "1", &[]);
    // Another use, in each form.
    quiet("a.py", "import os\n\nf(«os.a», os.b)\n");
    quiet("a.py", "from a import B\n\nf(«B»)\nx: \"B\" = 1\n");
    quiet("a.py", "from a import b\n\n__all__ = [\"b\"]\nf(«b»)\n");
    quiet("a.py", "from a import b\n\nf(«b»)\nx = 1  # type: b\n");
    quiet("a.ts", "import { a } from 'a';\n\nf(«a»);\nexport { a };\n");
    quiet("a.ts", "import { a } from 'a';\n\nf(«a»);\nf({ a });\n");
    quiet("a.ts", "import { A } from 'a';\n\n/** {@link A} */\nf(«A»);\n");
    quiet("a.tsx", "import { A } from 'a';\n\nf(«A», <A />);\n");
    quiet(
        "a.rs",
        "use std::fs;\n\nfn f() { g(«fs::a()»); }\nmod tests { use super::*; fn g() { fs::b(); } }\n",
    );
    quiet("a.rs", "use a::b;\n\nfn f() { g(«b»); println!(\"{}\", b); }\n");
    quiet("A.java", "import static a.B.c;\n\nclass A { int a = «c()»; int b = c(); }\n");
    // No use was removed.
    quiet("a.py", "import os\n\nf(a«.os»)\n");
    quiet("a.py", "import os\n\ng()  # «os»\n");
    quiet("a.py", "import os\n\ndef f(os):\n    return «os»\n");
}

#[test]
fn imports_with_another_purpose_stay() {
    let quiet = |uri, text: &str| check_quiet(uri, text, "1", &[]);
    quiet("a/__init__.py", "from .a import b\n\nf(«b»)\n");
    quiet("a.py", "import os  # noqa: F401\n\nf(«os»)\n");
    quiet("a.py", "from a import b as b\n\nf(«b»)\n");
    quiet("a.py", "try:\n    import os\nexcept ImportError:\n    pass\n\nf(«os»)\n");
    quiet("a.py", "import os; import sys\n\nf(«os», sys)\n");
    quiet("a.tsx", "import React from 'react';\n\nf(«React.x»);\n");
    quiet("a.ts", "import 'a';\n\nf(«a»);\n");
    quiet("a.rs", "pub use std::fs;\n\nfn f() { g(«fs::a()»); }\n");
    quiet("a.rs", "#[cfg(a)]\nuse std::fs;\n\nfn f() { g(«fs::a()»); }\n");
    quiet("a.go", "package a\n\nimport _ \"a/b\"\n\nfunc f() { g(«b.c») }\n");
}

#[test]
fn nothing_is_offered_in_the_middle_of_an_edit() {
    check_quiet("a.py", "import os\n\nf(«os.path»)\n", "o", &[]);
    check_quiet("a.py", "import os\n\nf(«os.path)»\n", "", &[]);
    check_quiet("a.py", "import os\n\nf(«»)\n", "json", &["import json\n"]);
}

/// A user who replaces texts of a document, and what is offered: where, the old and the new text.
fn typist(text: &str) -> impl FnMut(&str, &str) -> Vec<(usize, String, String)> {
    let (mut text, mut history) = (text.to_owned(), History::default());
    let uri: Arc<str> = "a.py".into();
    move |old, new| {
        let at = text.find(old).unwrap();
        text.replace_range(at..at + old.len(), new);
        history.record(&uri, at, old, new);
        let (text, placed) = (text.as_str().into(), history.placed(&uri));
        let query =
            Query { uri: uri.clone(), language: "".into(), text, placed, others: Some(Vec::new()) };
        let found = Finder::default().find(&query);
        found.into_iter().map(|it| (it.range.start, it.old, it.new)).collect()
    }
}

#[test]
fn import_that_the_user_removed_returns_with_a_use() {
    let mut replace = typist("import os\nimport sys\n\nf(os.a, sys.a)\n");
    let (import, nothing) = ("import os\n".to_owned(), String::new());
    assert_eq!(replace("os.a", "1"), [(0, import.clone(), nothing.clone())]);
    assert_eq!(replace("import os\n", ""), []);
    assert_eq!(replace("f(1, sys.a)\n", "f(1, sys.a)\ng(os.b)\n"), [(0, nothing, import)]);
}

#[test]
fn import_that_the_user_removed_after_the_use_does_not_return() {
    let mut replace = typist("import sys\n\nf()\n");
    assert_eq!(replace("f()", "f(sys.a)"), []);
    assert_eq!(replace("import sys\n", ""), []);
}

#[test]
fn import_of_another_document_is_sorted_into_its_block() {
    let other =
        ["from pathlib import Path, PurePath\nimport json\nfrom .a import b\nfrom x import *\n"];
    let file = "import abc\nimport sys\nfrom os import sep\n\nfrom .a import c\n\nf(abc, sys, sep, c, «»)\n";
    check_with(
        "a.py",
        file,
        "json.a(Path(), b())",
        &other,
        &expect![[r#"
            import abc
            import json
            import sys
            from os import sep
            from pathlib import Path

            from .a import c

            f(abc, sys, sep, c, json.a(Path(), b()))
        "#]],
    );
    check_with(
        "a.go",
        "package a\n\nimport (\n\t\"fmt\"\n\n\t\"x.org/a\"\n)\n\nfunc f() {\n\tfmt.Print(a.A, «»)\n}\n",
        "b.Z, os.Args",
        &["package b\n\nimport (\n\t\"os\"\n\tb \"x.org/z\"\n)\n"],
        &expect![[r#"
            package a

            import (
            	"fmt"
            	"os"

            	"x.org/a"
            	b "x.org/z"
            )

            func f() {
            	fmt.Print(a.A, b.Z, os.Args)
            }
        "#]],
    );
    check_with(
        "a.rs",
        "use std::fs;\n\nuse crate::b;\n\nfn f() {\n    «»\n}\n",
        "let a = HashMap::new(b::c(), fs::read());",
        &["use std::collections::{BTreeMap, HashMap};\nuse crate::a::{c};\n"],
        &expect![[r#"
            use std::collections::HashMap;
            use std::fs;

            use crate::b;

            fn f() {
                let a = HashMap::new(b::c(), fs::read());
            }
        "#]],
    );
    check_with(
        "B.java",
        "package b;\n\nimport java.util.Set;\n\nclass B {\n  Set<B> b = «»;\n}\n",
        "List.of()",
        &["package a;\n\nimport java.util.List;\nimport b.Own;\n"],
        &expect![[r#"
            package b;

            import java.util.List;
            import java.util.Set;

            class B {
              Set<B> b = List.of();
            }
        "#]],
    );
}

#[test]
fn import_joins_others_of_its_module() {
    let other = ["from a import b as B, d\n"];
    check_with(
        "a.py",
        "from a import (\n    a,\n    c,\n)\n\nf(a, c, «»)\n",
        "B, d()",
        &other,
        &expect![[r#"
            from a import (
                a,
                b as B,
                c,
                d,
            )

            f(a, c, B, d())
        "#]],
    );
    check_with(
        "a.ts",
        "import A, { a, c } from 'a';\n\nf(A, a, c, «»);\n",
        "b(), d()",
        &["import { b, d } from \"a\";\n"],
        &expect![[r#"
            import A, { a, b, c, d } from 'a';

            f(A, a, c, b(), d());
        "#]],
    );
    check_with(
        "a.rs",
        "use std::io::{self, Read};\n\nfn f() -> io::Result<impl Read> {\n    «»\n}\n",
        "let a: BufReader = b();",
        &["use std::io::BufReader;\n"],
        &expect![[r#"
            use std::io::{self, BufReader, Read};

            fn f() -> io::Result<impl Read> {
                let a: BufReader = b();
            }
        "#]],
    );
}

#[test]
fn first_import_of_a_file_is_below_its_preamble() {
    check_with(
        "a.py",
        "#!/bin/python\n\"\"\"Doc.\"\"\"\n\nf(«»)\n",
        "os.a",
        &["import os\n"],
        &expect![[r#"
            #!/bin/python
            """Doc."""

            import os

            f(os.a)
        "#]],
    );
    check_with(
        "a.ts",
        "// f\nf(«»);\n",
        "a()",
        &["import {\n  a,\n  type B,\n} from \"lib\";\n"],
        &expect![[r#"
            import { a } from "lib";

            // f
            f(a());
        "#]],
    );
}

#[test]
fn names_that_need_no_import_get_none() {
    let quiet = |uri, text: &str, new: &str, other: &str| check_quiet(uri, text, new, &[other]);
    quiet("a.py", "import b\n\nf(b, «»)\n", "open(1)", "from io import open\n");
    quiet("a.py", "import b\n\nf(b, os.a, «»)\n", "os.b", "import os\n");
    quiet("a.py", "from b import *\n\nf(«»)\n", "os.b", "import os\n");
    quiet("a.py", "import b\n\nf(b, «»)\n", "os=1", "import os\n");
    quiet("a.py", "import b\n\nf(b, «»)\n", "x.os", "import os\n");
    quiet("a.py", "import b\n\nf(b, «»)\n", "'os'", "import os\n");
    quiet("a.py", "import b\n\ndef f(os):\n    b(«»)\n", "os.b", "import os\n");
    quiet("a.py", "import b\n\nf(b, «»)\n", "a()", "from x import a\nfrom y import a\n");
    quiet("a.ts", "import b from 'b';\n\nf(b, «»);\n", "a()", "import { a } from './a';\n");
    quiet("a.rs", "use b::c;\n\nfn f() {\n    c(«»)\n}\n", "a::b()", "use d::a;\nmod d;\n");
    quiet("a.rs", "use b::c;\n\nfn f() {\n    c(«»)\n}\n", "a::b()", "use crate::a;\n");
    quiet("a.rs", "«use std::fmt;»\n\nfn f() {}\n", "use std::fmt::Write;", "");
    let file = "package a\n\nimport \"os\"\n\nfunc f() {\n\t«»\n}\n";
    quiet("a.go", file, "os.Exit(1)", "package a\n\nimport \"os\"\n");
    quiet("A.java", "package a;\n\nclass A {\n  Object a = «»;\n}\n", "B.of()", "import a.B;\n");
}
