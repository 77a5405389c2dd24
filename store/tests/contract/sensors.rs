//! Registrations.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Location, SensorKey, SensorSpec, Source, Thresholds, VendorFeed};
use nightshift_store::StoreError;
use nightshift_store::sensing::{
    account_find, readings_expire, sensor_all, sensor_find, sensor_insert, sensor_list, sensor_list_removed,
    sensor_remove, sensor_update, sensor_vendor,
};
use nightshift_store::testing::TestDb;

use crate::{NOW, batch, r, register, s, spec, store};

nightshift_store::on_both_engines!(
    a_registration_is_kept_whole,
    an_id_is_taken_once,
    a_change_replaces_the_registration,
    a_removed_sensor_frees_its_id,
    what_is_not_there_cannot_be_changed,
    pages_follow_the_ids,
    all_are_read_in_slices,
    removed_sensors_wait_for_retention,
);

fn full(id: &str) -> SensorSpec {
    SensorSpec {
        name: Some("부표 1 ' \" \\".to_owned()),
        unit: Some("mg/L".to_owned()),
        interval_s: 60,
        source: Source::Vendor,
        vendor: Some(VendorFeed {
            device_id: "d1".to_owned(),
            resource: "oxygen".to_owned(),
            field: "oxygen_mpl".to_owned(),
        }),
        enabled: true,
        model: Some("gru".to_owned()),
        thresholds: Thresholds { low: Some(0.1 + 0.2), high: Some(1e300), score: Some(5e-324) },
        retention_days: 30,
        freshness_s: Some(600),
        line: Some("A".to_owned()),
        equipment: Some("pump".to_owned()),
        location: Some(Location { latitude: 34.31, longitude: 126.755_000_000_1 }),
        ..spec(id)
    }
}

async fn a_registration_is_kept_whole(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    let sensor = sensor_insert(&mut tx, &full("a"), NOW).await.unwrap();
    sensor_insert(&mut tx, &SensorSpec { enabled: false, ..full("off") }, NOW).await.unwrap();
    sensor_insert(&mut tx, &spec("pushed"), NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sensor.spec, full("a"));
    assert_eq!((sensor.created_at, sensor.updated_at), (NOW, NOW));
    assert_eq!(sensor_find(&home.db, &sensor.spec.sensor_id).await.unwrap(), Some(sensor.clone()));
    assert_eq!(sensor_find(&home.db, &"b".parse().unwrap()).await.unwrap(), None);
    assert_eq!(sensor_vendor(&home.db).await.unwrap(), vec![sensor]);
}

async fn an_id_is_taken_once(home: &TestDb) {
    register(&home.db, "a").await;
    let mut tx = home.db.begin().await.unwrap();
    let error = sensor_insert(&mut tx, &spec("a"), NOW).await.expect_err("taken");
    assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    assert!(!error.is_transient());
    sensor_insert(&mut tx, &spec("A"), NOW).await.expect("another id, and the transaction is usable");
    tx.commit().await.unwrap();
    assert_eq!(sensor_all(&home.db).await.unwrap().len(), 2);
}

async fn a_change_replaces_the_registration(home: &TestDb) {
    let sensor = register(&home.db, "a").await;
    let mut tx = home.db.begin().await.unwrap();
    sensor_update(&mut tx, sensor.key, &full("a"), s(5)).await.unwrap();
    tx.commit().await.unwrap();
    let changed = sensor_find(&home.db, &sensor.spec.sensor_id).await.unwrap().expect("there");
    assert_eq!(changed.spec, full("a"));
    assert_eq!((changed.key, changed.created_at, changed.updated_at), (sensor.key, NOW, s(5)));
    assert_eq!(sensor_vendor(&home.db).await.unwrap().len(), 1);
}

async fn a_removed_sensor_frees_its_id(home: &TestDb) {
    let old = register(&home.db, "a").await;
    let mut tx = home.db.begin().await.unwrap();
    sensor_remove(&mut tx, old.key, s(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sensor_find(&home.db, &old.spec.sensor_id).await.unwrap(), None);
    let new = register(&home.db, "a").await;
    assert!(new.key > old.key);
    assert_eq!(sensor_all(&home.db).await.unwrap(), vec![new]);
    assert!(account_find(&home.db, old.key).await.is_ok());
}

async fn what_is_not_there_cannot_be_changed(home: &TestDb) {
    let sensor = register(&home.db, "a").await;
    let mut tx = home.db.begin().await.unwrap();
    let missing = |e| matches!(e, Err(StoreError::Missing { .. }));
    assert!(missing(sensor_update(&mut tx, SensorKey(99), &spec("a"), NOW).await));
    assert!(missing(sensor_update(&mut tx, sensor.key, &spec("renamed"), NOW).await));
    sensor_remove(&mut tx, sensor.key, NOW).await.unwrap();
    assert!(missing(sensor_remove(&mut tx, sensor.key, NOW).await));
    assert!(missing(sensor_update(&mut tx, sensor.key, &spec("a"), NOW).await));
    tx.commit().await.unwrap();
    assert!(matches!(account_find(&home.db, SensorKey(99)).await, Err(StoreError::Missing { .. })));
}

async fn pages_follow_the_ids(home: &TestDb) {
    for id in ["b", "d", "a", "c"] {
        register(&home.db, id).await;
    }
    let ids = |page: &nightshift_store::sensing::SensorPage| -> Vec<String> {
        page.sensors.iter().map(|s| s.spec.sensor_id.to_string()).collect()
    };
    let first = sensor_list(&home.db, None, 3).await.unwrap();
    assert_eq!((ids(&first), first.total), (vec!["a".to_owned(), "b".to_owned(), "c".to_owned()], 4));
    let rest = sensor_list(&home.db, Some(&"c".parse().unwrap()), 3).await.unwrap();
    assert_eq!((ids(&rest), rest.total), (vec!["d".to_owned()], 4));
}

async fn all_are_read_in_slices(home: &TestDb) {
    const SENSORS: usize = 10_003;
    let mut tx = home.db.begin().await.unwrap();
    for i in 0..SENSORS {
        sensor_insert(&mut tx, &spec(&format!("s{i}")), NOW).await.unwrap();
    }
    tx.commit().await.unwrap();
    let all = sensor_all(&home.db).await.unwrap();
    assert_eq!(all.len(), SENSORS);
    assert!(all.windows(2).all(|w| w[0].key < w[1].key));
}

async fn removed_sensors_wait_for_retention(home: &TestDb) {
    let (kept, gone, empty) =
        (register(&home.db, "k").await, register(&home.db, "g").await, register(&home.db, "e").await);
    let readings = [r(0, 1.0), r(1, 2.0)];
    store(&home.db, &[batch(kept.key, &readings), batch(gone.key, &readings)]).await;
    let mut tx = home.db.begin().await.unwrap();
    sensor_remove(&mut tx, gone.key, NOW).await.unwrap();
    sensor_remove(&mut tx, empty.key, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(sensor_list_removed(&home.db, 10).await.unwrap(), vec![gone.key]);
    let mut tx = home.db.begin().await.unwrap();
    assert_eq!(readings_expire(&mut tx, gone.key, Timestamp::MAX, 10).await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert!(sensor_list_removed(&home.db, 10).await.unwrap().is_empty());
}
