//! The KV buffers of a slot, bound as inputs and outputs of the graph.

use ort::{
    memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType},
    session::{IoBinding, Session},
    value::{DynTensor, Tensor, TensorElementType},
};

use super::runtime::Runtime;
use crate::{Failure, ModelError, bundle::Manifest, provider::Provider};

/// The shape of KV buffers except for their length, and their location.
#[derive(Debug, Clone)]
pub(super) struct KvLayout {
    n_layers: usize,
    n_heads: usize,
    head_dim: usize,
    element: TensorElementType,
    element_bytes: usize,
    place: Place,
}

/// The memory that buffers are in.
#[derive(Debug, Clone)]
enum Place {
    Cpu,
    Cuda,
    /// The device of a plugin.
    Plugin(&'static Runtime, Provider),
}

impl KvLayout {
    /// `None` if the engine cannot run such a graph.
    pub(super) fn of(
        manifest: &Manifest,
        provider: Provider,
        runtime: &'static Runtime,
    ) -> Option<Self> {
        let (element, element_bytes) = match manifest.kv_dtype.as_str() {
            "float32" => (TensorElementType::Float32, 4),
            "float16" => (TensorElementType::Float16, 2),
            _ => return None,
        };
        let place = match provider {
            // MLX shares the CPU's memory.
            Provider::Cpu | Provider::Mlx => Place::Cpu,
            Provider::Cuda => Place::Cuda,
            Provider::WebGpu => Place::Plugin(runtime, provider),
            // Its graphs return the new rows: see `fixed_graphs`.
            Provider::CoreMl => return None,
        };
        let Manifest { n_layers, n_kv_heads: n_heads, head_dim, .. } = *manifest;
        Some(Self { n_layers, n_heads, head_dim, element, element_bytes, place })
    }

    /// The size of one row of all buffers of a slot.
    pub(super) fn row_bytes(&self) -> usize {
        2 * self.n_layers * self.n_heads * self.head_dim * self.element_bytes
    }

    /// Whether the buffers are in the memory of a device that is not the CPU.
    pub(super) fn is_on_device(&self) -> bool {
        !matches!(self.place, Place::Cpu)
    }

    /// Whether rows can be copied from one buffer to another.
    pub(super) fn is_resizable(&self) -> bool {
        matches!(self.place, Place::Cpu) && self.element == TensorElementType::Float32
    }

    /// The allocator. On the CPU, it is not the session's arena, which never returns memory.
    fn allocator(&self, session: &Session) -> Result<Allocator, ModelError> {
        match self.place {
            Place::Cpu => Ok(Allocator::default()),
            Place::Cuda => {
                let (device, kind) = (AllocationDevice::CUDA, AllocatorType::Device);
                let memory = MemoryInfo::new(device, 0, kind, MemoryType::Default)?;
                Ok(Allocator::new(session, memory)?)
            }
            Place::Plugin(runtime, provider) => {
                let device = runtime.plugin_device(provider);
                let device = device.ok_or_else(|| {
                    ModelError::Failed(Failure::message("the plugin's device is gone"))
                })?;
                Ok(Allocator::new(session, device.memory_info(false))?)
            }
        }
    }
}

/// The buffers of a slot.
#[derive(Debug)]
pub(super) struct KvBuffers {
    pub(super) binding: IoBinding,
    pub(super) n_rows: usize,
    /// In the order of [`names`].
    tensors: Vec<DynTensor>,
    /// The number of logit rows that the output is bound for.
    n_logits: usize,
}

/// The suffixes of the names of the KV inputs and outputs.
pub(super) fn names(n_layers: usize) -> impl Iterator<Item = String> {
    (0..n_layers).flat_map(|layer| ["key", "value"].map(|part| format!("{layer}.{part}")))
}

impl KvBuffers {
    /// Buffers of `n_rows` rows. They contain the first `n_kept` rows of `old`, if there is one.
    /// Each buffer replaces the old one before the next is allocated.
    pub(super) fn new(
        session: &Session,
        layout: &KvLayout,
        n_rows: usize,
        old: Option<(Self, usize)>,
    ) -> Result<Self, ModelError> {
        let allocator = layout.allocator(session)?;
        let shape = [1, layout.n_heads, n_rows, layout.head_dim];
        let (mut binding, mut tensors, n_logits, n_kept) = match old {
            Some((old, n_kept)) => (old.binding, old.tensors, old.n_logits, n_kept),
            None => (session.create_binding()?, Vec::new(), 0, 0),
        };
        for (i, name) in names(layout.n_layers).enumerate() {
            let mut buffer = DynTensor::new(&allocator, layout.element, shape)?;
            if let Some(old) = tensors.get(i).filter(|_| n_kept > 0) {
                copy_rows(old, &mut buffer, n_kept, layout.head_dim)?;
            }
            binding.bind_input(format!("past_key_values.{name}"), &buffer)?;
            binding.bind_output(format!("present.{name}"), &mut buffer)?;
            match tensors.get_mut(i) {
                Some(old) => *old = buffer,
                None => tensors.push(buffer),
            }
        }
        Ok(Self { binding, n_rows, tensors, n_logits })
    }

    /// Binds the inputs and outputs. `n_total` tokens are valid afterwards.
    pub(super) fn bind(
        &mut self,
        tokens: &[u32],
        n_total: usize,
        n_logits: usize,
    ) -> Result<(), ModelError> {
        let as_i64 = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let as_i32 = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        let ids: Vec<i64> = tokens.iter().map(|id| i64::from(*id)).collect();
        let binding = &mut self.binding;
        binding.bind_input("input_ids", &Tensor::from_array(([1, tokens.len()], ids))?)?;
        binding.bind_input("seqlens_k", &Tensor::from_array(([1], vec![as_i32(n_total - 1)]))?)?;
        let scalar: [usize; 0] = [];
        let total = Tensor::from_array((scalar, vec![as_i32(n_total)]))?;
        binding.bind_input("total_sequence_length", &total)?;
        let first = Tensor::from_array(([1], vec![as_i64(tokens.len() - n_logits)]))?;
        binding.bind_input("logits_start", &first)?;
        if n_logits != self.n_logits {
            // The runtime allocates the output in the first run and keeps it, so another number of
            // rows needs another one.
            let memory = MemoryInfo::new(
                AllocationDevice::CPU,
                0,
                AllocatorType::Device,
                MemoryType::CPUOutput,
            )?;
            binding.bind_output_to_device("logits", &memory)?;
            self.n_logits = n_logits;
        }
        Ok(())
    }
}

/// Copies the first `n_rows` rows of each head.
fn copy_rows(
    from: &DynTensor,
    to: &mut DynTensor,
    n_rows: usize,
    head_dim: usize,
) -> Result<(), ModelError> {
    let (shape, from) = from.try_extract_tensor::<f32>()?;
    let n_heads = usize::try_from(shape[1]).unwrap_or(1).max(1);
    let (_, to) = to.try_extract_tensor_mut::<f32>()?;
    let (old_len, new_len) = (from.len() / n_heads, to.len() / n_heads);
    let n_copied = n_rows * head_dim;
    for (old, new) in from.chunks_exact(old_len).zip(to.chunks_exact_mut(new_len)) {
        new[..n_copied].copy_from_slice(&old[..n_copied]);
    }
    Ok(())
}
