//! Layouts of places that the user left. Going back needs no prefill while the KV cache contains
//! their prompts.

use std::collections::VecDeque;

use super::Layout;
use foretell_engine::{Prompt, kv_memory::MAX_SLOTS};

/// The number of layouts that are kept: more than the engine has slots, because some of them are no
/// longer cached.
const CAPACITY: usize = 2 * MAX_SLOTS;
/// The share of a prompt that must be cached, in percent. The cursor's new position changes the
/// rest.
const CACHED_PERCENT: usize = 75;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct RecentLayouts {
    /// The most recent one first.
    layouts: VecDeque<Layout>,
    /// The token sequences in the KV caches.
    pub(super) cached: Vec<Vec<u32>>,
}

impl RecentLayouts {
    /// Adds the layout of a place that the cursor left.
    pub(super) fn keep(&mut self, layout: Option<Layout>) {
        let Some(layout) = layout else { return };
        self.layouts.push_front(layout);
        self.layouts.truncate(CAPACITY);
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Layout> {
        self.layouts.iter_mut()
    }

    /// Whether most of a prompt is in one of the KV caches.
    pub(super) fn is_cached(&self, prompt: &Prompt) -> bool {
        let n_cached = prompt.ids.len() - self.n_to_prefill(prompt);
        100 * n_cached >= CACHED_PERCENT * prompt.ids.len()
    }

    /// The number of a prompt's tokens that are in none of the KV caches.
    pub(super) fn n_to_prefill(&self, prompt: &Prompt) -> usize {
        let n_common = |cached: &Vec<u32>| {
            cached.iter().zip(&prompt.ids).take_while(|(cached, wanted)| cached == wanted).count()
        };
        prompt.ids.len() - self.cached.iter().map(n_common).max().unwrap_or(0)
    }

    /// The index of the most recent layout for which `is_wanted` holds.
    pub(super) fn position(&self, is_wanted: impl FnMut(&Layout) -> bool) -> Option<usize> {
        self.layouts.iter().position(is_wanted)
    }

    /// Removes a layout and returns it.
    pub(super) fn take(&mut self, index: usize) -> Option<Layout> {
        self.layouts.remove(index)
    }
}
