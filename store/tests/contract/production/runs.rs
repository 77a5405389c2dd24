//! Runs: batches of starts, completions, lists, traces.

use nightshift_domain::production::{
    DataLevel, LotStatus, OperatorId, ProcessId, Refusal, RunId, RunResult, SerialState,
};
use nightshift_store::alerts::{AlertQuery, alert_list};
use nightshift_store::production::*;
use nightshift_store::testing::TestDb;
use nightshift_store::{Slice, StoreError};

use super::{MORNING, Plant, at, plant, unit};

nightshift_store::on_both_engines!(
    a_unit_goes_through_the_line,
    of_two_starts_in_one_batch_one_waits,
    a_batch_starts_many_units_of_a_lot,
    a_run_of_a_lot_as_a_whole,
    runs_are_listed_by_everything,
    defects_are_listed_and_analysed,
    parts_are_traced_both_ways,
    a_completion_of_nothing_is_told,
);

async fn a_unit_goes_through_the_line(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    for process in 1..=8 {
        plant.work(&lot, &serials[0], process, true, at(100 * process as u64)).await;
    }
    let serial = plant.serial_now(&serials[0]).await;
    assert_eq!(serial.state, SerialState::Passed { at: at(830) });
    let lot = plant.lot_now(&lot).await;
    assert_eq!((lot.counts.passed, lot.state.status()), (1, LotStatus::Completed));
    let alerts = alert_list(&home.db, &AlertQuery::default(), Slice::first(9)).await.unwrap();
    assert_eq!(alerts.items.len(), 1, "the lot is complete: {alerts:?}");
    let trace = trace(&home.db, serial.id).await.unwrap().unwrap();
    assert_eq!(trace.runs.len(), 8);
    assert_eq!(trace.parts.len(), 2);
    let third = &trace.runs[2];
    assert_eq!(third.run.run.done().unwrap().data["temp_sensor"]["measured_temp"], 60.25);
    assert_eq!(trace.runs[3].run.run.done().unwrap().data["note"], "일반 😀");
    assert_eq!((third.attempt, third.process.process_code.as_str()), (1, "SENSOR_INSPECTION"));
    assert_eq!(third.serial_number.as_deref(), Some(serial.serial_number.as_str()));
    assert_eq!(third.run.run.done().unwrap().notes.as_deref(), Some("메모"));
    let events = nightshift_store::system::events_after(&home.db, 0, Some("production."), 99).await.unwrap();
    assert!(events.len() >= 16, "{}", events.len());
    assert_eq!(units_by_position(&home.db).await.unwrap(), []);
    assert_eq!(lot_positions(&home.db, &[lot.id]).await.unwrap()[&lot.id].len(), 1);
    plant.assert_figures().await;
}

async fn of_two_starts_in_one_batch_one_waits(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    let command = plant.start_command(&lot, Some(&serials[0]), 1);
    let answers = plant.start(&[command.clone(), command.clone()], at(1)).await;
    assert!(matches!(&answers[0], Some(Ok(_))) && answers[1].is_none(), "{answers:?}");
    let again = plant.start(&[command], at(2)).await.pop().unwrap().unwrap();
    assert!(matches!(again, Err(Refusal::DuplicateStart { .. })), "{again:?}");
    assert_eq!(open_by_process(&home.db).await.unwrap(), [(ProcessId(1), 1, at(1))]);
    plant.assert_figures().await;
}

async fn a_batch_starts_many_units_of_a_lot(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(60, MORNING).await;
    let commands: Vec<_> = serials.iter().map(|s| plant.start_command(&lot, Some(s), 1)).collect();
    let answers = plant.start(&commands, at(1)).await;
    let runs: Vec<RunId> = answers.into_iter().map(|a| a.unwrap().unwrap().id).collect();
    assert!(runs.windows(2).all(|w| w[0] < w[1]));
    for (run, serial) in runs.iter().zip(&serials) {
        assert_eq!(run_find(&home.db, *run).await.unwrap().unwrap().run.run.serial_id, Some(serial.id));
    }
    assert_eq!(runs_delayed(&home.db, 150, at(91), 99).await.unwrap().len(), 0);
    let delayed = runs_delayed(&home.db, 150, at(92), 99).await.unwrap();
    assert_eq!((delayed.len(), delayed[0].number.as_str()), (60, serials[0].serial_number.as_str()));
    plant.assert_figures().await;
}

async fn a_run_of_a_lot_as_a_whole(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(2, MORNING).await;
    let started = plant.start(&[plant.start_command(&lot, None, 1)], at(1)).await.pop().unwrap().unwrap();
    let run = started.unwrap();
    assert_eq!(run.run.level(), DataLevel::Lot);
    plant.complete(&lot, None, 1, true, at(30)).await.unwrap();
    let history = run_history_lot(&home.db, lot.id, 9).await.unwrap();
    assert_eq!((history.len(), history[0].run.id, history[0].serial_number.as_deref()), (1, run.id, None));
    let second =
        plant.start(&[plant.start_command(&lot, Some(&serials[0]), 2)], at(60)).await.pop().unwrap().unwrap();
    second.expect("the lot's pass counts for its units");
    let again = plant.start(&[plant.start_command(&lot, None, 1)], at(61)).await.pop().unwrap().unwrap();
    assert!(matches!(again, Err(Refusal::ProcessAlreadyPassed { .. })), "{again:?}");
    plant.assert_figures().await;
}

/// Three units: one through two processes, one failed at the second, one open at the first.
async fn some_work(
    plant: &Plant,
) -> (nightshift_domain::production::Lot, Vec<nightshift_domain::production::Serial>) {
    let (lot, serials) = plant.lot(3, MORNING).await;
    for (serial, pass) in [(0, true), (1, false)] {
        plant.work(&lot, &serials[serial], 1, true, at(100 + 1_000 * serial as u64)).await;
        plant.work(&lot, &serials[serial], 2, pass, at(200 + 1_000 * serial as u64)).await;
    }
    plant.start(&[plant.start_command(&lot, Some(&serials[2]), 1)], at(3_000)).await;
    (lot, serials)
}

async fn runs_are_listed_by_everything(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = some_work(&plant).await;
    let list = async |query: RunQuery, slice| {
        let page = run_list(&home.db, &query, slice).await.unwrap();
        let at = |v: &RunView| (v.run.run.serial_id.unwrap().0 - serials[0].id.0, v.process.process_number);
        (page.items.iter().map(at).collect::<Vec<_>>(), page.total)
    };
    let query = RunQuery::default;
    let all = vec![(2, 1), (1, 2), (1, 1), (0, 2), (0, 1)];
    let ended = |result| RunQuery { outcome: Some(RunOutcome::Ended(result)), ..query() };
    let open = RunQuery { outcome: Some(RunOutcome::Open), ..query() };
    let cases = [
        (query(), all.clone()),
        (RunQuery { lot_id: Some(lot.id), ..query() }, all.clone()),
        (
            RunQuery { operator_id: Some(OperatorId(1)), data_level: Some(DataLevel::Serial), ..query() },
            all.clone(),
        ),
        (RunQuery { operator_id: Some(OperatorId(2)), ..query() }, vec![]),
        (RunQuery { data_level: Some(DataLevel::Lot), ..query() }, vec![]),
        (RunQuery { serial_id: Some(serials[1].id), ..query() }, vec![(1, 2), (1, 1)]),
        (RunQuery { process_id: Some(ProcessId(2)), ..query() }, vec![(1, 2), (0, 2)]),
        (
            RunQuery { serial_id: Some(serials[1].id), process_id: Some(ProcessId(2)), ..query() },
            vec![(1, 2)],
        ),
        (ended(RunResult::Pass), vec![(1, 1), (0, 2), (0, 1)]),
        (ended(RunResult::Fail), vec![(1, 2)]),
        (ended(RunResult::Rework), vec![]),
        (RunQuery { lot_id: Some(lot.id), ..ended(RunResult::Fail) }, vec![(1, 2)]),
        (RunQuery { lot_id: Some(lot.id), ..open.clone() }, vec![(2, 1)]),
        (open, vec![(2, 1)]),
        (RunQuery { from: Some(at(200)), to: Some(at(1_200)), ..query() }, vec![(1, 1), (0, 2)]),
    ];
    for (query, want) in cases {
        let total = want.len() as u64;
        assert_eq!(list(query.clone(), Slice::first(99)).await, (want.clone(), total), "{query:?}");
        let first: Vec<_> = want.iter().take(1).copied().collect();
        assert_eq!(list(query.clone(), Slice::first(1)).await, (first, total), "{query:?}");
        assert_eq!(list(query.clone(), Slice { skip: 90, limit: 5 }).await, (vec![], total), "{query:?}");
    }
    let failed = run_list(&home.db, &ended(RunResult::Fail), Slice::first(1)).await.unwrap().items.remove(0);
    assert_eq!((failed.defects.len(), failed.defects[0].spec.code.as_str()), (1, "PART_DEFECT"));
    assert_eq!(failed.defects[0].spec.measured_value, Some(serde_json::json!(65.5)));
    unit(&home.db, async |tx| {
        run_note(tx, failed.run.id, Some("고침"), at(9_000)).await?;
        let read = run_read(tx, failed.run.id).await?.unwrap();
        assert_eq!((read.run.done().unwrap().notes.as_deref(), read.updated_at), (Some("고침"), at(9_000)));
        assert!(matches!(run_note(tx, RunId(4_711), None, at(1)).await, Err(StoreError::Missing { .. })));
        Ok(())
    })
    .await;
}

async fn defects_are_listed_and_analysed(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = some_work(&plant).await;
    let query = DefectQuery::default;
    let defect = defect_list(&home.db, &query(), Slice::first(9)).await.unwrap().items.remove(0);
    for query in [
        DefectQuery { lot_id: Some(lot.id), serial_id: Some(serials[1].id), ..query() },
        DefectQuery { process_id: Some(ProcessId(2)), operator_id: Some(OperatorId(1)), ..query() },
        DefectQuery {
            code: Some("PART_DEFECT".to_owned()),
            severity: Some(defect.defect.spec.severity),
            ..query()
        },
        DefectQuery { from: Some(at(1_230)), to: Some(at(1_231)), ..query() },
    ] {
        assert_eq!(
            defect_list(&home.db, &query, Slice::first(9)).await.unwrap().items,
            std::slice::from_ref(&defect)
        );
    }
    let none = DefectQuery { to: Some(at(1_230)), ..query() };
    assert_eq!(defect_list(&home.db, &none, Slice::first(9)).await.unwrap().total, 0);
    unit(&home.db, async |tx| {
        defect_analyse(tx, defect.defect.id, Some("공구"), Some("마모 😀"), at(5)).await?;
        let missing =
            defect_analyse(tx, nightshift_domain::production::DefectId(99), None, None, at(5)).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
        Ok(())
    })
    .await;
    let found = defect_find(&home.db, defect.defect.id).await.unwrap().unwrap().defect;
    assert_eq!(
        (found.spec.cause.as_deref(), found.spec.analysis.as_deref()),
        (Some("공구"), Some("마모 😀"))
    );
}

async fn parts_are_traced_both_ways(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(4, MORNING).await;
    for (n, serial) in serials.iter().enumerate() {
        plant.work(&lot, serial, 1, true, at(100 + 1_000 * n as u64)).await;
        plant.work(&lot, serial, 2, n != 2, at(200 + 1_000 * n as u64)).await;
    }
    let holding = async |component: &str, kind: Option<&str>, slice| {
        let page = serials_with_part(&home.db, component, kind, slice).await.unwrap();
        (page.items.into_iter().map(|v| v.serial.sequence_in_lot).collect::<Vec<_>>(), page.total)
    };
    assert_eq!(holding("BB-1", None, Slice::first(9)).await, (vec![2, 3], 2));
    assert_eq!(holding("BB-1", Some("BUSBAR"), Slice::first(1)).await, (vec![2], 2));
    assert_eq!(holding("BB-1", Some("SMA_SPRING"), Slice::first(9)).await, (vec![], 0));
    assert_eq!(holding("x\0", None, Slice::first(9)).await, (vec![], 0));
    let parts = parts_of(&home.db, serials[0].id).await.unwrap();
    let lots: Vec<&str> = parts.iter().map(|p| p.part.lot_number.as_str()).collect();
    assert_eq!(lots, ["BB-0", "SP-0"]);
    assert!(lots_with_part(&home.db, "BB-0").await.unwrap().is_empty());
    let figures = component_figures(&home.db, None, None, 9).await.unwrap();
    let worst = &figures[0];
    assert_eq!((worst.component_lot.as_str(), worst.used, worst.defects), ("BB-1", 2, 1));
    plant.assert_figures().await;
}

async fn a_completion_of_nothing_is_told(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    let refused = plant.complete(&lot, Some(&serials[0]), 1, true, at(1)).await;
    assert!(matches!(refused, Err(Refusal::ProcessNotStarted { .. })), "{refused:?}");
    let missing = plant.start_command(&lot, Some(&serials[0]), 1);
    let unknown = nightshift_domain::production::StartCommand { lot: "NONE".to_owned(), ..missing };
    let refused = plant.start(&[unknown], at(1)).await.pop().unwrap().unwrap();
    assert!(matches!(refused, Err(Refusal::LotNotFound { .. })), "{refused:?}");
}
