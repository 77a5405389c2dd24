//! Sensors on a whole plant, on both engines.

use super::*;
use crate::PlantConfig;
use crate::testing::{TestPlant, calm, eventually, id, on, plants, spec};
use nightshift_domain::sensing::{
    Account, BankFacts, Basis, CalibrationFacts, CalibrationMethod, SensorSpec, Thresholds, Verdict,
};

/// Under the built-in detector, as the calibrator does.
const LIVE: calibrate::Trial<'static> = calibrate::Trial { model: "detector", spare: false };

async fn judged(test: &TestPlant, name: &str) -> ResultRecord {
    eventually("a verdict by a model", || async {
        let record = test.plant.sensing().analyze(&id(name), None).await.expect("analyze");
        (record.result.verdict != Verdict::Unscored).then_some(record)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_readings_becomes_a_verdict_that_can_be_checked() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("wando01")).await.expect("registers");
        let early = sensing.analyze(&id("wando01"), None).await.expect("analyze");
        assert_eq!(early.result.verdict, Verdict::InsufficientData);

        let report = sensing.push(&id("wando01"), calm(720)).await.expect("push");
        assert_eq!(report.account, Account { offered: 720, stored: 720, ..Account::default() });
        let record = judged(&test, "wando01").await;
        let provenance = &record.result.provenance;
        assert_eq!(record.result.verdict, Verdict::Normal, "{record:?}");
        assert_eq!(provenance.device.as_deref(), Some("cpu"));
        assert_eq!(provenance.window.expect("window").count, 720);
        assert!(provenance.score.expect("score") <= provenance.threshold.expect("threshold"));

        let view = eventually("the sensor shows its verdict", || async {
            let view = sensing.sensor(&id("wando01")).await.expect("view");
            view.last_result.as_ref().is_some_and(|r| r.id == record.id).then_some(view)
        })
        .await;
        assert_eq!((view.freshness, view.window_readings), (Freshness::Fresh, 720));
        let (listed, total) = sensing.results(&newest()).await.expect("results");
        assert_eq!((listed[0].id, total >= 2), (record.id, true));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_is_a_duplicate_and_a_contradiction_is_refused() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("a")).await.expect("registers");
        let mut readings = calm(10);
        sensing.push(&id("a"), readings.clone()).await.expect("first");
        readings[3].value += 1.0;
        readings.push(Reading { at: Timestamp::from_s(1_000_000_000), value: 1.0 });
        let report = sensing.push(&id("a"), readings).await.expect("second");
        assert_eq!(report.account, Account { offered: 11, stored: 0, duplicate: 9, late: 1, rejected: 1 });
        assert_eq!(report.refused[0].index, 3);
        let (account, kept, expired) =
            store::account_audit(&test.home.db, sensing.seat(&id("a")).expect("seat").key)
                .await
                .expect("audit");
        assert_eq!(account.check(kept, expired), Ok(()));
        assert_eq!(kept, 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crashed_sensor_is_back_with_its_window_and_its_sibling_never_notices() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        for name in ["a", "b"] {
            sensing.register(spec(name)).await.expect("registers");
            sensing.push(&id(name), calm(720)).await.expect("push");
        }
        for _ in 0..3 {
            sensing.drill(&id("a")).await.expect("drill");
            let view =
                eventually("the sensor answers again", || async { sensing.sensor(&id("a")).await.ok() })
                    .await;
            assert_eq!((view.window_readings, view.account.stored), (720, 720));
        }
        let again = sensing.push(&id("a"), calm(720)).await.expect("push after the crash");
        assert_eq!(again.account.stored + again.account.duplicate, 720);
        let path = format!("plant/sensing/sensor/{}", sensing.seat(&id("b")).expect("seat").key.0);
        assert_eq!(test.plant.tree(Some(&path), None, 1).expect("in the tree").restarts, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_id_can_be_used_again_and_starts_empty() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("a")).await.expect("registers");
        assert!(matches!(sensing.register(spec("a")).await, Err(SensingError::Exists(_))));
        sensing.push(&id("a"), calm(5)).await.expect("push");
        sensing.remove(&id("a")).await.expect("removes");
        assert!(matches!(sensing.push(&id("a"), calm(1)).await, Err(SensingError::NotFound(_))));
        assert!(matches!(sensing.remove(&id("a")).await, Err(SensingError::NotFound(_))));
        let view = sensing.register(spec("a")).await.expect("registers again");
        assert_eq!((view.account, view.window_readings), (Account::default(), 0));
        let report = sensing.push(&id("a"), calm(5)).await.expect("push again");
        assert_eq!(report.account.stored, 5);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_removed_while_it_is_scored_keeps_no_verdict() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("a")).await.expect("registers");
        sensing.push(&id("a"), calm(720)).await.expect("push");
        let seat = sensing.seat(&id("a")).expect("seat");
        sensing.remove(&id("a")).await.expect("removes");
        // The window was handed out before the removal; what follows must find the seat empty.
        let outcome = judge::judge_one(&sensing.shared, &id("a"), &seat, sensing.shared.now()).await;
        assert!(outcome.is_err(), "{outcome:?}");
        let (_, total) = sensing.results(&newest()).await.expect("results");
        assert_eq!(total, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bound_decides_before_any_model() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        let bound =
            SensorSpec { thresholds: Thresholds { low: Some(3.0), ..Thresholds::default() }, ..spec("a") };
        sensing.register(bound).await.expect("registers");
        let mut readings = calm(720);
        readings[719].value = 2.5;
        sensing.push(&id("a"), readings).await.expect("push");
        let record = sensing.analyze(&id("a"), None).await.expect("analyze");
        assert_eq!(record.result.verdict, Verdict::Abnormal);
        assert_eq!(record.result.provenance.device.as_deref(), Some("rule"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_is_there_after_a_restart() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        for n in 0..20 {
            sensing.register(spec(&format!("s{n}"))).await.expect("registers");
            sensing.push(&id(&format!("s{n}")), calm(100 + n)).await.expect("push");
        }
        let schedule = Schedule { period_s: 600, ..Schedule::default() };
        sensing.set_schedule(schedule.clone()).await.expect("schedule");
        let report = test.plant.shutdown(Duration::from_secs(20)).await;
        assert!(report.clean, "{report:?}");

        let TestPlant { home, .. } = test;
        let db = nightshift_store::Db::connect(&home.options).await.expect("connect again");
        let plant = on_db(db).await;
        let (views, total) = plant.sensing().sensors(0, 100).await.expect("list");
        assert_eq!((views.len(), total), (20, 20));
        for view in views {
            let n: usize = view.sensor.spec.sensor_id.as_str()[1..].parse().expect("number");
            assert_eq!(view.window_readings, 100 + n);
            assert_eq!(view.account.unaccounted(), 0);
        }
        assert_eq!(plant.sensing().schedule().await.expect("schedule").schedule, schedule);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_run_is_caught_up_once_and_repeating_it_adds_nothing() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("a")).await.expect("registers");
        let due = Timestamp::from_s(1_800_000_000);
        let now = sensing.shared.now();
        let first = judge::judge_all(&sensing.shared, &[], now, Some(due)).await.expect("run");
        let again = judge::judge_all(&sensing.shared, &[], now, Some(due)).await.expect("the run again");
        assert_eq!(first.len(), 1);
        assert_eq!(again[0].id, first[0].id);
        let (_, total) = sensing.results(&newest()).await.expect("results");
        assert_eq!(total, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_missed_while_the_plant_was_down_is_done_at_its_start() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("a")).await.expect("registers");
        let now = sensing.shared.now();
        let reference_time = Timestamp::from_s(now.us() / 1_000_000 - 10_000_000);
        let schedule = Schedule { reference_time, period_s: 86_400, sensor_ids: vec![id("a")] };
        sensing.set_schedule(schedule.clone()).await.expect("schedule");
        let long_ago = reference_time + Duration::from_secs(86_400);
        let write = sensing
            .shared
            .writer
            .run(BACKGROUND, move |tx| Box::pin(async move { store::schedule_done(tx, long_ago).await }));
        write.await.expect("as if the plant had been down since");
        test.plant.shutdown(Duration::from_secs(20)).await;

        let TestPlant { home, .. } = test;
        let db = nightshift_store::Db::connect(&home.options).await.expect("connect again");
        let again = on_db(db).await;
        let view = eventually("the missed run", || async {
            let view = again.sensing().schedule().await.expect("schedule");
            (view.last_run == schedule.latest_due(now)).then_some(view)
        })
        .await;
        assert!(view.next_run > now);
        let (listed, total) = again.sensing().results(&newest()).await.expect("results");
        assert_eq!((total, listed[0].result.run_at), (1, view.last_run));
    }
}

/// The bank and the calibration that a verdict rests on.
fn rests_on(record: &ResultRecord) -> (Option<BankFacts>, Option<CalibrationFacts>) {
    match &record.result.provenance.basis {
        Some(Basis::Model { calibration, bank, .. }) => (*bank, *calibration),
        _ => (None, None),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensor_is_compared_with_its_past_once_that_says_what_is_usual() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("a")).await.expect("registers");
        let all = calm(4_400);
        let push = async |from: usize, to: usize| {
            sensing.push(&id("a"), all[from..to].to_vec()).await.expect("push");
        };
        // As of the newest reading that was pushed.
        let judged = async |count: usize| {
            eventually("a verdict by a model", || async {
                let record = sensing.analyze(&id("a"), Some(all[count - 1].at)).await.expect("analyze");
                (record.result.verdict != Verdict::Unscored).then_some(record)
            })
            .await
        };
        let calibrated = async |count: usize, readings: u32| {
            let sensor = sensing.sensor(&id("a")).await.expect("shown").sensor;
            calibrate::calibrate(&sensing.shared, &sensor, LIVE, sensing.shared.now())
                .await
                .expect("calibrates");
            eventually("a verdict under what was learnt", || async {
                let record = judged(count).await;
                let (bank, calibration) = rests_on(&record);
                let learnt = calibration.is_some_and(|c| c.method == CalibrationMethod::ExtremeValue);
                (learnt && bank.map_or(0, |bank| bank.readings) == readings).then_some(record)
            })
            .await
        };
        push(0, 1_300).await;
        assert_eq!(rests_on(&judged(1_300).await), (None, None), "after one window the model's threshold");
        calibrated(1_300, 0).await;

        push(1_300, 4_360).await;
        let first = calibrated(4_360, 3_600).await;
        assert_eq!(first.result.verdict, Verdict::Normal, "{first:?}");
        push(4_360, 4_400).await;
        let bank = rests_on(&judged(4_400).await).0;
        assert_eq!(bank, Some(BankFacts { readings: 3_640, anchor_readings: 3_600 }), "it followed on");
        // The picture shows what the verdict saw.
        let (picture, record) = (sensing.scores(&id("a")).await.expect("scores"), judged(4_400).await);
        assert_eq!(picture.provenance.score, record.result.provenance.score);
        assert_eq!(picture.provenance.threshold, record.result.provenance.threshold);
        assert!(picture.readings.len() == 720 && picture.readings.iter().all(|r| r.score.is_some()));
        let again = judged(4_360).await;
        assert_eq!(rests_on(&again).0, Some(BankFacts { readings: 3_600, anchor_readings: 3_600 }));
        assert_eq!(again.result.provenance.score, first.result.provenance.score, "anybody can recompute it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sensors_own_past_sets_its_threshold() {
    for test in plants().await {
        let sensing = test.plant.sensing();
        sensing.register(spec("a")).await.expect("registers");
        sensing.push(&id("a"), calm(480 + 2 * 720 + 180 * 48)).await.expect("push");
        let record = judged(&test, "a").await;
        let models = record.result.provenance.threshold.expect("threshold");

        let sensor = sensing.sensor(&id("a")).await.expect("shown").sensor;
        calibrate::calibrate(&sensing.shared, &sensor, LIVE, sensing.shared.now()).await.expect("calibrates");
        let own = |record: &ResultRecord| match &record.result.provenance.basis {
            Some(nightshift_domain::sensing::Basis::Model { calibration, .. }) => *calibration,
            _ => None,
        };
        let record = eventually("the sensor's own threshold", || async {
            let record = sensing.analyze(&id("a"), None).await.expect("analyze");
            own(&record).is_some().then_some(record)
        })
        .await;
        let facts = own(&record).expect("facts");
        assert_eq!((facts.windows, facts.false_alarm_rate), (49, 0.02));
        assert_eq!(facts.method, CalibrationMethod::Conformal);
        assert_eq!(facts.false_alarms_per_month, Some(0.02 * 720.0), "the schedule runs each hour");
        assert_ne!(record.result.provenance.threshold, Some(models));
        assert_eq!(record.result.verdict, Verdict::Normal, "{record:?}");

        // A threshold that a person gave counts more, and another life knows what was learnt.
        sensing.drill(&id("a")).await.expect("drill");
        let again = eventually("another life", || async { sensing.analyze(&id("a"), None).await.ok() }).await;
        assert_eq!(again.result.provenance.threshold, record.result.provenance.threshold);
        let change = serde_json::from_str(r#"{"thresholds": {"score": 12345.0}}"#).expect("change");
        sensing.change(&id("a"), change).await.expect("changes");
        let given = sensing.analyze(&id("a"), None).await.expect("analyze");
        assert_eq!((given.result.provenance.threshold, own(&given)), (Some(12_345.0), None));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promoted_model_begins_with_what_was_learnt_while_it_was_tried() {
    let site = concat!(env!("CARGO_MANIFEST_DIR"), "/../models/fixtures/gru/model.safetensors");
    let mut config = PlantConfig::default();
    config.inference.models = vec![site.into()];
    config.sensing.shadow_model = Some("model".to_owned());
    let test = on(nightshift_store::testing::sqlite().await, config).await;
    let sensing = test.plant.sensing();
    sensing.register(spec("a")).await.expect("registers");
    sensing.push(&id("a"), calm(1_400)).await.expect("push");
    judged(&test, "a").await;
    let sensor = sensing.sensor(&id("a")).await.expect("shown").sensor;
    let now = sensing.shared.now();
    let shadow = calibrate::Trial { model: "model", spare: true };
    for trial in [LIVE, shadow] {
        calibrate::calibrate(&sensing.shared, &sensor, trial, now).await.expect("calibrates");
    }
    let by = crate::By::system();
    let models = sensing.promote(&by, "model").await.expect("promotes");
    assert_eq!((models.live.as_str(), models.shadow.as_deref()), ("model", Some("detector")));
    assert_eq!(models.promotions[0].promoted_by, "system");
    let calibrated = async |model: &str| {
        eventually("the sensor's own threshold under the live model", || async {
            let record = sensing.analyze(&id("a"), None).await.expect("analyze");
            matches!(&record.result.provenance.basis,
                Some(Basis::Model { id, calibration: Some(_), .. }) if id == model)
            .then_some(())
        })
        .await;
    };
    calibrated("model").await;
    // Asked twice at once, one of them comes too late.
    let (one, other) = tokio::join!(sensing.roll_back(&by), sensing.roll_back(&by));
    assert_eq!(u8::from(one.is_ok()) + u8::from(other.is_ok()), 1, "{one:?} {other:?}");
    calibrated("detector").await;
}

/// A plant on a database that was used before.
async fn on_db(db: nightshift_store::Db) -> crate::Plant {
    let selection = nightshift_models::select(nightshift_models::DeviceChoice::Cpu).expect("cpu");
    let clock = nightshift_kernel::Clock::system();
    crate::Plant::start(PlantConfig::default(), db, clock, selection).await.expect("starts again")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_scored_is_kept_and_scored_later() {
    let config = PlantConfig::default();
    let test = on(nightshift_store::testing::sqlite().await, config).await;
    let sensing = test.plant.sensing();
    sensing.register(spec("a")).await.expect("registers");
    sensing.push(&id("a"), calm(720)).await.expect("push");
    let seat = sensing.seat(&id("a")).expect("seat");
    let sensor = Arc::new(sensing.sensor(&id("a")).await.expect("shown").sensor);
    let now = sensing.shared.now();
    let provenance = nightshift_domain::sensing::Provenance {
        reason: Some("no device could score it".to_owned()),
        ..nightshift_domain::sensing::Provenance::default()
    };
    let times = shared::Times { as_of: now, decided: now, run_at: None };
    let unscored = shared::new_result(&sensor, Verdict::Unscored, times, provenance);
    let stored = shared::store_results(&sensing.shared, vec![unscored], BACKGROUND).await.expect("stored");
    eventually("it is scored", || async {
        judge::rescore(&sensing.shared, 10).await.expect("rescore");
        let (listed, _) = sensing.results(&newest()).await.expect("results");
        (listed[0].id == stored[0].id && listed[0].result.verdict == Verdict::Normal).then_some(())
    })
    .await;
    assert_eq!(seat.key, stored[0].result.sensor_key);
}

const BACKGROUND: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn bad_values_are_refused_by_name() {
    let test = on(nightshift_store::testing::sqlite().await, PlantConfig::default()).await;
    let sensing = test.plant.sensing();
    let refused = |error: SensingError| match error {
        SensingError::Invalid(text) => text,
        other => panic!("not refused as invalid: {other:?}"),
    };
    let mut values = vec![1.0; 720];
    assert!(refused(sensing.analyze_values(&values[1..], None).await.expect_err("719")).contains("719"));
    assert!(
        refused(sensing.analyze_values(&values, Some("oracle")).await.expect_err("unknown"))
            .contains("detector")
    );
    values[7] = f32::NAN;
    assert!(refused(sensing.analyze_values(&values, None).await.expect_err("NaN")).contains("values[7]"));
    let unknown = SensorSpec { model: Some("oracle".into()), ..spec("x") };
    assert!(refused(sensing.register(unknown).await.expect_err("unknown model")).contains("oracle"));
}

/// The newest result of all.
fn newest() -> ResultQuery {
    ResultQuery {
        sensor_id: None,
        start: Timestamp::Y2000,
        end: Timestamp::MAX,
        verdict: None,
        skip: 0,
        limit: 1,
    }
}
