//! `foretell bench engine`: the table.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

use foretell::{
    bundle::{Bundle, model_path},
    config::Config,
    engine::{
        Engine,
        decoder::Decoder,
        lookup::Mode,
        onnx::{OnnxModel, Options, find_library},
        vocabulary::Vocabulary,
    },
};

use super::{
    EngineArguments, cancel,
    contender::{Contender, Llama, Ours},
    decode, machine, median,
};

/// Enough code for a prompt of 2,048 tokens, and a little more.
const CODE: &str = concat!(
    include_str!("../../engine/decoder.rs"),
    include_str!("../../engine/onnx.rs"),
    include_str!("../../engine/queue.rs"),
);

const PREFILLS: [usize; 4] = [128, 512, 1024, 2048];
const CONTEXTS: [usize; 2] = [128, 1024];
const N_STEPS: usize = 16;

/// Measures and prints.
pub(super) fn run(config: &Config, arguments: &EngineArguments) -> anyhow::Result<ExitCode> {
    let mut out = io::stdout().lock();
    let bundle = Bundle::open(&model_path(&config.model.name))?;
    let vocabulary = Arc::new(Vocabulary::from_file(&bundle.tokenizer())?);
    let ids = vocabulary.encode(CODE);
    anyhow::ensure!(ids.len() > 2100, "the text has only {} tokens", ids.len());
    let options = Options {
        library: find_library(config.model.library.as_deref())?,
        context_tokens: 2112,
        kv_cache_bytes: config.model.kv_cache_mb * 1_000_000,
        provider: config.model.provider,
        n_threads: config.model.n_threads(),
    };
    let bandwidth = machine::read_bytes_per_s(config.model.n_threads());
    let mut contenders: Vec<Box<dyn Contender>> = vec![Box::new(Ours::load(&bundle, &options)?)];
    if let (Some(python), Some(gguf)) = (&arguments.llama_python, &arguments.gguf) {
        let n_threads = config.model.n_threads();
        let llama =
            Llama::start(python, &arguments.driver, gguf, n_threads, options.context_tokens)?;
        contenders.push(Box::new(llama));
    }
    writeln!(
        out,
        "{}, {} threads, {} rounds",
        config.model.name,
        config.model.n_threads(),
        arguments.rounds
    )?;
    let names: Vec<_> = contenders.iter().map(|it| it.name()).collect();
    let mut table = Table::default();
    for (column, contender) in contenders.iter().enumerate() {
        let load = contender.load();
        table.add(Row("load", "ms"), column, load.load_ms);
        table.add(Row("resident memory", "MB"), column, load.resident_bytes / 1e6);
    }
    for _ in 0..arguments.rounds {
        for (column, contender) in contenders.iter_mut().enumerate() {
            measure(contender.as_mut(), column, &ids, &mut table)?;
        }
    }
    drop(contenders);
    table.print(&mut out, &names)?;
    let step_ms = table.median(Row("decode at 128", "ms/tok"), 0);
    bandwidth_line(&mut out, &bundle, bandwidth, step_ms)?;

    let engine = |lookup: Mode| -> anyhow::Result<Engine> {
        let model = OnnxModel::load(&bundle, &options)?;
        let eos_ids = bundle.manifest.eos_ids.clone();
        let decoder = Decoder::new(model, Arc::clone(&vocabulary), eos_ids).with_lookup(lookup);
        Ok(Engine::start(move || Ok(decoder)))
    };
    let [without, with] = [engine(Mode::Off)?, engine(Mode::Adaptive)?];
    decode::run(&mut out, [&without, &with], &vocabulary, arguments.rounds)?;
    drop(without);
    cancel::run(&mut out, &with, &ids[..1400], arguments.cancels)?;
    cancel::idle(&mut out, &with, &ids)?;
    Ok(ExitCode::SUCCESS)
}

/// One round of one contender.
fn measure(
    it: &mut dyn Contender,
    column: usize,
    ids: &[u32],
    table: &mut Table,
) -> anyhow::Result<()> {
    for (n_tokens, row) in PREFILLS.into_iter().zip([
        "prefill of 128",
        "prefill of 512",
        "prefill of 1024",
        "prefill of 2048",
    ]) {
        let ms = it.read_ms(0, &ids[..n_tokens], 1)?;
        table.add(Row(row, "tok/s"), column, n_tokens as f64 * 1e3 / ms);
    }
    for (n_past, row) in CONTEXTS.into_iter().zip(["decode at 128", "decode at 1024"]) {
        let steps = (n_past..n_past + N_STEPS)
            .map(|i| it.read_ms(i, &ids[i..=i], 1))
            .collect::<anyhow::Result<Vec<_>>>()?;
        table.add(Row(row, "ms/tok"), column, median(&steps));
        // What was read beyond is another text now.
        let _ = it.read_ms(n_past, &ids[n_past..n_past + 1], 1)?;
        if n_past == 128 {
            it.read_ms(128, &ids[128..1024], 1)?;
        }
    }
    let edits = (0..5)
        .map(|_| it.read_ms(1021, &ids[1021..1024], 1))
        .collect::<anyhow::Result<Vec<_>>>()?;
    table.add(Row("first token, 3 typed at 1024", "ms"), column, median(&edits));
    for (n_tokens, row) in [(5, "verify 5 at 512"), (9, "verify 9 at 512")] {
        let runs = (0..5)
            .map(|_| it.read_ms(512, &ids[512..512 + n_tokens], n_tokens))
            .collect::<anyhow::Result<Vec<_>>>()?;
        table.add(Row(row, "ms"), column, median(&runs));
    }
    Ok(())
}

/// What is measured, and in which unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row(&'static str, &'static str);

/// The values of each row and column, and the rows in the order in which they came.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<Row>,
    values: BTreeMap<(Row, usize), Vec<f64>>,
}

impl Table {
    fn add(&mut self, row: Row, column: usize, value: f64) {
        if !self.rows.contains(&row) {
            self.rows.push(row);
        }
        self.values.entry((row, column)).or_default().push(value);
    }

    fn median(&self, row: Row, column: usize) -> f64 {
        self.values.get(&(row, column)).map_or(f64::NAN, |values| median(values))
    }

    /// Prints the medians; with two columns also how many times better the first one is.
    fn print(&self, out: &mut impl Write, names: &[&str]) -> io::Result<()> {
        write!(out, "{:<30}{:>8}", "", "")?;
        for name in names {
            write!(out, "{name:>12}")?;
        }
        writeln!(out, "{}", if names.len() == 2 { "      times" } else { "" })?;
        for row @ Row(name, unit) in self.rows.iter().copied() {
            let values: Vec<f64> =
                (0..names.len()).map(|column| self.median(row, column)).collect();
            write!(out, "{name:<30}{unit:>8}")?;
            for value in &values {
                write!(out, "{value:>12.1}")?;
            }
            if let [ours, other] = values[..] {
                let times = if unit == "tok/s" { ours / other } else { other / ours };
                write!(out, "{times:>11.2}")?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// How near decoding is to the limit that memory sets: each step reads all weights but the
/// embedding table, of which it reads one row.
fn bandwidth_line(
    out: &mut impl Write,
    bundle: &Bundle,
    bytes_per_s: f64,
    step_ms: f64,
) -> io::Result<()> {
    let manifest = &bundle.manifest;
    let weights: u64 = manifest
        .files
        .iter()
        .filter(|(name, _)| name.ends_with(".data"))
        .map(|(_, f)| f.size)
        .sum();
    // Of the embedding, and of the exact head beside a rescored 4-bit one, a step reads a few rows.
    // Both are int8 in blocks of 32 with a float scale each: 9 bytes for 8 weights.
    let n_table = manifest.vocab_size * manifest.n_heads * manifest.head_dim;
    let n_tables = if manifest.quantization == "mixed" { 2 } else { 1 };
    let step_bytes = weights.saturating_sub((n_tables * n_table) as u64 * 9 / 8);
    let limit_ms = step_bytes as f64 / bytes_per_s * 1e3;
    writeln!(
        out,
        "memory: {:.1} GB/s, a step reads {:.0} MB: {limit_ms:.1} ms at least, {step_ms:.1} measured ({:.0} %)",
        bytes_per_s / 1e9,
        step_bytes as f64 / 1e6,
        100.0 * limit_ms / step_ms,
    )
}
