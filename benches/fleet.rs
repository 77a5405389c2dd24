//! Vehicles at work: a thousand at ten positions a second with twenty dashboards; plans on a map of five thousand nodes; and
//! frames read in a second.
//!
//! `cargo bench --bench fleet`; `-- 600` plays for as many seconds as that.

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use nightshift_domain::Timestamp;
use nightshift_domain::fleet::drive::{Driver, evade};
use nightshift_domain::fleet::map::{CityRecipe, generate_city};
use nightshift_domain::fleet::plan::{Dispatch, Planner, Seen, TravelModel};
use nightshift_domain::fleet::wire::{FrameKey, FromVehicle, Secret, ToFront, WireName, decode, encode};
use nightshift_domain::fleet::{CarId, Kind, MapId, VehicleId};
use nightshift_kernel::Clock;
use support::figures::{Figure, Target, hold, quantile, say, show};
use support::process::Server;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;

const VEHICLES: u32 = 1_000;
const FRONTS: usize = 20;
const HZ: u32 = 10;
const SECONDS_DEFAULT: u32 = 20;
const SECRET: &str = "bench";
/// Nodes of the planner's map: about 5,000.
const CITY: CityRecipe = CityRecipe { columns: 72, rows: 70, block_m: 90.0 };
const CARS: u32 = 10;
const REPLANS: u32 = 300;
const DECODES: u32 = 3_000_000;
const ROUNDS: usize = 3;
/// How long what is under way at the end may take.
const TAIL: Duration = Duration::from_secs(2);

/// When each position was sent, microseconds by the clock: one row for each vehicle, one place for each position.
struct Sent {
    clock: Clock,
    per_vehicle: usize,
    at_us: Vec<AtomicU64>,
}

impl Sent {
    fn new(clock: Clock, positions: u32) -> Self {
        let per_vehicle = positions as usize;
        let places = per_vehicle * VEHICLES as usize;
        Self { clock, per_vehicle, at_us: (0..places).map(|_| AtomicU64::new(0)).collect() }
    }

    fn now_us(&self) -> u64 {
        self.clock.monotonic().as_micros() as u64
    }

    fn place(&self, vehicle: u32, number: u32) -> &AtomicU64 {
        &self.at_us[vehicle as usize * self.per_vehicle + number as usize]
    }
}

fn key() -> FrameKey {
    Secret::new(SECRET).expect("not empty").shared()
}

/// One vehicle: registers, then sends `positions` at its rate; its x is the position's number.
async fn vehicle(url: String, id: u32, positions: u32, sent: Arc<Sent>, start: Duration) {
    let key = key();
    let (mut wire, _) = connect_async(format!("{url}/ws/vehicles")).await.expect("a vehicle connects");
    let name = WireName::cut(&format!("V{id}")).expect("a name");
    let me = FromVehicle::Register { vehicle: VehicleId(id), kind: Kind::Police, name };
    wire.send(Message::binary(encode(&me, &key))).await.expect("registered");
    let (mut sink, mut stream) = wire.split();
    let listening = tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} });
    // Not all at the same moment.
    let offset = Duration::from_millis(u64::from(id % 100));
    for number in 0..positions {
        sent.clock.sleep_until(start + offset + Duration::from_secs(1) / HZ * number).await;
        let packet = FromVehicle::Position { vehicle: VehicleId(id), x: number as f32, y: id as f32 };
        sent.place(id, number).store(sent.now_us(), Ordering::Release);
        sink.send(Message::binary(encode(&packet, &key))).await.expect("a vehicle is heard");
    }
    // It stays until everybody is done: a closed socket is another load.
    sent.clock.sleep(TAIL).await;
    listening.abort();
}

/// A dashboard: counts positions, and measures their delay.
async fn front(url: String, sent: Arc<Sent>, seen: Arc<AtomicU32>, measures: bool) -> Vec<u32> {
    let key = key();
    let (mut wire, _) =
        connect_async(format!("{url}/ws/front/vehicles")).await.expect("a dashboard connects");
    let mut delays_us = Vec::new();
    while let Some(Ok(message)) = wire.next().await {
        let Message::Binary(bytes) = message else { continue };
        // Checking every tag twenty times over would measure the client.
        if bytes.first() != Some(&0x11) {
            continue;
        }
        let now = sent.now_us();
        if let Ok(ToFront::Positions(positions)) = decode(&bytes, &key) {
            seen.fetch_add(u32::try_from(positions.cars().len()).unwrap_or(0), Ordering::Relaxed);
            for car in positions.cars().iter().filter(|_| measures) {
                let at = sent.place(car.y as u32, car.x as u32).load(Ordering::Acquire);
                delays_us.push(u32::try_from(now.saturating_sub(at)).unwrap_or(u32::MAX));
            }
        }
    }
    delays_us
}

async fn at_work(seconds: u32) {
    let dir = tempfile::TempDir::new().expect("directory");
    let open = [
        ("HMAC_SECRET_KEY", SECRET),
        ("NIGHTSHIFT__FLEET__OPEN_FRONTS", "true"),
        ("NIGHTSHIFT__FLEET__MAP_ID", "1"),
    ];
    let server = Server::start_with(dir.path(), None, &open).await;
    let url = format!("ws://{}", server.address);
    let clock = Clock::system();
    let positions = seconds * HZ;
    let sent = Arc::new(Sent::new(clock.clone(), positions));
    let seen: Vec<Arc<AtomicU32>> = (0..FRONTS).map(|_| Arc::default()).collect();
    let fronts: Vec<_> = seen
        .iter()
        .enumerate()
        .map(|(n, seen)| tokio::spawn(front(url.clone(), Arc::clone(&sent), Arc::clone(seen), n == 0)))
        .collect();
    let start = clock.monotonic() + Duration::from_secs(10);
    let vehicles: Vec<_> = (0..VEHICLES)
        .map(|id| tokio::spawn(vehicle(url.clone(), id, positions, Arc::clone(&sent), start)))
        .collect();
    clock.sleep_until(start + Duration::from_secs(u64::from(seconds) / 4)).await;
    let early = server.resident_mib();
    clock.sleep_until(start + Duration::from_secs(u64::from(seconds))).await;
    let late = server.resident_mib();
    for vehicle in vehicles {
        vehicle.await.expect("a vehicle ends");
    }
    drop(server);
    let mut delays = Vec::new();
    for front in fronts {
        delays.extend(front.await.expect("a dashboard ends"));
    }
    let of = |share| delays_at(&delays, share);
    let all = f64::from(VEHICLES * positions);
    say(&format!(
        "{VEHICLES} vehicles at {HZ} Hz, {FRONTS} dashboards, {seconds} s, one machine for both sides"
    ));
    show("frame in to frame out, median", Figure::of([of(0.5)]), "ms");
    hold("frame in to frame out, p99", Figure::of([of(0.99)]), "ms", Target::AtMost(100.0));
    let shares = seen.iter().map(|seen| f64::from(seen.load(Ordering::Relaxed)) / all * 100.0);
    hold("positions that reached a dashboard", Figure::of(shares), "%", Target::AtLeast(100.0));
    show("resident memory after a quarter", Figure::of([early]), "MiB");
    show("resident memory at the end", Figure::of([late]), "MiB");
}

fn delays_at(delays: &[u32], share: f64) -> f64 {
    quantile(&mut delays.to_vec(), share) / 1_000.0
}

/// Plans anew for a runner that flees through a city.
fn planning() {
    let clock = Clock::system();
    let map = Arc::new(generate_city(MapId(1), CITY, 5));
    let nodes = map.graph.nodes().len();
    let planner = Planner::new(Arc::clone(&map), TravelModel::default()).expect("the default model");
    let mut dispatch = Dispatch::new(planner, 0);
    let at = |node: usize| Driver::at_node(Arc::clone(&map), node, 1.3).expect("a road");
    let mut runner = at(nodes / 2);
    let cars: Vec<Driver> = (0..CARS as usize).map(|n| at(n * 487 % nodes)).collect();
    let police: Vec<[f64; 2]> = cars.iter().map(Driver::at_m).collect();
    let seen = |id: u32, at_m| Seen { id: CarId(id), vehicle_id: VehicleId(id), at_m };
    let mut took_us = Vec::new();
    for step in 0..REPLANS {
        evade(&mut runner, &police);
        runner.advance(0.5);
        let all: Vec<Seen> = police.iter().zip(0..).map(|(at, id)| seen(id, *at)).collect();
        let now = Timestamp::Y2000 + Duration::from_millis(u64::from(step) * 200);
        let begun = clock.monotonic();
        dispatch.replan(seen(CARS, runner.at_m()), 15.0, &all, now).expect("on the map");
        took_us.push(u32::try_from((clock.monotonic() - begun).as_micros()).unwrap_or(u32::MAX));
    }
    say(&format!("a plan anew: {nodes} nodes, {CARS} cars, {REPLANS} times"));
    show("median", Figure::of([delays_at(&took_us, 0.5)]), "ms");
    hold("p99", Figure::of([delays_at(&took_us, 0.99)]), "ms", Target::AtMost(20.0));
}

fn decoding() {
    let (clock, key) = (Clock::system(), key());
    let frame = encode(&FromVehicle::Position { vehicle: VehicleId(3), x: 1.5, y: -2.25 }, &key);
    let rates = (0..ROUNDS).map(|_| {
        let begun = clock.monotonic();
        for _ in 0..DECODES {
            std::hint::black_box(decode::<FromVehicle>(std::hint::black_box(&frame), &key)).expect("a frame");
        }
        f64::from(DECODES) / (clock.monotonic() - begun).as_secs_f64() / 1e6
    });
    hold(
        "position frames checked and read on one core",
        Figure::of(rates),
        "million/s",
        Target::AtLeast(2.0),
    );
}

fn main() {
    let seconds = std::env::args().find_map(|arg| arg.parse().ok()).unwrap_or(SECONDS_DEFAULT);
    decoding();
    planning();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(at_work(seconds));
}
