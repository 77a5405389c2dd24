//! Figures per day: they are what a full count gives, after anything.

use std::time::Duration;

use nightshift_domain::production::{
    OperatorId, ProcessId, ProcessNumber, Run, RunResult, SerialState, SerialStatus, approve_rework,
};
use nightshift_store::Slice;
use nightshift_store::production::*;
use nightshift_store::testing::{TestDb, fill};

use super::{MORNING, Plant, at, plant, unit};

nightshift_store::on_both_engines!(
    figures_are_a_full_count_after_random_work,
    figures_are_given_by_any_dimension,
    spoilt_figures_are_found_and_mended,
    a_filled_plant_is_whole,
);

/// A small generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

async fn random_work(plant: &Plant, steps: u64, seed: u64) {
    let mut dice = Dice(seed);
    let mut units = Vec::new();
    for n in 0..3 {
        // Three lots around the end of a production day.
        let (lot, serials) = plant.lot(3, at(3_600 * 17 + n * 1_800)).await;
        units.extend(serials.into_iter().map(|serial| (lot.clone(), serial)));
    }
    for step in 0..steps {
        let now = at(3_600 * 17 + 10_000 + step * 97);
        let (lot, serial) = &units[usize::try_from(dice.roll(units.len() as u64)).unwrap()];
        let serial = plant.serial_now(serial).await;
        if matches!(serial.state, SerialState::Failed { .. }) {
            let lot = plant.lot_now(lot).await;
            if let Ok(effects) = approve_rework(&lot, &serial, "again", OperatorId(7), now) {
                unit(&plant.db, async |tx| rework_store(tx, &plant.calendar, &serial, &effects).await).await;
            }
            continue;
        }
        let passed = RunQuery {
            serial_id: Some(serial.id),
            outcome: Some(RunOutcome::Ended(RunResult::Pass)),
            ..RunQuery::default()
        };
        let next = 1 + run_list(&plant.db, &passed, Slice::first(1)).await.unwrap().total;
        // Mostly what is next, now and then something that is refused.
        let process = if dice.roll(6) == 0 { 1 + dice.roll(8) } else { next };
        let process = i64::try_from(process).unwrap();
        plant.start(&[plant.start_command(lot, Some(&serial), process)], now).await;
        if dice.roll(4) > 0 {
            let pass = dice.roll(6) > 0;
            let _ = plant.complete(lot, Some(&serial), process, pass, now + Duration::from_secs(40)).await;
        }
    }
}

async fn figures_are_a_full_count_after_random_work(home: &TestDb) {
    let plant = plant(&home.db).await;
    random_work(&plant, 160, 42).await;
    plant.assert_figures().await;
    let all = run_figures(&home.db, &FigureQuery::default(), &[]).await.unwrap()[0].1;
    assert!(all.started > 30 && all.failed > 0 && all.completed() <= all.started, "{all:?}");
    let runs = run_list(&home.db, &RunQuery::default(), Slice::first(1)).await.unwrap();
    assert_eq!(i64::try_from(runs.total).unwrap(), all.started);
    let days = run_figures(&home.db, &FigureQuery::default(), &[Dimension::Day]).await.unwrap();
    assert!(days.len() >= 2, "{days:?}");
    assert_eq!(days.iter().map(|(_, f)| f.started).sum::<i64>(), all.started);
    let lots = lot_figures(&home.db, &LotFigureQuery::default()).await.unwrap();
    let mut counted =
        LotFigures { lots: lots.lots, open: lots.open, completed: lots.completed, ..LotFigures::default() };
    for view in lots_after(&home.db, nightshift_domain::production::LotId(0), 99).await.unwrap() {
        let counts = unit(&home.db, async |tx| lot_count(tx, view.lot.id).await).await;
        assert_eq!(view.lot.counts, counts);
        counted.target += i64::from(view.lot.target_quantity);
        counted.units += counts.actual;
        counted.passed += counts.passed;
        counted.failed += counts.failed;
        counted.scrapped += counts.scrapped;
    }
    assert_eq!(counted, lots);
}

async fn figures_are_given_by_any_dimension(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(3, MORNING).await;
    for (n, serial) in serials.iter().enumerate() {
        for process in 1..=3 {
            let pass = !(n == 1 && process == 3);
            plant.work(&lot, serial, process, pass, at(1_000 * n as u64 + 100 * process as u64)).await;
        }
    }
    let query = FigureQuery::default;
    let by_process = run_figures(&home.db, &query(), &[Dimension::Process]).await.unwrap();
    let seen: Vec<_> = by_process
        .iter()
        .map(|(k, f)| (k.process_id.unwrap().0, f.started, f.passed, f.failed, f.first_passed))
        .collect();
    assert_eq!(seen, [(1, 3, 3, 0, 3), (2, 3, 3, 0, 3), (3, 3, 2, 1, 2)]);
    assert_eq!(
        (by_process[0].1.duration_us, by_process[0].1.duration_us_min),
        (90_000_000, Some(30_000_000))
    );
    let dimensions =
        [Dimension::Day, Dimension::Model, Dimension::Line, Dimension::Operator, Dimension::Equipment];
    let (key, figures) = run_figures(&home.db, &query(), &dimensions).await.unwrap().remove(0);
    assert_eq!(
        (key.day.as_deref(), key.production_line_id, key.equipment_id),
        (Some("2026-03-02"), Some(plant.line), None)
    );
    assert_eq!((figures.started, key.operator_id), (9, Some(OperatorId(1))));
    let day = |d: &str| Some(d.parse().unwrap());
    let none = FigureQuery { from: day("2026-03-03"), ..query() };
    assert_eq!(run_figures(&home.db, &none, &[]).await.unwrap()[0].1, RunFigures::default());
    assert!(run_figures(&home.db, &none, &[Dimension::Day]).await.unwrap().is_empty());
    let third = FigureQuery {
        to: day("2026-03-02"),
        process_id: Some(ProcessId(3)),
        product_model_id: Some(plant.model.id),
        production_line_id: Some(plant.line),
        operator_id: Some(OperatorId(1)),
        ..query()
    };
    let defects = defect_figures(&home.db, &third, &[Dimension::Code, Dimension::Severity]).await.unwrap();
    assert_eq!((defects.len(), defects[0].0.code.as_deref(), defects[0].1), (1, Some("SENSOR_TEMP_FAIL"), 1));
    let units = serial_figures(&home.db, &query(), &[Dimension::Day]).await.unwrap();
    assert_eq!((units[0].1.created, units[0].1.started, units[0].1.failed), (3, 3, 1));
    let measured = measure_figures(&home.db, &MeasureQuery::default()).await.unwrap();
    let m = &measured[0];
    assert_eq!((m.n, m.low, m.high), (3, 60.25, 65.5));
    assert!((m.mean - 62.0).abs() < 1e-9 && (m.squares - 18.375).abs() < 1e-9, "{m:?}");
    assert_eq!(durations_recent(&home.db, ProcessId(3), 2).await.unwrap(), [30_000_000, 30_000_000]);
    let positions = units_by_position(&home.db).await.unwrap();
    assert_eq!(positions, [(ProcessNumber(3), 2)], "the failed one is not in the line");
    plant.assert_figures().await;
}

async fn spoilt_figures_are_found_and_mended(home: &TestDb) {
    let plant = plant(&home.db).await;
    random_work(&plant, 30, 7).await;
    let before = measure_figures(&home.db, &MeasureQuery::default()).await.unwrap();
    home.run_sql("UPDATE run_day SET passed = passed + 1; DELETE FROM serial_day; DELETE FROM measure_day")
        .await;
    let found = figures_check(&home.db, &plant.calendar).await.unwrap();
    assert!(found.iter().any(|line| line.starts_with("run_day")), "{found:?}");
    assert!(found.iter().any(|line| line.starts_with("serial_day")), "{found:?}");
    let measure = |run: &Run| {
        let step = plant.line_up.get(run.run.process_id).expect("a process of the line");
        let data = run.run.done().map(|done| serde_json::Value::Object(done.data.clone()));
        data.map(|data| step.schema.measurements(&data)).unwrap_or_default()
    };
    unit(&home.db, async |tx| figures_rebuild(&home.db, tx, &plant.calendar, &measure).await).await;
    plant.assert_figures().await;
    let after = measure_figures(&home.db, &MeasureQuery::default()).await.unwrap();
    assert_eq!(before.len(), after.len());
    for (a, b) in before.iter().zip(&after) {
        assert!(
            a.n == b.n && (a.mean - b.mean).abs() < 1e-9 && (a.squares - b.squares).abs() < 1e-6,
            "{a:?} {b:?}"
        );
    }
}

async fn a_filled_plant_is_whole(home: &TestDb) {
    let filled = fill(&home.db, 2_000, MORNING).await;
    assert!(filled.runs >= 2_000 && filled.lots == 3 && filled.until < MORNING);
    let calendar = nightshift_domain::production::Calendar::default();
    assert_eq!(figures_check(&home.db, &calendar).await.unwrap(), Vec::<String>::new());
    let passed = SerialQuery { lot_id: None, status: Some(SerialStatus::Passed) };
    assert_eq!(serial_list(&home.db, &passed, Slice::first(1)).await.unwrap().total, 300);
    let trace =
        trace(&home.db, serial_list(&home.db, &passed, Slice::first(1)).await.unwrap().items[0].serial.id);
    assert!(trace.await.unwrap().unwrap().runs.len() >= 8);
    // Work goes on in it.
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    plant.work(&lot, &serials[0], 1, true, at(10)).await;
    plant.assert_figures().await;
}
