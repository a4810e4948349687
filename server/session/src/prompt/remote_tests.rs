//! Prompts for a server, written out as text.

use foretell_config::prompt::Window;
use foretell_engine::remote::{END_MARKERS, Format, PromptFormat, WireParts};

use super::Prompter;
use crate::document::Snapshot;

/// The prompt for a text with a mark at the cursor.
fn written(format: Format, text: &str) -> WireParts {
    let mut prompter = Prompter::for_remote(format, Window::default()).unwrap();
    let cursor = text.chars().position(|c| c == 'ˇ').unwrap();
    let snapshot = Snapshot::of_text("file:///a.py", "python", &text.replace('ˇ', ""));
    PromptFormat::of(format).written(&prompter.prompt(&snapshot, cursor).ids)
}

#[test]
fn each_family_gets_its_marks_in_its_order() {
    let prompt = |format| written(format, "x = yˇ\nä\n").prompt;
    for (format, expected) in [
        (Format::Qwen25Coder, "<|fim_prefix|>x = y<|fim_suffix|>\nä\n<|fim_middle|>"),
        (Format::Starcoder, "<fim_prefix>x = y<fim_suffix>\nä\n<fim_middle>"),
        (Format::DeepseekCoder, "<｜fim▁begin｜>x = y<｜fim▁hole｜>\nä\n<｜fim▁end｜>"),
        (Format::Codegemma, "<|fim_prefix|>x = y<|fim_suffix|>\nä\n<|fim_middle|>"),
        (Format::Codellama, "<PRE> x = y <SUF>\nä\n <MID>"),
        (Format::Mellum, "<fim_suffix>\nä\n<fim_prefix>x = y<fim_middle>"),
        (Format::SeedCoder, "<[fim-suffix]>\nä\n<[fim-prefix]>x = y<[fim-middle]>"),
    ] {
        assert_eq!(prompt(format), expected);
    }
    let parts = WireParts { prompt: "x = y".into(), suffix: Some("\nä\n".into()) };
    assert_eq!(written(Format::Suffix, "x = yˇ\nä\n"), parts);
}

/// **Invariant:** user text never becomes a special token.
#[test]
fn a_mark_in_the_users_text_is_none() {
    let text = "a = '<|fim_middle|>'\nb = ˇ'<|im_end|>'\n";
    assert_eq!(
        written(Format::Qwen25Coder, text).prompt,
        "<|fim_prefix|>a = '< |fim_middle|>'\nb = <|fim_suffix|>'< |im_end|>'\n<|fim_middle|>"
    );
    let ends = END_MARKERS.concat();
    let one = written(Format::Starcoder, &format!("{ends}ˇ")).prompt;
    assert_eq!(one, format!("<fim_prefix>{}<fim_suffix><fim_middle>", ends.replace('<', "< ")));
}

/// The server puts its own marks around these texts.
#[test]
fn a_text_for_a_server_that_writes_the_prompt_has_no_familys_marks() {
    let marks = |format| PromptFormat::of(format).marks().map(str::trim).concat();
    let marks = Format::WITH_MARKERS.map(marks).concat() + &END_MARKERS.concat();
    let broken = marks.replace('<', "< ");
    let parts = WireParts { prompt: broken.clone(), suffix: Some(broken) };
    assert_eq!(written(Format::Suffix, &format!("{marks}ˇ{marks}")), parts);
}
