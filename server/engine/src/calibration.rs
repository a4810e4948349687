//! Calibration: how often texts are correct, given the probability that a model assigns to them.
//!
//! A model may be overconfident or underconfident. A calibration is measured for one model and one
//! weight format (`foretell eval --calibrate`); `model-scripts/BUNDLE.md` specifies its file. It
//! maps the probability of a text, the product of its tokens' probabilities, to the share of such
//! texts that are correct. A correct text has a correct beginning, so the calibrated probability of
//! a part, given the text before it, is a quotient. Like the product, the calibrated probability
//! only falls along a text, so shown text still only grows.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

/// The file in a bundle's folder. The manifest does not list it, because users may replace it.
pub const FILE: &str = "calibration.json";
/// The supported file format.
const FORMAT: u32 = 1;
const MAX_BYTES: u64 = 1 << 20;
const MAX_POINTS: usize = 1000;

/// The log-probability below which the curve is extended with the model's own slope: no threshold
/// is that low.
const LEAST: f64 = -20.0;

/// Why a calibration is ignored.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The file cannot be read.
    #[error("{path}: {source}; using uncalibrated probabilities", path = .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The I/O error.
        source: io::Error,
    },
    /// The file is not a valid [`Calibration`] of the model.
    #[error(
        "{path}: {message}; using uncalibrated probabilities (`foretell eval --calibrate` makes a \
         new calibration)",
        path = .path.display()
    )]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The reason, for the log.
        message: String,
    },
}

/// The kinds of places that calibrations distinguish.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// After code on the cursor's line.
    #[default]
    MidLine,
    /// After a line's indentation.
    LineStart,
}

impl Place {
    /// All kinds.
    pub const ALL: [Self; 2] = [Self::MidLine, Self::LineStart];
}

/// Maps the probability of a text to the share of such texts that are correct. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<[f64; 2]>", into = "Vec<[f64; 2]>")]
pub struct Curve {
    /// Pairs of the model's probability and the share, both ascending. Interpolated linearly,
    /// starting at (0, 0).
    points: Arc<[[f64; 2]]>,
}

impl TryFrom<Vec<[f64; 2]>> for Curve {
    type Error = String;

    fn try_from(points: Vec<[f64; 2]>) -> Result<Self, String> {
        if points.is_empty() || points.len() > MAX_POINTS {
            return Err(format!("a curve has 1 to {MAX_POINTS} points, not {}", points.len()));
        }
        let is_within = |it: f64| it > 0.0 && it <= 1.0;
        if let Some(point) = points.iter().find(|[x, y]| !is_within(*x) || !is_within(*y)) {
            return Err(format!("the point {point:?} is not between 0 and 1"));
        }
        if let Some(pair) = points.windows(2).find(|it| it[0][0] >= it[1][0] || it[0][1] > it[1][1])
        {
            return Err(format!("the points {pair:?} are not ascending"));
        }
        Ok(Self { points: points.into() })
    }
}

impl From<Curve> for Vec<[f64; 2]> {
    fn from(curve: Curve) -> Self {
        curve.points.to_vec()
    }
}

impl Curve {
    /// The share of correct texts among those with this probability.
    #[must_use]
    pub fn share(&self, probability: f64) -> f64 {
        let next = self.points.partition_point(|[x, _]| *x < probability);
        let Some([x1, y1]) = self.points.get(next) else {
            return self.points.last().map_or(probability, |[_, y]| *y);
        };
        let [x0, y0] = next.checked_sub(1).map_or([0.0, 0.0], |i| self.points[i]);
        y0 + (y1 - y0) * (probability - x0) / (x1 - x0)
    }

    /// [`Self::share`] for logarithms. At most 0, finite for finite values, and monotonic.
    #[must_use]
    pub fn log_share(&self, log_probability: f64) -> f64 {
        if log_probability < LEAST {
            return self.log_share(LEAST) + (log_probability - LEAST);
        }
        self.share(log_probability.exp()).ln()
    }
}

/// The model that a calibration is for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// The bundle's name. Informational, because bundles may be renamed.
    pub model: String,
    /// The weight format, for example `mixed`.
    pub quantization: String,
    /// The hash of the checkpoint that the bundle was made from.
    pub source_sha256: String,
}

/// A model's calibration, and the content of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    format: u32,
    #[serde(flatten)]
    key: Key,
    /// The curve for places without a separate one.
    curve: Curve,
    /// Curves for places that differ from the others.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    places: BTreeMap<Place, Curve>,
}

impl Calibration {
    /// A calibration of a model.
    #[must_use]
    pub fn new(key: Key, curve: Curve, places: BTreeMap<Place, Curve>) -> Self {
        Self { format: FORMAT, key, curve, places }
    }

    /// The model that it was measured for.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The curve for a place.
    #[must_use]
    pub fn at(&self, place: Place) -> &Curve {
        self.places.get(&place).unwrap_or(&self.curve)
    }

    /// Reads a calibration from a file; `None` if there is no such file.
    ///
    /// # Errors
    /// If the file is unreadable or invalid, or belongs to another model.
    pub fn read(path: &Path, key: &Key) -> Result<Option<Self>, CalibrationError> {
        let unreadable = |source| CalibrationError::Unreadable { path: path.to_owned(), source };
        let invalid = |message| CalibrationError::Invalid { path: path.to_owned(), message };
        let mut text = String::new();
        match File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            file => file.and_then(|it| it.take(MAX_BYTES + 1).read_to_string(&mut text)),
        }
        .map_err(unreadable)?;
        if text.len() as u64 > MAX_BYTES {
            return Err(invalid(format!("larger than {MAX_BYTES} bytes")));
        }
        let it: Self = serde_json::from_str(&text)
            .map_err(|error| invalid(format!("not a calibration: {error}")))?;
        it.check(key).map_err(invalid)?;
        Ok(Some(it))
    }

    fn check(&self, key: &Key) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("format {} is not supported (expected {FORMAT})", self.format));
        }
        let same = [
            ("quantization", &self.key.quantization, &key.quantization),
            ("source_sha256", &self.key.source_sha256, &key.source_sha256),
        ];
        match same.into_iter().find(|(_, found, expected)| found != expected) {
            Some((field, found, expected)) => Err(format!(
                "made for another model: {field} is {found:?}, but the bundle's is {expected:?}"
            )),
            None => Ok(()),
        }
    }

    /// The calibration as JSON, in the format of its file.
    ///
    /// # Errors
    /// If serialization fails.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|it| it + "\n")
    }
}

/// A [`Curve`] along a text: turns the log-probability of each token into a calibrated one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Calibrator {
    curve: Option<Curve>,
    /// The model's log-probability of the text so far.
    sum: f64,
    /// The calibrated log-probability of the text so far; 0 for an empty text.
    calibrated: f64,
}

impl Calibrator {
    /// A calibrator at the start of a text. Without a curve it changes nothing.
    #[must_use]
    pub fn new(curve: Option<Curve>) -> Self {
        Self { curve, ..Self::default() }
    }

    /// The calibrated log-probability of the next token, given the text before it.
    pub fn next(&mut self, log_probability: f32) -> f32 {
        let Some(curve) = &self.curve else { return log_probability };
        self.sum += f64::from(log_probability.min(0.0));
        let before = std::mem::replace(&mut self.calibrated, curve.log_share(self.sum));
        let difference = self.calibrated - before;
        if difference.is_finite() { difference as f32 } else { log_probability }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn curve(points: &[[f64; 2]]) -> Curve {
        Curve::try_from(points.to_vec()).unwrap()
    }

    fn key() -> Key {
        let [model, quantization, source_sha256] = ["m", "mixed", "00ff"].map(String::from);
        Key { model, quantization, source_sha256 }
    }

    fn read(text: &str) -> Result<Option<Calibration>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, text).unwrap();
        Calibration::read(&path, &key()).map_err(|error| error.to_string())
    }

    #[test]
    fn curve_is_linear_between_its_points() {
        let it = curve(&[[0.5, 0.2], [0.9, 0.8]]);
        for (probability, share) in [(0.25, 0.1), (0.5, 0.2), (0.7, 0.5), (0.9, 0.8), (1.0, 0.8)] {
            assert!((it.share(probability) - share).abs() < 1e-12, "{probability}");
        }
        assert!((it.log_share(0.7f64.ln()) - 0.5f64.ln()).abs() < 1e-12);
        assert!(it.log_share(-1e6).is_finite());
    }

    #[test]
    fn beginning_of_a_text_carries_the_doubt() {
        let mut it = Calibrator::new(Some(curve(&[[0.5, 0.2], [1.0, 0.8]])));
        let found = [0.0, 0.5f32.ln(), 0.0].map(|lp| it.next(lp).exp());
        for (found, expected) in found.into_iter().zip([0.8, 0.25, 1.0]) {
            assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
        }
        let mut uncalibrated = Calibrator::default();
        assert_eq!(uncalibrated.next(-0.7), -0.7);
    }

    #[test]
    fn file_is_read_as_it_was_written() {
        let places = BTreeMap::from([(Place::LineStart, curve(&[[0.9, 0.5]]))]);
        let written = Calibration::new(key(), curve(&[[0.5, 0.2], [1.0, 0.8]]), places);
        let it = read(&written.to_json().unwrap()).unwrap().unwrap();
        assert_eq!(it, written);
        assert_eq!(it.at(Place::LineStart).share(0.9), 0.5);
        assert_eq!(it.at(Place::MidLine).share(0.5), 0.2);
        let missing = Calibration::read(Path::new("/no/such/file"), &key());
        assert_eq!(missing.unwrap(), None);
    }

    #[test]
    fn invalid_file_is_reported() {
        let with = |curve: &str, sha256: &str, format: u32| {
            format!(
                r#"{{"format": {format}, "model": "m", "quantization": "mixed",
                "source_sha256": "{sha256}", "curve": {curve}}}"#
            )
        };
        assert!(read(&with("[[1, 0.9]]", "00ff", 1)).is_ok());
        for (text, expected) in [
            ("{".to_owned(), "not a calibration: EOF"),
            (with("[[1, 0.9]]", "00ff", 2), "format 2 is not supported"),
            (with("[[1, 0.9]]", "beef", 1), r#"source_sha256 is "beef""#),
            (with("[]", "00ff", 1), "1 to 1000 points, not 0"),
            (with("[[1, 1.5]]", "00ff", 1), "[1.0, 1.5] is not between"),
            (with("[[0.2, 0]]", "00ff", 1), "[0.2, 0.0] is not between"),
            (with("[[0.5, 0.6], [0.5, 0.7]]", "00ff", 1), "are not ascending"),
            (with("[[0.5, 0.6], [0.7, 0.5]]", "00ff", 1), "are not ascending"),
            (with("[[1e400, 1]]", "00ff", 1), "not a calibration: number out of range"),
        ] {
            let error = read(&text).unwrap_err();
            assert!(error.contains(expected) && error.contains("uncalibrated"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn calibrated_text_only_gets_less_likely(
            xs in proptest::collection::btree_set(1..=1000u32, 1..8),
            mut ys in proptest::collection::vec(0.001f64..=1.0, 8),
            tokens in proptest::collection::vec(
                prop_oneof![8 => -9.0f32..=0.0, 1 => Just(0.0), 1 => Just(f32::NEG_INFINITY)], 0..40,
            ),
        ) {
            ys.sort_by(f64::total_cmp);
            let points = xs.iter().zip(&ys).map(|(x, y)| [f64::from(*x) / 1000.0, *y]).collect();
            let curve = Curve::try_from(Vec::from_iter::<Vec<_>>(points)).unwrap();
            let mut it = Calibrator::new(Some(curve.clone()));
            let (mut sum, mut calibrated) = (0.0, 0.0);
            for token in tokens {
                let next = it.next(token);
                prop_assert!(next <= 1e-6 && !next.is_nan(), "{next}");
                sum += f64::from(token);
                calibrated += f64::from(next);
                let expected = curve.log_share(sum);
                prop_assert!(sum.is_infinite() || (calibrated - expected).abs() < 1e-3);
            }
        }
    }
}
