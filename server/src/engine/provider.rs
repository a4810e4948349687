//! On what the model computes: which execution provider, and why not another one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Apple's Core ML.
    CoreMl,
    /// NVIDIA's CUDA.
    Cuda,
    /// The processor; every library has it.
    Cpu,
}

impl Provider {
    /// All, the fastest where it is there first.
    pub const ALL: [Self; 3] = [Self::CoreMl, Self::Cuda, Self::Cpu];

    /// Its name in settings and in a bundle's manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CoreMl => "coreml",
            Self::Cuda => "cuda",
            Self::Cpu => "cpu",
        }
    }

    /// What to install for a library that has it.
    fn remedy(self) -> &'static str {
        match self {
            Self::CoreMl => "a macOS build of ONNX Runtime",
            Self::Cuda => "the library from the `onnxruntime-gpu` package, and CUDA",
            Self::Cpu => "the library that `make model` installs",
        }
    }
}

/// What the user wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Setting {
    /// The first that fits.
    #[default]
    Auto,
    /// This one or an error.
    Only(Provider),
}

impl TryFrom<String> for Setting {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        name.parse()
    }
}

impl From<Setting> for String {
    fn from(setting: Setting) -> Self {
        match setting {
            Setting::Auto => "auto",
            Setting::Only(provider) => provider.name(),
        }
        .to_owned()
    }
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        if name == "auto" {
            return Ok(Self::Auto);
        }
        let provider = Provider::ALL.into_iter().find(|provider| provider.name() == name);
        provider
            .map(Self::Only)
            .ok_or_else(|| format!("{name:?} is no provider; there are auto, cpu, cuda and coreml"))
    }
}

/// Why a provider can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PassedOver {
    /// Which one.
    pub provider: Provider,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    NotInLibrary,
    OtherTarget(String),
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.provider.name();
        match &self.reason {
            Reason::NotInLibrary => write!(
                f,
                "{name}: the ONNX Runtime library was built without it; it takes {}",
                self.provider.remedy()
            ),
            Reason::OtherTarget(target) => {
                write!(f, "{name}: the model's graph is for {target}; import it with that target")
            }
        }
    }
}

/// The provider for a graph made for `target`, and those that were passed over before it.
///
/// # Errors
/// The reason of the last one if none fits.
pub fn choose(
    setting: Setting,
    target: &str,
    is_in_library: impl Fn(Provider) -> bool,
) -> Result<(Provider, Vec<PassedOver>), PassedOver> {
    let wanted: &[Provider] = match &setting {
        Setting::Auto => &Provider::ALL,
        Setting::Only(provider) => std::slice::from_ref(provider),
    };
    let mut passed_over = Vec::new();
    for &provider in wanted {
        let reason = if !is_in_library(provider) {
            Reason::NotInLibrary
        } else if provider.name() != target {
            Reason::OtherTarget(target.to_owned())
        } else {
            return Ok((provider, passed_over));
        };
        passed_over.push(PassedOver { provider, reason });
    }
    let unknown =
        || PassedOver { provider: Provider::Cpu, reason: Reason::OtherTarget(target.to_owned()) };
    Err(passed_over.pop().unwrap_or_else(unknown))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_fits_is_taken_and_the_others_have_a_reason() {
        let only_cpu = |provider| provider == Provider::Cpu;
        let (provider, passed_over) = choose(Setting::Auto, "cpu", only_cpu).unwrap();
        assert_eq!(provider, Provider::Cpu);
        let reasons: Vec<String> = passed_over.iter().map(ToString::to_string).collect();
        assert_eq!(
            reasons,
            [
                "coreml: the ONNX Runtime library was built without it; \
                 it takes a macOS build of ONNX Runtime",
                "cuda: the ONNX Runtime library was built without it; \
                 it takes the library from the `onnxruntime-gpu` package, and CUDA",
            ]
        );
    }

    #[test]
    fn the_graph_decides_where_several_are_there() {
        assert_eq!(choose(Setting::Auto, "cuda", |_| true).unwrap().0, Provider::Cuda);
        assert_eq!(choose(Setting::Auto, "cpu", |_| true).unwrap().0, Provider::Cpu);
        let error = choose(Setting::Only(Provider::Cuda), "cpu", |_| true).unwrap_err();
        let expected = "cuda: the model's graph is for cpu; import it with that target";
        assert_eq!(error.to_string(), expected);
        assert!(choose(Setting::Auto, "abacus", |_| true).is_err());
    }

    #[test]
    fn a_setting_is_read_from_its_name() {
        assert_eq!("auto".parse(), Ok(Setting::Auto));
        assert_eq!("cuda".parse(), Ok(Setting::Only(Provider::Cuda)));
        assert!("gpu".parse::<Setting>().is_err());
    }
}
