//! A model bundle on disk: `model.onnx`, its data, `tokenizer.json` and the manifest
//! `foretell.json`. `model-scripts/BUNDLE.md` specifies the format.
//!
//! A bundle is untrusted input: every number in the manifest is checked before memory is allocated,
//! file names cannot leave the folder, and lengths that the runtime trusts unchecked come only from
//! a graph that was made on this machine.

pub mod graphs;
pub mod verified;
pub mod weights;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use sha2::{Digest, Sha256};

pub use foretell_fim::Order as FimOrder;

use graphs::FixedGraph;

use crate::{
    calibration::{self, Calibration},
    paths::data_folder,
    provider::Graph,
    unicode::is_unprintable,
};

/// The manifest format of this version.
pub const FORMAT: u32 = 1;

/// The model that `foretell setup` fetches, and the default.
pub const DEFAULT_MODEL: &str = "qwen2.5-coder-0.5b";

/// Why a bundle is unusable, and what to do about it.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// No such folder, or no manifest in it.
    #[error(
        "no model at {0}: run `foretell setup`, or name a bundle's folder with --model or FORETELL_MODEL"
    )]
    Missing(PathBuf),
    /// A file of the bundle cannot be read.
    #[error("{path}: {source}: the model bundle is incomplete, run `foretell setup` again", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The manifest is not a valid [`Manifest`].
    #[error("{path}: {message}", path = .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// The fault and its place.
        message: String,
    },
    /// A file does not match the manifest.
    #[error(
        "{path}: {what} is {found}, the manifest says {expected}: the model bundle is damaged, \
         remove its folder and run `foretell setup` again",
        path = .path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// `size` or `sha256`.
        what: &'static str,
        /// The actual value.
        found: String,
        /// The expected value.
        expected: String,
    },
    /// The graph refers to packed weights.
    #[error(
        "{0}: holds references to packed weights, which are not safe to follow: import the model again"
    )]
    Packed(PathBuf),
    /// A file was modified after the model was loaded from it.
    #[error(
        "{0}: was changed while it was in use, so the model can't be used any more: restart the \
         server, and run `make model` again if the file is damaged"
    )]
    Changed(PathBuf),
}

/// The special tokens of a model's fill-in-the-middle form; [`foretell_fim`] has the form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Fim {
    /// The family, for instance `qwen2.5-coder`.
    pub family: String,
    /// The order of the parts.
    pub order: FimOrder,
    /// The id before the text before the cursor.
    pub prefix: u32,
    /// The id before the text after the cursor.
    pub suffix: u32,
    /// The id where the model starts to write; `None` if it continues the prefix.
    pub middle: Option<u32>,
    /// The id at the beginning of every text, if the model needs one.
    #[serde(default)]
    pub bos: Option<u32>,
    /// The id before a repository's name.
    #[serde(default)]
    pub repo: Option<u32>,
    /// The id between files, or before a file's path.
    #[serde(default)]
    pub file_sep: Option<u32>,
}

impl Fim {
    fn ids(&self) -> impl Iterator<Item = u32> {
        let Self { prefix, suffix, middle, bos, repo, file_sep, .. } = *self;
        [Some(prefix), Some(suffix), middle, bos, repo, file_sep].into_iter().flatten()
    }
}

/// Size and hash of a file.
#[derive(Debug, Clone, Deserialize)]
pub struct FileInfo {
    /// In bytes.
    pub size: u64,
    /// SHA-256 in lower-case hexadecimal digits.
    pub sha256: String,
}

/// The checkpoint that a bundle was made from.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Source {
    /// SHA-256 in lower-case hexadecimal digits.
    #[serde(default)]
    pub sha256: String,
}

/// The manifest, `foretell.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The name in the catalogue.
    pub name: String,
    /// The display name.
    #[serde(default)]
    pub title: String,
    /// The checkpoint that the bundle was made from.
    #[serde(default)]
    pub source: Source,
    /// The model's licence, an SPDX expression if there is one.
    pub licence: String,
    /// The architecture, for instance `qwen2`.
    pub architecture: String,
    /// The execution provider of the graph, for instance `cpu`.
    pub target: String,
    /// How the weights are stored, for instance `int8`.
    pub quantization: String,
    /// The number of layers, each with one key and one value buffer.
    pub n_layers: usize,
    /// Query heads per layer; 0 if unknown.
    #[serde(default)]
    pub n_heads: usize,
    /// Key and value heads per layer.
    pub n_kv_heads: usize,
    /// The width of a head.
    pub head_dim: usize,
    /// The element type of the KV buffers, for instance `float32`.
    pub kv_dtype: String,
    /// The largest number of positions of the graph.
    pub context_length: usize,
    /// The width of the logits.
    pub vocab_size: usize,
    /// The ids that end a generation.
    pub eos_ids: Vec<u32>,
    /// The fill-in-the-middle form, if the model has one.
    pub fim: Option<Fim>,
    /// The width of the residual stream; 0 if unknown.
    #[serde(default)]
    pub hidden_size: usize,
    /// The graphs, if their shapes are fixed: the first evaluates one token.
    #[serde(default)]
    pub graphs: Option<Vec<FixedGraph>>,
    /// The length of the packed weights, at the end of the data file, in bytes.
    #[serde(default)]
    pub packed_bytes: u64,
    /// Every other file of the bundle.
    pub files: BTreeMap<String, FileInfo>,
}

/// A bundle with a valid manifest, whose files exist.
#[derive(Debug, Clone)]
pub struct Bundle {
    /// The bundle's folder.
    pub path: PathBuf,
    /// The manifest.
    pub manifest: Manifest,
}

const MODEL: &str = "model.onnx";
/// The same graph with references to packed weights.
const SHARED: &str = "shared.onnx";
/// How such a reference starts.
const PACKED: &[u8] = b"prepacked";
/// The weights of both graphs.
const DATA: &str = "model.onnx.data";
const TOKENIZER: &str = "tokenizer.json";
const MANIFEST: &str = "foretell.json";
/// Larger files are rejected: they are read as a whole. A graph with its weights next to it is
/// below protobuf's limit.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
const MAX_GRAPH_BYTES: u64 = 2 << 30;
const MAX_TOKENIZER_BYTES: u64 = 256 << 20;

impl Bundle {
    /// Reads the manifest and checks the sizes of all files and the hashes of the graph and the
    /// tokenizer, which decide how the weights are used. [`Bundle::verify`] also checks the
    /// weights, which takes as long as reading them.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn open(path: &Path) -> Result<Self, BundleError> {
        let manifest_path = path.join(MANIFEST);
        let text = read_small(&manifest_path).map_err(|source| {
            if source.kind() == io::ErrorKind::NotFound {
                BundleError::Missing(path.to_owned())
            } else {
                BundleError::Unreadable { path: manifest_path.clone(), source }
            }
        })?;
        let refuse = |message| BundleError::Manifest { path: manifest_path.clone(), message };
        let manifest: Manifest = serde_json::from_str(&text)
            .map_err(|error| refuse(format!("not a manifest: {error}")))?;
        manifest.check().map_err(refuse)?;
        let bundle = Self { path: path.to_owned(), manifest };
        for (name, info) in &bundle.manifest.files {
            bundle.check_size(name, info)?;
        }
        for name in bundle.manifest.graph_files().chain([SHARED, TOKENIZER]) {
            bundle.check_hash(name)?;
        }
        bundle.manifest.graph_files().try_for_each(|name| bundle.check_is_not_packed(name))?;
        Ok(bundle)
    }

    /// Checks the hash of every file.
    ///
    /// # Errors
    /// [`BundleError::Damaged`] for the first file that differs.
    pub fn verify(&self) -> Result<(), BundleError> {
        self.manifest.files.keys().try_for_each(|name| self.check_hash(name))
    }

    /// The graph: the one with packed weights, which processes share, if it was made here.
    #[must_use]
    pub fn model(&self) -> PathBuf {
        self.graph(&data_folder().join("made-here"))
    }

    /// The graph for every machine.
    #[must_use]
    pub fn portable_model(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    fn graph(&self, made_here: &Path) -> PathBuf {
        self.path.join(if self.is_made_here(made_here) { SHARED } else { MODEL })
    }

    /// The record of a graph that was made here has the length of the data it refers to.
    fn is_made_here(&self, made_here: &Path) -> bool {
        let Some(shared) = self.manifest.files.get(SHARED) else { return false };
        let mark = read_small(&made_here.join(&shared.sha256));
        let n_bytes = mark.ok().and_then(|it| it.trim().parse().ok());
        n_bytes.is_some() && n_bytes == self.manifest.files.get(DATA).map(|it| it.size)
    }

    /// The path of the model's calibration.
    #[must_use]
    pub fn calibration_path(&self) -> PathBuf {
        self.path.join(calibration::FILE)
    }

    /// The key that identifies the model in calibrations.
    #[must_use]
    pub fn calibration_key(&self) -> calibration::Key {
        let Manifest { name, quantization, source, .. } = &self.manifest;
        calibration::Key {
            model: name.clone(),
            quantization: quantization.clone(),
            source_sha256: source.sha256.clone(),
        }
    }

    /// The model's calibration, if it has one. An invalid file is reported and ignored.
    #[must_use]
    pub fn calibration(&self) -> Option<Calibration> {
        let read = Calibration::read(&self.calibration_path(), &self.calibration_key());
        read.unwrap_or_else(|error| {
            tracing::warn!("{error}");
            None
        })
    }

    /// The tokenizer.
    #[must_use]
    pub fn tokenizer(&self) -> PathBuf {
        self.path.join(TOKENIZER)
    }

    fn check_size(&self, name: &str, info: &FileInfo) -> Result<(), BundleError> {
        let path = self.path.join(name);
        let unreadable = |source| BundleError::Unreadable { path: path.clone(), source };
        let metadata = std::fs::metadata(&path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(unreadable(io::Error::other("not a file")));
        }
        let found = metadata.len();
        if found == info.size {
            return Ok(());
        }
        Err(BundleError::Damaged {
            path,
            what: "size",
            found: found.to_string(),
            expected: info.size.to_string(),
        })
    }

    /// A graph with references to packed weights may lead the runtime out of its files.
    fn check_is_not_packed(&self, graph: &str) -> Result<(), BundleError> {
        let path = self.path.join(graph);
        let found = File::open(&path).and_then(|file| holds(file, PACKED));
        match found {
            Ok(false) => Ok(()),
            Ok(true) => Err(BundleError::Packed(path)),
            Err(source) => Err(BundleError::Unreadable { path, source }),
        }
    }

    fn check_hash(&self, name: &str) -> Result<(), BundleError> {
        let Some(info) = self.manifest.files.get(name) else {
            return Ok(());
        };
        let path = self.path.join(name);
        let found = sha256(&path)
            .map_err(|source| BundleError::Unreadable { path: path.clone(), source })?;
        if found == info.sha256 {
            return Ok(());
        }
        Err(BundleError::Damaged { path, what: "sha256", found, expected: info.sha256.clone() })
    }
}

impl Manifest {
    /// The fields that decide which providers run the graph.
    #[must_use]
    pub fn graph(&self) -> Graph<'_> {
        Graph { target: &self.target, recipe: &self.quantization }
    }

    /// The size of the files on disk without the manifest, in bytes.
    #[must_use]
    pub fn n_bytes(&self) -> u64 {
        self.files.values().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The ids of special tokens.
    pub fn marks(&self) -> impl Iterator<Item = u32> {
        self.eos_ids.iter().copied().chain(self.fim.iter().flat_map(Fim::ids))
    }

    /// The first implausible value, if any.
    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!(
                "the bundle has format {}, this version reads format {FORMAT}: \
                 import the model again: `foretell setup` of this version",
                self.format
            ));
        }
        let Self { name, title, licence, architecture, target, quantization, .. } = self;
        let texts = [name, title, licence, architecture, target, quantization, &self.kv_dtype];
        if texts.iter().any(|text| text.contains(is_unprintable)) {
            return Err("a name in it contains control or invisible characters".into());
        }
        let in_range = |name, value: usize, most| {
            if (1..=most).contains(&value) {
                Ok(())
            } else {
                Err(format!("`{name}` is {value}, not between 1 and {most}"))
            }
        };
        in_range("n_layers", self.n_layers, 1_000)?;
        in_range("n_kv_heads", self.n_kv_heads, 1_000)?;
        in_range("head_dim", self.head_dim, 4_096)?;
        in_range("context_length", self.context_length, 4_000_000)?;
        in_range("vocab_size", self.vocab_size, 4_000_000)?;
        if let Some(id) = self.marks().find(|id| *id as usize >= self.vocab_size) {
            return Err(format!("token id {id} is not below `vocab_size` {}", self.vocab_size));
        }
        for required in [MODEL, TOKENIZER] {
            if !self.files.contains_key(required) {
                return Err(format!("`files` does not name {required}"));
            }
        }
        let graphs = self.graph_files().chain([SHARED]).map(|name| (name, MAX_GRAPH_BYTES));
        for (name, most) in graphs.chain([(TOKENIZER, MAX_TOKENIZER_BYTES)]) {
            if let Some(FileInfo { size, .. }) = self.files.get(name).filter(|it| it.size > most) {
                return Err(format!("{name} has {size} bytes, {most} are the most"));
            }
        }
        self.check_graphs()?;
        match self.files.keys().find(|name| !is_plain_file_name(name)) {
            Some(name) => Err(format!("`files` names {name:?}, which is not a plain file name")),
            None => Ok(()),
        }
    }
}

/// Reads a text of at most [`MAX_MANIFEST_BYTES`].
fn read_small(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let n_bytes = File::open(path)?.take(MAX_MANIFEST_BYTES + 1).read_to_string(&mut text)?;
    if n_bytes as u64 > MAX_MANIFEST_BYTES {
        return Err(io::Error::other(format!("longer than {MAX_MANIFEST_BYTES} bytes")));
    }
    Ok(text)
}

/// Whether a name stays in its folder, on every platform.
fn is_plain_file_name(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', ':', '\0'])
}

/// Whether a file contains some bytes.
fn holds(mut file: impl Read, bytes: &[u8]) -> io::Result<bool> {
    let mut window = Vec::new();
    loop {
        let n_read = file.by_ref().take(1 << 20).read_to_end(&mut window)?;
        if window.windows(bytes.len()).any(|it| it == bytes) {
            return Ok(true);
        }
        if n_read == 0 {
            return Ok(false);
        }
        window.drain(..window.len().saturating_sub(bytes.len() - 1));
    }
}

pub(crate) fn sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let n_bytes = file.read(&mut buffer)?;
        if n_bytes == 0 {
            break;
        }
        hasher.update(&buffer[..n_bytes]);
    }
    Ok(hex(&hasher.finalize()))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
