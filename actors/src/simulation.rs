//! The plant on time that the driver moves: a seed decides what stations and sensors do, what fails, how the clocks run, and
//! when the plant is stopped or killed; a small model says what must be there afterwards.
//!
//! `NIGHTSHIFT_SEED=N` plays one seed again, `NIGHTSHIFT_SEEDS=N` as many as that. What was answered with success has happened,
//! what was refused has not, and of what was answered otherwise (an actor died with it, a deadline passed) either may be true:
//! that is all the model asks for, so that no seed depends on how fast the machine is.

mod driver;
mod model;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use nightshift_kernel::Clock;

/// Seeds that are played at most, and real seconds after which no new one is begun.
const SEEDS: u64 = 2_000;
const BUDGET_S: i64 = 40;
/// Fewer than these say nothing.
const SEEDS_MIN: u64 = 5;

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

fn play(seed: u64) -> driver::Summary {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    let runtime = runtime.expect("a runtime");
    let played = catch_unwind(AssertUnwindSafe(|| runtime.block_on(driver::simulate(seed))));
    // What is left of a killed plant ends with its runtime.
    runtime.shutdown_background();
    played.unwrap_or_else(|panic| {
        eprintln!("seed {seed} fails: NIGHTSHIFT_SEED={seed} plays it again");
        resume_unwind(panic)
    })
}

#[test]
fn whatever_happens_in_whatever_order_the_plant_keeps_what_it_acknowledged() {
    if let Some(seed) = given("NIGHTSHIFT_SEED") {
        eprintln!("seed {seed}: {:?}", play(seed));
        return;
    }
    let (began_us, asked) = (wall_us(), given("NIGHTSHIFT_SEEDS"));
    let (mut played, mut all) = (0, driver::Summary::default());
    for seed in 0..asked.unwrap_or(SEEDS) {
        if asked.is_none() && wall_us() - began_us > BUDGET_S * 1_000_000 {
            break;
        }
        all.add(&play(seed));
        played += 1;
    }
    eprintln!("{played} seeds: {all:?}");
    assert!(asked.is_some() || played >= SEEDS_MIN, "only {played} seeds in {BUDGET_S} s");
    assert!(
        played < SEEDS_MIN || (all.kills > 0 && all.restarts > 0 && all.uncertain > 0),
        "nothing went wrong: {all:?}"
    );
}

/// The machine's own time: that of the simulation stands still.
fn wall_us() -> i64 {
    Clock::system().now_us()
}
