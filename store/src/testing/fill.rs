//! A plant with a past: any number of process runs, made by the database itself, for measurements at size.

use std::time::Duration;

use nightshift_domain::Timestamp;
use sqlx::{AssertSqlSafe, Connection as _};

use crate::dialect::pick;
use crate::{Db, Engine};

/// Runs of a lot when nothing fails: a hundred units and eight processes.
const RUNS_PER_LOT: u64 = 800;
/// One attempt in so many fails, and is followed by one that passes.
const FAIL_EVERY: u32 = 40;
/// Time from one lot's start to the next one's: a hundred lots a day.
const LOT_EVERY: Duration = Duration::from_secs(864);

/// What was filled in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Filled {
    /// Lots, all closed.
    pub lots: u64,
    /// Process runs, all completed.
    pub runs: u64,
    /// When the newest run ended.
    pub until: Timestamp,
}

/// Fills an empty plant with at least `runs` completed process runs of closed lots, ending before `until`: serials, data,
/// defects, parts and the figures per day (of Asia/Seoul) with them. One model, `FILL`, one line, `FILL`, and the worker
/// with number 1.
///
/// # Panics
/// When the database fails, or is not empty.
pub async fn fill(db: &Db, runs: u64, until: Timestamp) -> Filled {
    let lots = runs.div_ceil(RUNS_PER_LOT).max(1);
    let span = LOT_EVERY * u32::try_from(lots + 3).expect("fewer lots than seconds in a century");
    let base = until - span;
    let statements = STATEMENTS.map(|statement| text(db.engine(), statement, lots, base));
    run(db, &statements).await;
    let counted = async {
        read_one!(db, "fill", (i64, Option<i64>), "SELECT count(*), max(completed_at) FROM process_run")
    };
    let counted: Result<_, crate::StoreError> = counted.await;
    let (runs, last) = counted.expect("count the runs").expect("a row");
    let until = Timestamp::from_us(last.expect("runs"));
    Filled { lots, runs: u64::try_from(runs).expect("a count"), until }
}

async fn run(db: &Db, statements: &[String]) {
    match db {
        Db::Sqlite(d) => {
            let mut conn = d.writer.connect().await.expect("a connection");
            for sql in statements {
                sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut conn).await.expect("fill the plant");
            }
        }
        Db::Postgres(d) => {
            let mut conn = d.writer.connect().await.expect("a connection with settings of its own");
            // These statements read whole tables: what the writing connection rules out suits them best.
            let long = "SET statement_timeout = 0; SET work_mem = '256MB'; SET enable_seqscan = on; \
                        SET enable_hashjoin = on; SET enable_mergejoin = on"
                .to_owned();
            let told = "SELECT pg_stat_force_next_flush()".to_owned();
            for sql in [&long].into_iter().chain(statements).chain([&told]) {
                sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut conn).await.expect("fill the plant");
            }
            conn.close().await.expect("close the connection");
        }
    }
}

fn text(engine: Engine, statement: &str, lots: u64, base: Timestamp) -> String {
    let series = |name: &str, n: u64| match engine {
        Engine::Sqlite => {
            format!("{name} (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM {name} WHERE n < {n})")
        }
        Engine::Postgres => {
            format!("{name} (n) AS (SELECT CAST(g AS BIGINT) FROM generate_series(1, {n}) g)")
        }
    };
    // Nine hours ahead of UTC, and the production day begins at six.
    let day = |column: &str| match engine {
        Engine::Sqlite => format!("date({column} / 1000000 + 10800, 'unixepoch')"),
        Engine::Postgres => {
            format!("to_char(to_timestamp({column} / 1000000 + 10800) AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
        }
    };
    statement
        .replace("{lots}", &series("lots", lots))
        .replace("{units}", &series("units", 100))
        .replace("{analyze}", pick(engine, "ANALYZE", "VACUUM ANALYZE"))
        .replace("{base}", &base.us().to_string())
        .replace("{lot_us}", &LOT_EVERY.as_micros().to_string())
        .replace("{fail}", &FAIL_EVERY.to_string())
        .replace("{day(started_at)}", &day("r.started_at"))
        .replace("{day(completed_at)}", &day("r.completed_at"))
        .replace("{day(created_at)}", &day("d.created_at"))
        .replace("{day(at)}", &day("c.at"))
        .replace("{day(lot)}", &day("l.created_at"))
        .replace("{day(settled_at)}", &day("s.settled_at"))
        .replace("{day(begun)}", &day("s.started_at"))
        .replace("{day(made)}", &day("s.created_at"))
}

/// In the order of their tables. The time of process `p` of unit `u` of a lot: the lot's start, 8 s a unit, 90 s a process.
const STATEMENTS: [&str; 16] = [
    "INSERT INTO product_model (model_code, model_name, category, specifications, bom_data, status, created_at, updated_at) \
     VALUES ('FILL', 'Filled', 'fill', '{}', '{}', 'ACTIVE', {base}, {base})",
    "INSERT INTO production_line (line_code, line_name, is_active, created_at, updated_at) \
     VALUES ('FILL', 'Filled', TRUE, {base}, {base})",
    "WITH RECURSIVE {lots} INSERT INTO lot (lot_number, product_model_id, production_line_id, production_date, shift, \
     target_quantity, actual_quantity, passed_quantity, failed_quantity, scrapped_quantity, status, started_at, \
     completed_at, closed_at, created_at, updated_at) \
     SELECT 'FILL-' || n, m.id, p.id, '2000-01-01', 'D', 100, 100, 100, 0, 0, 'CLOSED', {base} + n * {lot_us}, \
     {base} + n * {lot_us} + 1800000000, {base} + n * {lot_us} + 1900000000, {base} + n * {lot_us}, \
     {base} + n * {lot_us} + 1900000000 FROM lots, product_model m, production_line p \
     WHERE m.model_code = 'FILL' AND p.line_code = 'FILL' ORDER BY n",
    "UPDATE lot AS l SET production_date = {day(lot)}",
    "WITH RECURSIVE {units} INSERT INTO serial (serial_number, lot_id, sequence_in_lot, status, position, started_at, \
     settled_at, created_at, updated_at) \
     SELECT l.lot_number || '-' || (10000 + n), l.id, n, 'PASSED', 8, l.created_at + n * 8000000, \
     l.created_at + n * 8000000 + 800000000, l.created_at, l.created_at + n * 8000000 + 800000000 \
     FROM lot l, units ORDER BY l.id, n",
    "INSERT INTO process_run (lot_id, serial_id, process_id, operator_id, attempt, started_at, completed_at, result, \
     created_at, updated_at) \
     SELECT lot_id, serial_id, process_id, 1, attempt, started_at, started_at + 30000000 + (serial_id % 20) * 1000000, \
     CASE WHEN failing AND attempt = 1 THEN 'FAIL' ELSE 'PASS' END, started_at, started_at FROM (\
     SELECT s.lot_id, s.id AS serial_id, p.id AS process_id, a.attempt, \
     s.started_at + (p.process_number - 1) * 90000000 + (a.attempt - 1) * 50000000 AS started_at, \
     (s.id * 8 + p.process_number) % {fail} = 0 AS failing \
     FROM serial s, process p, (SELECT 1 AS attempt UNION ALL SELECT 2) a \
     WHERE a.attempt = 1 OR (s.id * 8 + p.process_number) % {fail} = 0) AS planned ORDER BY started_at",
    "INSERT INTO run_data (run_id, measurements) SELECT r.id, \
     '{\"temp_sensor\":{\"measured_temp\":60.2,\"result\":\"PASS\",\"target_temp\":60.0,\"tolerance\":1.0},\
     \"visual_inspection\":\"PASS\",\"assembly_time\":3.5,\"sma_spring_lot\":\"SP-1\",\"busbar_lot\":\"BB-1\"}' \
     FROM process_run r ORDER BY r.id",
    "INSERT INTO run_failed (run_id, result) SELECT id, 'FAIL' FROM process_run WHERE result = 'FAIL' ORDER BY id",
    "INSERT INTO component (run_id, kind, component_lot, serial_id, lot_id, at) \
     SELECT r.id, k.kind, k.code || (r.lot_id / 10), r.serial_id, r.lot_id, r.completed_at FROM process_run r \
     JOIN process p ON p.id = r.process_id AND p.process_number = 2, \
     (SELECT 'BUSBAR' AS kind, 'BB-' AS code UNION ALL SELECT 'SMA_SPRING', 'SP-') k \
     WHERE r.result = 'PASS' ORDER BY r.id",
    "INSERT INTO defect (run_id, lot_id, serial_id, process_id, operator_id, code, severity, created_at, updated_at) \
     SELECT r.id, r.lot_id, r.serial_id, r.process_id, r.operator_id, 'DEFECT_' || (r.serial_id % 7), 'major', \
     r.completed_at, r.completed_at FROM process_run r WHERE r.result = 'FAIL' ORDER BY r.id",
    "INSERT INTO run_day (day, process_id, product_model_id, production_line_id, operator_id, equipment_id, data_level, \
     started, passed, failed, reworked, first_completed, first_passed, duration_us, duration_us_min, duration_us_max) \
     SELECT day, process_id, product_model_id, production_line_id, 1, 0, 'SERIAL', sum(started), sum(passed), \
     sum(failed), 0, sum(first_completed), sum(first_passed), sum(duration), min(least_us), max(most_us) FROM (\
     SELECT {day(started_at)} AS day, r.process_id, l.product_model_id, l.production_line_id, 1 AS started, 0 AS passed, \
     0 AS failed, 0 AS first_completed, 0 AS first_passed, 0 AS duration, CAST(NULL AS BIGINT) AS least_us, \
     CAST(NULL AS BIGINT) AS most_us FROM process_run r JOIN lot l ON l.id = r.lot_id UNION ALL \
     SELECT {day(completed_at)}, r.process_id, l.product_model_id, l.production_line_id, 0, \
     CASE WHEN r.result = 'PASS' THEN 1 ELSE 0 END, CASE WHEN r.result = 'FAIL' THEN 1 ELSE 0 END, \
     CASE WHEN r.attempt = 1 THEN 1 ELSE 0 END, CASE WHEN r.attempt = 1 AND r.result = 'PASS' THEN 1 ELSE 0 END, \
     r.completed_at - r.started_at, r.completed_at - r.started_at, r.completed_at - r.started_at \
     FROM process_run r JOIN lot l ON l.id = r.lot_id) AS counted \
     GROUP BY day, process_id, product_model_id, production_line_id",
    "INSERT INTO serial_day (day, product_model_id, production_line_id, created, started, passed, failed, scrapped, \
     reworked, first_passed) SELECT day, product_model_id, production_line_id, sum(created), sum(started), sum(passed), \
     0, 0, 0, sum(passed) FROM (SELECT {day(made)} AS day, s.lot_id, 1 AS created, 0 AS started, 0 AS passed \
     FROM serial s UNION ALL SELECT {day(begun)}, s.lot_id, 0, 1, 0 FROM serial s \
     UNION ALL SELECT {day(settled_at)}, s.lot_id, 0, 0, 1 FROM serial s) AS counted \
     JOIN lot l ON l.id = counted.lot_id GROUP BY day, product_model_id, production_line_id",
    "INSERT INTO defect_day (day, process_id, code, severity, product_model_id, production_line_id, operator_id, \
     equipment_id, defects) SELECT {day(created_at)}, d.process_id, d.code, d.severity, l.product_model_id, \
     l.production_line_id, 1, 0, count(*) FROM defect d JOIN lot l ON l.id = d.lot_id GROUP BY 1, 2, 3, 4, 5, 6",
    "INSERT INTO component_day (day, kind, component_lot, used, defects) \
     SELECT day, kind, component_lot, sum(used), sum(defects) FROM (\
     SELECT {day(at)} AS day, c.kind, c.component_lot, 1 AS used, 0 AS defects FROM component c UNION ALL \
     SELECT {day(created_at)}, c.kind, c.component_lot, 0, 1 FROM defect d \
     JOIN component c ON c.serial_id = d.serial_id AND c.at <= d.created_at) AS counted \
     GROUP BY day, kind, component_lot",
    "INSERT INTO measure_day (day, process_id, product_model_id, name, n, mean, squares, low, high) \
     SELECT {day(completed_at)}, r.process_id, l.product_model_id, 'temp_sensor.measured_temp', count(*), 60.2, 0, 60.2, \
     60.2 FROM process_run r JOIN lot l ON l.id = r.lot_id JOIN process p ON p.id = r.process_id \
     WHERE p.process_number = 3 GROUP BY 1, 2, 3",
    "{analyze}",
];
