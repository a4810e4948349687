use super::*;
use foretell_engine::{bundle::FimOrder, scripted::byte_vocabulary};

const FIM: [&str; 4] = ["<P>", "<S>", "<M>", "<F>"];

fn prompter(window: Window, order: Option<FimOrder>) -> Prompter {
    let vocabulary = Arc::new(byte_vocabulary(&[], &FIM).unwrap());
    let fim = order.map(|order| Fim {
        family: "test".into(),
        order,
        prefix: 256,
        suffix: 257,
        middle: Some(258),
        ..Fim::default()
    });
    Prompter::new(vocabulary, fim, window)
}

/// The prompt as text, with the healed part between `‹›`.
fn written(prompter: &mut Prompter, fixture: &str) -> String {
    let cursor = fixture.chars().position(|c| c == 'ˇ').unwrap();
    let snapshot = Snapshot::of_text("a", "", &fixture.replace('ˇ', ""));
    let prompt = prompter.prompt(&snapshot, cursor);
    let mut bytes = Vec::new();
    for id in prompt.ids {
        match id.checked_sub(256) {
            Some(special) => bytes.extend_from_slice(FIM[special as usize].as_bytes()),
            None => bytes.push(u8::try_from(id).unwrap()),
        }
    }
    let healed = prompter.vocabulary.bytes_of(&prompt.healed);
    let healed = String::from_utf8_lossy(&healed).into_owned();
    format!("{}‹{healed}›", String::from_utf8_lossy(&bytes))
}

fn two_lines_up() -> Window {
    Window {
        anchor_lines: 2,
        before_lines: 4,
        after_lines: 1,
        middle_lines: 3,
        first_ms: None,
        ..Window::default()
    }
}

const PSM: Option<FimOrder> = Some(FimOrder::PrefixSuffixMiddle);

#[test]
fn prompt_is_split_at_the_anchor() {
    let text = "1\n2\n3\n4\n5\n6 foˇ\n7\n8\n9";
    let mut psm = prompter(two_lines_up(), PSM);
    assert_eq!(written(&mut psm, text), "<P>2\n3\n<S>\n7<M>4\n5\n6‹ fo›");
    let mut spm = prompter(two_lines_up(), Some(FimOrder::SuffixPrefixMiddle));
    assert_eq!(written(&mut spm, text), "<S>\n7<P>2\n3\n4\n5\n6<M>‹ fo›");
    let mut plain = prompter(two_lines_up(), None);
    assert_eq!(written(&mut plain, text), "2\n3\n4\n5\n6‹ fo›");
}

#[test]
fn plain_layout_splits_at_the_cursor() {
    let text = "1\n2\n3\n4\n5\n6 foˇ\n7\n8\n9";
    let window = Window { layout: Split::Plain, ..two_lines_up() };
    let mut plain = prompter(window, PSM);
    assert_eq!(written(&mut plain, text), "<P>2\n3\n4\n5\n6<S>\n7<M>‹ fo›");
    let mut unhealed = prompter(window, PSM).variant(Split::Anchored, false, OtherFiles::None);
    assert_eq!(written(&mut unhealed, text), "<P>2\n3\n<S>\n7<M>4\n5\n6 fo‹›");
}

#[test]
fn typing_only_extends_the_middle() {
    let mut prompter = prompter(two_lines_up(), PSM);
    let first = written(&mut prompter, "1\n2\n3\n4ˇ\n5");
    let typed = written(&mut prompter, "1\n2\n3\n4 + 5;\n6 = ˇ\n5");
    assert_eq!(first, "<P>1\n<S>\n5<M>2\n3\n‹4›");
    assert_eq!(typed, "<P>1\n<S>\n5<M>2\n3\n4 + 5;\n6 =‹ ›");
}

#[test]
fn long_middle_moves_the_anchor() {
    let mut prompter = prompter(two_lines_up(), PSM);
    written(&mut prompter, "1\n2\n3\n4ˇ\n5");
    assert_eq!(written(&mut prompter, "1\n2\n3\n4\na\nbˇ\n5"), "<P>2\n3\n<S>\n5<M>4\na\n‹b›");
}

#[test]
fn auto_closed_bracket_is_not_in_the_suffix() {
    let mut prompter = prompter(two_lines_up(), PSM);
    assert_eq!(written(&mut prompter, "f(xˇ);\n7"), "<P><S>\n7<M>f‹(x›");
    assert_eq!(written(&mut prompter, "f(xˇ) + 1;\n7"), "<P><S>) + 1;\n7<M>f‹(x›");
}

#[test]
fn window_widens_once_it_is_prefilled() {
    let window = Window { first_ms: Some(0), anchor_lines: 1, before_lines: 4, ..two_lines_up() };
    let mut prompter = prompter(window, PSM);
    let [a, b, c] = ['a', 'b', 'c'].map(|line| line.to_string().repeat(20));
    let text = format!("{a}\n{b}\n1\n2 foˇ\n{c}\n");
    let narrow = format!("<P>{b}\n<S>\n<M>1\n2‹ fo›");
    assert_eq!(written(&mut prompter, &text), narrow);

    let snapshot = Snapshot::of_text("a", "", &text.replace('ˇ', ""));
    let wider = prompter.wider(&snapshot, 48).expect("a wider window exists");
    assert_eq!(written(&mut prompter, &text), narrow, "until the wider prompt is prefilled");
    prompter.set_cached(vec![wider.ids.clone()]);
    prompter.widen();
    assert_eq!(written(&mut prompter, &text), format!("<P>{a}\n{b}\n<S>\n{c}<M>1\n2‹ fo›"));
    assert_eq!(prompter.prompt(&snapshot, 48), wider, "the prefilled prompt is the next one");
    assert_eq!(prompter.wider(&snapshot, 48), None, "the window is complete");
}

#[test]
fn cached_place_keeps_its_layout() {
    let window = Window { first_ms: Some(1_000), ..Window::default() };
    let mut prompter = prompter(window, PSM);
    let text = |name: &str| format!("{name}\n").repeat(60);
    let [a, b] = ["a", "b"].map(|it| Snapshot::of_text(it, "", &text(it)));
    prompter.set_tokens_per_s(60.0);
    let first = prompter.prompt(&a, 60);
    prompter.prompt(&b, 60);
    // A new layout's size varies with the measured speed.
    prompter.set_tokens_per_s(70.0);
    prompter.set_cached(vec![first.ids.clone()]);
    assert_eq!(prompter.prompt(&a, 60), first);
    prompter.prompt(&b, 60);
    prompter.set_cached(vec![]);
    assert_ne!(prompter.prompt(&a, 60), first, "a layout without a cached prompt is not kept");
}

#[test]
fn place_far_below_the_anchor_gets_a_new_narrow_window() {
    let window = Window { first_ms: Some(1_000), ..Window::default() };
    let mut prompter = prompter(window, PSM);
    let file = Snapshot::of_text("a", "", &"ten bytes\n".repeat(60));
    prompter.set_tokens_per_s(60.0);
    let top = prompter.prompt(&file, 100);
    prompter.set_cached(vec![top.ids.clone()]);
    assert_eq!(prompter.prompt(&file, 120).ids[..40], top.ids[..40], "two lines below");
    let below = prompter.prompt(&file, 300);
    assert!(below.ids.len() < 70, "{}", below.ids.len());
    prompter.set_cached(vec![top.ids.clone(), below.ids]);
    assert_eq!(prompter.prompt(&file, 100), top, "the place above is kept");
}

#[test]
fn wider_window_is_limited_by_time() {
    let window = Window { first_ms: Some(500), ..Window::default() };
    let mut prompter = prompter(window, PSM);
    prompter.set_tokens_per_s(100.0);
    let snapshot = Snapshot::of_text("a", "", &"line\n".repeat(200));
    let n_tokens = |it: Option<Prompt>| it.map(|it| it.ids.len());
    let narrow = prompter.prompt(&snapshot, 500).ids.len();
    let mut within =
        |ms| n_tokens(prompter.wider_within(&snapshot, 500, Duration::from_millis(ms)));
    assert_eq!(within(500), None, "not wider than the current window");
    let wider = within(1_500).unwrap();
    assert!(narrow < wider && wider <= 150, "{narrow}, {wider}");
    let whole = within(60_000).unwrap();
    assert!(whole > wider, "{whole}");
    assert_eq!(n_tokens(prompter.wider(&snapshot, 500)), Some(whole));
}

#[test]
fn pieces_of_other_files_come_first() {
    let window = Window {
        first_ms: Some(0),
        anchor_lines: 0,
        other_files: OtherFiles::Open,
        ..two_lines_up()
    };
    let mut prompter = prompter(window, PSM);
    let fim = prompter.fim.as_mut().unwrap();
    (fim.family, fim.file_sep) = ("qwen2.5-coder".into(), Some(259));
    assert!(prompter.shows_others());
    let other = Snapshot::of_text("b.rs", "", "struct Shape {\n  width\n}\n");
    prompter.set_others(vec![other]);
    assert_eq!(
        written(&mut prompter, "Shape ˇ"),
        "<P><S><M>Shape‹ ›",
        "the first prompt does not wait for other files"
    );
    let snapshot = Snapshot::of_text("a", "", "Shape ");
    prompter.wider(&snapshot, 6).expect("a wider window exists");
    prompter.widen();
    assert_eq!(
        written(&mut prompter, "Shape ˇ"),
        "<F>b.rs\nstruct Shape {\n  width\n}\n<F>a\n<P><S><M>Shape‹ ›"
    );
}

#[test]
fn edit_above_the_window_moves_the_anchor() {
    let mut prompter = prompter(two_lines_up(), PSM);
    let before = written(&mut prompter, "0\n1\n2\n3\n4\n5\n6\nxˇ");
    prompter.edited("a", &Edit { removed: 0..1, inserted: "zero\nhalf".into() });
    let after = written(&mut prompter, "zero\nhalf\n1\n2\n3\n4\n5\n6\nxyˇ");
    assert_eq!(before, "<P>3\n4\n<S><M>5\n6\n‹x›");
    assert_eq!(after, "<P>3\n4\n<S><M>5\n6\n‹xy›");
}

#[test]
fn long_text_is_cut_between_lines() {
    let window = Window {
        before_tokens: 8,
        after_tokens: 8,
        anchor_lines: 0,
        first_ms: None,
        ..Window::default()
    };
    let mut at_lines = prompter(window, PSM);
    assert_eq!(
        written(&mut at_lines, "11111\n22222\n333\nˇ\n555\n66666\n77777"),
        "<P>333\n<S>\n555\n<M>‹›"
    );
    let mut within = prompter(window, PSM);
    let line = format!("{}\nˇ\n{}", "a".repeat(5_000), "é".repeat(5_000));
    assert_eq!(written(&mut within, &line), "<P>aaaaaaa\n<S>\n<M>‹›");
}

#[test]
fn line_breaks_are_normalized() {
    let mut prompter = prompter(two_lines_up(), PSM);
    assert_eq!(written(&mut prompter, "1\r\n2\r\n3ˇ\r\n4"), "<P><S>\n4<M>1\n2\n‹3›");
}

#[test]
fn markers_in_user_text_stay_text() {
    let mut prompter = prompter(two_lines_up(), PSM);
    let snapshot = Snapshot::of_text("a", "", "<P><S><M>");
    let prompt = prompter.prompt(&snapshot, 9);
    let markers = prompt.ids.iter().filter(|id| **id >= 256).count();
    assert_eq!(markers, 3, "{prompt:?}");
}

#[test]
fn file_is_named_while_its_text_says_nothing() {
    let ask = |prompter: &mut Prompter, uri: &str, text: &str| {
        let snapshot = Snapshot::of_text(uri, "python", text);
        let prompt = prompter.prompt(&snapshot, text.chars().count());
        let mark = |id: &u32| id.checked_sub(256).map(|it| FIM[it as usize].as_bytes().to_vec());
        let ids = [prompt.ids, prompt.healed].concat();
        let bytes = ids.iter().flat_map(|it| mark(it).unwrap_or_else(|| vec![*it as u8]));
        String::from_utf8(bytes.collect()).unwrap()
    };
    let mut psm = prompter(two_lines_up(), PSM);
    assert_eq!(ask(&mut psm, "file:///a/b.py", ""), "<P># b.py\n<S><M>");
    assert_eq!(ask(&mut psm, "file:///a/b.py", "\n"), "<P># b.py\n<S><M>\n");
    assert_eq!(ask(&mut psm, "file:///a/b.py", "# c\nx=\n"), "<P># b.py\n<S><M># c\nx=\n", "kept");
    assert_eq!(ask(&mut psm, "file:///a/d.py", "x=\n"), "<P><S><M>x=\n");
    assert_eq!(ask(&mut psm, "file:///a/d.py", "# c\n"), "<P># d.py\n<S><M># c\n", "added");
    assert_eq!(ask(&mut psm, "untitled:Untitled-1", ""), "<P># python\n<S><M>");
    let mut plain = prompter(two_lines_up(), None);
    assert_eq!(ask(&mut plain, "file:///a/b.py", ""), "# b.py\n");
}

#[test]
fn long_line_is_within_the_budget() {
    let window = Window { first_ms: Some(750), ..Window::default() };
    let n_tokens = |text: &str, cursor: usize| {
        let snapshot = Snapshot::of_text("a.js", "javascript", text);
        prompter(window, PSM).prompt(&snapshot, cursor).ids.len()
    };
    // 96 tokens at the assumed speed, and three markers.
    let minified = "f(1,2);".repeat(100_000);
    assert!(n_tokens(&minified, 350_000) <= 99);
    let above = format!("{}\nf(\n", "x".repeat(60_000));
    assert!(n_tokens(&above, 60_003) <= 99);
    let lines = "let x = 1;\n".repeat(100);
    assert!(n_tokens(&lines, 550) <= 99);
}

/// A notebook of cells, of which one has the cursor; the joined text, and the cell as the session
/// has it.
fn notebook(cells: &[String], own: usize) -> (String, Snapshot) {
    let mut documents = crate::document::Documents::default();
    for (n, cell) in cells.iter().enumerate() {
        documents.open(&format!("nb.ipynb#{n}"), "python", 1, cell);
    }
    let uri = format!("nb.ipynb#{own}");
    let mut snapshot = documents.snapshot(&uri, Default::default()).unwrap();
    snapshot.cells = documents.other_cells(&uri, |_| true).map(Arc::new);
    let joined: Vec<&str> = cells
        .iter()
        .enumerate()
        .filter(|(n, it)| *n == own || !it.is_empty())
        .map(|(_, it)| it.as_str())
        .collect();
    (joined.join("\n\n"), snapshot)
}

#[test]
fn cell_sees_the_other_cells() {
    let cells = ["import a".to_owned(), "x = a.".to_owned(), "y = x".to_owned()];
    let (_, snapshot) = notebook(&cells, 1);
    let mut prompter = prompter(Window { after_lines: 9, ..two_lines_up() }, PSM);
    let prompt = prompter.prompt(&snapshot, 6);
    let text = prompter.vocabulary.bytes_of(&[prompt.ids, prompt.healed].concat());
    assert_eq!(String::from_utf8_lossy(&text), "\n\ny = ximport a\n\nx = a.");
}

proptest::proptest! {
    /// The prompts of a cell are those of the joined text, also after edits of any cell.
    #[test]
    fn notebook_has_the_prompts_of_one_document(
        cells in proptest::collection::vec("[ab\n]{0,8}", 1..5),
        edits in proptest::collection::vec((0..5usize, 0..9usize, "[ab\n]{1,3}"), 0..12),
    ) {
        let mut cells = cells;
        let (mut in_cells, mut in_one) =
            (prompter(two_lines_up(), PSM), prompter(two_lines_up(), PSM));
        for (cell, at, text) in edits {
            let cell = cell % cells.len();
            let at = at.min(cells[cell].len());
            let was_empty = cells[cell].is_empty();
            let (_, before) = notebook(&cells, cell);
            let start = before.in_notebook(at).unwrap().1;
            cells[cell].insert_str(at, &text);
            let (joined, snapshot) = notebook(&cells, cell);
            if !was_empty {
                let edit = Edit { removed: start..start, inserted: text.clone() };
                in_cells.edited("nb.ipynb", &edit);
                in_one.edited("nb.ipynb", &edit);
            }
            let cursor = at + text.len();
            let one = Snapshot::of_text("nb.ipynb", "python", &joined);
            let (_, cursor_in_one) = snapshot.in_notebook(cursor).unwrap();
            proptest::prop_assert_eq!(
                in_cells.prompt(&snapshot, cursor),
                in_one.prompt(&one, cursor_in_one)
            );
        }
    }
}

#[test]
fn typing_in_a_cell_only_extends_the_middle() {
    let mut cells = vec!["import a\n".repeat(9), "x = ".to_owned(), "y\n".repeat(9)];
    let mut prompter = prompter(two_lines_up(), PSM);
    let mut ask = |cells: &[String]| {
        let (_, snapshot) = notebook(cells, 1);
        let prompt = prompter.prompt(&snapshot, cells[1].len());
        [prompt.ids, prompt.healed].concat()
    };
    let mut before = ask(&cells);
    for key in ["a", ".", "b", "\n", "c"] {
        cells[1].push_str(key);
        let after = ask(&cells);
        assert!(after.starts_with(&before), "{key:?} keeps the prompt before it");
        before = after;
    }
}

/// A client without a session sends a window of lines, which moves with the cursor.
#[test]
fn anchor_is_found_in_a_text_that_was_sent_again() {
    let mut prompter = prompter(two_lines_up(), PSM);
    assert_eq!(written(&mut prompter, "1\n2\n3\n4\n5\n6 foˇ\n7"), "<P>2\n3\n<S>\n7<M>4\n5\n6‹ fo›");
    let moved = "2\n3\n4\n5\n6 fo\nbarˇ\n7";
    prompter.follow(&Snapshot::of_text("a", "", &moved.replace('ˇ', "")), 16);
    assert_eq!(written(&mut prompter, moved), "<P>2\n3\n<S>\n7<M>4\n5\n6 fo\n‹bar›");
}
