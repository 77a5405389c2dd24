//! Serials: numbers, states, rework, lists.

use nightshift_domain::production::{
    LotStatus, NewSerial, OperatorId, SerialNumber, SerialState, SerialStatus, approve_rework, step_lot,
    step_serial,
};
use nightshift_store::production::*;
use nightshift_store::testing::TestDb;
use nightshift_store::{Slice, StoreError};

use super::{MORNING, at, plant, unit};

nightshift_store::on_both_engines!(
    serials_are_kept_and_listed,
    a_taken_number_or_place_is_refused,
    a_rework_is_kept,
    a_unit_that_fails_four_times_is_scrapped,
    people_s_steps_are_kept,
    what_was_never_touched_can_go,
);

async fn serials_are_kept_and_listed(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(5, MORNING).await;
    let (_, others) = plant.lot(2, MORNING).await;
    assert_eq!(serials[4].serial_number.as_str(), "WF-KR-260302D-001-0005");
    let view = serial_find_number(&home.db, serials[1].serial_number.as_str()).await.unwrap().unwrap();
    assert_eq!((&view.serial, &view.lot.lot_number), (&serials[1], &lot.lot_number));
    assert_eq!((view.lot.model_code.as_str(), view.lot.status), ("WF", LotStatus::InProgress));
    let list = async |query: SerialQuery, skip, limit| {
        let page = serial_list(&home.db, &query, Slice { skip, limit }).await.unwrap();
        (page.items.into_iter().map(|v| v.serial.id).collect::<Vec<_>>(), page.total)
    };
    let of_lot = SerialQuery { lot_id: Some(lot.id), status: None };
    assert_eq!(list(of_lot, 1, 3).await, (vec![serials[1].id, serials[2].id, serials[3].id], 5));
    assert_eq!(list(SerialQuery::default(), 0, 1).await, (vec![others[1].id], 7));
    plant.work(&lot, &serials[2], 1, false, at(1)).await;
    let failed = SerialQuery { lot_id: None, status: Some(SerialStatus::Failed) };
    assert_eq!(list(failed, 0, 9).await, (vec![serials[2].id], 1));
    let created = SerialQuery { lot_id: Some(lot.id), status: Some(SerialStatus::Created) };
    assert_eq!(list(created, 0, 1).await.1, 4);
    unit(&home.db, async |tx| {
        assert_eq!(serials_read(tx, &[others[0].id]).await?, [others[0].clone()]);
        assert_eq!(
            serials_read_numbers(tx, &["x", others[1].serial_number.as_str()]).await?,
            [others[1].clone()]
        );
        assert_eq!(serial_sequences(tx, lot.id).await?, [1, 2, 3, 4, 5]);
        Ok(())
    })
    .await;
    plant.assert_figures().await;
}

async fn a_taken_number_or_place_is_refused(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    for (number, sequence_in_lot) in [(serials[0].serial_number.as_str(), 2), ("SN-2025-001-001", 1)] {
        let new = NewSerial { serial_number: SerialNumber::given(number).unwrap(), sequence_in_lot };
        let mut tx = home.db.begin().await.unwrap();
        let refused = serials_insert(&mut tx, &plant.calendar, &lot, &[new], MORNING).await;
        assert!(matches!(refused, Err(StoreError::Conflict { .. })), "{refused:?}");
        tx.rollback().await.unwrap();
    }
    plant.assert_figures().await;
}

async fn a_rework_is_kept(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    plant.work(&lot, &serials[0], 1, true, at(1)).await;
    plant.work(&lot, &serials[0], 2, false, at(100)).await;
    let rework = approve(&plant, 200).await;
    assert_eq!(rework.rework.number, 1);
    let serial = plant.serial_now(&serials[0]).await;
    assert_eq!(serial.state, SerialState::InProgress { rework_waits: true });
    assert_eq!(plant.lot_now(&lot).await.counts.failed, 0);
    plant.work(&lot, &serials[0], 2, true, at(300)).await;
    let listed = rework_list(&home.db, Some(serial.id), Slice::first(9)).await.unwrap();
    assert_eq!(listed.items[0].rework.restarted_at, Some(at(300)));
    assert_eq!(rework_history(&home.db, serial.id).await.unwrap(), listed.items);
    assert_eq!(rework_list(&home.db, None, Slice::first(1)).await.unwrap().total, 1);
    let runs = run_history(&home.db, serial.id, 99).await.unwrap();
    assert_eq!(
        runs.iter().map(|r| (r.process.process_number, r.attempt)).collect::<Vec<_>>(),
        [(1, 1), (2, 1), (2, 2)]
    );
    plant.assert_figures().await;
}

/// Approves the rework of the plant's only failed unit.
async fn approve(plant: &super::Plant, seconds: u64) -> nightshift_domain::production::Rework {
    let failed = SerialQuery { lot_id: None, status: Some(SerialStatus::Failed) };
    let serial = serial_list(&plant.db, &failed, Slice::first(1)).await.unwrap().items.remove(0).serial;
    let lot = lot_find(&plant.db, serial.lot_id).await.unwrap().unwrap().lot;
    let effects = approve_rework(&lot, &serial, "다시", OperatorId(7), at(seconds)).unwrap();
    unit(&plant.db, async |tx| rework_store(tx, &plant.calendar, &serial, &effects).await).await
}

async fn a_unit_that_fails_four_times_is_scrapped(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    plant.work(&lot, &serials[0], 1, true, at(1)).await;
    for n in 0..3 {
        plant.work(&lot, &serials[0], 2, false, at(100 + 200 * n)).await;
        approve(&plant, 200 + 200 * n).await;
    }
    plant.work(&lot, &serials[0], 2, false, at(900)).await;
    let serial = plant.serial_now(&serials[0]).await;
    assert!(serial.state.is_scrapped() && serial.rework_count == 3, "{serial:?}");
    let lot = plant.lot_now(&lot).await;
    assert_eq!((lot.counts.scrapped, lot.state.status()), (1, LotStatus::Completed));
    let day = serial_figures(&home.db, &FigureQuery::default(), &[]).await.unwrap()[0].1;
    assert_eq!((day.failed, day.scrapped, day.reworked, day.passed), (4, 1, 3, 0));
    plant.assert_figures().await;
}

async fn people_s_steps_are_kept(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    let begun =
        step_serial(&plant.line_up, &lot, &serials[0], &[], &[], SerialStatus::InProgress, None, at(1))
            .unwrap();
    let serial = begun.serial.clone().unwrap();
    let failed = step_serial(
        &plant.line_up,
        &begun.lot,
        &serial,
        &[],
        &[],
        SerialStatus::Failed,
        Some("떨어짐"),
        at(2),
    )
    .unwrap();
    let alerts = unit(&home.db, async |tx| {
        step_store(tx, &plant.calendar, &begun).await?;
        step_store(tx, &plant.calendar, &failed).await
    })
    .await;
    assert!(alerts.is_empty());
    assert_eq!(plant.serial_now(&serials[0]).await.state.failure_reason(), Some("떨어짐"));
    let lot = plant.lot_now(&lot).await;
    let cancelled = step_lot(&lot, LotStatus::Cancelled, at(3)).unwrap();
    unit(&home.db, async |tx| step_store(tx, &plant.calendar, &cancelled).await).await;
    assert_eq!(plant.lot_now(&lot).await.state.cancelled_at(), Some(at(3)));
    plant.assert_figures().await;
}

async fn what_was_never_touched_can_go(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(2, MORNING).await;
    unit(&home.db, async |tx| {
        serial_delete(tx, &plant.calendar, &lot, &serials[0]).await?;
        let again = serial_delete(tx, &plant.calendar, &lot, &serials[0]).await;
        assert!(matches!(again, Err(StoreError::Missing { .. })), "{again:?}");
        Ok(())
    })
    .await;
    assert_eq!(serial_find(&home.db, serials[0].id).await.unwrap(), None);
    plant.assert_figures().await;
}
