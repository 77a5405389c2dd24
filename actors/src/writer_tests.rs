use super::*;
use crate::testing::{TestPlant, calm, id, on, plants, spec};
use futures::future::join_all;
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{ChildSpec, Mailbox, Runtime, Supervisor};
use nightshift_store::sensing as store;
use nightshift_store::system::{Claim, StoredAnswer};
use nightshift_store::testing::{TestDb, postgres, sqlite};

const DEADLINE: Duration = Duration::from_secs(30);

struct Bench {
    writer: Writer,
    hub: Hub,
    root: Supervisor,
    home: TestDb,
}

fn bench(home: TestDb) -> Bench {
    patient(home, GROUP_TIME_MAX)
}

/// With a writer that waits for the database no longer than `patience`.
fn patient(home: TestDb, patience: Duration) -> Bench {
    let (hub, root) = (Hub::new(0), Supervisor::root("test", Runtime::system()).expect("root"));
    let (db, own, queue) = (home.db.clone(), hub.clone(), Arc::<Queue>::default());
    let for_writer = Arc::clone(&queue);
    let make = move || StoreWriter {
        patience,
        ..StoreWriter::new(db.clone(), own.clone(), Arc::clone(&for_writer))
    };
    let address = root.spawn(ChildSpec::new("writer").mailbox(Mailbox::wait(1_024)), make).expect("writer");
    Bench { writer: Writer::new(address, queue), hub, root, home }
}

async fn benches() -> Vec<Bench> {
    let mut all = vec![bench(sqlite().await)];
    all.extend(postgres().await.map(bench));
    all
}

async fn event(writer: &Writer, n: i64) -> Result<i64, WriteError> {
    let event = NewEvent::new(Timestamp::from_s(n), "test.event", "x", serde_json::json!({ "n": n }));
    writer.run(DEADLINE, move |tx| Box::pin(async move { tx.journal(event).await })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writes_share_commits_and_events_reach_the_hub_in_order() {
    for bench in benches().await {
        let mut reader = bench.hub.follow(bench.home.db.clone(), None, None);
        let outcomes = join_all((0..300).map(|n| event(&bench.writer, n))).await;
        assert!(outcomes.iter().all(Result::is_ok));
        let mut last = 0;
        for _ in 0..300 {
            let step =
                tokio::time::timeout(DEADLINE, reader.next()).await.expect("in time").expect("readable");
            let crate::JournalStep::Event(event) = step else { panic!("not an event: {step:?}") };
            assert_eq!(event.seq, last + 1, "the hub lost or repeated an event");
            last = event.seq;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_fails_is_undone_alone() {
    for bench in benches().await {
        let register = |name: &str| {
            let spec = spec(name);
            bench.writer.run(DEADLINE, move |tx| {
                Box::pin(async move {
                    tx.journal(NewEvent::new(Timestamp::Y2000, "test.try", "x", serde_json::json!({})))
                        .await?;
                    store::sensor_insert(tx, &spec, Timestamp::Y2000).await
                })
            })
        };
        let outcomes = join_all(["a", "b", "a", "c", "b"].map(register)).await;
        let refused = outcomes
            .iter()
            .filter(|o| matches!(o, Err(WriteError::Store(e)) if matches!(**e, StoreError::Conflict { .. })))
            .count();
        assert_eq!((outcomes.iter().filter(|o| o.is_ok()).count(), refused), (3, 2));
        let events =
            nightshift_store::system::events_after(&bench.home.db, 0, None, 100).await.expect("events");
        assert_eq!(events.len(), 3, "a failed unit's event must go with it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_never_ends_holds_nobody_up_for_good() {
    for home in [Some(sqlite().await), postgres().await].into_iter().flatten() {
        let bench = patient(home, Duration::from_secs(3));
        let stuck = bench.writer.run(DEADLINE, |tx| {
            Box::pin(async move {
                tx.journal(NewEvent::new(Timestamp::from_s(1), "test.stuck", "x", serde_json::json!({})))
                    .await?;
                std::future::pending::<Result<(), StoreError>>().await
            })
        });
        let (stuck, next) = tokio::join!(stuck, async {
            // Whatever shares its transaction fails with it; what comes after is done.
            while event(&bench.writer, 2).await.is_err() {}
        });
        assert!(matches!(&stuck, Err(WriteError::Store(error)) if error.is_transient()), "{stuck:?}");
        let () = next;
        let kept =
            nightshift_store::system::events_after(&bench.home.db, 0, None, 10).await.expect("readable");
        assert!(kept.iter().all(|event| event.event.kind == "test.event"), "{kept:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ordered_stop_commits_what_waits() {
    for bench in benches().await {
        let writer = bench.writer.clone();
        let writes = tokio::spawn(async move { join_all((0..500).map(|n| event(&writer, n))).await });
        event(&bench.writer, 1_000).await.expect("the writer works");
        let report = bench.root.shutdown(DEADLINE).await;
        assert!(report.clean, "{report:?}");
        let acknowledged = writes.await.expect("no panic").iter().filter(|o| o.is_ok()).count() + 1;
        let events =
            nightshift_store::system::events_after(&bench.home.db, 0, None, 1_000).await.expect("events");
        assert!(events.len() >= acknowledged, "{} kept, {acknowledged} acknowledged", events.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_that_is_restarted_keeps_its_callers_waiting_and_loses_none() {
    for bench in benches().await {
        let writer = bench.writer.clone();
        let writes = tokio::spawn(async move {
            let mut kept = 0_usize;
            for n in 0..400 {
                kept += join_all((0..4).map(|m| event(&writer, n * 4 + m))).await.iter().flatten().count();
            }
            kept
        });
        while !writes.is_finished() {
            let report = bench.root.restart("writer").await.expect("restarts");
            assert!(report.clean, "{report:?}");
            event(&bench.writer, 9_999).await.expect("a write right after a restart");
        }
        assert_eq!(writes.await.expect("no panic"), 1_600, "a restart refused a write");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_resumes_from_the_journal_and_is_told_when_its_place_is_gone() {
    for TestPlant { plant, home } in plants().await {
        for n in 0..5 {
            plant.sensing().register(spec(&format!("s{n}"))).await.expect("registers");
        }
        let mut reader = plant.follow(Some(2), Some("sensing.".to_owned()));
        plant.sensing().push(&id("s0"), calm(3)).await.expect("push");
        plant.sensing().remove(&id("s4")).await.expect("removes");
        let mut seen = Vec::new();
        while seen.len() < 4 {
            let step =
                tokio::time::timeout(DEADLINE, reader.next()).await.expect("in time").expect("readable");
            if let crate::JournalStep::Event(event) = step {
                seen.push((event.seq, event.event.kind.clone()));
            }
        }
        let kinds: Vec<&str> = seen.iter().map(|(_, kind)| kind.as_str()).collect();
        assert_eq!(
            kinds,
            ["sensing.registered", "sensing.registered", "sensing.registered", "sensing.removed"]
        );
        assert!(seen.windows(2).all(|w| w[0].0 < w[1].0));

        let mut foreign = plant.follow(Some(1_000_000), None);
        let step = foreign.next().await.expect("readable");
        assert!(matches!(step, crate::JournalStep::Reset { .. }), "{step:?}");
        drop(home);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_to_a_database_that_is_gone_is_refused_and_the_plant_lives() {
    let test = on(sqlite().await, crate::PlantConfig::default()).await;
    let sensing = test.plant.sensing();
    sensing.register(spec("a")).await.expect("registers");
    sensing.push(&id("a"), calm(3)).await.expect("push");
    test.home.db.close().await;
    let refused = sensing.push(&id("a"), calm(5)).await.expect_err("nothing can be stored");
    assert!(
        matches!(refused, crate::SensingError::Unavailable { .. } | crate::SensingError::Failed(_)),
        "{refused:?}"
    );
    assert_eq!(test.plant.tree(Some("plant/store-writer"), None, 1).expect("in the tree").restarts, 0);
}

fn answered(text: &str) -> StoredAnswer {
    StoredAnswer { status: 201, response: text.as_bytes().to_vec() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_kept_with_its_effect_and_only_with_it() {
    for bench in benches().await {
        let answers = crate::Answers::new(
            bench.home.db.clone(),
            bench.writer.clone(),
            nightshift_kernel::Clock::system(),
        );
        let now = Timestamp::from_us(nightshift_kernel::Clock::system().now_us());
        let register = |name: &str, body: &str| {
            let (spec, ticket) = (spec(name), crate::Ticket::new("user 1 /api/sensors", name, body));
            let once = ticket.clone().answered_by(|key: &i64| answered(&key.to_string()));
            let done = bench.writer.run(DEADLINE, move |tx| {
                Box::pin(async move {
                    let key = store::sensor_insert(tx, &spec, now).await?.key.0;
                    once.keep(tx, &key, now).await.map(|()| key)
                })
            });
            async move { (done.await, ticket) }
        };
        let (done, ticket) = register("a", "hash").await;
        let key = done.expect("registered");
        assert!(ticket.is_kept());
        let found = answers.find(&ticket).await.expect("readable");
        assert_eq!(found, Some(Claim::Answered(answered(&key.to_string()))));
        let other = crate::Ticket::new("user 1 /api/sensors", "a", "another hash");
        assert_eq!(answers.find(&other).await.expect("readable"), Some(Claim::OtherBody));
        assert!(answers.keep(other, answered("")).await.is_err(), "an answer is never replaced");

        // The effect of a unit whose answer cannot be kept is undone.
        let (spec, once) = (spec("b"), ticket.answered_by(|_: &()| answered("")));
        let refused = bench.writer.run(DEADLINE, move |tx| {
            Box::pin(async move {
                store::sensor_insert(tx, &spec, now).await?;
                once.keep(tx, &(), now).await
            })
        });
        assert!(refused.await.is_err());
        assert!(store::sensor_find(&bench.home.db, &id("b")).await.expect("readable").is_none());
    }
}
