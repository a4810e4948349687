//! Measures the gain of lookup decoding, on code that repeats itself and on code that does not.

use std::io::Write;

use foretell_engine::{
    Engine, Failure, FinishReason, Generation, Progress, Prompt, Request, vocabulary::Vocabulary,
};
use foretell_policy::{CursorContext, Policy, StopRule};

use super::{
    fixtures::{EDITING, NEW_CODE},
    report::{Bars, Report},
};

/// A name, a text, and the positions in it where the model continues, in percent of its tokens.
const TEXTS: [(&str, &str, [usize; 4]); 2] =
    [("editing", EDITING, [40, 55, 70, 85]), ("new code", NEW_CODE, [20, 30, 45, 60])];

/// Reports the decode speed with and without draft tokens, alternating between two engines. Each
/// round starts new engines: drafts come from everything that an engine has generated, so a second
/// round would be drafted from the first one.
///
/// # Errors
/// If a model does not load.
pub(super) fn run(
    out: &mut Report<impl Write>,
    start: impl Fn() -> anyhow::Result<[Engine; 2]>,
    vocabulary: &Vocabulary,
    rounds: usize,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    for (name, text, places) in TEXTS {
        let ids = vocabulary.encode(text);
        let ids = &ids[..ids.len().min(1_200)];
        let mut totals = [(0.0, 0.0); 2];
        let (mut n_drafted, mut n_accepted, mut all_identical) = (0, 0, true);
        for _ in 0..rounds {
            let engines = start()?;
            for place in places {
                let prompt = &ids[..ids.len() * place / 100];
                let [off, on] =
                    engines.each_ref().map(|engine| wait(engine.generate(request(prompt))));
                for (total, done) in totals.iter_mut().zip([&off, &on]) {
                    total.0 += done.figures.generated.saturating_sub(1) as f64;
                    total.1 += done.figures.decode_ms / 1e3;
                }
                n_drafted += on.figures.drafted;
                n_accepted += on.figures.accepted;
                all_identical &= on.text == off.text;
            }
        }
        let [off, on] = totals.map(|(n_tokens, s)| n_tokens / s);
        writeln!(
            out,
            "lookup, {name:<9} {off:8.1} tok/s without, {on:.1} with ({:.2} times); \
             {n_accepted} of {n_drafted} draft tokens accepted; identical text: {}",
            on / off,
            if all_identical { "yes" } else { "NO" },
        )?;
        rows.push((name.to_owned(), vec![on, off]));
    }
    out.keep_bars(Bars {
        title: "Decode with and without lookup",
        unit: "tokens per second",
        is_more_better: true,
        series: vec!["with", "without"],
        rows,
    });
    Ok(())
}

/// A request for 96 tokens after a text.
pub(super) fn request(ids: &[u32]) -> Request {
    let prompt = Prompt { ids: ids.to_vec(), healed: Vec::new() };
    // At the start of an indented line, the policy lets several lines through; without the rules
    // against repetition, generations reach their full length.
    let policy =
        Policy::new(CursorContext { line_before: "    ".into(), ..CursorContext::default() })
            .without(vec![StopRule::Copy, StopRule::Repetition]);
    Request::new(prompt, policy, 96)
}

/// Blocks until a generation ends, and returns its progress.
pub(super) fn wait(mut generation: Generation) -> Progress {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    match runtime {
        Ok(runtime) => {
            runtime.block_on(async {
                while generation.progress().finish.is_none() && generation.changed().await {}
            });
        }
        Err(error) => {
            return Progress {
                finish: Some(FinishReason::Failed(Failure::new(error))),
                ..generation.progress()
            };
        }
    }
    generation.progress()
}
