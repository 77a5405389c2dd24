//! Models beside each other: promotions, and a shadow's verdicts apart from those that count.

use nightshift_domain::sensing::{NewResult, Promotion, Provenance, ScoreMode, Sensor, Tally, Verdict};
use nightshift_store::sensing::{
    ShadowFigures, ShadowQuery, ShadowResult, promotion_insert, promotion_standing, promotion_undo,
    promotions_latest, result_newest_id, results_insert, results_to_shadow, sensor_remove,
    shadow_disagreements, shadow_figures, shadow_results_expire, shadow_results_insert,
};
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, StoreError};

use crate::{NOW, register, s};

nightshift_store::on_both_engines!(
    the_newest_promotion_that_was_not_taken_back_stands,
    a_shadow_looks_at_what_a_model_judged,
    verdicts_are_compared_and_counted_once,
    old_verdicts_are_taken_away_and_the_results_stay,
);

fn promotion(model: &str, replaced: &str, at: i64) -> Promotion {
    Promotion {
        id: 0,
        model_id: model.to_owned(),
        model_digest: "ab".repeat(32),
        replaced_id: replaced.to_owned(),
        promoted_at: s(at),
        promoted_by: "관리자".to_owned(),
        undone_at: None,
        undone_by: None,
    }
}

async fn promote(db: &Db, made: &Promotion) -> Promotion {
    let mut tx = db.begin().await.unwrap();
    let kept = promotion_insert(&mut tx, made).await.unwrap();
    tx.commit().await.unwrap();
    kept
}

async fn the_newest_promotion_that_was_not_taken_back_stands(home: &TestDb) {
    let db = &home.db;
    assert_eq!(promotion_standing(db).await.unwrap(), None);
    let first = promote(db, &promotion("b", "a", 0)).await;
    assert_eq!(first, Promotion { id: first.id, ..promotion("b", "a", 0) });
    let second = promote(db, &promotion("c", "b", 10)).await;
    assert_eq!(promotion_standing(db).await.unwrap(), Some(second.clone()));

    let mut tx = db.begin().await.unwrap();
    promotion_undo(&mut tx, second.id, s(20), "admin").await.unwrap();
    let again = promotion_undo(&mut tx, second.id, s(30), "admin").await;
    assert!(matches!(again, Err(StoreError::Missing { .. })), "{again:?}");
    tx.commit().await.unwrap();
    assert_eq!(promotion_standing(db).await.unwrap(), Some(first.clone()));
    let undone = Promotion { undone_at: Some(s(20)), undone_by: Some("admin".to_owned()), ..second };
    assert_eq!(promotions_latest(db, 9).await.unwrap(), vec![undone, first]);
    assert_eq!(promotions_latest(db, 1).await.unwrap().len(), 1);
    let mut tx = db.begin().await.unwrap();
    let nul = promotion_insert(&mut tx, &promotion("b\0", "a", 0)).await;
    assert!(matches!(nul, Err(StoreError::Nul { .. })), "{nul:?}");
}

fn judged(sensor: &Sensor, verdict: Verdict, score: Option<f64>) -> NewResult {
    NewResult {
        sensor_key: sensor.key,
        sensor_id: sensor.spec.sensor_id.clone(),
        verdict,
        as_of: NOW,
        inference_time: NOW,
        run_at: None,
        provenance: Provenance { score, threshold: Some(2.0), ..Provenance::default() },
    }
}

async fn results(db: &Db, results: &[NewResult]) -> Vec<i64> {
    let mut tx = db.begin().await.unwrap();
    let stored = results_insert(&mut tx, results).await.unwrap();
    tx.commit().await.unwrap();
    stored.into_iter().map(|record| record.id).collect()
}

async fn a_shadow_looks_at_what_a_model_judged(home: &TestDb) {
    let db = &home.db;
    assert_eq!(result_newest_id(db).await.unwrap(), 0);
    let (a, gone) = (register(db, "a").await, register(db, "gone").await);
    let ids = results(
        db,
        &[
            judged(&a, Verdict::Normal, Some(1.0)),
            // By a bound, or not at all: there is nothing to compare.
            judged(&a, Verdict::Abnormal, None),
            judged(&a, Verdict::Unscored, None),
            judged(&gone, Verdict::Normal, Some(1.0)),
            judged(&a, Verdict::Abnormal, Some(3.0)),
        ],
    )
    .await;
    let mut tx = db.begin().await.unwrap();
    sensor_remove(&mut tx, gone.key, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let found = async |after, limit| -> Vec<i64> {
        results_to_shadow(db, after, limit).await.unwrap().iter().map(|record| record.id).collect()
    };
    assert_eq!(found(0, 9).await, [ids[0], ids[4]]);
    assert_eq!(found(0, 1).await, [ids[0]]);
    assert_eq!(found(ids[0], 9).await, [ids[4]]);
    assert_eq!(result_newest_id(db).await.unwrap(), ids[4]);
}

fn says(result_id: i64, verdict: Verdict, at: i64) -> ShadowResult {
    ShadowResult {
        result_id,
        model_id: "b".to_owned(),
        model_digest: "ab".repeat(32),
        verdict,
        score: 2.5,
        threshold: Some(f64::INFINITY),
        mode: ScoreMode::Bank,
        calibrated: true,
        decided_at: s(at),
    }
}

async fn keep(db: &Db, results: &[ShadowResult]) -> Result<u64, StoreError> {
    let mut tx = db.begin().await.unwrap();
    let kept = shadow_results_insert(&mut tx, results).await?;
    tx.commit().await.unwrap();
    Ok(kept)
}

fn query(since: i64) -> ShadowQuery {
    ShadowQuery { model_id: "b".to_owned(), model_digest: "ab".repeat(32), since: s(since) }
}

async fn verdicts_are_compared_and_counted_once(home: &TestDb) {
    let db = &home.db;
    let (a, b) = (register(db, "a").await, register(db, "b").await);
    let (normal, abnormal) = (Verdict::Normal, Verdict::Abnormal);
    let live = [(&a, normal), (&a, normal), (&b, abnormal), (&b, abnormal), (&b, normal)];
    let live: Vec<NewResult> =
        live.iter().map(|(sensor, verdict)| judged(sensor, *verdict, Some(1.0))).collect();
    let ids = results(db, &live).await;
    assert_eq!(shadow_figures(db, &query(0)).await.unwrap(), ShadowFigures::default());
    let said = [
        says(ids[0], normal, 0),
        says(ids[1], abnormal, 1),
        says(ids[2], abnormal, 2),
        says(ids[3], normal, 3),
        says(ids[4], normal, 4),
    ];
    assert_eq!(keep(db, &said).await.unwrap(), 5);
    assert_eq!(keep(db, &said).await.unwrap(), 0, "a crash before the cursor moved repeats them");
    let other = ShadowResult { model_digest: "cd".repeat(32), ..says(ids[0], abnormal, 9) };
    keep(db, &[other]).await.unwrap();

    let figures = shadow_figures(db, &query(0)).await.unwrap();
    assert_eq!(figures.tally, Tally { both_normal: 2, both_abnormal: 1, live_only: 1, shadow_only: 1 });
    assert_eq!((figures.sensors, figures.first, figures.last), (2, Some(s(0)), Some(s(4))));
    assert_eq!(shadow_figures(db, &query(3)).await.unwrap().tally.windows(), 2);

    let apart = shadow_disagreements(db, &query(0), 9).await.unwrap();
    assert_eq!(apart.iter().map(|d| d.result_id).collect::<Vec<_>>(), [ids[3], ids[1]], "newest first");
    assert_eq!(apart[0].sensor_id.as_str(), "b");
    assert_eq!(apart[0].live, (abnormal, Some(1.0), Some(2.0)));
    assert_eq!(apart[0].shadow, (normal, 2.5, None), "an infinite threshold is none");
    assert_eq!(shadow_disagreements(db, &query(0), 1).await.unwrap().len(), 1);
    let unknown = keep(db, &[says(1 << 40, normal, 0)]).await;
    assert!(unknown.is_err(), "of a result that is not there");
}

async fn old_verdicts_are_taken_away_and_the_results_stay(home: &TestDb) {
    let db = &home.db;
    let a = register(db, "a").await;
    let ids = results(db, &vec![judged(&a, Verdict::Normal, Some(1.0)); 4]).await;
    let said: Vec<ShadowResult> = (0..).zip(&ids).map(|(at, id)| says(*id, Verdict::Normal, at)).collect();
    keep(db, &said).await.unwrap();
    let expire = async |before, limit| {
        let mut tx = db.begin().await.unwrap();
        let taken = shadow_results_expire(&mut tx, s(before), limit).await.unwrap();
        tx.commit().await.unwrap();
        taken
    };
    assert_eq!((expire(3, 2).await, expire(3, 2).await, expire(3, 2).await), (2, 1, 0));
    assert_eq!(shadow_figures(db, &query(0)).await.unwrap().tally.windows(), 1);
    assert_eq!(result_newest_id(db).await.unwrap(), ids[3]);
}
