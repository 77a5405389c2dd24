//! The schedule.

use nightshift_domain::sensing::Schedule;
use nightshift_store::StoreError;
use nightshift_store::sensing::{schedule_done, schedule_get, schedule_set};
use nightshift_store::testing::TestDb;

use crate::{NOW, s};

nightshift_store::on_both_engines!(a_schedule_survives_with_its_last_run);

async fn a_schedule_survives_with_its_last_run(home: &TestDb) {
    assert_eq!(schedule_get(&home.db).await.unwrap(), None);
    let hourly = Schedule::default();
    let named = Schedule {
        reference_time: s(7),
        period_s: 60,
        sensor_ids: vec!["a".parse().unwrap(), "b".parse().unwrap()],
    };
    let mut tx = home.db.begin().await.unwrap();
    assert!(matches!(schedule_done(&mut tx, NOW).await, Err(StoreError::Missing { .. })));
    schedule_set(&mut tx, &hourly, NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(schedule_get(&home.db).await.unwrap(), Some((hourly, None)));
    let mut tx = home.db.begin().await.unwrap();
    schedule_done(&mut tx, s(3)).await.unwrap();
    schedule_set(&mut tx, &named, s(4)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(schedule_get(&home.db).await.unwrap(), Some((named, Some(s(3)))));
}
