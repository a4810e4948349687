//! The catalogue of models that can be fetched, from the model scripts.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

const CATALOGUE: &str = include_str!("../../../../model-scripts/foretell_models/catalogue.toml");

/// A model in the catalogue.
#[derive(Debug, Deserialize)]
pub(crate) struct Entry {
    /// The display name.
    pub(crate) title: String,
    /// An SPDX expression if there is one for the licence.
    pub(crate) licence: String,
    /// Whether fetching and importing it was tried successfully.
    #[serde(default = "yes")]
    pub(crate) tried: bool,
    sources: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct Source {
    size: Option<u64>,
    /// The package's name; `{n}` stands for the number of a part.
    package: Option<String>,
    version: Option<String>,
    #[serde(default = "one")]
    parts: usize,
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Entry {
    /// The download size in bytes, if the catalogue has it.
    pub(crate) fn n_bytes(&self) -> Option<u64> {
        self.sources.first()?.size
    }
}

/// The catalogue's models by name.
///
/// # Errors
/// If the embedded catalogue is invalid.
pub(crate) fn entries() -> anyhow::Result<BTreeMap<String, Entry>> {
    #[derive(Deserialize)]
    struct Catalogue {
        models: BTreeMap<String, Entry>,
    }
    Ok(toml::from_str::<Catalogue>(CATALOGUE)?.models)
}

/// The packages, as `name==version`, that contain the parts of a model; empty for a model from a
/// hub.
///
/// # Errors
/// If the catalogue does not have the model.
pub(crate) fn packages(name: &str) -> anyhow::Result<Vec<String>> {
    let entries = entries()?;
    let entry = entries.get(name).with_context(|| {
        format!("there is no model {name:?}: `foretell model list` shows all models")
    })?;
    let source = entry.sources.first();
    let Some((Some(package), Some(version))) = source.map(|it| (&it.package, &it.version)) else {
        return Ok(vec![]);
    };
    let parts = 1..=source.map_or(1, |it| it.parts);
    Ok(parts.map(|n| format!("{}=={version}", package.replace("{n}", &n.to_string()))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_read_and_has_the_default_model() {
        let entries = entries().unwrap();
        let default = &entries[foretell_engine::bundle::DEFAULT_MODEL];
        assert_eq!((default.licence.as_str(), default.tried), ("Apache-2.0", true));
        assert_eq!(default.n_bytes(), Some(491_400_064));
        assert!(entries.values().any(|it| !it.tried && it.n_bytes().is_none()));
    }
}
