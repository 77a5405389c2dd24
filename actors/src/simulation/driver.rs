//! One seed: a plant, sixty steps, and the comparison with the model.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::future::join_all;
use nightshift_domain::Timestamp;
use nightshift_domain::audit::Actor;
use nightshift_domain::identity::UserId;
use nightshift_domain::production::{
    CompleteCommand, LotDraft, ProcessNumber, ProcessRef, ProductModel, ProductModelSpec, RunResult,
    StartCommand, sample_data,
};
use nightshift_domain::sensing::Reading;
use nightshift_kernel::{Clock, Random, WallHand};
use nightshift_models::{DeviceChoice, select};
use nightshift_store::Db;
use nightshift_store::testing::{TestDb, sqlite};
use serde_json::json;

use super::model::{Model, UnitModel, value};
use super::wall_us;
use crate::identity::{By, Origin};
use crate::production::{Order, ProductionError, SerialDraft};
use crate::testing::{id, spec};
use crate::{Plant, PlantConfig, SensingError};

/// When the simulated plant begins: ten in the morning of 2026-11-26 in Seoul.
const BASE_US: i64 = 1_795_654_800_000_000;
const STEPS: usize = 60;
const SENSORS: usize = 3;
const UNITS: i64 = 3;
const PROCESSES: i64 = 8;
/// Readings of one push, at most.
const PUSH_MAX: f64 = 6.0;
/// Real time without progress after which simulated time goes on, microseconds.
const IDLE_US: i64 = 1_000;
/// How far it goes on then.
const STEP: Duration = Duration::from_millis(50);
/// How long a plant may take to be whole again after everything that was done to it.
const HEALING_MAX: Duration = Duration::from_secs(4 * 3_600);
/// How long an ordered stop may take.
const STOP_MAX: Duration = Duration::from_secs(20);

/// What was done to a plant, or to several.
#[derive(Debug, Default, Clone)]
pub(super) struct Summary {
    pub(super) commands: u64,
    pub(super) refused: u64,
    pub(super) uncertain: u64,
    pub(super) kills: u64,
    pub(super) jumps: u64,
    pub(super) restarts: u64,
}

impl Summary {
    pub(super) fn add(&mut self, other: &Self) {
        self.commands += other.commands;
        self.refused += other.refused;
        self.uncertain += other.uncertain;
        self.kills += other.kills;
        self.jumps += other.jumps;
        self.restarts += other.restarts;
    }
}

/// What came of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Done,
    Refused,
    /// It may have taken effect.
    Unknown,
}

/// Waits for what the plant does. Simulated time goes on only when nothing has happened for a moment of real time: what waits
/// for the database's thread must not look like what waits for a pause to end.
async fn settle<F: Future>(work: F) -> F::Output {
    let mut work = pin!(work);
    loop {
        let begun = wall_us();
        while wall_us() - begun < IDLE_US {
            if let Poll::Ready(done) = futures::poll!(work.as_mut()) {
                return done;
            }
            tokio::task::yield_now().await;
        }
        tokio::time::advance(STEP).await;
    }
}

struct Driver {
    random: Random,
    hand: WallHand,
    clock: Clock,
    home: TestDb,
    db: Db,
    plant: Plant,
    model: Model,
    lot: String,
    summary: Summary,
    /// Times of readings that are sent next.
    next_s: i64,
}

/// Plays a seed.
///
/// # Panics
/// When the plant does not keep what it acknowledged.
pub(super) async fn simulate(seed: u64) -> Summary {
    // While a blocking task is under way, tokio does not move the paused time by itself.
    let (hold, held) = std::sync::mpsc::sync_channel::<()>(1);
    let still = tokio::task::spawn_blocking(move || held.recv().ok());
    let (clock, hand) = Clock::simulated(BASE_US);
    let home = settle(sqlite()).await;
    let db = home.db.clone();
    let plant = start(&db, &clock).await;
    let mut driver = Driver {
        random: Random::seeded(seed),
        hand,
        clock,
        home,
        db,
        plant,
        model: Model::default(),
        lot: String::new(),
        summary: Summary::default(),
        next_s: BASE_US / 1_000_000 - 30 * 86_400,
    };
    driver.prepare().await;
    for _ in 0..STEPS {
        driver.step().await;
    }
    driver.heal().await;
    driver.check().await;
    settle(driver.plant.shutdown(STOP_MAX)).await;
    drop(hold);
    still.await.expect("let go");
    driver.summary
}

async fn start(db: &Db, clock: &Clock) -> Plant {
    let selection = select(DeviceChoice::Cpu).expect("there is always a CPU");
    let starting = Plant::start(PlantConfig::default(), db.clone(), clock.clone(), selection);
    settle(starting).await.expect("the plant starts")
}

fn admin() -> By {
    By { actor: Actor::User { id: UserId(1), name: "admin".to_owned() }, origin: Origin::default() }
}

impl Driver {
    /// A number below `end`.
    fn below(&self, end: f64) -> usize {
        (self.random.fraction() * end) as usize
    }

    async fn prepare(&mut self) {
        let sensing = self.plant.sensing();
        for n in 0..SENSORS {
            settle(sensing.register(spec(&format!("s{n}")))).await.expect("registers");
            self.model.sensors.insert(format!("s{n}"), Default::default());
        }
        let model: ProductModelSpec =
            serde_json::from_value(json!({ "model_code": "WF", "model_name": "Waist" })).expect("a model");
        let production = self.plant.production();
        let model: ProductModel =
            settle(production.create(&admin(), model)).await.expect("the model is made");
        let draft: LotDraft =
            serde_json::from_value(json!({ "product_model_id": model.id, "target_quantity": UNITS }))
                .expect("a lot");
        let lot = settle(production.create_lot(&admin(), draft, None)).await.expect("the lot is made");
        let draft = |_| SerialDraft { lot_id: lot.lot.id, serial_number: None, sequence_in_lot: None };
        let by = admin();
        let units = production.create_serials(&by, (0..UNITS).map(draft).collect());
        for unit in settle(units).await.expect("units are made") {
            self.model.units.insert(unit.serial_number.to_string(), vec![UnitModel::default()]);
        }
        self.lot = lot.lot.lot_number.to_string();
    }

    async fn step(&mut self) {
        match self.below(100.0) {
            0..=34 => self.pushes().await,
            35..=69 => self.commands().await,
            70..=81 => self.kill().await,
            82..=87 => self.jump(),
            88..=95 => self.wait().await,
            _ => self.restart().await,
        }
    }

    /// Some pushes at once, to sensors drawn by chance; some readings are sent again.
    async fn pushes(&mut self) {
        let mut pushes = Vec::new();
        for _ in 0..=self.below(3.0) {
            let (name, count) = (format!("s{}", self.below(SENSORS as f64)), 1 + self.below(PUSH_MAX) as i64);
            let first = if self.random.fraction() < 0.3 { self.next_s - 5 } else { self.next_s };
            self.next_s = self.next_s.max(first + count);
            let readings: Vec<Reading> = (first..first + count)
                .map(|s| Reading { at: Timestamp::from_s(s), value: value(s * 1_000_000) })
                .collect();
            pushes.push((name, readings));
        }
        let plant = &self.plant;
        let sent = pushes
            .iter()
            .map(|(name, readings)| async { plant.sensing().push(&id(name), readings.clone()).await });
        for ((name, readings), answer) in pushes.iter().zip(settle(join_all(sent)).await) {
            self.summary.commands += 1;
            let sensor = self.model.sensors.get_mut(name).expect("a sensor");
            let times = readings.iter().map(|r| r.at.us());
            match answer {
                Ok(report) => {
                    let a = report.account;
                    assert_eq!((a.late, a.rejected), (0, 0), "{name}: {a:?}");
                    assert_eq!(a.offered, a.stored + a.duplicate, "{name}: {a:?}");
                    sensor.sure.extend(times);
                }
                Err(SensingError::NotFound(_) | SensingError::Invalid(_)) => panic!("{name}: {answer:?}"),
                Err(_) => {
                    self.summary.uncertain += 1;
                    sensor.maybe.extend(times);
                }
            }
        }
    }

    /// The next command of some units at once, or one that is out of its order.
    async fn commands(&mut self) {
        let mut orders = Vec::new();
        for (number, possible) in &self.model.units {
            if self.random.fraction() < 0.5 {
                continue;
            }
            let at = possible[0];
            let early = possible.len() == 1 && self.random.fraction() < 0.1;
            let process = at.passed + 1 + i64::from(early);
            if process <= PROCESSES {
                orders.push((number.clone(), early, order(&self.lot, number, process, at.begun)));
            }
        }
        let plant = &self.plant;
        let by = admin();
        let sent = orders.iter().map(|(.., order)| plant.production().report(&by, order.clone()));
        let answers = settle(join_all(sent)).await;
        for ((number, early, _), answer) in orders.iter().zip(answers) {
            self.summary.commands += 1;
            let outcome = match answer {
                Ok(_) => Outcome::Done,
                Err(ProductionError::Refused(_) | ProductionError::Invalid(_)) => Outcome::Refused,
                Err(_) => Outcome::Unknown,
            };
            self.learn(number, *early, outcome);
        }
    }

    /// What a command's outcome says of its unit.
    fn learn(&mut self, number: &str, early: bool, outcome: Outcome) {
        let possible = self.model.units.get_mut(number).expect("a unit");
        // The command was the next one for the first of what is possible.
        let at = possible[0];
        match outcome {
            Outcome::Done if early => panic!("{number}: a process out of its order was taken: {possible:?}"),
            Outcome::Done => *possible = vec![at.after()],
            // Of two possibilities, the other one is true.
            Outcome::Refused => {
                self.summary.refused += 1;
                if !early {
                    possible.remove(0);
                    assert!(!possible.is_empty(), "{number}: refused, though it was next: {at:?}");
                }
            }
            Outcome::Unknown => {
                self.summary.uncertain += 1;
                if !early && !possible.contains(&at.after()) {
                    possible.push(at.after());
                }
            }
        }
    }

    async fn kill(&mut self) {
        let root = self.plant.root();
        if let Some(path) = root.draw(&self.random, &[]) {
            // Somebody is asking while it happens.
            if root.kill_at(&path).is_ok() {
                self.summary.kills += 1;
            }
        }
        if self.random.fraction() < 0.5 {
            self.pushes().await;
        }
    }

    /// The wall clock is set, by up to two hours either way.
    fn jump(&mut self) {
        let seconds = (self.random.fraction() - 0.5) * 2.0 * 7_200.0;
        self.hand.jump_us((seconds * 1e6) as i64);
        self.summary.jumps += 1;
    }

    async fn wait(&mut self) {
        let longest = if self.random.fraction() < 0.2 { 1_200.0 } else { 20.0 };
        let time = Duration::from_secs_f64(self.random.fraction() * longest);
        tokio::time::advance(time).await;
        // What was due meanwhile gets its turn.
        let health = self.plant.health();
        settle(health).await;
    }

    /// The process ends, in order or not, and another one takes over.
    async fn restart(&mut self) {
        let in_order = self.random.fraction() < 0.5;
        let deadline = if in_order { STOP_MAX } else { Duration::ZERO };
        settle(self.plant.shutdown(deadline)).await;
        // The plant has closed it.
        self.db = settle(Db::connect(&self.home.options)).await.expect("the database");
        self.plant = start(&self.db, &self.clock).await;
        self.summary.restarts += 1;
        self.check().await;
    }

    /// Waits until every part runs again, quarantine and all.
    async fn heal(&mut self) {
        let begun = self.clock.monotonic();
        loop {
            let counts = self.plant.root().counts();
            if counts.running == counts.total() {
                return;
            }
            assert!(self.clock.monotonic() - begun < HEALING_MAX, "it does not heal: {counts:?}");
            tokio::time::advance(Duration::from_secs(1)).await;
            settle(tokio::task::yield_now()).await;
        }
    }

    async fn check(&mut self) {
        let Self { model, plant, db, .. } = self;
        settle(model.check(plant, db)).await;
    }
}

fn order(lot: &str, serial: &str, process: i64, begun: bool) -> Order {
    let (lot, serial) = (lot.to_owned(), Some(serial.to_owned()));
    let process_ref = ProcessRef::Number(ProcessNumber(process));
    if !begun {
        return Order::Start(StartCommand {
            lot,
            serial,
            process: process_ref,
            worker: "admin".to_owned(),
            equipment: None,
            started_at: None,
            override_reason: None,
            may_override: false,
        });
    }
    let number = u8::try_from(process).expect("small");
    let data = sample_data(number, serial.as_deref().unwrap_or_default());
    Order::Complete(CompleteCommand {
        lot,
        serial,
        process: process_ref,
        result: Some(RunResult::Pass),
        process_data: data.as_object().cloned(),
        measurement_data: None,
        defects: Vec::new(),
        completed_at: None,
        notes: None,
    })
}
