//! What is prefilled where the cursor rests, before the user types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is prefilled where the cursor rests, before the user types.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Prefetch {
    /// How much is prefilled while the machine runs on battery: what the first suggestion needs
    /// (`narrow`), more if the cursor rests longer (`whole`, as on mains power), or nothing until
    /// the user types (`off`).
    #[schemars(with = "String", extend("enum" = ["off", "narrow", "whole"]))]
    pub on_battery: OnBattery,
}

/// How much is prefilled on battery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnBattery {
    /// Nothing.
    Off,
    /// The narrow window, for the first suggestion.
    #[default]
    Narrow,
    /// As much as on mains power.
    Whole,
}
