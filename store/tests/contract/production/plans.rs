//! Hot statements find their rows by an index, however many rows there are.

use nightshift_domain::production::{
    DataLevel, LotId, OperatorId, ProcessId, RunId, RunResult, SerialId, SerialStatus,
};
use nightshift_store::Slice;
use nightshift_store::production::*;
use nightshift_store::testing::{self, TestDb, fill};

use super::{MORNING, at, plant};

nightshift_store::on_both_engines!(
    hot_statements_scan_no_large_table,
    commands_scan_no_table_that_was_empty_when_they_were_planned,
);

/// Tables that grow with the plant's work. What did not pass is few enough here to be read in whole.
const LARGE: [&str; 5] = ["process_run", "run_data", "serial", "defect", "component"];

async fn hot_statements_scan_no_large_table(home: &TestDb) {
    fill(&home.db, 40_000, MORNING).await;
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(10, MORNING).await;
    let before = testing::watch_statements(home).await;
    let commands: Vec<_> = serials.iter().map(|s| plant.start_command(&lot, Some(s), 1)).collect();
    plant.start(&commands, at(1)).await;
    for serial in &serials {
        plant.complete(&lot, Some(serial), 1, serial.sequence_in_lot > 2, at(60)).await.unwrap();
    }
    let page = Slice::first(100);
    let db = &home.db;
    trace(db, SerialId(500)).await.unwrap().unwrap();
    serials_with_part(db, "BB-1", None, page).await.unwrap();
    serial_list(db, &SerialQuery { lot_id: Some(LotId(3)), status: None }, page).await.unwrap();
    serial_list(db, &SerialQuery { lot_id: None, status: Some(SerialStatus::Failed) }, page).await.unwrap();
    let query = RunQuery::default;
    for query in [
        RunQuery { lot_id: Some(LotId(2)), ..query() },
        RunQuery { serial_id: Some(SerialId(2)), process_id: Some(ProcessId(3)), ..query() },
        RunQuery { process_id: Some(ProcessId(3)), ..query() },
        RunQuery { operator_id: Some(OperatorId(99)), ..query() },
        RunQuery { outcome: Some(RunOutcome::Open), ..query() },
        RunQuery { outcome: Some(RunOutcome::Ended(RunResult::Rework)), ..query() },
        RunQuery {
            outcome: Some(RunOutcome::Ended(RunResult::Fail)),
            process_id: Some(ProcessId(1)),
            ..query()
        },
        RunQuery { data_level: Some(DataLevel::Serial), ..query() },
        RunQuery { from: Some(at(0)), to: Some(at(600)), ..query() },
        RunQuery { review_event: Some("e".to_owned()), ..query() },
    ] {
        run_list(db, &query, page).await.unwrap();
    }
    let code = DefectQuery { code: Some("NONE".to_owned()), ..DefectQuery::default() };
    defect_list(db, &code, page).await.unwrap();
    runs_after(db, RunId(20_000), 100).await.unwrap();
    units_by_position(db).await.unwrap();
    lot_positions(db, &[LotId(1), lot.id]).await.unwrap();
    run_figures(db, &FigureQuery::default(), &[Dimension::Day, Dimension::Process]).await.unwrap();
    durations_recent(db, ProcessId(2), 100).await.unwrap();
    let scanned = testing::scanned_since(home, before, &LARGE).await;
    assert_eq!(scanned, Vec::<String>::new());
}

/// A server keeps the plan of a statement's first uses: one for empty tables must do for full ones.
async fn commands_scan_no_table_that_was_empty_when_they_were_planned(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(20, MORNING).await;
    let before = testing::watch_statements(home).await;
    for serial in &serials {
        plant.start(&[plant.start_command(&lot, Some(serial), 1)], at(1)).await;
        plant.complete(&lot, Some(serial), 1, true, at(60)).await.unwrap();
    }
    let scanned = testing::scanned_since(home, before, &LARGE).await;
    assert_eq!(scanned, Vec::<String>::new());
}
