//! Scanner states of recently completed documents. Only text that changed above the cursor is
//! scanned again.

use parking_lot::Mutex;

use crate::scanner::{Feature, Frame, Kind, Language, Scanner};

/// The maximum number of documents whose states are kept.
const MAX_DOCUMENTS: usize = 4;
/// A state is saved every this many lines.
const LINES_PER_STATE: usize = 32;

/// The states of recently completed documents.
#[derive(Debug, Default)]
pub struct Scans(Mutex<Vec<Scan>>);

#[derive(Debug)]
struct Scan {
    uri: String,
    start: Start,
    /// The scanned text, in complete lines.
    text: String,
    /// States by the byte_idx of the line they precede, ascending.
    states: Vec<(usize, Scanner)>,
}

/// The initial state of a document's scan.
#[derive(Debug, Clone, Copy)]
struct Start {
    language: &'static Language,
    /// Whether the document starts outside `<?php … ?>`.
    is_outside: bool,
}

impl Start {
    fn scanner(self) -> Scanner {
        let mut scanner = Scanner::new(self.language);
        if self.is_outside {
            scanner.frames.push(Frame { kind: Kind::Outside, indent: 0, start: 0, end: 0 });
        }
        scanner
    }

    fn is_same(self, other: Self) -> bool {
        std::ptr::eq(self.language, other.language) && self.is_outside == other.is_outside
    }
}

impl Scans {
    /// The state after the complete lines above the cursor.
    pub(crate) fn after(&self, uri: &str, language: &'static Language, above: &str) -> Scanner {
        let is_outside = language.has(Feature::PhpTags)
            && !above.trim_start().starts_with("<?")
            && above.contains("<?");
        let start = Start { language, is_outside };
        let mut scans = self.0.lock();
        let known = scans.iter().position(|it| it.uri == uri).map(|at| scans.remove(at));
        let known = known.filter(|it| it.start.is_same(start));
        let mut scan = known.unwrap_or_else(|| Scan {
            uri: uri.to_owned(),
            start,
            text: String::new(),
            states: vec![],
        });
        let scanner = scan.after(above);
        if scans.len() == MAX_DOCUMENTS {
            scans.remove(0);
        }
        scans.push(scan);
        scanner
    }
}

impl Scan {
    fn after(&mut self, above: &str) -> Scanner {
        let n_same = n_same(&self.text, above);
        let n_states = self.states.partition_point(|it| it.0 <= n_same);
        let (mut at, mut scanner) = match n_states.checked_sub(1) {
            Some(last) => self.states[last].clone(),
            None => (0, self.start.scanner()),
        };
        // Moving the cursor up must not discard the states below it.
        let is_new = n_same < above.len();
        if is_new {
            self.states.truncate(n_states);
        }
        let mut n_lines = 0;
        for line in above[at..].split_inclusive('\n') {
            // Saved states of deep nesting are rarer, so that their size is linear in the text's.
            if is_new && n_lines >= LINES_PER_STATE.max(scanner.frames.len() / 8) {
                self.states.push((at, scanner.clone()));
                n_lines = 0;
            }
            n_lines += 1;
            scanner.line(line.strip_suffix('\n').unwrap_or(line), at, true);
            scanner.clear_events();
            at += line.len();
        }
        if is_new {
            above.clone_into(&mut self.text);
        }
        scanner
    }
}

/// Byte length of the common prefix of two texts.
fn n_same(a: &str, b: &str) -> usize {
    const CHUNK: usize = 1024;
    let chunks = a.as_bytes().chunks(CHUNK).zip(b.as_bytes().chunks(CHUNK));
    let start = CHUNK * chunks.take_while(|(a, b)| a == b && a.len() == CHUNK).count();
    let rest = a.as_bytes()[start..].iter().zip(&b.as_bytes()[start..]);
    start + rest.take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saved_states_are_linear_in_deep_nesting() {
        let n_lines = 10_000;
        let scans = Scans::default();
        let _ = scans.after("a", Language::of("rust", ""), &"(\n".repeat(n_lines));
        let n_frames: usize = scans.0.lock()[0].states.iter().map(|it| it.1.frames.len()).sum();
        assert!(n_frames < 10 * n_lines, "{n_frames}");
    }

    /// The cursor moves and the text changes.
    #[test]
    fn incremental_scan_matches_a_full_scan() {
        let language = Language::of("javascript", "");
        let body: String = (0..900).map(|i| format!("f({i});\n")).collect();
        let changed = body.replacen("f(60", "`f(60", 1);
        let scans = Scans::default();
        for (text, n_bytes) in [
            (&body, 3000),
            (&body, 900),
            (&body, 5000),
            (&changed, 3000),
            (&changed, 3500),
            (&body, 0),
            (&body, 4000),
        ] {
            let above = text[..n_bytes].rsplit_once('\n').map_or(0, |it| it.0.len() + 1);
            let above = &text[..above];
            let anew = Scans::default().after("a", language, above);
            assert_eq!(scans.after("a", language, above).frames, anew.frames);
        }
    }
}
