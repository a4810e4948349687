//! Assembles the tokens of a prompt in the format of the model's FIM family: the order of prefix and
//! suffix, and the place of paths and other files. Sources are in `docs/prompt-formats.md`; the ids
//! of the markers come from the bundle.

use foretell_engine::bundle::{Fim, FimOrder};
use foretell_fim::{BeforePath, Files};

/// An excerpt of a file other than the one with the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherFile<'a> {
    /// Its path in the repository.
    pub path: &'a str,
    /// The excerpt.
    pub text: &'a str,
}

/// The repository, path and other files that a prompt names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromptSources<'a> {
    /// The repository's name.
    pub repo: Option<&'a str>,
    /// The path of the file with the cursor.
    pub path: Option<&'a str>,
    /// Other files, the most important last.
    pub others: &'a [OtherFile<'a>],
}

/// The tokens of a prompt that precede the file's own text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preamble {
    /// Before all FIM markers.
    pub head: Vec<u32>,
    /// At the start of the prefix.
    pub prefix: Vec<u32>,
}

/// Whether a model was trained on prompts with several files.
#[must_use]
pub fn reads_files(fim: &Fim) -> bool {
    files(fim).is_some()
}

fn files(fim: &Fim) -> Option<&'static Files> {
    let files = foretell_fim::files(&fim.family)?;
    let has_token = fim.file_sep.is_some() || matches!(files.before_path, BeforePath::Text(_));
    has_token.then_some(files)
}

/// The preamble of a prompt. For a family that was not trained on several files, it is only the
/// token for the beginning of the text, if there is one.
#[must_use]
pub fn preamble(
    fim: &Fim,
    around: PromptSources<'_>,
    encode: impl Fn(&str) -> Vec<u32>,
) -> Preamble {
    let mut preamble = Preamble { head: fim.bos.into_iter().collect(), prefix: Vec::new() };
    let Some(files) = files(fim) else { return preamble };
    let PromptSources { repo, path, others } = around;
    let push_separator = |ids: &mut Vec<u32>| match &files.before_path {
        BeforePath::FileSep => ids.extend(fim.file_sep),
        BeforePath::Text(text) => ids.extend(encode(text)),
        BeforePath::NoPath => {}
    };
    let is_in_prefix = matches!(files.before_path, BeforePath::Text(_));
    let mut ids = Vec::new();
    if let (Some(repo), Some(id), Some(end)) = (repo, fim.repo, &files.repo_end) {
        ids.push(id);
        ids.extend(encode(&format!("{repo}{end}")));
    }
    for OtherFile { path, text } in others {
        push_separator(&mut ids);
        if files.before_path == BeforePath::NoPath {
            ids.extend(encode(text));
            ids.extend(fim.file_sep);
        } else {
            let end = if text.ends_with('\n') { "" } else { files.after_text.as_str() };
            ids.extend(encode(&format!("{path}\n{text}{end}")));
        }
    }
    if let Some(path) = path.filter(|_| files.before_path != BeforePath::NoPath) {
        push_separator(&mut ids);
        let path = encode(&format!("{path}\n"));
        if files.path_in_prefix && !is_in_prefix {
            preamble.prefix = path;
        } else {
            ids.extend(path);
        }
    }
    // Where files are separated by text, they belong to the prefix.
    if is_in_prefix {
        preamble.prefix = ids;
    } else {
        preamble.head.extend(ids);
    }
    preamble
}

/// The tokens of a prompt. `before` and `middle` are the text before the cursor, split at the
/// anchor; `after` is the text after the cursor. Without a FIM format, the text after it is left
/// out.
#[must_use]
pub fn prompt(
    fim: Option<&Fim>,
    preamble: &Preamble,
    before: &[u32],
    after: &[u32],
    middle: &[u32],
) -> Vec<u32> {
    let Preamble { head, prefix } = preamble;
    let Some(fim) = fim else { return [head, prefix, before, middle].concat() };
    let middle_marker = fim.middle.as_slice();
    match fim.order {
        FimOrder::PrefixSuffixMiddle => {
            [&head[..], &[fim.prefix], prefix, before, &[fim.suffix], after, middle_marker, middle]
                .concat()
        }
        FimOrder::SuffixPrefixMiddle => {
            [&head[..], &[fim.suffix], after, &[fim.prefix], prefix, before, middle, middle_marker]
                .concat()
        }
    }
}

#[cfg(test)]
mod tests;
