//! Bars and the spread of times, drawn with characters: for terminals and for an editor's page.

/// A bar that is `width` characters long at `most`, to an eighth of a character. Whatever is more
/// than nothing is seen.
#[must_use]
pub fn bar(value: f64, most: f64, width: usize) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let share = (value / most).clamp(0.0, 1.0);
    if share.is_nan() || share == 0.0 {
        return String::new();
    }
    let n_eighths = ((share * 8.0 * width as f64).round() as usize).max(1);
    "█".repeat(n_eighths / 8) + PARTS[n_eighths % 8]
}

/// How many cells of the scale of a [`Spread`] a power of ten has.
pub const N_CELLS_A_POWER: usize = 4;
/// The names of the powers of ten on that scale, in milliseconds, each as wide as its cells.
pub const SCALE: [&str; 6] = [".01 ", ".1  ", "1   ", "10  ", "100 ", "1 s "];
/// The power of ten of its first cell, in milliseconds.
pub const FIRST_POWER: f64 = -2.0;
const N_CELLS: usize = N_CELLS_A_POWER * SCALE.len();

/// How often there was a time of about so much, from 0.01 ms to 10 s in quarters of a power of
/// ten; what is less or more is in the first or the last one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread([u64; N_CELLS]);

impl Spread {
    /// Takes in `n` times of so many milliseconds.
    pub fn add(&mut self, ms: f64, n: u64) {
        let cell = ((ms.log10() - FIRST_POWER) * N_CELLS_A_POWER as f64).floor();
        // A cast of what is no number, and of what is less than nothing, is 0.
        self.0[(cell as usize).min(N_CELLS - 1)] += n;
    }

    /// How many times there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The cells, the shortest times first.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.0
    }

    /// One character a cell, the higher the more times; blank where there was none.
    #[must_use]
    pub fn text(&self) -> String {
        const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.0.iter().copied().max().unwrap_or_default().max(1);
        let text: String =
            self.0.iter().map(|n| HEIGHTS[(n * 8).div_ceil(most) as usize]).collect();
        text.trim_end().to_owned()
    }
}

/// The line over [`times_row`]s, after `name_width` characters for their names.
#[must_use]
pub fn times_head(what: &str, name_width: usize) -> String {
    let line = format!(
        "{what:<name_width$} {:>8} {:>8} {:>8} {:>8} {:>7}  {}",
        "median",
        "p95",
        "p99",
        "most",
        "times",
        SCALE.concat()
    );
    line.trim_end().to_owned()
}

/// A line of a table of times: where half, 95 % and 99 % of them end, the longest, how many they
/// are, and how they are spread.
#[must_use]
pub fn times_row(
    name: &str,
    name_width: usize,
    quantiles: [Option<f64>; 4],
    spread: &Spread,
) -> String {
    let [p50, p95, p99, most] = quantiles.map(figure);
    let line = format!(
        "{name:<name_width$} {p50:>8} {p95:>8} {p99:>8} {most:>8} {:>7}  {}",
        spread.count(),
        spread.text()
    );
    line.trim_end().to_owned()
}

/// Three figures of a number that matter, or a dash for none.
#[must_use]
pub fn figure(value: Option<f64>) -> String {
    match value {
        None => "-".to_owned(),
        Some(it) if it.is_nan() => "-".to_owned(),
        Some(it) => {
            let n_decimals = match it.abs() {
                it if it < 1.0 => 3,
                it if it < 10.0 => 2,
                it if it < 1000.0 => 1,
                _ => 0,
            };
            format!("{it:.n_decimals$}")
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::stats::Millis;

    fn row(name: &str, times: &Millis) -> String {
        times_row(name, 6, times.quantiles(), &times.spread())
    }

    #[test]
    fn a_bar_is_exact_to_an_eighth_and_never_nothing() {
        let bars = [0.0, 0.001, 1.0, 2.5, 7.9, 8.0, 9.0].map(|it| format!("|{}|", bar(it, 8.0, 8)));
        expect!["|| |▏| |█| |██▌| |███████▉| |████████| |████████|"].assert_eq(&bars.join(" "));
        assert_eq!(
            [bar(1.0, 0.0, 8), bar(f64::NAN, 1.0, 8), bar(0.0, 0.0, 8)].concat().len(),
            8 * 3
        );
    }

    #[test]
    fn times_stand_under_their_scale() {
        let mut times = Millis::default();
        for ms in [0.012, 0.9, 1.1, 1.2, 1.3, 90.0, 99_000.0] {
            times.add(ms);
        }
        let table = [times_head("ms", 6), row("key", &times)].join("\n");
        expect![[r#"
            ms       median      p95      p99     most   times  .01 .1  1   10  100 1 s
            key        1.19   101070   101070   101070       7  ▃      ▃█      ▃       ▃"#]]
        .assert_eq(&table);
        expect!["none          -        -        -        -       0"]
            .assert_eq(&row("none", &Millis::default()));
    }

    #[test]
    fn what_is_no_time_is_in_the_first_cell() {
        let mut spread = Spread::default();
        for ms in [f64::NAN, -1.0, 0.0, f64::NEG_INFINITY] {
            spread.add(ms, 1);
        }
        assert_eq!(spread.text(), "█");
    }
}
