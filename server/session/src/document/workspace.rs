//! Reads files of the workspace that are not open, so that the prompt can quote them. Only with
//! `prompt.other_files = "workspace"`.
//!
//! The walk starts near the document and is bounded, so a large workspace costs no more than a small
//! one. It skips files that git ignores, hidden files, links and binary files, and never leaves the
//! workspace's folders.

use std::{
    cmp::Ordering,
    collections::HashSet,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use ignore::{DirEntry, WalkBuilder};

use super::Snapshot;

/// The most files and folders to visit.
const MAX_ENTRIES: usize = 20_000;
/// The deepest level below a workspace's folder.
const MAX_DEPTH: usize = 24;
/// The most files to return, the most bytes of all of them, and of one.
const MAX_FILES: usize = 64;
const MAX_BYTES: u64 = 1 << 19;
const MAX_FILE_BYTES: u64 = 1 << 17;
/// The most files to open; some turn out to be binary.
const MAX_OPENED: usize = 128;

/// Files of a folder that the walk itself reads.
const IGNORE_FILES: [&str; 3] = [".gitignore", ".ignore", ".git/info/exclude"];

/// Stems of files that are known by the name of their folder.
const FOLDER_FILES: [&str; 6] = ["__init__", "index", "mod", "lib", "main", "package"];

/// The files in the document's language that are likely to help: first those whose names occur in
/// its text, as in imports, then the nearest. `folders` are the workspace's folders; `may_read` is
/// asked before a file is opened.
///
/// Blocks on the file system. Files that cannot be read are skipped.
#[must_use]
pub fn files_beside(
    document: &Path,
    snapshot: &Snapshot,
    folders: &[PathBuf],
    may_read: impl Fn(&Path) -> bool,
) -> Vec<Snapshot> {
    let Some(folder) = folders.iter().find(|folder| document.starts_with(folder)) else {
        return Vec::new();
    };
    let Some(wanted) = document.extension().and_then(|it| it.to_str()).map(family) else {
        return Vec::new();
    };
    let text = snapshot.rope.to_string();
    let words: HashSet<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-').collect();
    let is_wanted = |path: &Path| {
        path != document && path.extension().and_then(|it| it.to_str()).map(family) == Some(wanted)
    };
    let near = nearest_first(folder, document).map(DirEntry::into_path);
    let near = near.filter(|path| is_wanted(path) && may_read(path));
    let (named, others): (Vec<_>, Vec<_>) =
        near.partition(|path| name_of(path).is_some_and(|it| words.contains(it)));
    let (mut n_left, mut n_opened) = (MAX_BYTES, 0);
    let mut files = Vec::new();
    for path in named.into_iter().chain(others) {
        if files.len() == MAX_FILES || n_opened == MAX_OPENED {
            break;
        }
        let n_most = n_left.min(MAX_FILE_BYTES);
        let fits = |it: fs::Metadata| it.is_file() && it.len() <= n_most;
        if !fs::symlink_metadata(&path).is_ok_and(fits) {
            continue;
        }
        n_opened += 1;
        let Some(text) = read(&path, n_most) else { continue };
        n_left -= text.len() as u64;
        files.push(Snapshot::of_text(&path.to_string_lossy(), &snapshot.language, &text));
    }
    files
}

/// The files below a folder, those that share the longest path with `document` first.
fn nearest_first(folder: &Path, document: &Path) -> impl Iterator<Item = DirEntry> + use<> {
    let document = document.to_owned();
    let mut walk = WalkBuilder::new(folder);
    // Git's global settings and ignore files outside of the workspace are not read.
    walk.parents(false).git_global(false).require_git(false).max_depth(Some(MAX_DEPTH));
    walk.sort_by_file_path(move |a, b| {
        let is_ancestor = |path: &Path| document.starts_with(path);
        match (is_ancestor(a), is_ancestor(b)) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            _ => a.cmp(b),
        }
    });
    // A folder whose ignore file cannot be read is skipped: its exclusions are unknown.
    walk.filter_entry(|it| {
        !it.file_type().is_some_and(|it| it.is_dir()) || can_be_walked(it.path())
    });
    let entries = can_be_walked(folder)
        .then(|| walk.build())
        .into_iter()
        .flatten()
        .take(MAX_ENTRIES)
        .flatten();
    entries.filter(|it| it.file_type().is_some_and(|it| it.is_file()))
}

/// The name by which other files import a file.
fn name_of(path: &Path) -> Option<&str> {
    let stem = path.file_stem()?.to_str()?;
    let name =
        if FOLDER_FILES.contains(&stem) { path.parent()?.file_name()?.to_str()? } else { stem };
    Some(name)
}

/// Groups extensions of files that belong together.
fn family(extension: &str) -> &str {
    match extension {
        "js" | "jsx" | "mjs" | "cjs" | "ts" | "tsx" | "mts" | "cts" => "js",
        "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "m" | "mm" => "c",
        "java" | "kt" | "kts" => "java",
        "py" | "pyi" => "py",
        other => other,
    }
}

/// Whether the folder's ignore files are regular files: opening a pipe would block until somebody
/// writes to it.
fn can_be_walked(folder: &Path) -> bool {
    IGNORE_FILES.iter().all(|it| fs::metadata(folder.join(it)).map_or(true, |it| it.is_file()))
}

/// The text of a file of at most `n_most` bytes; `None` if it is longer or binary.
fn read(path: &Path, n_most: u64) -> Option<String> {
    let mut text = String::new();
    let n_bytes = File::open(path).ok()?.take(n_most + 1).read_to_string(&mut text).ok()?;
    (n_bytes as u64 <= n_most && !text.contains('\0')).then_some(text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// The names of the files read for `src/app/own.rs`.
    fn beside(files: &[(&str, &str)], own: &str, may_read: impl Fn(&Path) -> bool) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let document = folder.path().join("src/app/own.rs");
        let snapshot = Snapshot::of_text(&document.to_string_lossy(), "rust", own);
        let found = files_beside(&document, &snapshot, &[folder.path().to_owned()], may_read);
        let name = |it: &Snapshot| {
            Path::new(&*it.uri).strip_prefix(folder.path()).unwrap().display().to_string()
        };
        found.iter().map(name).collect()
    }

    #[test]
    fn named_files_come_first_then_near_ones() {
        let files = [
            ("aaa.rs", "// far"),
            ("src/aaa.rs", "// nearer"),
            ("src/app/near.rs", "// near"),
            ("src/engine/mod.rs", "// named by its folder"),
            ("src/app/own.rs", "// the document itself, on disk"),
            ("src/app/note.md", "in another language"),
        ];
        assert_eq!(
            beside(&files, "use crate::engine::Engine;", |_| true),
            ["src/engine/mod.rs", "src/app/near.rs", "src/aaa.rs", "aaa.rs"]
        );
    }

    #[test]
    fn ignored_hidden_and_binary_files_are_skipped() {
        let long = "x".repeat(1 << 18);
        let files = [
            (".gitignore", "target\n*.gen.rs\n"),
            ("target/built.rs", "// ignored"),
            ("src/parser.gen.rs", "// ignored"),
            (".hidden/a.rs", "// hidden"),
            ("src/refused.rs", "// refused"),
            ("src/zero.rs", "\0"),
            ("src/long.rs", &long),
            ("src/read.rs", "// read"),
        ];
        let may_read = |path: &Path| !path.ends_with("refused.rs");
        assert_eq!(beside(&files, "", may_read), ["src/read.rs"]);
    }

    #[test]
    fn number_of_files_and_bytes_is_limited() {
        let text = "x".repeat(100_000);
        let names: Vec<String> = (0..9).map(|n| format!("src/app/{n}.rs")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), &*text)).collect();
        assert_eq!(beside(&files, "", |_| true), names[..5], "half a megabyte");
        let names: Vec<String> = (10..99).map(|n| format!("src/app/{n}.rs")).collect();
        let files: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), "//")).collect();
        assert_eq!(beside(&files, "", |_| true), names[..MAX_FILES]);
    }

    #[test]
    fn number_of_opened_files_is_limited() {
        let (long, text) = ("x".repeat(MAX_FILE_BYTES as usize + 1), "// read");
        let names = |n: usize| (0..n).map(move |n| format!("src/app/{n}.rs"));
        let read = |n: usize, junk: &str| {
            let names: Vec<String> = names(n).collect();
            let mut files: Vec<(&str, &str)> = names.iter().map(|it| (&**it, junk)).collect();
            files.push(("z.rs", text));
            beside(&files, "", |_| true)
        };
        assert_eq!(read(MAX_OPENED, &long), ["z.rs"]);
        assert_eq!(read(MAX_OPENED - 1, "\0"), ["z.rs"]);
        assert!(read(MAX_OPENED, "\0").is_empty());
    }

    /// Opening a pipe blocks until it has a writer.
    #[cfg(unix)]
    #[test]
    fn pipes_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let document = folder.path().join("own.rs");
        let snapshot = Snapshot::of_text("own.rs", "rust", "");
        let found = || files_beside(&document, &snapshot, &[folder.path().to_owned()], |_| true);
        let pipe = |name: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
        };
        fs::write(folder.path().join("a.rs"), "// a").unwrap();
        pipe("b.rs");
        pipe("below/.gitignore");
        fs::write(folder.path().join("below/c.rs"), "// may be ignored by the unread file")
            .unwrap();
        assert_eq!(found().len(), 1);
        pipe(".git/info/exclude");
        assert!(found().is_empty());
    }

    #[test]
    fn outside_document_gets_no_files() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.rs"), "// outside").unwrap();
        let document = folder.path().join("own.rs");
        let snapshot = Snapshot::of_text("own.rs", "rust", "");
        let within = [folder.path().join("project")];
        assert!(files_beside(&document, &snapshot, &within, |_| true).is_empty());
        assert!(files_beside(&document, &snapshot, &[], |_| true).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_out_of_the_workspace_are_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let (inside, outside) = (folder.path().join("in"), folder.path().join("out"));
        for (path, text) in [(inside.join("a.rs"), "// a"), (outside.join("b.rs"), "// b")] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        std::os::unix::fs::symlink(outside.join("b.rs"), inside.join("b.rs")).unwrap();
        std::os::unix::fs::symlink(&outside, inside.join("folder")).unwrap();
        let document = inside.join("own.rs");
        let snapshot = Snapshot::of_text("own.rs", "rust", "");
        let found = files_beside(&document, &snapshot, &[inside], |_| true);
        let texts: Vec<String> = found.iter().map(|it| it.rope.to_string()).collect();
        assert_eq!(texts, ["// a"]);
    }
}
