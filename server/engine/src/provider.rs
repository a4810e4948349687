//! Which execution provider runs the model, and why not another one.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// An execution provider of ONNX Runtime.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Apple's Core ML.
    CoreMl,
    /// NVIDIA's CUDA.
    Cuda,
    /// The CPU; every library contains it.
    Cpu,
}

impl Provider {
    /// All providers, the fastest first.
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

    /// The package with a library that contains it.
    fn remedy(self) -> &'static str {
        match self {
            Self::CoreMl => "a macOS build of ONNX Runtime",
            Self::Cuda => "the one that `foretell setup --provider cuda` fetches, and CUDA 13",
            Self::Cpu => "the one that `foretell setup` installs",
        }
    }
}

/// The setting `model.provider`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Setting {
    /// The first suitable provider.
    #[default]
    Auto,
    /// This provider, or an error.
    Only(Provider),
}

impl Setting {
    /// The replacement for a provider that failed, if the choice is automatic. The CPU also runs
    /// the graphs for CUDA, slowly.
    #[must_use]
    pub fn after(self, failed: Provider) -> Option<Provider> {
        (self == Self::Auto && failed == Provider::Cuda).then_some(Provider::Cpu)
    }

    fn fits(self, provider: Provider, target: &str) -> bool {
        let insists = self == Self::Only(Provider::Cpu) && provider == Provider::Cpu;
        provider.name() == target || (insists && target == Provider::Cuda.name())
    }
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

/// Why a provider cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PassedOver {
    /// The provider.
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
                write!(
                    f,
                    "{name}: the model's graph is for {target}; \
                     import it with the target {name} for this"
                )
            }
        }
    }
}

/// The selected provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The provider.
    pub provider: Provider,
    /// Those before it, with the reasons.
    pub passed_over: Vec<PassedOver>,
}

/// No provider can run the graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no way to compute: {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
pub struct NoneFits(pub Vec<PassedOver>);

/// The provider for a graph made for `target`, and those that were skipped.
///
/// # Errors
/// The reason for each provider if none fits.
pub fn choose(
    setting: Setting,
    target: &str,
    is_in_library: impl Fn(Provider) -> bool,
) -> Result<Choice, NoneFits> {
    let wanted: &[Provider] = match &setting {
        Setting::Auto => &Provider::ALL,
        Setting::Only(provider) => std::slice::from_ref(provider),
    };
    let mut passed_over = Vec::new();
    for &provider in wanted {
        let reason = if !setting.fits(provider, target) {
            Reason::OtherTarget(target.to_owned())
        } else if !is_in_library(provider) {
            Reason::NotInLibrary
        } else {
            return Ok(Choice { provider, passed_over });
        };
        passed_over.push(PassedOver { provider, reason });
    }
    Err(NoneFits(passed_over))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(passed_over: &[PassedOver]) -> Vec<String> {
        passed_over.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn first_usable_provider_is_chosen() {
        let only_cpu = |provider| provider == Provider::Cpu;
        let Choice { provider, passed_over } = choose(Setting::Auto, "cpu", only_cpu).unwrap();
        assert_eq!(provider, Provider::Cpu);
        assert_eq!(
            reasons(&passed_over),
            [
                "coreml: the model's graph is for cpu; import it with the target coreml for this",
                "cuda: the model's graph is for cpu; import it with the target cuda for this",
            ]
        );
    }

    #[test]
    fn graph_target_selects_the_provider() {
        let chosen = |target| choose(Setting::Auto, target, |_| true).unwrap().provider;
        assert_eq!((chosen("cuda"), chosen("cpu")), (Provider::Cuda, Provider::Cpu));
        assert!(choose(Setting::Auto, "abacus", |_| true).is_err());
    }

    #[test]
    fn unusable_graph_gives_a_reason_per_provider() {
        let only_cpu = |provider| provider == Provider::Cpu;
        let error = choose(Setting::Auto, "cuda", only_cpu).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no way to compute: \
             coreml: the model's graph is for cuda; import it with the target coreml for this; \
             cuda: the ONNX Runtime library was built without it; \
             it takes the one that `foretell setup --provider cuda` fetches, and CUDA 13; \
             cpu: the model's graph is for cuda; import it with the target cpu for this"
        );
        let error = choose(Setting::Only(Provider::Cuda), "cpu", |_| true).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no way to compute: \
             cuda: the model's graph is for cpu; import it with the target cuda for this"
        );
    }

    #[test]
    fn cpu_replaces_cuda_only_if_automatic() {
        assert_eq!(Setting::Auto.after(Provider::Cuda), Some(Provider::Cpu));
        assert_eq!(Setting::Auto.after(Provider::Cpu), None);
        assert_eq!(Setting::Only(Provider::Cuda).after(Provider::Cuda), None);
        // An explicit choice is respected.
        let chosen = choose(Setting::Only(Provider::Cpu), "cuda", |_| true).unwrap();
        assert_eq!(chosen.provider, Provider::Cpu);
        assert!(choose(Setting::Only(Provider::Cpu), "coreml", |_| true).is_err());
    }

    #[test]
    fn setting_is_parsed_from_its_name() {
        assert_eq!("auto".parse(), Ok(Setting::Auto));
        assert_eq!("cuda".parse(), Ok(Setting::Only(Provider::Cuda)));
        assert!("gpu".parse::<Setting>().is_err());
    }
}
