//! `foretell bench engine`: runs its parts one after the other.

use std::{
    io::{self, Write},
    sync::Arc,
};

use foretell_config::Config;
use foretell_engine::{
    Engine,
    bundle::{Bundle, Manifest},
    decoder::Decoder,
    kv_memory::MAX_SLOTS,
    library::find_library,
    lookup::Mode,
    onnx::{OnnxModel, Options},
    paths::model_path,
    vocabulary::Vocabulary,
};

use super::{
    EngineArguments, Part,
    baseline::{BenchEngine, ForetellModel, LlamaCpp, LlamaOptions, PEERS},
    cancel, decode, equivalence,
    fixtures::CODE,
    machine,
    report::Report,
    table::{self, Column},
};

/// Runs the selected parts and prints each figure as soon as it is measured.
///
/// # Errors
/// If the model does not load or fails, or llama.cpp does.
pub(super) fn run(
    out: &mut Report<impl Write>,
    config: &Config,
    arguments: &EngineArguments,
) -> anyhow::Result<()> {
    let bundle = Bundle::open(&model_path(&config.model.name))?;
    let vocabulary = Vocabulary::from_file(&bundle.tokenizer())?;
    let vocabulary = Arc::new(vocabulary.with_marks(bundle.manifest.marks())?);
    let ids = vocabulary.encode(CODE);
    anyhow::ensure!(
        ids.len() > 2100,
        "the benchmark's text has only {} tokens, it needs more than 2100",
        ids.len()
    );
    let options = Options {
        library: find_library(config.model.library.as_deref())?,
        context_tokens: 2112,
        kv_cache_bytes: config.model.kv_cache_mb * 1_000_000,
        max_slots: MAX_SLOTS,
        provider: config.model.provider,
        n_threads: config.model.n_threads(),
    };
    writeln!(
        out,
        "{}, {} threads, {} rounds",
        config.model.name,
        config.model.n_threads(),
        arguments.rounds
    )?;
    if arguments.wants(Part::Table) || arguments.wants(Part::Chunks) {
        let ours: Box<dyn BenchEngine> = Box::new(ForetellModel::load(&bundle, &options)?);
        let mut columns = vec![Column::new(ours)];
        if let (Some(python), Some(gguf)) = (&arguments.llama_python, &arguments.gguf) {
            let llama = LlamaOptions {
                python,
                driver: &arguments.driver,
                gguf,
                n_threads: config.model.n_threads(),
                n_context: options.context_tokens,
            };
            columns.extend(peers(&llama)?);
        }
        for column in &columns {
            writeln!(out, "{}", column.build())?;
        }
        if arguments.wants(Part::Table) {
            let bytes_per_s = machine::read_bytes_per_s(config.model.n_threads());
            let step_ms = table::run(out, &mut columns, &ids, arguments.rounds)?;
            print_bandwidth(out, &bundle.manifest, bytes_per_s, step_ms)?;
        }
        if arguments.wants(Part::Chunks) {
            table::chunks(out, &mut columns[0], &ids, arguments.rounds)?;
        }
    }
    let engine = |lookup: Mode, options: &Options| -> anyhow::Result<Engine> {
        let model = OnnxModel::load(&bundle, options)?;
        let eos_ids = bundle.manifest.eos_ids.clone();
        let decoder = Decoder::new(model, Arc::clone(&vocabulary), eos_ids).with_lookup(lookup);
        Ok(Engine::start(move || Ok(decoder)))
    };
    if arguments.wants(Part::Lookup) {
        decode::run(out, |mode| engine(mode, &options), &vocabulary, arguments.rounds)?;
    }
    if arguments.wants(Part::Sameness) {
        // One slot, so that the KV cache of an earlier prompt is not reused.
        let cold = Options { max_slots: 1, context_tokens: 1024, ..options.clone() };
        let engines = [engine(Mode::Off, &cold)?, engine(Mode::Adaptive, &options)?];
        equivalence::run(out, [&engines[0], &engines[1]], &vocabulary, arguments.places)?;
    }
    if arguments.wants(Part::Cancels) || arguments.wants(Part::Idle) {
        let engine = engine(Mode::Adaptive, &options)?;
        if arguments.wants(Part::Cancels) {
            cancel::run(out, &engine, &ids[..1400], arguments.cancels)?;
        }
        if arguments.wants(Part::Idle) {
            cancel::idle(out, &engine, &ids, arguments.idle_s)?;
        }
    }
    Ok(())
}

/// Returns a column for each installed llama.cpp package.
fn peers(options: &LlamaOptions<'_>) -> anyhow::Result<Vec<Column>> {
    let mut columns = Vec::new();
    for peer in PEERS {
        if let Some(llama) = LlamaCpp::start(peer, options)? {
            columns.push(Column::new(Box::new(llama)));
        }
    }
    anyhow::ensure!(
        !columns.is_empty(),
        "{} has neither {}: install one of them, or omit --llama-python",
        options.python.display(),
        PEERS.join(" nor "),
    );
    Ok(columns)
}

/// Prints how close decode is to the limit set by memory bandwidth: each step reads all weights
/// except the embedding table, of which it reads one row.
fn print_bandwidth(
    out: &mut impl Write,
    manifest: &Manifest,
    bytes_per_s: f64,
    step_ms: f64,
) -> io::Result<()> {
    let step_bytes = step_bytes(manifest);
    let limit_ms = step_bytes as f64 / bytes_per_s * 1e3;
    writeln!(
        out,
        "\nmemory: {:.1} GB/s, a step reads {:.0} MB: at least {limit_ms:.1} ms, measured {step_ms:.1} ms ({:.0} %)",
        bytes_per_s / 1e9,
        step_bytes as f64 / 1e6,
        100.0 * limit_ms / step_ms,
    )
}

/// The number of weight bytes that a decode step reads.
fn step_bytes(manifest: &Manifest) -> u64 {
    let data = manifest.files.iter().filter(|(name, _)| name.ends_with(".data"));
    let weights =
        data.map(|(_, file)| file.size).sum::<u64>().saturating_sub(manifest.packed_bytes);
    let hidden_size = match manifest.hidden_size {
        // An estimate for older bundles: in most models, attention is as wide as the residual
        // stream.
        0 => manifest.n_heads.saturating_mul(manifest.head_dim),
        hidden_size => hidden_size,
    };
    let n_table_weights = manifest.vocab_size.saturating_mul(hidden_size) as u64;
    // A step reads only a few rows of the embedding table, and of the exact head that rescores a
    // 4-bit head. Both are int8 in blocks of 32 with a float scale each: 9 bytes for 8 weights.
    let n_tables = match manifest.quantization.as_str() {
        "mixed" | "int8-rescored" => 2,
        _ => 1,
    };
    weights.saturating_sub(n_table_weights.saturating_mul(n_tables * 9) / 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A manifest with 1,000 bytes of weights, 80 of which are packed.
    fn manifest(quantization: &str, hidden_size: usize) -> Manifest {
        let json = serde_json::json!({
            "format": 1, "name": "", "licence": "", "architecture": "", "target": "cpu",
            "quantization": quantization, "n_layers": 1, "n_heads": 2, "n_kv_heads": 1,
            "head_dim": 4, "hidden_size": hidden_size, "kv_dtype": "float32",
            "context_length": 8, "vocab_size": 10, "eos_ids": [], "fim": null,
            "packed_bytes": 80,
            "files": {
                "model.onnx.data": {"size": 1080, "sha256": ""},
                "model.onnx": {"size": 5000, "sha256": ""},
            },
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn step_skips_tables_of_hidden_size() {
        assert_eq!(step_bytes(&manifest("int8", 16)), 1000 - 180);
        assert_eq!(step_bytes(&manifest("mixed", 16)), 1000 - 360);
        assert_eq!(step_bytes(&manifest("w8a8", 0)), 1000 - 90, "two heads of four");
    }
}
