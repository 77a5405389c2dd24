//! What computes: the fused kernels on the CPU's cores, or burn on any device in batches of fixed sizes.

use std::collections::VecDeque;
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

/// The batch sizes of the classifier on a GPU: its 720 steps take as long for one window as for thousands.
const GRU_ON_GPU: [usize; 5] = [1, 8, 32, 256, 4_096];

/// The largest buffer of the detector, bytes for each window: the matrix of distances between its positions.
const DISTANCES_BYTES: u64 = (POSITIONS * POSITIONS * size_of::<f32>()) as u64;

/// What the detector may take at once where nobody says what a buffer may hold: a little under 128 MiB.
const BUFFER_BYTES: u64 = 120 << 20;

/// Batches that a device may be given before the first one's answer is read.
const IN_FLIGHT_MAX: usize = 4;

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
    GruBurn(Box<GruNet>, OnDevice),
    DetectorBurn(Box<DetectorNet>, OnDevice),
}

/// Where burn computes, and in which batch sizes.
pub(crate) struct OnDevice {
    device: Device,
    sizes: &'static [usize],
}

impl Engine {
    /// The kernels for the CPU, burn for anything else.
    pub(crate) fn open(model: &Model, device: &DeviceSpec) -> Result<Self, String> {
        if !device.is_cpu() {
            return Ok(Self::in_burn(model, device.open()?, &GRU_ON_GPU, device.buffer_bytes_max()));
        }
        Ok(match model.network() {
            Network::Gru(weights) => Self::GruCpu(Box::new(GruKernel::new(weights))),
            Network::Detector(weights) => Self::DetectorCpu(Box::new(DetectorKernel::new(weights))),
        })
    }

    /// Burn on the CPU.
    pub(crate) fn reference(model: &Model) -> Self {
        Self::in_burn(model, Device::flex(), &BATCHES, None)
    }

    fn in_burn(
        model: &Model,
        device: Device,
        gru_sizes: &'static [usize],
        buffer_bytes_max: Option<u64>,
    ) -> Self {
        match model.network() {
            Network::Gru(weights) => {
                let net = Box::new(GruNet::new(weights, &device));
                Self::GruBurn(net, OnDevice { device, sizes: gru_sizes })
            }
            Network::Detector(weights) => {
                let net = Box::new(DetectorNet::new(weights, &device));
                let sizes = sizes_within(buffer_bytes_max.unwrap_or(BUFFER_BYTES));
                Self::DetectorBurn(net, OnDevice { device, sizes })
            }
        }
    }

    /// The batch sizes that it computes in.
    pub(crate) fn sizes(&self) -> &'static [usize] {
        match self {
            Self::GruBurn(_, on) | Self::DetectorBurn(_, on) => on.sizes,
            Self::GruCpu(_) | Self::DetectorCpu(_) => &BATCHES,
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
            Self::GruBurn(net, on) => {
                let logits = on.run(windows, CLASSES, |part| {
                    let readings: Vec<f32> = part.iter().flat_map(|w| w.iter().copied()).collect();
                    net.forward(Tensor::from_data(
                        TensorData::new(readings, [part.len(), WINDOW]),
                        &on.device,
                    ))
                })?;
                Ok(logits.chunks_exact(CLASSES).map(|row| Raw::Logits([row[0], row[1]])).collect())
            }
            Self::DetectorBurn(net, on) => {
                let distances = on.run(windows, POSITIONS, |part| {
                    net.distances(Tensor::from_data(features_of(part), &on.device))
                })?;
                let rows: Vec<&[f32]> = distances.chunks_exact(POSITIONS).collect();
                Ok(on_cores(&rows, WINDOWS_PER_THREAD_MIN, |part| {
                    part.iter().map(|row| Raw::of_distances(row)).collect()
                }))
            }
        }
    }
}

impl OnDevice {
    /// Gives the device the windows in batches of the fixed sizes, the last one filled up with copies, and reads `width`
    /// numbers for each. The device computes one batch while the next one is prepared.
    fn run(
        &self,
        windows: &[&[f32]],
        width: usize,
        mut launch: impl FnMut(&[&[f32]]) -> Tensor<2>,
    ) -> Result<Vec<f32>, String> {
        let batch_max = self.sizes.last().copied().unwrap_or(1);
        let mut answers = Vec::with_capacity(windows.len() * width);
        let mut waiting = VecDeque::with_capacity(IN_FLIGHT_MAX);
        for part in windows.chunks(batch_max) {
            if waiting.len() == IN_FLIGHT_MAX {
                waiting.pop_front().map_or(Ok(()), |batch| read(batch, width, &mut answers))?;
            }
            let batch = self.sizes.iter().copied().find(|size| *size >= part.len()).unwrap_or(batch_max);
            let copies = std::iter::repeat(&part[0]);
            let filled: Vec<&[f32]> = part.iter().chain(copies).take(batch).copied().collect();
            waiting.push_back((launch(&filled), batch, part.len()));
        }
        waiting.into_iter().try_for_each(|batch| read(batch, width, &mut answers))?;
        Ok(answers)
    }
}

/// Appends the first `kept` rows of what a batch came to.
fn read(
    (answer, batch, kept): (Tensor<2>, usize, usize),
    width: usize,
    answers: &mut Vec<f32>,
) -> Result<(), String> {
    let data = answer.try_into_data().map_err(|e| format!("{e:?}"))?.convert::<f32>();
    let numbers = data.as_slice::<f32>().map_err(|e| format!("{e:?}"))?;
    if numbers.len() != batch * width {
        return Err(format!("{} numbers for {batch} windows", numbers.len()));
    }
    answers.extend_from_slice(&numbers[..kept * width]);
    Ok(())
}

/// The batch sizes whose matrices of distances fit into a buffer.
fn sizes_within(buffer_bytes: u64) -> &'static [usize] {
    const ALL: &[usize] = &BATCHES;
    let fit = ALL.iter().take_while(|size| **size as u64 * DISTANCES_BYTES <= buffer_bytes).count();
    &ALL[..fit.max(1)]
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
                self.0.against_bank(window, bank, bank.len(), &mut scratch);
                let contrast = contrast::in_bank(scratch.before(), scratch.inside());
                Raw::Readings { contrast, readings: spread(scratch.distances()) }
            };
            part.iter().map(one).collect()
        })
    }
}

/// What the encoder sees of these windows, `[windows, padded readings, features]`.
pub(crate) fn features_of(windows: &[&[f32]]) -> TensorData {
    const ROW: usize = PADDED * FEATURES;
    let fill = |windows: &[&[f32]], features: &mut [f32]| {
        windows
            .iter()
            .zip(features.chunks_exact_mut(ROW))
            .for_each(|(window, out)| features_into(window, out));
    };
    let mut features = vec![0.0; windows.len() * ROW];
    let share = windows.len().div_ceil(threads(windows.len(), WINDOWS_PER_THREAD_MIN));
    if share >= windows.len() {
        fill(windows, &mut features);
    } else {
        let parts = windows.chunks(share).zip(features.chunks_mut(share * ROW));
        thread::scope(|scope| parts.for_each(|(part, out)| drop(scope.spawn(move || fill(part, out)))));
    }
    TensorData::new(features, [windows.len(), PADDED, FEATURES])
}

/// How many of the cores to share so many windows among.
fn threads(windows: usize, per_thread_min: usize) -> usize {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    cores.min(windows.div_ceil(per_thread_min)).max(1)
}

/// Shares the windows among the cores; the order of the answers is that of the windows.
fn on_cores<T: Sync>(
    windows: &[T],
    per_thread_min: usize,
    run: impl Fn(&[T]) -> Vec<Raw> + Sync,
) -> Vec<Raw> {
    let threads = threads(windows.len(), per_thread_min);
    if threads == 1 {
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
