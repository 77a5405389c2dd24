//! Every sensor of a plant judged and its verdict stored, against the bare scorer on the same windows and device.
//!
//! `cargo bench --bench analyze`

mod support;

use std::future::Future;
use std::time::Duration;

use nightshift_actors::{Plant, PlantConfig};
use nightshift_domain::Timestamp;
use nightshift_domain::sensing::Verdict;
use nightshift_kernel::Clock;
use nightshift_models::{DeviceChoice, Model, Scorer, select};
use nightshift_store::testing::{self, TestDb};
use support::figures::{Figure, Target, hold, say, show};
use support::plant::{Past, prepare, window};

const SENSORS: usize = 10_000;
const BATCH: usize = 256;
const ROUNDS: usize = 3;
/// How long the device may take to get ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Seconds that the scorer alone takes for all windows.
fn bare(clock: &Clock, scorer: &mut Scorer, windows: &[Vec<f32>]) -> f64 {
    let begun = clock.monotonic();
    for batch in windows.chunks(BATCH) {
        let views: Vec<&[f32]> = batch.iter().map(Vec::as_slice).collect();
        assert_eq!(scorer.score(&views).expect("scores").len(), batch.len());
    }
    (clock.monotonic() - begun).as_secs_f64()
}

/// Seconds that the plant takes to judge all sensors and store the verdicts.
async fn judged(clock: &Clock, plant: &Plant) -> f64 {
    let begun = clock.monotonic();
    let results = plant.sensing().analyze_all(None).await.expect("verdicts");
    let took = (clock.monotonic() - begun).as_secs_f64();
    let scored = |v: Verdict| matches!(v, Verdict::Normal | Verdict::Abnormal);
    assert_eq!(
        results.iter().filter(|r| scored(r.result.verdict)).count(),
        SENSORS,
        "every sensor is judged"
    );
    took
}

async fn measure<F: Future<Output = Option<TestDb>>>(engine: &str, fresh: impl Fn() -> F) {
    let Some(home) = fresh().await else { return say(&format!("{engine}: skipped, there is none")) };
    let clock = Clock::system();
    let now = Timestamp::from_us(clock.now_us());
    prepare(&home.db, Past { sensors: SENSORS, stored_every: SENSORS }, now).await;
    #[expect(clippy::cast_possible_truncation, reason = "the nets take f32")]
    let windows: Vec<Vec<f32>> =
        (0..SENSORS).map(|n| window(n, now).iter().map(|r| r.value as f32).collect()).collect();
    let selection = select(DeviceChoice::Cpu).expect("there is always a CPU");
    let mut scorer = Scorer::new(&Model::builtin_detector(), &selection.devices[0]).expect("a scorer");
    scorer.warm_up().expect("it scores");
    let plant = Plant::start(PlantConfig::default(), home.db.clone(), clock.clone(), selection)
        .await
        .expect("the plant");
    let begun = clock.monotonic();
    while !plant.inference().ready() {
        assert!(clock.monotonic() - begun < PATIENCE, "no device");
        clock.sleep(Duration::from_millis(10)).await;
    }
    let (mut plants, mut scorers, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let plant_s = judged(&clock, &plant).await;
        let bare_s = tokio::task::block_in_place(|| bare(&clock, &mut scorer, &windows));
        if round > 0 {
            plants.push(SENSORS as f64 / plant_s);
            scorers.push(SENSORS as f64 / bare_s);
            ratio.push(bare_s / plant_s);
        }
    }
    show(&format!("{engine}: sensors judged and stored"), Figure::of(plants), "windows/s");
    show(&format!("{engine}: the scorer alone"), Figure::of(scorers), "windows/s");
    hold(&format!("{engine}: judged / scored"), Figure::of(ratio), "", Target::AtLeast(0.8));
    plant.shutdown(Duration::from_secs(60)).await;
}

#[tokio::main]
async fn main() {
    measure("sqlite", || async { Some(testing::sqlite().await) }).await;
    measure("postgres", testing::postgres).await;
}
