//! A process of the line: every start and completion of it goes through this actor.
//!
//! Owned by `process`, one for each row of the catalogue. Commands that arrive while a commit is under way wait in the
//! mailbox, and become one unit of work together; a command that is refused is undone alone. The store is called through a
//! breaker: while it is away, stations are told so at once instead of waiting for it one after the other. The actor keeps
//! nothing that matters: what waits when it crashes is answered as failed, and may be sent again.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::production::{Process, ProcessId};
use nightshift_kernel::{
    Actor, Backoff, Breaker, BreakerConfig, BreakerError, ChildSpec, Context, Fault, Mailbox, Reply,
    SpawnError, Supervisor,
};
use nightshift_store::StoreError;
use tokio::sync::Mutex;

use super::batch::{self, Outcome};
use super::error::{ProductionError, kind_word};
use super::order::{Order, Placed, Reported};
use super::shared::{Shared, Station};
use crate::setback::Setback;
use crate::writer::WriteError;

/// Commands that may wait for one process; more are answered as overloaded.
const MAILBOX: u32 = 2_048;
/// Most commands in one unit of work.
pub(super) const BATCH_MAX: usize = 256;
/// Failures of the store after which stations are not kept waiting for it any more.
const BREAKER_FAILURES: u32 = 2;
/// How long it is left alone then.
const BREAKER_OPEN: Duration = Duration::from_secs(2);
/// Failures count for so long.
const BREAKER_WINDOW: Duration = Duration::from_secs(30);
/// First pause before a crashed process lives again: stations wait.
const RESTART_FIRST: Duration = Duration::from_millis(2);
/// How long the ordered end of a process that was removed may take.
const REMOVE_DEADLINE: Duration = Duration::from_secs(10);

pub(super) type Answer = Result<Box<Reported>, ProductionError>;

/// What a process takes.
pub(super) enum ProcessMessage {
    /// A station's command.
    Command(Box<Waiting>),
    /// Do what has gathered.
    Flush,
    /// Crash, to show that it comes back.
    Drill,
}

/// A command and who waits for it.
pub(super) struct Waiting {
    pub(super) placed: Arc<Placed>,
    pub(super) reply: Reply<Answer>,
}

/// The actor.
pub(super) struct ProcessActor {
    shared: Arc<Shared>,
    /// Outlives the actor, so that a restart does not forget a store that is away.
    breaker: Arc<Mutex<Breaker>>,
    waiting: Vec<Waiting>,
    /// Whether a `Flush` is in the mailbox.
    flushing: bool,
}

impl ProcessActor {
    fn new(shared: Arc<Shared>, breaker: Arc<Mutex<Breaker>>) -> Self {
        Self { shared, breaker, waiting: Vec::new(), flushing: false }
    }

    /// Takes a command in. The flush stands behind everything that is in the mailbox by now, so that all of it gathers.
    async fn take(&mut self, ctx: &Context<ProcessMessage>, waiting: Waiting) {
        if waiting.reply.is_abandoned() {
            return;
        }
        self.waiting.push(waiting);
        let full = self.waiting.len() >= BATCH_MAX;
        if !full && (self.flushing || ctx.address().try_send(ProcessMessage::Flush).is_ok()) {
            self.flushing = true;
            return;
        }
        self.flush(ctx).await;
    }

    /// Does all that has gathered.
    async fn flush(&mut self, ctx: &Context<ProcessMessage>) {
        while !self.waiting.is_empty() {
            ctx.progress();
            let rest = self.waiting.split_off(self.waiting.len().min(BATCH_MAX));
            let batch = std::mem::replace(&mut self.waiting, rest);
            let mut later = self.do_batch(batch).await;
            later.append(&mut self.waiting);
            self.waiting = later;
        }
    }

    /// Does a batch and answers it; gives back what has to be decided once more.
    async fn do_batch(&mut self, batch: Vec<Waiting>) -> Vec<Waiting> {
        metrics::histogram!("nightshift_production_batch_commands").record(batch.len() as f64);
        match self.attempt(&batch).await {
            Ok(outcomes) => settle_all(batch, outcomes),
            Err(Trouble::Poisoned(error)) if batch.len() > 1 => {
                // One of them cannot be stored: each by itself tells which, and the others are done.
                tracing::warn!(error = %error, commands = batch.len(), "a batch could not be stored; its commands are tried one by one");
                let mut later = Vec::new();
                for one in batch {
                    let one = vec![one];
                    match self.attempt(&one).await {
                        Ok(outcomes) => later.extend(settle_all(one, outcomes)),
                        Err(trouble) => fail_all(one, &trouble.into()),
                    }
                }
                later
            }
            Err(trouble) => {
                fail_all(batch, &trouble.into());
                Vec::new()
            }
        }
    }

    /// One unit of work, through the breaker.
    async fn attempt(&mut self, batch: &[Waiting]) -> Result<Vec<Outcome>, Trouble> {
        let placed: Arc<[Arc<Placed>]> = batch.iter().map(|waiting| Arc::clone(&waiting.placed)).collect();
        let (shared, now, deadline) =
            (Arc::clone(&self.shared), self.shared.now(), self.shared.config.store_deadline);
        let call = self
            .shared
            .writer
            .run(deadline, move |tx| Box::pin(async move { batch::run(&shared, tx, placed, now).await }));
        // The writer keeps the deadline; the breaker's own is only a second line.
        let mut breaker = self.breaker.lock().await;
        let done = breaker.call_unless(deadline + deadline, call, |error| !is_away(error)).await;
        done.map_err(|error| match error {
            BreakerError::Open { retry_after } => Trouble::Away(retry_after.max(BREAKER_OPEN / 4)),
            BreakerError::Deadline => Trouble::Error(Setback::Deadline.into()),
            BreakerError::Panicked => Trouble::Error(Setback::failed("the unit panicked").into()),
            BreakerError::Failed(WriteError::Store(error)) if is_poison(&error) => Trouble::Poisoned(error),
            BreakerError::Failed(WriteError::Deadline) => Trouble::Away(BREAKER_OPEN),
            BreakerError::Failed(error) => Trouble::Error(error.into()),
        })
    }
}

/// Why a batch was not done.
enum Trouble {
    /// The store is away.
    Away(Duration),
    /// Something in the batch cannot be stored.
    Poisoned(Arc<StoreError>),
    /// The rest.
    Error(ProductionError),
}

impl From<Trouble> for ProductionError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Away(retry_after) => Self::database_away(retry_after),
            Trouble::Poisoned(error) => WriteError::Store(error).into(),
            Trouble::Error(error) => error,
        }
    }
}

/// Whether an error shows that the store is away, and not only that this unit could not be done.
fn is_away(error: &WriteError) -> bool {
    match error {
        WriteError::Store(error) => error.is_transient(),
        WriteError::Deadline | WriteError::Stopped | WriteError::Lost => true,
        WriteError::Overloaded => false,
    }
}

fn is_poison(error: &StoreError) -> bool {
    !error.is_transient()
}

fn settle_all(batch: Vec<Waiting>, outcomes: Vec<Outcome>) -> Vec<Waiting> {
    let mut later = Vec::new();
    for (waiting, outcome) in batch.into_iter().zip(outcomes) {
        match outcome {
            Outcome::Later => later.push(waiting),
            Outcome::Done(reported, written) => {
                if let Some(written) = written {
                    written.committed();
                }
                count(&waiting.placed.order, "done", "");
                count_run(&waiting.placed.order, &reported);
                waiting.reply.send(Ok(reported));
            }
            Outcome::Refused(refusal) => {
                count(&waiting.placed.order, "refused", kind_word(&refusal));
                waiting.reply.send(Err(refusal.into()));
            }
        }
    }
    later
}

fn fail_all(batch: Vec<Waiting>, error: &ProductionError) {
    for waiting in batch {
        count(&waiting.placed.order, "failed", "");
        waiting.reply.send(Err(error.clone()));
    }
}

fn count(order: &Order, outcome: &'static str, reason: &'static str) {
    metrics::counter!(
        "nightshift_production_commands_total",
        "command" => order.word(), "outcome" => outcome, "reason" => reason
    )
    .increment(1);
}

/// What became of runs, units and lots.
fn count_run(order: &Order, reported: &Reported) {
    if !matches!(order, Order::Complete(_)) {
        metrics::counter!("nightshift_production_runs_started_total").increment(1);
    }
    if let Some(done) = reported.run.run.done() {
        metrics::counter!("nightshift_production_runs_total", "result" => done.result.as_str()).increment(1);
        let process = reported.process.to_string();
        if let Some(took) = reported.run.run.duration() {
            metrics::histogram!("nightshift_production_cycle_seconds", "process" => process)
                .record(took.as_secs_f64());
        }
    }
    metrics::counter!("nightshift_production_defects_total").increment(reported.defects.len() as u64);
    if reported.overridden {
        metrics::counter!("nightshift_production_overrides_total").increment(1);
    }
}

impl Actor for ProcessActor {
    type Message = ProcessMessage;

    async fn handle(&mut self, ctx: &Context<ProcessMessage>, message: ProcessMessage) -> Result<(), Fault> {
        match message {
            ProcessMessage::Command(waiting) => self.take(ctx, *waiting).await,
            ProcessMessage::Flush => {
                self.flushing = false;
                self.flush(ctx).await;
            }
            ProcessMessage::Drill => return Err(Fault::new("crashed on purpose")),
        }
        Ok(())
    }

    async fn stop(&mut self, ctx: &Context<ProcessMessage>) {
        self.flush(ctx).await;
    }
}

/// The name of a process's actor: its number, by which people know it.
fn child_name(process: &Process) -> String {
    process.number().to_string()
}

/// Gives every process of the catalogue its actor, and ends those of processes that are gone. A process that got another
/// number gets another actor.
pub(super) async fn settle(shared: &Arc<Shared>, stations: &Supervisor) -> Result<(), ProductionError> {
    let _alone = shared.stations.changing.lock().await;
    let line = shared.line_up_read().await?;
    for (id, station) in shared.stations.all() {
        let step = line.get(id);
        if step.is_none_or(|step| child_name(&step.process) != station.name) {
            shared.stations.take(id);
            // What it had taken is done first; new commands are told that the process does not exist.
            if let Err(error) = stations.remove(&station.name, REMOVE_DEADLINE).await {
                tracing::warn!(process = %station.name, error = %error, "the actor of a process did not end in order");
            }
        }
    }
    for step in line.steps() {
        if shared.stations.get(step.id()).is_none() {
            let seated = seat(shared, stations, step.id(), child_name(&step.process));
            seated.map_err(|error| ProductionError::from(Setback::failed(error)))?;
        }
    }
    Ok(())
}

fn seat(shared: &Arc<Shared>, stations: &Supervisor, id: ProcessId, name: String) -> Result<(), SpawnError> {
    let config = BreakerConfig {
        failures: BREAKER_FAILURES,
        window: BREAKER_WINDOW,
        open_for: BREAKER_OPEN,
        ..BreakerConfig::default()
    };
    let breaker = Breaker::new(format!("process-{name}"), config, shared.clock.clone());
    let (view, breaker) = (breaker.view(), Arc::new(Mutex::new(breaker)));
    let spec = ChildSpec::new(name.clone())
        .mailbox(Mailbox::reject(MAILBOX))
        .budget(shared.config.store_deadline * 4 + REMOVE_DEADLINE)
        .backoff(Backoff { first: RESTART_FIRST, max: Duration::from_secs(30) });
    let own = Arc::clone(shared);
    let address = stations.spawn(spec, move || ProcessActor::new(Arc::clone(&own), Arc::clone(&breaker)))?;
    shared.stations.put(id, Station { name, address, breaker: view });
    Ok(())
}
