//! Checks that lookup and a reused KV cache do not change generated text, only its time.

use std::io::Write;

use fastrand::Rng;
use foretell_engine::{Engine, vocabulary::Vocabulary};

use super::{
    decode::{request, wait},
    fixtures::{CODE, EDITING},
};

/// The maximum number of tokens in a prompt.
const MAX_PROMPT: usize = 256;

/// Runs two engines on the same random prompts: one without lookup and with an empty KV cache, the
/// other with lookup and the cache of its previous prompts. Prints how many texts are identical.
///
/// # Errors
/// If the first engine has reused tokens.
pub(super) fn run(
    out: &mut impl Write,
    [cold, warm]: [&Engine; 2],
    vocabulary: &Vocabulary,
    n_places: usize,
) -> anyhow::Result<()> {
    let texts = [CODE, EDITING].map(|text| vocabulary.encode(text));
    let mut random = Rng::with_seed(7);
    let (mut n_identical, mut n_tokens, mut n_drafted, mut n_reused) = (0, 0, 0, 0);
    for n in 0..n_places {
        let ids = &texts[n % texts.len()];
        let start = random.usize(..ids.len() / 64) * 16;
        let end = (start + 16 + random.usize(..MAX_PROMPT - 16)).min(ids.len());
        let prompt = request(&ids[start..end]);
        // Empties the only slot: this shares no prefix with any prompt.
        let _ = wait(cold.generate(request(&[0])));
        let alone = wait(cold.generate(request(&ids[start..end])));
        anyhow::ensure!(alone.figures.reused == 0, "the engine with an empty cache reused tokens");
        let other = wait(warm.generate(prompt));
        n_tokens += alone.figures.generated;
        n_drafted += other.figures.drafted;
        n_reused += other.figures.reused;
        if alone.text == other.text && alone.finish == other.finish {
            n_identical += 1;
        } else {
            writeln!(
                out,
                "different text after tokens {start} to {end} of text {}:",
                n % texts.len()
            )?;
            writeln!(out, "{:?}\n{:?}", alone.text, other.text)?;
        }
        out.flush()?;
    }
    writeln!(
        out,
        "{n_identical} of {n_places} texts ({n_tokens} tokens) are identical with {n_drafted} draft \
         tokens and {n_reused} reused tokens, and with none"
    )?;
    Ok(())
}
