//! Splits a prompt with the FIM markers of a model family into the text before and after the cursor.
//!
//! Foretell builds the prompt of its own model from that text, so the markers may be those of any
//! family.

use foretell_fim::{Family, families};

/// The parts of a prompt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FimPrompt {
    pub(crate) before: String,
    pub(crate) after: String,
    /// The path of the file with the cursor; may be empty.
    pub(crate) path: String,
    /// Paths and texts of other files.
    pub(crate) others: Vec<(String, String)>,
}

/// The parts of a prompt; `None` if it has no markers.
pub(crate) fn split(prompt: &str) -> Option<FimPrompt> {
    families().iter().find_map(|family| {
        let own = (family.prefix.as_str(), family.suffix.as_str(), family.middle.as_deref());
        [Some(own), family.remote_tokens()]
            .into_iter()
            .flatten()
            .find_map(|markers| split_at(prompt, markers, family))
    })
}

fn split_at(
    prompt: &str,
    (prefix, suffix, middle): (&str, &str, Option<&str>),
    family: &Family,
) -> Option<FimPrompt> {
    let (prefix_idx, suffix_idx) = (prompt.find(prefix)?, prompt.find(suffix)?);
    let start = prefix_idx.min(suffix_idx);
    let (text, written) = match middle {
        Some(middle) => prompt.rsplit_once(middle)?,
        None => (prompt, ""),
    };
    // A file may contain the markers as text, as this one does. A prompt has them at its ends.
    if start > 0 && !written.is_empty() {
        return None;
    }
    let (before, after) = if prefix_idx < suffix_idx {
        middle?;
        (text.get(prefix_idx + prefix.len()..suffix_idx)?, text.get(suffix_idx + suffix.len()..)?)
    } else {
        (text.get(prefix_idx + prefix.len()..)?, text.get(suffix_idx + suffix.len()..prefix_idx)?)
    };
    let (others, path) = files(&prompt[..start], family);
    Some(FimPrompt { before: format!("{before}{written}"), after: after.to_owned(), path, others })
}

/// The other files in the text before the markers, and the path of the file with the cursor.
fn files(head: &str, family: &Family) -> (Vec<(String, String)>, String) {
    let Some(separator) = &family.file_sep else { return Default::default() };
    let file = |text: &str| {
        let (path, text) = text.split_once('\n').unwrap_or((text, ""));
        (path.trim().to_owned(), text.to_owned())
    };
    let mut files: Vec<(String, String)> = head.split(separator).skip(1).map(file).collect();
    // The file with the cursor comes last; its text is between the markers.
    let own = files.pop_if(|(_, text)| text.trim().is_empty());
    (files, own.map(|(path, _)| path).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(prompt: &str, before: &str, after: &str) {
        let found = split(prompt).map(|it| (it.before, it.after));
        assert_eq!(found, Some((before.to_owned(), after.to_owned())), "{prompt}");
    }

    #[test]
    fn markers_of_any_family_split_a_prompt() {
        check("<|fim_prefix|>a(<|fim_suffix|>)\n<|fim_middle|>", "a(", ")\n");
        check("<fim_prefix>a(<fim_suffix>)<fim_middle>", "a(", ")");
        check("<fim_suffix>)<fim_prefix>a(<fim_middle>", "a(", ")");
        check("<｜fim▁begin｜>a(<｜fim▁hole｜>)<｜fim▁end｜>", "a(", ")");
        check("<PRE> a( <SUF>) <MID>", "a(", ")");
        check("[SUFFIX])[PREFIX]a(", "a(", ")");
        check("<[fim-suffix]>)<[fim-prefix]>a(<[fim-middle]>", "a(", ")");
        check("<|fim_prefix|>a(<|fim_suffix|>)<|fim_middle|>b", "a(b", ")");
    }

    #[test]
    fn other_files_are_found() {
        let sep = "<|file_sep|>";
        let prompt = format!(
            "<|repo_name|>r\n{sep}a.rs\nfn a() {{}}\n{sep}src/b.rs\n<|fim_prefix|>b<|fim_suffix|><|fim_middle|>"
        );
        let others = vec![("a.rs".to_owned(), "fn a() {}\n".to_owned())];
        let expected =
            FimPrompt { before: "b".into(), after: String::new(), path: "src/b.rs".into(), others };
        assert_eq!(split(&prompt), Some(expected));
    }

    #[test]
    fn text_that_quotes_markers_stays_whole() {
        for text in
            ["let x = 1;", "a <|fim_prefix|> b", "x <|fim_prefix|><|fim_suffix|><|fim_middle|> y"]
        {
            assert_eq!(split(text), None, "{text}");
        }
    }
}
