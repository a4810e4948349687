//! Stop where the block that the text began is complete.

use super::{Look, Stop, indent_width, lines};

/// Where the block ends: before a line that is indented less than its first one, before a blank
/// line, after a line at the margin that closes what the text opened, after `max_lines` lines.
pub(super) fn block_end(indent: &str, text: &str, max_lines: usize, ended: bool) -> Look {
    let n_lines = lines(text).count();
    let mut block_width = None;
    let mut n_shown = 0;
    for (i, (start, line)) in lines(text).enumerate() {
        let complete = ended || i + 1 < n_lines;
        let keep_before = Look { keep_bytes: start.saturating_sub(1), stop: Some(Stop::BlockEnd) };
        if line.trim().is_empty() {
            if !complete {
                return Look { stop: None, ..keep_before };
            }
            // One blank line before the first text is a paragraph's; more is a wandering model.
            if block_width.is_some() || i > 1 {
                return keep_before;
            }
            continue;
        }
        let width =
            if i == 0 { indent_width(&format!("{indent}{line}")) } else { indent_width(line) };
        match block_width {
            None => block_width = Some(width),
            Some(block_width) if width < block_width => return keep_before,
            Some(_) => {}
        }
        n_shown += 1;
        let end = start + line.len();
        let closes = width == 0 && n_shown > 1 && line.starts_with(['}', ')', ']']);
        if complete && closes {
            return Look { keep_bytes: end, stop: Some(Stop::BlockEnd) };
        }
        if complete && n_shown >= max_lines {
            return Look { keep_bytes: end, stop: Some(Stop::MaxLines) };
        }
    }
    Look { keep_bytes: text.len(), stop: None }
}
