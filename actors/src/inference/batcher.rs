//! The batcher: gathers windows into batches and gives them to the best device, or to the one that is much faster with such a batch.
//!
//! Owned by the `inference` supervisor. Takes jobs from everywhere and notices from devices; never waits inside a
//! handler. Sheds jobs beyond its queue limit, drops those whose deadline has passed, gives a job that a device failed
//! to another one once. Spare jobs, whose scores nobody waits for, get a device that would stand idle: only while no other
//! job waits, on the worst idle device, few at once, and for a while not at all after one of them has failed a device. If
//! it fails itself its jobs end in `Failed` at their askers; the devices it knew are on the board.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use nightshift_kernel::{Actor, Context, Fault, Reply};
use nightshift_models::WindowScore;

use super::device::DeviceMessage;
use super::pace::fastest;
use super::{Board, DeviceState, InferenceError, WarmDevice};
use crate::config::InferenceConfig;

/// Added to a batch's deadline before the batcher itself gives a device up: the device should be the one to say why.
const DEVICE_GRACE: Duration = Duration::from_secs(5);
/// How long a batch's end may wait for room in the batcher's mailbox.
const NOTICE_DEADLINE: Duration = Duration::from_secs(30);
/// Shortest pause before a look at a ripening batch.
const FLUSH_MIN: Duration = Duration::from_micros(100);
/// While a device is away, the batcher looks this often for jobs that waited too long.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);
/// Most spare jobs waiting.
const SPARE_QUEUE_MAX: usize = 256;
/// Most spare jobs in one batch: a job that comes meanwhile waits no longer than they take, some 15 ms on one core.
const SPARE_BATCH_MAX: usize = 16;
/// How long no spare job gets a device after one of them has failed it: what is tried must not take away what works.
const SPARE_PAUSE: Duration = Duration::from_secs(600);

/// A window to score.
pub(crate) struct Job {
    pub(super) model: usize,
    pub(super) values: Vec<f32>,
    pub(super) reply: Reply<Result<RawScore, InferenceError>>,
    /// Monotonic time since it waits; set by the batcher.
    pub(super) waited_since: Option<Duration>,
    /// The device that failed it and why.
    pub(super) failed_on: Option<(usize, String)>,
    /// Whether it only gets what nobody else needs.
    pub(super) spare: bool,
}

/// A scored window before it gets the model's names.
pub(crate) struct RawScore {
    pub(super) score: WindowScore,
    pub(super) device: Arc<str>,
    pub(super) degraded: Option<String>,
}

/// What the batcher takes.
pub(crate) enum BatcherMessage {
    /// Score this window.
    Score(Job),
    /// A device is warm and waits for work.
    Ready { device: usize },
    /// A batch has ended, well or not.
    Done { device: usize, jobs: Vec<Job>, outcome: Result<Vec<WindowScore>, String> },
    /// A batch may have waited long enough, or a job too long.
    Flush,
}

/// A device as the batcher knows it.
struct Slot {
    /// `None` until it is warm, and while it is away.
    device: Option<WarmDevice>,
    busy: bool,
}

/// The actor.
pub(super) struct Batcher {
    /// One queue per model, since a batch is of one model. Grown at need.
    queues: Vec<VecDeque<Job>>,
    spare: VecDeque<Job>,
    /// Monotonic time before which no spare job gets a device.
    spare_from: Duration,
    /// Devices, best first.
    slots: Vec<Slot>,
    board: Arc<Board>,
    batch_max: usize,
    batch_wait: Duration,
    queue_max: usize,
    batch_deadline: Duration,
    job_deadline: Duration,
    /// Monotonic time at which the soonest [`BatcherMessage::Flush`] arrives.
    flush_at: Option<Duration>,
}

impl Batcher {
    pub(super) fn new(config: &InferenceConfig, board: Arc<Board>) -> Self {
        Self {
            queues: Vec::new(),
            spare: VecDeque::new(),
            spare_from: Duration::ZERO,
            slots: board.warm().into_iter().map(|device| Slot { device, busy: false }).collect(),
            board,
            batch_max: config.batch_max.max(1),
            batch_wait: config.batch_wait,
            queue_max: config.queue_max,
            batch_deadline: config.batch_deadline,
            job_deadline: config.job_deadline,
            flush_at: None,
        }
    }

    fn queued(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }

    fn enqueue(&mut self, mut job: Job, now: Duration) {
        if job.spare {
            self.enqueue_spare(job, now);
            return;
        }
        if self.queued() >= self.queue_max {
            metrics::counter!("nightshift_inference_shed_total").increment(1);
            job.reply.send(Err(InferenceError::Overloaded));
            return;
        }
        job.waited_since = Some(now);
        if self.queues.len() <= job.model {
            self.queues.resize_with(job.model + 1, VecDeque::new);
        }
        self.queues[job.model].push_back(job);
    }

    fn enqueue_spare(&mut self, mut job: Job, now: Duration) {
        if now < self.spare_from {
            let reason = "spare windows failed a device a short while ago".to_owned();
            job.reply.send(Err(InferenceError::Unavailable { reason }));
        } else if self.spare.len() >= SPARE_QUEUE_MAX {
            job.reply.send(Err(InferenceError::Overloaded));
        } else {
            job.waited_since = Some(now);
            self.spare.push_back(job);
        }
    }

    /// Gives spare jobs of one model to the worst idle device, if nothing else waits.
    fn dispatch_spare(&mut self, ctx: &Context<BatcherMessage>) {
        let Some(model) = self.spare.front().map(|job| job.model).filter(|_| self.queued() == 0) else {
            return;
        };
        let idle = self.slots.iter().rposition(|slot| slot.device.is_some() && !slot.busy);
        let Some(device) = idle else { return };
        let count = self.spare.iter().take(SPARE_BATCH_MAX).take_while(|job| job.model == model).count();
        let jobs: Vec<Job> = self.spare.drain(..count).collect();
        metrics::counter!("nightshift_inference_spare_windows_total").increment(count as u64);
        self.give(ctx, device, model, jobs);
    }

    /// The device for the next batch of a model, if it is idle. The one that failed its oldest job before gets it only while there is
    /// no other.
    fn device_for(&self, model: usize) -> Option<usize> {
        let queue = &self.queues[model];
        let avoid = queue.front()?.failed_on.as_ref().map(|(device, _)| *device);
        let warm = || {
            let slots = self.slots.iter().enumerate();
            slots.filter_map(|(i, slot)| Some((i, slot.device.as_ref()?.paces.get(model))))
        };
        let windows = queue.len().min(self.batch_max);
        let others = warm().filter(|(i, _)| Some(*i) != avoid);
        let device = fastest(others, windows).or_else(|| fastest(warm(), windows))?;
        (!self.slots[device].busy).then_some(device)
    }

    /// The models with a batch that need not wait for more, the longest waiting one first.
    fn ripe(&self, now: Duration) -> Vec<usize> {
        let ripe = self.queues.iter().enumerate().filter_map(|(model, queue)| {
            let oldest = queue.front()?.waited_since?;
            (queue.len() >= self.batch_max || now >= oldest + self.batch_wait).then_some((oldest, model))
        });
        let mut ripe: Vec<_> = ripe.collect();
        ripe.sort_unstable();
        ripe.into_iter().map(|(_, model)| model).collect()
    }

    /// Gives work to devices until there is none, or none is idle, or batches should wait for more.
    fn dispatch(&mut self, ctx: &Context<BatcherMessage>) -> Result<(), Fault> {
        let now = ctx.clock().monotonic();
        let next =
            |own: &Self| own.ripe(now).into_iter().find_map(|model| Some((model, own.device_for(model)?)));
        while let Some((model, device)) = next(self) {
            let count = self.queues[model].len().min(self.batch_max);
            let jobs: Vec<Job> = self.queues[model].drain(..count).collect();
            self.give(ctx, device, model, jobs);
        }
        self.dispatch_spare(ctx);
        self.board.queued.store(self.queued(), Ordering::Relaxed);
        metrics::gauge!("nightshift_inference_queued_windows").set(self.queued() as f64);
        self.arrange_flush(ctx, now)
    }

    /// Arranges to look again: soon when a batch is ripening, later when jobs wait for a device.
    fn arrange_flush(&mut self, ctx: &Context<BatcherMessage>, now: Duration) -> Result<(), Fault> {
        if self.queued() == 0 && self.spare.is_empty() {
            return Ok(());
        }
        let waiting = self.queues.iter().filter(|queue| !queue.is_empty()).count();
        let ripening = waiting > self.ripe(now).len();
        let delay = if ripening { self.batch_wait.max(FLUSH_MIN) } else { SWEEP_INTERVAL };
        if self.flush_at.is_some_and(|at| at <= now + delay) {
            return Ok(());
        }
        self.flush_at = Some(now + delay);
        ctx.send_after(delay, BatcherMessage::Flush)
    }

    fn give(&mut self, ctx: &Context<BatcherMessage>, device: usize, model: usize, mut jobs: Vec<Job>) {
        let Some(WarmDevice { address, .. }) = self.slots[device].device.clone() else { return };
        self.slots[device].busy = true;
        self.board.update(device, |view| view.state = DeviceState::Busy);
        let windows = jobs.iter_mut().map(|job| job.values.clone()).collect();
        let (own, patience) = (ctx.address(), self.batch_deadline + DEVICE_GRACE);
        // One task per device at most: the slot is busy until it reports.
        tokio::spawn(async move {
            let answer = address.ask(|reply| DeviceMessage::Run { model, windows, reply }, patience).await;
            let outcome = answer.unwrap_or_else(|error| Err(format!("the device did not answer: {error}")));
            // A batcher that is gone has dropped its askers' hopes already; their jobs end with this message.
            let _ = own.send(BatcherMessage::Done { device, jobs, outcome }, NOTICE_DEADLINE).await;
        });
    }

    fn settle(
        &mut self,
        device: usize,
        jobs: Vec<Job>,
        outcome: Result<Vec<WindowScore>, String>,
        now: Duration,
    ) {
        let label =
            self.board.devices().get(device).map_or_else(|| "?".into(), |view| Arc::clone(&view.label));
        match outcome {
            Ok(scores) => {
                self.slots[device].busy = false;
                self.board.update(device, |view| view.state = DeviceState::Idle);
                for (job, score) in jobs.into_iter().zip(scores) {
                    let degraded = job.failed_on.map(|(_, reason)| reason);
                    job.reply.send(Ok(RawScore { score, device: Arc::clone(&label), degraded }));
                }
            }
            Err(reason) => {
                // It introduces itself again when it is back.
                self.slots[device] = Slot { device: None, busy: false };
                self.board.set_warm(device, None);
                for mut job in jobs.into_iter().rev() {
                    if job.spare {
                        self.spare_from = now + SPARE_PAUSE;
                    }
                    if job.spare || job.failed_on.is_some() {
                        job.reply.send(Err(InferenceError::Unavailable { reason: reason.clone() }));
                    } else {
                        metrics::counter!("nightshift_inference_retried_windows_total").increment(1);
                        job.failed_on = Some((device, format!("{label} failed: {reason}")));
                        self.queues[job.model].push_front(job);
                    }
                }
            }
        }
    }

    /// Ends every waiting job when no device works and none is about to: waiting would not help.
    fn drop_hopeless(&mut self) {
        if self.slots.iter().any(|slot| slot.device.is_some()) {
            return;
        }
        let devices = self.board.devices();
        if devices.iter().any(|device| device.state != DeviceState::Down) {
            return;
        }
        let last = devices.iter().rev().find_map(|device| device.last_failure.clone());
        let reason = last.unwrap_or_else(|| "there is no device".to_owned());
        let queues = self.queues.iter_mut().chain([&mut self.spare]);
        for job in queues.flat_map(|queue| queue.drain(..)) {
            job.reply.send(Err(InferenceError::Unavailable { reason: reason.clone() }));
        }
    }

    fn drop_expired(&mut self, now: Duration) {
        for queue in self.queues.iter_mut().chain([&mut self.spare]) {
            while queue
                .front()
                .and_then(|job| job.waited_since)
                .is_some_and(|since| now >= since + self.job_deadline)
            {
                if let Some(job) = queue.pop_front() {
                    metrics::counter!("nightshift_inference_expired_total").increment(1);
                    job.reply.send(Err(InferenceError::Deadline));
                }
            }
        }
    }
}

impl Actor for Batcher {
    type Message = BatcherMessage;

    async fn handle(&mut self, ctx: &Context<BatcherMessage>, message: BatcherMessage) -> Result<(), Fault> {
        let now = ctx.clock().monotonic();
        match message {
            BatcherMessage::Score(job) => self.enqueue(job, now),
            BatcherMessage::Ready { device } => {
                self.slots[device] = Slot { device: self.board.warm()[device].clone(), busy: false };
            }
            BatcherMessage::Done { device, jobs, outcome } => self.settle(device, jobs, outcome, now),
            BatcherMessage::Flush => {
                self.flush_at = self.flush_at.filter(|at| *at > now);
                self.drop_expired(now);
            }
        }
        self.drop_hopeless();
        self.dispatch(ctx)
    }
}
