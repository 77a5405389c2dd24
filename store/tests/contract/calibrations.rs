//! What is usual for each sensor.

use nightshift_domain::sensing::SensorKey;
use nightshift_store::sensing::{
    StoredCalibration, calibration_find, calibration_save, calibrations_all, calibrations_due, sensor_remove,
};
use nightshift_store::testing::TestDb;

use crate::{NOW, batch, r, register, s, store};

nightshift_store::on_both_engines!(
    a_calibration_is_replaced_and_goes_with_its_sensor,
    those_without_one_are_due_first_and_only_with_enough_readings,
);

fn calibration(sensor_key: SensorKey, made_s: i64, scores: &[f32]) -> StoredCalibration {
    StoredCalibration {
        sensor_key,
        model_digest: "ab".repeat(32),
        made_at: s(made_s),
        scores: scores.to_vec(),
    }
}

async fn save(home: &TestDb, calibration: &StoredCalibration) {
    let mut tx = home.db.begin().await.unwrap();
    calibration_save(&mut tx, calibration).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_calibration_is_replaced_and_goes_with_its_sensor(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    assert_eq!(calibration_find(&home.db, key).await.unwrap(), None);
    save(home, &calibration(key, 0, &[1.5])).await;
    let newer = calibration(key, 5, &[0.25, 3.75]);
    save(home, &newer).await;
    assert_eq!(calibration_find(&home.db, key).await.unwrap().as_ref(), Some(&newer));
    assert_eq!(calibrations_all(&home.db).await.unwrap(), vec![newer]);
    let mut tx = home.db.begin().await.unwrap();
    sensor_remove(&mut tx, key, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert!(calibrations_all(&home.db).await.unwrap().is_empty());
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
    let due = calibrations_due(&home.db, 3, s(50), 9).await.unwrap();
    assert_eq!(due.iter().map(|sensor| sensor.key).collect::<Vec<_>>(), vec![keys[1], keys[0]]);
    assert_eq!(calibrations_due(&home.db, 3, s(50), 1).await.unwrap().len(), 1);
}
