//! The raw bulk insert that the store's own is measured against: one transaction, no account, a table of the same
//! shape beside the store's.

use nightshift_domain::sensing::Reading;

use crate::testing::TestDb;
use crate::{Db, dialect};

/// A bare table of readings, and the engine's fastest way into it.
#[derive(Debug)]
pub struct RawReadings {
    db: Db,
}

impl RawReadings {
    /// Makes the table.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn open(home: &TestDb) -> Self {
        let mut tx = home.db.begin().await.expect("begin");
        let table = dialect::pick(
            tx.engine(),
            "CREATE TABLE raw (sensor_key BIGINT NOT NULL, at BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL, \
             PRIMARY KEY (sensor_key, at)) WITHOUT ROWID",
            "CREATE TABLE raw (sensor_key BIGINT NOT NULL, at BIGINT NOT NULL, value DOUBLE PRECISION NOT NULL, \
             PRIMARY KEY (sensor_key, at))",
        );
        let created = async { write_exec!(&mut tx, "raw_open", table) }.await;
        created.expect("create a bare table");
        tx.commit().await.expect("commit");
        Self { db: home.db.clone() }
    }

    /// Inserts in one transaction.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn insert(&mut self, readings: &[Reading]) {
        match &self.db {
            Db::Sqlite(d) => {
                let mut tx = d.writer.begin().await.expect("begin");
                let rows: Vec<(i64, Reading)> = readings.iter().map(|r| (1, *r)).collect();
                for (chunk, sql) in dialect::RAW_INSERT_SQLITE.chunks(crate::Engine::Sqlite, &rows) {
                    let mut query = sqlx::query::<sqlx::Sqlite>(sql);
                    for (key, reading) in chunk {
                        query = query.bind(key).bind(reading.at.us()).bind(reading.value);
                    }
                    query.execute(&mut *tx).await.expect("insert");
                }
                tx.commit().await.expect("commit");
            }
            Db::Postgres(d) => {
                let sql = "INSERT INTO raw SELECT * FROM UNNEST($1::bigint[], $2::bigint[], $3::float8[])";
                let mut tx = d.writer.begin().await.expect("begin");
                for chunk in readings.chunks(dialect::READINGS_PER_STATEMENT_POSTGRES) {
                    sqlx::query(sql)
                        .bind(vec![1_i64; chunk.len()])
                        .bind(chunk.iter().map(|r| r.at.us()).collect::<Vec<_>>())
                        .bind(chunk.iter().map(|r| r.value).collect::<Vec<_>>())
                        .execute(&mut *tx)
                        .await
                        .expect("insert");
                }
                tx.commit().await.expect("commit");
            }
        }
    }
}
