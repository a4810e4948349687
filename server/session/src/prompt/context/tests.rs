use expect_test::{Expect, expect};

use super::{visits::Visits, *};
use crate::document::Edit;

/// Compares the pieces chosen for the cursor of `own` from it and other files.
#[track_caller]
fn check(own: &str, others: &[(&str, &str)], n_bytes: usize, expected: &Expect) {
    let cursor = own.chars().position(|c| c == 'ˇ').expect("a cursor");
    let snapshot =
        Snapshot::of_text("file:///home/me/app/src/own.rs", "rust", &own.replace('ˇ', ""));
    let others: Vec<Snapshot> =
        others.iter().map(|(uri, text)| Snapshot::of_text(uri, "rust", text)).collect();
    let line = snapshot.rope.char_to_line(cursor);
    let surroundings =
        Surroundings { snapshot: &snapshot, cursor, window: line.saturating_sub(4)..line + 4 };
    let mut visits = Visits::default();
    for other in &others {
        if let Some(at) = other.rope.to_string().find("visited") {
            visits.visit(&other.uri, at);
        }
    }
    let pieces = choose(&surroundings, &others, &visits, n_bytes);
    let shown: String = pieces.iter().map(|it| format!("== {}\n{}", it.path, it.text)).collect();
    expected.assert_eq(&shown);
}

const SHAPE: &str = "use std::fmt;\n\npub struct Shape {\n    pub width: u32,\n    pub height: u32,\n}\n\n\
                     impl Shape {\n    pub fn scaled(&self, factor: u32) -> Self {\n        todo()\n    }\n}\n";

#[test]
fn definition_of_a_near_name_is_included() {
    check(
        "fn f() {\n    let it = Shape { ˇ };\n}\n",
        &[("file:///a/b/c/shape.rs", SHAPE), ("file:///a/b/c/other.rs", "fn unlike() {}\n")],
        900,
        &expect![[r#"
            == b/c/shape.rs
            pub struct Shape {
                pub width: u32,
                pub height: u32,
            }
        "#]],
    );
}

#[test]
fn similar_lines_are_included() {
    let alike = "fn first(reader: &mut Reader) -> Result<Header> {\n    let magic = reader.read_u32()?;\n    \
                 Ok(Header { magic })\n}\n";
    check(
        "fn second(reader: &mut Reader) -> Result<Footer> {\n    let size = reader.ˇ\n}\n",
        &[("a/alike.rs", alike), ("a/unlike.rs", "const LIMIT: usize = 1;\n")],
        900,
        &expect![[r#"
            == a/alike.rs
            fn first(reader: &mut Reader) -> Result<Header> {
                let magic = reader.read_u32()?;
                Ok(Header { magic })
            }
        "#]],
    );
}

#[test]
fn copies_of_the_cursors_lines_are_left_out() {
    let text = "fn second(reader: &mut Reader) -> Result<Footer> {\n    let size = reader.\n}\n";
    let own = text.replace("reader.\n", "reader.ˇ\n");
    check(&own, &[("a/copy.rs", text)], 900, &expect![[r""]]);
}

#[test]
fn visited_places_are_included() {
    check(
        "xˇ\n",
        &[("a/b.rs", "one\ntwo visited\nthree\n")],
        900,
        &expect![[r#"
        == a/b.rs
        one
        two visited
        three
    "#]],
    );
}

#[test]
fn pieces_must_fit_the_budget() {
    check("let it = Shape { ˇ };\n", &[("a/shape.rs", SHAPE)], 60, &expect![[r""]]);
    check("ˇ", &[], 900, &expect![[r""]]);
}

#[test]
fn far_text_in_a_long_document_is_ignored() {
    let beyond = "// another line\n".repeat(MAX_BYTES / 16);
    let near = format!("{SHAPE}{}let it = Shape {{ ˇ }};\n", "\n".repeat(20));
    let shown = expect![[r#"
        == app/src/own.rs
        pub struct Shape {
            pub width: u32,
            pub height: u32,
        }
    "#]];
    check(&format!("{beyond}{near}{beyond}"), &[], 900, &shown);
    let far = format!("{SHAPE}{beyond}{}let it = Shape {{ ˇ }};\n", "\n".repeat(20));
    check(&far, &[], 900, &expect![[r""]]);
    // A line longer than the limit is cut in the middle of it.
    check(
        &format!("{}ˇ{}\n", "ä".repeat(MAX_BYTES), "ä".repeat(MAX_BYTES)),
        &[],
        900,
        &expect![""],
    );
}

#[test]
fn short_path_hides_the_users_folders() {
    assert_eq!(short_path("file:///home/me/secret/app/src/own.rs"), "app/src/own.rs");
    assert_eq!(short_path("untitled:Untitled-1"), "untitled:Untitled-1");
    assert_eq!(short_path("file:///own.rs"), "own.rs");
    assert_eq!(short_path(""), "");
}

#[test]
fn visited_place_moves_with_edits() {
    let mut visits = Visits::default();
    let own = Snapshot::of_text("a", "", "");
    visits.visit(&"b".into(), 1_000);
    visits.edited("b", &Edit { removed: 0..10, inserted: "x".repeat(2_010) });
    let text = "line of ten\n".repeat(400);
    let other = Snapshot::of_text("b", "", &text);
    let sources = [Source::new(&other, 0..0)];
    let chunks: Vec<Chunk> = visits.chunks(&sources, &own, &[other]).collect();
    assert_eq!(chunks, [Chunk { source: 0, lines: 244..257 }]);
}
