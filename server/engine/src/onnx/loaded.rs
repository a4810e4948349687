//! A session with its KV buffers, on one provider.

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, ensure};
use ort::session::{RunOptions, Session};

use super::{
    Options,
    kv_buffers::{KvBuffers, KvLayout},
    runtime::{check_device, runtime},
};
use crate::{
    Failure, ModelError,
    bundle::{Bundle, Manifest},
    kv_memory::{KvMemory, MIN_CAPACITY},
    provider::Provider,
};

/// How many rows one evaluation on WebGPU may have.
///
/// From 32 rows on, and the graph adds one, the plugin uses another kernel for attention. On devices
/// whose subgroups are smaller than 8, its results are wrong, without an error. Up to this number,
/// they are right, and a row's result does not depend on the number of rows, to the last bit.
const WEBGPU_ROWS: usize = 30;

/// A session with its KV buffers.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) provider: Provider,
    /// The buffers of each slot that has any. Before the session, so that they are dropped first:
    /// those on a device are freed through it.
    pub(super) slots: Vec<Option<KvBuffers>>,
    pub(super) session: Session,
    pub(super) layout: KvLayout,
    pub(super) memory: KvMemory,
}

/// The options of one evaluation, by which it can be aborted.
pub(super) struct Armed {
    pub(super) options: RunOptions,
    pub(super) was_ended: AtomicBool,
}

impl std::fmt::Debug for Armed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Armed").field("was_ended", &self.was_ended).finish_non_exhaustive()
    }
}

/// Tokens to evaluate after `n_past` others, and how many of the last rows of logits are wanted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Batch<'a> {
    pub(super) n_past: usize,
    pub(super) tokens: &'a [u32],
    pub(super) n_logits: usize,
}

impl Loaded {
    pub(super) fn new(
        bundle: &Bundle,
        options: &Options,
        provider: Provider,
    ) -> anyhow::Result<Self> {
        // An earlier model's error is not this one's.
        let _ = check_device();
        let runtime = runtime(&options.library)?;
        let manifest = &bundle.manifest;
        // Registers the plugin of a provider that was not selected by `provider`.
        runtime
            .device(provider, &options.library)
            .map_err(|why| anyhow::Error::msg(why.describe(provider)))?;
        let layout = KvLayout::of(manifest, provider, runtime).with_context(|| {
            format!(
                "{}: target {:?} with {:?} KV buffers can't be run: import the model again with \
                 the target \"cpu\", \"webgpu\" or \"cuda\"",
                bundle.path.display(),
                manifest.target,
                manifest.kv_dtype
            )
        })?;
        let memory = |context_tokens: usize| {
            let Options { kv_cache_bytes, max_slots, .. } = *options;
            let (row_bytes, is_resizable) = (layout.row_bytes(), layout.is_resizable());
            KvMemory::within(kv_cache_bytes, row_bytes, context_tokens, max_slots, is_resizable)
        };
        // A limit that is too low is found before the model is read.
        let wanted = memory(options.context_tokens.min(manifest.context_length))?;
        let session = runtime
            .open(bundle, provider, options.n_threads)
            .map_err(|error| if_no_memory(error, manifest))?;
        let memory = match layout.is_on_device() {
            true => fitting(wanted, memory, |n_rows| {
                let buffers = KvBuffers::new(&session, &layout, n_rows, None)?;
                check_device().map(|()| buffers)
            })?,
            false => wanted,
        };
        let slots = (0..memory.n_slots).map(|_| None).collect();
        let mut loaded = Self { provider, session, layout, memory, slots };
        loaded.try_out(manifest).map_err(|error| if_no_memory(error, manifest))?;
        let n_threads = options.n_threads;
        tracing::debug!(provider = provider.name(), ?memory, n_threads, "model loaded");
        Ok(loaded)
    }

    /// Rejects a graph without the KV inputs now, not at the first suggestion. On another provider
    /// than the CPU, also compiles its kernels, and rejects a device that cannot run the model: one
    /// whose buffers are too small, or that evaluates the same token twice with different results.
    fn try_out(&mut self, manifest: &Manifest) -> anyhow::Result<()> {
        const TOKENS: [u32; 4] = [0, 1, 2, 3];
        let n_rows = if self.provider == Provider::Cpu { 1 } else { TOKENS.len() + 1 };
        let mut buffers = KvBuffers::new(&self.session, &self.layout, n_rows, None)
            .context("the KV buffers cannot be bound")?;
        if self.provider == Provider::Cpu {
            return Ok(());
        }
        let name = self.provider.name();
        check_device().with_context(|| format!("{name} cannot load the model"))?;
        let mut last_row = |n_past: usize| {
            let mut logits = Vec::new();
            let batch = Batch { n_past, tokens: &TOKENS[n_past..], n_logits: 1 };
            let n_vocab = manifest.vocab_size;
            evaluate(
                &mut self.session,
                &mut buffers,
                self.provider,
                batch,
                None,
                n_vocab,
                &mut logits,
            )
            .with_context(|| format!("{name} cannot run the model"))
            .map(|()| logits)
        };
        let (of_four, of_one) = (last_row(0)?, last_row(TOKENS.len() - 1)?);
        let largest = of_four.iter().fold(0.0_f32, |most, it| most.max(it.abs()));
        let differs = of_four.iter().zip(&of_one).any(|(a, b)| (a - b).abs() > 0.1 * largest);
        ensure!(
            largest.is_finite() && !differs && of_one.iter().all(|it| it.is_finite()),
            "{name} computes wrong results on this device"
        );
        Ok(())
    }

    /// Appends the logits of a batch to `logits`.
    pub(super) fn evaluate(
        &mut self,
        slot: usize,
        batch: Batch<'_>,
        armed: Option<&Armed>,
        n_vocab: usize,
        logits: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        let Self { session, slots, provider, .. } = self;
        let Some(buffers) = &mut slots[slot] else {
            return Err(ModelError::Failed(Failure::message("the slot has no KV buffers")));
        };
        evaluate(session, buffers, *provider, batch, armed, n_vocab, logits)
    }
}

/// The slots that a device has memory for: all of them, fewer, or some with a shorter context. They are
/// allocated once and freed again, because the free memory of a device is not known.
fn fitting<B>(
    wanted: KvMemory,
    memory: impl Fn(usize) -> anyhow::Result<KvMemory>,
    mut allocate: impl FnMut(usize) -> Result<B, ModelError>,
) -> anyhow::Result<KvMemory> {
    let mut memory_now = wanted;
    loop {
        let (mut slots, n_tokens) = (Vec::new(), memory_now.capacity());
        let why = loop {
            if slots.len() == memory_now.n_slots {
                return Ok(memory_now);
            }
            match allocate(memory_now.slot_rows) {
                Ok(slot) => slots.push(slot),
                Err(why) => break why,
            }
        };
        if !slots.is_empty() {
            let (n_slots, n_wanted) = (slots.len(), memory_now.n_slots);
            tracing::warn!("the device can hold {n_slots} of {n_wanted} KV slots: {why}");
            return Ok(memory_now.with_slots(n_slots));
        }
        if n_tokens / 2 < MIN_CAPACITY {
            return Err(anyhow::Error::new(why).context(KV_FAILED));
        }
        tracing::warn!("the device cannot hold {n_tokens} tokens of context: {why}");
        memory_now = memory(n_tokens / 2)?;
    }
}

/// The number of rows that one evaluation may have on a provider.
pub(super) fn max_rows(provider: Provider) -> usize {
    if provider == Provider::WebGpu { WEBGPU_ROWS } else { usize::MAX }
}

fn evaluate(
    session: &mut Session,
    buffers: &mut KvBuffers,
    provider: Provider,
    batch: Batch<'_>,
    armed: Option<&Armed>,
    n_vocab: usize,
    logits: &mut Vec<f32>,
) -> Result<(), ModelError> {
    let Batch { n_past, tokens, n_logits } = batch;
    let first_logit = tokens.len() - n_logits;
    let mut n_done = 0;
    for piece in tokens.chunks(max_rows(provider)) {
        let end = n_done + piece.len();
        let n_wanted = end.saturating_sub(first_logit.max(n_done));
        // The graph always returns logits; those of a piece without any wanted row are dropped.
        let n_rows = n_wanted.max(1);
        buffers.bind(piece, n_past + end, n_rows)?;
        let outputs = match armed {
            Some(armed) => session.run_binding_with_options(&buffers.binding, &armed.options),
            None => session.run_binding(&buffers.binding),
        };
        let outputs = outputs.map_err(|error| match armed {
            Some(armed) if armed.was_ended.load(Ordering::Relaxed) => ModelError::Aborted,
            _ => error.into(),
        })?;
        if provider != Provider::Cpu {
            check_device()?;
        }
        let (_, found) = outputs["logits"].try_extract_tensor::<f32>()?;
        if found.len() != n_rows * n_vocab {
            return Err(ModelError::Failed(Failure::message(format!(
                "the model returned {} logits, {n_rows} times {n_vocab} were expected",
                found.len(),
            ))));
        }
        if n_wanted > 0 {
            logits.extend_from_slice(found);
        }
        n_done = end;
    }
    Ok(())
}

/// The start of the message if KV buffers cannot be allocated, for whatever reason.
pub(super) const KV_FAILED: &str = "the KV buffers cannot be allocated";

/// Whether memory was missing, of the process or of the device. Other programs may have used it, so
/// this says nothing about the next time.
pub(super) fn is_no_memory(message: &str) -> bool {
    // Of the C++ library, ONNX Runtime, its plugins and CUDA, and of Vulkan and Direct3D.
    let texts = [
        "bad_alloc",
        "failed to allocate memory",
        "memory allocation failed",
        "is smaller than requested bytes",
        "failed to create gpu buffer",
        "out of memory",
        "outofmemory",
        "out_of_host_memory",
        "out_of_device_memory",
    ];
    let message = message.to_lowercase();
    texts.iter().any(|it| message.contains(it))
}

/// Adds what to do if memory was missing.
pub(super) fn if_no_memory(error: anyhow::Error, manifest: &Manifest) -> anyhow::Error {
    if !is_no_memory(&format!("{error:#}")) {
        return error;
    }
    let n_bytes = manifest.n_bytes().saturating_sub(manifest.packed_bytes);
    error.context(format!(
        "there is not enough memory for the model, which takes {} MB and what the KV cache may take: \
         close other programs, or choose a smaller model",
        n_bytes / 1_000_000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slots and the context on a device with memory for so many rows.
    fn on_device(n_rows_free: usize) -> Result<(usize, usize), String> {
        const ROW_BYTES: usize = 1000;
        let memory = |n_tokens| KvMemory::within(5_000 * ROW_BYTES, ROW_BYTES, n_tokens, 24, false);
        let mut n_rows_left = n_rows_free;
        let allocate = |n_rows: usize| {
            n_rows_left = n_rows_left
                .checked_sub(n_rows)
                .ok_or_else(|| ModelError::Failed(Failure::message("out of memory")))?;
            Ok(())
        };
        let found = fitting(memory(2048).unwrap(), memory, allocate);
        found.map(|it| (it.n_slots, it.capacity())).map_err(|error| format!("{error:#}"))
    }

    #[test]
    fn missing_memory_is_told_from_other_failures_of_the_kv_buffers() {
        let is_missing = |why: &str| is_no_memory(&format!("{KV_FAILED}: {why}"));
        for why in [
            "std::bad_alloc",
            "WebGPU device error(3): vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY",
            "CUDA failure 2: out of memory",
            "Failed to create GPU buffer: size=655360, usage=140.",
        ] {
            assert!(is_missing(why), "{why}");
        }
        for why in ["the plugin's device is gone", "WebGPU device lost (1): the driver crashed"] {
            assert!(!is_missing(why), "{why}");
        }
    }

    #[test]
    fn device_with_less_memory_gets_fewer_slots_or_a_shorter_context() {
        assert_eq!(on_device(6_000), Ok((2, 2048)));
        assert_eq!(on_device(4_000), Ok((1, 2048)));
        assert_eq!(on_device(1_100), Ok((1, 1024)));
        assert_eq!(on_device(300), Ok((1, 256)));
        assert_eq!(on_device(200), Err(format!("{KV_FAILED}: out of memory")));
    }
}
