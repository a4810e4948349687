//! Where Foretell keeps its files.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Where models and the runtime library lie: `$FORETELL_HOME`, else `foretell` in the platform's
/// data folder. A user without a home has none: a folder that others can write to holds no code
/// of ours.
#[must_use]
pub fn data_folder() -> PathBuf {
    use etcetera::BaseStrategy;
    if let Some(home) = std::env::var_os("FORETELL_HOME").filter(|home| !home.is_empty()) {
        return home.into();
    }
    etcetera::choose_base_strategy()
        .map_or_else(|_| "/no-home-and-no-FORETELL_HOME".into(), |it| it.data_dir())
        .join("foretell")
}

/// The folder of the running program. Homebrew, pipx and uv link the program from another folder.
#[must_use]
pub fn program_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    program.parent().map(Path::to_owned)
}

/// Creates a folder, and those above it that are missing, for this user only. One that is there
/// already is left as it is.
///
/// # Errors
/// If it can't be made.
pub fn create_private_folder(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// The folder of a model that is given by name or by an absolute path. The working folder has no
/// say in it: that of a server is the workspace, which may be anybody's.
#[must_use]
pub fn model_path(name_or_path: &str) -> PathBuf {
    // An absolute path takes the place of what it is joined to.
    data_folder().join("models").join(name_or_path)
}
