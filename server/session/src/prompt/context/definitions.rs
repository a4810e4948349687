//! Finds the definitions of names near the cursor. It looks at the shape of a line instead of using
//! a grammar: this works in every language, and a wrong guess costs only a few tokens.

use std::collections::HashMap;

use super::{Chunk, Source, words};

/// The most lines taken of a type and of a function, whose signature matters most.
const TYPE_LINES: usize = 12;
const FUNCTION_LINES: usize = 3;
const N_MOST: usize = 6;
/// Shorter names are local variables or too common.
const MIN_NAME_CHARS: usize = 4;

const FUNCTIONS: [&str; 6] = ["fn", "def", "func", "fun", "function", "macro_rules"];
const TYPES: [&str; 9] =
    ["class", "struct", "enum", "trait", "interface", "protocol", "type", "object", "typedef"];
const MODIFIERS: [&str; 24] = [
    "pub",
    "crate",
    "export",
    "default",
    "async",
    "static",
    "public",
    "private",
    "protected",
    "internal",
    "abstract",
    "final",
    "open",
    "override",
    "inline",
    "const",
    "unsafe",
    "extern",
    "data",
    "sealed",
    "declare",
    "virtual",
    "suspend",
    "mutating",
];
/// Words before a bracket that do not define a name.
const NOT_A_NAME: [&str; 8] = ["if", "for", "while", "switch", "catch", "return", "else", "match"];

/// The definitions of the names in `near`, the lines around the cursor. Names nearest to the end of
/// `near` come first.
pub(super) fn find(near: &[String], sources: &[Source]) -> Vec<Chunk> {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (i, word) in near.iter().flat_map(|line| words(line)).enumerate() {
        if word.len() >= MIN_NAME_CHARS {
            names.insert(word, i);
        }
    }
    let mut found: Vec<(usize, Chunk)> = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        for (at, line) in source.lines.iter().enumerate() {
            let Some((name, n_lines)) = defined(line) else { continue };
            let is_shown = source.in_window.contains(&at);
            if let Some(rank) = names.get(name).filter(|_| !is_shown) {
                let end = block_end(&source.lines, at, n_lines);
                found.push((*rank, Chunk { source: i, lines: at..end }));
            }
        }
    }
    found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    let mut chunks: Vec<Chunk> = found.into_iter().map(|(_, chunk)| chunk).collect();
    chunks.truncate(N_MOST);
    chunks
}

/// The name that a line defines, and the number of lines to take.
fn defined(line: &str) -> Option<(&str, usize)> {
    let code = line.trim_start();
    if line.len() - code.len() > 8 || code.starts_with(['/', '#', '*']) {
        return None;
    }
    let mut rest = words(code).skip_while(|word| MODIFIERS.contains(word));
    let first = rest.next()?;
    if TYPES.contains(&first) {
        return Some((rest.next()?, TYPE_LINES));
    }
    if FUNCTIONS.contains(&first) {
        // In Go, the receiver precedes the name.
        let receiver = code.find("func (").and_then(|at| code[at..].find(") ").map(|it| at + it));
        let name = match receiver {
            Some(at) => words(&code[at..]).next()?,
            None => rest.next()?,
        };
        return Some((name, FUNCTION_LINES));
    }
    // `int name(`, `public String name(`: two words before a bracket, then a body.
    let (head, _) = code.split_once('(')?;
    let is_head = code.trim_end().ends_with(['{', ';', ',']) && !head.contains(['=', '.', '"']);
    let mut before = words(head);
    let name = before.next_back()?;
    let is_name = head.trim_end().ends_with(name) && !NOT_A_NAME.contains(&first);
    (is_head && is_name && before.next().is_some()).then_some((name, FUNCTION_LINES))
}

/// The line after the block that starts at line `at`, judged by indentation, after at most `n_lines`.
fn block_end(lines: &[String], at: usize, n_lines: usize) -> usize {
    let width = |line: &str| line.len() - line.trim_start().len();
    let most = (at + n_lines).min(lines.len());
    let end = (at + 1..most).find(|i| {
        let line = &lines[*i];
        line.trim().is_empty() || width(line) <= width(&lines[at])
    });
    match end {
        Some(end) if lines[end].trim_start().starts_with(['}', ')', ']']) => end + 1,
        Some(end) => end,
        None => most,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_recognized() {
        let of = |line| defined(line).map(|(name, _)| name);
        for (line, name) in [
            ("pub(crate) fn lay_out(&self) -> u8 {", "lay_out"),
            ("    async def fetch_all(self, n):", "fetch_all"),
            ("export default class Parser extends Base {", "Parser"),
            ("func (s *Server) Listen(addr string) error {", "Listen"),
            ("func Listen(addr string) error {", "Listen"),
            ("static int parse_header(const char *text, size_t n) {", "parse_header"),
            ("    public List<String> namesOf(Group group) {", "namesOf"),
            ("  override suspend fun load(id: Long): Item {", "load"),
            ("typedef struct node_t {", "struct"),
        ] {
            assert_eq!(of(line), Some(name), "{line}");
        }
        for line in
            ["    if (name(x)) {", "x = call(y)", "call(y);", "return total(x);", "// fn a()", ""]
        {
            assert_eq!(of(line), None, "{line}");
        }
    }
}
