//! The Python environment that pip installed this program into, if it did. It has ONNX Runtime and
//! everything that the model scripts need.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::paths::program_folder;

/// An environment whose packages include this version of Foretell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonEnvironment {
    /// Its interpreter. The program may lie elsewhere, as after `pip install --user`.
    pub python: Option<PathBuf>,
    /// The folder of its packages.
    packages: PathBuf,
}

impl PythonEnvironment {
    /// The environment of the running program.
    #[must_use]
    pub fn of_this_program() -> Option<Self> {
        Self::of_scripts(&program_folder()?)
    }

    /// The environment whose programs are in `scripts`.
    fn of_scripts(scripts: &Path) -> Option<Self> {
        let root = scripts.parent()?;
        let info = format!("foretell-{}.dist-info", env!("CARGO_PKG_VERSION"));
        let packages = package_folders(root).into_iter().find(|it| it.join(&info).is_dir())?;
        let names = if cfg!(windows) { ["python.exe"; 2] } else { ["python", "python3"] };
        let python = names.map(|name| scripts.join(name)).into_iter().find(|it| it.is_file());
        Some(Self { python, packages })
    }

    /// The folder of the ONNX Runtime library.
    #[must_use]
    pub fn library_folder(&self) -> PathBuf {
        self.packages.join("onnxruntime/capi")
    }
}

/// The folders in which an environment may have packages.
fn package_folders(root: &Path) -> Vec<PathBuf> {
    if cfg!(windows) {
        return vec![root.join("Lib/site-packages")];
    }
    let versions = fs::read_dir(root.join("lib")).into_iter().flatten().flatten();
    let is_python = |it: &fs::DirEntry| it.file_name().to_string_lossy().starts_with("python3");
    versions
        .filter(is_python)
        .flat_map(|it| ["site-packages", "dist-packages"].map(|name| it.path().join(name)))
        .collect()
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn environment_is_found_if_it_has_this_version() {
        let root = tempfile::tempdir().unwrap();
        let (scripts, packages) =
            (root.path().join("bin"), root.path().join("lib/python3.12/site-packages"));
        let info = |version| packages.join(format!("foretell-{version}.dist-info"));
        fs::create_dir_all(info("0.0.0")).unwrap();
        assert_eq!(PythonEnvironment::of_scripts(&scripts), None);
        fs::create_dir(info(env!("CARGO_PKG_VERSION"))).unwrap();
        let found = |python| Some(PythonEnvironment { python, packages: packages.clone() });
        assert_eq!(PythonEnvironment::of_scripts(&scripts), found(None));
        fs::create_dir(&scripts).unwrap();
        fs::write(scripts.join("python"), "").unwrap();
        assert_eq!(PythonEnvironment::of_scripts(&scripts), found(Some(scripts.join("python"))));
    }
}
