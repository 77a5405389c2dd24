//! Who asks for briefings, what runs, what was told, and where it is brought.

use std::collections::BTreeMap;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{
    AskerName, Carry, Channel, Custom, DeliveryState, EndReason, Evidence, NewRequest, Observation, Request,
    RequestId, RequestState, TRIES_MAX, Tally,
};
use nightshift_store::briefing::{
    NewDaily, NewText, Progress, TextSource, asker_count, asker_enter, asker_find, custom_get, custom_set,
    dailies_expire, daily_find, daily_insert, daily_last, daily_list, deliveries_due, deliveries_waiting,
    delivery_find, delivery_insert, delivery_save, observation_insert, observations_expire, request_end,
    request_find, request_latest, request_list, request_start, requests_expire, requests_running, text_list,
    text_page, texts_insert,
};
use nightshift_store::system::events_after;
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, Slice, StoreError};

use crate::{NOW, s};

nightshift_store::on_both_engines!(
    a_name_is_one_person_in_any_case,
    wishes_are_kept,
    one_request_of_a_person_runs,
    texts_and_progress_are_written_together,
    texts_are_paged_with_their_evidence,
    many_texts_are_written_at_once,
    what_ended_long_ago_goes_with_its_texts,
    a_day_has_one_briefing,
    deliveries_wait_until_they_are_settled,
    the_same_look_counts_once,
);

fn name(text: &str) -> AskerName {
    text.parse().unwrap()
}

async fn enter(db: &Db, text: &str) -> (nightshift_store::briefing::Asker, bool) {
    let mut tx = db.begin().await.unwrap();
    let entered = asker_enter(&mut tx, &name(text), NOW).await.unwrap();
    tx.commit().await.unwrap();
    entered
}

pub(crate) async fn start(db: &Db, who: &str, at: Timestamp) -> (Request, Option<RequestId>) {
    let (asker, _) = enter(db, who).await;
    let new = NewRequest {
        asker_id: asker.id,
        interval: 10.try_into().unwrap(),
        started_at: at,
        ends_at: at + Duration::from_secs(3_600),
        end_text: "10:30 PM".to_owned(),
    };
    let mut tx = db.begin().await.unwrap();
    let started = request_start(&mut tx, &new, 7, &Carry::default()).await.unwrap();
    tx.commit().await.unwrap();
    started
}

fn carry(texts: u64) -> Carry {
    let mut carry = Carry { texts, ..Carry::default() };
    carry.total.passed = Tally::of(9);
    carry
}

pub(crate) fn text(id: RequestId, n: i64) -> NewText {
    NewText {
        request_id: id,
        n,
        due_at: s(n * 10),
        text: format!("이상 없습니다 {n}"),
        source: if n % 2 == 0 { TextSource::Reworded } else { TextSource::Composed },
        evidence: vec![Evidence::count("sensing.verdicts", &Tally::of(n))],
        progress: Progress {
            covered_seq: 7 + n,
            told_at: Some(s(n * 10)),
            carry: carry(u64::try_from(n).unwrap()),
        },
    }
}

pub(crate) async fn tell(db: &Db, texts: &[NewText]) {
    let mut tx = db.begin().await.unwrap();
    texts_insert(&mut tx, texts).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_name_is_one_person_in_any_case(home: &TestDb) {
    let (kim, new) = enter(&home.db, "Kim").await;
    assert!(new);
    assert_eq!(enter(&home.db, "kim").await, (kim.clone(), false), "the first writing stays");
    let (leader, new) = enter(&home.db, "야간 반장").await;
    assert!(new && leader.id != kim.id);
    assert_eq!(asker_find(&home.db, &name("KIM")).await.unwrap(), Some(kim));
    assert_eq!(asker_find(&home.db, &name("nobody")).await.unwrap(), None);
    assert_eq!(asker_count(&home.db).await.unwrap(), 2);
}

async fn wishes_are_kept(home: &TestDb) {
    let (kim, _) = enter(&home.db, "kim").await;
    assert_eq!(custom_get(&home.db, kim.id).await.unwrap(), Custom::default());
    let custom = Custom::new(vec!["영어로".to_owned(), "\"짧게\"".to_owned()]).unwrap();
    let mut tx = home.db.begin().await.unwrap();
    custom_set(&mut tx, kim.id, &custom).await.unwrap();
    let nobody = custom_set(&mut tx, nightshift_domain::briefing::AskerId(999), &custom).await;
    assert!(matches!(nobody, Err(StoreError::Missing { .. })), "{nobody:?}");
    tx.commit().await.unwrap();
    assert_eq!(custom_get(&home.db, kim.id).await.unwrap(), custom);
}

async fn one_request_of_a_person_runs(home: &TestDb) {
    let db = &home.db;
    let (first, ended) = start(db, "kim", s(0)).await;
    assert_eq!((ended, first.state), (None, RequestState::Running));
    let (other, ended) = start(db, "lee", s(1)).await;
    assert_eq!(ended, None);
    let (second, ended) = start(db, "Kim", s(2)).await;
    assert_eq!(ended, Some(first.id));
    let found = request_find(db, first.id).await.unwrap().unwrap();
    assert_eq!(found.request.state, RequestState::Ended { at: s(2), reason: EndReason::Replaced });
    let running: Vec<RequestId> =
        requests_running(db, RequestId(0), 10).await.unwrap().into_iter().map(|r| r.id).collect();
    assert_eq!(running, [other.id, second.id]);
    assert_eq!(requests_running(db, other.id, 10).await.unwrap(), std::slice::from_ref(&second));
    let listed = request_list(db, second.request.asker_id, 10).await.unwrap();
    assert_eq!(listed.iter().map(|r| r.id).collect::<Vec<_>>(), [second.id, first.id]);
    assert_eq!(request_latest(db, second.request.asker_id).await.unwrap(), Some(second.clone()));

    let mut tx = db.begin().await.unwrap();
    assert!(request_end(&mut tx, second.id, s(5), EndReason::Asked).await.unwrap());
    assert!(!request_end(&mut tx, second.id, s(6), EndReason::Time).await.unwrap(), "ended already");
    tx.commit().await.unwrap();
    let found = request_find(db, second.id).await.unwrap().unwrap();
    assert_eq!(found.request.state, RequestState::Ended { at: s(5), reason: EndReason::Asked });
    assert_eq!(request_find(db, RequestId(999)).await.unwrap(), None);
}

async fn texts_and_progress_are_written_together(home: &TestDb) {
    let db = &home.db;
    let (request, _) = start(db, "kim", s(0)).await;
    let before = request_find(db, request.id).await.unwrap().unwrap().progress;
    assert_eq!(before, Progress { covered_seq: 7, told_at: None, carry: Carry::default() });
    tell(db, &[text(request.id, 1)]).await;
    tell(db, &[text(request.id, 2)]).await;
    // A text that is there already is not told again.
    tell(db, &[NewText { text: "other words".to_owned(), ..text(request.id, 2) }]).await;
    let told = text_list(db, request.id, 0, 10).await.unwrap();
    assert_eq!(told, [(1, "이상 없습니다 1".to_owned()), (2, "이상 없습니다 2".to_owned())]);
    assert_eq!(text_list(db, request.id, 1, 10).await.unwrap().len(), 1);
    let after = request_find(db, request.id).await.unwrap().unwrap().progress;
    assert_eq!(after, Progress { covered_seq: 9, told_at: Some(s(20)), carry: carry(2) });

    let mut tx = db.begin().await.unwrap();
    let nul = texts_insert(&mut tx, &[NewText { text: "a\0".to_owned(), ..text(request.id, 3) }]).await;
    assert!(matches!(nul, Err(StoreError::Nul { .. })), "{nul:?}");
    let orphan = texts_insert(&mut tx, &[text(RequestId(999), 1)]).await;
    assert!(matches!(orphan, Err(StoreError::Query { .. })), "{orphan:?}");
    tx.rollback().await.unwrap();
}

async fn texts_are_paged_with_their_evidence(home: &TestDb) {
    let db = &home.db;
    let (request, _) = start(db, "kim", s(0)).await;
    let (other, _) = start(db, "lee", s(0)).await;
    let told: Vec<NewText> = (1..=3).map(|n| text(request.id, n)).collect();
    tell(db, &told).await;
    tell(db, &[text(other.id, 1)]).await;
    let page = text_page(db, request.id, Slice::first(10)).await.unwrap();
    assert_eq!((page.total, page.items.len()), (3, 3), "none of another request");
    for (kept, new) in page.items.iter().zip(&told) {
        assert_eq!((kept.n, kept.due_at, &kept.text), (new.n, new.due_at, &new.text));
        assert_eq!((kept.source, &kept.evidence), (new.source, &new.evidence));
    }
    let part = text_page(db, request.id, Slice { skip: 1, limit: 1 }).await.unwrap();
    assert_eq!((part.total, part.items), (3, page.items[1..2].to_vec()));
    let past = text_page(db, request.id, Slice { skip: 3, limit: 1 }).await.unwrap();
    assert_eq!((past.total, past.items.len()), (3, 0));
    let nothing = text_page(db, RequestId(999), Slice::first(10)).await.unwrap();
    assert_eq!((nothing.total, nothing.items.len()), (0, 0));
    home.run_sql("UPDATE briefing_text SET source = 'sung' WHERE n = 2").await;
    let error = text_page(db, request.id, Slice::first(10)).await.expect_err("no source").to_string();
    assert_eq!(error, "table briefing_text, row 2: column source is no source");
}

async fn many_texts_are_written_at_once(home: &TestDb) {
    let db = &home.db;
    let mut all = Vec::new();
    for n in 0..70 {
        let (request, _) = start(db, &format!("worker{n}"), s(0)).await;
        all.push(text(request.id, 1));
    }
    tell(db, &all).await;
    for new in all {
        assert_eq!(text_list(db, new.request_id, 0, 10).await.unwrap().len(), 1);
        let progress = request_find(db, new.request_id).await.unwrap().unwrap().progress;
        assert_eq!((progress.covered_seq, progress.carry.texts), (8, 1));
    }
}

async fn what_ended_long_ago_goes_with_its_texts(home: &TestDb) {
    let db = &home.db;
    let (old, _) = start(db, "kim", s(-1_000)).await;
    tell(db, &[text(old.id, 1)]).await;
    let (running, ended) = start(db, "kim", s(0)).await;
    assert_eq!(ended, Some(old.id));
    let mut tx = db.begin().await.unwrap();
    assert_eq!(requests_expire(&mut tx, s(0), 10).await.unwrap(), 0, "it ended just now");
    assert_eq!(requests_expire(&mut tx, s(1), 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(request_find(db, old.id).await.unwrap(), None);
    assert!(text_list(db, old.id, 0, 10).await.unwrap().is_empty());
    assert!(request_find(db, running.id).await.unwrap().is_some());
}

fn daily(day: &str, until: Timestamp) -> NewDaily {
    NewDaily {
        day: day.parse().unwrap(),
        from: until - Duration::from_secs(86_400),
        until,
        composed_at: until,
        text_ko: "이상 없습니다.".to_owned(),
        text_en: "All is well.".to_owned(),
        calm: true,
        evidence: vec![Evidence::count("sensing.verdicts", &Tally::of(3))],
        covered_seq: 3,
        carry: carry(1),
    }
}

async fn a_day_has_one_briefing(home: &TestDb) {
    let db = &home.db;
    assert_eq!(daily_last(db).await.unwrap(), None);
    let mut tx = db.begin().await.unwrap();
    let first = daily_insert(&mut tx, &daily("2026-11-25", s(0))).await.unwrap().unwrap();
    assert_eq!(daily_insert(&mut tx, &daily("2026-11-25", s(0))).await.unwrap(), None, "there is one");
    let second = daily_insert(&mut tx, &daily("2026-11-26", s(86_400))).await.unwrap().unwrap();
    tx.commit().await.unwrap();
    let page = daily_list(db, None, Slice::first(10)).await.unwrap();
    assert_eq!(page.items.iter().map(|d| d.id).collect::<Vec<_>>(), [second, first]);
    assert_eq!(page.total, 2);
    let day = "2026-11-25".parse().unwrap();
    assert_eq!(daily_list(db, Some(day), Slice::first(10)).await.unwrap().items[0].id, first);
    assert_eq!(daily_last(db).await.unwrap(), Some((s(86_400), 3, carry(1))));
    let found = daily_find(db, first).await.unwrap().unwrap();
    assert_eq!((found.text_en.as_str(), found.calm, found.evidence.len()), ("All is well.", true, 1));
    let mut tx = db.begin().await.unwrap();
    delivery_insert(&mut tx, first, Channel::Mail, NOW).await.unwrap();
    assert_eq!(dailies_expire(&mut tx, s(1), 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(daily_find(db, first).await.unwrap(), None);
    assert_eq!(deliveries_waiting(db).await.unwrap(), 0, "its deliveries go with it");
}

async fn deliveries_wait_until_they_are_settled(home: &TestDb) {
    let db = &home.db;
    let mut tx = db.begin().await.unwrap();
    let id = daily_insert(&mut tx, &daily("2026-11-25", s(0))).await.unwrap().unwrap();
    for channel in Channel::ALL {
        delivery_insert(&mut tx, id, channel, s(0)).await.unwrap();
        delivery_insert(&mut tx, id, channel, s(0)).await.unwrap();
    }
    tx.commit().await.unwrap();
    assert!(deliveries_due(db, s(-1), 10).await.unwrap().is_empty());
    let due = deliveries_due(db, s(0), 10).await.unwrap();
    assert_eq!(due.len(), 2, "each channel once");
    assert_eq!(due[0].state, DeliveryState::new(s(0)));

    let failed = due[0].state.clone().failed(s(0), "no connection").unwrap();
    let done = due[1].state.clone().delivered(s(1)).unwrap();
    let mut tx = db.begin().await.unwrap();
    delivery_save(&mut tx, due[0].id, &failed).await.unwrap();
    delivery_save(&mut tx, due[1].id, &done).await.unwrap();
    let again = delivery_save(&mut tx, due[1].id, &done).await;
    assert!(matches!(again, Err(StoreError::Missing { .. })), "{again:?}");
    tx.commit().await.unwrap();
    assert!(deliveries_due(db, s(4), 10).await.unwrap().is_empty(), "it waits for its next try");
    assert_eq!(deliveries_due(db, s(5), 10).await.unwrap()[0].state, failed);
    assert_eq!(delivery_find(db, due[1].id).await.unwrap().unwrap().state, done);
    assert_eq!(deliveries_waiting(db).await.unwrap(), 1);

    let given_up = DeliveryState::GivenUp { at: s(9), tries: TRIES_MAX, reason: "no connection".to_owned() };
    let mut tx = db.begin().await.unwrap();
    delivery_save(&mut tx, due[0].id, &given_up).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(delivery_find(db, due[0].id).await.unwrap().unwrap().state, given_up);
}

async fn the_same_look_counts_once(home: &TestDb) {
    let db = &home.db;
    let seen = Observation {
        source: "gate-camera".to_owned(),
        observed_at: s(-60),
        counts: BTreeMap::from([("person".to_owned(), 3)]),
        caption: None,
    };
    let mut tx = db.begin().await.unwrap();
    let (seq, new) = observation_insert(&mut tx, &seen).await.unwrap();
    assert!(new);
    let other = Observation { counts: BTreeMap::new(), ..seen.clone() };
    assert_eq!(observation_insert(&mut tx, &other).await.unwrap(), (seq, false));
    let elsewhere = Observation { source: "yard-camera".to_owned(), ..seen.clone() };
    assert!(observation_insert(&mut tx, &elsewhere).await.unwrap().1);
    tx.commit().await.unwrap();
    let events = events_after(db, 0, Some("briefing."), 10).await.unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!((events[0].event.at, &events[0].event.data["counts"]["person"]), (s(-60), &3.into()));
    let mut tx = db.begin().await.unwrap();
    assert_eq!(observations_expire(&mut tx, s(-59), 1).await.unwrap(), 1);
    assert_eq!(observations_expire(&mut tx, s(-59), 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
}
