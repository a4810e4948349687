use super::*;
use foretell_engine::{scripted::byte_vocabulary, vocabulary::Vocabulary};

const MARKS: [&str; 7] = ["<P>", "<S>", "<M>", "<bos>", "<pad>", "<repo>", "<file>"];

/// A family with all FIM tokens except `bos`.
fn family(name: &str, order: FimOrder) -> Fim {
    Fim {
        family: name.into(),
        order,
        prefix: 256,
        suffix: 257,
        middle: Some(258),
        bos: None,
        repo: Some(261),
        file_sep: Some(262),
    }
}

fn read(vocabulary: &Vocabulary, ids: &[u32]) -> String {
    let bytes = ids.iter().flat_map(|id| match id.checked_sub(256) {
        Some(mark) => MARKS[mark as usize].as_bytes().to_vec(),
        None => vocabulary.bytes(*id).to_vec(),
    });
    String::from_utf8(bytes.collect()).unwrap()
}

#[track_caller]
fn check(fim: &Fim, alone: &str, with_files: &str) {
    let vocabulary = byte_vocabulary(&[], &MARKS).unwrap();
    let encode = |text: &str| vocabulary.encode(text);
    let others =
        [OtherFile { path: "a.py", text: "A = 1" }, OtherFile { path: "b.py", text: "B = 2\n" }];
    let written = |around| {
        let lead = preamble(fim, around, encode);
        let ids = prompt(Some(fim), &lead, &encode("x = "), &encode("\nz"), &encode("y"));
        read(&vocabulary, &ids)
    };
    assert_eq!(written(PromptSources::default()), alone);
    let around = PromptSources { repo: Some("r"), path: Some("c.py"), others: &others };
    assert_eq!(written(around), with_files);
    let docs = include_str!("../../../../../docs/prompt-formats.md");
    for text in [alone, with_files] {
        let line = format!("`{}`", text.replace('\n', "⏎"));
        assert!(docs.contains(&line), "docs/prompt-formats.md does not have {line}");
    }
}

const PSM: FimOrder = FimOrder::PrefixSuffixMiddle;
const SPM: FimOrder = FimOrder::SuffixPrefixMiddle;

#[test]
fn qwen_coder_marks_repository_and_files() {
    check(
        &family("qwen2.5-coder", PSM),
        "<P>x = <S>\nz<M>y",
        "<repo>r\n<file>a.py\nA = 1\n<file>b.py\nB = 2\n<file>c.py\n<P>x = <S>\nz<M>y",
    );
}

#[test]
fn starcoder2_has_the_path_in_the_prefix() {
    check(
        &family("starcoder2", PSM),
        "<P>x = <S>\nz<M>y",
        "<repo>r<file>a.py\nA = 1<file>b.py\nB = 2\n<file><P>c.py\nx = <S>\nz<M>y",
    );
}

#[test]
fn single_file_families_ignore_other_files() {
    for name in ["starcoder", "refact", "stable-code", "granite"] {
        check(&family(name, PSM), "<P>x = <S>\nz<M>y", "<P>x = <S>\nz<M>y");
    }
}

#[test]
fn deepseek_coder_has_paths_as_comments() {
    let fim = Fim { bos: Some(259), file_sep: None, repo: None, ..family("deepseek-coder", PSM) };
    check(
        &fim,
        "<bos><P>x = <S>\nz<M>y",
        "<bos><P>#a.py\nA = 1\n#b.py\nB = 2\n#c.py\nx = <S>\nz<M>y",
    );
}

#[test]
fn codegemma_marks_the_end_of_each_file() {
    let fim = Fim { bos: Some(259), ..family("codegemma", PSM) };
    check(&fim, "<bos><P>x = <S>\nz<M>y", "<bos>A = 1<file>B = 2\n<file><P>x = <S>\nz<M>y");
}

#[test]
fn code_llama_reads_one_file() {
    let fim = Fim { bos: Some(259), ..family("codellama", PSM) };
    check(&fim, "<bos><P>x = <S>\nz<M>y", "<bos><P>x = <S>\nz<M>y");
}

#[test]
fn codestral_has_no_middle_token() {
    let fim = Fim { bos: Some(259), middle: None, ..family("codestral", SPM) };
    check(&fim, "<bos><S>\nz<P>x = y", "<bos><S>\nz<P>x = y");
}

#[test]
fn mellum_has_paths_before_the_suffix() {
    check(
        &family("mellum", SPM),
        "<S>\nz<P>x = y<M>",
        "<file>a.py\nA = 1\n<file>b.py\nB = 2\n<file>c.py\n<S>\nz<P>x = y<M>",
    );
}

#[test]
fn seed_coder_has_the_suffix_first() {
    let fim = Fim { bos: Some(259), ..family("seed-coder", SPM) };
    check(&fim, "<bos><S>\nz<P>x = y<M>", "<bos><S>\nz<P>x = y<M>");
}

#[test]
fn model_without_fim_reads_left_to_right() {
    let ids = prompt(None, &Preamble::default(), &[1, 2], &[3], &[4]);
    assert_eq!(ids, [1, 2, 4]);
}

#[test]
fn bundle_without_file_separator_gets_no_files() {
    let fim = Fim { file_sep: None, ..family("qwen2.5-coder", PSM) };
    assert!(!reads_files(&fim));
    let around = PromptSources { path: Some("c.py"), ..PromptSources::default() };
    assert_eq!(preamble(&fim, around, |_| vec![1]), Preamble::default());
}
