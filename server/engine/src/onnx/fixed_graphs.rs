//! The fixed graphs of the target `coreml`: one evaluates a single token and returns its logits,
//! the others prefill a number of tokens.
//!
//! `model-scripts/BUNDLE.md` specifies their inputs and outputs. A slot's KV buffers are inputs of
//! every graph and always have the same length. The new rows are outputs, which are copied into the
//! buffers here. A graph ignores the rows from the first new position on, so rewinding costs
//! nothing.
//!
//! The last bits of a row depend on the graph that evaluated it. So logits from a reused cache are
//! close to those from an empty one, but not equal to the last bit, as they are on the CPU.

use std::{borrow::Cow, sync::atomic::Ordering};

use anyhow::Context;
use half::f16;
use ort::{
    memory::Allocator,
    session::{Session, SessionInputValue},
    value::{
        DynTensor, DynValue, Outlet, PrimitiveTensorElementType, Tensor, TensorElementType,
        ValueType,
    },
};

use super::{
    Options,
    buckets::buckets,
    kv_buffers,
    loaded::{Armed, Batch},
    runtime::runtime,
};
use crate::{
    Failure, ModelError,
    bundle::{Bundle, Manifest, graphs::FixedGraph},
    kv_memory::KvMemory,
    provider::Provider,
};

/// The graphs of a bundle, with the KV buffers of all slots.
#[derive(Debug)]
pub(super) struct FixedGraphs {
    pub(super) provider: Provider,
    /// The first one evaluates one token.
    sessions: Vec<Session>,
    /// How many tokens each evaluates.
    sizes: Vec<usize>,
    /// The names of the graphs of which the CPU computes a part.
    pub(super) partial: Vec<String>,
    kv: KvShape,
    pub(super) memory: KvMemory,
    /// The buffers of each slot that has any, in the order of `kv.names`.
    slots: Vec<Option<Vec<DynTensor>>>,
}

/// The shape of the buffers of a slot.
#[derive(Debug)]
struct KvShape {
    /// The suffixes of the names of the inputs and outputs.
    names: Vec<String>,
    n_heads: usize,
    n_rows: usize,
    head_dim: usize,
    element: TensorElementType,
}

impl FixedGraphs {
    /// Opens the graphs. Buffers are allocated when a slot is used.
    ///
    /// # Errors
    /// If a graph cannot be opened or is not as specified, or one slot exceeds the memory limit.
    pub(super) fn new(
        bundle: &Bundle,
        graphs: &[FixedGraph],
        options: &Options,
        provider: Provider,
    ) -> anyhow::Result<Self> {
        let Options { kv_cache_bytes, max_slots, n_threads, .. } = *options;
        let runtime = runtime(&options.library)?;
        let n_vocab = bundle.manifest.vocab_size;
        let kv = KvShape::of(&bundle.manifest, graphs)
            .with_context(|| format!("{}: it has no KV buffers", bundle.path.display()))?;
        let memory =
            KvMemory::of_fixed_slots(kv_cache_bytes, kv.row_bytes(), kv.n_rows, max_slots)?;
        let (mut sessions, mut partial) = (Vec::new(), Vec::new());
        for graph in graphs {
            let path = bundle.path.join(&graph.file);
            let (session, is_partial) = runtime
                .open_fixed(&path, provider, n_threads)
                .map_err(anyhow::Error::new)
                .and_then(|it| kv.check(&it.0, graph, n_vocab).map(|()| it))
                .with_context(|| format!("{}", path.display()))?;
            sessions.push(session);
            partial.extend(is_partial.then(|| graph.file.clone()));
        }
        let sizes = graphs.iter().map(|it| it.tokens).collect();
        let slots = (0..memory.n_slots).map(|_| None).collect();
        tracing::debug!(provider = provider.name(), ?memory, n_threads, "model loaded");
        Ok(Self { provider, sessions, sizes, partial, kv, memory, slots })
    }

    /// The length of a slot's buffers.
    pub(super) fn n_rows(&self, slot: usize) -> usize {
        self.slots[slot].as_ref().map_or(0, |_| self.kv.n_rows)
    }

    /// Gives a slot buffers, unless it has them: they have only one length.
    pub(super) fn reserve(&mut self, slot: usize) -> Result<(), ModelError> {
        if self.slots[slot].is_none() {
            let buffers = self.kv.names.iter().map(|_| self.kv.zeros());
            self.slots[slot] = Some(buffers.collect::<Result<_, _>>()?);
        }
        Ok(())
    }

    pub(super) fn free(&mut self, slot: usize) {
        self.slots[slot] = None;
    }

    /// Appends the logits of a batch to `logits`. An abort ends the current run and prevents further
    /// ones; the rows before the batch remain unchanged in any case.
    pub(super) fn evaluate(
        &mut self,
        slot: usize,
        batch: Batch<'_>,
        armed: Option<&Armed>,
        n_vocab: usize,
        logits: &mut Vec<f32>,
    ) -> Result<(), ModelError> {
        let Self { sessions, sizes, kv, slots, .. } = self;
        let Some(buffers) = &mut slots[slot] else {
            return Err(ModelError::Failed(Failure::message("the slot has no KV buffers")));
        };
        let Batch { n_past, tokens, n_logits } = batch;
        let n_prefilled = tokens.len() - n_logits;
        let mut n_done = 0;
        for bucket in buckets(sizes, tokens.len(), n_logits) {
            let part = &tokens[n_done..n_done + bucket.n_tokens];
            let first = n_past + n_done;
            let inputs = kv.inputs(buffers, part, first, sizes[bucket.graph])?;
            let session = &mut sessions[bucket.graph];
            let outputs = match armed {
                Some(armed) => session.run_with_options(inputs, &armed.options),
                None => session.run(inputs),
            };
            let outputs = outputs.map_err(|error| match armed {
                Some(armed) if armed.was_ended.load(Ordering::Relaxed) => ModelError::Aborted,
                _ => error.into(),
            })?;
            for (name, buffer) in kv.names.iter().zip(buffers.iter_mut()) {
                kv.copy(&outputs[format!("present.{name}")], buffer, first, part.len())?;
            }
            if n_done >= n_prefilled {
                let (_, row) = outputs["logits"].try_extract_tensor::<f32>()?;
                if row.len() != n_vocab {
                    return Err(ModelError::Failed(Failure::message(format!(
                        "the model returned {} logits, {n_vocab} were expected",
                        row.len(),
                    ))));
                }
                logits.extend_from_slice(row);
            }
            n_done += part.len();
        }
        Ok(())
    }
}

impl KvShape {
    /// `None` if the buffers have an unknown type.
    fn of(manifest: &Manifest, graphs: &[FixedGraph]) -> Option<Self> {
        let element = match manifest.kv_dtype.as_str() {
            "float32" => TensorElementType::Float32,
            "float16" => TensorElementType::Float16,
            _ => return None,
        };
        Some(Self {
            names: kv_buffers::names(manifest.n_layers).collect(),
            n_heads: manifest.n_kv_heads,
            n_rows: graphs.first()?.past,
            head_dim: manifest.head_dim,
            element,
        })
    }

    /// The size of one row of all buffers of a slot.
    fn row_bytes(&self) -> usize {
        let element_bytes = if self.element == TensorElementType::Float16 { 2 } else { 4 };
        self.names.len() * self.n_heads * self.head_dim * element_bytes
    }

    /// A graph with other inputs or outputs is rejected now, not at the first suggestion.
    fn check(&self, session: &Session, graph: &FixedGraph, n_vocab: usize) -> anyhow::Result<()> {
        let integers = [1, graph.tokens];
        let buffer = |n_rows| [1, self.n_heads, n_rows, self.head_dim];
        for name in ["input_ids", "position_ids"] {
            check(session.inputs(), name, TensorElementType::Int64, &integers)?;
        }
        for name in &self.names {
            let (past, present) = (format!("past_key_values.{name}"), format!("present.{name}"));
            check(session.inputs(), &past, self.element, &buffer(self.n_rows))?;
            check(session.outputs(), &present, self.element, &buffer(graph.tokens))?;
        }
        if graph.logits {
            let logits = [1, graph.tokens, n_vocab];
            check(session.outputs(), "logits", TensorElementType::Float32, &logits)?;
        }
        let n_inputs = 2 + self.names.len();
        anyhow::ensure!(session.inputs().len() == n_inputs, "it has more than {n_inputs} inputs");
        Ok(())
    }

    fn zeros(&self) -> Result<DynTensor, ort::Error> {
        let shape = [1, self.n_heads, self.n_rows, self.head_dim];
        match self.element {
            TensorElementType::Float16 => zeros::<f16>(shape),
            _ => zeros::<f32>(shape),
        }
    }

    /// The inputs of a graph for `size` tokens. Its last tokens are padding.
    fn inputs<'a>(
        &self,
        buffers: &'a [DynTensor],
        tokens: &[u32],
        first: usize,
        size: usize,
    ) -> Result<Vec<(Cow<'static, str>, SessionInputValue<'a>)>, ort::Error> {
        let mut ids: Vec<i64> = tokens.iter().map(|id| i64::from(*id)).collect();
        ids.resize(size, 0);
        let positions = (first..first + size).map(|it| i64::try_from(it).unwrap_or(i64::MAX));
        let positions = Tensor::from_array(([1, size], positions.collect::<Vec<_>>()))?;
        let mut inputs: Vec<(Cow<'static, str>, SessionInputValue<'a>)> = vec![
            ("input_ids".into(), Tensor::from_array(([1, size], ids))?.into()),
            ("position_ids".into(), positions.into()),
        ];
        for (name, buffer) in self.names.iter().zip(buffers) {
            inputs.push((format!("past_key_values.{name}").into(), buffer.into()));
        }
        Ok(inputs)
    }

    /// Copies the first `n_rows` new rows of each head to the rows from `first` on.
    fn copy(
        &self,
        new: &DynValue,
        buffer: &mut DynTensor,
        first: usize,
        n_rows: usize,
    ) -> Result<(), ort::Error> {
        match self.element {
            TensorElementType::Float16 => self.copy_as::<f16>(new, buffer, first, n_rows),
            _ => self.copy_as::<f32>(new, buffer, first, n_rows),
        }
    }

    fn copy_as<T: PrimitiveTensorElementType + Copy>(
        &self,
        new: &DynValue,
        buffer: &mut DynTensor,
        first: usize,
        n_rows: usize,
    ) -> Result<(), ort::Error> {
        let (_, new) = new.try_extract_tensor::<T>()?;
        let (_, buffer) = buffer.try_extract_tensor_mut::<T>()?;
        let (start, n_copied) = (first * self.head_dim, n_rows * self.head_dim);
        let new_heads = new.chunks_exact(new.len() / self.n_heads);
        let heads = buffer.chunks_exact_mut(self.n_rows * self.head_dim);
        for (new, head) in new_heads.zip(heads) {
            head[start..start + n_copied].copy_from_slice(&new[..n_copied]);
        }
        Ok(())
    }
}

/// Zeros, because the weight of an ignored row is 0, and 0 times infinity is not a number.
fn zeros<T: PrimitiveTensorElementType + Copy + Default + std::fmt::Debug + 'static>(
    shape: [usize; 4],
) -> Result<DynTensor, ort::Error> {
    let mut buffer = Tensor::<T>::new(&Allocator::default(), shape)?;
    buffer.extract_tensor_mut().1.fill(T::default());
    Ok(buffer.upcast())
}

/// Checks the type and shape of an input or output.
fn check(
    outlets: &[Outlet],
    name: &str,
    element: TensorElementType,
    expected: &[usize],
) -> anyhow::Result<()> {
    let outlet = outlets.iter().find(|it| it.name() == name);
    let outlet = outlet.with_context(|| format!("it has no {name}"))?;
    let is_expected = match outlet.dtype() {
        ValueType::Tensor { ty, shape, .. } => {
            let same = |(a, b): (&i64, &usize)| usize::try_from(*a) == Ok(*b);
            ty == &element && shape.len() == expected.len() && shape.iter().zip(expected).all(same)
        }
        _ => false,
    };
    anyhow::ensure!(is_expected, "{name} is not {element} {expected:?}");
    Ok(())
}
