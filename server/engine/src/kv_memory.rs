//! How much memory the KV buffers may take, and how it is divided among slots.
//!
//! The unit is a row: the keys and values of one token in all layers. A slot's buffers have one row
//! more than tokens, because the graph writes a meaningless row after the last token.

/// The largest number of slots. A place takes up to two: one for the window of its first suggestion
/// and one for the whole window. The memory limit usually allows fewer.
pub const MAX_SLOTS: usize = 24;

/// Below this, there is no room for a useful prompt.
pub(crate) const MIN_CAPACITY: usize = 256;

/// Slots grow by this many rows. With fewer, growing would copy more often; with more, more of a
/// slot would be unused.
const STEP_ROWS: usize = 128;

/// The memory limit of a model's KV buffers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvMemory {
    /// The number of slots.
    pub n_slots: usize,
    /// The largest number of rows of all slots together.
    pub n_rows: usize,
    /// The number of rows of the largest slot.
    pub slot_rows: usize,
    /// The number of rows of a smaller slot is a multiple of this.
    pub step_rows: usize,
}

impl KvMemory {
    /// Divides `limit_bytes` among up to `max_slots` slots of up to `wanted` tokens. If not even
    /// one slot of that size fits, its capacity is smaller. Slots that are not `resizable` all have
    /// the largest size.
    ///
    /// # Errors
    /// If the limit is too low for any useful prompt.
    pub fn within(
        limit_bytes: usize,
        row_bytes: usize,
        wanted: usize,
        max_slots: usize,
        resizable: bool,
    ) -> anyhow::Result<Self> {
        let n_rows = limit_bytes / row_bytes;
        let n_fitting = n_rows.saturating_sub(1);
        let capacity = wanted.min(n_fitting);
        anyhow::ensure!(
            capacity >= MIN_CAPACITY.min(wanted),
            "a KV cache of {} MB holds {n_fitting} tokens of this model, at least {MIN_CAPACITY} are needed",
            limit_bytes / 1_000_000,
        );
        if capacity < wanted {
            tracing::warn!("the KV cache's limit allows {capacity} of {wanted} tokens of context");
        }
        let slot_rows = capacity + 1;
        let step_rows = if resizable { STEP_ROWS.min(slot_rows) } else { slot_rows };
        let n_slots = (n_rows / step_rows).clamp(1, max_slots.max(1));
        Ok(Self { n_slots, n_rows, slot_rows, step_rows })
    }

    /// Divides `limit_bytes` among up to `max_slots` slots of exactly `slot_rows` rows.
    ///
    /// # Errors
    /// If not even one slot fits.
    pub fn of_fixed_slots(
        limit_bytes: usize,
        row_bytes: usize,
        slot_rows: usize,
        max_slots: usize,
    ) -> anyhow::Result<Self> {
        let n_rows = limit_bytes / row_bytes;
        anyhow::ensure!(
            n_rows >= slot_rows,
            "a KV cache of {} MB is too small: this model's graphs need {} MB",
            limit_bytes / 1_000_000,
            (slot_rows * row_bytes).div_ceil(1_000_000),
        );
        let n_slots = (n_rows / slot_rows).clamp(1, max_slots.max(1));
        Ok(Self { n_slots, n_rows, slot_rows, step_rows: slot_rows })
    }

    /// The same with fewer slots of the largest size.
    #[must_use]
    pub fn with_slots(self, n_slots: usize) -> Self {
        Self { n_slots, n_rows: self.n_rows.min(n_slots * self.slot_rows), ..self }
    }

    /// The largest number of tokens in one slot.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.slot_rows - 1
    }

    /// The number of rows of the smallest slot for `n_tokens`, at most [`Self::capacity`].
    #[must_use]
    pub fn rows_for(&self, n_tokens: usize) -> usize {
        if n_tokens == 0 {
            return 0;
        }
        (n_tokens + 1).next_multiple_of(self.step_rows).min(self.slot_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row of the default model.
    const ROW_BYTES: usize = 24_576;

    fn within(limit_mb: usize, wanted: usize, resizable: bool) -> Option<(usize, usize, usize)> {
        let it = KvMemory::within(limit_mb * 1_000_000, ROW_BYTES, wanted, MAX_SLOTS, resizable);
        let it = it.ok()?;
        assert!(it.slot_rows <= it.n_rows && it.n_rows * ROW_BYTES <= limit_mb * 1_000_000);
        Some((it.n_slots, it.n_rows, it.capacity()))
    }

    #[test]
    fn limit_is_divided_among_slots() {
        assert_eq!(within(128, 2048, true), Some((24, 5208, 2048)));
        assert_eq!(within(128, 2048, false), Some((2, 5208, 2048)));
        assert_eq!(within(1000, 2048, false), Some((19, 40690, 2048)));
        assert_eq!(within(10, 2048, true), Some((3, 406, 405)), "the context is shorter");
        assert_eq!(within(10, 2048, false), Some((1, 406, 405)));
        assert_eq!(within(6, 2048, true), None);
        assert_eq!(within(6, 200, true), Some((1, 244, 200)), "a short context was asked for");
    }

    #[test]
    fn fixed_slots_fit_or_are_refused() {
        let within = |limit_mb: usize| {
            let it = KvMemory::of_fixed_slots(limit_mb * 1_000_000, 12_288, 2048, MAX_SLOTS)?;
            anyhow::Ok((it.n_slots, it.capacity(), it.rows_for(1)))
        };
        assert_eq!(within(128).unwrap(), (5, 2047, 2048));
        assert_eq!(within(26).unwrap(), (1, 2047, 2048));
        let error = within(25).unwrap_err().to_string();
        assert_eq!(error, "a KV cache of 25 MB is too small: this model's graphs need 26 MB");
    }

    #[test]
    fn slots_are_rounded_up() {
        let memory = KvMemory { n_slots: 2, n_rows: 500, slot_rows: 300, step_rows: 128 };
        let rows = [0, 1, 127, 128, 255, 256, 299].map(|n_tokens| memory.rows_for(n_tokens));
        assert_eq!(rows, [0, 128, 128, 256, 256, 300, 300]);
    }
}
