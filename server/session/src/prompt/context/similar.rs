//! Finds the lines of a document that are most similar to those around the cursor, by the Jaccard
//! index of their words, as Copilot and llama.vim do.

use std::collections::{HashMap, HashSet};

use super::{Chunk, Source, jaccard, ranked, words};

/// The length of a compared window, and the distance between the starts of two windows.
const WINDOW_LINES: usize = 16;
const STEP_LINES: usize = 8;
/// The lowest Jaccard index that counts as similar.
const MIN_SIMILARITY: f64 = 0.1;
/// Fewer shared words may all be keywords.
const MIN_WORDS: usize = 4;
const N_MOST: usize = 3;

/// The best window of each document in the language of the first source, best first.
pub(super) fn find(near: &HashSet<&str>, sources: &[Source]) -> Vec<Chunk> {
    let own = sources.first().map(|it| family(&it.language));
    let in_language =
        sources.iter().enumerate().filter(|(_, it)| Some(family(&it.language)) == own);
    let found = in_language.filter_map(|(i, source)| {
        let (score, start) = best(near, source)?;
        let end = (start + WINDOW_LINES).min(source.lines.len());
        Some((score, Chunk { source: i, lines: start..end }))
    });
    ranked(found.collect(), N_MOST)
}

/// Groups languages whose files belong together.
fn family(language: &str) -> &str {
    match language {
        "javascript" | "javascriptreact" | "typescript" | "typescriptreact" => "javascript",
        "c" | "cpp" | "objective-c" | "objective-cpp" => "c",
        "java" | "kotlin" => "java",
        other => other,
    }
}

/// The Jaccard index and first line of a document's best window outside the prompt's window.
fn best(near: &HashSet<&str>, source: &Source) -> Option<(f64, usize)> {
    let mut ids: HashMap<&str, usize> = HashMap::new();
    let per_line: Vec<Vec<usize>> = source
        .lines
        .iter()
        .map(|line| {
            words(line)
                .map(|word| {
                    let next = ids.len();
                    *ids.entry(word).or_insert(next)
                })
                .collect()
        })
        .collect();
    let mut is_near = vec![false; ids.len()];
    for (word, id) in &ids {
        is_near[*id] = near.contains(word);
    }
    let starts = (0..source.lines.len()).step_by(STEP_LINES);
    let mut last_seen = vec![usize::MAX; ids.len()];
    let scored = starts.filter_map(|start| {
        let end = (start + WINDOW_LINES).min(source.lines.len());
        if start < source.in_window.end && source.in_window.start < end {
            return None;
        }
        let (mut n_words, mut n_both) = (0, 0);
        for id in per_line[start..end].iter().flatten() {
            if std::mem::replace(&mut last_seen[*id], start) != start {
                n_words += 1;
                n_both += usize::from(is_near[*id]);
            }
        }
        (n_both >= MIN_WORDS).then(|| (jaccard(n_both, n_words, near.len()), start))
    });
    let best = scored.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (best.0 >= MIN_SIMILARITY).then_some(best)
}
