use std::time::Duration;

use nightshift_domain::briefing::{
    AskerName, Carry, Custom, DailyTime, EndReason, EndTime, Interval, NewRequest, Observation, RequestId,
    RequestState, TRIES_MAX,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::Clock;
use nightshift_store::Slice;
use nightshift_store::briefing as store;
use nightshift_store::testing::{TestDb, sqlite};
use serde_json::json;

use super::running::RunMessage;
use super::{Briefing, Listening, Told};
use crate::testing::{PATIENCE, TestPlant, eventually, on, plants};
use crate::{BriefingConfig, PlantConfig};

fn name(text: &str) -> AskerName {
    text.parse().expect("a name")
}

/// An end that lies hours ahead, whatever the clock says.
fn later() -> EndTime {
    let hour = (Clock::system().now_us() / 3_600_000_000 + 9 + 12) % 24;
    format!("{hour:02}:30").parse().expect("a time")
}

async fn begin(briefing: &Briefing, who: &str) -> Listening {
    let interval: Interval = "1".parse().expect("a second");
    briefing.begin(&name(who), interval, &later()).await.expect("begins")
}

async fn hear(listening: &mut Listening) -> Option<String> {
    match tokio::time::timeout(PATIENCE, listening.told.recv()).await.expect("in time") {
        Ok(Told::Text(text)) => Some(text.to_string()),
        Ok(Told::Ended) | Err(_) => None,
    }
}

/// The first text that says so.
async fn hear_of(listening: &mut Listening, what: &str) -> String {
    loop {
        let text = hear(listening).await.expect("a text");
        if text.contains(what) {
            return text;
        }
    }
}

async fn journal(plant: &TestPlant, kind: &str, subject: &str, data: serde_json::Value) {
    let at = Timestamp::from_us(Clock::system().now_us());
    let event = NewEvent::new(at, kind, subject, data);

    let write = plant
        .plant
        .briefing()
        .shared
        .writer
        .run(PATIENCE, move |tx| Box::pin(async move { tx.journal(event).await.map(|_| ()) }));
    write.await.expect("journalled");
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_come_and_are_stored_until_it_is_ended() {
    for plant in plants().await {
        let briefing = plant.plant.briefing().clone();
        let mut listening = begin(&briefing, "kim").await;
        let first = hear(&mut listening).await.expect("a text");
        assert!(first.contains("살필 것이 없습니다"), "{first}");
        journal(
            &plant,
            "sensing.verdict",
            "wando01",
            json!({ "verdict": "abnormal", "score": 4.0, "threshold": 2.0 }),
        )
        .await;
        let told = hear_of(&mut listening, "wando01").await;
        assert!(told.contains("4") && told.contains("부터"), "{told}");
        assert!(briefing.end(&name("KIM")).await.expect("ends"));
        while hear(&mut listening).await.is_some() {}
        assert!(!briefing.end(&name("kim")).await.expect("nothing to end"));
        let texts = briefing.texts(Some(&name("kim")), listening.request_id).await.expect("texts");
        assert!(texts.len() >= 2 && texts[0] == first, "{texts:?}");
        assert!(briefing.texts(Some(&name("lee")), listening.request_id).await.is_err(), "another person's");
        let kept =
            briefing.told(Some(&name("kim")), listening.request_id, Slice::first(100)).await.expect("kept");
        assert_eq!(kept.items.iter().map(|kept| kept.text.as_str()).collect::<Vec<_>>(), texts);
        let of_sensor = kept.items.iter().find(|kept| kept.text == told).expect("kept");
        assert_eq!(of_sensor.source, store::TextSource::Composed);
        let evidence = &of_sensor.evidence;
        assert!(!evidence.is_empty() && evidence.iter().all(|e| !e.events.is_empty()), "{evidence:?}");
        let anothers = briefing.told(Some(&name("lee")), listening.request_id, Slice::first(1)).await;
        assert!(matches!(anothers, Err(crate::BriefingError::NotFound { .. })), "{anothers:?}");
        let summary = briefing.summary(Some(&name("kim")), listening.request_id).await.expect("a summary");
        assert_eq!(summary.lines().count(), 3, "{summary}");
        plant.plant.shutdown(PATIENCE).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_one_of_the_same_person_takes_its_place() {
    let plant = on(sqlite().await, PlantConfig::default()).await;
    let briefing = plant.plant.briefing();
    let mut first = begin(briefing, "kim").await;
    let mut other = begin(briefing, "lee").await;
    let mut second = begin(briefing, "Kim").await;
    while hear(&mut first).await.is_some() {}
    assert!(hear(&mut second).await.is_some());
    assert!(hear(&mut other).await.is_some(), "others go on");
    let requests = briefing.requests(&name("kim")).await.expect("requests");
    assert_eq!(requests.iter().map(|r| r.id).collect::<Vec<_>>(), [second.request_id, first.request_id]);
    assert!(requests[0].state.is_running() && !requests[1].state.is_running());
    plant.plant.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_and_a_restart_lose_no_text_and_double_none() {
    let home = sqlite().await;
    let options = home.options.clone();
    let plant = on(home, PlantConfig::default()).await;
    let briefing = plant.plant.briefing();
    let mut listening = begin(briefing, "kim").await;
    let id = listening.request_id;
    assert!(hear(&mut listening).await.is_some());
    let actor = briefing.shared.seats.get(id).expect("it runs");
    actor.try_send(RunMessage::Drill).expect("crashes");
    assert!(hear(&mut listening).await.is_some(), "its listeners stay");
    let reloaded = briefing.reload(&name("kim")).await.expect("reloads");
    assert!(reloaded.listening.is_some());
    // Nobody listens any more, and the plant stops and starts.
    drop((listening, reloaded));
    let before = briefing.texts(None, id).await.expect("texts").len();
    plant.plant.shutdown(PATIENCE).await;

    let db = nightshift_store::Db::connect(&options).await.expect("the same database");
    let home = TestPlant { plant: start_again(&db).await, home: plant.home };
    let briefing = home.plant.briefing();
    let reloaded = briefing.reload(&name("kim")).await.expect("reloads");
    assert_eq!(reloaded.request_id, Some(id));
    let mut listening = reloaded.listening.expect("it runs on");
    let mut heard = reloaded.texts;
    for _ in 0..2 {
        heard.push(hear(&mut listening).await.expect("a text"));
    }
    assert!(heard.len() >= before + 2);
    let stored = eventually("what was heard is stored", async || {
        let stored = briefing.texts(None, id).await.expect("texts");
        (stored.len() >= heard.len()).then_some(stored)
    })
    .await;
    assert_eq!(&stored[..heard.len()], heard, "in order, each once");
    home.plant.shutdown(PATIENCE).await;
}

async fn start_again(db: &nightshift_store::Db) -> crate::Plant {
    let selection = nightshift_models::select(nightshift_models::DeviceChoice::Cpu).expect("a CPU");
    crate::Plant::start(PlantConfig::default(), db.clone(), Clock::system(), selection).await.expect("starts")
}

/// A request that was stored and has its actor yet to come.
async fn stored(home: &TestDb, runs: Duration) -> RequestId {
    let now = Timestamp::from_us(Clock::system().now_us());
    let mut tx = home.db.begin().await.expect("begin");
    let (asker, _) = store::asker_enter(&mut tx, &name("kim"), now).await.expect("enters");
    let new = NewRequest {
        asker_id: asker.id,
        interval: "1".parse().expect("a second"),
        started_at: now - Duration::from_secs(3_600),
        ends_at: now + runs,
        end_text: "10:30 PM".to_owned(),
    };
    let (request, _) = store::request_start(&mut tx, &new, 0, &Carry::default()).await.expect("starts");
    tx.commit().await.expect("commit");
    request.id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_time_ends_it_also_after_a_restart() {
    let home = sqlite().await;
    let id = stored(&home, Duration::from_secs(3)).await;
    let plant = on(home, PlantConfig::default()).await;
    let briefing = plant.plant.briefing();
    let mut listening = briefing.reload(&name("kim")).await.expect("reloads").listening.expect("it runs");
    let mut heard = 0;
    while hear(&mut listening).await.is_some() {
        heard += 1;
    }
    assert!(heard >= 2, "{heard}");
    let requests = briefing.requests(&name("kim")).await.expect("requests");
    assert!(matches!(requests[0].state, RequestState::Ended { reason: EndReason::Time, .. }), "{requests:?}");
    let reloaded = briefing.reload(&name("kim")).await.expect("reloads");
    assert!(reloaded.listening.is_none() && reloaded.request_id == Some(id));
    plant.plant.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_whose_time_was_over_while_the_plant_stood_still_ends_with_one_text() {
    let home = sqlite().await;
    let now = Timestamp::from_us(Clock::system().now_us());
    let id = stored(&home, Duration::ZERO).await;
    let plant = on(home, PlantConfig::default()).await;
    let briefing = plant.plant.briefing();
    let ended = eventually("it ends", async || {
        let request = briefing.requests(&name("kim")).await.expect("requests").remove(0);
        (!request.state.is_running()).then_some(request)
    })
    .await;
    let RequestState::Ended { at, reason: EndReason::Time } = ended.state else { panic!("{ended:?}") };
    assert!(at >= now && at == ended.request.ends_at);
    assert_eq!(briefing.texts(None, id).await.expect("texts").len(), 1, "those that were missed become one");
    plant.plant.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wishes_are_heeded_with_the_next_text() {
    let plant = on(sqlite().await, PlantConfig::default()).await;
    let briefing = plant.plant.briefing();
    assert_eq!(briefing.custom(&name("kim")).await.expect("custom"), Custom::default());
    let mut listening = begin(briefing, "kim").await;
    assert!(hear(&mut listening).await.expect("a text").contains("니다"));
    briefing.set_custom(&name("kim"), vec!["in English".to_owned()]).await.expect("set");
    let mut told = hear(&mut listening).await.expect("a text");
    while !told.contains("nothing to watch") {
        told = hear(&mut listening).await.expect("a text");
    }
    let many = vec![String::new(); 11];
    assert!(briefing.set_custom(&name("kim"), many).await.is_err());
    plant.plant.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observation_is_told_once() {
    let plant = on(sqlite().await, PlantConfig::default()).await;
    let briefing = plant.plant.briefing();
    let seen = Observation {
        source: "gate-camera".to_owned(),
        observed_at: Timestamp::from_us(Clock::system().now_us()),
        counts: [("person".to_owned(), 3)].into(),
        caption: None,
    };
    let mut listening = begin(briefing, "kim").await;
    let (seq, new) = briefing.observe(seen.clone()).await.expect("taken in");
    assert!(new);
    assert_eq!(briefing.observe(seen).await.expect("known"), (seq, false));
    let text = hear_of(&mut listening, "gate-camera").await;
    assert!(text.contains("사람은 3명"), "{text}");
    plant.plant.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_was_missed_is_made_up_for_once_and_what_cannot_be_brought_waits() {
    let home = sqlite().await;
    // The schedule began two days ago, and the plant stood still since.
    let began = Timestamp::from_us(Clock::system().now_us()) - Duration::from_secs(2 * 86_400);
    let mut tx = home.db.begin().await.expect("begin");
    let setting = json!({ "until": began, "covered_seq": 0, "carry": {} });
    nightshift_store::system::setting_set(&mut tx, "briefing.daily_began", &setting).await.expect("set");
    tx.commit().await.expect("commit");
    let webhook = crate::WebhookConfig {
        // Nobody listens on the discard port.
        url: "http://127.0.0.1:9/".to_owned(),
        secret: "a secret of the plant".to_owned().into(),
    };
    let config = BriefingConfig {
        webhook: Some(webhook),
        daily_at: DailyTime::default(),
        ..BriefingConfig::default()
    };
    let plant = on(home, PlantConfig { briefing: config, ..PlantConfig::default() }).await;
    let briefing = plant.plant.briefing();
    let page = eventually("the day's briefing", async || {
        let page = briefing.dailies(None, Slice::first(10)).await.expect("dailies");
        // It may be stored between the counting and the listing.
        (!page.items.is_empty()).then_some(page)
    })
    .await;
    assert_eq!(page.items.len(), 1, "one is made up for, not two");
    assert!(
        page.items[0].text_ko.contains("니다") && page.items[0].text_en.contains("watch"),
        "{:?}",
        page.items[0]
    );
    let tried = eventually("a try", async || {
        let delivery = store::delivery_find(&plant.home.db, 1).await.expect("read")?;
        match delivery.state {
            nightshift_domain::briefing::DeliveryState::Waiting { tries, reason, .. } if tries > 0 => {
                Some((tries, reason))
            }
            _ => None,
        }
    })
    .await;
    assert!(tried.0 < TRIES_MAX && tried.1.is_some_and(|reason| reason.contains("reached")));
    let events = nightshift_store::system::events_after(&plant.home.db, 0, Some("briefing.daily"), 10).await;
    assert_eq!(events.expect("events").len(), 1);
    plant.plant.shutdown(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_run_than_may() {
    let config = BriefingConfig { running_max: 2, ..BriefingConfig::default() };
    let plant = on(sqlite().await, PlantConfig { briefing: config, ..PlantConfig::default() }).await;
    let briefing = plant.plant.briefing();
    let _kept = (begin(briefing, "a").await, begin(briefing, "b").await);
    let interval: Interval = "1".parse().expect("a second");
    let refused = briefing.begin(&name("c"), interval, &later()).await;
    assert!(matches!(refused, Err(crate::BriefingError::TooMany { .. })), "{refused:?}");
    briefing.end(&name("a")).await.expect("ends");
    eventually("room", async || briefing.begin(&name("c"), interval, &later()).await.ok()).await;
    assert!(matches!(
        briefing.requests(&name("a")).await.expect("requests")[0].state,
        RequestState::Ended { .. }
    ));
    plant.plant.shutdown(PATIENCE).await;
}
