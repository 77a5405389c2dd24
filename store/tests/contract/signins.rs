//! Failed sign-ins and known networks.

use std::net::IpAddr;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{Bucket, KNOWN_ADDRESSES_MAX, LockRules, Locked, Place, Role, Username};
use nightshift_store::Db;
use nightshift_store::identity::{
    signin_failed, signin_passed, signin_place, signin_unlock, signins_sweep, user_remove,
};
use nightshift_store::testing::TestDb;

use crate::users::make;
use crate::{NOW, s};

nightshift_store::on_both_engines!(
    five_failures_lock_and_an_administrator_unlocks,
    strangers_do_not_lock_a_known_network,
    who_is_locked_while_the_password_is_looked_at_stays_out,
    an_account_knows_so_many_networks,
    counts_and_networks_are_swept,
    a_name_that_is_given_again_inherits_nothing,
);

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

fn address(n: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, n])
}

fn rules() -> LockRules {
    LockRules::default()
}

async fn fail(db: &Db, account: &str, from: IpAddr, at: Timestamp) -> Bucket {
    let mut tx = db.begin().await.unwrap();
    let bucket = signin_failed(&mut tx, &name(account), from, &rules(), at).await.unwrap();
    tx.commit().await.unwrap();
    bucket
}

async fn pass(db: &Db, account: &str, from: IpAddr, at: Timestamp) -> Result<(), Locked> {
    let mut tx = db.begin().await.unwrap();
    let passed = signin_passed(&mut tx, &name(account), from, &rules(), at).await.unwrap();
    tx.commit().await.unwrap();
    passed
}

async fn place(db: &Db, account: &str, from: IpAddr, at: Timestamp) -> (Place, Bucket) {
    signin_place(db, &name(account), from, &rules(), at).await.unwrap()
}

async fn five_failures_lock_and_an_administrator_unlocks(home: &TestDb) {
    let db = &home.db;
    for i in 0..5u8 {
        // From everywhere, in any case, for a name that nobody has.
        let bucket = fail(db, if i % 2 == 0 { "kim" } else { "KIM" }, address(i), s(i64::from(i))).await;
        assert_eq!(bucket.failures, u32::from(i) + 1);
    }
    let until = s(604);
    let (found, bucket) = place(db, "Kim", address(9), s(5)).await;
    assert_eq!((found, bucket.check(s(5))), (Place::Elsewhere, Err(Locked { until })));
    assert_eq!(pass(db, "kim", address(9), s(5)).await, Err(Locked { until }));
    assert_eq!(fail(db, "kim", address(9), s(6)).await.locked_until, Some(until));
    assert_eq!(place(db, "lee", address(9), s(5)).await.1, Bucket::default());
    let mut tx = db.begin().await.unwrap();
    assert!(signin_unlock(&mut tx, &name("KIM")).await.unwrap());
    assert!(!signin_unlock(&mut tx, &name("KIM")).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(pass(db, "kim", address(9), s(7)).await, Ok(()));
}

async fn strangers_do_not_lock_a_known_network(home: &TestDb) {
    let db = &home.db;
    assert_eq!(pass(db, "kim", address(1), NOW).await, Ok(()));
    for i in 0..7 {
        fail(db, "kim", address(2), s(i)).await;
    }
    assert!(pass(db, "kim", address(3), s(10)).await.is_err());
    assert_eq!(
        place(db, "kim", address(1), s(10)).await,
        (Place::Known("10.0.0.1".to_owned()), Bucket::default())
    );
    assert_eq!(pass(db, "kim", address(1), s(10)).await, Ok(()));
    assert!(pass(db, "kim", address(3), s(11)).await.is_err(), "a sign-in at home opens nothing elsewhere");
    for i in 0..5 {
        fail(db, "kim", address(1), s(20 + i)).await;
    }
    assert!(pass(db, "kim", address(1), s(30)).await.is_err(), "home is locked by its own failures");
    let later = s(20) + rules().known;
    assert_eq!(place(db, "kim", address(1), later).await.0, Place::Elsewhere);
}

async fn who_is_locked_while_the_password_is_looked_at_stays_out(home: &TestDb) {
    let db = &home.db;
    let (_, before) = place(db, "kim", address(1), NOW).await;
    assert_eq!(before.check(NOW), Ok(()));
    for _ in 0..5 {
        fail(db, "kim", address(1), NOW).await;
    }
    assert!(pass(db, "kim", address(1), NOW).await.is_err());
    assert_eq!(place(db, "kim", address(1), NOW).await.0, Place::Elsewhere, "its network is not known");
}

async fn an_account_knows_so_many_networks(home: &TestDb) {
    let db = &home.db;
    let most = u8::try_from(KNOWN_ADDRESSES_MAX).unwrap();
    for n in 0..=most {
        assert_eq!(pass(db, "kim", address(n), s(i64::from(n))).await, Ok(()));
    }
    assert_eq!(pass(db, "lee", address(0), s(99)).await, Ok(()));
    let known = async |n| place(db, "kim", address(n), s(100)).await.0 != Place::Elsewhere;
    assert!(!known(0).await);
    assert!(known(1).await && known(most).await);
}

async fn counts_and_networks_are_swept(home: &TestDb) {
    let db = &home.db;
    for (i, account) in ["a", "b", "c"].into_iter().enumerate() {
        let at = s(i64::try_from(i).unwrap());
        pass(db, account, address(1), at).await.unwrap();
        fail(db, account, address(2), at).await;
    }
    let mut tx = db.begin().await.unwrap();
    assert_eq!(signins_sweep(&mut tx, s(2), NOW - Duration::from_secs(1), 1).await.unwrap(), 1);
    assert_eq!(signins_sweep(&mut tx, s(2), s(2), 10).await.unwrap(), 3);
    assert_eq!(signins_sweep(&mut tx, s(2), s(2), 10).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(place(db, "c", address(2), s(3)).await.1.failures, 1);
    assert_eq!(place(db, "b", address(2), s(3)).await.1.failures, 0);
    assert_eq!(place(db, "a", address(1), s(3)).await.0, Place::Elsewhere);
}

async fn a_name_that_is_given_again_inherits_nothing(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "Kim", Role::Operator).await;
    pass(db, "kim", address(1), NOW).await.unwrap();
    fail(db, "kim", address(2), NOW).await;
    let mut tx = db.begin().await.unwrap();
    user_remove(&mut tx, kim.id, s(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(place(db, "kim", address(1), s(2)).await, (Place::Elsewhere, Bucket::default()));
}
