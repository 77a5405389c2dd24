//! Where nets run: what this machine has, and what is chosen from it and why.

use std::fmt;
use std::panic::catch_unwind;
use std::pin::pin;
use std::str::FromStr;
use std::task::{Context, Poll, Waker};

use burn::tensor::wgpu::{WgpuBackend, wgpu};
use burn::tensor::{Device, DeviceKind};
use serde::{Deserialize, Serialize};

/// Most adapters that are listed.
const ADAPTERS_MAX: usize = 16;

/// Polls until listing adapters counts as hung; natively the first one answers.
const POLLS_MAX: usize = 1_000;

/// What the operator asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceChoice {
    /// A GPU if there is one, else the CPU.
    #[default]
    Auto,
    /// A GPU through Vulkan.
    Vulkan,
    /// A GPU through whichever graphics API works.
    Wgpu,
    /// The CPU.
    Cpu,
}

/// The graphics API an adapter is reached by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GraphicsApi {
    /// Vulkan, with kernels in SPIR-V.
    Vulkan,
    /// Metal.
    Metal,
    /// Direct3D 12.
    Dx12,
}

/// What an adapter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdapterKind {
    /// A card of its own.
    Discrete,
    /// Part of the processor.
    Integrated,
    /// A share of a card, given to a virtual machine.
    Virtual,
    /// A program that draws on the CPU.
    Software,
    /// The driver does not say.
    Unknown,
}

/// One adapter on one graphics API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adapter {
    /// The driver's name of it.
    pub name: String,
    /// How it is reached.
    pub api: GraphicsApi,
    /// What it is.
    pub kind: AdapterKind,
    /// Its number among the adapters of its kind on its API, from 0.
    pub index: usize,
    /// The largest buffer that a kernel may use, bytes.
    pub buffer_bytes_max: u64,
}

/// A device that a scorer can be put on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeviceSpec {
    /// `cpu`, `vulkan:NAME` or `wgpu:NAME`.
    pub label: String,
    /// The adapter behind it; none is the CPU.
    pub adapter: Option<Adapter>,
}

/// What was chosen, best first, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Selection {
    /// Devices to try in this order; the last one is always the CPU.
    pub devices: Vec<DeviceSpec>,
    /// The reason in words, for the log.
    pub reason: String,
}

/// Why a device cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The word names no choice.
    #[error("{0:?} is no device: auto, vulkan, wgpu and cpu are")]
    UnknownChoice(String),
    /// The machine has no adapter for the choice.
    #[error("{choice} was asked for, but {found}")]
    NoAdapter {
        /// What was asked for.
        choice: DeviceChoice,
        /// What the machine has instead.
        found: String,
    },
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
            Self::Cpu => "cpu",
        })
    }
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        [Self::Auto, Self::Vulkan, Self::Wgpu, Self::Cpu]
            .into_iter()
            .find(|choice| choice.to_string() == word)
            .ok_or_else(|| DeviceError::UnknownChoice(word.to_owned()))
    }
}

impl Adapter {
    /// Whether it is hardware made for this.
    fn is_hardware(&self) -> bool {
        matches!(self.kind, AdapterKind::Discrete | AdapterKind::Integrated | AdapterKind::Virtual)
    }
}

impl DeviceSpec {
    /// The CPU, which every machine has.
    pub fn cpu() -> Self {
        Self { label: "cpu".to_owned(), adapter: None }
    }

    /// Whether this is the CPU.
    pub fn is_cpu(&self) -> bool {
        self.adapter.is_none()
    }

    /// The largest buffer that a kernel may use, bytes; none where only the memory sets a limit.
    pub(crate) fn buffer_bytes_max(&self) -> Option<u64> {
        self.adapter.as_ref().map(|adapter| adapter.buffer_bytes_max)
    }

    fn on(adapter: &Adapter) -> Self {
        let path = if adapter.api == GraphicsApi::Vulkan { "vulkan" } else { "wgpu" };
        Self { label: format!("{path}:{}", adapter.name), adapter: Some(adapter.clone()) }
    }

    /// The burn device. Opens a GPU, so it may panic where the driver does: call it guarded.
    pub(crate) fn open(&self) -> Result<Device, String> {
        let Some(adapter) = &self.adapter else { return Ok(Device::flex()) };
        let kind = match adapter.kind {
            AdapterKind::Discrete => DeviceKind::DiscreteGpu(adapter.index),
            AdapterKind::Integrated => DeviceKind::IntegratedGpu(adapter.index),
            AdapterKind::Virtual => DeviceKind::VirtualGpu(adapter.index),
            AdapterKind::Software => DeviceKind::Cpu,
            AdapterKind::Unknown => DeviceKind::DefaultDevice,
        };
        match adapter.api {
            GraphicsApi::Vulkan => Ok(Device::vulkan(kind)),
            GraphicsApi::Metal => pinned(kind, WgpuBackend::Metal),
            GraphicsApi::Dx12 => pinned(kind, WgpuBackend::Dx12),
        }
    }
}

/// A device on one API; a second scorer on it shares the runtime that the first one started.
fn pinned(kind: DeviceKind, api: WgpuBackend) -> Result<Device, String> {
    static OPENED: std::sync::Mutex<Vec<(DeviceKind, WgpuBackend, Device)>> =
        std::sync::Mutex::new(Vec::new());
    let mut opened = OPENED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some((.., device)) = opened.iter().find(|(k, a, _)| *k == kind && *a == api) {
        return Ok(device.clone());
    }
    let options = Device::wgpu_options().device_kind(kind.clone()).graphics_api(api);
    let device = options.init().map_err(|e| e.to_string())?;
    opened.push((kind, api, device.clone()));
    Ok(device)
}

/// The adapters of this machine that Vulkan, Metal or Direct3D 12 reaches; empty where there is no driver or no
/// loader.
///
/// OpenGL is left alone: on a machine without a screen its loader writes complaints to the terminal, and its
/// driver compiles a kernel for minutes.
pub fn adapters() -> Vec<Adapter> {
    let listed = catch_unwind(|| {
        const APIS: [(GraphicsApi, wgpu::Backends); 3] = [
            (GraphicsApi::Vulkan, wgpu::Backends::VULKAN),
            (GraphicsApi::Metal, wgpu::Backends::METAL),
            (GraphicsApi::Dx12, wgpu::Backends::DX12),
        ];
        APIS.into_iter().flat_map(|(api, backends)| adapters_on(api, backends)).collect::<Vec<_>>()
    });
    let mut adapters = listed.unwrap_or_default();
    adapters.truncate(ADAPTERS_MAX);
    adapters
}

fn adapters_on(api: GraphicsApi, backends: wgpu::Backends) -> Vec<Adapter> {
    if !wgpu::Instance::enabled_backend_features().intersects(backends) {
        return Vec::new();
    }
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let mut found: Vec<Adapter> = Vec::new();
    for adapter in answer(instance.enumerate_adapters(backends)).unwrap_or_default() {
        let info = adapter.get_info();
        let kind = match info.device_type {
            wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
            wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
            wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
            wgpu::DeviceType::Cpu => AdapterKind::Software,
            wgpu::DeviceType::Other => AdapterKind::Unknown,
        };
        let index = found.iter().filter(|other| other.kind == kind).count();
        let limits = adapter.limits();
        let buffer_bytes_max = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        found.push(Adapter { name: info.name, api, kind, index, buffer_bytes_max });
    }
    found
}

/// The value of a future that is ready as soon as it is asked; none if it never is.
fn answer<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..POLLS_MAX).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    })
}

/// Chooses devices for this machine.
///
/// # Errors
///
/// A choice other than `auto` and `cpu` for which there is no adapter.
pub fn select(choice: DeviceChoice) -> Result<Selection, DeviceError> {
    match choice {
        DeviceChoice::Cpu => {
            Ok(Selection { devices: vec![DeviceSpec::cpu()], reason: "the CPU was asked for".to_owned() })
        }
        _ => select_among(choice, &adapters()),
    }
}

/// The choice itself, for any list of adapters.
///
/// Software adapters are never taken: their Vulkan driver brings the process down on SPIR-V kernels, and they would
/// compute on the CPU, which is here without them.
fn select_among(choice: DeviceChoice, adapters: &[Adapter]) -> Result<Selection, DeviceError> {
    let usable = |adapter: &&Adapter| match choice {
        DeviceChoice::Cpu => false,
        DeviceChoice::Auto => adapter.is_hardware(),
        DeviceChoice::Vulkan => adapter.is_hardware() && adapter.api == GraphicsApi::Vulkan,
        DeviceChoice::Wgpu => adapter.is_hardware(),
    };
    let mut chosen: Vec<&Adapter> = adapters.iter().filter(usable).collect();
    chosen.sort_by_key(|adapter| (rank(adapter.kind), adapter.api != GraphicsApi::Vulkan, adapter.index));
    let found = describe(adapters);
    let Some(best) = chosen.first() else {
        return match choice {
            DeviceChoice::Auto | DeviceChoice::Cpu => {
                Ok(Selection { devices: vec![DeviceSpec::cpu()], reason: format!("{found}: using the CPU") })
            }
            _ => Err(DeviceError::NoAdapter { choice, found }),
        };
    };
    let reason = format!("{choice}: {} is the best of what this machine has; the CPU stands by", best.name);
    let devices = std::iter::once(DeviceSpec::on(best)).chain([DeviceSpec::cpu()]).collect();
    Ok(Selection { devices, reason })
}

fn rank(kind: AdapterKind) -> u8 {
    match kind {
        AdapterKind::Discrete => 0,
        AdapterKind::Integrated => 1,
        AdapterKind::Virtual => 2,
        AdapterKind::Unknown => 3,
        AdapterKind::Software => 4,
    }
}

fn describe(adapters: &[Adapter]) -> String {
    if adapters.is_empty() {
        return "this machine has no graphics adapter or no driver for one".to_owned();
    }
    let names: Vec<String> =
        adapters.iter().map(|a| format!("{} ({:?}, {:?})", a.name, a.kind, a.api)).collect();
    format!("this machine has only {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, api: GraphicsApi, kind: AdapterKind) -> Adapter {
        Adapter { name: name.to_owned(), api, kind, index: 0, buffer_bytes_max: 128 << 20 }
    }

    #[test]
    fn words_round_trip() {
        for word in ["auto", "vulkan", "wgpu", "cpu"] {
            let choice: DeviceChoice = word.parse().unwrap();
            assert_eq!(choice.to_string(), word);
            assert_eq!(serde_json::to_string(&choice).unwrap(), format!("\"{word}\""));
        }
        assert!("GPU".parse::<DeviceChoice>().is_err());
    }

    #[test]
    fn the_cpu_is_always_the_last_resort() {
        let card = adapter("Card", GraphicsApi::Vulkan, AdapterKind::Discrete);
        let software = adapter("llvmpipe", GraphicsApi::Vulkan, AdapterKind::Software);
        for adapters in [vec![], vec![software.clone()], vec![software, card]] {
            let selection = select_among(DeviceChoice::Auto, &adapters).unwrap();
            assert_eq!(selection.devices.last(), Some(&DeviceSpec::cpu()));
            assert_eq!(selection.devices.len() > 1, adapters.len() > 1);
        }
    }

    #[test]
    fn a_card_goes_before_an_integrated_one_and_vulkan_before_others() {
        let adapters = [
            adapter("Chip", GraphicsApi::Vulkan, AdapterKind::Integrated),
            adapter("Card", GraphicsApi::Dx12, AdapterKind::Discrete),
            adapter("Card", GraphicsApi::Vulkan, AdapterKind::Discrete),
        ];
        let selection = select_among(DeviceChoice::Auto, &adapters).unwrap();
        assert_eq!(selection.devices[0].label, "vulkan:Card");
    }

    #[test]
    fn software_adapters_are_never_taken() {
        let on = |api| adapter("llvmpipe", api, AdapterKind::Software);
        let adapters = [on(GraphicsApi::Vulkan), on(GraphicsApi::Dx12)];
        for choice in [DeviceChoice::Vulkan, DeviceChoice::Wgpu] {
            let refused = select_among(choice, &adapters).unwrap_err();
            assert!(refused.to_string().contains("llvmpipe"), "{refused}");
        }
        let card = adapter("Card", GraphicsApi::Dx12, AdapterKind::Discrete);
        let selection = select_among(DeviceChoice::Wgpu, &[on(GraphicsApi::Dx12), card]).unwrap();
        assert_eq!(selection.devices[0].label, "wgpu:Card");
    }

    #[test]
    fn listing_never_fails() {
        assert!(adapters().len() <= ADAPTERS_MAX);
        assert!(select(DeviceChoice::Auto).unwrap().devices.contains(&DeviceSpec::cpu()));
    }
}
