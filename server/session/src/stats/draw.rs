//! Bars and histograms made of characters, for terminals and for an editor's statistics page.

/// A bar that is `width` characters long at `most`, accurate to an eighth of a character. A value
/// above zero is always visible.
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

/// Cells per power of ten on the scale of a [`Spread`].
pub const N_CELLS_A_POWER: usize = 4;
/// The labels of the powers of ten on that scale, in milliseconds, each as wide as its cells.
pub const SCALE: [&str; 6] = [".01 ", ".1  ", "1   ", "10  ", "100 ", "1 s "];
/// The power of ten of the first cell, in milliseconds.
pub const FIRST_POWER: f64 = -2.0;
const N_CELLS: usize = N_CELLS_A_POWER * SCALE.len();

/// A histogram from 0.01 ms to 10 s with four cells per power of ten. Times outside of this range
/// are counted in the first or the last cell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Spread([u64; N_CELLS]);

impl Spread {
    /// Adds `n` times of `ms` milliseconds.
    pub fn add(&mut self, ms: f64, n: u64) {
        let cell = ((ms.log10() - FIRST_POWER) * N_CELLS_A_POWER as f64).floor();
        // Casting a NaN or a negative number yields 0.
        self.0[(cell as usize).min(N_CELLS - 1)] += n;
    }

    /// The number of times.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The cells, shortest times first.
    #[must_use]
    pub fn cells(&self) -> &[u64] {
        &self.0
    }

    /// One character per cell, as high as the cell's share; blank for an empty cell.
    #[must_use]
    pub fn text(&self) -> String {
        const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let most = self.0.iter().copied().max().unwrap_or_default().max(1);
        let text: String =
            self.0.iter().map(|n| HEIGHTS[(n * 8).div_ceil(most) as usize]).collect();
        text.trim_end().to_owned()
    }
}

/// The header of a table of [`times_row`]s, whose names have `name_width` characters.
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

/// A row of a table of times: median, 95th and 99th percentile, maximum, count and histogram.
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

/// A number with three significant digits, or a dash for `None`.
#[must_use]
pub fn figure(value: Option<f64>) -> String {
    let n_decimals = match value.map_or(0.0, f64::abs) {
        it if it < 1.0 => 3,
        it if it < 10.0 => 2,
        it if it < 1000.0 => 1,
        _ => 0,
    };
    rounded(value, n_decimals)
}

/// A number with so many decimals, or a dash for `None`.
#[must_use]
pub fn rounded(value: Option<f64>, n_decimals: usize) -> String {
    value.filter(|it| !it.is_nan()).map_or("-".to_owned(), |it| format!("{it:.n_decimals$}"))
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
    fn bars_are_exact_to_an_eighth() {
        let bars = [0.0, 0.001, 1.0, 2.5, 7.9, 8.0, 9.0].map(|it| format!("|{}|", bar(it, 8.0, 8)));
        expect!["|| |▏| |█| |██▌| |███████▉| |████████| |████████|"].assert_eq(&bars.join(" "));
        assert_eq!(
            [bar(1.0, 0.0, 8), bar(f64::NAN, 1.0, 8), bar(0.0, 0.0, 8)].concat().len(),
            8 * 3
        );
    }

    #[test]
    fn times_are_aligned_with_the_scale() {
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
    fn invalid_times_are_in_the_first_cell() {
        let mut spread = Spread::default();
        for ms in [f64::NAN, -1.0, 0.0, f64::NEG_INFINITY] {
            spread.add(ms, 1);
        }
        assert_eq!(spread.text(), "█");
    }
}
