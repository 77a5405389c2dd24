//! A bank keeper: remembers what some sensors did, and scores their windows against it.
//!
//! Owned by the `inference` supervisor; a sensor is always served by the same one. Takes a sensor's window and compares
//! it with the end of what it remembers: what follows on costs its new readings alone, anything else is told to bring its
//! past. Works on a thread of its own, one order at a time; its mailbox turns away what it has no room for. When the
//! thread hangs or dies the keeper is started again and remembers nothing: the next windows bring their past.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{BankFacts, SensorKey};
use nightshift_kernel::{Actor, Address, ChildSpec, Context, Fault, Mailbox, Reply, SpawnError, Supervisor};
use nightshift_models::{BANK_READINGS_MIN, BankMemory, BankScorer, ScoreError, WINDOW, WindowScore};
use tokio::sync::oneshot;

use super::{CatalogEntry, DEVICE_BUDGET_SLACK, InferenceError};
use crate::config::InferenceConfig;

/// Microseconds in a second.
const US_PER_S: i64 = 1_000_000;
/// Orders that may wait for the thread: the keeper gives it one at a time.
const ORDERS_MAX: usize = 1;
/// Windows that may wait for one keeper; more are turned away.
const KEEPER_MAILBOX: u32 = 4_096;
/// Most keepers.
const KEEPERS_MAX: usize = 4;

/// A sensor's window.
#[derive(Debug, Clone)]
pub(crate) struct BankWindow {
    pub(crate) sensor: SensorKey,
    /// The readings, oldest first, and their times.
    pub(crate) values: Vec<f32>,
    pub(crate) times: Vec<Timestamp>,
    /// The readings before them, oldest first, once they were asked for.
    pub(crate) past: Option<Vec<f32>>,
}

/// What a keeper says of a window.
#[derive(Debug)]
pub(crate) enum BankAnswer {
    /// Its score, and what it was compared with.
    Scored { score: WindowScore, facts: BankFacts },
    /// It does not follow on what is remembered: bring its past.
    NeedsPast,
    /// There is not enough of a past.
    TooShort,
}

/// A walk over a sensor's past: windows one after the other, each against what was before it.
pub(crate) struct Walk {
    /// Where it is; none at its begin.
    pub(crate) memory: Option<Box<BankMemory>>,
    /// The readings before the first window.
    pub(crate) bank: Vec<f32>,
    /// The next readings: at the begin the first window's, else as many as whole strides.
    pub(crate) fresh: Vec<f32>,
    /// Readings from one window to the next.
    pub(crate) stride: usize,
}

/// What a keeper takes.
pub(crate) enum BankMessage {
    /// Score this window with the model of that index.
    Score { model: usize, window: BankWindow, reply: Reply<Result<BankAnswer, InferenceError>> },
    /// Go on with a walk; answers where it is and the scores of its windows.
    Walk { model: usize, walk: Walk, reply: Reply<Result<Walked, InferenceError>> },
}

/// Where a walk is, and the scores of the windows that it passed.
pub(crate) type Walked = (Box<BankMemory>, Vec<f32>);

enum Order {
    Score { model: usize, window: BankWindow, done: oneshot::Sender<Result<BankAnswer, String>> },
    Walk { model: usize, walk: Walk, done: oneshot::Sender<Result<Walked, String>> },
}

/// What a keeper is made from, at every start.
#[derive(Debug, Clone)]
pub(super) struct Seed {
    /// The thread's name.
    pub(super) name: Arc<str>,
    pub(super) catalog: Arc<[CatalogEntry]>,
    /// Most sensors remembered.
    pub(super) sensors_max: usize,
    /// How long the thread may take for one order.
    pub(super) deadline: Duration,
}

/// The actor.
pub(super) struct BankKeeper {
    seed: Seed,
    orders: Option<SyncSender<Order>>,
}

impl BankKeeper {
    pub(super) fn new(seed: Seed) -> Self {
        Self { seed, orders: None }
    }

    /// Gives the thread an order and waits for its end.
    async fn order<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, String>>) -> Order,
    ) -> Result<Result<T, String>, String> {
        let orders = self.orders.as_ref().ok_or("there is no thread")?;
        let (done, answer) = oneshot::channel();
        orders.try_send(make(done)).map_err(|_| "the thread takes no orders")?;
        match tokio::time::timeout(self.seed.deadline, answer).await {
            Ok(Ok(outcome)) => Ok(outcome),
            Ok(Err(_)) => Err("the thread died".to_owned()),
            Err(_) => Err(format!("hung: no answer within {} s", self.seed.deadline.as_secs_f32())),
        }
    }

    fn settle<T>(
        outcome: Result<Result<T, String>, String>,
        reply: Reply<Result<T, InferenceError>>,
    ) -> Result<(), Fault> {
        let (answer, fault) = match outcome {
            Ok(Ok(answer)) => (Ok(answer), None),
            Ok(Err(reason)) => (Err(InferenceError::Unavailable { reason }), None),
            Err(reason) => (Err(InferenceError::Unavailable { reason: reason.clone() }), Some(reason)),
        };
        reply.send(answer);
        fault.map_or(Ok(()), |reason| Err(Fault::new(format!("bank keeper: {reason}"))))
    }
}

impl Actor for BankKeeper {
    type Message = BankMessage;

    async fn start(&mut self, _: &Context<BankMessage>) -> Result<(), Fault> {
        let (orders, taken) = sync_channel(ORDERS_MAX);
        let seed = self.seed.clone();
        std::thread::Builder::new()
            .name(seed.name.to_string())
            .spawn(move || Shelf::new(&seed).serve(&taken))
            .map_err(|e| Fault::new(format!("no thread: {e}")))?;
        self.orders = Some(orders);
        Ok(())
    }

    async fn handle(&mut self, ctx: &Context<BankMessage>, message: BankMessage) -> Result<(), Fault> {
        let begun = ctx.clock().monotonic();
        match message {
            BankMessage::Score { model, window, reply } => {
                let outcome = self.order(|done| Order::Score { model, window, done }).await;
                let took = ctx.clock().monotonic() - begun;
                metrics::histogram!("nightshift_inference_bank_duration_seconds").record(took.as_secs_f64());
                Self::settle(outcome, reply)
            }
            BankMessage::Walk { model, walk, reply } => {
                Self::settle(self.order(|done| Order::Walk { model, walk, done }).await, reply)
            }
        }
    }
}

/// The keepers that serve all sensors between them.
pub(super) fn spawn_keepers(
    pool: &Supervisor,
    config: &InferenceConfig,
    catalog: &Arc<[CatalogEntry]>,
) -> Result<Vec<Address<BankMessage>>, SpawnError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let count = cores.min(KEEPERS_MAX).min(config.bank_sensors_max);
    let keeper = |index| {
        let name = format!("bank-{index}");
        let spec = ChildSpec::new(name.clone())
            .mailbox(Mailbox::reject(KEEPER_MAILBOX))
            .budget(config.batch_deadline + DEVICE_BUDGET_SLACK);
        let seed = Seed {
            name: name.into(),
            catalog: Arc::clone(catalog),
            // A keeper's share, and some more: keys do not fall evenly.
            sensors_max: config.bank_sensors_max.div_ceil(count) * 5 / 4 + 1,
            deadline: config.batch_deadline,
        };
        pool.spawn(spec, move || BankKeeper::new(seed.clone()))
    };
    (0..count).map(keeper).collect()
}

/// What is remembered of a sensor.
struct Kept {
    memory: BankMemory,
    model: usize,
    /// Time of the newest reading.
    end: Timestamp,
    /// Count of the shelf's windows when it was last used.
    used: u64,
}

/// The thread's own: a scorer for each model that takes a bank, and the memories.
struct Shelf {
    scorers: Vec<Option<BankScorer>>,
    kept: HashMap<SensorKey, Kept>,
    sensors_max: usize,
    windows: u64,
}

impl Shelf {
    fn new(seed: &Seed) -> Self {
        let scorers = seed.catalog.iter().map(|entry| BankScorer::new(&entry.model)).collect();
        Self { scorers, kept: HashMap::new(), sensors_max: seed.sensors_max, windows: 0 }
    }

    fn serve(&mut self, orders: &Receiver<Order>) {
        while let Ok(order) = orders.recv() {
            // Nobody waits any more when the deadline has passed.
            match order {
                Order::Score { model, window, done } => {
                    let _ = done.send(guarded(|| self.score(model, window)));
                }
                Order::Walk { model, walk, done } => {
                    let _ = done.send(guarded(|| self.walk(model, walk)));
                }
            }
        }
    }

    fn score(&mut self, model: usize, window: BankWindow) -> Result<BankAnswer, String> {
        self.windows += 1;
        if let Some(answer) = self.follow_on(model, &window)? {
            return Ok(answer);
        }
        let Some(past) = &window.past else { return Ok(BankAnswer::NeedsPast) };
        if past.len() < BANK_READINGS_MIN {
            return Ok(BankAnswer::TooShort);
        }
        let (memory, score) = scorer(&mut self.scorers, model)?.open(past, &window.values).map_err(words)?;
        metrics::counter!("nightshift_inference_bank_windows_total", "cost" => "full").increment(1);
        let facts = facts(&memory);
        let end = window.times.last().copied().unwrap_or_default();
        // A window of the past is scored and forgotten: what comes next follows on the newest.
        if self.kept.get(&window.sensor).is_none_or(|kept| kept.model != model || kept.end <= end) {
            self.make_room(window.sensor);
            self.kept.insert(window.sensor, Kept { memory, model, end, used: self.windows });
        }
        Ok(BankAnswer::Scored { score, facts })
    }

    /// Scores a window that begins in what is remembered and goes on after it.
    fn follow_on(&mut self, model: usize, window: &BankWindow) -> Result<Option<BankAnswer>, String> {
        let Some(kept) = self.kept.get_mut(&window.sensor) else { return Ok(None) };
        // Times before the newest may be told in whole seconds.
        let known = window.times.partition_point(|at| second(*at) <= second(kept.end));
        let fresh = window.values.len() - known;
        let (remembered, end) = (kept.memory.window(), window.times.last().copied());
        // The newest known reading must be the newest remembered one, and nothing may have come in between late.
        let follows = kept.model == model
            && known > 0
            && second(window.times[known - 1]) == second(kept.end)
            && remembered[fresh..] == window.values[..known];
        if !follows {
            return Ok(None);
        }
        let advanced = scorer(&mut self.scorers, model)?.advance(&mut kept.memory, &window.values[known..]);
        let score = match advanced {
            Ok(score) => score,
            Err(error) => {
                self.kept.remove(&window.sensor);
                return Err(words(error));
            }
        };
        (kept.end, kept.used) = (end.unwrap_or(kept.end), self.windows);
        metrics::counter!("nightshift_inference_bank_windows_total", "cost" => "incremental").increment(1);
        Ok(Some(BankAnswer::Scored { score, facts: facts(&kept.memory) }))
    }

    /// Forgets the sensor that was used longest ago when there is no room for another one.
    fn make_room(&mut self, sensor: SensorKey) {
        if self.kept.len() < self.sensors_max || self.kept.contains_key(&sensor) {
            return;
        }
        let oldest = self.kept.iter().min_by_key(|(_, kept)| kept.used).map(|(key, _)| *key);
        if let Some(oldest) = oldest {
            self.kept.remove(&oldest);
        }
    }

    fn walk(&mut self, model: usize, walk: Walk) -> Result<Walked, String> {
        let scorer = scorer(&mut self.scorers, model)?;
        let Walk { memory, bank, mut fresh, stride } = walk;
        let mut scores = Vec::new();
        let mut memory = match memory {
            Some(memory) => memory,
            None => {
                let rest = fresh.split_off(WINDOW.min(fresh.len()));
                let (memory, score) = scorer.open(&bank, &fresh).map_err(words)?;
                fresh = rest;
                scores.push(score.score);
                Box::new(memory)
            }
        };
        for part in fresh.chunks(stride.max(1)) {
            scores.push(scorer.advance(&mut memory, part).map_err(words)?.score);
        }
        Ok((memory, scores))
    }
}

fn scorer(scorers: &mut [Option<BankScorer>], model: usize) -> Result<&mut BankScorer, String> {
    scorers.get_mut(model).and_then(Option::as_mut).ok_or_else(|| "this model takes no bank".to_owned())
}

fn second(at: Timestamp) -> i64 {
    at.us().div_euclid(US_PER_S)
}

fn facts(memory: &BankMemory) -> BankFacts {
    let small = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    BankFacts { readings: small(memory.bank()), anchor_readings: small(memory.anchor()) }
}

fn words(error: ScoreError) -> String {
    error.to_string()
}

/// Runs `work`; a panic becomes words.
fn guarded<T>(work: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err("the bank keeper panicked".to_owned()))
}

#[cfg(test)]
mod tests {
    use nightshift_models::Model;

    use super::*;

    fn shelf(sensors_max: usize) -> Shelf {
        let model = Model::builtin_detector();
        let (id, digest) = (model.info().id.as_str().into(), model.info().digest_sha256.as_str().into());
        let entry = CatalogEntry { model: Arc::new(model), id, digest, threshold: 1.0, bank_threshold: None };
        let seed = Seed {
            name: "bank".into(),
            catalog: Arc::from([entry]),
            sensors_max,
            deadline: Duration::from_secs(1),
        };
        Shelf::new(&seed)
    }

    fn readings(length: usize) -> Vec<f32> {
        (0..length).map(|i| (i as f32 * 0.13).sin() + ((i * i) % 11) as f32 * 0.01).collect()
    }

    fn window(sensor: i64, all: &[f32], end: usize, with_past: bool) -> BankWindow {
        let start = end - WINDOW;
        BankWindow {
            sensor: SensorKey(sensor),
            values: all[start..end].to_vec(),
            times: (start..end).map(|i| Timestamp::from_s(1_700_000_000 + 120 * i as i64)).collect(),
            past: with_past.then(|| all[..start].to_vec()),
        }
    }

    fn scored(answer: BankAnswer) -> (f32, BankFacts) {
        match answer {
            BankAnswer::Scored { score, facts } => (score.score, facts),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_follows_on_needs_no_past() {
        let (mut shelf, all) = (shelf(2), readings(2_000));
        let ask = |shelf: &mut Shelf, end, past| shelf.score(0, window(1, &all, end, past)).unwrap();
        assert!(matches!(ask(&mut shelf, 1_500, false), BankAnswer::NeedsPast));
        let (_, facts) = scored(ask(&mut shelf, 1_500, true));
        assert_eq!(facts, BankFacts { readings: 780, anchor_readings: 780 });
        let (score, facts) = scored(ask(&mut shelf, 1_530, false));
        assert_eq!(facts, BankFacts { readings: 810, anchor_readings: 780 });
        // Judged again, as after a retry, it is the same.
        assert_eq!(scored(ask(&mut shelf, 1_530, false)), (score, facts));
    }

    #[test]
    fn a_past_that_changed_must_be_brought_again() {
        let (mut shelf, mut all) = (shelf(2), readings(2_000));
        scored(shelf.score(0, window(1, &all, 1_500, true)).unwrap());
        all[1_400] += 0.5;
        assert!(matches!(shelf.score(0, window(1, &all, 1_530, false)).unwrap(), BankAnswer::NeedsPast));
        // A window of the past is scored without forgetting the newest.
        scored(shelf.score(0, window(1, &readings(2_000), 1_300, true)).unwrap());
        scored(shelf.score(0, window(1, &readings(2_000), 1_510, false)).unwrap());
    }

    #[test]
    fn only_so_many_sensors_are_remembered() {
        let (mut shelf, all) = (shelf(2), readings(1_400));
        for sensor in [1, 2, 1, 3] {
            scored(shelf.score(0, window(sensor, &all, 1_300, true)).unwrap());
        }
        assert!(matches!(shelf.score(0, window(2, &all, 1_310, false)).unwrap(), BankAnswer::NeedsPast));
        scored(shelf.score(0, window(1, &all, 1_310, false)).unwrap());
        let short = BankWindow { past: Some(vec![1.0; 20]), ..window(4, &all, 1_300, false) };
        assert!(matches!(shelf.score(0, short).unwrap(), BankAnswer::TooShort));
    }

    #[test]
    fn a_walk_scores_as_windows_do() {
        let (mut shelf, all) = (shelf(2), readings(2_000));
        let begin =
            Walk { memory: None, bank: all[..600].to_vec(), fresh: all[600..1_680].to_vec(), stride: 180 };
        let (memory, mut scores) = shelf.walk(0, begin).unwrap();
        let on =
            Walk { memory: Some(memory), bank: Vec::new(), fresh: all[1_680..1_860].to_vec(), stride: 180 };
        scores.extend(shelf.walk(0, on).unwrap().1);
        assert_eq!(scores.len(), 4);
        let first = scored(shelf.score(0, window(1, &all, 1_320, true)).unwrap()).0;
        let second = scored(shelf.score(0, window(1, &all, 1_500, false)).unwrap()).0;
        assert_eq!(scores[..2], [first, second]);
    }
}
