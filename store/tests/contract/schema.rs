//! The two schemas are one, and a database of another version is refused.

use nightshift_domain::NewEvent;
use nightshift_domain::sensing::SensorKey;
use nightshift_store::sensing::{result_latest, sensor_all, sensor_find, windows_load};
use nightshift_store::system::{events_after, schema_read};
use nightshift_store::testing::{self, TestDb};
use nightshift_store::{Db, DbOptions, StoreError};

use crate::{NOW, register};

nightshift_store::on_both_engines!(
    migrating_again_does_nothing,
    a_newer_schema_is_refused,
    a_changed_migration_is_refused,
    an_older_schema_is_told_apart,
    a_spoilt_row_is_named,
);

#[tokio::test]
async fn both_engines_have_the_same_tables_and_columns() {
    let Some(postgres) = testing::postgres().await else { return };
    let sqlite = testing::sqlite().await.columns().await;
    let known = ["integer", "real", "boolean", "text", "bytes", "json"];
    assert!(sqlite.iter().all(|c| known.contains(&c.family.as_str())), "{sqlite:#?}");
    assert!(sqlite.iter().any(|c| c.table == "reading" && c.name == "value" && c.family == "real"));
    assert_eq!(sqlite, postgres.columns().await);
}

#[tokio::test]
async fn both_engines_describe_the_same_schema() {
    let sqlite = schema_read(&testing::sqlite().await.db).await.unwrap();
    let diagnosis = sqlite.iter().find(|table| table.name == "diagnosis").expect("a table");
    let id = diagnosis.columns.first().expect("a column");
    assert_eq!((id.name.as_str(), id.kind.as_str(), id.nullable, id.primary), ("id", "integer", false, true));
    let to: Vec<(&str, &str)> =
        diagnosis.references.iter().map(|r| (r.column.as_str(), r.table.as_str())).collect();
    assert_eq!(to, [("doctor_id", "app_user"), ("patient_id", "patient")]);
    let Some(postgres) = testing::postgres().await else { return };
    assert_eq!(schema_read(&postgres.db).await.unwrap(), sqlite);
}

async fn migrating_again_does_nothing(home: &TestDb) {
    let report = home.db.migrate().await.unwrap();
    assert!(report.applied.is_empty());
    assert!(report.version >= 2);
    home.db.check_schema().await.unwrap();
    register(&home.db, "a").await;
}

async fn a_newer_schema_is_refused(home: &TestDb) {
    home.run_sql(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9000, 'later', success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    for error in
        [home.db.migrate().await.expect_err("newer"), home.db.check_schema().await.expect_err("newer")]
    {
        assert!(matches!(error, StoreError::NewerSchema { found: 9_000, .. }), "{error:?}");
        assert!(error.to_string().contains("9000"), "{error}");
        assert!(!error.is_transient());
    }
}

async fn a_changed_migration_is_refused(home: &TestDb) {
    home.run_sql(
        "UPDATE _sqlx_migrations SET checksum = (SELECT o.checksum FROM _sqlx_migrations o WHERE o.version = 2) \
         WHERE version = 1",
    )
    .await;
    for error in
        [home.db.migrate().await.expect_err("changed"), home.db.check_schema().await.expect_err("changed")]
    {
        assert!(matches!(error, StoreError::ChangedMigration { version: 1 }), "{error:?}");
    }
}

async fn an_older_schema_is_told_apart(home: &TestDb) {
    home.run_sql("DELETE FROM _sqlx_migrations WHERE version >= 2").await;
    let error = home.db.check_schema().await.expect_err("older");
    assert!(matches!(error, StoreError::OlderSchema { found: 1, .. }), "{error:?}");
    home.run_sql("DROP TABLE _sqlx_migrations").await;
    let error = home.db.check_schema().await.expect_err("empty");
    assert!(matches!(error, StoreError::OlderSchema { found: 0, .. }), "{error:?}");
}

async fn a_spoilt_row_is_named(home: &TestDb) {
    let sensor = register(&home.db, "a").await;
    let mut tx = home.db.begin().await.unwrap();
    tx.journal(NewEvent::new(NOW, "k", "s", serde_json::json!({}))).await.unwrap();
    tx.commit().await.unwrap();
    let key = sensor.key.0;
    home.run_sql(&format!(
        "INSERT INTO result (sensor_key, sensor_id, verdict, as_of, inference_time) \
         VALUES ({key}, 'a', 'fine', 1, 1)"
    ))
    .await;
    let error = result_latest(&home.db, sensor.key).await.expect_err("no verdict").to_string();
    assert_eq!(error, "table result, row 1: column verdict `fine` is no verdict");
    home.run_sql("UPDATE result SET verdict = 'normal', sensor_id = '..'").await;
    let error = result_latest(&home.db, sensor.key).await.expect_err("no id").to_string();
    assert!(error.starts_with("table result, row 1: column sensor_id "), "{error}");
    home.run_sql("UPDATE result SET sensor_id = 'a', window_start = 1, window_end = 1, window_count = -1, window_gaps = 0").await;
    let error = result_latest(&home.db, sensor.key).await.expect_err("no count").to_string();
    assert!(error.starts_with("table result, row 1: column window_count "), "{error}");
    home.run_sql("UPDATE sensor SET spec = '{\"sensor_id\":\"a\",\"interval_s\":\"often\"}'").await;
    for error in [
        sensor_find(&home.db, &sensor.spec.sensor_id).await.expect_err("no spec"),
        sensor_all(&home.db).await.expect_err("no spec"),
    ] {
        assert!(error.to_string().starts_with(&format!("table sensor, row {key}: column spec ")), "{error}");
        assert!(!error.is_transient());
    }
    assert!(windows_load(&home.db, SensorKey(0), 1).await.unwrap().is_empty());
    assert_eq!(events_after(&home.db, 0, None, 1).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_url_that_names_no_database_is_refused() {
    for url in ["", "data.db", "mysql://u:hunter2@h/d"] {
        let error = Db::connect(&DbOptions::new(url)).await.expect_err("no database");
        assert!(matches!(error, StoreError::Url { .. }), "{url}: {error:?}");
        assert!(!error.to_string().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_sqlite_file_that_cannot_be_opened_says_so() {
    let error = Db::connect(&DbOptions::new("sqlite:/nonexistent/folder/x.db")).await.expect_err("no folder");
    assert!(matches!(error, StoreError::Connect(_)), "{error:?}");
}

#[tokio::test]
async fn acknowledged_work_survives_the_file_being_opened_again() {
    let home = testing::sqlite().await;
    let sensor = register(&home.db, "a").await;
    home.db.close().await;
    let again = Db::connect(&home.options).await.unwrap();
    again.check_schema().await.unwrap();
    assert_eq!(sensor_all(&again).await.unwrap(), vec![sensor]);
    again.close().await;
}
