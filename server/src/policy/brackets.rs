//! Brackets and quotes, as far as a rule can know them without a grammar.

/// The characters that an editor puts after the cursor by itself, and those that end a statement.
pub(crate) fn is_closer(c: char) -> bool {
    matches!(c, ')' | ']' | '}' | '>' | '"' | '\'' | '`' | ';' | ',')
}

/// Whether a line's rest is only what an editor closes by itself: the model writes it anyway, so
/// it need not be told.
pub(crate) fn only_closers(rest: &str) -> bool {
    rest.chars().all(|c| is_closer(c) || c.is_whitespace())
}

/// Whether what follows this line's end is a block of its own.
pub(crate) fn opens_a_block(line: &str) -> bool {
    line.trim_end().ends_with(['{', '(', '[', ':']) || line.trim_end().ends_with("=>")
}

/// Where `text` closes with `closer` what was open before it began: the byte_idx of the first
/// `closer` that no bracket in `text` opened. A quote counts at once, `;` and `,` outside of all
/// brackets, `>` not as part of an arrow.
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
            if c == closer {
                return Some(byte_idx);
            }
            continue;
        }
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
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
    fn a_closer_is_unmatched_where_nothing_in_the_text_opened_it() {
        assert_eq!(first_unmatched("x, y)", ')'), Some(4));
        assert_eq!(first_unmatched("f(x), y)", ')'), Some(7));
        assert_eq!(first_unmatched("f(x)", ')'), None);
        assert_eq!(first_unmatched("\")\", y)", ')'), Some(6));
        assert_eq!(first_unmatched("f(a; b); c", ';'), Some(7));
        assert_eq!(first_unmatched("say \\\"hi\\\"\"", '"'), Some(10));
        assert_eq!(first_unmatched("Fn(u8) -> Vec<u8>>", '>'), Some(17));
    }
}
