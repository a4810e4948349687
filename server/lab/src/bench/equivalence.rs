//! Whether drafts and a reused cache change a text. They must not: what differs is the time.

use std::io::Write;

use fastrand::Rng;
use foretell_engine::{Engine, vocabulary::Vocabulary};

use super::{
    decode::{finished, request},
    fixtures::{CODE, EDITING},
};

/// The most tokens before a place.
const MAX_PROMPT: usize = 256;

/// Lets two engines go on from the same random places: one without lookup and with an empty cache,
/// the other with lookup and with whatever its caches hold by then. Prints how often the texts are
/// the same.
pub(super) fn run(
    out: &mut impl Write,
    [cold, warm]: [&Engine; 2],
    vocabulary: &Vocabulary,
    n_places: usize,
) -> anyhow::Result<()> {
    let texts = [CODE, EDITING].map(|text| vocabulary.encode(text));
    let mut random = Rng::with_seed(7);
    let (mut n_same, mut n_tokens, mut n_drafted, mut n_reused) = (0, 0, 0, 0);
    for n in 0..n_places {
        let ids = &texts[n % texts.len()];
        let start = random.usize(..ids.len() / 64) * 16;
        let end = (start + 16 + random.usize(..MAX_PROMPT - 16)).min(ids.len());
        let prompt = request(&ids[start..end]);
        // It shares nothing with any place.
        let _ = finished(cold.generate(request(&[0])));
        let alone = finished(cold.generate(request(&ids[start..end])));
        anyhow::ensure!(alone.figures.reused == 0, "the cold engine has kept something");
        let other = finished(warm.generate(prompt));
        n_tokens += alone.figures.generated;
        n_drafted += other.figures.drafted;
        n_reused += other.figures.reused;
        if alone.text == other.text && alone.finish == other.finish {
            n_same += 1;
        } else {
            writeln!(
                out,
                "another text after tokens {start} to {end} of text {}:",
                n % texts.len()
            )?;
            writeln!(out, "{:?}\n{:?}", alone.text, other.text)?;
        }
        out.flush()?;
    }
    writeln!(
        out,
        "{n_same} of {n_places} texts ({n_tokens} tokens) are the same with {n_drafted} drafted \
         and {n_reused} reused tokens as with none"
    )?;
    Ok(())
}
