//! Characters that must not reach a terminal as they are.

use foretell_policy::is_hidden;

/// Whether a character controls a terminal, changes the order of others, or is invisible. Line
/// breaks and tabs are among them.
#[must_use]
pub fn is_unprintable(c: char) -> bool {
    c.is_control() || is_hidden(c) || matches!(c, '\u{200c}' | '\u{200d}')
}
