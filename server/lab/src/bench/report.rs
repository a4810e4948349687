//! What was measured: printed as it comes, drawn in the terminal, and kept for the page.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use foretell_session::stats::{
    draw::{Spread, bar, figure, times_head, times_row},
    quantile,
};

/// How wide the longest bar is in the terminal, in characters.
const BAR_CHARS: usize = 40;
/// How wide the names of rows are, in characters.
const NAME_CHARS: usize = 30;

/// What is drawn of some figures.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Chart {
    /// A bar for each row and each of those that are compared.
    Bars(Bars),
    /// How times are spread.
    Times {
        /// What they are the times of.
        title: &'static str,
        /// A name and its times in milliseconds.
        rows: Vec<(String, Vec<f64>)>,
    },
}

/// A bar for each row and each of those that are compared.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Bars {
    pub(super) title: &'static str,
    pub(super) unit: &'static str,
    pub(super) is_more_better: bool,
    /// Those that are compared.
    pub(super) series: Vec<&'static str>,
    /// A name, and a value for each of the series.
    pub(super) rows: Vec<(String, Vec<f64>)>,
}

impl Bars {
    /// What the length of a bar means.
    pub(super) fn unit_line(&self) -> String {
        let better = if self.is_more_better { "more" } else { "less" };
        format!("{}, {better} is better", self.unit)
    }

    /// The longest bar's value.
    pub(super) fn most(&self) -> f64 {
        self.rows.iter().flat_map(|(_, values)| values).copied().fold(0.0, f64::max)
    }

    fn text(&self) -> String {
        let mut text = format!("\n{}: {}\n", self.title, self.unit_line());
        let width = match self.series[..] {
            [_] => 0,
            _ => self.series.iter().map(|it| it.len() + 1).max().unwrap_or_default(),
        };
        for (name, values) in &self.rows {
            for (i, (value, series)) in values.iter().zip(&self.series).enumerate() {
                let name = if i == 0 { name } else { "" };
                let series = if width == 0 { "" } else { series };
                let bar = bar(*value, self.most(), BAR_CHARS);
                let value = figure(Some(*value));
                // Writing to a string does not fail.
                let _ = writeln!(text, "  {name:<NAME_CHARS$} {series:<width$}{value:>8} {bar}");
            }
        }
        text
    }
}

/// The quantiles that are shown of some times: where half, 95 % and 99 % of them end, the longest.
pub(super) fn quantiles(times: &[f64]) -> [Option<f64>; 4] {
    [0.5, 0.95, 0.99, 1.0].map(|q| quantile(times, q))
}

/// How some times are spread.
pub(super) fn spread(times: &[f64]) -> Spread {
    let mut spread = Spread::default();
    times.iter().for_each(|ms| spread.add(*ms, 1));
    spread
}

/// Prints and keeps. What is written to it goes to the terminal.
pub(super) struct Report<W> {
    out: W,
    /// All that was printed.
    pub(super) printed: Vec<u8>,
    /// All that was drawn.
    pub(super) charts: Vec<Chart>,
}

impl<W: Write> Report<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, printed: Vec::new(), charts: Vec::new() }
    }

    /// Prints the bars.
    pub(super) fn bars(&mut self, bars: Bars) -> io::Result<()> {
        self.write_all(bars.text().as_bytes())?;
        self.keep_bars(bars);
        self.flush()
    }

    /// Keeps bars whose figures are printed already.
    pub(super) fn keep_bars(&mut self, bars: Bars) {
        self.charts.push(Chart::Bars(bars));
    }

    /// Begins a table of times.
    pub(super) fn times(&mut self, title: &'static str) -> io::Result<()> {
        writeln!(self, "\n{title}\n{}", times_head("  ms", NAME_CHARS + 2))?;
        self.charts.push(Chart::Times { title, rows: Vec::new() });
        self.flush()
    }

    /// Adds a row to the table of times that was begun last.
    pub(super) fn times_of(&mut self, name: &str, times: Vec<f64>) -> io::Result<()> {
        let row = times_row(name, NAME_CHARS, quantiles(&times), &spread(&times));
        writeln!(self, "  {row}")?;
        if let Some(Chart::Times { rows, .. }) = self.charts.last_mut() {
            rows.push((name.to_owned(), times));
        }
        self.flush()
    }
}

impl<W: Write> Write for Report<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.out.write(bytes)?;
        self.printed.extend(&bytes[..n]);
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn charts_are_printed_in_order() {
        let mut report = Report::new(Vec::new());
        let mut bars = Bars {
            title: "reading a prompt",
            unit: "tokens a second",
            is_more_better: true,
            series: vec!["foretell", "llama.cpp"],
            rows: vec![("128".into(), vec![200.0, 100.0]), ("512".into(), vec![150.0, f64::NAN])],
        };
        report.bars(bars.clone()).unwrap();
        bars.series.truncate(1);
        report.bars(bars).unwrap();
        report.times("a key").unwrap();
        report.times_of("10 KB", vec![0.5, 0.6, 7.0]).unwrap();
        report.times_of("none", vec![]).unwrap();
        expect![[r#"

            reading a prompt: tokens a second, more is better
              128                            foretell     200.0 ████████████████████████████████████████
                                             llama.cpp    100.0 ████████████████████
              512                            foretell     150.0 ██████████████████████████████
                                             llama.cpp        - 

            reading a prompt: tokens a second, more is better
              128                               200.0 ████████████████████████████████████████
              512                               150.0 ██████████████████████████████

            a key
              ms                               median      p95      p99     most   times  .01 .1  1   10  100 1 s
              10 KB                             0.600     7.00     7.00     7.00       3        ██   █
              none                                  -        -        -        -       0
        "#]]
        .assert_eq(&String::from_utf8(report.out.clone()).unwrap());
        assert_eq!((report.charts.len(), &report.printed), (3, &report.out));
    }
}
