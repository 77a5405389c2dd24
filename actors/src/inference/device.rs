//! One device: loads the nets on a thread of its own, takes one batch at a time, checks itself.
//!
//! Owned by the `inference` supervisor. Takes batches from the batcher and reports back to it. A failed, hung or wrong
//! device faults: the supervisor starts it again with a fresh thread and parks it when that does not help. The batch
//! that it failed goes back to the batcher.

use std::sync::Arc;
use std::time::Duration;

use nightshift_kernel::{Actor, Address, Context, Fault, Reply};
use nightshift_models::{DeviceSpec, WindowScore};

use super::batcher::BatcherMessage;
use super::thread::{DeviceThread, Warm};
use super::{Board, CatalogEntry, DeviceState, WarmDevice};

/// How long a device's notice may wait for room in the batcher's mailbox.
const NOTICE_DEADLINE: Duration = Duration::from_secs(30);
/// How long a canary check may take.
const CANARY_DEADLINE: Duration = Duration::from_secs(60);
/// How long loading and warming up may take in all: the first kernels of a GPU are tuned then.
const LOAD_DEADLINE: Duration = Duration::from_secs(600);

/// What a device is made from, at every start.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    pub(super) index: usize,
    pub(super) device: DeviceSpec,
    pub(super) catalog: Arc<[CatalogEntry]>,
    pub(super) batcher: Address<BatcherMessage>,
    pub(super) board: Arc<Board>,
    pub(super) batch_deadline: Duration,
    pub(super) canary_interval: Duration,
}

/// What a device takes.
pub(crate) enum DeviceMessage {
    /// The thread has loaded and warmed up its nets, or could not.
    Loaded(Result<Warm, String>),
    /// Score this batch.
    Run { model: usize, windows: Vec<Vec<f32>>, reply: Reply<Result<Vec<WindowScore>, String>> },
    /// Check yourself.
    Canary,
}

/// The actor.
pub(super) struct Device {
    seed: Seed,
    /// The thread with the nets; it takes orders once they are warm.
    thread: Option<DeviceThread>,
    /// Monotonic time of this life's start.
    begun: Duration,
}

impl Device {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, thread: None, begun: Duration::ZERO }
    }

    fn down(&self, reason: &str) -> Fault {
        self.seed.board.update(self.seed.index, |view| {
            view.state = DeviceState::Down;
            view.failures += 1;
            view.last_failure = Some(reason.to_owned());
        });
        metrics::counter!("nightshift_inference_device_failures_total").increment(1);
        tracing::error!(device = self.seed.device.label.as_str(), reason, "an inference device failed");
        Fault::new(format!("{}: {reason}", self.seed.device.label.as_str()))
    }

    async fn ready(&mut self, ctx: &Context<DeviceMessage>, warm: Warm) -> Result<(), Fault> {
        let warm_up = ctx.clock().monotonic() - self.begun;
        self.seed.board.update(self.seed.index, |view| {
            view.state = DeviceState::Idle;
            view.canary_difference = Some(warm.canary_difference);
            view.warm_up_s = Some(warm_up.as_secs_f64());
        });
        let device = WarmDevice { address: ctx.address(), paces: warm.paces };
        self.seed.board.set_warm(self.seed.index, Some(device));
        ctx.send_every(self.seed.canary_interval, || DeviceMessage::Canary)?;
        self.seed.batcher.send(BatcherMessage::Ready { device: self.seed.index }, NOTICE_DEADLINE).await?;
        tracing::info!(
            device = self.seed.device.label,
            warm_up_s = warm_up.as_secs_f32(),
            "inference device ready"
        );
        Ok(())
    }

    async fn run(
        &mut self,
        ctx: &Context<DeviceMessage>,
        model: usize,
        windows: Vec<Vec<f32>>,
    ) -> Result<Vec<WindowScore>, String> {
        let thread = self.thread.as_ref().ok_or("the device is not ready")?;
        let (count, begun) = (windows.len(), ctx.clock().monotonic());
        let answer = tokio::time::timeout(self.seed.batch_deadline, thread.score(model, windows)?).await;
        let took = ctx.clock().monotonic() - begun;
        metrics::histogram!("nightshift_inference_batch_duration_seconds").record(took.as_secs_f64());
        metrics::histogram!("nightshift_inference_batch_windows").record(count as f64);
        match answer {
            Ok(Ok(Ok(scores))) if scores.len() == count => Ok(scores),
            Ok(Ok(Ok(scores))) => Err(format!("{} scores for {count} windows", scores.len())),
            Ok(Ok(Err(reason))) => Err(reason),
            Ok(Err(_)) => Err("the device's thread died".to_owned()),
            Err(_) => Err(format!("hung: no answer within {} s", self.seed.batch_deadline.as_secs_f32())),
        }
    }

    async fn canary(&mut self) -> Result<f64, String> {
        let thread = self.thread.as_ref().ok_or("the device is not ready")?;
        match tokio::time::timeout(CANARY_DEADLINE, thread.canary()?).await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(_)) => Err("the device's thread died".to_owned()),
            Err(_) => Err("canary: no answer".to_owned()),
        }
    }
}

impl Actor for Device {
    type Message = DeviceMessage;

    async fn start(&mut self, ctx: &Context<DeviceMessage>) -> Result<(), Fault> {
        self.begun = ctx.clock().monotonic();
        self.seed.board.update(self.seed.index, |view| view.state = DeviceState::Starting);
        let (thread, warm) = DeviceThread::start(self.seed.device.clone(), Arc::clone(&self.seed.catalog))
            .map_err(|e| self.down(&format!("no thread: {e}")))?;
        self.thread = Some(thread);
        // Loading can take minutes; the actor stays free to be stopped meanwhile.
        let own = ctx.address();
        tokio::spawn(async move {
            let outcome = match tokio::time::timeout(LOAD_DEADLINE, warm).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err("the device's thread died while loading".to_owned()),
                Err(_) => Err("hung while loading".to_owned()),
            };
            // A device that was stopped meanwhile has no more use for it.
            let _ = own.send(DeviceMessage::Loaded(outcome), NOTICE_DEADLINE).await;
        });
        Ok(())
    }

    async fn handle(&mut self, ctx: &Context<DeviceMessage>, message: DeviceMessage) -> Result<(), Fault> {
        match message {
            DeviceMessage::Loaded(outcome) => {
                let warm = outcome.map_err(|reason| self.down(&reason))?;
                self.ready(ctx, warm).await
            }
            DeviceMessage::Run { model, windows, reply } => {
                let count = windows.len() as u64;
                let outcome = self.run(ctx, model, windows).await;
                let failure = outcome.as_ref().err().cloned();
                reply.send(outcome);
                if let Some(reason) = failure {
                    return Err(self.down(&reason));
                }
                metrics::counter!("nightshift_inference_windows_total").increment(count);
                self.seed.board.update(self.seed.index, |view| {
                    view.batches += 1;
                    view.windows += count;
                });
                Ok(())
            }
            DeviceMessage::Canary => {
                let difference = self.canary().await.map_err(|reason| self.down(&reason))?;
                self.seed.board.update(self.seed.index, |view| view.canary_difference = Some(difference));
                Ok(())
            }
        }
    }
}
