//! Vehicles at work: a thousand at ten positions a second with twenty dashboards; plans on a map of five thousand nodes; and
//! frames read in a second.
//!
//! `cargo bench --bench fleet`; `-- 600` plays for as many seconds as that.

mod support;

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::drive::{Driver, evade};
use nightshift_domain::fleet::map::{CityRecipe, generate_city};
use nightshift_domain::fleet::plan::{Dispatch, Planner, Seen, TravelModel};
use nightshift_domain::fleet::wire::{FromVehicle, decode, encode};
use nightshift_domain::fleet::{CarId, MapId, VehicleId};
use nightshift_kernel::Clock;
use support::figures::{Figure, Target, hold, say, show};
use support::positions::{FRONTS, HZ, Plant, VEHICLES, delay_ms, key, play};

const SECONDS_DEFAULT: u32 = 20;
/// Nodes of the planner's map: about 5,000.
const CITY: CityRecipe = CityRecipe { columns: 72, rows: 70, block_m: 90.0 };
const CARS: u32 = 10;
const REPLANS: u32 = 300;
const DECODES: u32 = 3_000_000;
const ROUNDS: usize = 3;

async fn at_work(seconds: u32) {
    let dir = tempfile::TempDir::new().expect("directory");
    let (server, plant) = Plant::start(dir.path()).await;
    let played = play(&plant, server.id(), seconds).await;
    say(&format!(
        "{VEHICLES} vehicles at {HZ} Hz, {FRONTS} dashboards, {seconds} s, one machine for both sides"
    ));
    show("frame in to frame out, median", Figure::of([played.delay_ms(0.5)]), "ms");
    hold("frame in to frame out, p99", Figure::of([played.delay_ms(0.99)]), "ms", Target::AtMost(100.0));
    hold("positions that reached a dashboard", Figure::of(played.arrived), "%", Target::AtLeast(100.0));
    show("resident memory after a quarter", Figure::of([played.early_mib]), "MiB");
    show("resident memory at the end", Figure::of([played.late_mib]), "MiB");
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
    show("median", Figure::of([delay_ms(&took_us, 0.5)]), "ms");
    hold("p99", Figure::of([delay_ms(&took_us, 0.99)]), "ms", Target::AtMost(20.0));
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
