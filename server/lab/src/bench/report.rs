//! Prints measurements as they are made, draws them in the terminal, and keeps them for the HTML
//! page.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use foretell_session::stats::{
    draw::{Spread, bar, figure, times_head, times_row},
    quantile,
};

/// The width of the longest bar in the terminal, in characters.
const BAR_CHARS: usize = 40;
/// The width of the column of row names, in characters.
const NAME_CHARS: usize = 30;

/// A chart of measurements.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Chart {
    /// One bar for each row and series.
    Bars(Bars),
    /// Distributions of times.
    Times {
        title: &'static str,
        /// Each row's name and its times in milliseconds.
        rows: Vec<(String, Vec<f64>)>,
    },
}

/// A bar chart with one bar for each row and series.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Bars {
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) is_more_better: bool,
    /// The names of what is compared.
    pub(crate) series: Vec<&'static str>,
    /// Each row's name, and its value in each series.
    pub(crate) rows: Vec<(String, Vec<f64>)>,
}

impl Bars {
    /// The unit, and whether more or less of it is better.
    pub(super) fn unit_line(&self) -> String {
        let better = if self.is_more_better { "more" } else { "less" };
        format!("{}, {better} is better", self.unit)
    }

    /// The largest value, or 0.
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

/// The median, p95, p99 and maximum of times; `None` if there are none.
pub(super) fn quantiles(times: &[f64]) -> [Option<f64>; 4] {
    [0.5, 0.95, 0.99, 1.0].map(|q| quantile(times, q))
}

/// The distribution of times in milliseconds.
pub(super) fn spread(times: &[f64]) -> Spread {
    let mut spread = Spread::default();
    times.iter().for_each(|ms| spread.add(*ms, 1));
    spread
}

/// A writer to the terminal that keeps all output and charts for the HTML page.
pub(super) struct Report<W> {
    out: W,
    /// All bytes written so far.
    pub(super) printed: Vec<u8>,
    /// All charts so far.
    pub(super) charts: Vec<Chart>,
}

impl<W: Write> Report<W> {
    pub(super) fn new(out: W) -> Self {
        Self { out, printed: Vec::new(), charts: Vec::new() }
    }

    /// Prints a bar chart and keeps it.
    pub(super) fn bars(&mut self, bars: Bars) -> io::Result<()> {
        self.write_all(bars.text().as_bytes())?;
        self.keep_bars(bars);
        self.flush()
    }

    /// Keeps a bar chart whose figures are already printed.
    pub(super) fn keep_bars(&mut self, bars: Bars) {
        self.charts.push(Chart::Bars(bars));
    }

    /// Starts a table of times.
    pub(super) fn times(&mut self, title: &'static str) -> io::Result<()> {
        writeln!(self, "\n{title}\n{}", times_head("  ms", NAME_CHARS + 2))?;
        self.charts.push(Chart::Times { title, rows: Vec::new() });
        self.flush()
    }

    /// Adds a row to the table of times started last.
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
