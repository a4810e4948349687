//! The table of times that each engine takes for the same work, measured alternately.

use std::io::Write;

use foretell_session::stats::draw::rounded;

use super::{
    baseline::BenchEngine,
    median,
    report::{Bars, Report},
};

/// The number of decode steps per round.
const N_STEPS: usize = 16;

/// A column of the table.
pub(super) struct Column {
    engine: Box<dyn BenchEngine>,
    /// How many tokens of the text are in the engine's KV cache.
    n_read: usize,
}

impl Column {
    pub(super) fn new(engine: Box<dyn BenchEngine>) -> Self {
        Self { engine, n_read: 0 }
    }

    /// The engine's version and build flags.
    pub(super) fn build(&self) -> String {
        self.engine.build()
    }

    /// Prefills the first `n_tokens` of `ids`, except for those in the KV cache.
    fn fill(&mut self, ids: &[u32], n_tokens: usize) -> anyhow::Result<()> {
        if self.n_read < n_tokens {
            self.engine.read_ms(self.n_read, &ids[self.n_read..n_tokens], 1)?;
            self.n_read = n_tokens;
        }
        Ok(())
    }

    /// The time to evaluate the tokens of `ids` from `n_past` to `n_past + n_new`, in milliseconds.
    fn read_ms(
        &mut self,
        ids: &[u32],
        n_past: usize,
        n_new: usize,
        n_logits: usize,
    ) -> anyhow::Result<f64> {
        self.fill(ids, n_past)?;
        // Evaluating tokens after `n_past` truncates the KV cache there.
        self.n_read = n_past + n_new;
        self.engine.read_ms(n_past, &ids[n_past..n_past + n_new], n_logits)
    }
}

/// A measurement.
#[derive(Clone, Copy)]
enum Work {
    /// Prefill of `.0` tokens into an empty KV cache, in tokens per second.
    Prefill(usize),
    /// A decode step after `.0` tokens, in milliseconds.
    Decode(usize),
    /// Prefill of `.0` tokens of an edit after `.1` tokens, in milliseconds.
    Edit(usize, usize),
    /// Evaluation of `.0` tokens with logits for each, after `.1` tokens, in milliseconds.
    Verify(usize, usize),
}

impl Work {
    // Long contexts first, so that later measurements find their prefix in the KV cache.
    const ALL: [Self; 9] = [
        Self::Prefill(128),
        Self::Prefill(512),
        Self::Prefill(1024),
        Self::Prefill(2048),
        Self::Decode(1024),
        Self::Edit(3, 1021),
        Self::Verify(5, 512),
        Self::Verify(9, 512),
        Self::Decode(128),
    ];

    fn name(self) -> String {
        match self {
            Self::Prefill(n) => format!("prefill of {n}"),
            Self::Decode(n_past) => format!("decode at {n_past}"),
            Self::Edit(n, n_past) => format!("first token, {n} typed at {}", n_past + n),
            Self::Verify(n, n_past) => format!("verify {n} at {n_past}"),
        }
    }

    fn unit(self) -> &'static str {
        if let Self::Prefill(_) = self { "tok/s" } else { "ms" }
    }

    fn measure(self, column: &mut Column, ids: &[u32]) -> anyhow::Result<f64> {
        let median_of = |n: usize, mut once: Box<dyn FnMut(usize) -> anyhow::Result<f64> + '_>| {
            Ok::<_, anyhow::Error>(median(&(0..n).map(&mut once).collect::<Result<Vec<_>, _>>()?))
        };
        match self {
            Self::Prefill(n) => Ok(n as f64 * 1e3 / column.read_ms(ids, 0, n, 1)?),
            Self::Decode(n_past) => {
                median_of(N_STEPS, Box::new(|i| column.read_ms(ids, n_past + i, 1, 1)))
            }
            Self::Edit(n, n_past) => median_of(5, Box::new(|_| column.read_ms(ids, n_past, n, 1))),
            Self::Verify(n, n_past) => {
                median_of(5, Box::new(|_| column.read_ms(ids, n_past, n, n)))
            }
        }
    }
}

/// Prints a row of medians as soon as each measurement is done, and by which factor the first
/// column is better than each other one. Then draws the medians as bars. Returns the first column's
/// decode step at the shortest context, in milliseconds.
///
/// # Errors
/// If an engine fails.
pub(super) fn run(
    out: &mut Report<impl Write>,
    columns: &mut [Column],
    ids: &[u32],
    rounds: usize,
) -> anyhow::Result<f64> {
    write!(out, "{:<30}{:>8}", "", "")?;
    for column in columns.iter() {
        write!(out, "{:>18}", column.engine.name())?;
    }
    writeln!(out, "{}", "      times".repeat(columns.len() - 1))?;
    let loads: Vec<_> = columns.iter().map(|column| column.engine.load()).collect();
    row(out, "load", "ms", &loads.iter().map(|load| load.load_ms).collect::<Vec<_>>())?;
    let megabytes: Vec<_> = loads.iter().map(|load| load.resident_bytes / 1e6).collect();
    row(out, "resident memory", "MB", &megabytes)?;
    let series: Vec<_> = columns.iter().map(|column| column.engine.name()).collect();
    let bars = |title, unit, is_more_better| Bars {
        title,
        unit,
        is_more_better,
        series: series.clone(),
        rows: Vec::new(),
    };
    let mut rates = bars("Prefill", "tokens per second", true);
    let mut times = bars("Model runs", "milliseconds", false);
    let mut step_ms = f64::NAN;
    for work in Work::ALL {
        let mut values = vec![Vec::new(); columns.len()];
        for _ in 0..rounds {
            for (column, values) in columns.iter_mut().zip(&mut values) {
                values.push(work.measure(column, ids)?);
            }
        }
        let medians: Vec<f64> = values.iter().map(|values| median(values)).collect();
        row(out, &work.name(), work.unit(), &medians)?;
        step_ms = medians[0];
        let chart = if let Work::Prefill(_) = work { &mut rates } else { &mut times };
        chart.rows.push((work.name(), medians));
    }
    out.bars(rates)?;
    out.bars(times)?;
    Ok(step_ms)
}

fn row(out: &mut impl Write, name: &str, unit: &str, values: &[f64]) -> anyhow::Result<()> {
    write!(out, "{name:<30}{unit:>8}")?;
    for value in values {
        write!(out, "{:>18}", rounded(Some(*value), 1))?;
    }
    let (ours, others) = values.split_first().unwrap_or((&f64::NAN, &[]));
    for other in others {
        let times = if unit == "tok/s" { ours / other } else { other / ours };
        write!(out, "{:>11}", rounded(Some(times), 2))?;
    }
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Draws the prefill speed of one chunk after 512 tokens, by the chunk's size.
///
/// # Errors
/// If the engine fails.
pub(super) fn chunks(
    out: &mut Report<impl Write>,
    column: &mut Column,
    ids: &[u32],
    rounds: usize,
) -> anyhow::Result<()> {
    const SIZES: [usize; 6] = [16, 32, 64, 96, 128, 256];
    let mut times = [(); SIZES.len()].map(|()| Vec::new());
    for _ in 0..rounds.max(3) {
        for (size, times) in SIZES.into_iter().zip(&mut times) {
            // In one model run, whatever the engine's chunk size is.
            column.fill(ids, 512)?;
            times.push(column.engine.read_at_once_ms(512, &ids[512..512 + size])?);
            column.n_read = 512;
        }
    }
    let rows = SIZES.into_iter().zip(&times).map(|(size, times)| {
        let ms = median(times);
        (format!("{size} tokens, {} ms", rounded(Some(ms), 1)), vec![size as f64 * 1e3 / ms])
    });
    out.bars(Bars {
        title: "Prefill of one chunk after 512 tokens, by chunk size",
        unit: "tokens per second",
        is_more_better: true,
        series: vec![column.engine.name()],
        rows: rows.collect(),
    })?;
    Ok(())
}
