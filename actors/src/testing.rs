//! A whole plant for tests: real database, real nets on the CPU, real actors.

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Reading, SensorId, SensorSpec};
use nightshift_kernel::Clock;
use nightshift_models::{DeviceChoice, select};
use nightshift_store::testing::{TestDb, postgres, sqlite};

use crate::{Plant, PlantConfig};

/// How long a test waits for something that must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A plant with its database.
pub(crate) struct TestPlant {
    pub(crate) plant: Plant,
    pub(crate) home: TestDb,
}

/// A plant on every engine that this machine has.
pub(crate) async fn plants() -> Vec<TestPlant> {
    let mut plants = vec![on(sqlite().await, PlantConfig::default()).await];
    if let Some(home) = postgres().await {
        plants.push(on(home, PlantConfig::default()).await);
    }
    plants
}

/// A plant on `home`.
pub(crate) async fn on(home: TestDb, config: PlantConfig) -> TestPlant {
    let selection = select(DeviceChoice::Cpu).expect("there is always a CPU");
    let plant =
        Plant::start(config, home.db.clone(), Clock::system(), selection).await.expect("the plant starts");
    TestPlant { plant, home }
}

/// Waits until `holds` answers something.
///
/// # Panics
/// When it does not within [`PATIENCE`].
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    mut holds: impl FnMut() -> F,
) -> T {
    let found = tokio::time::timeout(PATIENCE, async {
        loop {
            if let Some(found) = holds().await {
                return found;
            }
            tokio::task::yield_now().await;
        }
    });
    found.await.unwrap_or_else(|_| panic!("never happened: {what}"))
}

/// A sensor id.
pub(crate) fn id(text: &str) -> SensorId {
    text.parse().expect("a sensor id")
}

/// A pushed sensor of one reading in two minutes.
pub(crate) fn spec(name: &str) -> SensorSpec {
    SensorSpec::new(id(name))
}

/// `n` calm readings, one in two minutes, the last one a minute ago.
pub(crate) fn calm(n: u32) -> Vec<Reading> {
    let end = Timestamp::from_s(Clock::system().now_us() / 1_000_000 - 60);
    (0..n)
        .map(|i| Reading {
            at: end - Duration::from_secs(u64::from(n - 1 - i) * 120),
            value: 8.0 + 0.1 * (f64::from(i) / 30.0).sin() + 0.01 * f64::from(i % 7),
        })
        .collect()
}
