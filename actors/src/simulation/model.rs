//! What must be there: readings by sensor, and how far each unit is.

use std::collections::{BTreeMap, BTreeSet};

use nightshift_domain::Timestamp;
use nightshift_domain::production::{Calendar, RunResult};
use nightshift_store::Db;
use nightshift_store::production::figures_check;
use nightshift_store::sensing::{account_audit, readings_range, sensor_find};
use nightshift_store::system::completions_astray;

use crate::Plant;
use crate::testing::id;

/// Lots looked through at the end.
const LOTS: u32 = 1_000;
/// Readings read back of one sensor.
const READINGS: usize = 100_000;

/// One sensor's readings by their times.
#[derive(Debug, Default)]
pub(super) struct SensorModel {
    /// Acknowledged.
    pub(super) sure: BTreeSet<i64>,
    /// Sent, and nobody knows.
    pub(super) maybe: BTreeSet<i64>,
}

/// One unit.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnitModel {
    /// Processes that it has passed.
    pub(super) passed: i64,
    /// Whether the next one has begun.
    pub(super) begun: bool,
}

impl UnitModel {
    /// After its next command.
    pub(super) fn after(self) -> Self {
        if self.begun { Self { passed: self.passed + 1, begun: false } } else { Self { begun: true, ..self } }
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) sensors: BTreeMap<String, SensorModel>,
    /// Units by number, each with what it may be: one possibility, or two when nobody knows.
    pub(super) units: BTreeMap<String, Vec<UnitModel>>,
}

/// The value of a reading: the same for the same time.
pub(super) fn value(at_us: i64) -> f64 {
    7.0 + ((at_us / 1_000_000) % 97) as f64 / 10.0
}

impl Model {
    /// Compares with what the plant says and what its database holds; afterwards nothing is uncertain any more.
    pub(super) async fn check(&mut self, plant: &Plant, db: &Db) {
        for (name, sensor) in &mut self.sensors {
            check_sensor(name, sensor, db).await;
        }
        for (number, possible) in &mut self.units {
            let seen = seen(plant, number).await;
            assert!(possible.contains(&seen), "{number} is {seen:?}, which is none of {possible:?}");
            *possible = vec![seen];
        }
        let astray = completions_astray(db, 0, LOTS).await.expect("lots");
        assert_eq!(astray.count, 0, "lots count what is not there");
        let figures = figures_check(db, &Calendar::default()).await.expect("figures");
        assert!(figures.is_empty(), "{figures:#?}");
    }
}

async fn check_sensor(name: &str, sensor: &mut SensorModel, db: &Db) {
    let key = sensor_find(db, &id(name)).await.expect("the store").expect("the sensor").key;
    let stored =
        readings_range(db, key, Timestamp::from_us(0), Timestamp::MAX, READINGS).await.expect("readings");
    let times: BTreeSet<i64> = stored.iter().map(|r| r.at.us()).collect();
    assert_eq!(times.len(), stored.len(), "{name}: a reading twice");
    let lost: Vec<_> = sensor.sure.difference(&times).collect();
    assert!(lost.is_empty(), "{name}: acknowledged readings are gone: {lost:?}");
    let known: BTreeSet<i64> = sensor.sure.union(&sensor.maybe).copied().collect();
    let strange: Vec<_> = times.difference(&known).collect();
    assert!(strange.is_empty(), "{name}: nobody sent {strange:?}");
    assert!(stored.iter().all(|r| r.value == value(r.at.us())), "{name}: another value");
    let (account, kept, expired) = account_audit(db, key).await.expect("account");
    assert_eq!(account.check(kept, expired), Ok(()), "{name}");
    (sensor.sure, sensor.maybe) = (times, BTreeSet::new());
}

/// How far a unit is. One process has one run that passed, in the order of the line.
async fn seen(plant: &Plant, number: &str) -> UnitModel {
    let history = plant.production().history(number).await.expect("its history");
    let (mut passed, mut begun) = (0, false);
    for view in &history.runs {
        assert!(!begun, "{number}: a run was begun after one that is under way");
        match view.run.run.done() {
            None => begun = true,
            Some(done) => {
                assert_eq!(done.result, RunResult::Pass);
                passed += 1;
                assert_eq!(view.process.process_number, passed, "{number}: out of the line's order");
            }
        }
    }
    UnitModel { passed, begun }
}
