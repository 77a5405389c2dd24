//! What computes: the fused kernels on the CPU's cores, or burn on any device in batches of fixed sizes.

use std::thread;

use burn::tensor::{Device, Tensor, TensorData};

use crate::catalog::{Model, Network};
use crate::detector::kernel::bank::BankScratch;
use crate::detector::kernel::{DetectorKernel, DetectorScratch};
use crate::detector::net::DetectorNet;
use crate::detector::normalise::features_into;
use crate::detector::{FEATURES, PADDED, POSITIONS, contrast, spread};
use crate::device::DeviceSpec;
use crate::gru::kernel::GruKernel;
use crate::gru::net::GruNet;
use crate::gru::{CLASSES, abnormal_share};
use crate::{BATCHES, WINDOW};

/// Threads that one call may use.
const THREADS_MAX: usize = 32;

/// Windows below which another thread costs more than it brings.
const WINDOWS_PER_THREAD_MIN: usize = 4;

/// Windows that the detector sends to a device at once: the matrix of distances takes 1.6 MB for each, and
/// some drivers allow no buffer above 128 MiB.
const DETECTOR_BATCH_MAX: usize = 32;

/// What a network says of one window.
#[derive(Clone, Debug)]
pub(crate) enum Raw {
    Logits([f32; CLASSES]),
    Readings { contrast: f32, readings: Box<[f32]> },
}

impl Raw {
    /// The one number that is compared with the threshold.
    pub(crate) fn score(&self) -> f32 {
        match self {
            Self::Logits(logits) => abnormal_share(*logits),
            Self::Readings { contrast, .. } => *contrast,
        }
    }

    /// What the distances of a window's positions say, wherever they were computed.
    fn of_distances(distances: &[f32]) -> Self {
        Self::Readings { contrast: contrast::in_window(distances), readings: spread(distances) }
    }
}

/// A network ready to run.
pub(crate) enum Engine {
    GruCpu(Box<GruKernel>),
    DetectorCpu(Box<DetectorKernel>),
    GruBurn(Box<GruNet>, Device),
    DetectorBurn(Box<DetectorNet>, Device),
}

impl Engine {
    /// The kernels for the CPU, burn for anything else.
    pub(crate) fn open(model: &Model, device: &DeviceSpec) -> Result<Self, String> {
        if !device.is_cpu() {
            return Ok(Self::in_burn(model, device.open()?));
        }
        Ok(match model.network() {
            Network::Gru(weights) => Self::GruCpu(Box::new(GruKernel::new(weights))),
            Network::Detector(weights) => Self::DetectorCpu(Box::new(DetectorKernel::new(weights))),
        })
    }

    /// Burn on the CPU.
    pub(crate) fn reference(model: &Model) -> Self {
        Self::in_burn(model, Device::flex())
    }

    fn in_burn(model: &Model, device: Device) -> Self {
        match model.network() {
            Network::Gru(weights) => Self::GruBurn(Box::new(GruNet::new(weights, &device)), device),
            Network::Detector(weights) => {
                Self::DetectorBurn(Box::new(DetectorNet::new(weights, &device)), device)
            }
        }
    }

    /// Computes windows of [`WINDOW`] finite readings each. May panic where a device fails.
    pub(crate) fn run(&mut self, windows: &[&[f32]]) -> Result<Vec<Raw>, String> {
        match self {
            Self::GruCpu(kernel) => Ok(on_cores(windows, WINDOWS_PER_THREAD_MIN, |part| {
                let mut logits = vec![[0.0; CLASSES]; part.len()];
                kernel.score(part, &mut logits);
                logits.into_iter().map(Raw::Logits).collect()
            })),
            Self::DetectorCpu(kernel) => Ok(on_cores(windows, WINDOWS_PER_THREAD_MIN, |part| {
                let mut scratch = DetectorScratch::default();
                let mut distances = vec![0.0; POSITIONS];
                part.iter()
                    .map(|window| {
                        kernel.distances(window, &mut scratch, &mut distances);
                        Raw::of_distances(&distances)
                    })
                    .collect()
            })),
            Self::GruBurn(net, device) => in_batches(windows, BATCHES[BATCHES.len() - 1], |part| {
                let readings: Vec<f32> = part.iter().flat_map(|w| w.iter().copied()).collect();
                let input = Tensor::from_data(TensorData::new(readings, [part.len(), WINDOW]), &*device);
                let logits = numbers(net.forward(input))?;
                Ok(logits.chunks_exact(CLASSES).map(|row| Raw::Logits([row[0], row[1]])).collect())
            }),
            Self::DetectorBurn(net, device) => in_batches(windows, DETECTOR_BATCH_MAX, |part| {
                let input = Tensor::from_data(features_of(part), &*device);
                let distances = numbers(net.distances(input))?;
                Ok(distances.chunks_exact(POSITIONS).map(Raw::of_distances).collect())
            }),
        }
    }
}

/// The detector with banks: on the CPU's cores, whatever device the windows alone are scored on.
pub(crate) struct BankEngine(DetectorKernel);

impl BankEngine {
    /// None for a model that takes no bank.
    pub(crate) fn new(model: &Model) -> Option<Self> {
        match model.network() {
            Network::Gru(_) => None,
            Network::Detector(weights) => Some(Self(DetectorKernel::new(weights))),
        }
    }

    /// Computes windows of [`WINDOW`] readings with their banks.
    pub(crate) fn run(&self, windows: &[(&[f32], &[f32])]) -> Vec<Raw> {
        on_cores(windows, 1, |part| {
            let mut scratch = BankScratch::default();
            let one = |(window, bank): &(&[f32], &[f32])| {
                self.0.against_bank(window, bank, &mut scratch);
                let contrast = contrast::in_bank(scratch.distances(), scratch.inside());
                Raw::Readings { contrast, readings: spread(scratch.distances()) }
            };
            part.iter().map(one).collect()
        })
    }
}

/// What the encoder sees of these windows, `[windows, padded readings, features]`.
pub(crate) fn features_of(windows: &[&[f32]]) -> TensorData {
    let mut features = vec![0.0; windows.len() * PADDED * FEATURES];
    for (window, out) in windows.iter().zip(features.chunks_exact_mut(PADDED * FEATURES)) {
        features_into(window, out);
    }
    TensorData::new(features, [windows.len(), PADDED, FEATURES])
}

/// Shares the windows among the cores; the order of the answers is that of the windows.
fn on_cores<T: Sync>(
    windows: &[T],
    per_thread_min: usize,
    run: impl Fn(&[T]) -> Vec<Raw> + Sync,
) -> Vec<Raw> {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let threads = cores.min(windows.len().div_ceil(per_thread_min));
    if threads <= 1 {
        return run(windows);
    }
    let share = windows.len().div_ceil(threads);
    thread::scope(|scope| {
        let (first, rest) = windows.split_at(share);
        let run = &run;
        let others: Vec<_> = rest.chunks(share).map(|part| scope.spawn(move || run(part))).collect();
        let mut all = run(first);
        for other in others {
            match other.join() {
                Ok(part) => all.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    })
}

/// Cuts the windows into batches of the fixed sizes and fills the last one up with copies.
fn in_batches(
    windows: &[&[f32]],
    batch_max: usize,
    mut run: impl FnMut(&[&[f32]]) -> Result<Vec<Raw>, String>,
) -> Result<Vec<Raw>, String> {
    let mut all = Vec::with_capacity(windows.len());
    for part in windows.chunks(batch_max) {
        let batch = BATCHES.into_iter().find(|size| *size >= part.len()).unwrap_or(part.len());
        let filled: Vec<&[f32]> =
            part.iter().chain(std::iter::repeat(&part[0])).take(batch).copied().collect();
        let mut answers = run(&filled)?;
        if answers.len() != batch {
            return Err(format!("{} answers for {batch} windows", answers.len()));
        }
        answers.truncate(part.len());
        all.extend(answers);
    }
    Ok(all)
}

fn numbers(tensor: Tensor<2>) -> Result<Vec<f32>, String> {
    let data = tensor.try_into_data().map_err(|e| format!("{e:?}"))?.convert::<f32>();
    data.as_slice::<f32>().map(<[f32]>::to_vec).map_err(|e| format!("{e:?}"))
}
