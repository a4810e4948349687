//! The models that can be fetched: the catalogue of the model scripts.

use std::collections::BTreeMap;

use serde::Deserialize;

const CATALOGUE: &str = include_str!("../../../../model-scripts/foretell_models/catalogue.toml");

/// A model that is known.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    /// The name for people.
    pub(super) title: String,
    /// An SPDX expression where there is one.
    pub(super) licence: String,
    /// Whether fetching and importing it was seen to work.
    #[serde(default = "yes")]
    pub(super) tried: bool,
    sources: Vec<Source>,
}

#[derive(Debug, Deserialize)]
struct Source {
    size: Option<u64>,
}

fn yes() -> bool {
    true
}

impl Entry {
    /// What is fetched, in bytes, where the catalogue says it.
    pub(super) fn n_bytes(&self) -> Option<u64> {
        self.sources.first()?.size
    }
}

/// The models by name.
pub(super) fn entries() -> anyhow::Result<BTreeMap<String, Entry>> {
    #[derive(Deserialize)]
    struct Catalogue {
        models: BTreeMap<String, Entry>,
    }
    Ok(toml::from_str::<Catalogue>(CATALOGUE)?.models)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_read_and_has_the_default_model() {
        let entries = entries().unwrap();
        let default = &entries[foretell::bundle::DEFAULT_MODEL];
        assert_eq!((default.licence.as_str(), default.tried), ("Apache-2.0", true));
        assert_eq!(default.n_bytes(), Some(491_400_064));
        assert!(entries.values().any(|it| !it.tried && it.n_bytes().is_none()));
    }
}
