//! What is usual for each sensor, under each model.

use nightshift_domain::sensing::{ScoreMode, Sensor, SensorKey, SensorSpec};
use nightshift_store::sensing::{
    CalibrationsDue, StoredCalibration, calibration_save, calibrations_all, calibrations_count,
    calibrations_due, calibrations_of, sensor_remove, sensor_update,
};
use nightshift_store::testing::TestDb;

use crate::{NOW, batch, r, register, s, store};

nightshift_store::on_both_engines!(
    a_calibration_is_replaced_and_goes_with_its_sensor,
    a_sensor_has_one_for_each_model_and_old_ones_are_forgotten,
    those_without_one_are_due_first_and_only_with_enough_readings,
    those_that_name_a_model_are_due_under_that_one,
);

fn digest(word: &str) -> String {
    word.repeat(32)
}

fn calibration(sensor_key: SensorKey, made_s: i64, scores: &[f32]) -> StoredCalibration {
    StoredCalibration {
        sensor_key,
        model_digest: digest("ab"),
        made_at: s(made_s),
        mode: ScoreMode::Window,
        provisional: false,
        scores: scores.to_vec(),
    }
}

async fn save(home: &TestDb, calibration: &StoredCalibration) {
    let mut tx = home.db.begin().await.unwrap();
    calibration_save(&mut tx, calibration, s(-1_000)).await.unwrap();
    tx.commit().await.unwrap();
}

async fn due(home: &TestDb, named: Option<&str>, of: &str, limit: u32) -> Vec<SensorKey> {
    let digest = digest(of);
    let due = CalibrationsDue { named, digest: &digest, stored_min: 3, before: s(50), limit };
    calibrations_due(&home.db, due).await.unwrap().iter().map(|sensor: &Sensor| sensor.key).collect()
}

async fn a_calibration_is_replaced_and_goes_with_its_sensor(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    assert_eq!(calibrations_of(&home.db, key).await.unwrap(), []);
    save(home, &calibration(key, 0, &[1.5])).await;
    let newer = calibration(key, 5, &[0.25, 3.75]);
    let newer = StoredCalibration { mode: ScoreMode::Bank, provisional: true, ..newer };
    save(home, &newer).await;
    let count =
        async |mode, of: &str, except| calibrations_count(&home.db, mode, &digest(of), except).await.unwrap();
    assert_eq!(count(ScoreMode::Bank, "ab", SensorKey(0)).await, 1);
    assert_eq!(count(ScoreMode::Bank, "cd", SensorKey(0)).await, 0, "under another model");
    assert_eq!(count(ScoreMode::Bank, "ab", key).await, 0);
    assert_eq!(count(ScoreMode::Window, "ab", SensorKey(0)).await, 0);
    assert_eq!(calibrations_of(&home.db, key).await.unwrap(), vec![newer.clone()]);
    assert_eq!(calibrations_all(&home.db).await.unwrap(), vec![newer]);
    let mut tx = home.db.begin().await.unwrap();
    sensor_remove(&mut tx, key, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert!(calibrations_all(&home.db).await.unwrap().is_empty());
}

async fn a_sensor_has_one_for_each_model_and_old_ones_are_forgotten(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    let live = calibration(key, 0, &[1.5]);
    let shadow = StoredCalibration { model_digest: digest("cd"), ..calibration(key, 10, &[2.5]) };
    save(home, &live).await;
    save(home, &shadow).await;
    assert_eq!(calibrations_of(&home.db, key).await.unwrap(), vec![live.clone(), shadow.clone()]);
    let mut tx = home.db.begin().await.unwrap();
    calibration_save(&mut tx, &shadow, s(5)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(calibrations_of(&home.db, key).await.unwrap(), vec![shadow]);
}

async fn those_without_one_are_due_first_and_only_with_enough_readings(home: &TestDb) {
    let mut keys = Vec::new();
    for id in ["old", "none", "fresh", "few"] {
        keys.push(register(&home.db, id).await.key);
    }
    let readings = [r(0, 1.0), r(1, 1.0), r(2, 1.0)];
    let batches: Vec<_> =
        keys.iter().map(|k| batch(*k, &readings[..if *k == keys[3] { 2 } else { 3 }])).collect();
    store(&home.db, &batches).await;
    save(home, &calibration(keys[0], 0, &[])).await;
    save(home, &calibration(keys[2], 100, &[])).await;
    assert_eq!(due(home, None, "ab", 9).await, [keys[1], keys[0]]);
    assert_eq!(due(home, None, "ab", 1).await, [keys[1]]);
    assert_eq!(due(home, None, "cd", 9).await, keys[..3], "under a model that none was made under");
}

async fn those_that_name_a_model_are_due_under_that_one(home: &TestDb) {
    let plain = register(&home.db, "plain").await.key;
    let named = register(&home.db, "named").await;
    let spec = SensorSpec { model: Some("other".to_owned()), ..named.spec.clone() };
    let mut tx = home.db.begin().await.unwrap();
    sensor_update(&mut tx, named.key, &spec, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let readings = [r(0, 1.0), r(1, 1.0), r(2, 1.0)];
    store(&home.db, &[batch(plain, &readings), batch(named.key, &readings)]).await;
    assert_eq!(due(home, None, "ab", 9).await, [plain]);
    assert_eq!(due(home, Some("other"), "cd", 9).await, [named.key]);
    assert!(due(home, Some("third"), "ef", 9).await.is_empty());
}
