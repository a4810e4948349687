//! Detects the editors on this machine, and whether they are set up for Foretell.
//!
//! An editor is detected by its program in PATH. It counts as set up if it has Foretell's
//! extension, or if its settings contain the word "foretell". No editor is started for this.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
};

use serde::Serialize;

/// The maximum number of files and folders to search for an editor.
const MAX_ENTRIES: usize = 3_000;
/// Longer files are not searched, in bytes.
const MAX_FILE_BYTES: u64 = 256 * 1024;

/// A supported editor.
struct Kind {
    name: &'static str,
    /// The names of its programs.
    programs: &'static [&'static str],
    /// Folders of extensions, relative to the home folder.
    extensions: &'static [&'static str],
    /// Files or folders with settings, relative to the configuration folder, or to the home folder
    /// with `~/`.
    settings: &'static [&'static str],
    /// Paths, as in `settings`; the editor can run a language server if one of them exists. Empty
    /// if it always can.
    needs: &'static [&'static str],
    /// The setup instructions, a path in Foretell's source.
    page: &'static str,
}

const KINDS: [Kind; 6] = [
    Kind {
        name: "VS Code",
        programs: &["code", "code-insiders", "codium", "code-server", "cursor"],
        extensions: &[
            ".vscode/extensions",
            ".vscode-insiders/extensions",
            ".vscode-oss/extensions",
            ".vscode-server/extensions",
            ".cursor/extensions",
            ".local/share/code-server/extensions",
        ],
        settings: &[],
        needs: &[],
        page: "editors/vscode/README.md",
    },
    Kind {
        name: "Neovim",
        programs: &["nvim"],
        extensions: &[],
        settings: &["nvim", "~/AppData/Local/nvim"],
        needs: &[],
        page: "editors/neovim/README.md",
    },
    Kind {
        name: "Helix",
        programs: &["hx", "helix"],
        extensions: &[],
        settings: &["helix/languages.toml"],
        needs: &[],
        page: "editors/helix/README.md",
    },
    Kind {
        name: "Vim with coc.nvim",
        programs: &["vim"],
        extensions: &[],
        settings: &["~/.vim/coc-settings.json", "coc/coc-settings.json"],
        needs: &[
            "coc",
            "~/.vim/coc-settings.json",
            "~/.vim/plugged/coc.nvim",
            "~/.vim/bundle/coc.nvim",
        ],
        page: "editors/pages/coc.md",
    },
    Kind {
        name: "Emacs",
        programs: &["emacs"],
        extensions: &[],
        settings: &["emacs", "doom", "~/.emacs", "~/.emacs.d/init.el", "~/.doom.d"],
        needs: &[],
        page: "editors/pages/emacs.md",
    },
    Kind {
        name: "Sublime Text",
        programs: &["subl", "sublime_text"],
        extensions: &[],
        settings: &[
            "sublime-text/Packages/User",
            "~/Library/Application Support/Sublime Text/Packages/User",
        ],
        needs: &[],
        page: "editors/pages/sublime.md",
    },
];

/// An editor that was detected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    /// The extension's folder, or the settings file that mentions Foretell.
    pub(super) set_up_in: Option<PathBuf>,
    /// The setup instructions.
    pub(super) page: &'static str,
}

/// The folders to search.
#[derive(Debug)]
pub(super) struct Places {
    /// The folders of PATH.
    pub(super) path: Vec<PathBuf>,
    /// The user's home folder.
    pub(super) home: PathBuf,
    /// The user's configuration folder.
    pub(super) config: PathBuf,
}

impl Places {
    /// The folders of the current user and process. `None` for a user without a home folder.
    pub(super) fn of_user() -> Option<Self> {
        use etcetera::BaseStrategy;
        let strategy = etcetera::choose_base_strategy().ok()?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        Some(Self {
            path: std::env::split_paths(&path).collect(),
            home: strategy.home_dir().to_owned(),
            config: strategy.config_dir(),
        })
    }

    /// Searches PATH for a program.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        let extensions: &[&str] = if cfg!(windows) { &[".exe", ".cmd"] } else { &[""] };
        let names: Vec<String> =
            extensions.iter().map(|extension| format!("{name}{extension}")).collect();
        let all = self.path.iter().flat_map(|folder| names.iter().map(|name| folder.join(name)));
        all.into_iter().find(|path| is_program(path))
    }

    /// Detects the supported editors.
    pub(super) fn editors(&self) -> Vec<Found> {
        let is_usable = |kind: &&Kind| {
            kind.needs.is_empty() || kind.needs.iter().any(|it| self.resolved(it).exists())
        };
        let found = KINDS.iter().filter(is_usable).filter_map(|kind| {
            let program = kind.programs.iter().find_map(|name| self.program(name))?;
            let set_up_in = self.set_up_in(kind);
            Some(Found { name: kind.name, program, set_up_in, page: kind.page })
        });
        found.collect()
    }

    fn set_up_in(&self, kind: &Kind) -> Option<PathBuf> {
        let extension = kind.extensions.iter().find_map(|folder| {
            let entries = std::fs::read_dir(self.home.join(folder)).ok()?;
            let is_ours = |path: &PathBuf| {
                path.file_name().is_some_and(|it| it.to_string_lossy().starts_with("foretell."))
            };
            entries.filter_map(|entry| Some(entry.ok()?.path())).find(is_ours)
        });
        extension.or_else(|| {
            kind.settings.iter().map(|it| self.resolved(it)).find_map(|it| mention(&it))
        })
    }

    fn resolved(&self, place: &str) -> PathBuf {
        match place.strip_prefix("~/") {
            Some(below_home) => self.home.join(below_home),
            None => self.config.join(place),
        }
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.is_file()
}

/// Searches for a file at or below `place` that mentions Foretell, breadth first.
fn mention(place: &Path) -> Option<PathBuf> {
    let mut queue = VecDeque::from([place.to_owned()]);
    for _ in 0..MAX_ENTRIES {
        let path = queue.pop_front()?;
        let Ok(metadata) = path.metadata() else { continue };
        if metadata.is_dir() {
            let entries = std::fs::read_dir(&path).into_iter().flatten();
            queue.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
        } else if metadata.is_file()
            && metadata.len() <= MAX_FILE_BYTES
            && std::fs::read(&path).is_ok_and(|it| it.windows(8).any(|it| it == b"foretell"))
        {
            return Some(path);
        }
    }
    None
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;

    use super::*;

    /// A home with the programs and files, and what is found in it: editor, and where it is set up.
    fn found(programs: &[&str], files: &[(&str, &str)]) -> Vec<(&'static str, Option<String>)> {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        for program in programs {
            let path = write(&format!("bin/{program}"), "");
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        files.iter().for_each(|(path, text)| drop(write(path, text)));
        let places = Places {
            path: vec![home.path().join("none"), home.path().join("bin")],
            home: home.path().to_owned(),
            config: home.path().join(".config"),
        };
        let below = |it: PathBuf| it.strip_prefix(home.path()).unwrap().display().to_string();
        places.editors().into_iter().map(|it| (it.name, it.set_up_in.map(below))).collect()
    }

    #[test]
    fn an_editor_that_is_not_here_is_not_listed() {
        let settings = [(".config/helix/languages.toml", "foretell")];
        assert_eq!(found(&[], &settings), []);
        assert_eq!(found(&["nvim"], &settings), [("Neovim", None)]);
    }

    #[test]
    fn settings_that_name_foretell_are_found_in_files_and_below_folders() {
        let init = ".config/nvim/lua/plugins/ai.lua";
        assert_eq!(
            found(
                &["nvim", "helix"],
                &[
                    (init, "{ dir = '~/foretell/editors/neovim', opts = {} }"),
                    (".config/helix/languages.toml", "[language-server.other]"),
                ]
            ),
            [("Neovim", Some(init.to_owned())), ("Helix", None)]
        );
    }

    #[test]
    fn vim_counts_only_with_coc() {
        assert_eq!(found(&["vim"], &[]), []);
        let coc = [(".vim/plugged/coc.nvim/package.json", "")];
        assert_eq!(found(&["vim"], &coc), [("Vim with coc.nvim", None)]);
    }

    #[test]
    fn an_extension_is_found_by_its_folder() {
        let extension = ".vscode-oss/extensions/foretell.foretell-0.1.0";
        let other = (".vscode/extensions/some.foretell-like/package.json", "");
        let ours = (".vscode-oss/extensions/foretell.foretell-0.1.0/package.json", "");
        assert_eq!(found(&["codium"], &[other]), [("VS Code", None)]);
        assert_eq!(found(&["codium"], &[other, ours]), [("VS Code", Some(extension.to_owned()))]);
    }

    #[test]
    fn folders_that_hold_each_other_come_to_an_end() {
        let home = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(home.path(), home.path().join("again")).unwrap();
        assert_eq!(mention(home.path()), None);
    }
}
