//! What to prefill where the cursor rests, before the user types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What to prefill where the cursor rests, before the user types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Prefetch {
    /// How much to prefill on battery power: the prompt of the first suggestion (`narrow`), also a
    /// wider window if the cursor keeps resting (`whole`, as on mains power), or nothing until the
    /// user types (`off`).
    #[schemars(with = "String", extend("enum" = ["off", "narrow", "whole"]))]
    pub on_battery: OnBattery,
}

/// How much to prefill on battery power.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBattery {
    /// Nothing.
    Off,
    /// The narrow window of the first suggestion.
    #[default]
    Narrow,
    /// As much as on mains power.
    Whole,
}
