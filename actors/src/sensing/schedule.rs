//! The schedule: scores the sensors by itself, and what could not be scored before.
//!
//! Owned by the `sensing` supervisor. The schedule and its last run are in the store, so a restart goes on where it
//! was; of the runs missed meanwhile the latest is caught up once. A run is one task beside the actor: a new one begins
//! only when the last has ended, and a sensor has at most one result per run however often a run is repeated.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::FutureExt;
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Schedule;
use nightshift_kernel::{Actor, Context, Fault, Reply};
use nightshift_store::sensing as store;

use super::error::SensingError;
use super::judge;
use super::shared::{BACKGROUND_WRITE, Shared};
use super::view::ScheduleView;

/// Longest sleep before the schedule looks at the clock again: a wall clock may jump.
const LOOK_MAX: Duration = Duration::from_secs(30);
/// Unscored results that one look takes on.
const RESCORE_MAX: u32 = 256;
/// How long the end of a run may wait for room in the mailbox.
const NOTICE_DEADLINE: Duration = Duration::from_secs(30);

type Answer<T> = Reply<Result<T, SensingError>>;

/// What the schedule takes.
pub(crate) enum ScheduleMessage {
    /// Look at the clock.
    Look,
    /// A run has ended.
    RunEnded { due: Timestamp, outcome: Result<usize, String> },
    /// A round over unscored results has ended.
    Rescored,
    /// Show yourself.
    Get { reply: Answer<ScheduleView> },
    /// Run by this schedule from now on.
    Set { schedule: Schedule, reply: Answer<ScheduleView> },
}

/// The actor.
pub(super) struct Scheduler {
    shared: Arc<Shared>,
    schedule: Schedule,
    last_done: Option<Timestamp>,
    running: bool,
    rescoring: bool,
}

impl Scheduler {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, schedule: Schedule::default(), last_done: None, running: false, rescoring: false }
    }

    fn view(&self, now: Timestamp) -> ScheduleView {
        ScheduleView {
            schedule: self.schedule.clone(),
            last_run: self.last_done,
            next_run: self.schedule.next_due(now),
            running: self.running,
        }
    }

    async fn set(&mut self, schedule: Schedule, now: Timestamp) -> Result<(), SensingError> {
        let schedule = schedule.validated().map_err(|e| SensingError::Invalid(e.to_string()))?;
        if let Some(unknown) = schedule.sensor_ids.iter().find(|id| self.shared.roster.get(id).is_none()) {
            return Err(SensingError::Invalid(format!("sensor_ids: `{unknown}` is not registered")));
        }
        let (kept, started) = (schedule.clone(), schedule.latest_due(now).unwrap_or(now));
        self.shared
            .writer
            .run(BACKGROUND_WRITE, move |tx| {
                Box::pin(async move {
                    store::schedule_set(tx, &kept, now).await?;
                    // The new rhythm begins with its next due instant: what lies behind it is not a missed run.
                    store::schedule_done(tx, started).await
                })
            })
            .await?;
        (self.schedule, self.last_done) = (schedule, Some(started));
        self.show();
        Ok(())
    }

    fn look(&mut self, ctx: &Context<ScheduleMessage>, now: Timestamp) {
        if let Some(due) = self.schedule.owed(self.last_done, now).filter(|_| !self.running) {
            self.running = true;
            self.start_run(ctx, due, now);
        }
        if !self.rescoring && !self.running && self.shared.inference.ready() {
            self.rescoring = true;
            let (shared, own) = (Arc::clone(&self.shared), ctx.address());
            tokio::spawn(async move {
                match AssertUnwindSafe(judge::rescore(&shared, RESCORE_MAX)).catch_unwind().await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => {
                        tracing::warn!(error = %error, "scoring again failed; it is tried later")
                    }
                    Err(_) => tracing::error!("scoring again panicked; it is tried later"),
                }
                let _ = own.send(ScheduleMessage::Rescored, NOTICE_DEADLINE).await;
            });
        }
    }

    fn start_run(&self, ctx: &Context<ScheduleMessage>, due: Timestamp, now: Timestamp) {
        let (shared, own, wanted) =
            (Arc::clone(&self.shared), ctx.address(), self.schedule.sensor_ids.clone());
        let limit = shared.config.run_deadline.max(Duration::from_secs(self.schedule.period_s.into()));
        tokio::spawn(async move {
            let run = AssertUnwindSafe(run(&shared, &wanted, due, now)).catch_unwind();
            let outcome = match tokio::time::timeout(limit, run).await {
                Ok(Ok(outcome)) => outcome.map_err(|e| e.to_string()),
                Ok(Err(_)) => Err("panicked".to_owned()),
                Err(_) => Err(format!("not done within {} s", limit.as_secs())),
            };
            let _ = own.send(ScheduleMessage::RunEnded { due, outcome }, NOTICE_DEADLINE).await;
        });
    }

    fn ended(&mut self, due: Timestamp, outcome: Result<usize, String>) {
        self.running = false;
        match outcome {
            Ok(results) => {
                self.last_done = Some(due);
                self.show();
                metrics::counter!("nightshift_sensing_runs_total", "outcome" => "done").increment(1);
                tracing::info!(due = %due, results, "scheduled run done");
            }
            Err(reason) => {
                metrics::counter!("nightshift_sensing_runs_total", "outcome" => "failed").increment(1);
                tracing::error!(due = %due, reason, "scheduled run failed; it is tried again");
            }
        }
    }

    fn show(&self) {
        self.shared.period_s.store(self.schedule.period_s, Ordering::Relaxed);
        metrics::gauge!("nightshift_sensing_schedule_period_seconds").set(f64::from(self.schedule.period_s));
        if let Some(done) = self.last_done {
            let seconds = done.us() as f64 / 1e6;
            metrics::gauge!("nightshift_sensing_last_run_timestamp_seconds").set(seconds);
        }
    }

    fn sleep(&self, now: Timestamp) -> Duration {
        self.schedule.next_due(now).since(now).clamp(Duration::from_millis(1), LOOK_MAX)
    }
}

/// One run: everything is judged and stored, then the run itself is marked as done.
async fn run(
    shared: &Arc<Shared>,
    wanted: &[nightshift_domain::sensing::SensorId],
    due: Timestamp,
    now: Timestamp,
) -> Result<usize, SensingError> {
    let records = judge::judge_all(shared, wanted, now, Some(due)).await?;
    shared
        .writer
        .run(BACKGROUND_WRITE, move |tx| Box::pin(async move { store::schedule_done(tx, due).await }))
        .await?;
    Ok(records.len())
}

impl Actor for Scheduler {
    type Message = ScheduleMessage;

    async fn start(&mut self, ctx: &Context<ScheduleMessage>) -> Result<(), Fault> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        match store::schedule_get(&self.shared.db).await.map_err(Fault::from)? {
            Some((schedule, last_done)) => (self.schedule, self.last_done) = (schedule, last_done),
            None => self.set(Schedule::default(), now).await.map_err(Fault::from)?,
        }
        self.show();
        ctx.send_after(Duration::ZERO, ScheduleMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<ScheduleMessage>,
        message: ScheduleMessage,
    ) -> Result<(), Fault> {
        let now = Timestamp::from_us(ctx.clock().now_us());
        match message {
            ScheduleMessage::Look => {
                self.look(ctx, now);
                ctx.send_after(self.sleep(now), ScheduleMessage::Look)?;
            }
            ScheduleMessage::RunEnded { due, outcome } => self.ended(due, outcome),
            ScheduleMessage::Rescored => self.rescoring = false,
            ScheduleMessage::Get { reply } => {
                reply.send(Ok(self.view(now)));
            }
            ScheduleMessage::Set { schedule, reply } => {
                let outcome = self.set(schedule, now).await;
                reply.send(outcome.map(|()| self.view(now)));
            }
        }
        Ok(())
    }
}
