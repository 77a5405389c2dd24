//! What follows by itself: looks on a timer, consequences of verdicts over a restart, and a database that is stopped.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use nightshift_domain::Timestamp;
use nightshift_domain::alerts::AlertType;
use nightshift_domain::audit::ChainKey;
use nightshift_domain::production::{AbnormalRule, Equipment, EquipmentSpec, RunResult, TargetSpec};
use nightshift_domain::sensing::{NewResult, Provenance, SensorSpec, Verdict};
use nightshift_kernel::Clock;
use nightshift_store::alerts::AlertQuery;
use nightshift_store::production::RunQuery;
use nightshift_store::testing::{Cluster, TestDb, postgres, postgres_required, sqlite};
use nightshift_store::{Db, DbOptions, Slice, sensing as results};
use serde_json::json;

use super::tests::{admin, complete, line, lot, model, start};
use super::watch::Watch;
use super::{Order, ProductionError};
use crate::setback::Setback;
use crate::testing::{TestPlant, eventually, id, on};
use crate::{AlertReader, Plant, PlantConfig};

/// How many alerts of a type there are, and how often they were raised in all.
async fn raised(plant: &Plant, alert_type: AlertType) -> (usize, i64) {
    let query = AlertQuery { alert_type: Some(alert_type), ..AlertQuery::default() };
    let found =
        plant.alerts().list(AlertReader::default(), query, Slice::first(100)).await.expect("alerts").alerts;
    (found.len(), found.iter().map(|alert| alert.alert.count).sum())
}

#[tokio::test(flavor = "multi_thread")]
async fn delays_and_missed_targets_are_told_once() {
    for test in crate::testing::plants().await {
        let (lot, serials) = line(&test, 2).await;
        let production = test.plant.production();
        production.report(&admin(), start(&lot, &serials[0], 1)).await.expect("starts");
        let now = production.shared.now();
        let mut watch = Watch::new(Arc::clone(&production.shared), production.stations.clone(), 30);
        watch.look(now + Duration::from_secs(80)).await.expect("look");
        assert_eq!(raised(&test.plant, AlertType::ProcessDelayed).await, (0, 0), "60 s are planned");
        for minutes in [2, 3, 4] {
            watch.look(now + Duration::from_secs(minutes * 60)).await.expect("look");
        }
        let mut again = Watch::new(Arc::clone(&production.shared), production.stations.clone(), 30);
        again.look(now + Duration::from_secs(300)).await.expect("look");
        assert_eq!(raised(&test.plant, AlertType::ProcessDelayed).await, (1, 1));

        let today = production.calendar().production_date(now);
        for (quantity, model) in [(10, None), (1, Some(lot.product_model.id))] {
            let spec =
                TargetSpec { date: today, production_line_id: None, product_model_id: model, quantity };
            production.set_target(&admin(), spec).await.expect("set");
        }
        watch.look(now).await.expect("look");
        assert_eq!(raised(&test.plant, AlertType::TargetNotMet).await, (0, 0), "the day is not over");
        for days in [2, 3] {
            watch.look(now + Duration::from_secs(days * 86_400)).await.expect("look");
        }
        assert_eq!(raised(&test.plant, AlertType::TargetNotMet).await, (2, 2));
    }
}

/// A plant that holds equipment, and looks often.
fn strict() -> PlantConfig {
    let mut config = PlantConfig::default();
    let rule = AbnormalRule { hold: true, ..config.production.rules[0].clone() };
    config.production.rules = vec![rule];
    config.production.look_interval = Duration::from_millis(10);
    config
}

/// Stores a verdict, as the schedule does.
async fn verdict(test: &TestPlant, verdict: Verdict) {
    let sensing = test.plant.sensing();
    let key = sensing.sensor(&id("s1")).await.expect("the sensor").sensor.key;
    let now = test.plant.production().shared.now();
    let result = NewResult {
        sensor_key: key,
        sensor_id: id("s1"),
        verdict,
        as_of: now,
        inference_time: now,
        run_at: None,
        provenance: Provenance::default(),
    };
    let write = test.plant.production().shared.writer.run(Duration::from_secs(10), move |tx| {
        Box::pin(async move { results::results_insert(tx, &[result]).await })
    });
    write.await.expect("stored");
}

fn at(order: Order, equipment: &str) -> Order {
    match order {
        Order::Start(mut command) => {
            command.equipment = Some(equipment.to_owned());
            Order::Start(command)
        }
        other => other,
    }
}

async fn engines() -> Vec<TestDb> {
    let mut all = vec![sqlite().await];
    all.extend(postgres().await);
    all
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story from the verdict to the release")]
async fn an_abnormal_sensor_holds_its_equipment_until_somebody_has_looked() {
    for home in engines().await {
        let test = on(home, strict()).await;
        let (lot, serials) = line(&test, 3).await;
        let production = test.plant.production();
        let spec: EquipmentSpec =
            serde_json::from_value(json!({ "equipment_code": "EQ-1", "equipment_name": "Laser" }))
                .expect("spec");
        let equipment: Equipment = production.create(&admin(), spec).await.expect("equipment");
        let sensor = SensorSpec { equipment: Some("EQ-1".to_owned()), ..crate::testing::spec("s1") };
        test.plant.sensing().register(sensor).await.expect("registers");
        let open =
            production.report(&admin(), at(start(&lot, &serials[0], 1), "EQ-1")).await.expect("starts");
        verdict(&test, Verdict::Abnormal).await;
        verdict(&test, Verdict::Normal).await;
        verdict(&test, Verdict::Abnormal).await;
        let hold = eventually("the hold", || async {
            let held = test
                .plant
                .production()
                .holds(Some(equipment.id), true, Slice::first(1))
                .await
                .expect("holds");
            held.items.into_iter().next()
        })
        .await;
        // One event id links verdict, alert, hold and runs.
        let refused =
            production.report(&admin(), at(start(&lot, &serials[1], 1), "EQ-1")).await.expect_err("held");
        assert_eq!(refused.code(), "EQUIPMENT_ON_HOLD");
        assert!(refused.to_string().contains("rule default"), "{refused}");
        assert_eq!(raised(&test.plant, AlertType::EquipmentAbnormal).await, (1, 1));
        let query = AlertQuery { event_id: Some(hold.event_id.clone()), ..AlertQuery::default() };
        assert_eq!(
            test.plant
                .alerts()
                .list(AlertReader::default(), query, Slice::first(9))
                .await
                .expect("alerts")
                .alerts
                .len(),
            1
        );
        let query = RunQuery { review_event: Some(hold.event_id.clone()), ..RunQuery::default() };
        let marked = production.runs(&query, Slice::first(9)).await.expect("runs").items;
        assert_eq!(marked.iter().map(|run| run.run.id).collect::<Vec<_>>(), [open.run.id]);
        let spans = production.abnormal_spans(equipment.id).await.expect("spans");
        assert_eq!((spans.len(), spans[0].span.event_id.as_str()), (1, hold.event_id.as_str()));

        // Another life of the plant does nothing twice, and knows the hold.
        assert!(test.plant.shutdown(Duration::from_secs(20)).await.clean);
        let TestPlant { home, .. } = test;
        let db = Db::connect(&home.options).await.expect("connect again");
        let test = TestPlant { plant: again(db, strict()).await, home };
        let production = test.plant.production();
        verdict(&test, Verdict::Normal).await;
        let refused =
            production.report(&admin(), at(start(&lot, &serials[1], 1), "EQ-1")).await.expect_err("held");
        assert_eq!(refused.code(), "EQUIPMENT_ON_HOLD");
        production.report(&admin(), start(&lot, &serials[2], 1)).await.expect("elsewhere work goes on");

        let done = production.acknowledge(&admin(), equipment.id, Some("cleaned".to_owned())).await;
        let done = done.expect("acknowledged");
        assert!(done.hold.is_some() && done.span.is_some_and(|span| span.ended_at.is_some()));
        production.report(&admin(), at(start(&lot, &serials[1], 1), "EQ-1")).await.expect("starts again");
        // What was acknowledged trips nothing again; one more abnormal verdict is only one.
        verdict(&test, Verdict::Abnormal).await;
        let seen = nightshift_store::system::events_bounds(&production.shared.db).await.expect("bounds").1;
        eventually("the verdict is read", || async {
            verdict(&test, Verdict::Normal).await;
            let newest =
                nightshift_store::system::events_bounds(&production.shared.db).await.expect("bounds").1;
            (newest > seen.map(|seq| seq + 20)).then_some(())
        })
        .await;
        assert_eq!(raised(&test.plant, AlertType::EquipmentAbnormal).await, (1, 1));
        assert!(production.acknowledge(&admin(), equipment.id, None).await.is_err(), "nothing is left");
        assert_eq!(production.review_runs(&admin(), hold.event_id).await.expect("reviewed"), 1);
    }
}

async fn again(db: Db, config: PlantConfig) -> Plant {
    let selection = nightshift_models::select(nightshift_models::DeviceChoice::Cpu).expect("cpu");
    Plant::start(config, db, Clock::system(), selection).await.expect("starts")
}

#[tokio::test(flavor = "multi_thread")]
async fn equipment_without_a_hold_is_normal_again_when_its_sensors_are() {
    let mut config = strict();
    config.production.rules[0].hold = false;
    let test = on(sqlite().await, config).await;
    let (lot, serials) = line(&test, 2).await;
    let production = test.plant.production();
    let spec = json!({ "equipment_code": "EQ-1", "equipment_name": "Laser" });
    let equipment: Equipment =
        production.create(&admin(), serde_json::from_value(spec).expect("spec")).await.expect("equipment");
    let sensor = SensorSpec { equipment: Some("EQ-1".to_owned()), ..crate::testing::spec("s1") };
    test.plant.sensing().register(sensor).await.expect("registers");
    verdict(&test, Verdict::Abnormal).await;
    verdict(&test, Verdict::Abnormal).await;
    let span = |ended: bool| async move {
        let spans = production.abnormal_spans(equipment.id).await.expect("spans");
        spans.into_iter().next().filter(|span| span.ended_at.is_some() == ended)
    };
    let begun = eventually("the span", || span(false)).await;
    let within =
        production.report(&admin(), at(start(&lot, &serials[0], 1), "EQ-1")).await.expect("is not held");
    assert_eq!(within.run.run.review.map(|review| review.event_id), Some(begun.span.event_id));
    for _ in 0..3 {
        verdict(&test, Verdict::Normal).await;
    }
    eventually("the end of the span", || span(true)).await;
    let after = production.report(&admin(), at(start(&lot, &serials[1], 1), "EQ-1")).await.expect("starts");
    assert_eq!(after.run.run.review, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_database_is_told_and_survived() {
    let Some(cluster) = Cluster::own().await else {
        assert!(!postgres_required(), "NIGHTSHIFT_REQUIRE_POSTGRES=1, but there is no PostgreSQL");
        eprintln!("skipped: no PostgreSQL");
        return;
    };
    let options = DbOptions {
        audit_key: Some(ChainKey::new([7; 32])),
        max_readers: 3,
        ..DbOptions::new(cluster.url())
    };
    let db = Db::connect(&options).await.expect("connect");
    db.migrate().await.expect("migrate");
    let plant = again(db, PlantConfig::default()).await;
    let production = plant.production();
    let made = model(&plant).await;
    let (lot, serials) = lot(&plant, &made, 40).await;
    let by = admin();
    for serial in &serials[..10] {
        production.report(&by, start(&lot, serial, 1)).await.expect("starts");
    }
    assert!(cluster.stop().await, "PostgreSQL stops");
    let clock = Clock::system();
    let began = clock.monotonic();
    for _ in 0..4 {
        let burst = serials[10..].iter().map(|serial| production.report(&by, start(&lot, serial, 1)));
        for answer in join_all(burst).await {
            let error = answer.expect_err("the database is away");
            assert!(matches!(error, ProductionError::Setback(Setback::Unavailable { .. })), "{error:?}");
        }
    }
    let took = clock.monotonic() - began;
    assert!(took < Duration::from_secs(12), "120 answers took {took:?}");
    assert!(cluster.resume().await, "PostgreSQL starts");
    for serial in &serials[10..] {
        eventually("the line goes on", || async {
            match production.report(&by, start(&lot, serial, 1)).await {
                Ok(_) => Some(()),
                // Told to be away when its commit was under way.
                Err(error) => (error.code() == "DUPLICATE_START").then_some(()),
            }
        })
        .await;
    }
    for serial in &serials {
        production.report(&by, complete(&lot, serial, 1, RunResult::Pass)).await.expect("ends");
    }
    let runs = production.runs(&RunQuery::default(), Slice::first(100)).await.expect("runs");
    assert_eq!(runs.total, 40, "one run for each unit");
    let now = Timestamp::from_us(clock.now_us());
    assert!(runs.items.iter().all(|run| run.run.run.done().is_some_and(|done| done.completed_at <= now)));
    assert!(plant.shutdown(Duration::from_secs(20)).await.clean);
}
