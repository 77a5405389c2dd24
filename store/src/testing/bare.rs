//! The rows of stations' starts and completions, written without a question: what the engine itself can do.
//!
//! Each command is a transaction of its own that writes what the store writes of it (run, open run, document, unit, event,
//! line of the audit), into the same tables with the same indexes; figures per day, parts and measured values are left
//! out, and so is the rule that the audit's lines come in their order: clients that know nothing of each other cannot keep it. PostgreSQL is driven by `pgbench` with prepared statements, SQLite through its one writing connection.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::SqliteConnection;

use crate::Db;
use crate::seat::Seat;
use crate::testing::TestDb;

/// Units that there are; each client takes one at random.
const UNITS: i64 = 100_000;

/// What a start writes, in its order. `$1` is the run, `$2` the unit, `$3` the process.
const START: [&str; 5] = [
    "INSERT INTO process_run (id, lot_id, serial_id, process_id, operator_id, attempt, started_at, created_at, updated_at) \
     VALUES ($1, 1, $1, $3, 1, 1, $1, $1, $1)",
    "INSERT INTO run_open (run_id, lot_id, serial_id, process_id, started_at) VALUES ($1, 1, $1, $3, $1)",
    "UPDATE serial SET status = 'IN_PROGRESS', updated_at = $1 WHERE id = $2",
    "INSERT INTO event (at, kind, subject, data) VALUES ($1, 'production.started', 'WF-KR-251110D-001-0001', \
     '{\"lot_number\":\"WF-KR-251110D-001\",\"serial_number\":\"WF-KR-251110D-001-0001\",\"process\":1,\"operator_id\":1,\
     \"equipment\":null,\"started_at\":\"2025-11-10T09:00:00Z\",\"overridden\":false,\"event_id\":null}')",
    "INSERT INTO audit_log (seq, at, actor_kind, actor_id, actor_name, action, entity_type, entity_id, new_values, link) \
     VALUES ($1, $1, 'user', 1, 'admin', 'CREATE', 'process_run', '1', \
     '{\"lot_id\":1,\"serial_id\":1,\"process_id\":1,\"operator_id\":1}', '0123456789abcdef0123456789abcdef')",
];

/// What a completion writes; `$4` is its document, `$5` the number of its line in the audit.
const COMPLETE: [&str; 6] = [
    "UPDATE process_run SET completed_at = $1, result = 'PASS', updated_at = $1 WHERE id = $1",
    "DELETE FROM run_open WHERE run_id = $1",
    "INSERT INTO run_data (run_id, measurements) VALUES ($1, $4)",
    "UPDATE serial SET position = $3, updated_at = $1 WHERE id = $2",
    "INSERT INTO event (at, kind, subject, data) VALUES ($1, 'production.completed', 'WF-KR-251110D-001-0001', \
     '{\"lot_number\":\"WF-KR-251110D-001\",\"serial_number\":\"WF-KR-251110D-001-0001\",\"process\":1,\"result\":\"PASS\",\
     \"completed_at\":\"2025-11-10T09:01:00Z\",\"defects\":[],\"event_id\":null}')",
    "INSERT INTO audit_log (seq, at, actor_kind, actor_id, actor_name, action, entity_type, entity_id, new_values, link) \
     VALUES ($5, $1, 'user', 1, 'admin', 'UPDATE', 'process_run', '1', '{\"result\":\"PASS\"}', \
     '0123456789abcdef0123456789abcdef')",
];

/// A database without a program, for the bare rows.
#[derive(Debug)]
pub struct BareLine {
    db: Db,
    url: String,
    /// Where the next run's number is taken from.
    next: Arc<AtomicI64>,
}

impl BareLine {
    /// Makes the units of an empty plant.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn open(home: &TestDb) -> Self {
        let mut tx = home.db.begin().await.expect("begin");
        let made = async {
            let model = "INSERT INTO product_model (model_code, model_name, specifications, bom_data, status, created_at, \
                         updated_at) VALUES ('BARE', 'Bare', '{}', '{}', 'ACTIVE', 1, 1)";
            write_exec!(&mut tx, "bare", model)?;
            let lot = "INSERT INTO lot (lot_number, product_model_id, production_date, shift, target_quantity, status, \
                       created_at, updated_at) SELECT 'BARE-1', id, '2025-11-10', 'D', 100, 'IN_PROGRESS', 1, 1 \
                       FROM product_model WHERE model_code = 'BARE'";
            write_exec!(&mut tx, "bare", lot)?;
            let units: &'static str = match tx.engine() {
                crate::Engine::Sqlite => {
                    "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < $1) \
                     INSERT INTO serial (id, serial_number, lot_id, sequence_in_lot, status, created_at, updated_at) \
                     SELECT n, 'BARE-1-' || n, l.id, n, 'CREATED', 1, 1 FROM n, lot l"
                }
                crate::Engine::Postgres => {
                    "INSERT INTO serial (id, serial_number, lot_id, sequence_in_lot, status, created_at, updated_at) \
                     SELECT g, 'BARE-1-' || g, l.id, g, 'CREATED', 1, 1 \
                     FROM generate_series(CAST(1 AS BIGINT), $1) g, lot l"
                }
            };
            if tx.engine() == crate::Engine::Sqlite {
                write_exec!(&mut tx, "bare", "DROP TRIGGER audit_log_append_only")?;
            }
            write_exec!(&mut tx, "bare", units, UNITS)
        };
        let made: Result<u64, crate::StoreError> = made.await;
        made.expect("make units");
        tx.commit().await.expect("commit");
        Self { db: home.db.clone(), url: home.options.url.clone(), next: Arc::new(AtomicI64::new(1)) }
    }

    /// Starts and completions that `clients` together do in a second, each with the next of `documents`.
    ///
    /// # Panics
    /// When the database fails, or there is no `pgbench`.
    pub async fn commands_per_second(&self, clients: usize, documents: &[String], time: Duration) -> f64 {
        match &self.db {
            Db::Sqlite(d) => self.on_sqlite(&d.writer, clients, documents, time).await,
            Db::Postgres(_) => {
                // What else the address says is for our driver.
                let url = self.url.split('?').next().unwrap_or_default().to_owned();
                let script = script(documents);
                let first = self.next.fetch_add(1, Ordering::Relaxed) * 1_000_000_000;
                let run = move || pgbench(&url, &script, first, clients, time);
                tokio::task::spawn_blocking(run).await.expect("pgbench runs")
            }
        }
    }

    async fn on_sqlite(
        &self,
        writer: &Seat<SqliteConnection>,
        clients: usize,
        documents: &[String],
        time: Duration,
    ) -> f64 {
        let done = Arc::new(AtomicU64::new(0));
        let begun = now();
        let client = |_| {
            let (next, done, writer) = (Arc::clone(&self.next), Arc::clone(&done), writer.clone());
            let documents = documents.to_vec();
            tokio::spawn(async move {
                while now() - begun < time {
                    let run = next.fetch_add(1, Ordering::Relaxed);
                    let place = usize::try_from(run).expect("a number above zero") % documents.len();
                    let (unit, process) = (run % UNITS + 1, place as i64 + 1);
                    for statements in [&START[..], &COMPLETE[..]] {
                        let mut tx = writer.begin().await.expect("begin");
                        for sql in statements {
                            let query = sqlx::query::<sqlx::Sqlite>(*sql).bind(run).bind(unit).bind(process);
                            let query = query.bind(&documents[place]).bind(-run);
                            query.execute(&mut *tx).await.expect("write");
                        }
                        tx.commit().await.expect("commit");
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            })
        };
        let all: Vec<_> = (0..clients).map(client).collect();
        for one in all {
            one.await.expect("a client");
        }
        done.load(Ordering::Relaxed) as f64 / (now() - begun).as_secs_f64()
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures")]
fn now() -> Duration {
    static FIRST: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    FIRST.get_or_init(Instant::now).elapsed()
}

/// A start and a completion of a random unit as `pgbench` takes them, with a document as long as the longest and as the
/// shortest in turn.
fn script(documents: &[String]) -> String {
    let eighth = documents.iter().map(String::len).max().unwrap_or(0) / 8;
    let mut text = String::from(
        "\\set unit random(1, 100000)\n\\set process random(1, 8)\n\\set run :first + random(1, 900000000)\n\
         \\set audit -1 * :run\n",
    );
    for statements in [&START[..], &COMPLETE[..]] {
        text.push_str("BEGIN;\n");
        for sql in statements {
            let document = format!("repeat('x', :process * {eighth})");
            let values =
                [("$1", ":run"), ("$2", ":unit"), ("$3", ":process"), ("$4", &document), ("$5", ":audit")];
            let sql =
                values.iter().fold(without_colons(sql), |sql, (marker, value)| sql.replace(marker, value));
            writeln!(text, "{sql};").expect("writing to a string does not fail");
        }
        text.push_str("COMMIT;\n");
    }
    text
}

/// `pgbench` takes whatever follows a colon for a variable, in texts too.
fn without_colons(sql: &str) -> String {
    let mut parts = sql.split('\'');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (n, part) in parts.enumerate() {
        let (literal, json) = (n % 2 == 0, part.starts_with('{'));
        text.push_str(&match (literal, json) {
            (true, true) => format!("CAST(replace('{}', '~', chr(58)) AS JSON)", part.replace(':', "~")),
            (true, false) => format!("'{part}'"),
            (false, _) => part.to_owned(),
        });
    }
    text
}

fn pgbench(url: &str, script: &str, first: i64, clients: usize, time: Duration) -> f64 {
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), script).expect("written");
    let program = std::env::var_os("PGBENCH").map_or_else(|| PathBuf::from("pgbench"), PathBuf::from);
    let mut command = Command::new(program);
    command.args([
        "-n",
        "-M",
        "prepared",
        "-j",
        "2",
        "-c",
        &clients.to_string(),
        "-T",
        &time.as_secs().to_string(),
    ]);
    command.args(["-D", &format!("first={first}"), "-f"]).arg(file.path()).arg(url);
    let output = command.stdin(Stdio::null()).output().expect("pgbench starts");
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let tps =
        told.lines().find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse::<f64>().ok());
    assert!(output.status.success(), "pgbench: {}", wrong.lines().take(3).collect::<Vec<_>>().join("; "));
    // Each of its transactions is a start and a completion.
    2.0 * tps.unwrap_or_else(|| panic!("no rate in {told}"))
}
