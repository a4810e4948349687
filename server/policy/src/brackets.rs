//! Bracket and quote matching without a grammar.

/// The characters that an editor inserts after the cursor, and those that end a statement.
#[must_use]
pub fn is_closer(c: char) -> bool {
    matches!(c, ')' | ']' | '}' | '>' | '"' | '\'' | '`' | ';' | ',')
}

/// Whether the rest of a line is only auto-closed text: the model repeats it anyway, so the prompt
/// need not contain it.
#[must_use]
pub fn only_closers(rest: &str) -> bool {
    rest.chars().all(|c| is_closer(c) || c.is_whitespace())
}

/// The auto-closed text at the start of `rest`, if only a comment or nothing follows it.
pub(crate) fn leading_closers(rest: &str) -> Option<&str> {
    let is_part = |c: char| is_closer(c) || c.is_whitespace();
    let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
    let (closers, after) = rest.split_at(end);
    // `>>` or the end of a tag before a comment is not auto-closed text.
    let is_comment = ["//", "#", "--", "/*", "<!--"].iter().any(|it| after.starts_with(it));
    let has_gap = closers.ends_with(char::is_whitespace) || after.is_empty();
    (after.is_empty() || is_comment && has_gap && !closers.trim().is_empty()).then_some(closers)
}

/// The closer at the start of `rest`, if code follows it.
pub(crate) fn closes_first(rest: &str) -> Option<char> {
    let first = rest.trim_start().chars().next()?;
    (is_closer(first) && leading_closers(rest).is_none()).then_some(first)
}

/// Whether a block follows the end of this line.
pub(crate) fn opens_a_block(line: &str) -> bool {
    line.trim_end().ends_with(['{', '(', '[', ':']) || line.trim_end().ends_with("=>")
}

/// The byte_idx where `text` closes something opened before it: the first `closer` without a
/// matching opener in `text`. A quote counts immediately, `;` and `,` outside all brackets, `>` not
/// as part of an arrow.
pub(crate) fn first_unmatched(text: &str, closer: char) -> Option<usize> {
    let mut open: Vec<char> = Vec::new();
    let mut quote = None;
    let mut previous = ' ';
    for (byte_idx, c) in text.char_indices() {
        let escaped = previous == '\\';
        previous = if escaped { ' ' } else { c };
        if escaped {
            continue;
        }
        if matches!(closer, '"' | '\'' | '`') {
            // Code in a string: `$(…)`, `${…}`, `#{…}`.
            let before = &text[..byte_idx];
            let opens_hole =
                c == '{' && before.ends_with(['$', '#']) || c == '(' && before.ends_with('$');
            match c {
                '(' if opens_hole || open.last() == Some(&')') => open.push(')'),
                '{' if opens_hole || open.last() == Some(&'}') => open.push('}'),
                _ if open.last() == Some(&c) => drop(open.pop()),
                _ if c == closer && open.is_empty() => return Some(byte_idx),
                _ => {}
            }
            continue;
        }
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            // A backquote may close one that precedes the text, so it does not count as an opener.
            (None, '"') => quote = Some(c),
            (None, '(') => open.push(')'),
            (None, '[') => open.push(']'),
            (None, '{') => open.push('}'),
            (None, '<') if closer == '>' => open.push('>'),
            (None, '>') if closer == '>' && text[..byte_idx].ends_with(['-', '=']) => {}
            (None, _) if open.last() == Some(&c) => drop(open.pop()),
            (None, _) if c == closer && open.is_empty() => return Some(byte_idx),
            (None, _) => {}
        }
    }
    None
}

/// The part of a line's auto-closed rest that a text repeats in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retyped {
    /// How many characters of the rest the text repeats.
    pub(crate) n_rest_chars: usize,
    /// Whether the text has other characters after the first repeated one.
    pub(crate) continues: bool,
}

/// Finds the characters of `rest`, auto-closed text, that `text` repeats.
pub(crate) fn retyped(text: &str, rest: &str) -> Retyped {
    let (mut n_rest_chars, mut n_closers) = (0, 0);
    let (mut first, mut end) = (text.len(), 0);
    for (i, closer) in rest.chars().enumerate().filter(|(_, c)| !c.is_whitespace()) {
        let Some(at) = first_unmatched(&text[end..], closer) else { break };
        first = first.min(end + at);
        (n_rest_chars, n_closers, end) = (i + 1, n_closers + 1, end + at + closer.len_utf8());
    }
    let n_chars = text[first..].chars().filter(|c| !c.is_whitespace()).count();
    Retyped { n_rest_chars, continues: n_chars > n_closers }
}

/// How many more brackets a text opens than it closes.
pub(crate) fn depth(text: &str) -> isize {
    text.chars().fold(0, |depth, c| match c {
        '(' | '[' | '{' => depth + 1,
        ')' | ']' | '}' => depth - 1,
        _ => depth,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_unmatched_closer_is_found() {
        assert_eq!(first_unmatched("x, y)", ')'), Some(4));
        assert_eq!(first_unmatched("f(x), y)", ')'), Some(7));
        assert_eq!(first_unmatched("f(x)", ')'), None);
        assert_eq!(first_unmatched("\")\", y)", ')'), Some(6));
        assert_eq!(first_unmatched("f(a; b); c", ';'), Some(7));
        assert_eq!(first_unmatched("say \\\"hi\\\"\"", '"'), Some(10));
        assert_eq!(first_unmatched("$(f \"$0\") (\"", '"'), Some(11));
        assert_eq!(first_unmatched("Fn(u8) -> Vec<u8>>", '>'), Some(17));
    }
}
