//! Makes text safe to print to a terminal.

use foretell_engine::unicode::is_unprintable;

/// Replaces what could control the terminal: control characters other than tab and line break by
/// their symbols, other unprintable characters by U+FFFD.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\n' | '\t' => c,
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            _ if is_unprintable(c) => '\u{fffd}',
            _ => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_do_not_reach_the_terminal() {
        assert_eq!(printable("a\x1b[31m\tb\n\u{202e}"), "a\u{241b}[31m\tb\n\u{fffd}");
    }
}
