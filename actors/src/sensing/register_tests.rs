use nightshift_domain::sensing::{Account, Thresholds, Verdict};
use nightshift_store::sensing::ReadingBatch;

use super::*;
use crate::testing::{calm, eventually, id, plants, spec};

fn change(json: serde_json::Value) -> SensorChange {
    serde_json::from_value(json).expect("a change")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_that_crashes_comes_back_as_it_was_changed() {
    for home in plants().await {
        let sensing = home.plant.sensing();
        sensing.register(spec("a")).await.expect("registered");
        sensing.push(&id("a"), calm(720)).await.expect("pushed");
        let wanted = change(serde_json::json!({ "interval_s": 60, "thresholds": { "low": 100.0 } }));
        sensing.change(&id("a"), wanted).await.expect("changed");
        sensing.drill(&id("a")).await.expect("crashed");
        // A question that the dying life had taken already fails with it.
        let judged = eventually("judged", async || sensing.analyze(&id("a"), None).await.ok()).await;
        assert_eq!(judged.result.verdict, Verdict::Abnormal, "by the changed bound");
        let shown = sensing.sensor(&id("a")).await.expect("shown").sensor.spec;
        assert_eq!((shown.interval_s, shown.thresholds.low), (60, Some(100.0)));
        assert_ne!(shown.thresholds, Thresholds::default());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_began_and_did_not_wait_for_is_done_whole() {
    for home in plants().await {
        let sensing = home.plant.sensing();
        // Others may be done before the first look at it; of many, some are not.
        let (mut unfinished_made, mut unfinished_removed) = (0, 0);
        for n in 0..100 {
            let name = format!("a{n}");
            let own = id(&name);
            let mut begun = Box::pin(sensing.register(spec(&name)));
            unfinished_made += i32::from(futures::poll!(&mut begun).is_pending());
            drop(begun);
            eventually("registered", async || sensing.sensor(&own).await.ok()).await;
            sensing.push(&own, calm(3)).await.expect("it takes readings");

            let mut begun = Box::pin(sensing.remove(&own));
            unfinished_removed += i32::from(futures::poll!(&mut begun).is_pending());
            drop(begun);
            let gone =
                async || matches!(sensing.sensor(&own).await, Err(SensingError::NotFound(_))).then_some(());
            eventually("removed", gone).await;
            sensing.register(spec(&name)).await.expect("the id is free");
            if unfinished_made > 0 && unfinished_removed > 0 {
                break;
            }
        }
        assert!(unfinished_made > 0 && unfinished_removed > 0, "nothing was given up half-way");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_without_an_answer_is_set_right_by_the_next_request() {
    for home in plants().await {
        let (sensing, db) = (home.plant.sensing(), &home.home.db);
        let now = sensing.shared.now();
        let mut tx = db.begin().await.expect("begin");
        store::sensor_insert(&mut tx, &spec("a"), now).await.expect("stored");
        tx.commit().await.expect("commit");
        assert!(matches!(sensing.register(spec("a")).await, Err(SensingError::Exists(_))));
        let key = sensing.sensor(&id("a")).await.expect("seated").sensor.key;

        let mut tx = db.begin().await.expect("begin");
        store::sensor_remove(&mut tx, key, now).await.expect("removed");
        tx.commit().await.expect("commit");
        assert!(matches!(sensing.push(&id("a"), calm(1)).await, Err(SensingError::NotFound(_))));
        let amended = sensing.change(&id("a"), change(serde_json::json!({ "interval_s": 60 }))).await;
        assert!(matches!(amended, Err(SensingError::NotFound(_))));
        sensing.register(spec("a")).await.expect("the id is free");

        let key = sensing.sensor(&id("a")).await.expect("shown").sensor.key;
        let mut tx = db.begin().await.expect("begin");
        store::sensor_remove(&mut tx, key, now).await.expect("removed");
        tx.commit().await.expect("commit");
        sensing.remove(&id("a")).await.expect("removed already, tidied up now");
        assert!(matches!(sensing.remove(&id("a")).await, Err(SensingError::NotFound(_))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_sensor_do_not_undo_each_other() {
    for home in plants().await {
        let sensing = home.plant.sensing();
        sensing.register(spec("a")).await.expect("registered");
        let (a, b) = (id("a"), id("b"));
        let (unit, line) =
            (change(serde_json::json!({ "unit": "mg/L" })), change(serde_json::json!({ "line": "L1" })));
        let both = tokio::join!(sensing.change(&a, unit), sensing.change(&a, line));
        assert!(both.0.is_ok() && both.1.is_ok());
        let shown = sensing.sensor(&a).await.expect("shown").sensor.spec;
        assert_eq!((shown.unit.as_deref(), shown.line.as_deref()), (Some("mg/L"), Some("L1")));

        for _ in 0..20 {
            sensing.register(spec("b")).await.expect("registered");
            let faster = change(serde_json::json!({ "interval_s": 60 }));
            let (changed, removed, again) =
                tokio::join!(sensing.change(&b, faster), sensing.remove(&b), sensing.remove(&b));
            assert!(matches!(changed, Ok(_) | Err(SensingError::NotFound(_))), "{changed:?}");
            assert!(removed.is_ok() != again.is_ok(), "{removed:?} {again:?}");
            assert!(matches!(sensing.sensor(&b).await, Err(SensingError::NotFound(_))), "nobody comes back");
        }
        let (one, other) = tokio::join!(sensing.register(spec("b")), sensing.register(spec("b")));
        assert!(one.is_ok() != other.is_ok());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn readings_stored_unnoticed_count_as_duplicates() {
    for home in plants().await {
        let sensing = home.plant.sensing();
        let readings = calm(3);
        let key = sensing.register(spec("a")).await.expect("registered").sensor.key;
        sensing.push(&id("a"), readings[..1].to_vec()).await.expect("pushed");
        let mut tx = home.home.db.begin().await.expect("begin");
        let account = Account { offered: 1, stored: 1, ..Account::default() };
        let batch = ReadingBatch { sensor_key: key, readings: &readings[1..2], account };
        store::readings_insert(&mut tx, &[batch]).await.expect("stored").pop().expect("one").expect("kept");
        tx.commit().await.expect("commit");
        let report = sensing.push(&id("a"), readings).await.expect("pushed");
        assert_eq!((report.account.stored, report.account.duplicate), (1, 2));
        assert_eq!(sensing.sensor(&id("a")).await.expect("shown").account.stored, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_in_quarantine_is_shown_and_listed() {
    for home in plants().await {
        let sensing = home.plant.sensing();
        sensing.register(spec("a")).await.expect("registered");
        sensing.push(&id("a"), calm(3)).await.expect("pushed");
        let parked = async || {
            matches!(sensing.drill(&id("a")).await, Err(SensingError::Unavailable { .. })).then_some(())
        };
        eventually("quarantined", parked).await;
        let (listed, total) = sensing.sensors(0, 10).await.expect("listed");
        assert_eq!((listed.len(), total), (1, 1));
        assert_eq!(listed[0].account.stored, 3);
        assert_eq!(sensing.sensor(&id("a")).await.expect("shown").window_readings, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_judged_before_it_has_happened() {
    for home in plants().await {
        let sensing = home.plant.sensing();
        sensing.register(spec("a")).await.expect("registered");
        let refused = sensing.analyze(&id("a"), Some(Timestamp::MAX)).await;
        assert!(matches!(refused, Err(SensingError::Invalid(_))), "{refused:?}");
        assert!(matches!(sensing.analyze_all(Some(Timestamp::MAX)).await, Err(SensingError::Invalid(_))));
        let now = sensing.analyze(&id("a"), None).await.expect("judged");
        sensing.analyze(&id("a"), Some(Timestamp::Y2000)).await.expect("judged in the past");
        let last = sensing.sensor(&id("a")).await.expect("shown").last_result.expect("a verdict");
        assert_eq!(last.id, now.id, "the newest window's, as after a restart");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_in_quarantine_holds_up_no_others_verdict() {
    for home in plants().await {
        let sensing = home.plant.sensing();
        let ready = async || home.plant.inference().ready().then_some(());
        eventually("a device", ready).await;
        let mut waiting = Vec::new();
        for name in ["a", "b"] {
            let key = sensing.register(spec(name)).await.expect("registered").sensor.key;
            waiting.push(nightshift_domain::sensing::NewResult {
                sensor_key: key,
                sensor_id: id(name),
                verdict: Verdict::Unscored,
                as_of: sensing.shared.now(),
                inference_time: sensing.shared.now(),
                run_at: None,
                provenance: serde_json::from_value(serde_json::json!({})).expect("nothing known"),
            });
        }
        let parked = async || {
            matches!(sensing.drill(&id("a")).await, Err(SensingError::Unavailable { .. })).then_some(())
        };
        eventually("quarantined", parked).await;
        let mut tx = home.home.db.begin().await.expect("begin");
        store::results_insert(&mut tx, &waiting).await.expect("stored");
        tx.commit().await.expect("commit");
        super::super::judge::rescore(&sensing.shared, 10).await.expect("scored again");
        let newest = store::result_latest(&home.home.db, waiting[1].sensor_key).await.expect("read");
        assert_eq!(newest.expect("a result").result.verdict, Verdict::InsufficientData);
    }
}
