//! The library, its plugins, and sessions on a provider's device.

use std::path::Path;

use anyhow::Context;
use ort::{
    device::Device,
    environment::Environment,
    ep::{CUDA, CoreML, ExecutionProvider, coreml::ModelFormat},
    logging::LogLevel,
    memory::DeviceType,
    session::{Session, builder::SessionBuilder},
};
use parking_lot::Mutex;
use std::sync::{Arc, OnceLock};

use crate::{
    ModelError,
    bundle::Bundle,
    library::{RuntimeError, is_silent},
    plugins::Plugin,
    provider::{Provider, Unavailable},
};

/// The loaded library, and the plugins that were registered with it.
#[derive(Debug)]
pub(super) struct Runtime {
    environment: Environment,
    /// The library's version, without the patch level.
    version: String,
    /// Registering a plugin a second time makes it crash later.
    registered: Mutex<Vec<(Provider, Result<(), String>)>>,
}

/// Loads the library. It stays loaded until the process ends, so a second call with another path
/// returns the first one.
pub(super) fn runtime(library: &Path) -> Result<&'static Runtime, RuntimeError> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    if let Some(runtime) = RUNTIME.get() {
        return Ok(runtime);
    }
    if !is_silent() {
        return Err(RuntimeError::NotSilent);
    }
    let invalid = |message| RuntimeError::Unusable { path: library.to_owned(), message };
    let environment = ort::init_from(library)
        .map_err(|error| invalid(error.to_string()))?
        .with_telemetry(false)
        .with_logger(Arc::new(|level, _, _, _, message| log(level, message)))
        .build()
        .map_err(|error| invalid(error.to_string()))?;
    environment.set_log_level(LogLevel::Error);
    let minor = ort::util::probe(library).unwrap_or_default();
    let version = format!("1.{minor}");
    let runtime = Runtime { environment, version, registered: Mutex::default() };
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// The last error that a device reported. WebGPU reports errors to the log only: without this, an
/// evaluation whose buffer could not be allocated would return zeros.
static DEVICE_ERROR: Mutex<Option<String>> = Mutex::new(None);

fn log(level: LogLevel, message: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::warn!("ONNX Runtime: {message}"),
        LogLevel::Warning => tracing::debug!("ONNX Runtime: {message}"),
        LogLevel::Info | LogLevel::Verbose => {}
    }
    if level == LogLevel::Error && message.starts_with("WebGPU device error") {
        // The first line says it; the others say where.
        let first = message.lines().next().unwrap_or_default();
        DEVICE_ERROR.lock().get_or_insert_with(|| first.to_owned());
    }
}

/// Fails if a device has reported an error since the last call.
pub(super) fn check_device() -> Result<(), ModelError> {
    match DEVICE_ERROR.lock().take() {
        Some(message) => Err(ModelError::Failed(crate::Failure::message(message))),
        None => Ok(()),
    }
}

/// Changes the options of a session.
pub(super) type Configure = fn(SessionBuilder) -> Result<SessionBuilder, ort::Error>;

impl Runtime {
    /// The name of a provider's device.
    pub(super) fn device(&self, provider: Provider, library: &Path) -> Result<String, Unavailable> {
        if let Some(plugin) = Plugin::of(provider) {
            self.register(provider, plugin, library).map_err(Unavailable::Unusable)?;
            let device = self.plugin_device(provider).ok_or_else(|| {
                Unavailable::Unusable("no device for it was found on this machine".to_owned())
            })?;
            return Ok(describe(&device));
        }
        if !is_in_library(provider) {
            return Err(Unavailable::NotInLibrary);
        }
        let device = match provider {
            Provider::CoreMl => "Apple's GPU or Neural Engine",
            Provider::Cuda => "an NVIDIA GPU",
            _ => "the CPU",
        };
        Ok(device.to_owned())
    }

    /// Whether the library or an installed plugin contains a provider. The plugin is not loaded.
    pub(super) fn is_installed(&self, provider: Provider, library: &Path) -> bool {
        Plugin::of(provider)
            .map_or_else(|| is_in_library(provider), |plugin| plugin.is_installed(library))
    }

    fn register(
        &self,
        provider: Provider,
        plugin: &'static Plugin,
        library: &Path,
    ) -> Result<(), String> {
        let mut registered = self.registered.lock();
        if let Some((_, done)) = registered.iter().find(|(it, _)| *it == provider) {
            return done.clone();
        }
        // A missing file is looked for again: it may be installed meanwhile.
        let path = plugin.library(library, &self.version).map_err(|error| error.to_string())?;
        if provider == Provider::WebGpu {
            load_vulkan(&path)?;
        }
        let done = self
            .environment
            .register_ep_library(&plugin.ep, &path)
            .map_err(|error| format!("{}: {error}", path.display()));
        registered.push((provider, done.clone()));
        done
    }

    /// The device of a registered plugin; a GPU rather than another one.
    pub(super) fn plugin_device(&self, provider: Provider) -> Option<Device<'_>> {
        let ep = &Plugin::of(provider)?.ep;
        let is_its = |it: &Device<'_>| it.ep().is_ok_and(|name| name == ep);
        let is_gpu = |it: &Device<'_>| it.hardware_device().ty() == DeviceType::GPU;
        let find = |fits: &dyn Fn(&Device<'_>) -> bool| {
            self.environment.devices().find(|it| is_its(it) && fits(it))
        };
        find(&is_gpu).or_else(|| find(&|_| true))
    }

    /// A session on a bundle's graph. If the graph with shared weights does not load, the one for
    /// every machine is used: sharing is not worth the model.
    pub(super) fn open(
        &self,
        bundle: &Bundle,
        provider: Provider,
        n_threads: usize,
    ) -> anyhow::Result<Session> {
        let open = |path: &Path| {
            self.open_graph(path, provider, n_threads, Ok)
                .map_err(|error| explain(provider, error))
                .with_context(|| format!("{}", path.display()))
        };
        let portable = bundle.portable_model();
        // Only the CPU uses packed weights.
        if provider != Provider::Cpu || bundle.model() == portable {
            return open(&portable);
        }
        open(&bundle.model()).or_else(|error| {
            tracing::warn!("the weights are not shared with other servers: {error:#}");
            open(&portable)
        })
    }

    /// A session on one of several graphs with the same weights, and whether the CPU computes a part
    /// of it.
    pub(super) fn open_fixed(
        &self,
        model: &Path,
        provider: Provider,
        n_threads: usize,
    ) -> Result<(Session, bool), ModelError> {
        let open = |configure: Configure| self.open_graph(model, provider, n_threads, configure);
        if provider == Provider::Cpu {
            // The graphs share the mapped weights; a packed copy would be private to each.
            return open(|builder| Ok(builder.with_prepacking(false)?)).map(|it| (it, false));
        }
        // Never run on a Mac.
        open_with_rest_on_cpu(open)
    }

    pub(super) fn open_graph(
        &self,
        model: &Path,
        provider: Provider,
        n_threads: usize,
        configure: Configure,
    ) -> Result<Session, ModelError> {
        let builder = Session::builder(&self.environment)?;
        let mut builder = configure(builder)?;
        match provider {
            // The graphs use operators that the older format lacks. Not `with_static_input_shapes`:
            // with it, Core ML computes wrong values in float16 on macOS 15.
            Provider::CoreMl => {
                CoreML::default()
                    .with_model_format(ModelFormat::MLProgram)
                    .register(&mut builder)?;
            }
            Provider::Cuda => CUDA::default().register(&mut builder)?,
            Provider::Cpu => {}
            Provider::Mlx | Provider::WebGpu => {
                builder = builder
                    .with_devices(self.plugin_device(provider), None)
                    .map_err(ort::Error::from)?;
                // A node on the CPU would copy its inputs and outputs at each step. MLX shares its
                // memory, and leaves it the embedding.
                if provider == Provider::WebGpu {
                    builder = builder.with_disable_cpu_fallback().map_err(ort::Error::from)?;
                }
            }
        }
        let builder = builder
            .with_intra_threads(n_threads)
            .map_err(ort::Error::from)?
            // A spinning thread takes time from everything else: on a shared machine, a step took
            // twice as long with spinning. Idle threads must sleep.
            .with_intra_op_spinning(false)
            .map_err(ort::Error::from)?
            .with_inter_threads(1)
            .map_err(ort::Error::from)?;
        Ok({ builder }.commit_from_file(model)?)
    }
}

fn is_in_library(provider: Provider) -> bool {
    match provider {
        Provider::CoreMl => CoreML::is_available().unwrap_or(false),
        Provider::Cuda => CUDA::is_available().unwrap_or(false),
        _ => provider == Provider::Cpu,
    }
}

/// A session in which the CPU computes the operators that the provider lacks, and whether there are
/// any.
pub(super) fn open_with_rest_on_cpu(
    open: impl Fn(Configure) -> Result<Session, ModelError>,
) -> Result<(Session, bool), ModelError> {
    open(|builder| Ok(builder.with_disable_cpu_fallback()?)).map(|it| (it, false)).or_else(|why| {
        let session = open(Ok)?;
        tracing::info!("the CPU computes a part of a graph: {why}");
        Ok((session, true))
    })
}

fn describe(device: &Device<'_>) -> String {
    let hardware = device.hardware_device();
    let vendor = hardware.vendor().unwrap_or("unknown");
    match hardware.ty() {
        DeviceType::GPU => format!("{vendor} GPU {:#x}", hardware.id()),
        DeviceType::CPU => format!("a software driver on the {vendor} CPU"),
        other => format!("{vendor} {other:?}"),
    }
}

/// The plugin loads Vulkan itself, but reports a missing loader like a missing driver.
fn load_vulkan(plugin: &Path) -> Result<(), String> {
    const LOADER: &str = "libvulkan.so.1";
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let beside = plugin.with_file_name(LOADER);
    let loaded = match beside.is_file() {
        true => ort::util::preload_dylib(beside),
        false => ort::util::preload_dylib(LOADER),
    };
    loaded.map_err(|error| {
        format!(
            "the Vulkan loader is missing (Debian and Ubuntu: `apt install libvulkan1`, \
             Fedora: `dnf install vulkan-loader`): {error}"
        )
    })
}

/// Says what a provider's message means, if it is known.
fn explain(provider: Provider, error: ModelError) -> anyhow::Error {
    let text = error.to_string();
    let error = anyhow::Error::new(error);
    let known = [
        (
            "Failed to get a WebGPU adapter",
            "no graphics driver that WebGPU can use: on Linux, it takes a Vulkan driver \
             (Debian and Ubuntu: `apt install mesa-vulkan-drivers` for Intel and AMD)",
        ),
        (
            "fallback to CPU EP has been explicitly disabled",
            "it does not implement the whole graph; import the model with its target",
        ),
    ];
    match known.iter().find(|(part, _)| text.contains(part)) {
        Some((_, meaning)) => error.context(format!("{}: {meaning}", provider.name())),
        None => error,
    }
}
