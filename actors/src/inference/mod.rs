//! The pool that scores windows: a batcher in front of one actor per device, each with a thread of its own.
//!
//! Jobs wait in the batcher until a device is idle and the batch is full or its oldest job has waited long enough. The
//! best device that works gets the work, unless another was much faster with such a batch when it was warmed up; the CPU, always the
//! last of the list, stands in for the others. A device that fails or hangs is restarted with a fresh thread, parked when it keeps
//! failing, and its jobs go to another one.

mod bank;
mod batcher;
mod device;
mod fallback;
mod pace;
mod spare;
mod thread;

use std::sync::{Arc, RwLock};
use std::time::Duration;

use nightshift_domain::sensing::{BankFacts, ScoreMode, SensorKey};
use nightshift_kernel::{
    Address, AskError, Backoff, ChildSpec, Intensity, Mailbox, Policy, SpawnError, StopOrder, Supervisor,
};
use nightshift_models::{Model, ModelKind, Selection, WINDOW};
use serde::Serialize;

use crate::config::InferenceConfig;
use bank::BankMessage;
pub(crate) use bank::{BankAnswer, BankWindow, Walk, Walked};
use batcher::{Batcher, BatcherMessage, Job};
use device::{Device, DeviceMessage};
pub(crate) use fallback::describe_metrics;
use pace::Pace;

/// Messages that may wait for the batcher; beyond them senders wait. It sheds jobs itself, by the length of its queues: a
/// mailbox that turned messages away would lose a device's report, and the device with it.
const BATCHER_MAILBOX: u32 = 32_768;
/// Batches that may wait for one device: one is computed, one is asked for.
const DEVICE_MAILBOX: u32 = 4;
/// Added to a batch's deadline: a device whose handler runs longer than both is frozen.
const DEVICE_BUDGET_SLACK: Duration = Duration::from_secs(90);

/// Where windows are compared with banks.
const BANK_DEVICE: &str = "cpu";

/// Why a window was not scored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InferenceError {
    /// Too many windows are waiting.
    #[error("too many windows are waiting to be scored")]
    Overloaded,
    /// It was not scored in time.
    #[error("not scored in time")]
    Deadline,
    /// There is no such model.
    #[error("model `{id}` is unknown; there are: {known}")]
    UnknownModel {
        /// What was asked for.
        id: String,
        /// The models there are.
        known: String,
    },
    /// No device works.
    #[error("no device could score it: {reason}")]
    Unavailable {
        /// The last device's words.
        reason: String,
    },
}

/// A scored window.
#[derive(Debug, Clone)]
pub struct ScoredWindow {
    /// Score of the window; above [`Self::threshold`] it is abnormal.
    pub score: f64,
    /// The model's own threshold.
    pub threshold: f64,
    /// Score of each reading, if the model gives one.
    pub readings: Option<Box<[f32]>>,
    /// Label of the device that scored it.
    pub device: Arc<str>,
    /// Id of the model.
    pub model_id: Arc<str>,
    /// SHA-256 of the model's weights, hexadecimal.
    pub model_digest: Arc<str>,
    /// What went wrong before it was scored, if anything: the device that failed it first.
    pub degraded: Option<String>,
    /// The bank that it was compared with, if it was.
    pub bank: Option<BankFacts>,
}

impl ScoredWindow {
    /// What it was compared with.
    #[must_use]
    pub fn mode(&self) -> ScoreMode {
        if self.bank.is_some() { ScoreMode::Bank } else { ScoreMode::Window }
    }
}

/// How a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Loading models and warming up.
    Starting,
    /// Waiting for work.
    Idle,
    /// Computing.
    Busy,
    /// Failed; it is started again, or parked.
    Down,
}

impl DeviceState {
    fn works(self) -> bool {
        matches!(self, Self::Idle | Self::Busy)
    }
}

/// A device and what it has done.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceView {
    /// Its label, for example `cpu` or `vulkan:NVIDIA H200`.
    pub label: Arc<str>,
    /// How it is.
    pub state: DeviceState,
    /// Batches computed since the plant started.
    pub batches: u64,
    /// Windows computed since the plant started.
    pub windows: u64,
    /// Failures since the plant started.
    pub failures: u64,
    /// The last failure, in words.
    pub last_failure: Option<String>,
    /// Largest difference to the CPU's scores that the last canary batch showed.
    pub canary_difference: Option<f64>,
    /// Seconds that loading and warming up took.
    pub warm_up_s: Option<f64>,
}

/// A model that can be asked for.
#[derive(Debug, Clone, Serialize)]
pub struct ModelView {
    /// Its id.
    pub id: Arc<str>,
    /// `gru` or `detector`.
    pub kind: ModelKind,
    /// Version that its card gives; empty without one.
    pub version: Arc<str>,
    /// SHA-256 of its weights, hexadecimal.
    pub digest: Arc<str>,
    /// Parameters.
    pub parameters: usize,
    /// Scores above this are abnormal.
    pub threshold: f64,
}

/// The pool as it stands.
#[derive(Debug, Clone, Serialize)]
pub struct InferenceView {
    /// Why these devices were chosen.
    pub selection: String,
    /// The devices, best first; the CPU is last.
    pub devices: Vec<DeviceView>,
    /// The models.
    pub models: Vec<ModelView>,
    /// Windows waiting for a device.
    pub queued: usize,
}

/// A device that takes work.
#[derive(Debug, Clone)]
struct WarmDevice {
    address: Address<DeviceMessage>,
    /// How fast it is, in the catalogue's order.
    paces: Arc<[Pace]>,
}

/// What the pool's actors write down for others to see.
#[derive(Debug)]
pub(crate) struct Board {
    devices: RwLock<Vec<DeviceView>>,
    /// The devices that are warm. Kept here so that a batcher that is started again finds them.
    warm: RwLock<Vec<Option<WarmDevice>>>,
    queued: std::sync::atomic::AtomicUsize,
}

impl Board {
    fn update(&self, index: usize, change: impl FnOnce(&mut DeviceView)) {
        let mut devices = self.devices.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(device) = devices.get_mut(index) {
            change(device);
        }
        let ready = devices.iter().filter(|d| d.state.works()).count();
        metrics::gauge!("nightshift_inference_ready_devices").set(ready as f64);
        fallback::measure(&devices);
    }

    fn set_warm(&self, index: usize, device: Option<WarmDevice>) {
        let mut warm = self.warm.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(seat) = warm.get_mut(index) {
            *seat = device;
        }
    }

    fn warm(&self) -> Vec<Option<WarmDevice>> {
        self.warm.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn devices(&self) -> Vec<DeviceView> {
        self.devices.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// A model with the names under which its results are kept.
#[derive(Debug, Clone)]
pub(crate) struct CatalogEntry {
    pub(crate) model: Arc<Model>,
    pub(crate) id: Arc<str>,
    pub(crate) digest: Arc<str>,
    pub(crate) threshold: f64,
    /// None for a model that takes no bank.
    pub(crate) bank_threshold: Option<f64>,
}

/// The door to the pool. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Inference {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    batcher: Address<BatcherMessage>,
    /// Empty where banks are turned off.
    keepers: Vec<Address<BankMessage>>,
    /// Serves what nobody waits for; none where banks are turned off.
    spare_keeper: Option<Address<BankMessage>>,
    bank_sensors_max: usize,
    catalog: Arc<[CatalogEntry]>,
    board: Arc<Board>,
    selection: String,
    job_deadline: Duration,
}

impl Inference {
    /// Declares the pool under `parent`.
    pub(crate) fn spawn(
        parent: &Supervisor,
        config: &InferenceConfig,
        models: Vec<Model>,
        selection: Selection,
    ) -> Result<Self, SpawnError> {
        let catalog: Arc<[CatalogEntry]> = models.into_iter().map(CatalogEntry::new).collect();
        let view = |label: &str| DeviceView {
            label: label.into(),
            state: DeviceState::Starting,
            batches: 0,
            windows: 0,
            failures: 0,
            last_failure: None,
            canary_difference: None,
            warm_up_s: None,
        };
        let devices: Vec<DeviceView> = selection.devices.iter().map(|d| view(&d.label)).collect();
        let warm = RwLock::new(vec![None; devices.len()]);
        let board = Arc::new(Board { devices: RwLock::new(devices), warm, queued: 0.into() });
        let pool = parent
            .supervisor("inference", Policy { stop_order: StopOrder::OneByOne, ..Policy::default() })?;

        let spec = ChildSpec::new("batcher").mailbox(Mailbox::wait(BATCHER_MAILBOX));
        let (for_batcher, shown) = (config.clone(), Arc::clone(&board));
        let batcher = pool.spawn(spec, move || Batcher::new(&for_batcher, Arc::clone(&shown)))?;
        for (index, device) in selection.devices.iter().enumerate() {
            let spec = ChildSpec::new(format!("device-{index}"))
                .mailbox(Mailbox::wait(DEVICE_MAILBOX))
                .budget(config.batch_deadline + DEVICE_BUDGET_SLACK)
                .backoff(Backoff { first: Duration::from_millis(500), max: Duration::from_secs(60) })
                .intensity(Intensity {
                    max_restarts: 3,
                    within: Duration::from_secs(300),
                    quarantine_for: Duration::from_secs(600),
                });
            let seed = device::Seed {
                index,
                device: device.clone(),
                catalog: Arc::clone(&catalog),
                batcher: batcher.clone(),
                board: Arc::clone(&board),
                batch_deadline: config.batch_deadline,
                canary_interval: config.canary_interval,
            };
            pool.spawn(spec, move || Device::new(seed.clone()))?;
        }
        let keepers = bank::spawn_keepers(&pool, config, &catalog)?;
        let spare_keeper = spare::spawn_keeper(&pool, config, &catalog)?;
        let (selection, job_deadline) = (selection.reason, config.job_deadline);
        let bank_sensors_max = config.bank_sensors_max;
        let inner = Inner {
            batcher,
            keepers,
            spare_keeper,
            bank_sensors_max,
            catalog,
            board,
            selection,
            job_deadline,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Scores one window of 720 finite values with a model of the catalogue.
    ///
    /// # Errors
    /// [`InferenceError`]; the window was not scored then.
    pub async fn score(&self, model: &str, values: Vec<f32>) -> Result<ScoredWindow, InferenceError> {
        debug_assert_eq!(values.len(), WINDOW);
        self.score_by(self.model_index(model)?, values, false).await
    }

    async fn score_by(
        &self,
        model: usize,
        values: Vec<f32>,
        spare: bool,
    ) -> Result<ScoredWindow, InferenceError> {
        let (deadline, entry) = (self.inner.job_deadline, &self.inner.catalog[model]);
        let make = |reply| {
            let job = Job { model, values, reply, waited_since: None, failed_on: None, spare };
            BatcherMessage::Score(job)
        };
        let raw = self.inner.batcher.ask(make, deadline).await.map_err(unasked)??;
        Ok(ScoredWindow {
            score: f64::from(raw.score.score),
            threshold: entry.threshold,
            readings: raw.score.readings,
            device: raw.device,
            model_id: Arc::clone(&entry.id),
            model_digest: Arc::clone(&entry.digest),
            degraded: raw.degraded,
            bank: None,
        })
    }

    /// Scores a window against what its sensor did before. `None` where there is not enough of that. `past` reads it,
    /// and is only awaited where the window does not follow on what is remembered.
    ///
    /// # Errors
    /// [`InferenceError`], or the error of `past`; the window was not scored then.
    pub(crate) async fn score_with_bank<E: From<InferenceError>>(
        &self,
        model: &str,
        mut window: BankWindow,
        past: impl Future<Output = Result<Vec<f32>, E>>,
    ) -> Result<Option<ScoredWindow>, E> {
        let index = self.model_index(model)?;
        let mut answer = self.ask_keeper(index, window.clone()).await?;
        if matches!(answer, BankAnswer::NeedsPast) {
            window.past = Some(past.await?);
            answer = self.ask_keeper(index, window).await?;
        }
        Ok(self.against_bank(index, answer))
    }

    fn against_bank(&self, model: usize, answer: BankAnswer) -> Option<ScoredWindow> {
        let BankAnswer::Scored { score, facts } = answer else { return None };
        let entry = &self.inner.catalog[model];
        Some(ScoredWindow {
            score: f64::from(score.score),
            threshold: entry.bank_threshold.unwrap_or(f64::INFINITY),
            readings: score.readings,
            device: BANK_DEVICE.into(),
            model_id: Arc::clone(&entry.id),
            model_digest: Arc::clone(&entry.digest),
            degraded: None,
            bank: Some(facts),
        })
    }

    /// Goes on with a walk over a sensor's past.
    ///
    /// # Errors
    /// [`InferenceError`]; the walk must begin again then.
    pub(crate) async fn walk(
        &self,
        model: &str,
        sensor: SensorKey,
        walk: Walk,
    ) -> Result<Walked, InferenceError> {
        let model = self.model_index(model)?;
        let make = |reply| BankMessage::Walk { model, walk, reply };
        self.keeper(sensor)?.ask(make, self.inner.job_deadline).await.map_err(unasked)?
    }

    /// Sensors whose banks may be remembered; 0 where the model takes none.
    pub(crate) fn bank_sensors_max(&self, model: &str) -> usize {
        let takes_one = self.model_index(model).is_ok_and(|i| self.inner.catalog[i].bank_threshold.is_some());
        if takes_one { self.inner.bank_sensors_max } else { 0 }
    }

    fn keeper(&self, sensor: SensorKey) -> Result<&Address<BankMessage>, InferenceError> {
        let count = self.inner.keepers.len().max(1);
        let place = usize::try_from(sensor.0.unsigned_abs()).unwrap_or(0) % count;
        let none = || InferenceError::Unavailable { reason: "banks are turned off".to_owned() };
        self.inner.keepers.get(place).ok_or_else(none)
    }

    async fn ask_keeper(&self, model: usize, window: BankWindow) -> Result<BankAnswer, InferenceError> {
        let keeper = self.keeper(window.sensor)?;
        let make = |reply| BankMessage::Score { model, window, reply };
        keeper.ask(make, self.inner.job_deadline).await.map_err(unasked)?
    }

    /// Whether there is a model with this id.
    ///
    /// # Errors
    /// [`InferenceError::UnknownModel`], naming those there are.
    pub fn check_model(&self, id: &str) -> Result<(), InferenceError> {
        self.model_index(id).map(|_| ())
    }

    /// SHA-256 of a model's weights, hexadecimal.
    ///
    /// # Errors
    /// [`InferenceError::UnknownModel`], naming those there are.
    pub(crate) fn digest(&self, id: &str) -> Result<Arc<str>, InferenceError> {
        self.model_index(id).map(|index| Arc::clone(&self.inner.catalog[index].digest))
    }

    /// The same, or nothing where there is no such model.
    pub(crate) fn digest_of(&self, id: &str) -> Option<&str> {
        self.inner.catalog.iter().find(|entry| &*entry.id == id).map(|entry| &*entry.digest)
    }

    /// Ids of all models, the built-in one first.
    pub(crate) fn model_ids(&self) -> impl Iterator<Item = &Arc<str>> {
        self.inner.catalog.iter().map(|entry| &entry.id)
    }

    /// Whether at least one device is ready for work.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.inner.board.devices().iter().any(|d| d.state.works())
    }

    /// The pool as it stands.
    #[must_use]
    pub fn view(&self) -> InferenceView {
        let models = self.inner.catalog.iter().map(CatalogEntry::view).collect();
        InferenceView {
            selection: self.inner.selection.clone(),
            devices: self.inner.board.devices(),
            models,
            queued: self.inner.board.queued.load(std::sync::atomic::Ordering::Relaxed),
        }
    }

    fn model_index(&self, id: &str) -> Result<usize, InferenceError> {
        let catalog = &self.inner.catalog;
        catalog.iter().position(|entry| &*entry.id == id).ok_or_else(|| InferenceError::UnknownModel {
            id: id.chars().take(100).collect(),
            known: catalog.iter().map(|e| &*e.id).collect::<Vec<_>>().join(", "),
        })
    }
}

fn unasked(error: AskError) -> InferenceError {
    match error {
        AskError::Full => InferenceError::Overloaded,
        AskError::Deadline => InferenceError::Deadline,
        AskError::Stopped | AskError::Failed => {
            InferenceError::Unavailable { reason: "the scorer is restarting".to_owned() }
        }
    }
}

impl CatalogEntry {
    fn new(model: Model) -> Self {
        let info = model.info();
        let (id, digest) = (info.id.as_str().into(), info.digest_sha256.as_str().into());
        let (threshold, bank_threshold) = (info.threshold, info.bank_threshold);
        Self { model: Arc::new(model), id, digest, threshold, bank_threshold }
    }

    fn view(&self) -> ModelView {
        let info = self.model.info();
        ModelView {
            id: Arc::clone(&self.id),
            kind: info.kind,
            version: info.version.as_str().into(),
            digest: Arc::clone(&self.digest),
            parameters: info.parameters,
            threshold: self.threshold,
        }
    }
}

#[cfg(test)]
mod tests;
