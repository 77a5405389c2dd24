//! Which tables statements scan from end to end: of PostgreSQL by its own counters, of SQLite by the plans of the
//! statements that were put together meanwhile.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use sqlx::AssertSqlSafe;

use super::TestDb;
use crate::{Db, StoreError};

static RECORDING: AtomicBool = AtomicBool::new(false);
static RECORDED: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes a statement while somebody watches.
pub(crate) fn record(sql: &str) {
    if RECORDING.load(Ordering::Relaxed) {
        RECORDED.lock().expect("nobody panics with it").push(sql.to_owned());
    }
}

/// Where the counters stood when the watch began.
#[derive(Debug)]
pub struct Watch(HashMap<String, i64>);

/// Begins to watch. Statements of other databases of the process are seen too: they have the same tables.
///
/// # Panics
/// When the database fails.
pub async fn watch_statements(home: &TestDb) -> Watch {
    RECORDING.store(true, Ordering::Relaxed);
    Watch(scans(home).await)
}

/// Those of `tables` that were scanned since, each with how.
///
/// # Panics
/// When the database fails.
pub async fn scanned_since(home: &TestDb, watch: Watch, tables: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    if let Db::Sqlite(d) = &home.db {
        let mut statements: Vec<String> = RECORDED.lock().expect("nobody panics with it").clone();
        statements.sort_unstable();
        statements.dedup();
        let mut conn = d.writer.connect().await.expect("a connection");
        for sql in statements.iter().filter(|sql| !sql.contains("ANY(")) {
            let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let plan = sqlx::query_as::<_, (i64, i64, i64, String)>(explain).fetch_all(&mut conn).await;
            for (_, _, _, step) in plan.expect("explain a statement") {
                // A walk along an index in its order is cut short by the page's limit.
                let whole = step.starts_with("SCAN") && !step.contains("USING") && !sql.contains("LIMIT");
                if whole && tables.iter().any(|t| names(sql, &step, t)) {
                    found.push(format!("{step}: {sql}"));
                }
            }
        }
    } else {
        let now = scans(home).await;
        for table in tables {
            let (was, is) =
                (watch.0.get(*table).copied().unwrap_or(0), now.get(*table).copied().unwrap_or(0));
            if is > was {
                found.push(format!("{table}: {} scans", is - was));
            }
        }
    }
    found
}

/// Whether a step of a plan is about `table`, by its name or the name that the statement gives it.
fn names(sql: &str, step: &str, table: &str) -> bool {
    let of = step.split_whitespace().nth(1).unwrap_or("");
    of == table || sql.contains(&format!("{table} {of}")) || sql.contains(&format!("{table} AS {of}"))
}

async fn scans(home: &TestDb) -> HashMap<String, i64> {
    if matches!(home.db, Db::Sqlite(_)) {
        return HashMap::new();
    }
    // What this connection counted is seen by others only after it has said so.
    let counted = async {
        read_all!(&home.db, "scans", (i64,), "SELECT CAST(1 AS BIGINT) FROM pg_stat_force_next_flush()")?;
        read_all!(
            &home.db,
            "scans",
            (String, i64),
            "SELECT CAST(relname AS TEXT), seq_scan FROM pg_stat_user_tables"
        )
    };
    let rows: Result<_, StoreError> = counted.await;
    rows.expect("read the counters").into_iter().collect()
}
