//! Edits that are offered after the user's own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Edits that are offered after the user's own: one place is changed, and the others are offered
/// one after the other. `suggest.enabled`, `suggest.languages` and `suggest.exclude` apply to them,
/// too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NextEdit {
    /// Whether edits are offered, in editors that can show them.
    pub enabled: bool,
    /// Which edits are offered. `calm`: the other places of a renamed variable, parameter, function
    /// or type; `balanced`: also those of fields and methods, and the last change at other places that
    /// look the same, if the model on this machine agrees; `eager`: where it cannot judge, also a
    /// change that was made twice.
    #[schemars(with = "String", extend("enum" = ["calm", "balanced", "eager"]))]
    pub eagerness: EditEagerness,
}

impl Default for NextEdit {
    fn default() -> Self {
        Self { enabled: true, eagerness: EditEagerness::default() }
    }
}

/// The value of `next_edit.eagerness`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum EditEagerness {
    /// Names that the text declares.
    Calm,
    /// Also members of types, and edits that the model prefers.
    #[default]
    Balanced,
    /// Also a repeated change, without the model.
    Eager,
}
