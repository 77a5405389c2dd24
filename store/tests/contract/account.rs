//! Whatever is offered in whatever order, the account balances and the store holds what was counted.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Offer, Reading, SensorKey, sort_offer};
use nightshift_store::Db;
use nightshift_store::sensing::{
    ReadingBatch, account_find, readings_at, readings_count, readings_expire, readings_insert, readings_range,
};
use nightshift_store::testing::TestDb;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::{NOW, register, s};

nightshift_store::on_both_engines!(any_sequence_of_offers_balances);

/// Sequences tried per engine.
const CASES: u32 = 24;
const HORIZON: Duration = Duration::from_secs(40);

#[derive(Debug, Clone)]
enum Step {
    /// One offer to each of two sensors, in one group.
    Offer([Vec<Reading>; 2]),
    Expire {
        sensor: usize,
        before_s: i64,
        limit: u32,
    },
}

fn reading() -> impl Strategy<Value = Reading> {
    let time = prop_oneof![20 => -50i64..20, 1 => Just(10_000), 1 => Just(-1_700_000_000)];
    let value = prop_oneof![9 => (0..4i32).prop_map(f64::from), 1 => Just(f64::NAN)];
    (time, value).prop_map(|(at, value)| Reading { at: s(at), value })
}

fn step() -> impl Strategy<Value = Step> {
    let offer = || prop::collection::vec(reading(), 0..20);
    prop_oneof![
        5 => (offer(), offer()).prop_map(|(a, b)| Step::Offer([a, b])),
        1 => (0..2usize, -60i64..10, 0..8u32)
            .prop_map(|(sensor, before_s, limit)| Step::Expire { sensor, before_s, limit }),
    ]
}

async fn apply(db: &Db, keys: [SensorKey; 2], step: Step, held: &mut [BTreeMap<Timestamp, f64>; 2]) {
    let mut tx = db.begin().await.unwrap();
    match step {
        Step::Offer(offers) => {
            let mut sorted = Vec::new();
            for (key, readings) in keys.iter().zip(&offers) {
                let times: Vec<Timestamp> = readings.iter().map(|r| r.at).collect();
                let known = readings_at(db, *key, &times).await.unwrap();
                sorted.push(sort_offer(Offer { readings, known: &known, now: NOW, horizon: NOW - HORIZON }));
            }
            let batches: Vec<ReadingBatch<'_>> = keys
                .iter()
                .zip(&sorted)
                .map(|(key, s)| ReadingBatch { sensor_key: *key, readings: &s.fresh, account: s.account })
                .collect();
            assert!(readings_insert(&mut tx, &batches).await.unwrap().iter().all(Result::is_ok));
            for (held, sorted) in held.iter_mut().zip(&sorted) {
                held.extend(sorted.fresh.iter().map(|r| (r.at, r.value)));
            }
        }
        Step::Expire { sensor, before_s, limit } => {
            let gone = readings_expire(&mut tx, keys[sensor], s(before_s), limit).await.unwrap();
            let oldest: Vec<Timestamp> =
                held[sensor].range(..s(before_s)).map(|(at, _)| *at).take(limit as usize).collect();
            assert_eq!(gone, oldest.len() as u64);
            for at in oldest {
                held[sensor].remove(&at);
            }
        }
    }
    tx.commit().await.unwrap();
}

async fn check(db: &Db, key: SensorKey, held: &BTreeMap<Timestamp, f64>) {
    let (account, expired) = account_find(db, key).await.unwrap();
    account.check(readings_count(db, key).await.unwrap(), expired).unwrap();
    let stored = readings_range(db, key, Timestamp::Y2000, Timestamp::MAX, 1_000).await.unwrap();
    assert!(stored.iter().map(|r| (r.at, r.value)).eq(held.iter().map(|(at, v)| (*at, *v))));
}

async fn any_sequence_of_offers_balances(home: &TestDb) {
    let runtime = tokio::runtime::Handle::current();
    let case = AtomicU32::new(0);
    let run = |steps: Vec<Step>| {
        let n = case.fetch_add(1, Ordering::Relaxed);
        runtime.block_on(async {
            let keys = [
                register(&home.db, &format!("a{n}")).await.key,
                register(&home.db, &format!("b{n}")).await.key,
            ];
            let mut held = [BTreeMap::new(), BTreeMap::new()];
            for step in steps {
                apply(&home.db, keys, step, &mut held).await;
            }
            for (key, held) in keys.into_iter().zip(&held) {
                check(&home.db, key, held).await;
            }
        });
        Ok(())
    };
    tokio::task::block_in_place(|| {
        let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
        TestRunner::new(config).run(&prop::collection::vec(step(), 1..12), run).unwrap();
    });
}
