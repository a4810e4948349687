//! The engines to compare: Foretell's, and llama.cpp in Python processes.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Instant,
};

use anyhow::{Context, ensure};
use foretell_engine::{
    Model,
    bundle::Bundle,
    decoder::PREFILL_CHUNK,
    onnx::{OnnxModel, Options},
};
use serde::Deserialize;

use super::machine;

/// An engine whose model runs are timed.
pub(super) trait BenchEngine {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// The version and build flags.
    fn build(&self) -> String;

    /// The cost of loading it.
    fn load(&self) -> Load;

    /// Keeps the first `n_past` tokens in the KV cache, evaluates `tokens` after them, and computes
    /// the logits of the last `n_logits`. Returns the time in milliseconds.
    ///
    /// # Errors
    /// If the model fails.
    fn read_ms(&mut self, n_past: usize, tokens: &[u32], n_logits: usize) -> anyhow::Result<f64>;

    /// Like [`Self::read_ms`], in one model run and with the logits of the last token.
    ///
    /// # Errors
    /// If the model fails.
    fn read_at_once_ms(&mut self, n_past: usize, tokens: &[u32]) -> anyhow::Result<f64> {
        self.read_ms(n_past, tokens, 1)
    }
}

/// The cost of loading a model.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Load {
    /// The time in milliseconds.
    pub(super) load_ms: f64,
    /// The additional resident memory in bytes; NaN if unknown.
    pub(super) resident_bytes: f64,
}

/// Foretell's model, run like the engine runs it: long prompts in chunks.
pub(super) struct ForetellModel {
    model: OnnxModel,
    load: Load,
    build: String,
}

impl ForetellModel {
    /// Loads a bundle's model and runs it once, so that the memory includes what the first run
    /// allocates.
    ///
    /// # Errors
    /// If the model does not load.
    pub(super) fn load(bundle: &Bundle, options: &Options) -> anyhow::Result<Self> {
        let resident = || machine::resident_bytes().map_or(f64::NAN, |bytes| bytes as f64);
        let (before, start) = (resident(), Instant::now());
        let mut model = OnnxModel::load(bundle, options)?;
        let load_ms = start.elapsed().as_secs_f64() * 1e3;
        model.resize(0, model.memory().slot_rows, 0)?;
        model.read(0, 0, &[0; 32], 1)?;
        let load = Load { load_ms, resident_bytes: resident() - before };
        let build = format!(
            "{}, recipe {}, {}",
            env!("CARGO_PKG_VERSION"),
            bundle.manifest.quantization,
            options.library.display()
        );
        Ok(Self { model, load, build })
    }
}

impl BenchEngine for ForetellModel {
    fn name(&self) -> &'static str {
        "foretell"
    }

    fn build(&self) -> String {
        self.build.clone()
    }

    fn load(&self) -> Load {
        self.load
    }

    fn read_ms(&mut self, n_past: usize, tokens: &[u32], n_logits: usize) -> anyhow::Result<f64> {
        let start = Instant::now();
        let mut n_read = n_past;
        for chunk in tokens.chunks(PREFILL_CHUNK) {
            self.model.read(0, n_read, chunk, n_logits.min(chunk.len()))?;
            n_read += chunk.len();
        }
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }

    fn read_at_once_ms(&mut self, n_past: usize, tokens: &[u32]) -> anyhow::Result<f64> {
        let start = Instant::now();
        self.model.read(0, n_past, tokens, 1)?;
        Ok(start.elapsed().as_secs_f64() * 1e3)
    }
}

/// The Python packages for llama.cpp that the driver supports.
pub(super) const PEERS: [&str; 2] = ["xllamacpp", "llama-cpp-python"];

/// The driver's exit code if a package is not installed.
const NOT_INSTALLED: i32 = 3;

/// llama.cpp, driven by a script that reads and writes one line of JSON per request.
pub(super) struct LlamaCpp {
    peer: &'static str,
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    started: Started,
}

/// The driver's first response.
#[derive(Debug, Deserialize)]
struct Started {
    #[serde(flatten)]
    load: Load,
    version: String,
    build: String,
}

#[derive(Deserialize)]
struct Timing {
    ms: f64,
}

/// The model and limits that llama.cpp is started with.
#[derive(Debug, Clone, Copy)]
pub(super) struct LlamaOptions<'a> {
    pub(super) python: &'a Path,
    pub(super) driver: &'a Path,
    pub(super) gguf: &'a Path,
    pub(super) n_threads: usize,
    pub(super) n_context: usize,
}

impl LlamaCpp {
    /// Starts the script with one of [`PEERS`], and waits until the model is loaded. `None` if the
    /// package is not installed.
    ///
    /// # Errors
    /// If the script does not start or ends.
    pub(super) fn start(
        peer: &'static str,
        options: &LlamaOptions<'_>,
    ) -> anyhow::Result<Option<Self>> {
        let mut process = Command::new(options.python)
            .arg(options.driver)
            .arg(peer)
            .arg(options.gguf)
            .args([options.n_threads.to_string(), options.n_context.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}", options.python.display()))?;
        let stdin = process.stdin.take().context("the driver has no stdin")?;
        let mut stdout = BufReader::new(process.stdout.take().context("the driver has no stdout")?);
        if stdout.fill_buf()?.is_empty() && process.wait()?.code() == Some(NOT_INSTALLED) {
            return Ok(None);
        }
        let started = read_response(&mut stdout)?;
        Ok(Some(Self { peer, process, stdin, stdout, started }))
    }
}

fn read_response<T: serde::de::DeserializeOwned>(stdout: &mut impl BufRead) -> anyhow::Result<T> {
    let mut line = String::new();
    ensure!(
        stdout.read_line(&mut line)? > 0,
        "the llama.cpp driver has exited; its message is above"
    );
    serde_json::from_str(&line)
        .with_context(|| format!("invalid response of the llama.cpp driver: {line:?}"))
}

impl BenchEngine for LlamaCpp {
    fn name(&self) -> &'static str {
        self.peer
    }

    fn build(&self) -> String {
        format!("llama.cpp, {} {}: {}", self.peer, self.started.version, self.started.build)
    }

    fn load(&self) -> Load {
        self.started.load
    }

    fn read_ms(&mut self, n_past: usize, tokens: &[u32], n_logits: usize) -> anyhow::Result<f64> {
        let request = serde_json::json!({"n_past": n_past, "tokens": tokens, "n_logits": n_logits});
        writeln!(self.stdin, "{request}")?;
        let timing: Timing = read_response(&mut self.stdout)?;
        Ok(timing.ms)
    }
}

impl Drop for LlamaCpp {
    fn drop(&mut self) {
        // It would exit when its stdin closes; killing it loses nothing.
        if self.process.kill().is_ok() {
            let _ = self.process.wait();
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    /// Starts a shell script in place of the driver.
    fn start(script: &str) -> anyhow::Result<Option<LlamaCpp>> {
        let folder = tempfile::tempdir()?;
        let driver = folder.path().join("driver");
        std::fs::write(&driver, script)?;
        let (python, gguf) = (Path::new("/bin/sh"), Path::new("model.gguf"));
        let options = LlamaOptions { python, driver: &driver, gguf, n_threads: 2, n_context: 2112 };
        LlamaCpp::start(PEERS[0], &options)
    }

    #[test]
    fn missing_peer_is_left_out() {
        assert!(start("exit 3").unwrap().is_none());
        let error = start("exit 1").err().unwrap().to_string();
        assert_eq!(error, "the llama.cpp driver has exited; its message is above");
    }

    #[test]
    fn peer_reports_version_and_build() {
        let script = r#"
            test "$*" = "xllamacpp model.gguf 2 2112" || exit 1
            echo '{"load_ms": 7, "resident_bytes": 8, "version": "1.2", "build": "AVX2 = 1"}'
            read request
            echo '{"ms": 5.5}'
        "#;
        let mut peer = start(script).unwrap().unwrap();
        assert_eq!(peer.build(), "llama.cpp, xllamacpp 1.2: AVX2 = 1");
        assert_eq!(peer.read_ms(0, &[1, 2], 1).unwrap(), 5.5);
    }
}
