//! Compares and cuts texts at one end.

use ropey::RopeSlice;

/// The end of a text that is kept because it is next to the cursor.
#[derive(Clone, Copy)]
pub(super) enum End {
    Head,
    Tail,
}

impl End {
    /// At most `n_bytes` of `text`, in complete lines if it contains a line boundary.
    pub(super) fn of(self, text: &str, n_bytes: usize) -> &str {
        if text.len() <= n_bytes {
            return text;
        }
        match self {
            Self::Head => {
                let end = (0..=n_bytes).rev().find(|i| text.is_char_boundary(*i)).unwrap_or(0);
                let head = &text[..end];
                head.rfind('\n').map_or(head, |line_end| &head[..=line_end])
            }
            Self::Tail => {
                let from = text.len() - n_bytes;
                let start = (from..text.len()).find(|i| text.is_char_boundary(*i));
                let tail = &text[start.unwrap_or(text.len())..];
                match tail.find('\n') {
                    Some(line_end) if line_end + 1 < tail.len() => &tail[line_end + 1..],
                    _ => tail,
                }
            }
        }
    }
}

pub(super) fn starts_with(text: &RopeSlice<'_>, head: &str) -> bool {
    text.get_byte_slice(..head.len()).is_some_and(|slice| slice == head)
}

pub(super) fn ends_with(text: &RopeSlice<'_>, tail: &str) -> bool {
    text.len_bytes()
        .checked_sub(tail.len())
        .and_then(|start| text.get_byte_slice(start..))
        .is_some_and(|slice| slice == tail)
}
