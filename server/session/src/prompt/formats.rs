//! The forms of a prompt as data, by the family of the model: in which order it reads what is
//! before and after the hole, and how it is told of paths and other files. The sources are in
//! `docs/prompt-formats.md`; the ids of the marks are in the bundle.

use foretell_engine::bundle::{Fim, FimOrder};
use foretell_fim::{BeforePath, Files};

/// A file beside the one with the hole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtherFile<'a> {
    /// Its path in the repository.
    pub path: &'a str,
    /// As much of its text as is shown.
    pub text: &'a str,
}

/// What a prompt says of where its text comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PromptSources<'a> {
    /// The repository's name.
    pub repo: Option<&'a str>,
    /// The path of the file with the hole.
    pub path: Option<&'a str>,
    /// Other files, the nearest last.
    pub others: &'a [OtherFile<'a>],
}

/// The tokens that lead a prompt, before what is read of the file itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preamble {
    /// Before all marks of the hole.
    pub head: Vec<u32>,
    /// At the beginning of the prefix.
    pub prefix: Vec<u32>,
}

/// Whether a model was taught to read several files in one prompt.
#[must_use]
pub fn reads_files(fim: &Fim) -> bool {
    files(fim).is_some()
}

fn files(fim: &Fim) -> Option<&'static Files> {
    let files = foretell_fim::files(&fim.family)?;
    let has_token = fim.file_sep.is_some() || matches!(files.before_path, BeforePath::Text(_));
    has_token.then_some(files)
}

/// What leads a prompt of a family; nothing but the mark of a text's beginning for one that was
/// not taught to read several files.
#[must_use]
pub fn lead(fim: &Fim, around: PromptSources<'_>, encode: impl Fn(&str) -> Vec<u32>) -> Preamble {
    let mut lead = Preamble { head: fim.bos.into_iter().collect(), prefix: Vec::new() };
    let Some(files) = files(fim) else { return lead };
    let PromptSources { repo, path, others } = around;
    let mark = |ids: &mut Vec<u32>| match &files.before_path {
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
        mark(&mut ids);
        if files.before_path == BeforePath::NoPath {
            ids.extend(encode(text));
            ids.extend(fim.file_sep);
        } else {
            let end = if text.ends_with('\n') { "" } else { files.after_text.as_str() };
            ids.extend(encode(&format!("{path}\n{text}{end}")));
        }
    }
    if let Some(path) = path.filter(|_| files.before_path != BeforePath::NoPath) {
        mark(&mut ids);
        let path = encode(&format!("{path}\n"));
        if files.path_in_prefix && !is_in_prefix {
            lead.prefix = path;
        } else {
            ids.extend(path);
        }
    }
    // Where files are told as text, they are a part of the text before the hole.
    if is_in_prefix {
        lead.prefix = ids;
    } else {
        lead.head.extend(ids);
    }
    lead
}

/// The prompt of a family: `before` and `middle` are the text before the cursor, split at the
/// anchor, `after` is the text after it. Without a form for holes, it is what is before the cursor.
#[must_use]
pub fn prompt(
    fim: Option<&Fim>,
    lead: &Preamble,
    before: &[u32],
    after: &[u32],
    middle: &[u32],
) -> Vec<u32> {
    let Preamble { head, prefix } = lead;
    let Some(fim) = fim else { return [head, prefix, before, middle].concat() };
    let mark = fim.middle.as_slice();
    match fim.order {
        FimOrder::PrefixSuffixMiddle => {
            [&head[..], &[fim.prefix], prefix, before, &[fim.suffix], after, mark, middle].concat()
        }
        FimOrder::SuffixPrefixMiddle => {
            [&head[..], &[fim.suffix], after, &[fim.prefix], prefix, before, middle, mark].concat()
        }
    }
}

#[cfg(test)]
mod tests;
