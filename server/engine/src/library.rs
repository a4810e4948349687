//! The ONNX Runtime library: where it is, and under which condition it is loaded.

use std::path::{Path, PathBuf};

use crate::{
    paths::{data_folder, program_folder},
    python_environment::PythonEnvironment,
};

/// The version that `foretell setup` installs.
pub const RUNTIME_VERSION: &str = "1.31.1";

/// The environment variable that must be set before the library is loaded: the builds for Linux and
/// macOS store an id of the machine and send which models run and how, and are silent from the
/// start only if it is set.
pub const SILENCE: (&str, &str) = ("ORT_DISABLE_TELEMETRY", "1");

/// Whether a library that is loaded now sends nothing. On Windows it reports to the system, which
/// [`super::onnx`] turns off.
#[must_use]
pub fn is_silent() -> bool {
    let (name, value) = SILENCE;
    cfg!(windows) || std::env::var_os(name).is_some_and(|it| it == value)
}

/// Why there is no ONNX Runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// It would send usage data.
    #[error(
        "the ONNX Runtime library would send usage data; it is only loaded if {}={} is in the environment",
        SILENCE.0, SILENCE.1
    )]
    NotSilent,
    /// The library is in none of the places.
    #[error(
        "the ONNX Runtime library was not found; run `foretell setup`, or name it in ORT_DYLIB_PATH. \
         Looked at: {}",
        .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
    )]
    Missing(Vec<PathBuf>),
    /// A library that does not load or has another version.
    #[error(
        "{path}: not a usable ONNX Runtime library: {message}. Version {RUNTIME_VERSION} is known \
         to work: `foretell setup` installs it",
        path = .path.display()
    )]
    Unusable {
        /// The library.
        path: PathBuf,
        /// The loader's message.
        message: String,
    },
}

/// A file that the CUDA library needs next to itself; `foretell setup` installs it last.
const CUDA_PART: &str = "libonnxruntime_providers_cuda.so";

/// Where the library is looked for, best first: the setting, `ORT_DYLIB_PATH`, next to the binary,
/// the Python environment that the binary was installed into, the data folder; the data folder
/// first if it contains the CUDA library. An explicit choice is the only candidate.
#[must_use]
pub fn library_candidates(setting: Option<&Path>) -> Vec<PathBuf> {
    // Not the working folder: that of a server is the workspace.
    let variable = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty());
    if let Some(path) = setting.map(Path::to_owned).or(variable.map(PathBuf::from)) {
        return vec![data_folder().join(path)];
    }
    let names: [String; 2] = if cfg!(windows) {
        ["onnxruntime.dll".into(), format!("onnxruntime-{RUNTIME_VERSION}.dll")]
    } else if cfg!(target_os = "macos") {
        [format!("libonnxruntime.{RUNTIME_VERSION}.dylib"), "libonnxruntime.dylib".into()]
    } else {
        [format!("libonnxruntime.so.{RUNTIME_VERSION}"), "libonnxruntime.so".into()]
    };
    let own = program_folder().into_iter();
    let environment = PythonEnvironment::of_this_program().map(|it| it.library_folder());
    folders(own.chain(environment).collect(), data_folder().join("lib"))
        .into_iter()
        .flat_map(|folder| names.iter().map(move |name| folder.join(name)))
        .collect()
}

fn folders(mut folders: Vec<PathBuf>, data: PathBuf) -> Vec<PathBuf> {
    let position = if data.join(CUDA_PART).is_file() { 0 } else { folders.len() };
    folders.insert(position, data);
    folders
}

/// The library that will be loaded.
///
/// # Errors
/// [`RuntimeError::Missing`] if none of [`library_candidates`] exists.
pub fn find_library(setting: Option<&Path>) -> Result<PathBuf, RuntimeError> {
    let candidates = library_candidates(setting);
    candidates.iter().find(|path| path.is_file()).cloned().ok_or(RuntimeError::Missing(candidates))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuda_library_folder_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let (beside, data) = (PathBuf::from("/beside"), folder.path().to_owned());
        let searched = || folders(vec![beside.clone()], data.clone());
        assert_eq!(searched(), [beside.clone(), data.clone()]);
        std::fs::write(data.join(CUDA_PART), "").unwrap();
        assert_eq!(searched(), [data.clone(), beside.clone()]);
    }
}
