//! Export and import: what comes out goes into another plant and comes out the same.

use nightshift_domain::alerts::AlertId;
use nightshift_domain::production::{DefectId, Lot, LotId, NewRun, ReworkId, RunId, Serial, SerialId};
use nightshift_store::production::*;
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, StoreError};

use super::{at, plant, unit};

nightshift_store::on_both_engines!(
    all_pages_are_exported,
    what_was_exported_is_imported,
    an_import_is_all_or_nothing
);

async fn worked(home: &TestDb) -> super::Plant {
    let plant = plant(&home.db).await;
    for n in 0..2 {
        let (lot, serials) = plant.lot(3, at(10 * n)).await;
        for (unit, serial) in serials.iter().enumerate() {
            for process in 1..=3 {
                let pass = !(unit == 2 && process == 2);
                plant.work(&lot, serial, process, pass, at(1_000 * unit as u64 + 100 * process as u64)).await;
                if !pass {
                    break;
                }
            }
        }
    }
    plant
}

async fn all_runs(db: &Db) -> Vec<RunView> {
    let mut all: Vec<RunView> = Vec::new();
    loop {
        let after = all.last().map_or(RunId(0), |v| v.run.id);
        let page = runs_after(db, after, 4).await.unwrap();
        if page.is_empty() {
            return all;
        }
        all.extend(page);
    }
}

async fn all_pages_are_exported(home: &TestDb) {
    worked(home).await;
    let runs = all_runs(&home.db).await;
    assert_eq!(runs.len(), 16);
    assert!(runs.windows(2).all(|w| w[0].run.id < w[1].run.id));
    let lots = lots_after(&home.db, LotId(0), 1).await.unwrap();
    assert_eq!(lots_after(&home.db, lots[0].lot.id, 9).await.unwrap().len(), 1);
    let serials = serials_after(&home.db, SerialId(0), 4).await.unwrap();
    assert_eq!(serials_after(&home.db, serials[3].serial.id, 9).await.unwrap().len(), 2);
    assert_eq!(defects_after(&home.db, DefectId(0), 9).await.unwrap().len(), 2);
    assert_eq!(reworks_after(&home.db, ReworkId(0), 9).await.unwrap().len(), 0);
    assert!(!alerts_after(&home.db, AlertId(0), 9).await.unwrap().is_empty());
    let parts = parts_after(&home.db, (RunId(0), ""), 3).await.unwrap();
    let last = &parts[2].used;
    let rest = parts_after(&home.db, (last.run_id, &last.part.kind), 99).await.unwrap();
    assert_eq!(parts.len() + rest.len(), 12);
}

async fn what_was_exported_is_imported(home: &TestDb) {
    worked(home).await;
    let Some(second) = other_home(home).await else { return };
    let to = plant(&second.db).await;
    let lots: Vec<Lot> =
        lots_after(&home.db, LotId(0), 99).await.unwrap().into_iter().map(|v| v.lot).collect();
    let serials: Vec<Serial> =
        serials_after(&home.db, SerialId(0), 99).await.unwrap().into_iter().map(|v| v.serial).collect();
    let runs = all_runs(&home.db).await;
    unit(&second.db, async |tx| {
        let here = lots_import(tx, &lots).await?;
        let lot_of = |id: LotId| &here[lots.iter().position(|l| l.id == id).unwrap()];
        let moved: Vec<Serial> =
            serials.iter().map(|s| Serial { lot_id: lot_of(s.lot_id).id, ..s.clone() }).collect();
        let moved = serials_import(tx, &to.calendar, &here, &moved).await?;
        let serial_of = |id: SerialId| moved[serials.iter().position(|s| s.id == id).unwrap()].id;
        let imports: Vec<RunImport<'_>> = runs
            .iter()
            .map(|view| {
                let run = &view.run.run;
                let lot = lot_of(run.lot_id);
                let step = to.line_up.get(run.process_id).expect("a process of the line");
                let parts = run.done().map(|done| step.schema.components(&done.data)).unwrap_or_default();
                RunImport {
                    run: NewRun { lot_id: lot.id, serial_id: run.serial_id.map(serial_of), ..run.clone() },
                    lot,
                    defects: view.defects.iter().map(|d| d.spec.clone()).collect(),
                    parts,
                    measures: Vec::new(),
                }
            })
            .collect();
        runs_import(tx, &to.calendar, &imports, at(9_000)).await?;
        lots_recount(tx, &here.iter().map(|l| l.id).collect::<Vec<_>>()).await
    })
    .await;
    to.assert_figures().await;
    let figures = async |db: &Db| {
        let all = [Dimension::Day, Dimension::Process];
        run_figures(db, &FigureQuery::default(), &all).await.unwrap()
    };
    assert_eq!(figures(&home.db).await, figures(&second.db).await);
    let counts = async |db: &Db| -> Vec<_> {
        lots_after(db, LotId(0), 99)
            .await
            .unwrap()
            .into_iter()
            .map(|v| (v.lot.lot_number, v.lot.counts, v.lot.state))
            .collect()
    };
    assert_eq!(counts(&home.db).await, counts(&second.db).await);
    let here = all_runs(&second.db).await;
    for (a, b) in runs.iter().zip(&here) {
        assert_eq!(
            (a.run.run.done(), a.attempt, &a.serial_number),
            (b.run.run.done(), b.attempt, &b.serial_number)
        );
    }
    assert_eq!(units_by_position(&home.db).await.unwrap(), units_by_position(&second.db).await.unwrap());
    second.db.close().await;
}

/// Another database of the same engine.
async fn other_home(home: &TestDb) -> Option<TestDb> {
    match home.db.engine() {
        nightshift_store::Engine::Sqlite => Some(nightshift_store::testing::sqlite().await),
        nightshift_store::Engine::Postgres => nightshift_store::testing::postgres().await,
    }
}

async fn an_import_is_all_or_nothing(home: &TestDb) {
    let plant = worked(home).await;
    let lots: Vec<Lot> =
        lots_after(&home.db, LotId(0), 99).await.unwrap().into_iter().map(|v| v.lot).collect();
    let mut tx = home.db.begin().await.unwrap();
    let taken = lots_import(&mut tx, &lots).await;
    assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
    let stray = Serial { lot_id: LotId(99), ..plant.lot_serial(&lots[0]).await };
    let missing = serials_import(&mut tx, &plant.calendar, &lots, &[stray]).await;
    assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
    tx.rollback().await.unwrap();
    plant.assert_figures().await;
}

impl super::Plant {
    async fn lot_serial(&self, lot: &Lot) -> Serial {
        let query = SerialQuery { lot_id: Some(lot.id), status: None };
        serial_list(&self.db, &query, nightshift_store::Slice::first(1)).await.unwrap().items.remove(0).serial
    }
}
