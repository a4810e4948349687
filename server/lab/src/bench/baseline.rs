//! Those that are compared: our engine's model, and llama.cpp in a Python process.

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

/// Something that reads tokens.
pub(super) trait BenchEngine {
    /// Its name in the table.
    fn name(&self) -> &'static str;

    /// What loading it took.
    fn load(&self) -> Load;

    /// Reads `tokens` after the first `n_past` that were read before, and makes the logits of the
    /// last `n_logits`. Returns the time that took, in milliseconds.
    fn read_ms(&mut self, n_past: usize, tokens: &[u32], n_logits: usize) -> anyhow::Result<f64>;

    /// The same in one read of the model, with the logits of the last token.
    fn read_at_once_ms(&mut self, n_past: usize, tokens: &[u32]) -> anyhow::Result<f64> {
        self.read_ms(n_past, tokens, 1)
    }
}

/// What loading took.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Load {
    /// The time, in milliseconds.
    pub(super) load_ms: f64,
    /// The memory, in bytes; NaN if unknown.
    pub(super) resident_bytes: f64,
}

/// Our model, read as the engine reads it: long prompts in chunks.
pub(super) struct Ours {
    model: OnnxModel,
    load: Load,
}

impl Ours {
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

impl BenchEngine for Ours {
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

/// llama.cpp, driven by a script that speaks a line of JSON a request.
pub(super) struct Llama {
    process: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    load: Load,
}

#[derive(Deserialize)]
struct Timing {
    ms: f64,
}

impl Llama {
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
        let load = answer(&mut stdout)?;
        Ok(Self { process, stdin, stdout, load })
    }
}

fn answer<T: serde::de::DeserializeOwned>(stdout: &mut impl BufRead) -> anyhow::Result<T> {
    let mut line = String::new();
    ensure!(
        stdout.read_line(&mut line)? > 0,
        "llama.cpp's driver has ended, see its message above"
    );
    serde_json::from_str(&line).with_context(|| format!("llama.cpp's driver said {line:?}"))
}

impl BenchEngine for Llama {
    fn name(&self) -> &'static str {
        "llama.cpp"
    }

    fn load(&self) -> Load {
        self.load
    }

    fn read_ms(&mut self, n_past: usize, tokens: &[u32], n_logits: usize) -> anyhow::Result<f64> {
        let request = serde_json::json!({"n_past": n_past, "tokens": tokens, "n_logits": n_logits});
        writeln!(self.stdin, "{request}")?;
        let timing: Timing = answer(&mut self.stdout)?;
        Ok(timing.ms)
    }
}

impl Drop for Llama {
    fn drop(&mut self) {
        // It would end by itself when its stdin closes; there is nothing to save.
        if self.process.kill().is_ok() {
            let _ = self.process.wait();
        }
    }
}
