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
    /// Apple's MLX, a plugin.
    Mlx,
    /// WebGPU, a plugin: Vulkan, Direct3D 12 or Metal.
    WebGpu,
    /// The CPU; every library contains it.
    Cpu,
}

impl Provider {
    /// All providers.
    pub const ALL: [Self; 5] = [Self::CoreMl, Self::Cuda, Self::Mlx, Self::WebGpu, Self::Cpu];

    /// Those that `auto` considers before a measurement.
    const AUTOMATIC: [Self; 4] = [Self::CoreMl, Self::Cuda, Self::Mlx, Self::Cpu];

    /// Its name in settings and in a bundle's manifest.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CoreMl => "coreml",
            Self::Cuda => "cuda",
            Self::Mlx => "mlx",
            Self::WebGpu => "webgpu",
            Self::Cpu => "cpu",
        }
    }

    /// The package with a library that contains it.
    fn remedy(self) -> &'static str {
        match self {
            Self::CoreMl => "a macOS build of ONNX Runtime",
            Self::Cuda => "the one that `foretell setup --provider cuda` fetches, and CUDA 13",
            // Plugins have reasons of their own.
            Self::Mlx | Self::WebGpu => "its plugin",
            Self::Cpu => "the one that `foretell setup` installs",
        }
    }

    /// Whether it runs a graph at full speed. WebGPU and the CPU share their graphs, except for the
    /// recipes that only the CPU computes.
    fn runs(self, graph: Graph<'_>) -> bool {
        let shared = [Self::Cpu.name(), Self::WebGpu.name()];
        match self {
            Self::Cpu => shared.contains(&graph.target),
            Self::WebGpu => shared.contains(&graph.target) && !graph.is_for_cpu_only(),
            _ => self.name() == graph.target,
        }
    }
}

/// The fields of a manifest that decide which providers run its graph.
#[derive(Debug, Clone, Copy)]
pub struct Graph<'a> {
    /// The provider that the graph was made for.
    pub target: &'a str,
    /// How the weights are stored.
    pub recipe: &'a str,
}

impl Graph<'_> {
    fn is_for_cpu_only(self) -> bool {
        self.recipe == "w8a8"
    }
}

/// The setting `model.provider`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Setting {
    /// The fastest provider whose results agree with the CPU's.
    #[default]
    Auto,
    /// This provider, or an error.
    Only(Provider),
}

impl Setting {
    /// The replacement for a provider that failed, if the choice is automatic. The CPU also runs
    /// the graphs for other providers, slowly.
    #[must_use]
    pub fn after(self, failed: Provider) -> Option<Provider> {
        (self == Self::Auto && failed != Provider::Cpu).then_some(Provider::Cpu)
    }

    fn fits(self, provider: Provider, graph: Graph<'_>) -> bool {
        let insists = self == Self::Only(Provider::Cpu) && provider == Provider::Cpu;
        let of_gpu = [Provider::CoreMl, Provider::Cuda, Provider::Mlx].map(Provider::name);
        provider.runs(graph) || (insists && of_gpu.contains(&graph.target))
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
        provider.map(Self::Only).ok_or_else(|| {
            format!("{name:?} is no provider; there are auto, cpu, webgpu, cuda, coreml and mlx")
        })
    }
}

/// Why a provider cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PassedOver {
    /// The provider.
    pub provider: Provider,
    reason: Reason,
}

/// Why a provider cannot be used, whatever the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unavailable {
    /// The library does not contain it.
    NotInLibrary,
    /// Its plugin, driver or device is missing or cannot be used: the reason.
    Unusable(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    Unavailable(Unavailable),
    OtherTarget(String),
    OtherRecipe(String),
}

impl Unavailable {
    /// The reason, with the provider's name.
    #[must_use]
    pub fn describe(self, provider: Provider) -> String {
        PassedOver { provider, reason: Reason::Unavailable(self) }.to_string()
    }
}

impl fmt::Display for PassedOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.provider.name();
        match &self.reason {
            Reason::Unavailable(Unavailable::NotInLibrary) => write!(
                f,
                "{name}: the ONNX Runtime library was built without it; it takes {}",
                self.provider.remedy()
            ),
            Reason::Unavailable(Unavailable::Unusable(reason)) => write!(f, "{name}: {reason}"),
            Reason::OtherRecipe(recipe) => {
                write!(
                    f,
                    "{name}: only the CPU computes the model's recipe {recipe}; \
                     import it with the target {name} for this"
                )
            }
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

/// The provider for a graph, and those that were skipped. `device` returns the name of a provider's
/// device.
///
/// # Errors
/// The reason for each provider if none fits.
pub fn choose(
    setting: Setting,
    graph: Graph<'_>,
    device: impl Fn(Provider) -> Result<String, Unavailable>,
) -> Result<Choice, NoneFits> {
    let wanted: &[Provider] = match &setting {
        Setting::Auto => &Provider::AUTOMATIC,
        Setting::Only(provider) => std::slice::from_ref(provider),
    };
    let mut passed_over = Vec::new();
    for &provider in wanted {
        match check(setting, provider, graph, &device) {
            Ok(()) => return Ok(Choice { provider, passed_over }),
            Err(reason) => passed_over.push(reason),
        }
    }
    Err(NoneFits(passed_over))
}

/// The installed providers: those that a graph fits, and why it does not fit the others. Nothing is
/// loaded, so a driver may still be missing.
pub fn installed(
    graph: Graph<'_>,
    is_installed: impl Fn(Provider) -> bool,
) -> Vec<Result<Provider, PassedOver>> {
    let installed = Provider::ALL.into_iter().filter(|it| is_installed(*it));
    installed.map(|it| fit(Setting::Only(it), it, graph).map(|()| it)).collect()
}

fn check(
    setting: Setting,
    provider: Provider,
    graph: Graph<'_>,
    device: impl Fn(Provider) -> Result<String, Unavailable>,
) -> Result<(), PassedOver> {
    fit(setting, provider, graph)?;
    let unavailable = |why| PassedOver { provider, reason: Reason::Unavailable(why) };
    device(provider).map(drop).map_err(unavailable)
}

fn fit(setting: Setting, provider: Provider, graph: Graph<'_>) -> Result<(), PassedOver> {
    if setting.fits(provider, graph) {
        return Ok(());
    }
    let is_recipe = provider == Provider::WebGpu && graph.target == Provider::Cpu.name();
    let reason = match is_recipe {
        true => Reason::OtherRecipe(graph.recipe.to_owned()),
        false => Reason::OtherTarget(graph.target.to_owned()),
    };
    Err(PassedOver { provider, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(passed_over: &[PassedOver]) -> Vec<String> {
        passed_over.iter().map(ToString::to_string).collect()
    }

    fn of(target: &str) -> Graph<'_> {
        Graph { target, recipe: "mixed" }
    }

    fn only_cpu(provider: Provider) -> Result<String, Unavailable> {
        (provider == Provider::Cpu).then(|| "x86".to_owned()).ok_or(Unavailable::NotInLibrary)
    }

    fn all(provider: Provider) -> Result<String, Unavailable> {
        Ok(provider.name().to_owned())
    }

    #[test]
    fn first_usable_provider_is_chosen() {
        let Choice { provider, passed_over } = choose(Setting::Auto, of("cpu"), only_cpu).unwrap();
        assert_eq!(provider, Provider::Cpu);
        assert_eq!(
            reasons(&passed_over),
            [
                "coreml: the model's graph is for cpu; import it with the target coreml for this",
                "cuda: the model's graph is for cpu; import it with the target cuda for this",
                "mlx: the model's graph is for cpu; import it with the target mlx for this",
            ]
        );
    }

    #[test]
    fn graph_target_selects_the_provider() {
        let chosen = |target| choose(Setting::Auto, of(target), all).unwrap().provider;
        assert_eq!((chosen("cuda"), chosen("cpu")), (Provider::Cuda, Provider::Cpu));
        assert_eq!((chosen("coreml"), chosen("mlx")), (Provider::CoreMl, Provider::Mlx));
        assert!(choose(Setting::Auto, of("abacus"), all).is_err());
    }

    #[test]
    fn unusable_graph_gives_a_reason_per_provider() {
        let error = choose(Setting::Auto, of("cuda"), only_cpu).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no way to compute: \
             coreml: the model's graph is for cuda; import it with the target coreml for this; \
             cuda: the ONNX Runtime library was built without it; \
             it takes the one that `foretell setup --provider cuda` fetches, and CUDA 13; \
             mlx: the model's graph is for cuda; import it with the target mlx for this; \
             cpu: the model's graph is for cuda; import it with the target cpu for this"
        );
        let error = choose(Setting::Only(Provider::Cuda), of("cpu"), all).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no way to compute: \
             cuda: the model's graph is for cpu; import it with the target cuda for this"
        );
    }

    #[test]
    fn cpu_replaces_others_only_if_automatic() {
        assert_eq!(Setting::Auto.after(Provider::Cuda), Some(Provider::Cpu));
        assert_eq!(Setting::Auto.after(Provider::WebGpu), Some(Provider::Cpu));
        assert_eq!(Setting::Auto.after(Provider::Cpu), None);
        assert_eq!(Setting::Only(Provider::Cuda).after(Provider::Cuda), None);
        // An explicit choice is respected.
        let chosen = choose(Setting::Only(Provider::Cpu), of("cuda"), all).unwrap();
        assert_eq!(chosen.provider, Provider::Cpu);
        assert!(choose(Setting::Only(Provider::Cpu), of("coreml"), all).is_ok());
    }

    #[test]
    fn webgpu_and_the_cpu_share_graphs_except_for_the_recipe_of_the_cpu() {
        for target in ["cpu", "webgpu"] {
            let chosen = choose(Setting::Only(Provider::WebGpu), of(target), all).unwrap();
            assert_eq!(chosen.provider, Provider::WebGpu);
            assert_eq!(choose(Setting::Auto, of(target), all).unwrap().provider, Provider::Cpu);
        }
        let graph = Graph { target: "cpu", recipe: "w8a8" };
        let error = choose(Setting::Only(Provider::WebGpu), graph, all).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no way to compute: webgpu: only the CPU computes the model's recipe w8a8; \
             import it with the target webgpu for this"
        );
    }

    #[test]
    fn installed_providers_fit_or_have_a_reason() {
        let list = |graph, is_installed: fn(Provider) -> bool| {
            let found = installed(graph, is_installed).into_iter();
            found
                .map(|it| it.map_or_else(|why| why.to_string(), |it| it.name().to_owned()))
                .collect::<Vec<_>>()
        };
        let is_installed = |it| matches!(it, Provider::WebGpu | Provider::Cpu);
        assert_eq!(list(of("cpu"), is_installed), ["webgpu", "cpu"]);
        assert_eq!(list(of("cpu"), |it| it == Provider::Cpu), ["cpu"]);
        assert_eq!(
            list(Graph { target: "cpu", recipe: "w8a8" }, is_installed),
            [
                "webgpu: only the CPU computes the model's recipe w8a8; \
                 import it with the target webgpu for this",
                "cpu",
            ]
        );
    }

    #[test]
    fn setting_is_parsed_from_its_name() {
        assert_eq!("auto".parse(), Ok(Setting::Auto));
        assert_eq!("cuda".parse(), Ok(Setting::Only(Provider::Cuda)));
        assert!("gpu".parse::<Setting>().is_err());
    }
}
