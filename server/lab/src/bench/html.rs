//! Renders the measurements as an HTML page: one file without scripts or external resources.

use std::fmt::{self, Display, Formatter, Write};

use foretell_session::stats::draw::{FIRST_POWER, N_CELLS_A_POWER, SCALE, figure};

use super::report::{Bars, Chart, quantiles, spread};

const STYLE: &str = include_str!("page.css");
// Sizes in units of the SVG view box.
const WIDTH: f64 = 760.0;
const NAME_WIDTH: f64 = 210.0;
const VALUE_WIDTH: f64 = 90.0;
const BAR_HEIGHT: f64 = 16.0;

/// Renders the page of a command from facts about the machine, the charts, and the printed output.
///
/// # Errors
/// Never: writing to a string does not fail.
pub(crate) fn page(
    command: &str,
    facts: &[(&str, String)],
    charts: &[Chart],
    printed: &str,
) -> Result<String, fmt::Error> {
    let mut out = String::new();
    writeln!(out, "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">")?;
    writeln!(out, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")?;
    writeln!(out, "<title>{command}</title>\n<style>\n{STYLE}</style>")?;
    writeln!(out, "<main>\n<h1>{command}</h1>\n<dl>")?;
    for (name, value) in facts {
        writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", Text(name), Text(value))?;
    }
    writeln!(out, "</dl>")?;
    for chart in charts {
        match chart {
            Chart::Bars(it) => write_bars(&mut out, it)?,
            Chart::Times { title, rows } => write_times(&mut out, title, rows)?,
        }
    }
    writeln!(out, "<details><summary>All that was printed</summary>")?;
    writeln!(out, "<pre>{}</pre></details>\n</main>\n</html>", Text(printed.trim()))?;
    Ok(out)
}

/// Text escaped for HTML elements and attributes.
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            '"' => f.write_str("&quot;"),
            c => f.write_char(c),
        })
    }
}

fn write_head(out: &mut String, title: &str, unit: &str, series: &[&str]) -> fmt::Result {
    write!(out, "<figure>\n<figcaption><h2>{}</h2><p>{}</p>", Text(title), Text(unit))?;
    if series.len() > 1 {
        write!(out, "<p>")?;
        for (i, name) in series.iter().enumerate() {
            write!(out, "<span class=\"key s{i}\">{}</span>", Text(name))?;
        }
        write!(out, "</p>")?;
    }
    writeln!(out, "</figcaption>")
}

fn open_svg(out: &mut String, height: f64, title: &str) -> fmt::Result {
    let title = Text(title);
    writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">")
}

fn write_text(out: &mut String, class: &str, x: f64, y: f64, text: &str) -> fmt::Result {
    writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", Text(text))
}

fn write_bars(out: &mut String, bars: &Bars) -> fmt::Result {
    const GAP: f64 = 12.0;
    let row_height = BAR_HEIGHT * bars.series.len() as f64 + GAP;
    write_head(out, bars.title, &bars.unit_line(), &bars.series)?;
    open_svg(out, row_height * bars.rows.len() as f64, bars.title)?;
    let longest = WIDTH - NAME_WIDTH - VALUE_WIDTH;
    for (i, (name, values)) in bars.rows.iter().enumerate() {
        let top = row_height * i as f64 + GAP / 2.0;
        let middle = top + (row_height - GAP) / 2.0;
        write_text(out, "name", NAME_WIDTH - 10.0, middle + 4.5, name)?;
        for (series, value) in values.iter().enumerate() {
            let y = top + BAR_HEIGHT * series as f64;
            let share = value / bars.most();
            let width = if share.is_nan() { 0.0 } else { (share * longest).max(1.0) };
            writeln!(
                out,
                "<rect class=\"s{series}\" x=\"{NAME_WIDTH}\" y=\"{:.1}\" width=\"{width:.1}\" \
                 height=\"{:.1}\" rx=\"2\"/>",
                y + 1.0,
                BAR_HEIGHT - 2.0
            )?;
            let value = figure(Some(*value));
            write_text(out, "value", NAME_WIDTH + width + 8.0, y + BAR_HEIGHT / 2.0 + 4.5, &value)?;
        }
    }
    writeln!(out, "</svg>\n</figure>")
}

fn write_times(out: &mut String, title: &str, rows: &[(String, Vec<f64>)]) -> fmt::Result {
    const ROW: f64 = 54.0;
    const PLOT: f64 = 36.0;
    const AXIS: f64 = 22.0;
    let lines = "solid line: median, dashed line: p99";
    write_head(out, title, &format!("milliseconds, logarithmic scale; {lines}"), &[])?;
    let bottom = ROW * rows.len() as f64;
    open_svg(out, bottom + AXIS, title)?;
    let power_width = (WIDTH - NAME_WIDTH - 2.0 * VALUE_WIDTH) / SCALE.len() as f64;
    let cell_width = power_width / N_CELLS_A_POWER as f64;
    for (i, name) in SCALE.iter().enumerate() {
        let x = NAME_WIDTH + power_width * i as f64;
        writeln!(out, "<path class=\"grid\" d=\"M{x:.1} 0V{bottom}\"/>")?;
        write_text(out, "tick", x, bottom + 15.0, name.trim())?;
    }
    for (i, (name, times)) in rows.iter().enumerate() {
        let base = ROW * (i + 1) as f64 - 6.0;
        write_text(out, "name", NAME_WIDTH - 10.0, base - PLOT / 2.0 + 4.5, name)?;
        let spread = spread(times);
        let most = spread.cells().iter().copied().max().unwrap_or_default().max(1) as f64;
        for (cell, n) in spread.cells().iter().enumerate().filter(|(_, n)| **n > 0) {
            let height = (*n as f64 / most * PLOT).max(2.0);
            writeln!(
                out,
                "<rect class=\"s0\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{height:.1}\"/>",
                NAME_WIDTH + cell_width * cell as f64 + 0.5,
                base - height,
                cell_width - 1.0
            )?;
        }
        let [p50, _, p99, _] = quantiles(times);
        for (ms, class) in [(p50, "median"), (p99, "p99")] {
            if let Some(ms) = ms {
                let x = NAME_WIDTH
                    + power_width * (ms.log10() - FIRST_POWER).clamp(0.0, SCALE.len() as f64);
                writeln!(
                    out,
                    "<path class=\"{class}\" d=\"M{x:.1} {:.1}V{base:.1}\"/>",
                    base - PLOT - 4.0
                )?;
            }
        }
        let x = WIDTH - 2.0 * VALUE_WIDTH + 16.0;
        let of = |ms| format!("{} ms", figure(ms));
        let (half, most) = (base - PLOT / 2.0 - 4.0, base - PLOT / 2.0 + 13.0);
        write_text(out, "value", x, half, &format!("median {}", of(p50)))?;
        write_text(out, "value faint", x, most, &format!("p99 {}, n {}", of(p99), times.len()))?;
    }
    writeln!(out, "</svg>\n</figure>")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    fn charts() -> [Chart; 2] {
        let bars = Bars {
            title: "reading <a prompt>",
            unit: "tokens a second",
            is_more_better: true,
            series: vec!["foretell", "llama.cpp"],
            rows: vec![("128".into(), vec![200.0, 50.0])],
        };
        let rows = vec![("10 KB".into(), vec![0.05, 1.5, 1.5]), ("none".into(), vec![])];
        [Chart::Bars(bars), Chart::Times { title: "a key", rows }]
    }

    #[test]
    fn bars_are_to_scale_and_text_is_escaped() {
        let page = page("foretell bench", &[], &charts()[..1], "a < b & c").unwrap();
        let figure = page.split_once("<figure>").unwrap().1;
        expect![[r#"

            <figcaption><h2>reading &lt;a prompt&gt;</h2><p>tokens a second, more is better</p><p><span class="key s0">foretell</span><span class="key s1">llama.cpp</span></p></figcaption>
            <svg viewBox="0 0 760 44" role="img" aria-label="reading &lt;a prompt&gt;">
            <text class="name" x="200.0" y="26.5">128</text>
            <rect class="s0" x="210" y="7.0" width="460.0" height="14.0" rx="2"/>
            <text class="value" x="678.0" y="18.5">200.0</text>
            <rect class="s1" x="210" y="23.0" width="115.0" height="14.0" rx="2"/>
            <text class="value" x="333.0" y="34.5">50.0</text>
            </svg>
            </figure>
            <details><summary>All that was printed</summary>
            <pre>a &lt; b &amp; c</pre></details>
            </main>
            </html>
        "#]]
        .assert_eq(figure);
    }

    #[test]
    fn times_are_placed_on_the_scale() {
        let page = page("foretell bench", &[("model", "a\"b".into())], &charts()[1..], "").unwrap();
        assert!(page.contains("<dt>model</dt><dd>a&quot;b</dd>"), "{page}");
        let drawn: Vec<&str> = page.lines().filter(|it| it.contains("class=\"s0\"")).collect();
        expect![[r#"
            [
                "<rect class=\"s0\" x=\"241.3\" y=\"30.0\" width=\"14.4\" height=\"18.0\"/>",
                "<rect class=\"s0\" x=\"333.8\" y=\"12.0\" width=\"14.4\" height=\"36.0\"/>",
            ]
        "#]]
        .assert_debug_eq(&drawn);
        assert!(page.contains("median 1.50 ms") && page.contains("median - ms"), "{page}");
    }

    #[test]
    fn page_loads_no_resources() {
        let page = page("foretell bench", &[], &charts(), "").unwrap();
        for foreign in ["http", "src=", "<script", "<link", "@import", "url("] {
            assert!(!page.contains(foreign), "{foreign}");
        }
    }
}
