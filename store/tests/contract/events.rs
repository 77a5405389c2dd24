//! The journal.

use std::time::Duration;

use nightshift_domain::NewEvent;
use nightshift_store::Db;
use nightshift_store::system::{events_after, events_bounds, events_expire};
use nightshift_store::testing::TestDb;

use crate::{NOW, s};

nightshift_store::on_both_engines!(
    a_reader_goes_on_where_it_was,
    kinds_are_chosen_by_their_beginning,
    old_events_expire_and_numbers_are_not_used_again,
    the_newest_events_stay_when_there_are_too_many,
    two_programs_keep_the_order,
);

async fn journal(db: &Db, kinds: &[&str]) {
    let mut tx = db.begin().await.unwrap();
    for (i, kind) in kinds.iter().enumerate() {
        let at = s(i64::try_from(i).unwrap());
        tx.journal(NewEvent::new(at, kind, "subject", serde_json::json!({"i": i}))).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn a_reader_goes_on_where_it_was(home: &TestDb) {
    assert_eq!(events_bounds(&home.db).await.unwrap(), (None, None));
    journal(&home.db, &["a", "b", "c", "d"]).await;
    let first = events_after(&home.db, 0, None, 3).await.unwrap();
    assert_eq!(first.iter().map(|e| e.event.kind.as_str()).collect::<Vec<_>>(), ["a", "b", "c"]);
    let rest = events_after(&home.db, first[2].seq, None, 3).await.unwrap();
    assert_eq!(rest.len(), 1);
    assert_eq!(rest[0].event, NewEvent::new(s(3), "d", "subject", serde_json::json!({"i": 3})));
    assert_eq!(events_bounds(&home.db).await.unwrap(), (Some(first[0].seq), Some(rest[0].seq)));
}

async fn kinds_are_chosen_by_their_beginning(home: &TestDb) {
    journal(&home.db, &["sensing.verdict", "fleet.moved", "sensing.removed", "sens%", "SENSING.x"]).await;
    let kinds = async |prefix| -> Vec<String> {
        let events = events_after(&home.db, 0, Some(prefix), 10).await.unwrap();
        events.into_iter().map(|e| e.event.kind).collect()
    };
    assert_eq!(kinds("sensing.").await, ["sensing.verdict", "sensing.removed"]);
    assert_eq!(kinds("sens%").await, ["sens%"]);
    assert_eq!(kinds("").await.len(), 5);
    assert!(kinds("production.").await.is_empty());
}

async fn old_events_expire_and_numbers_are_not_used_again(home: &TestDb) {
    journal(&home.db, &["a", "b", "c", "d"]).await;
    let (_, newest) = events_bounds(&home.db).await.unwrap();
    let mut tx = home.db.begin().await.unwrap();
    assert_eq!(events_expire(&mut tx, s(100), 1_000, 2).await.unwrap(), 2);
    assert_eq!(events_expire(&mut tx, s(100), 1_000, 2).await.unwrap(), 1);
    assert_eq!(events_expire(&mut tx, s(100), 1_000, 2).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(events_bounds(&home.db).await.unwrap(), (newest, newest));
    journal(&home.db, &["e"]).await;
    assert!(events_bounds(&home.db).await.unwrap().1 > newest);
}

async fn the_newest_events_stay_when_there_are_too_many(home: &TestDb) {
    journal(&home.db, &["a", "b", "c", "d", "e"]).await;
    let mut tx = home.db.begin().await.unwrap();
    assert_eq!(events_expire(&mut tx, NOW - Duration::from_secs(1), 3, 100).await.unwrap(), 2);
    tx.commit().await.unwrap();
    let left = events_after(&home.db, 0, None, 10).await.unwrap();
    assert_eq!(left.iter().map(|e| e.event.kind.as_str()).collect::<Vec<_>>(), ["c", "d", "e"]);
}

async fn two_programs_keep_the_order(home: &TestDb) {
    let other = Db::connect(&home.options).await.unwrap();
    let write = async |db: Db| {
        for _ in 0..20 {
            journal(&db, &["x", "y"]).await;
        }
    };
    let watch = async |db: Db| {
        let mut last = 0;
        let mut seen = 0;
        while seen < 80 {
            for event in events_after(&db, last, None, 100).await.unwrap() {
                last = event.seq;
                seen += 1;
            }
            tokio::task::yield_now().await;
        }
        seen
    };
    let all = async { tokio::join!(write(home.db.clone()), write(other.clone()), watch(home.db.clone())) };
    let ((), (), seen) =
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("nothing was passed over");
    assert_eq!(seen, 80);
    other.close().await;
}
