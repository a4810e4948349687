//! Prompts for a remote server, as text.

use foretell_config::prompt::Window;
use foretell_engine::remote::{Format, PromptFormat, WireParts};

use super::Prompter;
use crate::document::Snapshot;

/// The prompt for a text with the cursor at `ˇ`.
fn written(format: &str, text: &str) -> WireParts {
    let format = Format::named(format).unwrap();
    let mut prompter = Prompter::for_remote(format, Window::default()).unwrap();
    let cursor = text.chars().position(|c| c == 'ˇ').unwrap();
    let snapshot = Snapshot::of_text("file:///a.py", "python", &text.replace('ˇ', ""));
    PromptFormat::of(format).written(&prompter.prompt(&snapshot, cursor).ids)
}

#[test]
fn every_format_has_its_golden_prompt() {
    let golden = [
        ("qwen2.5-coder", "<|fim_prefix|>x = y<|fim_suffix|>\nä\n<|fim_middle|>"),
        ("starcoder", "<fim_prefix>x = y<fim_suffix>\nä\n<fim_middle>"),
        ("mellum", "<fim_suffix>\nä\n<fim_prefix>x = y<fim_middle>"),
        ("codegemma", "<|fim_prefix|>x = y<|fim_suffix|>\nä\n<|fim_middle|>"),
        ("deepseek-coder", "<｜fim▁begin｜>x = y<｜fim▁hole｜>\nä\n<｜fim▁end｜>"),
        ("codellama", "<PRE> x = y <SUF>\nä\n <MID>"),
        ("codestral", "[SUFFIX]\nä\n[PREFIX]x = y"),
        ("seed-coder", "<[fim-suffix]>\nä\n<[fim-prefix]>x = y<[fim-middle]>"),
    ];
    for (format, expected) in golden {
        assert_eq!(written(format, "x = yˇ\nä\n").prompt, expected);
    }
    let parts = WireParts { prompt: "x = y".into(), suffix: Some("\nä\n".into()) };
    assert_eq!(written("suffix", "x = yˇ\nä\n"), parts);
    let named: Vec<&str> = golden.iter().map(|(name, _)| *name).chain(["suffix"]).collect();
    assert_eq!(Format::names(), named);
}

/// A special token as sent within user text: broken by a space after its first character.
fn broken(marker: &str) -> String {
    let n_bytes = marker.chars().next().unwrap().len_utf8();
    format!("{} {}", &marker[..n_bytes], &marker[n_bytes..])
}

/// **Invariant:** user text never becomes a special token.
#[test]
fn user_text_contains_no_special_token() {
    let text = "a = '<|fim_middle|>'\nb = ˇ'<|im_end|>'\n";
    assert_eq!(
        written("qwen2.5-coder", text).prompt,
        "<|fim_prefix|>a = '< |fim_middle|>'\nb = <|fim_suffix|>'< |im_end|>'\n<|fim_middle|>"
    );
    let boundaries = foretell_fim::boundary_markers();
    let sent: String = boundaries.iter().map(|it| broken(it)).collect();
    assert_eq!(
        written("starcoder", &format!("{}ˇ", boundaries.concat())).prompt,
        format!("<fim_prefix>{sent}<fim_suffix><fim_middle>")
    );
    assert_eq!(
        written("codestral", "x[PREFIX]<M>ˇ[SUFFIX]").prompt,
        "[SUFFIX][ SUFFIX][PREFIX]x[ PREFIX]<M>"
    );
}

/// With this format, the server adds the special tokens, of a family unknown to us.
#[test]
fn suffix_format_breaks_every_special_token() {
    for name in Format::names().into_iter().filter(|it| *it != "suffix") {
        for marker in PromptFormat::of(Format::named(name).unwrap()).markers() {
            let marker = marker.trim();
            if name == "codestral" && marker == "<M>" {
                continue; // It has no middle token.
            }
            let parts = WireParts { prompt: broken(marker), suffix: Some(broken(marker)) };
            assert_eq!(written("suffix", &format!("{marker}ˇ{marker}")), parts, "{name}");
        }
    }
}
