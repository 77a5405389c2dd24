//! How long hot reads of production take beside a large past: what the figures per day and the indexes are for.
//!
//! `cargo run --release -p nightshift-store --features testing --example figures -- 1000000`
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::wildcard_imports,
    reason = "it measures and prints"
)]

use std::time::{Duration, Instant};

use nightshift_domain::Timestamp;
use nightshift_domain::production::{DataLevel, LotId, ProcessId, RunResult, SerialId};
use nightshift_store::production::*;
use nightshift_store::testing::{self, TestDb, fill};
use nightshift_store::{Slice, StoreError};

const ROUNDS: usize = 11;
/// 2026-03-02T01:00:00Z.
const NOW: Timestamp = Timestamp::from_s(1_772_413_200);

async fn time<T>(name: &str, mut read: impl AsyncFnMut() -> Result<T, StoreError>) {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        read().await.unwrap();
        times.push(start.elapsed());
    }
    times.sort_unstable();
    let (median, worst): (Duration, Duration) = (times[ROUNDS / 2], times[ROUNDS - 1]);
    println!(
        "{name:<52} {:>9.2} ms median {:>9.2} ms worst",
        median.as_secs_f64() * 1e3,
        worst.as_secs_f64() * 1e3
    );
}

async fn measure(name: &str, home: TestDb, runs: u64) {
    let start = Instant::now();
    let filled = fill(&home.db, runs, NOW).await;
    println!(
        "{name}: {} runs in {} lots, made in {:.1} s",
        filled.runs,
        filled.lots,
        start.elapsed().as_secs_f64()
    );
    let db = &home.db;
    let (all, page) = (FigureQuery::default(), Slice::first(100));
    time("overview: lots and units", async || lot_figures(db, &LotFigureQuery::default()).await).await;
    time("overview: units by day", async || serial_figures(db, &all, &[Dimension::Day]).await).await;
    time("efficiency: runs by process", async || run_figures(db, &all, &[Dimension::Process]).await).await;
    time("trend: runs by day and process", async || {
        run_figures(db, &all, &[Dimension::Day, Dimension::Process]).await
    })
    .await;
    time("workers", async || run_figures(db, &all, &[Dimension::Operator]).await).await;
    time("Pareto: defects by code", async || defect_figures(db, &all, &[Dimension::Code]).await).await;
    time("defects by component lot", async || component_figures(db, None, None, 100).await).await;
    time("capability: measured values", async || measure_figures(db, &MeasureQuery::default()).await).await;
    time("work in progress", async || units_by_position(db).await).await;
    time("trace of a unit", async || trace(db, SerialId(77)).await).await;
    time("units of a component lot", async || serials_with_part(db, "BB-0", None, page).await).await;
    time("lots, newest", async || lot_list(db, &LotQuery::default(), page).await).await;
    time("serials of a lot", async || {
        serial_list(db, &SerialQuery { lot_id: Some(LotId(1)), status: None }, page).await
    })
    .await;
    let query = RunQuery::default;
    time("runs, newest", async || run_list(db, &query(), page).await).await;
    for (name, query) in [
        ("runs of a lot", RunQuery { lot_id: Some(LotId(1)), ..query() }),
        ("runs of a process", RunQuery { process_id: Some(ProcessId(3)), ..query() }),
        ("runs that passed", RunQuery { outcome: Some(RunOutcome::Ended(RunResult::Pass)), ..query() }),
        ("runs that failed", RunQuery { outcome: Some(RunOutcome::Ended(RunResult::Fail)), ..query() }),
        ("runs about lots", RunQuery { data_level: Some(DataLevel::Lot), ..query() }),
        ("runs of the last day", RunQuery { from: Some(NOW - Duration::from_secs(86_400)), ..query() }),
        (
            "runs of the last 30 days",
            RunQuery { from: Some(NOW - Duration::from_secs(30 * 86_400)), ..query() },
        ),
    ] {
        time(name, async || run_list(db, &query, page).await).await;
    }
}

#[tokio::main]
async fn main() {
    let runs = std::env::args().nth(1).map_or(1_000_000, |n| n.parse().unwrap());
    measure("sqlite", testing::sqlite().await, runs).await;
    if let Some(home) = testing::postgres().await {
        measure("postgres", home, runs).await;
    }
}
