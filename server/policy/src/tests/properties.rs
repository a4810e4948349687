//! Invariants for random texts in many languages.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;

/// The languages of the property tests: those with a grammar, and one for each feature of the
/// scanner.
const LANGUAGES: [&str; 33] = [
    "",
    "rust",
    "python",
    "markdown",
    "javascriptreact",
    "go",
    "java",
    "c",
    "cpp",
    "shellscript",
    "json",
    "ruby",
    "lua",
    "elixir",
    "html",
    "vue",
    "xml",
    "yaml",
    "toml",
    "sql",
    "csharp",
    "php",
    "kotlin",
    "swift",
    "dart",
    "perl",
    "julia",
    "haskell",
    "vim",
    "fish",
    "powershell",
    "css",
    "latex",
];

/// Text made of pieces that the rules look for, complete and partial.
fn says() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "\n",
        "\n",
        "\n    ",
        "\n\t",
        "    ",
        " ",
        "{",
        "}",
        "(",
        ")",
        ");",
        ":",
        "\"",
        "é",
        "<",
        "let x = 1;",
        "run(all_of_it);",
        "run(all_of_it);",
        "ab",
        "0, ",
        "0, 0, 0, 0, 0, 0, ",
        "---",
        "```",
        "`",
        "# ",
        "// ",
        "Example usage",
        "Example",
        "Here is the ",
        "Here",
        "Sure, ",
        "<|im_end|>",
        "<|im",
        "<fim_middle>",
        "\u{202e}",
        "\u{200d}",
        "return total",
        "\n\n",
        "\"\"\"",
        "'",
        "'''",
        "#{",
        "${",
        "/*",
        "*/",
        "--[[",
        "]]",
        "<<EOF",
        "EOF",
        "r#\"",
        "\"#",
        "R\"x(",
        ")x\"",
        "%w[",
        "~s(",
        "\\",
        "<div>",
        "</div>",
        "<p class=\"",
        "<!--",
        "-->",
        " do\n",
        "def f",
        "end",
        "if x",
        " then",
        "else",
        "fi",
        "done",
        "case x in",
        "esac",
        "function f()",
        "|\n",
        "- a:",
        "$$",
        "begin",
        "<?php",
        "?>",
        "=begin",
        "=end",
    ]);
    prop::collection::vec(pieces, 0..14).prop_map(|pieces| pieces.concat())
}

/// `PROPTEST_CASES`, or 2,000.
pub(crate) fn n_cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(2_000, |it| it.parse().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: n_cases(), ..ProptestConfig::default() })]

    /// The kept part of a text is a prefix of the kept part of every extension of it, even after a
    /// stop. Streaming ends with the same text and stop as a single cut.
    #[test]
    fn shown_text_never_shrinks(
        before in says(),
        after in prop_oneof!["[ a)};\n\"]{0,8}", says()],
        said in prop_oneof!["[ ab{}();\n\"éx]{0,40}", says()],
        language in prop::sample::select(LANGUAGES.to_vec()),
        whole_lines in any::<bool>(),
        end in prop::sample::select(vec![Phase::Final, Phase::Ended]),
    ) {
        let text = format!("{before}{after}");
        let style = Style { whole_lines, ..Style::default() };
        let new = || {
            let syntax = Syntax::new(&Arc::default(), &"a".into(), language, &text, before.len());
            let context = CursorContext::new(&before, &after).in_language(language);
            Policy::new(context).with_style(style).with_syntax(syntax)
        };
        let policy = new();
        let ends = said.char_indices().map(|(i, _)| i);
        let mut streamed: Option<Cut> = None;
        let mut kept = Cut { keep_bytes: 0, stop: None };
        for end in ends {
            let cut = policy.cut(&said[..end], Phase::Partial);
            prop_assert!(cut.keep_bytes >= kept.keep_bytes, "{kept:?} {end} {cut:?}");
            // Several rules may cut at the same place, and streaming may hit a different one first.
            let is_same = cut.keep_bytes == kept.keep_bytes && cut.stop.is_some();
            prop_assert!(kept.stop.is_none() || is_same, "{kept:?} {end} {cut:?}");
            if cut.stop.is_some() {
                streamed.get_or_insert(cut);
            }
            kept = cut;
        }
        // A new policy, without the judged prefixes.
        let at_once = new().cut(&said, end);
        prop_assert_eq!(at_once, policy.cut(&said, end));
        prop_assert!(at_once.keep_bytes >= kept.keep_bytes, "{kept:?} {at_once:?}");
        if let Some(streamed) = streamed {
            prop_assert!(at_once.stop.is_some());
            prop_assert_eq!(streamed.keep_bytes, at_once.keep_bytes);
        }
    }

    /// Restyling a prefix yields a prefix of the restyled text.
    #[test]
    fn restyled_text_never_shrinks(before in says(), said in says(), cut in 0..99usize) {
        let policy = Policy::new(CursorContext::new(&before, ""));
        let kept = said.trim_end();
        let cut = kept.floor_char_boundary(cut.min(kept.len()));
        let (whole, partial) = (policy.written(kept), policy.written(kept[..cut].trim_end()));
        prop_assert!(whole.starts_with(&*partial), "{partial:?} is no prefix of {whole:?}");
    }
}
