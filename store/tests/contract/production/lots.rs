//! Lots: numbers, lists, counts.

use nightshift_domain::production::{
    LotId, LotNumber, LotSeries, LotState, LotStatus, ProductModelId, Refusal, Shift,
};
use nightshift_store::production::*;
use nightshift_store::testing::TestDb;
use nightshift_store::{Slice, StoreError};

use super::{MORNING, at, plant, unit};

nightshift_store::on_both_engines!(
    numbers_have_no_gap_and_no_double,
    numbers_that_were_brought_are_passed_over,
    a_series_ends,
    lots_are_kept_and_listed,
    counts_are_counted_again,
);

/// Fifty clients, of which every seventh gives up half-way.
async fn numbers_have_no_gap_and_no_double(home: &TestDb) {
    let plant = plant(&home.db).await;
    let tasks: Vec<_> = (0..58)
        .map(|i| {
            let (db, plan) = (home.db.clone(), plant.plan(None, 10, MORNING));
            tokio::spawn(async move {
                let mut tx = db.begin().await.unwrap();
                let lot = lot_insert(&mut tx, &plan, MORNING).await.unwrap().unwrap();
                if i % 7 == 3 {
                    tx.rollback().await.unwrap();
                    return None;
                }
                tx.commit().await.unwrap();
                Some(lot.lot_number.to_string())
            })
        })
        .collect();
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.extend(task.await.unwrap());
    }
    numbers.sort_unstable();
    let want: Vec<String> = (1..=50).map(|n| format!("WF-KR-260302D-{n:03}")).collect();
    assert_eq!(numbers, want);
}

async fn numbers_that_were_brought_are_passed_over(home: &TestDb) {
    let plant = plant(&home.db).await;
    let numbers = unit(&home.db, async |tx| {
        for n in (1..=20).chain([22]) {
            let plan = plant.plan(Some(&format!("WF-KR-260302D-{n:03}")), 10, MORNING);
            lot_insert(tx, &plan, MORNING).await?.unwrap();
        }
        let taken = lot_insert(tx, &plant.plan(Some("WF-KR-260302D-001"), 10, MORNING), MORNING).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        lot_insert(tx, &plant.plan(Some("LOT-2025-001"), 10, MORNING), MORNING).await?.unwrap();
        let mut numbers = Vec::new();
        // The night after midnight belongs to the day before.
        for now in [MORNING, MORNING, at(10 * 3_600), at(16 * 3_600), at(24 * 3_600)] {
            numbers
                .push(lot_insert(tx, &plant.plan(None, 10, now), now).await?.unwrap().lot_number.to_string());
        }
        Ok(numbers)
    })
    .await;
    assert_eq!(
        numbers,
        [
            "WF-KR-260302D-021",
            "WF-KR-260302D-023",
            "WF-KR-260302N-001",
            "WF-KR-260302N-002",
            "WF-KR-260303D-001"
        ]
    );
}

async fn a_series_ends(home: &TestDb) {
    let plant = plant(&home.db).await;
    let series = LotSeries::at("WF", "KR", &plant.calendar, MORNING).unwrap();
    home.run_sql("INSERT INTO lot_counter (prefix, lot_date, shift, last_used) VALUES ('WF-KR', '2026-03-02', 'D', 998)")
        .await;
    unit(&home.db, async |tx| {
        assert_eq!(lot_number_take(tx, &series).await?.unwrap().as_str(), "WF-KR-260302D-999");
        let refused = lot_number_take(tx, &series).await?;
        assert!(matches!(refused, Err(Refusal::LotNumbersExhausted { .. })), "{refused:?}");
        Ok(())
    })
    .await;
}

async fn lots_are_kept_and_listed(home: &TestDb) {
    let plant = plant(&home.db).await;
    let mut lots = Vec::new();
    for day in 0..4 {
        lots.push(plant.lot(day, at(86_400 * day as u64)).await.0);
    }
    unit(&home.db, async |tx| {
        lots[3].state = LotState::Cancelled { started_at: lots[3].state.started_at(), cancelled_at: at(9) };
        lots_save(tx, &lots[3..]).await?;
        lots[0].work_order = None;
        lots[0].target_quantity = 7;
        lot_update(tx, &lots[0]).await?;
        let mut moved = lots[1].clone();
        moved.production_line_id = None;
        assert!(matches!(lot_update(tx, &moved).await, Err(StoreError::InUse { .. })));
        moved.product_model_id = ProductModelId(99);
        assert!(matches!(lot_update(tx, &moved).await, Err(StoreError::Missing { .. })));
        assert_eq!(lots_read(tx, &[lots[2].id, LotId(99)]).await?, [lots[2].clone()]);
        let read = lots_read_numbers(tx, &["none", "\"", lots[1].lot_number.as_str()]).await?;
        assert_eq!(read, [lots[1].clone()]);
        Ok(())
    })
    .await;
    let view = lot_find(&home.db, lots[0].id).await.unwrap().unwrap();
    assert_eq!((&view.lot, view.product_model.model_code.as_str()), (&lots[0], "WF"));
    assert_eq!(view.production_line.unwrap().line_code, "LINE-A");
    let found = lot_find_number(&home.db, lots[1].lot_number.as_str()).await.unwrap().unwrap();
    assert_eq!(found.lot, lots[1]);
    let list = async |query: LotQuery, skip, limit| -> (Vec<usize>, u64) {
        let page = lot_list(&home.db, &query, Slice { skip, limit }).await.unwrap();
        let place = |v: &LotView| lots.iter().position(|l| *l == v.lot).expect("as it was stored");
        (page.items.iter().map(place).collect(), page.total)
    };
    let query = LotQuery::default;
    let day = |d: &str| Some(d.parse().unwrap());
    assert_eq!(list(query(), 0, 100).await, (vec![3, 2, 1, 0], 4));
    assert_eq!(list(query(), 1, 2).await, (vec![2, 1], 4));
    assert_eq!(list(LotQuery { open_only: true, ..query() }, 0, 9).await, (vec![2, 1, 0], 3));
    let status = |s| LotQuery { status: Some(s), ..query() };
    assert_eq!(list(status(LotStatus::Created), 0, 9).await, (vec![0], 1));
    assert_eq!(list(status(LotStatus::Cancelled), 0, 9).await, (vec![3], 1));
    let span = LotQuery { from: day("2026-03-03"), to: day("2026-03-04"), ..query() };
    assert_eq!(list(span, 0, 9).await, (vec![2, 1], 2));
    let of = LotQuery {
        product_model_id: Some(plant.model.id),
        production_line_id: Some(plant.line),
        shift: Some(Shift::Day),
        ..query()
    };
    assert_eq!(list(of, 0, 1).await, (vec![3], 4));
    assert_eq!(list(LotQuery { shift: Some(Shift::Night), ..query() }, 0, 1).await, (vec![], 0));
    unit(&home.db, async |tx| lot_delete(tx, lots[0].id).await).await;
    assert_eq!(lot_find(&home.db, lots[0].id).await.unwrap(), None);
    assert!(LotNumber::parse("x").is_err());
}

async fn counts_are_counted_again(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(3, MORNING).await;
    plant.work(&lot, &serials[0], 1, false, at(10)).await;
    let lot = plant.lot_now(&lot).await;
    assert_eq!(
        (lot.counts.actual, lot.counts.failed, lot.counts.scrapped),
        (3, 1, 1),
        "no rework at process 1"
    );
    home.run_sql("UPDATE lot SET actual_quantity = 9, failed_quantity = 9").await;
    unit(&home.db, async |tx| {
        assert_eq!(lot_count(tx, lot.id).await?, lot.counts);
        lots_recount(tx, &[lot.id]).await
    })
    .await;
    assert_eq!(plant.lot_now(&lot).await, lot);
}
