//! A device's own OS thread: it owns the nets, which may block for as long as they like without stopping the plant.
//!
//! A thread that never comes back is left behind by its actor; it ends as soon as it looks for its next order, which is
//! gone by then.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

use nightshift_models::{DeviceSpec, Scorer, WindowScore};
use tokio::sync::oneshot;

use super::CatalogEntry;
use super::pace::Pace;

/// Orders that may wait for the thread: its actor gives it one at a time.
const ORDERS_MAX: usize = 1;

/// What a thread reports when its nets are loaded and warm.
#[derive(Debug, Clone)]
pub(super) struct Warm {
    /// Largest difference to the CPU's scores.
    pub(super) canary_difference: f64,
    /// How fast it is with each model.
    pub(super) paces: Arc<[Pace]>,
}

enum Order {
    Score { model: usize, windows: Vec<Vec<f32>>, done: oneshot::Sender<Result<Vec<WindowScore>, String>> },
    Canary { done: oneshot::Sender<Result<f64, String>> },
}

/// The actor's end of the thread.
#[derive(Debug)]
pub(super) struct DeviceThread {
    orders: SyncSender<Order>,
}

impl DeviceThread {
    /// Starts a thread that loads the catalogue onto `device`, warms it up and checks it, then says so.
    pub(super) fn start(
        device: DeviceSpec,
        catalog: Arc<[CatalogEntry]>,
    ) -> std::io::Result<(Self, oneshot::Receiver<Result<Warm, String>>)> {
        let (orders, taken) = sync_channel(ORDERS_MAX);
        let (warm, when_warm) = oneshot::channel();
        std::thread::Builder::new().name(format!("infer-{}", device.label.as_str())).spawn(move || {
            match guarded(|| load(&device, &catalog)) {
                Ok((mut scorers, report)) => {
                    // An actor that gave up waiting has dropped its end, and the loop below ends at once.
                    let _ = warm.send(Ok(report));
                    serve(&mut scorers, &taken);
                }
                Err(reason) => {
                    let _ = warm.send(Err(reason));
                }
            }
        })?;
        Ok((Self { orders }, when_warm))
    }

    /// Scores a batch; the receiver answers, or is closed when the thread died.
    pub(super) fn score(
        &self,
        model: usize,
        windows: Vec<Vec<f32>>,
    ) -> Result<oneshot::Receiver<Result<Vec<WindowScore>, String>>, String> {
        let (done, answer) = oneshot::channel();
        self.order(Order::Score { model, windows, done })?;
        Ok(answer)
    }

    /// Runs the canary batch of every model.
    pub(super) fn canary(&self) -> Result<oneshot::Receiver<Result<f64, String>>, String> {
        let (done, answer) = oneshot::channel();
        self.order(Order::Canary { done })?;
        Ok(answer)
    }

    fn order(&self, order: Order) -> Result<(), String> {
        self.orders.try_send(order).map_err(|error| match error {
            TrySendError::Full(_) => "the device's thread is busy".to_owned(),
            TrySendError::Disconnected(_) => "the device's thread has ended".to_owned(),
        })
    }
}

fn serve(scorers: &mut [Scorer], orders: &Receiver<Order>) {
    while let Ok(order) = orders.recv() {
        match order {
            Order::Score { model, windows, done } => {
                let views: Vec<&[f32]> = windows.iter().map(Vec::as_slice).collect();
                let result = guarded(|| scorers[model].score(&views).map_err(|e| e.to_string()));
                // Nobody waits any more when the deadline has passed.
                let _ = done.send(result);
            }
            Order::Canary { done } => {
                let _ = done.send(guarded(|| check(scorers)));
            }
        }
    }
}

fn load(device: &DeviceSpec, catalog: &[CatalogEntry]) -> Result<(Vec<Scorer>, Warm), String> {
    let (mut scorers, mut paces) = (Vec::with_capacity(catalog.len()), Vec::with_capacity(catalog.len()));
    for entry in catalog {
        let mut scorer =
            Scorer::new(&entry.model, device).map_err(|e| format!("loading {}: {e}", entry.id))?;
        let timings = scorer.warm_up().map_err(|e| format!("warming up {}: {e}", entry.id))?;
        paces.push(Pace::of(&timings));
        scorers.push(scorer);
    }
    let canary_difference = check(&mut scorers)?;
    Ok((scorers, Warm { canary_difference, paces: paces.into() }))
}

fn check(scorers: &mut [Scorer]) -> Result<f64, String> {
    let mut worst: f64 = 0.0;
    for scorer in scorers {
        let report = scorer.canary().map_err(|e| format!("canary: {e}"))?;
        if !report.passed {
            return Err(format!("canary: scores differ from the CPU's by {:.2e}", report.worst));
        }
        worst = worst.max(report.worst.into());
    }
    Ok(worst)
}

/// Runs `work`; a panic in a net becomes words.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("no message");
        Err(format!("panicked: {text}"))
    })
}
