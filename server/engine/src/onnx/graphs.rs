//! The graphs of a bundle: one that writes to the KV buffers in place, or several with fixed
//! shapes.

use super::{
    Options,
    fixed_graphs::FixedGraphs,
    kv_buffers::KvBuffers,
    loaded::{Armed, Batch, Loaded, if_no_memory},
    runtime::check_device,
};
use crate::{EngineState, ModelError, bundle::Bundle, kv_memory::KvMemory, provider::Provider};

/// The graphs of a bundle with their KV buffers, on one provider.
#[derive(Debug)]
pub(super) enum Graphs {
    InPlace(Loaded),
    Fixed(FixedGraphs),
}

impl Graphs {
    pub(super) fn new(
        bundle: &Bundle,
        options: &Options,
        provider: Provider,
    ) -> anyhow::Result<Self> {
        let Some(graphs) = &bundle.manifest.graphs else {
            return Loaded::new(bundle, options, provider).map(Self::InPlace);
        };
        FixedGraphs::new(bundle, graphs, options, provider)
            .map(Self::Fixed)
            .map_err(|error| if_no_memory(error, &bundle.manifest))
    }

    pub(super) fn provider(&self) -> Provider {
        match self {
            Self::InPlace(it) => it.provider,
            Self::Fixed(it) => it.provider,
        }
    }

    /// The state after loading: [`EngineState::Partial`] if the provider leaves a part of the work to
    /// the CPU.
    pub(super) fn state(&self) -> EngineState {
        match self {
            Self::Fixed(it) if !it.partial.is_empty() => EngineState::Partial(format!(
                "{} leaves a part of {} to the CPU",
                it.provider.name(),
                it.partial.join(" and ")
            )),
            _ => EngineState::Ready,
        }
    }

    pub(super) fn memory(&self) -> KvMemory {
        match self {
            Self::InPlace(it) => it.memory,
            Self::Fixed(it) => it.memory,
        }
    }

    /// The length of a slot's buffers.
    pub(super) fn n_rows(&self, slot: usize) -> usize {
        match self {
            Self::InPlace(it) => it.slots[slot].as_ref().map_or(0, |it| it.n_rows),
            Self::Fixed(it) => it.n_rows(slot),
        }
    }

    pub(super) fn resize(
        &mut self,
        slot: usize,
        n_rows: usize,
        n_kept: usize,
    ) -> Result<(), ModelError> {
        match self {
            Self::InPlace(it) => {
                let old = it.slots[slot].take().map(|old| (old, n_kept));
                let buffers = KvBuffers::new(&it.session, &it.layout, n_rows, old)?;
                if it.provider != Provider::Cpu {
                    check_device()?;
                }
                it.slots[slot] = Some(buffers);
                Ok(())
            }
            Self::Fixed(it) => it.reserve(slot),
        }
    }

    pub(super) fn free(&mut self, slot: usize) {
        match self {
            Self::InPlace(it) => it.slots[slot] = None,
            Self::Fixed(it) => it.free(slot),
        }
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
        match self {
            Self::InPlace(it) => it.evaluate(slot, batch, armed, n_vocab, logits),
            Self::Fixed(it) => it.evaluate(slot, batch, armed, n_vocab, logits),
        }
    }
}
