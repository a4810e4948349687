//! The engines to compare: Foretell's model, and llama.cpp in a Python process.

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
        model.read(0, 0, &[0; 32], 1)?;
        let load = Load { load_ms, resident_bytes: resident() - before };
        Ok(Self { model, load })
    }
}

impl BenchEngine for ForetellModel {
    fn name(&self) -> &'static str {
        "foretell"
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

/// llama.cpp, driven by a script that reads and writes one line of JSON per request.
pub(super) struct LlamaCpp {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    load: Load,
}

#[derive(Deserialize)]
struct Timing {
    ms: f64,
}

impl LlamaCpp {
    /// Starts the script with a model and waits until the model is loaded.
    ///
    /// # Errors
    /// If the script does not start or ends.
    pub(super) fn start(
        python: &Path,
        driver: &Path,
        gguf: &Path,
        n_threads: usize,
        n_context: usize,
    ) -> anyhow::Result<Self> {
        let mut process = Command::new(python)
            .arg(driver)
            .arg(gguf)
            .args([n_threads.to_string(), n_context.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("{}", python.display()))?;
        let stdin = process.stdin.take().context("the driver has no stdin")?;
        let mut stdout = BufReader::new(process.stdout.take().context("the driver has no stdout")?);
        let load = read_response(&mut stdout)?;
        Ok(Self { process, stdin, stdout, load })
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
        "llama.cpp"
    }

    fn load(&self) -> Load {
        self.load
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
