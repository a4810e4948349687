//! The charts of the HTML report.

use std::collections::BTreeMap;

use super::{
    reliability::Reliability,
    shown::{Curve, Shown, levels},
};
use crate::bench::report::{Bars, Chart};

/// Charts of what is shown at each threshold, for all cases and by group, and of the reliability of
/// probabilities.
pub(super) fn charts(
    [all, uncalibrated]: [&str; 2],
    thresholds: &BTreeMap<String, Curve>,
    reliability: &BTreeMap<String, Reliability>,
) -> Vec<Chart> {
    let mut charts = Vec::new();
    if let Some(curve) = thresholds.get(all) {
        let row = |figures: fn([f64; 4]) -> Vec<f64>| {
            let of =
                |(threshold, it): &(f32, Shown)| (threshold.to_string(), figures(it.figures()));
            curve.iter().map(of).collect()
        };
        charts.push(Chart::Bars(Bars {
            title: "Characters shown, by threshold",
            unit: "right and wrong characters per case",
            is_more_better: true,
            series: vec!["right", "wrong"],
            rows: row(|[_, _, right, wrong]| vec![right, wrong]),
        }));
        charts.push(Chart::Bars(Bars {
            title: "Suggestions shown, by threshold",
            unit: "percent of all cases, and of shown ones that are right",
            is_more_better: true,
            series: vec!["shown", "right when shown"],
            rows: row(|[shown, right, ..]| vec![100.0 * shown, 100.0 * right]),
        }));
    }
    if let Some(curve) = thresholds.get(all) {
        charts.push(Chart::Bars(Bars {
            title: "Keystrokes saved, by threshold",
            unit: "per case, minus 5 for each wrong suggestion shown",
            is_more_better: true,
            series: vec!["saved"],
            rows: curve.iter().map(|(at, it)| (at.to_string(), vec![it.net_saved()])).collect(),
        }));
    }
    for (title, is_wrong) in
        [("Right characters, by group", false), ("Wrong characters, by group", true)]
    {
        let rows = thresholds.iter().map(|(name, curve)| {
            let named = curve.iter().filter(|(threshold, _)| levels().contains(threshold));
            (name.clone(), named.map(|(_, it)| it.figures()[2 + usize::from(is_wrong)]).collect())
        });
        charts.push(Chart::Bars(Bars {
            title,
            unit: "characters per case",
            is_more_better: !is_wrong,
            series: vec!["everything", "eager", "balanced", "calm"],
            rows: rows.collect(),
        }));
    }
    for (title, name) in [("Reliability", all), ("Reliability without calibration", uncalibrated)] {
        let Some(it) = reliability.get(name) else { continue };
        let bins = it.bins.iter().filter(|it| it.samples > 0);
        charts.push(Chart::Bars(Bars {
            title,
            unit: "percent of places that are right, by mean probability in percent",
            is_more_better: true,
            series: vec!["right", "probability"],
            rows: bins
                .map(|it| {
                    let percent = [it.right, it.probability].map(|it| 100.0 * it);
                    (format!("{:.0} % ({} places)", percent[1], it.samples), percent.to_vec())
                })
                .collect(),
        }));
    }
    charts
}
