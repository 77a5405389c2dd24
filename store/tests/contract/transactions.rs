//! Units of work: all or nothing, parts that fail alone, and a database that is away.

use std::time::Duration;

use nightshift_domain::NewEvent;
use nightshift_domain::sensing::SensorKey;
use nightshift_store::sensing::{account_total, sensor_find, sensor_insert, sensor_remove};
use nightshift_store::system::{events_after, events_bounds, setting_get, setting_set};
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, DbOptions, StoreError};

use crate::{NOW, register, spec};

nightshift_store::on_both_engines!(
    a_dropped_unit_leaves_nothing,
    a_failed_part_does_not_spoil_the_others,
    savepoints_nest,
    a_broken_unit_cannot_be_committed,
    a_unit_given_up_half_way_cannot_be_committed,
    events_come_out_after_the_commit_in_order,
    readers_do_not_wait_for_the_writer,
    a_second_writer_waits_and_then_gives_up,
    settings_are_replaced,
    nul_is_refused_before_it_is_sent,
    the_database_answers,
    a_closed_database_is_a_transient_error,
);

fn event(kind: &str) -> NewEvent {
    NewEvent::new(NOW, kind, "x", serde_json::json!({"n": 1.5}))
}

async fn a_dropped_unit_leaves_nothing(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    sensor_insert(&mut tx, &spec("a"), NOW).await.unwrap();
    tx.journal(event("sensing.registered")).await.unwrap();
    drop(tx);
    let mut tx = home.db.begin().await.unwrap();
    setting_set(&mut tx, "k", &1).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(sensor_find(&home.db, &"a".parse().unwrap()).await.unwrap(), None);
    assert_eq!(events_bounds(&home.db).await.unwrap(), (None, None));
    assert_eq!(setting_get::<i64>(&home.db, "k").await.unwrap(), None);
}

async fn a_failed_part_does_not_spoil_the_others(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    tx.savepoint().await.unwrap();
    tx.journal(event("first")).await.unwrap();
    tx.release().await.unwrap();
    tx.savepoint().await.unwrap();
    tx.journal(event("lost")).await.unwrap();
    sensor_insert(&mut tx, &spec("lost"), NOW).await.unwrap();
    assert!(matches!(sensor_remove(&mut tx, SensorKey(4_711), NOW).await, Err(StoreError::Missing { .. })));
    tx.rollback_to().await.unwrap();
    tx.savepoint().await.unwrap();
    setting_set(&mut tx, "k", &"kept").await.unwrap();
    tx.release().await.unwrap();
    let events = tx.commit().await.unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event.kind, "first");
    assert_eq!(sensor_find(&home.db, &"lost".parse().unwrap()).await.unwrap(), None);
    assert_eq!(setting_get::<String>(&home.db, "k").await.unwrap().as_deref(), Some("kept"));
    assert_eq!(events_after(&home.db, 0, None, 10).await.unwrap(), events);
}

async fn savepoints_nest(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    tx.savepoint().await.unwrap();
    tx.journal(event("outer")).await.unwrap();
    tx.savepoint().await.unwrap();
    tx.journal(event("inner")).await.unwrap();
    tx.rollback_to().await.unwrap();
    tx.release().await.unwrap();
    tx.savepoint().await.unwrap();
    tx.savepoint().await.unwrap();
    tx.journal(event("released, then undone")).await.unwrap();
    tx.release().await.unwrap();
    tx.rollback_to().await.unwrap();
    let kinds: Vec<String> = tx.commit().await.unwrap().into_iter().map(|e| e.event.kind).collect();
    assert_eq!(kinds, ["outer"]);
    let stored = events_after(&home.db, 0, None, 10).await.unwrap();
    assert_eq!(stored.len(), 1);
}

/// A statement that both engines refuse: the id of a result's sensor does not exist.
async fn break_it(tx: &mut nightshift_store::Tx) {
    let error = crate::results::insert_for_unknown_sensor(tx).await.expect_err("no such sensor");
    assert!(matches!(error, StoreError::Query { .. }), "{error:?}");
    assert!(!error.is_transient());
}

async fn a_broken_unit_cannot_be_committed(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    tx.journal(event("before")).await.unwrap();
    break_it(&mut tx).await;
    assert!(matches!(tx.journal(event("after")).await, Err(StoreError::Aborted { .. })));
    assert!(matches!(tx.commit().await, Err(StoreError::Aborted { .. })));
    assert_eq!(events_bounds(&home.db).await.unwrap(), (None, None));

    let mut tx = home.db.begin().await.unwrap();
    tx.journal(event("before")).await.unwrap();
    tx.savepoint().await.unwrap();
    break_it(&mut tx).await;
    tx.rollback_to().await.unwrap();
    tx.journal(event("after")).await.unwrap();
    assert_eq!(tx.commit().await.unwrap().len(), 2);
}

async fn a_unit_given_up_half_way_cannot_be_committed(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    {
        let mut insert = Box::pin(tx.journal_many(vec![event("given up"); 20_000]));
        let polled = futures::poll!(insert.as_mut());
        assert!(polled.is_pending());
    }
    assert!(matches!(tx.commit().await, Err(StoreError::Aborted { .. })));
    let mut tx = home.db.begin().await.unwrap();
    tx.journal(event("next")).await.unwrap();
    assert_eq!(tx.commit().await.unwrap().len(), 1);
    assert_eq!(events_after(&home.db, 0, None, 10).await.unwrap().len(), 1);
}

async fn events_come_out_after_the_commit_in_order(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    let one = tx.journal(event("a.one")).await.unwrap();
    let many: Vec<NewEvent> = (0..1_300).map(|i| event(&format!("b.{i}"))).collect();
    let seqs = tx.journal_many(many.clone()).await.unwrap();
    assert!(events_after(&home.db, 0, None, 10).await.unwrap().is_empty());
    let events = tx.commit().await.unwrap();
    assert_eq!(events.len(), 1_301);
    assert_eq!(events[0].seq, one);
    assert!(events.windows(2).all(|w| w[0].seq < w[1].seq));
    assert_eq!(events[1..].iter().map(|e| e.seq).collect::<Vec<_>>(), seqs);
    assert_eq!(events[1..].iter().map(|e| e.event.clone()).collect::<Vec<_>>(), many);
    assert_eq!(events_after(&home.db, 0, None, 2_000).await.unwrap(), events);
}

async fn readers_do_not_wait_for_the_writer(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    sensor_insert(&mut tx, &spec("open"), NOW).await.unwrap();
    let id = "open".parse().unwrap();
    let seen = tokio::time::timeout(Duration::from_secs(4), sensor_find(&home.db, &id));
    assert_eq!(seen.await.expect("no wait").unwrap(), None);
    tx.commit().await.unwrap();
    assert!(sensor_find(&home.db, &id).await.unwrap().is_some());
}

async fn a_second_writer_waits_and_then_gives_up(home: &TestDb) {
    let impatient = DbOptions { acquire_timeout: Duration::from_millis(500), ..home.options.clone() };
    let other = Db::connect(&impatient).await.unwrap();
    let tx = home.db.begin().await.unwrap();
    let error = other.begin().await.expect_err("the first one is open");
    assert!(matches!(error, StoreError::Begin(_)), "{error:?}");
    assert!(error.is_transient(), "{error:?}");
    tx.commit().await.unwrap();
    let mut tx = other.begin().await.expect("free again");
    setting_set(&mut tx, "other", &true).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(setting_get(&home.db, "other").await.unwrap(), Some(true));
    other.close().await;
}

async fn settings_are_replaced(home: &TestDb) {
    for value in [serde_json::json!(5), serde_json::json!("5"), serde_json::json!({"a": [1.25, null]})] {
        let mut tx = home.db.begin().await.unwrap();
        setting_set(&mut tx, "key", &value).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(setting_get(&home.db, "key").await.unwrap(), Some(value));
    }
    assert_eq!(setting_get::<i64>(&home.db, "none").await.unwrap(), None);
    let error = setting_get::<i64>(&home.db, "key").await.expect_err("it is an object").to_string();
    assert!(error.contains("table setting, row key: column value"), "{error}");
}

async fn nul_is_refused_before_it_is_sent(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    assert!(matches!(setting_set(&mut tx, "k", &"a\0b").await, Err(StoreError::Nul { .. })));
    assert!(matches!(setting_set(&mut tx, "k\0", &1).await, Err(StoreError::Nul { .. })));
    let subject = NewEvent::new(NOW, "k", "x\0", serde_json::json!({}));
    assert!(matches!(tx.journal(subject).await, Err(StoreError::Nul { .. })));
    let named = NewEvent { subject: "x".to_owned(), ..event("k\0") };
    assert!(matches!(tx.journal(named).await, Err(StoreError::Nul { .. })));
    let mut sensor = spec("a");
    sensor.name = Some("a\0".to_owned());
    assert!(matches!(sensor_insert(&mut tx, &sensor, NOW).await, Err(StoreError::Nul { .. })));
    tx.journal(event("usable still")).await.unwrap();
    assert_eq!(tx.commit().await.unwrap().len(), 1);
}

async fn the_database_answers(home: &TestDb) {
    home.db.ping().await.unwrap();
    register(&home.db, "a").await;
    assert!(home.options.url.starts_with(home.db.engine().as_str()));
    assert!(home.db.location().starts_with(home.db.engine().as_str()));
}

async fn a_closed_database_is_a_transient_error(home: &TestDb) {
    home.db.close().await;
    assert!(home.db.ping().await.expect_err("closed").is_transient());
    assert!(home.db.begin().await.expect_err("closed").is_transient());
    assert!(account_total(&home.db).await.expect_err("closed").is_transient());
}

#[tokio::test]
async fn a_database_in_memory_serves_readers_too() {
    let db = Db::connect(&DbOptions::new("sqlite::memory:")).await.unwrap();
    db.migrate().await.unwrap();
    register(&db, "a").await;
    let tx = db.begin().await.unwrap();
    assert!(sensor_find(&db, &"a".parse().unwrap()).await.unwrap().is_some());
    tx.commit().await.unwrap();
    db.close().await;
}

/// SQLite ends a transaction by itself when its file cannot grow: that must not be the end of all writing.
#[tokio::test]
async fn a_full_disk_is_a_transient_error_and_passes() {
    let home = nightshift_store::testing::sqlite().await;
    // The file may not grow beyond what it is, for as long as this connection lives.
    home.run_sql("PRAGMA max_page_count = 1").await;
    let large = "x".repeat(1 << 20);
    let mut tx = home.db.begin().await.unwrap();
    let error = setting_set(&mut tx, "large", &large).await.expect_err("there is no room");
    assert!(error.is_transient(), "{error:?}");
    drop(tx);
    let mut tx = home.db.begin().await.expect("another transaction");
    setting_set(&mut tx, "large", &large).await.expect("room again");
    tx.commit().await.unwrap();
    assert_eq!(setting_get(&home.db, "large").await.unwrap(), Some(large));
}

/// The server ends all connections, as it does when it restarts: the next unit fails fast or works, and works soon.
#[tokio::test]
async fn postgres_connections_that_were_lost_come_back() {
    let Some(home) = nightshift_store::testing::postgres().await else { return };
    register(&home.db, "before").await;
    let tx = home.db.begin().await.unwrap();
    home.cut_connections().await;
    assert!(tx.commit().await.expect_err("the connection is gone").is_transient());
    let mut tx = home.db.begin().await.expect("a new connection");
    setting_set(&mut tx, "after", &1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(setting_get(&home.db, "after").await.unwrap(), Some(1));
}

#[tokio::test]
async fn a_server_that_is_away_is_a_transient_error_soon() {
    let options = DbOptions {
        acquire_timeout: Duration::from_millis(200),
        ..DbOptions::new("postgres://nobody:hunter2@127.0.0.1:1/none")
    };
    let error = Db::connect(&options).await.expect_err("nobody listens there");
    assert!(error.is_transient(), "{error:?}");
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}
