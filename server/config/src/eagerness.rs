//! How sure the model must be of a suggestion.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

/// The value of `suggest.eagerness`.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub enum Eagerness {
    /// Few suggestions, most of them right.
    Calm,
    /// Between `Calm` and `Eager`.
    #[default]
    Balanced,
    /// More suggestions, and more wrong ones.
    Eager,
    /// The minimum probability of a text, from 0 to 1.
    Threshold(f64),
}

impl Eagerness {
    /// The minimum probability of shown text; `None` shows everything.
    #[must_use]
    pub fn min_probability(self) -> Option<f32> {
        match self {
            Self::Calm => Some(0.25),
            Self::Balanced => Some(foretell_policy::DEFAULT_MIN_PROBABILITY),
            Self::Eager => Some(0.05),
            Self::Threshold(threshold) => Some(threshold as f32).filter(|it| *it > 0.0),
        }
    }
}

impl Serialize for Eagerness {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Calm => to.serialize_str("calm"),
            Self::Balanced => to.serialize_str("balanced"),
            Self::Eager => to.serialize_str("eager"),
            Self::Threshold(threshold) => to.serialize_f64(*threshold),
        }
    }
}

impl<'de> Deserialize<'de> for Eagerness {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let invalid = || D::Error::custom("must be calm, balanced, eager, or a number from 0 to 1");
        match Values::deserialize(from).map_err(|_| invalid())? {
            Values::Name(Name::Calm) => Ok(Self::Calm),
            Values::Name(Name::Balanced) => Ok(Self::Balanced),
            Values::Name(Name::Eager) => Ok(Self::Eager),
            Values::Threshold(it) if (0.0..=1.0).contains(&it) => Ok(Self::Threshold(it)),
            Values::Threshold(_) => Err(invalid()),
        }
    }
}

/// The values as written in a settings file.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Values {
    /// A named level.
    Name(Name),
    /// Any other minimum probability.
    Threshold(#[schemars(range(min = 0, max = 1))] f64),
}

/// The named levels.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Name {
    Calm,
    Balanced,
    Eager,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_and_numbers_set_the_minimum_probability() {
        let of = |value| serde_json::from_value::<Eagerness>(value).map(Eagerness::min_probability);
        let found = [json!("calm"), json!("balanced"), json!("eager"), json!(0.25), json!(1)];
        let expected = [0.25, 0.1, 0.05, 0.25, 1.0].map(Some);
        assert_eq!(found.map(|it| of(it).unwrap()), expected);
        assert_eq!(of(json!(0)).unwrap(), None, "0 shows everything");
        for invalid in [json!("brave"), json!(1.5), json!(-1), json!(true), json!(null)] {
            let error = of(invalid.clone()).unwrap_err().to_string();
            assert!(error.contains("must be calm, balanced, eager"), "{invalid}: {error}");
        }
    }

    #[test]
    fn values_survive_serialization() {
        for it in [Eagerness::Calm, Eagerness::Balanced, Eagerness::Threshold(0.25)] {
            let value = serde_json::to_value(it).unwrap();
            assert_eq!(serde_json::from_value::<Eagerness>(value).unwrap(), it);
        }
    }

    #[test]
    fn min_certainty_sets_the_minimum_probability() {
        let suggest = |value| serde_json::from_value::<crate::Suggest>(value).unwrap();
        assert_eq!(suggest(json!({"min_certainty": 60})).min_probability(), Some(0.6));
        let both = suggest(json!({"min_certainty": 60, "eagerness": "eager"}));
        assert_eq!(both.min_probability(), Some(0.05));
    }
}
