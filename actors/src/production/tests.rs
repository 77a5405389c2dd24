//! Real plants on both engines: stations that race, commands that are refused alone, crashes, and a store that goes away.

use std::time::Duration;

use futures::future::join_all;
use nightshift_domain::audit::Actor;
use nightshift_domain::identity::UserId;
use nightshift_domain::production::{
    CompleteCommand, DefectSpec, Line, LineSpec, LotDraft, LotStatus, Process, ProcessNumber, ProcessRef,
    ProductModel, ProductModelSpec, RunResult, SerialStatus, StartCommand,
};
use nightshift_kernel::BreakerState;
use nightshift_store::Slice;
use nightshift_store::production::{LotView, RunQuery};
use serde_json::json;

use super::*;
use crate::identity::{By, Origin};
use crate::setback::Setback;
use crate::testing::{TestPlant, eventually, plants};

/// The administrator that the first start of a plant makes.
pub(super) fn admin() -> By {
    By { actor: Actor::User { id: UserId(1), name: "admin".to_owned() }, origin: Origin::default() }
}

/// The model that lots are of.
pub(super) async fn model(plant: &crate::Plant) -> ProductModel {
    let spec: ProductModelSpec =
        serde_json::from_value(json!({ "model_code": "WF", "model_name": "Wearable" })).expect("a model");
    plant.production().create(&admin(), spec).await.expect("the model is made")
}

/// A lot with `units` units.
pub(super) async fn lot(plant: &crate::Plant, model: &ProductModel, units: i64) -> (LotView, Vec<String>) {
    let production = plant.production();
    let draft: LotDraft =
        serde_json::from_value(json!({ "product_model_id": model.id, "target_quantity": units }))
            .expect("a lot");
    let lot = production.create_lot(&admin(), draft, None).await.expect("the lot is made");
    let draft = |_| SerialDraft { lot_id: lot.lot.id, serial_number: None, sequence_in_lot: None };
    let made =
        production.create_serials(&admin(), (0..units).map(draft).collect()).await.expect("units are made");
    (lot, made.into_iter().map(|serial| serial.serial_number.to_string()).collect())
}

/// A plant with a worker and a lot of `units` units.
pub(super) async fn line(test: &TestPlant, units: i64) -> (LotView, Vec<String>) {
    let model = model(&test.plant).await;
    lot(&test.plant, &model, units).await
}

pub(super) fn start(lot: &LotView, serial: &str, process: i64) -> Order {
    Order::Start(StartCommand {
        lot: lot.lot.lot_number.to_string(),
        serial: Some(serial.to_owned()),
        process: ProcessRef::Number(ProcessNumber(process)),
        worker: "admin".to_owned(),
        equipment: None,
        started_at: None,
        override_reason: None,
        may_override: false,
    })
}

pub(super) fn complete(lot: &LotView, serial: &str, process: i64, result: RunResult) -> Order {
    let defects =
        if result.is_pass() { Vec::new() } else { vec![DefectSpec::of("ASSEMBLY_ERROR".to_owned())] };
    Order::Complete(CompleteCommand {
        lot: lot.lot.lot_number.to_string(),
        serial: Some(serial.to_owned()),
        process: ProcessRef::Number(ProcessNumber(process)),
        result: Some(result),
        process_data: None,
        measurement_data: None,
        defects,
        completed_at: None,
        notes: None,
    })
}

fn code<T>(answer: Result<T, ProductionError>) -> &'static str {
    answer.err().map_or("OK", |error| error.code())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_goes_through_the_line_and_completes_its_lot() {
    for test in plants().await {
        let (lot, serials) = line(&test, 1).await;
        let production = test.plant.production();
        let processes: Vec<i64> = production.line_up().active().map(|step| step.number().0).collect();
        assert_eq!(processes, (1..=8).collect::<Vec<_>>());
        for process in processes {
            let begun = production.report(&admin(), start(&lot, &serials[0], process)).await.expect("starts");
            assert_eq!((begun.process.0, begun.run.run.done().is_none()), (process, true));
            let ended =
                production.report(&admin(), complete(&lot, &serials[0], process, RunResult::Pass)).await;
            assert_eq!(ended.expect("ends").run.id, begun.run.id);
        }
        let history = production.history(&serials[0]).await.expect("history");
        assert_eq!((history.runs.len(), history.passed, history.of), (8, 8, 8));
        assert_eq!(history.serial.serial.state.status(), SerialStatus::Passed);
        let done = production.lot(lot.lot.id).await.expect("the lot").lot;
        assert_eq!((done.state.status(), done.counts.passed), (LotStatus::Completed, 1));
        let leader = crate::AlertReader { leads: true, ..Default::default() };
        let alerts =
            test.plant.alerts().list(leader, Default::default(), Slice::first(10)).await.expect("alerts");
        let types: Vec<&str> = alerts.alerts.iter().map(|a| a.alert.raise.alert_type.as_str()).collect();
        assert_eq!((types, alerts.poll_after_s), (vec!["LOT_COMPLETED"], 30));
        let kinds = kinds(&test).await;
        assert!(kinds.contains(&"alerts.raised".to_owned()), "{kinds:?}");
        assert_eq!(kinds.iter().filter(|k| *k == "production.completed").count(), 8);
    }
}

/// The kinds of all events.
async fn kinds(test: &TestPlant) -> Vec<String> {
    let events =
        nightshift_store::system::events_after(&test.home.db, 0, None, 100_000).await.expect("events");
    events.into_iter().map(|event| event.event.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_stations_that_race_for_a_unit_one_wins() {
    for test in plants().await {
        let (lot, serials) = line(&test, 10).await;
        let production = test.plant.production();
        let by = admin();
        for serial in &serials {
            let racing = (0..12).map(|_| production.report(&by, start(&lot, serial, 1)));
            let mut codes: Vec<&str> = join_all(racing).await.into_iter().map(code).collect();
            codes.sort_unstable();
            assert_eq!((codes[11], &codes[..11]), ("OK", &["DUPLICATE_START"; 11][..]));
            let racing = (0..12).map(|_| production.report(&by, complete(&lot, serial, 1, RunResult::Pass)));
            let mut codes: Vec<&str> = join_all(racing).await.into_iter().map(code).collect();
            codes.sort_unstable();
            assert_eq!((codes[11], &codes[..11]), ("OK", &["DUPLICATE_PASS_COMPLETE"; 11][..]));
        }
        let runs = production.runs(&RunQuery::default(), Slice::first(100)).await.expect("runs");
        assert_eq!(runs.total, 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_undone_alone() {
    for test in plants().await {
        let (lot, serials) = line(&test, 40).await;
        let production = test.plant.production();
        let orders = serials.iter().enumerate().map(|(n, serial)| match n % 4 {
            0 => start(&lot, "NO-SUCH-UNIT", 1),
            1 => start(&lot, serial, 3),
            2 => complete(&lot, serial, 1, RunResult::Pass),
            _ => start(&lot, serial, 1),
        });
        let orders: Vec<Order> = orders.collect();
        let by = admin();
        let answers = join_all(orders.into_iter().map(|order| production.report(&by, order))).await;
        let codes: Vec<&str> = answers.into_iter().map(code).collect();
        for four in codes.chunks(4) {
            assert_eq!(four, ["SERIAL_NOT_FOUND", "INVALID_PROCESS_SEQUENCE", "PROCESS_NOT_STARTED", "OK"]);
        }
        let runs = production.runs(&RunQuery::default(), Slice::first(100)).await.expect("runs");
        assert_eq!(runs.total, 10);
        let unknown = start(&lot, &serials[0], 77);
        assert_eq!(code(production.report(&admin(), unknown).await), "PROCESS_NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_crashes_under_load_loses_nothing_that_was_acknowledged() {
    for test in plants().await {
        let (lot, serials) = line(&test, 60).await;
        let production = test.plant.production().clone();
        let drills = {
            let production = production.clone();
            tokio::spawn(async move {
                for _ in 0..3 {
                    let _ = production.drill(ProcessRef::Number(ProcessNumber(1))).await;
                    tokio::task::yield_now().await;
                }
            })
        };
        let working = serials.iter().map(|serial| {
            let (production, lot) = (production.clone(), lot.clone());
            async move {
                // A station repeats what was not answered; that it had taken effect is told as a duplicate.
                loop {
                    match production.report(&admin(), start(&lot, serial, 1)).await {
                        Ok(_) => return,
                        Err(ProductionError::Refused(refusal)) => {
                            assert_eq!(refusal.code(), "DUPLICATE_START");
                            return;
                        }
                        Err(error) => assert!(error.is_failure(), "{error:?}"),
                    }
                }
            }
        });
        join_all(working).await;
        drills.await.expect("drills");
        let runs = production.runs(&RunQuery::default(), Slice::first(100)).await.expect("runs");
        assert_eq!(runs.total, 60, "one run for each unit");
        eventually("it was restarted", || async {
            let node = test.plant.tree(Some("plant/production/process/1"), None, 1).expect("in the tree");
            (node.restarts >= 1).then_some(())
        })
        .await;
        let untouched = test.plant.tree(Some("plant/production/process/2"), None, 1).expect("in the tree");
        assert_eq!(untouched.restarts, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_are_added_and_changed_get_actors() {
    for test in plants().await {
        let production = test.plant.production();
        let spec = json!({
            "process_number": 9, "process_code": "ENGRAVE", "process_name_ko": "각인", "process_name_en": "Engraving",
        });
        let made: Process = production
            .create(&admin(), serde_json::from_value(spec).expect("a process"))
            .await
            .expect("made");
        let in_tree =
            |n: &str| test.plant.tree(Some(&format!("plant/production/process/{n}")), None, 1).is_some();
        assert!(in_tree("9"));
        let change = json!({ "process_number": 10 }).as_object().cloned().expect("an object");
        production.change::<Process>(&admin(), made.id, change).await.expect("changed");
        assert!(in_tree("10") && !in_tree("9"));
        let taken = json!({ "process_number": 3 }).as_object().cloned().expect("an object");
        assert_eq!(code(production.change::<Process>(&admin(), made.id, taken).await), "ALREADY_EXISTS");
        assert!(test.plant.breakers().iter().any(|b| b.name == "process-10"));
        production.remove::<Process>(&admin(), made.id).await.expect("removed");
        assert!(!in_tree("10"));
        let line: Line = production
            .create(
                &admin(),
                serde_json::from_value::<LineSpec>(json!({ "line_code": "A", "line_name": "A" }))
                    .expect("line"),
            )
            .await
            .expect("made");
        assert_eq!(production.get_by_code::<Line>("A").await.expect("found"), line);
        assert_eq!(code(production.get_by_code::<Line>("B").await), "NOT_FOUND");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lots_of_a_shift_are_numbered_without_gap_and_double() {
    for test in plants().await {
        let model = model(&test.plant).await;
        let production = test.plant.production();
        let draft: LotDraft =
            serde_json::from_value(json!({ "product_model_id": model.id, "target_quantity": 5 }))
                .expect("a lot");
        let by = admin();
        let made = join_all((0..50).map(|_| production.create_lot(&by, draft.clone(), None))).await;
        let mut numbers: Vec<String> =
            made.into_iter().map(|lot| lot.expect("made").lot.lot_number.to_string()).collect();
        numbers.sort_unstable();
        // A shift may end between two of them: then there are two series, each without a gap.
        for (n, number) in numbers.iter().enumerate().filter(|(n, _)| *n > 0) {
            let (head, place) = number.rsplit_once('-').expect("a place");
            let (before, last) = numbers[n - 1].rsplit_once('-').expect("a place");
            let expected = if head == before { last.parse::<u16>().expect("a number") + 1 } else { 1 };
            assert_eq!(place.parse::<u16>().expect("a number"), expected, "{numbers:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_unit_is_reworked_three_times_and_then_scrapped() {
    for test in plants().await {
        let (lot, serials) = line(&test, 2).await;
        let production = test.plant.production();
        let serial = production.serial_by_number(&serials[0]).await.expect("the unit").serial;
        production.report(&admin(), start(&lot, &serials[0], 1)).await.expect("starts");
        production.report(&admin(), complete(&lot, &serials[0], 1, RunResult::Pass)).await.expect("passes");
        for round in 0..4 {
            production.report(&admin(), start(&lot, &serials[0], 2)).await.expect("starts");
            let failed = production.report(&admin(), complete(&lot, &serials[0], 2, RunResult::Fail)).await;
            assert_eq!(failed.expect("fails").defects.len(), 1);
            let again = production.rework(&admin(), serial.id, "a loose wire".to_owned()).await;
            match round {
                0..3 => assert_eq!(i32::from(again.expect("approved").1.rework.number), round + 1),
                _ => assert_eq!(code(again), "REWORK_LIMIT_REACHED"),
            }
        }
        let shown = production.lot(lot.lot.id).await.expect("the lot").lot;
        assert_eq!((shown.counts.failed, shown.counts.scrapped), (1, 1));
        let alerts = test
            .plant
            .alerts()
            .list(Default::default(), Default::default(), Slice::first(10))
            .await
            .expect("alerts");
        let defect = alerts.alerts.iter().find(|a| a.alert.raise.alert_type.as_str() == "DEFECT_DETECTED");
        assert_eq!((defect.expect("an alert").alert.count, alerts.poll_after_s), (4, 10));
        let machine = By { actor: Actor::System, origin: Origin::default() };
        assert_eq!(code(production.rework(&machine, serial.id, "why".to_owned()).await), "FORBIDDEN");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_goes_away_is_told_at_once() {
    let test =
        crate::testing::on(nightshift_store::testing::sqlite().await, crate::PlantConfig::default()).await;
    let (lot, serials) = line(&test, 4).await;
    let production = test.plant.production();
    production.report(&admin(), start(&lot, &serials[0], 1)).await.expect("starts");
    test.home.db.close().await;
    for _ in 0..3 {
        assert_eq!(code(production.report(&admin(), start(&lot, &serials[1], 1)).await), "UNAVAILABLE");
    }
    let open =
        |b: &nightshift_kernel::BreakerSnapshot| b.name == "process-1" && b.state == BreakerState::Open;
    assert!(test.plant.breakers().iter().any(open), "{:?}", test.plant.breakers());
    let node = test.plant.tree(Some("plant/production/process/1"), None, 1).expect("in the tree");
    assert_eq!(node.restarts, 0);
    eventually("the breaker asks again", || async {
        let answer = production.report(&admin(), start(&lot, &serials[2], 1)).await;
        matches!(answer, Err(ProductionError::Setback(Setback::Unavailable { retry_after, .. })) if retry_after > Duration::ZERO)
            .then_some(())
    })
    .await;
}
