//! Checkpoints of windows.

use nightshift_domain::sensing::SensorKey;
use nightshift_store::sensing::{WindowCheckpoint, sensor_remove, window_save, windows_load};
use nightshift_store::testing::TestDb;

use crate::{NOW, batch, r, register, store};

nightshift_store::on_both_engines!(
    checkpoints_are_replaced_and_paged,
    a_checkpoint_since_which_something_was_stored_is_left_out,
    a_removed_sensor_has_none,
);

async fn save(home: &TestDb, keys: &[SensorKey], stored: i64, data: &[u8]) {
    let windows: Vec<_> = keys.iter().map(|k| checkpoint(*k, stored, data)).collect();
    let mut tx = home.db.begin().await.unwrap();
    window_save(&mut tx, &windows).await.unwrap();
    tx.commit().await.unwrap();
}

fn checkpoint(sensor_key: SensorKey, stored: i64, data: &[u8]) -> WindowCheckpoint {
    WindowCheckpoint { sensor_key, stored, data: data.to_vec() }
}

async fn checkpoints_are_replaced_and_paged(home: &TestDb) {
    let mut keys = Vec::new();
    for id in ["a", "b", "c"] {
        keys.push(register(&home.db, id).await.key);
    }
    let (first, second) = ([r(1, 1.0)], [r(2, 2.0)]);
    store(&home.db, &keys.iter().map(|k| batch(*k, &first)).collect::<Vec<_>>()).await;
    save(home, &keys, 1, &[1, 0, 255]).await;
    store(&home.db, &keys[..2].iter().map(|k| batch(*k, &second)).collect::<Vec<_>>()).await;
    save(home, &keys[..2], 2, &[2, 0, 255]).await;
    let first = windows_load(&home.db, SensorKey(0), 2).await.unwrap();
    assert_eq!(first.iter().map(|w| w.sensor_key).collect::<Vec<_>>(), keys[..2]);
    assert!(first.iter().all(|w| w.stored == 2 && w.data == [2, 0, 255]));
    let rest = windows_load(&home.db, first[1].sensor_key, 2).await.unwrap();
    assert_eq!((rest.len(), rest[0].stored, rest[0].data.clone()), (1, 1, vec![1, 0, 255]));
}

async fn a_checkpoint_since_which_something_was_stored_is_left_out(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    store(&home.db, &[batch(key, &[r(1, 1.0)])]).await;
    save(home, &[key], 1, &[1]).await;
    assert_eq!(windows_load(&home.db, SensorKey(0), 9).await.unwrap().len(), 1);
    // A late one, older than what the checkpoint ends with.
    store(&home.db, &[batch(key, &[r(0, 1.0)])]).await;
    assert!(windows_load(&home.db, SensorKey(0), 9).await.unwrap().is_empty());
}

async fn a_removed_sensor_has_none(home: &TestDb) {
    let gone = register(&home.db, "gone").await.key;
    let kept = register(&home.db, "kept").await.key;
    store(&home.db, &[batch(gone, &[r(0, 1.0)]), batch(kept, &[r(0, 1.0)])]).await;
    let windows =
        [checkpoint(gone, 1, &[1]), checkpoint(kept, 1, &[]), checkpoint(SensorKey(4_711), 1, &[3])];
    let mut tx = home.db.begin().await.unwrap();
    window_save(&mut tx, &windows).await.unwrap();
    sensor_remove(&mut tx, gone, NOW).await.unwrap();
    window_save(&mut tx, &windows).await.unwrap();
    tx.commit().await.unwrap();
    let left = windows_load(&home.db, SensorKey(0), 9).await.unwrap();
    assert_eq!(left.iter().map(|w| w.sensor_key).collect::<Vec<_>>(), vec![kept]);
    assert!(left[0].data.is_empty());
}
