//! Readings.

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Account, Reading, SensorKey};
use nightshift_store::StoreError;
use nightshift_store::sensing::{
    ReadingBatch, account_all, account_audit, account_find, account_total, readings_at, readings_count,
    readings_expire, readings_insert, readings_insert_all, readings_latest, readings_range, sensor_remove,
};
use nightshift_store::testing::TestDb;

use crate::{NOW, all_stored, batch, r, register, s, store};

nightshift_store::on_both_engines!(
    what_is_stored_is_read_back_bit_by_bit,
    windows_end_where_they_are_asked_to,
    a_group_may_be_of_any_size,
    a_removed_or_unknown_sensor_fails_alone,
    a_stored_time_fails_alone,
    an_account_that_does_not_fit_fails_alone,
    one_sensor_may_be_twice_in_a_group,
    a_batch_of_nothing_is_counted,
    a_group_is_stored_whole_or_refused_whole,
    retention_takes_the_oldest_and_counts_them,
    accounts_add_up,
);

async fn what_is_stored_is_read_back_bit_by_bit(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    let values =
        [0.1 + 0.2, 1.0 / 3.0, f64::MAX, f64::MIN_POSITIVE, 5e-324, -1e-300, 9_007_199_254_740_993.0, 7.0];
    let readings: Vec<Reading> = values.iter().zip(0..).map(|(v, i)| r(i, *v)).collect();
    assert!(store(&home.db, &[batch(key, &readings)]).await[0].is_ok());
    let back = readings_range(&home.db, key, s(0), s(100), 100).await.unwrap();
    let bits = |rs: &[Reading]| rs.iter().map(|r| (r.at, r.value.to_bits())).collect::<Vec<_>>();
    assert_eq!(bits(&back), bits(&readings));
    let times: Vec<Timestamp> = [s(3), s(1), s(50), s(1)].to_vec();
    let known = readings_at(&home.db, key, &times).await.unwrap();
    assert_eq!(known.into_iter().collect::<Vec<_>>(), vec![(s(1), values[1]), (s(3), values[3])]);
    assert!(readings_at(&home.db, key, &[]).await.unwrap().is_empty());
}

async fn windows_end_where_they_are_asked_to(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    let other = register(&home.db, "b").await.key;
    let readings: Vec<Reading> = (0..10).map(|i| r(i * 10, f64::from(i as i32))).collect();
    store(&home.db, &[batch(key, &readings), batch(other, &readings[..3])]).await;
    let latest = readings_latest(&home.db, key, s(50), 3, s(-1_000)).await.unwrap();
    assert_eq!(latest, readings[3..=5]);
    let latest = readings_latest(&home.db, key, s(59), 100, s(40)).await.unwrap();
    assert_eq!(latest, readings[4..=5]);
    assert!(readings_latest(&home.db, key, s(-1), 100, Timestamp::Y2000).await.unwrap().is_empty());
    assert_eq!(readings_range(&home.db, key, s(20), s(50), 100).await.unwrap(), readings[2..5]);
    assert_eq!(readings_range(&home.db, key, s(20), s(50), 2).await.unwrap(), readings[2..4]);
    assert_eq!(readings_count(&home.db, key).await.unwrap(), 10);
    assert_eq!(readings_count(&home.db, other).await.unwrap(), 3);
}

async fn a_group_may_be_of_any_size(home: &TestDb) {
    assert!(store(&home.db, &[]).await.is_empty());
    let keys = [register(&home.db, "a").await.key, register(&home.db, "b").await.key];
    let mut first = 0;
    for n in [1, 2, 3, 64, 100, 1_000, 1_441] {
        let readings: Vec<Reading> = (first..first + n).map(|i| r(i, 1.5)).collect();
        let outcomes = store(&home.db, &[batch(keys[0], &readings), batch(keys[1], &readings)]).await;
        assert!(outcomes.iter().all(Result::is_ok));
        first += n;
        for key in keys {
            assert_eq!(readings_count(&home.db, key).await.unwrap(), first);
            let (account, expired) = account_find(&home.db, key).await.unwrap();
            assert_eq!((account.stored, account.check(first, expired)), (first, Ok(())));
        }
    }
}

async fn a_removed_or_unknown_sensor_fails_alone(home: &TestDb) {
    let kept = register(&home.db, "kept").await.key;
    let gone = register(&home.db, "gone").await.key;
    let mut tx = home.db.begin().await.unwrap();
    sensor_remove(&mut tx, gone, NOW).await.unwrap();
    tx.commit().await.unwrap();
    let readings = [r(0, 1.0), r(1, 2.0)];
    let group = [batch(gone, &readings), batch(kept, &readings), batch(SensorKey(4_711), &readings)];
    let outcomes = store(&home.db, &group).await;
    assert!(matches!(outcomes[0], Err(StoreError::Missing { .. })), "{outcomes:?}");
    assert!(outcomes[1].is_ok());
    assert!(matches!(outcomes[2], Err(StoreError::Missing { .. })), "{outcomes:?}");
    assert_eq!(readings_count(&home.db, kept).await.unwrap(), 2);
    assert_eq!(readings_count(&home.db, gone).await.unwrap(), 0);
    assert_eq!(account_find(&home.db, gone).await.unwrap(), (Account::default(), 0));
}

async fn a_stored_time_fails_alone(home: &TestDb) {
    let a = register(&home.db, "a").await.key;
    let b = register(&home.db, "b").await.key;
    store(&home.db, &[batch(a, &[r(1, 1.0)])]).await;
    let clash = [r(0, 9.0), r(1, 9.0)];
    let fine = [r(0, 5.0), r(1, 5.0)];
    let outcomes = store(&home.db, &[batch(a, &clash), batch(b, &fine)]).await;
    assert!(matches!(outcomes[0], Err(StoreError::Conflict { .. })), "{outcomes:?}");
    assert!(outcomes[1].is_ok());
    assert_eq!(readings_range(&home.db, a, s(0), s(9), 9).await.unwrap(), vec![r(1, 1.0)]);
    assert_eq!(readings_range(&home.db, b, s(0), s(9), 9).await.unwrap(), fine);
    for key in [a, b] {
        let (account, expired) = account_find(&home.db, key).await.unwrap();
        account.check(readings_count(&home.db, key).await.unwrap(), expired).unwrap();
    }
}

async fn an_account_that_does_not_fit_fails_alone(home: &TestDb) {
    let a = register(&home.db, "a").await.key;
    let b = register(&home.db, "b").await.key;
    let one = [r(0, 1.0)];
    let nan = [r(0, f64::NAN)];
    let lost = Account { offered: 2, ..all_stored(&one) };
    let more = Account { offered: 2, stored: 2, ..Account::default() };
    let outcomes = store(
        &home.db,
        &[
            ReadingBatch { account: lost, ..batch(a, &one) },
            ReadingBatch { account: more, ..batch(a, &one) },
            batch(a, &nan),
            batch(b, &one),
        ],
    )
    .await;
    assert!(outcomes[..3].iter().all(|o| matches!(o, Err(StoreError::Unbalanced { .. }))), "{outcomes:?}");
    assert!(outcomes[3].is_ok());
    assert_eq!(account_find(&home.db, a).await.unwrap(), (Account::default(), 0));
}

async fn one_sensor_may_be_twice_in_a_group(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    let (one, two) = ([r(0, 1.0)], [r(1, 2.0), r(2, 3.0)]);
    assert!(store(&home.db, &[batch(key, &one), batch(key, &two)]).await.iter().all(Result::is_ok));
    assert_eq!(account_find(&home.db, key).await.unwrap().0.stored, 3);
    assert_eq!(readings_count(&home.db, key).await.unwrap(), 3);
}

async fn a_batch_of_nothing_is_counted(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    let account = Account { offered: 6, stored: 0, duplicate: 3, late: 2, rejected: 1 };
    let outcomes = store(&home.db, &[ReadingBatch { sensor_key: key, readings: &[], account }]).await;
    assert!(outcomes[0].is_ok());
    assert_eq!(account_find(&home.db, key).await.unwrap(), (account, 0));
}

async fn a_group_is_stored_whole_or_refused_whole(home: &TestDb) {
    let keys = [register(&home.db, "a").await.key, register(&home.db, "b").await.key];
    let unknown = SensorKey(keys[1].0 + 1_000);
    let insert = async |batches: &[ReadingBatch<'_>]| {
        let mut tx = home.db.begin().await.unwrap();
        let whole = readings_insert_all(&mut tx, batches).await.unwrap();
        if whole { tx.commit().await.map(|_| ()) } else { tx.rollback().await }.unwrap();
        whole
    };
    let mut first = 0;
    for n in [1, 2, 5, 100, 134, 511, 513, 1_000] {
        let readings: Vec<Reading> = (first..first + n).map(|i| r(i, 1.0 / (i as f64 + 3.0))).collect();
        let (whole, half) = (batch(keys[0], &readings), batch(keys[1], &readings));
        assert!(insert(&[whole, half]).await);
        first += n;
        let later = [r(first, 0.5)];
        assert!(!insert(&[batch(keys[0], &later), half]).await, "a time that is stored already");
        assert!(!insert(&[batch(keys[0], &later), batch(unknown, &later)]).await, "a sensor that is unknown");
        let unbalanced = ReadingBatch { account: Account::default(), ..batch(keys[0], &later) };
        assert!(!insert(&[unbalanced]).await);
        for key in keys {
            let back = readings_range(&home.db, key, s(0), s(100_000), 10_000).await.unwrap();
            assert_eq!(back.len() as i64, first);
            assert_eq!(back[back.len() - n as usize..], readings);
            let (account, expired) = account_find(&home.db, key).await.unwrap();
            assert_eq!((account.stored, account.check(first, expired)), (first, Ok(())));
        }
    }
}

async fn retention_takes_the_oldest_and_counts_them(home: &TestDb) {
    let key = register(&home.db, "a").await.key;
    let readings: Vec<Reading> = (0..10).map(|i| r(i, 1.0)).collect();
    store(&home.db, &[batch(key, &readings)]).await;
    let mut tx = home.db.begin().await.unwrap();
    assert_eq!(readings_expire(&mut tx, key, s(7), 5).await.unwrap(), 5);
    assert_eq!(readings_expire(&mut tx, key, s(7), 5).await.unwrap(), 2);
    assert_eq!(readings_expire(&mut tx, key, s(7), 5).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(readings_range(&home.db, key, s(0), s(99), 99).await.unwrap(), readings[7..]);
    let (account, expired) = account_find(&home.db, key).await.unwrap();
    assert_eq!(expired, 7);
    assert_eq!(account_audit(&home.db, key).await.unwrap(), (account, 3, 7));
    assert!(matches!(account_audit(&home.db, SensorKey(99)).await, Err(StoreError::Missing { .. })));
    account.check(readings_count(&home.db, key).await.unwrap(), expired).unwrap();
}

async fn accounts_add_up(home: &TestDb) {
    assert_eq!(account_total(&home.db).await.unwrap(), (Account::default(), 0));
    let keys = [register(&home.db, "a").await.key, register(&home.db, "b").await.key];
    let (two, three) = ([r(0, 1.0), r(1, 1.0)], [r(0, 1.0), r(1, 1.0), r(2, 1.0)]);
    store(&home.db, &[batch(keys[0], &two), batch(keys[1], &three)]).await;
    let mut tx = home.db.begin().await.unwrap();
    readings_expire(&mut tx, keys[0], s(1), 9).await.unwrap();
    sensor_remove(&mut tx, keys[0], NOW).await.unwrap();
    let outcomes = readings_insert(&mut tx, &[batch(keys[0], &[r(7, 1.0)])]).await.unwrap();
    assert!(outcomes[0].is_err(), "removed in this very unit");
    tx.commit().await.unwrap();
    assert_eq!(account_all(&home.db).await.unwrap(), vec![(keys[1], all_stored(&three), 0)]);
    let (total, expired) = account_total(&home.db).await.unwrap();
    assert_eq!((total.offered, total.stored, expired), (5, 5, 1));
}
