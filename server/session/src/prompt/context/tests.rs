use expect_test::{Expect, expect};

use super::{visits::Visits, *};
use crate::document::Edit;

/// The pieces that are shown at the cursor of `own`, beside other files.
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
fn the_definition_of_a_name_near_the_cursor_is_shown() {
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
fn lines_like_those_at_the_cursor_are_shown() {
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
fn what_the_cursor_stands_in_already_is_not_shown_again() {
    let text = "fn second(reader: &mut Reader) -> Result<Footer> {\n    let size = reader.\n}\n";
    let own = text.replace("reader.\n", "reader.ˇ\n");
    check(&own, &[("a/copy.rs", text)], 900, &expect![[r""]]);
}

#[test]
fn the_places_where_the_user_was_are_shown() {
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
fn no_more_is_shown_than_there_is_room_for() {
    check("let it = Shape { ˇ };\n", &[("a/shape.rs", SHAPE)], 60, &expect![[r""]]);
    check("ˇ", &[], 900, &expect![[r""]]);
}

#[test]
fn of_a_long_document_what_is_far_from_the_cursor_is_not_looked_at() {
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
    // One line without an end is cut in the middle of it.
    check(
        &format!("{}ˇ{}\n", "ä".repeat(MAX_BYTES), "ä".repeat(MAX_BYTES)),
        &[],
        900,
        &expect![""],
    );
}

#[test]
fn a_path_tells_what_a_file_is_and_none_of_the_users_folders() {
    assert_eq!(short_path("file:///home/me/secret/app/src/own.rs"), "app/src/own.rs");
    assert_eq!(short_path("untitled:Untitled-1"), "untitled:Untitled-1");
    assert_eq!(short_path("file:///own.rs"), "own.rs");
    assert_eq!(short_path(""), "");
}

#[test]
fn a_place_moves_along_with_the_text_before_it() {
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
