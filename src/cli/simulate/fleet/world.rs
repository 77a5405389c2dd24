//! The world that simulated vehicles drive in: where they are, what each is told, and who has caught whom.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nightshift_domain::fleet::drive::{CAPTURE_M, Driver, evade, has_escaped, pursue};
use nightshift_domain::fleet::map::RoadMap;
use nightshift_domain::fleet::wire::{
    Command, ErrorCode, FromVehicle, Secret, ToVehicle, ToVehicleV2, WireName,
};
use nightshift_domain::fleet::{Damage, Kind, VehicleId};
use nightshift_kernel::{Clock, Random};
use serde::Serialize;
use serde_json::{Value, json};

use super::client::Client;

/// Both sides drive the limit times this.
const OVER_LIMIT: f64 = 1.3;
/// Time between two decisions of a driver, and between two reports.
const SECOND: Duration = Duration::from_secs(1);
/// A car uses a percent of its fuel in so many seconds.
const FUEL_S: u32 = 5;
/// Places that are tried until one is no exit.
const STARTS_TRIED: usize = 16;
/// How long a caught runner is kept before it is let go somewhere else.
const CUSTODY: Duration = Duration::from_secs(5);
/// How long a vehicle waits for the answer to its registration before it asks again.
const REGISTER_PATIENCE: Duration = Duration::from_secs(5);

/// Places that are written down until somebody has seen them.
const TOLD_MAX: usize = 100_000;

/// What is played.
pub(in crate::cli) struct Cast {
    pub(in crate::cli) base: String,
    pub(in crate::cli) secret: Secret,
    pub(in crate::cli) map: Arc<RoadMap>,
    pub(in crate::cli) police: u8,
    pub(in crate::cli) runners: u8,
    pub(in crate::cli) seed: u64,
    pub(in crate::cli) stamped: bool,
    /// Positions that each vehicle sends in a second.
    pub(in crate::cli) hz: u8,
}

/// What came of it.
#[derive(Debug, Default, Clone, Serialize)]
pub(in crate::cli) struct Tally {
    /// Frames that were sent.
    pub(in crate::cli) frames: u64,
    /// Frames that the plant refused.
    pub(in crate::cli) nacks: u64,
    /// Orders that cars got.
    pub(in crate::cli) orders: u64,
    /// Of these, orders to chase while a way out is open.
    pub(in crate::cli) chases: u64,
    /// Runners that were caught.
    pub(in crate::cli) captures: u64,
    /// Runners that left the map.
    pub(in crate::cli) escapes: u64,
    /// Connections that broke and were made again.
    pub(in crate::cli) reconnects: u64,
}

struct Vehicle {
    id: VehicleId,
    kind: Kind,
    name: WireName,
    client: Client,
    driver: Driver,
    fuel: u8,
    /// Where it was ordered to stand, and by which plan.
    post: Option<[f64; 2]>,
    plan_no: u32,
    /// Whether it was told to stop where it is.
    halted: bool,
    /// Where it last heard that a runner is.
    target: Option<[f64; 2]>,
    /// When it asked to be registered, while it waits for the answer.
    asked_at: Option<Duration>,
    /// Until when a caught runner is kept.
    kept_until: Option<Duration>,
}

/// When each place that a vehicle has told was to be told, by its bits as the wire has them: so that whoever sees it on a
/// dashboard knows how late it is.
pub(in crate::cli) type Told = Arc<Mutex<HashMap<(u32, u32), Duration>>>;

/// Everybody.
pub(in crate::cli) struct World {
    cast: Cast,
    clock: Clock,
    random: Random,
    vehicles: Vec<Vehicle>,
    /// Counters of registrations only rise.
    last_counter: u32,
    /// When the present moment was due.
    due: Duration,
    /// Where places are written down, if anybody wants to know.
    pub(in crate::cli) told: Option<Told>,
    pub(in crate::cli) tally: Tally,
}

impl World {
    /// Connects and registers everybody: police 0, 3, 4, … named `POLICE_1` …, the runner 2 named `runner`, as ever.
    pub(in crate::cli) async fn open(cast: Cast, clock: Clock) -> Result<Self, String> {
        let random = Random::seeded(cast.seed);
        let mut world = Self {
            cast,
            clock,
            random,
            vehicles: Vec::new(),
            last_counter: 0,
            due: Duration::ZERO,
            told: None,
            tally: Tally::default(),
        };
        let free = [0_u32].into_iter().chain(3..);
        for (number, id) in (1..=world.cast.police).zip(free) {
            world.add(VehicleId(id), Kind::Police, &format!("POLICE_{number}")).await?;
        }
        for number in 1..=world.cast.runners {
            let id = if number == 1 { 2 } else { 1_000 + u32::from(number) };
            let name = if number == 1 { "runner".to_owned() } else { format!("runner_{number}") };
            world.add(VehicleId(id), Kind::Runner, &name).await?;
        }
        Ok(world)
    }

    async fn add(&mut self, id: VehicleId, kind: Kind, name: &str) -> Result<(), String> {
        let name = WireName::cut(name).map_err(|error| error.to_string())?;
        let driver = self.somewhere()?;
        let client = Client::connect(&self.cast.base, id, &self.cast.secret, self.cast.stamped).await?;
        let vehicle = Vehicle {
            id,
            kind,
            name,
            client,
            driver,
            fuel: 100,
            post: None,
            plan_no: 0,
            halted: false,
            target: None,
            asked_at: None,
            kept_until: None,
        };
        self.vehicles.push(vehicle);
        self.register(self.vehicles.len() - 1).await
    }

    fn somewhere(&mut self) -> Result<Driver, String> {
        let nodes = self.cast.map.graph.nodes();
        let chosen = || ((self.random.fraction() * nodes.len() as f64) as usize).min(nodes.len() - 1);
        // Nobody begins where the map ends, unless it has hardly any other place.
        let tried: Vec<usize> = (0..STARTS_TRIED).map(|_| chosen()).collect();
        let node = tried.iter().copied().find(|node| !nodes[*node].exit).unwrap_or(tried[0]);
        let driver = Driver::at_node(Arc::clone(&self.cast.map), node, OVER_LIMIT);
        driver.ok_or_else(|| "the map has a place without a road".to_owned())
    }

    async fn register(&mut self, index: usize) -> Result<(), String> {
        // Seconds since 1970, unless two registrations fall into one second.
        let seconds = u32::try_from(self.clock.now_us() / 1_000_000).unwrap_or(u32::MAX);
        self.last_counter = seconds.max(self.last_counter.saturating_add(1));
        let now = self.clock.monotonic();
        let vehicle = &mut self.vehicles[index];
        let packet =
            FromVehicle::Register { vehicle: vehicle.id, kind: vehicle.kind, name: vehicle.name.clone() };
        vehicle.asked_at = Some(now);
        self.tally.frames += 1;
        vehicle.client.register(&packet, self.last_counter).await
    }

    /// Plays until `until`, the world's own time; what happens is told to `tell`.
    pub(in crate::cli) async fn play(
        &mut self,
        until: Option<Duration>,
        mut tell: impl FnMut(&Value),
    ) -> Result<(), String> {
        let step = SECOND / u32::from(self.cast.hz);
        let start = self.clock.monotonic();
        for tick in 0_u32.. {
            let since = step.saturating_mul(tick);
            if until.is_some_and(|until| since >= until) {
                return Ok(());
            }
            self.due = start + since;
            self.clock.sleep_until(self.due).await;
            for index in 0..self.vehicles.len() {
                if let Err(error) = self.live(index, tick).await {
                    tracing::debug!(error, "a vehicle's connection broke");
                    self.reconnect(index).await;
                }
            }
            self.settle(&mut tell).await;
            let seconds = step.as_secs_f64();
            self.vehicles.iter_mut().for_each(|vehicle| vehicle.driver.advance(seconds));
        }
        Ok(())
    }

    /// One moment of one vehicle: it listens, decides once a second, and says where and how it is.
    async fn live(&mut self, index: usize, tick: u32) -> Result<(), String> {
        let now = self.clock.monotonic();
        if self.vehicles[index].client.is_closed() {
            return Err("closed".to_owned());
        }
        let mut forgotten = self.listen(index);
        let patience = self.vehicles[index].asked_at.is_some_and(|at| now > at + REGISTER_PATIENCE);
        forgotten |= patience && !self.vehicles[index].client.may_speak();
        if forgotten {
            self.register(index).await?;
        }
        let whole_second = tick.is_multiple_of(u32::from(self.cast.hz));
        if whole_second {
            self.decide(index);
        }
        let vehicle = &mut self.vehicles[index];
        if !vehicle.client.may_speak() || vehicle.kept_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        #[expect(clippy::cast_possible_truncation, reason = "the wire carries f32")]
        let [x, y] = vehicle.driver.at_m().map(|metres| metres as f32);
        if let Some(told) = &self.told {
            let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() < TOLD_MAX {
                told.insert((x.to_bits(), y.to_bits()), self.due);
            }
        }
        vehicle.client.say(&FromVehicle::Position { vehicle: vehicle.id, x, y }).await?;
        self.tally.frames += 1;
        let used = u32::from(self.cast.hz) * FUEL_S;
        if vehicle.kind == Kind::Police && tick.is_multiple_of(used) {
            // A car that has used up its fuel is filled up again: the chase goes on.
            vehicle.fuel = if vehicle.fuel <= 1 { 100 } else { vehicle.fuel - 1 };
            let (fuel, status) = (vehicle.fuel, Damage::Normal);
            let report = FromVehicle::Status { vehicle: vehicle.id, fuel, collision_count: 0, status };
            vehicle.client.say(&report).await?;
            self.tally.frames += 1;
        }
        Ok(())
    }

    /// Hears what the plant said; whether it says that it does not know the vehicle.
    fn listen(&mut self, index: usize) -> bool {
        let mut forgotten = false;
        let vehicle = &mut self.vehicles[index];
        while let Some(packet) = vehicle.client.hear() {
            match packet {
                ToVehicleV2::Registered { .. } => vehicle.asked_at = None,
                ToVehicleV2::Deploy { plan_no, x, y, .. } if plan_no >= vehicle.plan_no => {
                    vehicle.plan_no = plan_no;
                    vehicle.post = Some([f64::from(x), f64::from(y)]);
                    vehicle.halted = false;
                    self.tally.orders += 1;
                }
                ToVehicleV2::Control { command, plan_no, .. } if plan_no >= vehicle.plan_no => {
                    vehicle.plan_no = plan_no;
                    self.tally.orders += 1;
                    // Without a post it drives to where the runner is, ordered to or not.
                    vehicle.post = None;
                    vehicle.halted = command == Command::Stop;
                    self.tally.chases += u64::from(command == Command::Resume);
                }
                ToVehicleV2::Plain(ToVehicle::Target { x, y, .. }) => {
                    vehicle.target = Some([f64::from(x), f64::from(y)]);
                }
                ToVehicleV2::Plain(ToVehicle::Catch { .. }) => vehicle.target = None,
                ToVehicleV2::Plain(ToVehicle::Nack(code)) => {
                    self.tally.nacks += 1;
                    forgotten |= code == ErrorCode::InvalidData;
                }
                _ => {}
            }
        }
        forgotten
    }

    fn decide(&mut self, index: usize) {
        let others = self.vehicles.iter().filter(|v| v.kind == Kind::Police).map(|v| v.driver.at_m());
        let police: Vec<[f64; 2]> = others.collect();
        let vehicle = &mut self.vehicles[index];
        match (vehicle.kind, vehicle.post, vehicle.target) {
            (Kind::Runner, ..) => evade(&mut vehicle.driver, &police),
            (Kind::Police, ..) if vehicle.halted => vehicle.driver.stand(),
            (Kind::Police, Some(post), _) => {
                if let Some((node, _)) = self.cast.map.nearest_node(post) {
                    vehicle.driver.head_for(node);
                }
            }
            (Kind::Police, None, Some(target)) => pursue(&mut vehicle.driver, target),
            (Kind::Police, None, None) => vehicle.driver.stand(),
        }
    }

    /// Looks who was caught and who got away, and says so on the wire.
    async fn settle(&mut self, tell: &mut impl FnMut(&Value)) {
        let now = self.clock.monotonic();
        for index in 0..self.vehicles.len() {
            if self.vehicles[index].kind == Kind::Police {
                continue;
            }
            if let Some(until) = self.vehicles[index].kept_until {
                if now >= until {
                    self.release(index).await;
                }
                continue;
            }
            // Who is not registered yet, or not any more, has no part in a chase.
            if !self.vehicles[index].client.may_speak() {
                continue;
            }
            let at_m = self.vehicles[index].driver.at_m();
            let Some((nearest, apart)) = self.nearest_car(at_m) else { continue };
            let escaped = has_escaped(&self.vehicles[index].driver);
            if apart > CAPTURE_M && !escaped {
                continue;
            }
            let (catcher, runner) = (self.vehicles[nearest].id, self.vehicles[index].id);
            let caught = apart <= CAPTURE_M;
            let packet = if caught {
                self.tally.captures += 1;
                FromVehicle::Catch { catcher, runner }
            } else {
                self.tally.escapes += 1;
                FromVehicle::CatchFailed { catcher, runner }
            };
            self.tally.frames += 1;
            if let Err(error) = self.vehicles[nearest].client.say(&packet).await {
                tracing::debug!(error, "an event was not sent");
            }
            self.vehicles[index].kept_until = Some(now + CUSTODY);
            self.vehicles[index].driver.stand();
            let what = if caught { "caught" } else { "escaped" };
            tell(&json!({ "what": what, "runner": runner, "police": catcher, "tally": self.tally }));
        }
    }

    fn nearest_car(&self, at_m: [f64; 2]) -> Option<(usize, f64)> {
        let cars = self.vehicles.iter().enumerate();
        let cars = cars.filter(|(_, v)| v.kind == Kind::Police && v.client.may_speak());
        let far = |v: &Vehicle| {
            let [x, y] = v.driver.at_m();
            (x - at_m[0]).hypot(y - at_m[1])
        };
        cars.map(|(index, v)| (index, far(v))).min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Lets a runner go somewhere else: it registers again, and a new chase begins.
    async fn release(&mut self, index: usize) {
        let Ok(driver) = self.somewhere() else { return };
        self.vehicles[index].driver = driver;
        self.vehicles[index].kept_until = None;
        if let Err(error) = self.register(index).await {
            tracing::debug!(error, "a runner did not register again");
        }
    }

    /// Connects again what broke; one that cannot yet is tried at the next moment.
    async fn reconnect(&mut self, index: usize) {
        let id = self.vehicles[index].id;
        match Client::connect(&self.cast.base, id, &self.cast.secret, self.cast.stamped).await {
            Ok(client) => {
                self.tally.reconnects += 1;
                self.vehicles[index].client = client;
                if let Err(error) = self.register(index).await {
                    tracing::debug!(error, "a vehicle did not register again");
                }
            }
            Err(error) => {
                tracing::debug!(error, "a vehicle could not connect");
                self.clock.sleep(SECOND).await;
            }
        }
    }
}
