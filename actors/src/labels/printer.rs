//! A printer: every label that it prints goes through this actor, in the order of their jobs.
//!
//! Owned by `printer`, one for each row. The queue is in the store: the actor takes the job that has waited longest, asks
//! the printer how it is (`~HS`), notes that the job is under way, sends it, and asks again until the printer has nothing
//! left to print. What was under way when an actor's life or the process ended is `unknown`: bytes may have been sent, so
//! a person decides. A printer that cannot be reached or stays silent is left alone for a while by its breaker; one that
//! says what it lacks is asked again at longer and longer pauses.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::labels::{
    HostStatus, JobStatus, LabelJobId, PrintJob, PrinterFault, PrinterId, PrinterSpec, PrinterTrouble,
};
use nightshift_kernel::{Actor, Breaker, BreakerConfig, BreakerError, Context, Fault, Reply};
use nightshift_store::labels as store;
use serde_json::json;

use super::Shared;
use super::desk::PrinterSeen;
use super::error::LabelsError;
use super::link::{Link, Mute};

/// Wake-ups, looks and askers that may wait.
pub(super) const MAILBOX: u32 = 256;
/// Failures after which a printer is left alone.
const BREAKER_FAILURES: u32 = 3;
/// Failures count for so long.
const BREAKER_WINDOW: Duration = Duration::from_secs(120);
/// Jobs in one turn; then others in the mailbox have theirs.
const JOBS_PER_TURN: usize = 64;
/// Askers who wait for their job at once.
const ASKERS_MAX: usize = 1_000;
/// How long a label may take to go out.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// First and longest pause between two looks at a label under way.
const CONFIRM_FIRST: Duration = Duration::from_millis(20);
const CONFIRM_LONGEST: Duration = Duration::from_secs(1);
/// First and longest pause between two looks at a printer that lacks something.
const TROUBLE_FIRST: Duration = Duration::from_secs(1);
const TROUBLE_LONGEST: Duration = Duration::from_secs(10);
/// Pause when the store is away.
const STORE_AWAY: Duration = Duration::from_secs(2);
/// A printer without work looks at its queue this often, should a wake-up have been lost.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_secs(30);
/// Jobs under way that are looked for at the start of a life; there is one at most.
const LEFT_OVER_MAX: u32 = 100;

/// What a printer's actor takes.
pub(crate) enum PrinterMessage {
    /// Something waits.
    Wake,
    /// A pause is over.
    Turn,
    /// Somebody waits for a job: until the printer took it, or it cannot.
    Await { job: LabelJobId, reply: Reply<Result<PrintJob, LabelsError>> },
    /// Somebody wants to know how the printer is now.
    Look { reply: Reply<PrinterSeen> },
}

/// A label that was sent.
struct UnderWay {
    job: PrintJob,
    /// Monotonic time since which nothing was heard that explains why it takes so long.
    since: Duration,
    looks: u32,
}

/// What comes next.
enum Next {
    /// The next job at once.
    Go,
    /// A pause, then on.
    Pause(Duration),
    /// Nothing, until something waits.
    Rest,
}

/// The actor.
pub(super) struct PrinterActor {
    shared: Arc<Shared>,
    id: PrinterId,
    /// Outlives the actor, so that a restart does not forget a printer that is away.
    breaker: Arc<tokio::sync::Mutex<Breaker>>,
    seen: Arc<Mutex<PrinterSeen>>,
    link: Option<Link>,
    under_way: Option<UnderWay>,
    askers: Vec<(LabelJobId, Reply<Result<PrintJob, LabelsError>>)>,
    /// Whether a `Turn` is on its way.
    turning: bool,
    /// How often in a row the printer lacked something.
    troubled: u32,
}

pub(super) fn breaker_config(open_for: Duration) -> BreakerConfig {
    BreakerConfig { failures: BREAKER_FAILURES, window: BREAKER_WINDOW, open_for, ..BreakerConfig::default() }
}

impl PrinterActor {
    pub(super) fn new(
        shared: Arc<Shared>,
        id: PrinterId,
        breaker: Arc<tokio::sync::Mutex<Breaker>>,
        seen: Arc<Mutex<PrinterSeen>>,
    ) -> Self {
        let askers = Vec::new();
        Self { shared, id, breaker, seen, link: None, under_way: None, askers, turning: false, troubled: 0 }
    }

    fn now(&self) -> Timestamp {
        self.shared.now()
    }

    /// Works until there is nothing to do or something to wait for.
    async fn work(&mut self, ctx: &Context<PrinterMessage>) -> Result<(), Fault> {
        let mut next = Next::Pause(Duration::ZERO);
        for _ in 0..JOBS_PER_TURN {
            ctx.progress();
            next = match self.step(ctx).await {
                Ok(Next::Go) => continue,
                Ok(next) => next,
                Err(error) => {
                    tracing::warn!(printer = %self.id, error = %error, "a printer waits for the store");
                    Next::Pause(STORE_AWAY)
                }
            };
            break;
        }
        match next {
            Next::Go | Next::Pause(_) if self.turning => {}
            Next::Go => self.turn(ctx, Duration::ZERO)?,
            Next::Pause(pause) => self.turn(ctx, pause)?,
            // Another program may want the printer: it takes one connection at a time.
            Next::Rest => self.link = None,
        }
        Ok(())
    }

    fn turn(&mut self, ctx: &Context<PrinterMessage>, pause: Duration) -> Result<(), Fault> {
        self.turning = true;
        ctx.send_after(pause, PrinterMessage::Turn)
    }

    async fn step(&mut self, ctx: &Context<PrinterMessage>) -> Result<Next, LabelsError> {
        if self.under_way.is_some() {
            return self.confirm(ctx).await;
        }
        let Some(job) = store::job_next(&self.shared.db, &self.id).await? else { return Ok(Next::Rest) };
        let Some(printer) = store::printer_find(&self.shared.db, &self.id).await? else {
            return Ok(Next::Rest);
        };
        if !printer.spec.enabled {
            self.troubled_by(PrinterFault::Disabled, &job);
            self.refuse_askers(PrinterFault::Disabled, LOOK_INTERVAL).await?;
            return Ok(Next::Rest);
        }
        match self.ready(&printer.spec).await {
            Ok(_) => self.clear_trouble(),
            Err((fault, pause)) => {
                self.troubled_by(fault, &job);
                self.refuse_askers(fault, pause).await?;
                return Ok(Next::Pause(pause));
            }
        }
        self.send(ctx, job).await
    }

    /// Asks the printer how it is, through its breaker; why it cannot print, and for how long to leave it alone.
    async fn ready(&mut self, printer: &PrinterSpec) -> Result<HostStatus, (PrinterFault, Duration)> {
        let config = &self.shared.desk.config;
        let (connect, answer) = (config.connect_deadline, config.status_deadline);
        let held = self.link.take();
        let ask = async {
            let mut link = match held {
                Some(link) => link,
                None => Link::open(printer, connect).await?,
            };
            let status = link.status(answer).await?;
            Ok((link, status))
        };
        let mut breaker = self.breaker.lock().await;
        // The link keeps its own deadlines; the breaker's is a second line.
        let deadline = (connect + answer) * 2;
        let outcome = breaker.call_unless(deadline, ask, |fault: &PrinterFault| !fault.is_failure()).await;
        drop(breaker);
        match outcome {
            Ok((link, status)) => {
                self.link = Some(link);
                self.note(Some(status));
                match status.fault() {
                    None if status.buffer_full => Err((PrinterFault::Paused, CONFIRM_LONGEST)),
                    None => Ok(status),
                    Some(fault) => Err((fault, self.patience())),
                }
            }
            Err(BreakerError::Open { retry_after }) => {
                let known = self.seen().trouble.map_or(PrinterFault::NotConnected, |trouble| trouble.fault);
                Err((known, retry_after.max(CONFIRM_FIRST)))
            }
            Err(BreakerError::Failed(fault)) => {
                self.note(None);
                Err((fault, self.patience()))
            }
            Err(BreakerError::Deadline) => Err((PrinterFault::Silent, self.patience())),
            Err(BreakerError::Panicked) => Err((PrinterFault::Garbage, TROUBLE_LONGEST)),
        }
    }

    /// The pause before a printer that lacks something is asked again: it doubles.
    fn patience(&self) -> Duration {
        (TROUBLE_FIRST * 2_u32.pow(self.troubled.min(8))).min(TROUBLE_LONGEST)
    }

    /// Sends a job. That it is under way is durable before its first byte goes out.
    async fn send(&mut self, ctx: &Context<PrinterMessage>, mut job: PrintJob) -> Result<Next, LabelsError> {
        let Some(mut link) = self.link.take() else { return Ok(Next::Go) };
        job.state = job.state.begin(self.now())?;
        if !self.shared.move_job(&job, JobStatus::Pending).await? {
            // Somebody has called it off meanwhile.
            self.link = Some(link);
            return Ok(Next::Go);
        }
        match link.send(job.job.zpl.as_bytes(), SEND_DEADLINE).await {
            Ok(()) => {
                self.link = Some(link);
                self.under_way = Some(UnderWay { job, since: ctx.clock().monotonic(), looks: 0 });
                self.confirm(ctx).await
            }
            Err(cut) if cut.sent == 0 => {
                job.state = job.state.put_back()?;
                self.shared.move_job(&job, JobStatus::Printing).await?;
                self.failed().await;
                Ok(Next::Pause(TROUBLE_FIRST))
            }
            Err(cut) => {
                let whole = job.job.zpl.len();
                self.lose(job, &format!("the connection broke after {} of {whole} bytes", cut.sent)).await?;
                self.failed().await;
                Ok(Next::Pause(TROUBLE_FIRST))
            }
        }
    }

    /// Asks whether the label under way is printed.
    async fn confirm(&mut self, ctx: &Context<PrinterMessage>) -> Result<Next, LabelsError> {
        let Some(mut under_way) = self.under_way.take() else { return Ok(Next::Go) };
        let config = &self.shared.desk.config;
        let answer = match self.link.as_mut() {
            Some(link) => link.status(config.status_deadline).await,
            None => Err(Mute::Gone),
        };
        let waited = ctx.clock().monotonic().saturating_sub(under_way.since);
        let is_late = waited >= config.confirm_deadline;
        match answer {
            Ok(status) if status.fault().is_none() && status.is_idle() => {
                self.note(Some(status));
                self.clear_trouble();
                return self.printed(under_way).await;
            }
            Ok(status) => {
                self.note(Some(status));
                // The printer has it: whoever waits for that need wait no longer.
                self.answer(&under_way.job, || Ok(under_way.job.clone()));
                match status.fault() {
                    // It says what it lacks: a person comes, and it prints then.
                    Some(fault) => {
                        self.troubled_by(fault, &under_way.job);
                        under_way.since = ctx.clock().monotonic();
                    }
                    None if is_late => {
                        return self
                            .give_up(under_way.job, "the printer never said that it was printed")
                            .await;
                    }
                    None => {}
                }
            }
            Err(Mute::Silent) => {
                self.troubled_by(PrinterFault::Silent, &under_way.job);
                if is_late {
                    return self.give_up(under_way.job, "the printer fell silent after it was sent").await;
                }
            }
            Err(Mute::Gone) => {
                return self.give_up(under_way.job, "the connection broke after it was sent").await;
            }
            Err(Mute::Garbage) => {
                return self.give_up(under_way.job, "the printer answered nonsense after it was sent").await;
            }
        }
        under_way.looks += 1;
        let pause = (CONFIRM_FIRST * 2_u32.pow(under_way.looks.min(8))).min(CONFIRM_LONGEST);
        self.under_way = Some(under_way);
        Ok(Next::Pause(pause))
    }

    async fn printed(&mut self, under_way: UnderWay) -> Result<Next, LabelsError> {
        let mut job = under_way.job.clone();
        job.state = job.state.printed(self.now())?;
        if let Err(error) = self.shared.move_job(&job, JobStatus::Printing).await {
            // It is asked once more, and the store then told.
            self.under_way = Some(under_way);
            return Err(error);
        }
        let took = self.now().us_since(job.created_at).max(0);
        metrics::histogram!("nightshift_labels_wait_seconds").record(took as f64 / 1e6);
        self.answer(&job, || Ok(job.clone()));
        Ok(Next::Go)
    }

    async fn give_up(&mut self, job: PrintJob, reason: &str) -> Result<Next, LabelsError> {
        self.lose(job, reason).await?;
        self.failed().await;
        Ok(Next::Pause(TROUBLE_FIRST))
    }

    /// Nobody knows what became of a job: a person decides.
    async fn lose(&mut self, mut job: PrintJob, reason: &str) -> Result<(), LabelsError> {
        let before = job.clone();
        job.state = job.state.lose(reason, self.now())?;
        if let Err(error) = self.shared.move_job(&job, JobStatus::Printing).await {
            // The link is gone, so the next look gives it up again.
            self.link = None;
            self.under_way = Some(UnderWay { job: before, since: Duration::ZERO, looks: 0 });
            return Err(error);
        }
        tracing::warn!(printer = %self.id, job = job.id.0, reason, "nobody knows whether a label was printed");
        self.answer(&job, || Ok(job.clone()));
        Ok(())
    }

    /// The connection failed in the middle: that counts against the printer.
    async fn failed(&mut self) {
        self.link = None;
        let call = async { Err::<(), _>(PrinterFault::NotConnected) };
        let _ = self.breaker.lock().await.call(SEND_DEADLINE, call).await;
    }

    /// What was under way when the last life ended.
    async fn recover(&mut self) -> Result<(), LabelsError> {
        let left =
            store::jobs_of_printer(&self.shared.db, &self.id, JobStatus::Printing, LEFT_OVER_MAX).await?;
        for job in left {
            self.lose(job, "the program stopped while it was being printed").await?;
        }
        Ok(())
    }

    /// Whoever waits for a job that has not begun is told that the printer cannot, and the job with it.
    async fn refuse_askers(&mut self, fault: PrinterFault, retry_after: Duration) -> Result<(), LabelsError> {
        for (id, reply) in std::mem::take(&mut self.askers) {
            if reply.is_abandoned() {
                continue;
            }
            match self.shared.call_off(id, fault.advice(), true).await {
                Ok(Some(_)) => {
                    let error =
                        LabelsError::Printer { printer: self.id.clone(), fault, job: id, retry_after };
                    reply.send(Err(error));
                }
                // It waits for the printer: its asker does too, until the deadline.
                Ok(None) => self.askers.push((id, reply)),
                Err(error) => reply.send(Err(error)),
            }
        }
        Ok(())
    }

    fn answer(&mut self, job: &PrintJob, with: impl Fn() -> Result<PrintJob, LabelsError>) {
        let (now, later) = std::mem::take(&mut self.askers).into_iter().partition(|(id, _)| *id == job.id);
        self.askers = later;
        let now: Vec<(LabelJobId, Reply<_>)> = now;
        now.into_iter().for_each(|(_, reply)| reply.send(with()));
    }

    /// Somebody waits for `job`, unless it is further already.
    async fn take_asker(&mut self, job: LabelJobId, reply: Reply<Result<PrintJob, LabelsError>>) {
        self.askers.retain(|(_, reply)| !reply.is_abandoned());
        match store::job_find(&self.shared.db, job).await {
            Ok(Some(found))
                if found.state.status() == JobStatus::Pending && self.askers.len() < ASKERS_MAX =>
            {
                self.askers.push((job, reply));
            }
            Ok(Some(found)) => reply.send(Ok(found)),
            Ok(None) => reply.send(Err(LabelsError::NoJob(job))),
            Err(error) => reply.send(Err(error.into())),
        }
    }

    /// How the printer is now. One that is at work was just looked at.
    async fn look(&mut self) -> PrinterSeen {
        if self.under_way.is_none()
            && let Ok(Some(printer)) = store::printer_find(&self.shared.db, &self.id).await
        {
            if !printer.spec.enabled {
                self.set_trouble(Some(PrinterFault::Disabled));
            } else if let Err((fault, _)) = self.ready(&printer.spec).await {
                self.set_trouble(Some(fault));
            } else {
                self.clear_trouble();
            }
        }
        self.seen()
    }

    fn seen(&self) -> PrinterSeen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, status: Option<HostStatus>) {
        let now = self.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (seen.status, seen.at) = (status, Some(now));
    }

    fn clear_trouble(&mut self) {
        self.troubled = 0;
        self.set_trouble(None);
    }

    /// Notes what stops the printer; whether that is new.
    fn set_trouble(&self, fault: Option<PrinterFault>) -> bool {
        let now = self.now();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let was = seen.trouble.map(|trouble| trouble.fault);
        if was != fault {
            seen.trouble = fault.map(|fault| PrinterTrouble { fault, since: now });
        }
        was != fault && fault.is_some()
    }

    /// The printer cannot print and something waits for it: people hear of it once.
    fn troubled_by(&mut self, fault: PrinterFault, job: &PrintJob) {
        self.troubled = self.troubled.saturating_add(1);
        if self.set_trouble(Some(fault)) {
            tracing::warn!(printer = %self.id, fault = fault.as_str(), job = job.id.0, "a printer does not print");
            metrics::counter!("nightshift_labels_printer_troubles_total", "fault" => fault.as_str())
                .increment(1);
            self.shared.tell_trouble(&self.id, fault);
        }
    }
}

impl Actor for PrinterActor {
    type Message = PrinterMessage;

    async fn start(&mut self, ctx: &Context<PrinterMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || PrinterMessage::Wake)?;
        self.recover().await.map_err(|e| Fault::new(e.to_string()))?;
        self.turn(ctx, Duration::ZERO)
    }

    async fn handle(&mut self, ctx: &Context<PrinterMessage>, message: PrinterMessage) -> Result<(), Fault> {
        match message {
            // A pause that is under way is there for a reason.
            PrinterMessage::Wake if self.turning => Ok(()),
            PrinterMessage::Wake => self.work(ctx).await,
            PrinterMessage::Turn => {
                self.turning = false;
                self.work(ctx).await
            }
            PrinterMessage::Await { job, reply } => {
                self.take_asker(job, reply).await;
                if self.under_way.is_none() { self.work(ctx).await } else { Ok(()) }
            }
            PrinterMessage::Look { reply } => {
                reply.send(self.look().await);
                if !self.turning {
                    self.link = None;
                }
                Ok(())
            }
        }
    }
}

/// What the journal says of a job.
pub(super) fn event_data(job: &PrintJob) -> serde_json::Value {
    json!({
        "job_id": job.id, "printer_id": job.job.printer_id, "label_type": job.job.label_type,
        "number": job.job.number, "copies": job.job.copies, "status": job.state.status(),
        "reprint": job.job.reprint.is_some(),
    })
}
