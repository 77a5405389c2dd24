//! A hundred thousand sensors in one process: how long they take to start, what they weigh, how soon a crashed one is
//! back; and what the program costs when it has nothing to do.
//!
//! `cargo bench --bench sensors`

mod support;

use std::process::{Command, Stdio};
use std::time::Duration;

use nightshift_actors::{Plant, PlantConfig, Sensing};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::WINDOW_READINGS;
use nightshift_kernel::Clock;
use nightshift_models::{DeviceChoice, select};
use nightshift_store::Db;
use nightshift_store::testing;
use serde_json::{Value, json};
use support::figures::{Figure, Target, hold, say};
use support::plant::{Past, id, prepare};
use support::process::{Server, resident_mib};

/// That of the program: the plant is weighed here in a process of the bench.
#[cfg(all(unix, target_env = "gnu"))]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

const SENSORS: usize = 100_000;
/// Sensors that are crashed, each once; their readings are in the store.
const DRILLS: usize = 100;
const ROUNDS: usize = 3;
/// Sensors looked at in one call.
const PAGE: usize = 5_000;
/// How long a plant may take for its start, and a sensor for its return.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long an idle server is left alone before it is weighed.
const IDLE: Duration = Duration::from_secs(3);
/// Tells this program that it is the plant that is measured, and where its database is.
const PLANT_OF: &str = "NIGHTSHIFT_BENCH_DATABASE";

/// How many sensors run with a full window.
async fn with_windows(sensing: &Sensing) -> usize {
    let (mut full, mut skip) = (0, 0);
    loop {
        let (views, total) = sensing.sensors(skip, PAGE).await.expect("the sensors");
        full += views.iter().filter(|v| v.window_readings == WINDOW_READINGS).count();
        skip += PAGE;
        if skip >= total {
            return full;
        }
    }
}

/// Crashes sensor `number` and waits until it has its window again.
async fn drill(clock: &Clock, sensing: &Sensing, number: usize) -> Duration {
    let id = id(number);
    let begun = clock.monotonic();
    sensing.drill(&id).await.expect("the drill is taken");
    loop {
        if sensing.sensor(&id).await.is_ok_and(|view| view.window_readings == WINDOW_READINGS) {
            return clock.monotonic() - begun;
        }
        assert!(clock.monotonic() - begun < PATIENCE, "sensor {id} does not come back");
    }
}

/// The plant that is measured, in a process of its own. Prints what it found.
async fn plant(url: &str) {
    let clock = Clock::system();
    let db = Db::connect(&testing::options(url.to_owned())).await.expect("the database");
    let selection = select(DeviceChoice::Cpu).expect("there is always a CPU");
    let plant = Plant::start(PlantConfig::default(), db, clock.clone(), selection).await.expect("the plant");
    let started = clock.monotonic();
    let sensing = plant.sensing();
    let full = with_windows(sensing).await;
    let seen = clock.monotonic();
    assert_eq!(full, SENSORS, "sensors with full windows");
    while !plant.inference().ready() {
        assert!(clock.monotonic() < PATIENCE, "no device");
        clock.sleep(Duration::from_millis(10)).await;
    }
    let resident = resident_mib("self");
    let mut back = Vec::new();
    for n in 0..DRILLS {
        back.push(drill(&clock, sensing, n * (SENSORS / DRILLS)).await.as_secs_f64() * 1e3);
    }
    let Figure { median, min, max } = Figure::of(back);
    let found = json!({
        "started_s": started.as_secs_f64(), "running_s": seen.as_secs_f64(), "resident_mib": resident,
        "back_ms": median, "back_min_ms": min, "back_max_ms": max,
    });
    say(&found.to_string());
    plant.shutdown(Duration::from_secs(60)).await;
}

/// Runs the plant in a fresh process.
fn measured(url: &str) -> Value {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.env(PLANT_OF, url).stderr(Stdio::inherit()).output().expect("the plant's process");
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).expect("figures")
}

async fn many_sensors() {
    let clock = Clock::system();
    let home = testing::sqlite().await;
    let begun = clock.monotonic();
    let past = Past { sensors: SENSORS, stored_every: SENSORS / DRILLS };
    prepare(&home.db, past, Timestamp::from_us(clock.now_us())).await;
    home.db.close().await;
    say(&format!("prepared {SENSORS} sensors in {:.1} s", (clock.monotonic() - begun).as_secs_f64()));
    let rounds: Vec<Value> = (0..ROUNDS).map(|_| measured(&home.options.url)).collect();
    let figure = |name: &str| Figure::of(rounds.iter().map(|r| r[name].as_f64().expect("a number")));
    let count = format!("{SENSORS} sensors");
    support::figures::show(&format!("{count}: the plant has started"), figure("started_s"), "s");
    hold(&format!("{count}: all run with their windows"), figure("running_s"), "s", Target::AtMost(10.0));
    hold(&format!("{count}: resident memory"), figure("resident_mib"), "MiB", Target::AtMost(1_144.0));
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), Some(&home.options.url)).await;
        ready.push(server.ready_after.as_secs_f64());
        resident.push(server.resident_mib());
    }
    hold(&format!("{count}: the whole program is ready after"), Figure::of(ready), "s", Target::AtMost(10.0));
    hold(
        &format!("{count}: the whole program's memory"),
        Figure::of(resident),
        "MiB",
        Target::AtMost(1_144.0),
    );
    hold("a crashed sensor is back with its window", figure("back_ms"), "ms", Target::AtMost(50.0));
    support::figures::show("  the slowest of 100", figure("back_max_ms"), "ms");
}

async fn idle_server() {
    let clock = Clock::system();
    let (mut ready, mut resident) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let dir = tempfile::tempdir().expect("a directory");
        let server = Server::start(dir.path(), None).await;
        clock.sleep(IDLE).await;
        ready.push(server.ready_after.as_secs_f64());
        resident.push(server.resident_mib());
    }
    hold("an idle server: resident memory", Figure::of(resident), "MiB", Target::AtMost(114.0));
    hold("an idle server: ready after", Figure::of(ready), "s", Target::AtMost(1.0));
}

#[tokio::main]
async fn main() {
    match std::env::var(PLANT_OF) {
        Ok(url) => plant(&url).await,
        Err(_) => {
            idle_server().await;
            many_sensors().await;
        }
    }
}
