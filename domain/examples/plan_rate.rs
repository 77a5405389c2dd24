//! How long a plan takes, and how many frames a core reads: figures on stdout.
//!
//! `cargo run --release -p nightshift-domain --example plan_rate`. Every figure is of one thread. Runner and cars jump from node to
//! node, so that no plan profits from the one before it.
#![allow(clippy::disallowed_methods, reason = "a program that measures time has to ask for it")]
#![allow(clippy::print_stdout, reason = "figures are what it is for")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::map::{CityRecipe, RoadMap, generate_city, generated_maps};
use nightshift_domain::fleet::plan::{Dispatch, Planner, Seen, TravelModel};
use nightshift_domain::fleet::wire::{FromVehicle, Secret, decode, encode};
use nightshift_domain::fleet::{CarId, MapId, VehicleId};

/// Plans on each map.
const PLANS: usize = 400;
/// Frames read.
const FRAMES: u32 = 2_000_000;

fn main() {
    println!(
        "{:<28} {:>6} {:>5} {:>9} {:>9} {:>9} {:>7} {:>7}",
        "map", "nodes", "cars", "p50 ms", "p99 ms", "max ms", "closed", "proven"
    );
    for map in generated_maps(1) {
        measure(Arc::new(map), 10);
    }
    let city =
        |columns, rows| Arc::new(generate_city(MapId(7), CityRecipe { columns, rows, block_m: 110.0 }, 1));
    measure(city(50, 40), 20);
    measure(city(100, 50), 10);
    measure(city(100, 50), 32);
    frames();
}

/// A number that looks random and is the same every time.
fn draw(number: usize) -> usize {
    let mixed = (number as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    usize::try_from((mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 33).unwrap_or(0)
}

fn measure(map: Arc<RoadMap>, cars: u32) {
    let planner = Planner::new(Arc::clone(&map), TravelModel::default()).expect("the default model");
    let nodes = map.graph.nodes();
    let seen = |id: u32, place: usize| Seen {
        id: CarId(id),
        vehicle_id: VehicleId(id),
        at_m: nodes[draw(place) % nodes.len()].at_m,
    };
    let (mut took, mut closed, mut proven) = (Vec::with_capacity(PLANS), 0, 0);
    for plan in 0..PLANS {
        let fleet: Vec<Seen> = (1..=cars).map(|id| seen(id, plan * 1_000 + id as usize)).collect();
        let runner = seen(0, plan * 1_000);
        // The first plan of a chase, and one that has an earlier plan to weigh.
        let mut dispatch = Dispatch::new(planner.clone(), 0);
        for at in [Timestamp::Y2000, Timestamp::Y2000 + Duration::from_secs(1)] {
            let begun = Instant::now();
            let (plan, orders) = dispatch.replan(runner, 12.0, &fleet, at).expect("on the map");
            took.push(begun.elapsed());
            black_box(orders);
            closed += usize::from(plan.closed);
            proven += usize::from(plan.proven);
        }
    }
    took.sort_unstable();
    let ms = |part: f64| took[((took.len() - 1) as f64 * part) as usize].as_secs_f64() * 1_000.0;
    let percent = |count: usize| count * 100 / took.len();
    println!(
        "{:<28} {:>6} {cars:>5} {:>9.2} {:>9.2} {:>9.2} {:>6}% {:>6}%",
        map.about.map_name,
        nodes.len(),
        ms(0.5),
        ms(0.99),
        ms(1.0),
        percent(closed),
        percent(proven)
    );
}

fn frames() {
    let key = Secret::new("testkey").expect("a key").shared();
    let frame = encode(&FromVehicle::Position { vehicle: VehicleId(3), x: 1.5, y: -2.25 }, &key);
    let begun = Instant::now();
    for _ in 0..FRAMES {
        black_box(decode::<FromVehicle>(black_box(&frame), &key).expect("a frame"));
    }
    let rate = f64::from(FRAMES) / begun.elapsed().as_secs_f64() / 1e6;
    println!("{rate:.2} million position frames a second are read and checked");
}
