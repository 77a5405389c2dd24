//! Verdicts.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{
    AnomalyKind, BankFacts, Basis, CalibrationFacts, CalibrationMethod, Explanation, NewResult, Provenance,
    ResultRecord, Sensor, SensorKey, Sentence, Verdict, WindowFacts,
};
use nightshift_store::sensing::{
    ResultQuery, result_find, result_latest, result_replace, results_insert, results_latest_all,
    results_list, results_unscored, sensor_remove,
};
use nightshift_store::system::events_after;
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, StoreError, Tx};

use crate::{NOW, register, s};

nightshift_store::on_both_engines!(
    a_verdict_is_kept_whole_and_journalled,
    a_run_has_one_result_per_sensor,
    a_run_may_be_stored_in_one_group_twice,
    an_unscored_one_is_replaced_under_its_id,
    a_large_group_keeps_its_order,
    lists_are_newest_first,
    the_latest_is_about_the_newest_window,
    nul_in_a_reason_is_refused,
);

fn nothing() -> Provenance {
    Provenance::default()
}

fn on(sensor: &Sensor, verdict: Verdict, at: Timestamp) -> NewResult {
    NewResult {
        sensor_key: sensor.key,
        sensor_id: sensor.spec.sensor_id.clone(),
        verdict,
        as_of: at,
        inference_time: at,
        run_at: None,
        provenance: nothing(),
    }
}

fn full() -> Provenance {
    Provenance {
        score: Some(0.1 + 0.2),
        threshold: Some(1.0 / 3.0),
        basis: Some(Basis::Model {
            id: "gru".to_owned(),
            digest: "abc".to_owned(),
            calibration: Some(CalibrationFacts {
                windows: 49,
                false_alarm_rate: 0.02,
                method: CalibrationMethod::ExtremeValue,
                false_alarms_per_month: Some(14.4),
            }),
            bank: Some(BankFacts { readings: 3_630, anchor_readings: 3_600 }),
        }),
        device: Some("cpu".to_owned()),
        window: Some(WindowFacts { start: s(-86_400), end: s(-1), count: 720, gaps: 2 }),
        reason: Some("GPU away, 느림".to_owned()),
        explanation: Some(Explanation {
            kind: AnomalyKind::LevelShift,
            first_reading: 430,
            last_reading: 719,
            start: Some(s(-34_000)),
            end: Some(s(-1)),
            ongoing: true,
            text: Sentence {
                en: "Level shift at 14:20: 3.1 higher".to_owned(),
                ko: "14:20 수준 변화: 3.1 높아짐".to_owned(),
            },
        }),
    }
}

async fn insert(db: &Db, results: &[NewResult]) -> Vec<ResultRecord> {
    let mut tx = db.begin().await.unwrap();
    let stored = results_insert(&mut tx, results).await.unwrap();
    tx.commit().await.unwrap();
    stored
}

pub(crate) async fn insert_for_unknown_sensor(tx: &mut Tx) -> Result<Vec<ResultRecord>, StoreError> {
    let unknown = NewResult {
        sensor_key: SensorKey(4_711),
        sensor_id: "unknown".parse().unwrap(),
        verdict: Verdict::Normal,
        as_of: NOW,
        inference_time: NOW,
        run_at: None,
        provenance: nothing(),
    };
    results_insert(tx, &[unknown]).await
}

async fn a_verdict_is_kept_whole_and_journalled(home: &TestDb) {
    let sensor = register(&home.db, "a").await;
    let model = NewResult { run_at: Some(s(1)), provenance: full(), ..on(&sensor, Verdict::Abnormal, s(2)) };
    let rule = Basis::Rule { rule: "last value 2.9 <= low 3".to_owned() };
    let ruled = NewResult {
        provenance: Provenance { basis: Some(rule), ..nothing() },
        ..on(&sensor, Verdict::Normal, s(3))
    };
    let mut tx = home.db.begin().await.unwrap();
    let stored = results_insert(&mut tx, &[model.clone(), ruled.clone()]).await.unwrap();
    let events = tx.commit().await.unwrap();
    assert_eq!(stored[0].result, model);
    assert_eq!(stored[1].result, ruled);
    for record in &stored {
        assert_eq!(result_find(&home.db, record.id).await.unwrap().as_ref(), Some(record));
    }
    assert_eq!(result_find(&home.db, 4_711).await.unwrap(), None);
    assert_eq!(events.len(), 2);
    let event = &events[0].event;
    assert_eq!((event.kind.as_str(), event.subject.as_str(), event.at), ("sensing.verdict", "a", s(2)));
    let want = serde_json::json!({
        "result_id": stored[0].id, "verdict": "abnormal", "score": 0.1 + 0.2, "threshold": 1.0 / 3.0,
        "device": "cpu", "inference_time": s(2), "window_end": s(-1),
        "explanation": {
            "kind": "level_shift", "first_reading": 430, "last_reading": 719, "start": s(-34_000), "end": s(-1),
            "ongoing": true, "text": { "en": "Level shift at 14:20: 3.1 higher", "ko": "14:20 수준 변화: 3.1 높아짐" },
        },
    });
    assert_eq!(event.data, want);
    assert_eq!(events_after(&home.db, 0, Some("sensing.verdict"), 9).await.unwrap(), events);
}

async fn a_run_has_one_result_per_sensor(home: &TestDb) {
    let (a, b) = (register(&home.db, "a").await, register(&home.db, "b").await);
    let run = |sensor, verdict, at| NewResult { run_at: Some(s(0)), ..on(sensor, verdict, s(at)) };
    let first = insert(&home.db, &[run(&a, Verdict::Unscored, 1), run(&b, Verdict::Normal, 1)]).await;
    let mut tx = home.db.begin().await.unwrap();
    let again =
        results_insert(&mut tx, &[run(&a, Verdict::Abnormal, 2), run(&b, Verdict::Abnormal, 2)]).await;
    let events = tx.commit().await.unwrap();
    let again = again.unwrap();
    assert_eq!((again[0].id, again[0].result.verdict), (first[0].id, Verdict::Abnormal));
    assert_eq!(again[1], first[1], "a verdict stays");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].event.subject, "a");
    assert_eq!(result_find(&home.db, first[0].id).await.unwrap().as_ref(), Some(&again[0]));
    let late = insert(&home.db, &[run(&a, Verdict::Unscored, 3)]).await;
    assert_eq!(late[0], again[0], "an unscored one replaces nothing");
    let next = NewResult { run_at: Some(s(60)), ..on(&a, Verdict::Normal, s(60)) };
    assert_ne!(insert(&home.db, &[next]).await[0].id, again[0].id);
    let asked = [on(&a, Verdict::Normal, s(61)), on(&a, Verdict::Normal, s(61))];
    let asked = insert(&home.db, &asked).await;
    assert_ne!(asked[0].id, asked[1].id, "requests do not share");
}

async fn a_run_may_be_stored_in_one_group_twice(home: &TestDb) {
    let a = register(&home.db, "a").await;
    let run = |verdict, at| NewResult { run_at: Some(s(0)), ..on(&a, verdict, s(at)) };
    let group = [run(Verdict::Unscored, 1), run(Verdict::Normal, 2), run(Verdict::Abnormal, 3)];
    let mut tx = home.db.begin().await.unwrap();
    let stored = results_insert(&mut tx, &group).await.unwrap();
    assert_eq!(tx.commit().await.unwrap().len(), 1);
    assert!(stored.iter().all(|r| r.id == stored[0].id && r.result.verdict == Verdict::Normal), "{stored:?}");
    assert_eq!(result_find(&home.db, stored[0].id).await.unwrap().as_ref(), Some(&stored[0]));
}

async fn an_unscored_one_is_replaced_under_its_id(home: &TestDb) {
    let (a, gone) = (register(&home.db, "a").await, register(&home.db, "gone").await);
    let waiting = insert(
        &home.db,
        &[
            on(&a, Verdict::Unscored, s(1)),
            on(&a, Verdict::Normal, s(2)),
            on(&a, Verdict::Unscored, s(3)),
            on(&gone, Verdict::Unscored, s(4)),
        ],
    )
    .await;
    let mut tx = home.db.begin().await.unwrap();
    sensor_remove(&mut tx, gone.key, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let found = results_unscored(&home.db, 10).await.unwrap();
    assert_eq!(found, vec![waiting[0].clone(), waiting[2].clone()]);
    assert_eq!(results_unscored(&home.db, 1).await.unwrap(), vec![waiting[0].clone()]);

    let scored = NewResult { provenance: full(), ..on(&a, Verdict::Abnormal, s(9)) };
    let mut tx = home.db.begin().await.unwrap();
    let replaced = result_replace(&mut tx, waiting[0].id, &scored).await.unwrap();
    let kept = result_replace(&mut tx, waiting[1].id, &scored).await.unwrap();
    assert!(matches!(result_replace(&mut tx, 4_711, &scored).await, Err(StoreError::Missing { .. })));
    let events = tx.commit().await.unwrap();
    assert_eq!(replaced, ResultRecord { id: waiting[0].id, result: scored });
    assert_eq!(kept, waiting[1], "a verdict stays");
    assert_eq!(events.len(), 1);
    assert_eq!(result_find(&home.db, replaced.id).await.unwrap(), Some(replaced));
    assert_eq!(results_unscored(&home.db, 10).await.unwrap(), vec![waiting[2].clone()]);
}

async fn a_large_group_keeps_its_order(home: &TestDb) {
    let a = register(&home.db, "a").await;
    let results: Vec<NewResult> = (0..777).map(|i| on(&a, Verdict::Normal, s(i))).collect();
    let stored = insert(&home.db, &results).await;
    assert!(stored.iter().map(|r| &r.result).eq(results.iter()));
    for record in [&stored[0], &stored[511], &stored[512], &stored[776]] {
        assert_eq!(result_find(&home.db, record.id).await.unwrap().as_ref(), Some(record));
    }
}

async fn lists_are_newest_first(home: &TestDb) {
    let (a, b) = (register(&home.db, "a").await, register(&home.db, "b").await);
    let verdicts = [Verdict::Normal, Verdict::Abnormal];
    let results: Vec<NewResult> = (0..10)
        .map(|i| on(if i % 2 == 0 { &a } else { &b }, verdicts[usize::try_from(i / 5).unwrap()], s(i)))
        .collect();
    let stored = insert(&home.db, &results).await;
    let all = ResultQuery {
        sensor_id: None,
        start: Timestamp::Y2000,
        end: Timestamp::MAX,
        verdict: None,
        skip: 0,
        limit: 100,
    };
    let list = async |query: ResultQuery| -> (Vec<usize>, u64) {
        let page = results_list(&home.db, &query).await.unwrap();
        let place = |r: &ResultRecord| stored.iter().position(|s| s == r).expect("as it was stored");
        (page.results.iter().map(place).collect(), page.total)
    };
    assert_eq!(list(all.clone()).await, ((0..10).rev().collect(), 10));
    assert_eq!(list(ResultQuery { skip: 2, limit: 3, ..all.clone() }).await, (vec![7, 6, 5], 10));
    assert_eq!(list(ResultQuery { start: s(3), end: s(5), ..all.clone() }).await, (vec![4, 3], 2));
    assert_eq!(list(ResultQuery { verdict: Some(Verdict::Unscored), ..all.clone() }).await, (vec![], 0));
    assert_eq!(
        list(ResultQuery { verdict: Some(Verdict::Normal), ..all.clone() }).await,
        (vec![4, 3, 2, 1, 0], 5)
    );
    let of_b = ResultQuery { sensor_id: Some(b.spec.sensor_id.clone()), ..all };
    assert_eq!(list(of_b.clone()).await, (vec![9, 7, 5, 3, 1], 5));
    let bad_b = ResultQuery { verdict: Some(Verdict::Abnormal), limit: 2, ..of_b };
    assert_eq!(list(bad_b).await, (vec![9, 7], 3));
}

async fn the_latest_is_about_the_newest_window(home: &TestDb) {
    let (a, b) = (register(&home.db, "a").await, register(&home.db, "b").await);
    register(&home.db, "silent").await;
    let past = NewResult { inference_time: s(100), ..on(&a, Verdict::Abnormal, s(1)) };
    let stored = insert(
        &home.db,
        &[
            on(&a, Verdict::Normal, s(5)),
            on(&a, Verdict::Abnormal, s(5)),
            past,
            on(&b, Verdict::Normal, s(2)),
        ],
    )
    .await;
    assert_eq!(result_latest(&home.db, a.key).await.unwrap().as_ref(), Some(&stored[1]));
    assert_eq!(result_latest(&home.db, SensorKey(4_711)).await.unwrap(), None);
    assert_eq!(results_latest_all(&home.db).await.unwrap(), vec![stored[1].clone(), stored[3].clone()]);
}

async fn nul_in_a_reason_is_refused(home: &TestDb) {
    let a = register(&home.db, "a").await;
    let mut bad = on(&a, Verdict::Normal, s(1));
    bad.provenance.reason = Some("\0".to_owned());
    let mut tx = home.db.begin().await.unwrap();
    assert!(matches!(results_insert(&mut tx, &[bad]).await, Err(StoreError::Nul { .. })));
    results_insert(&mut tx, &[on(&a, Verdict::Normal, s(1))]).await.expect("usable still");
    tx.commit().await.unwrap();
}
