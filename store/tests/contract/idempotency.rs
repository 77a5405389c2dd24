//! Answers of requests that may be repeated.

use nightshift_store::system::{
    Claim, StoredAnswer, idempotency_amend, idempotency_claim, idempotency_find, idempotency_finish,
    idempotency_forget, idempotency_release, idempotency_sweep, idempotency_withdraw,
};
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, StoreError};

use crate::s;

nightshift_store::on_both_engines!(
    a_request_is_answered_once,
    a_claim_that_was_left_is_taken_over,
    a_released_key_is_new_again,
    an_answer_is_amended_and_withdrawn,
    old_keys_are_swept,
    a_scope_is_forgotten_as_a_whole,
);

async fn claim(db: &Db, key: &str, body: &str, at: i64) -> Claim {
    let mut tx = db.begin().await.unwrap();
    let claim = idempotency_claim(&mut tx, "user 1 POST /lots", key, body, s(at - 60), s(at)).await.unwrap();
    tx.commit().await.unwrap();
    claim
}

fn answer() -> StoredAnswer {
    StoredAnswer { status: 201, response: b"{\"id\":1}\0\xff".to_vec() }
}

async fn a_request_is_answered_once(home: &TestDb) {
    let db = &home.db;
    let scope = "user 1 POST /lots";
    assert_eq!(idempotency_find(db, scope, "k", "h").await.unwrap(), None);
    assert_eq!(claim(db, "k", "h", 0).await, Claim::Fresh);
    assert_eq!(claim(db, "k", "h", 1).await, Claim::InProgress);
    assert_eq!(claim(db, "k", "other", 1).await, Claim::OtherBody);
    assert_eq!(idempotency_find(db, scope, "k", "h").await.unwrap(), Some(Claim::InProgress));
    let mut tx = db.begin().await.unwrap();
    idempotency_finish(&mut tx, scope, "k", &answer()).await.unwrap();
    let again = idempotency_finish(&mut tx, scope, "k", &answer()).await;
    assert!(matches!(again, Err(StoreError::Missing { .. })));
    tx.commit().await.unwrap();
    assert_eq!(claim(db, "k", "h", 10_000).await, Claim::Answered(answer()));
    assert_eq!(claim(db, "k", "other", 10_000).await, Claim::OtherBody);
    assert_eq!(idempotency_find(db, scope, "k", "h").await.unwrap(), Some(Claim::Answered(answer())));
    assert_eq!(idempotency_find(db, "another", "k", "h").await.unwrap(), None);
    assert!(matches!(idempotency_find(db, scope, "k\0", "h").await, Err(StoreError::Nul { .. })));
}

async fn a_claim_that_was_left_is_taken_over(home: &TestDb) {
    assert_eq!(claim(&home.db, "k", "h", 0).await, Claim::Fresh);
    assert_eq!(claim(&home.db, "k", "h", 60).await, Claim::InProgress);
    assert_eq!(claim(&home.db, "k", "h", 61).await, Claim::Fresh);
    assert_eq!(claim(&home.db, "k", "h", 62).await, Claim::InProgress);
}

async fn a_released_key_is_new_again(home: &TestDb) {
    assert_eq!(claim(&home.db, "k", "h", 0).await, Claim::Fresh);
    let mut tx = home.db.begin().await.unwrap();
    idempotency_release(&mut tx, "user 1 POST /lots", "k").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&home.db, "k", "other", 1).await, Claim::Fresh);
    let mut tx = home.db.begin().await.unwrap();
    idempotency_finish(&mut tx, "user 1 POST /lots", "k", &answer()).await.unwrap();
    idempotency_release(&mut tx, "user 1 POST /lots", "k").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&home.db, "k", "other", 2).await, Claim::Answered(answer()));
}

async fn an_answer_is_amended_and_withdrawn(home: &TestDb) {
    let scope = "user 1 POST /lots";
    let later = StoredAnswer { status: 202, response: b"later".to_vec() };
    assert_eq!(claim(&home.db, "k", "h", 0).await, Claim::Fresh);
    let mut tx = home.db.begin().await.unwrap();
    idempotency_amend(&mut tx, scope, "k", &later).await.unwrap();
    idempotency_amend(&mut tx, scope, "unknown", &later).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&home.db, "k", "h", 1).await, Claim::InProgress, "there was no answer to amend");
    let mut tx = home.db.begin().await.unwrap();
    idempotency_finish(&mut tx, scope, "k", &answer()).await.unwrap();
    idempotency_amend(&mut tx, scope, "k", &later).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(claim(&home.db, "k", "h", 2).await, Claim::Answered(later));
    let mut tx = home.db.begin().await.unwrap();
    idempotency_withdraw(&mut tx, scope, "k").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(idempotency_find(&home.db, scope, "unknown", "h").await.unwrap(), None);
    assert_eq!(claim(&home.db, "k", "other", 3).await, Claim::Fresh);
}

async fn a_scope_is_forgotten_as_a_whole(home: &TestDb) {
    for key in ["a", "b"] {
        claim(&home.db, key, "h", 0).await;
    }
    let mut tx = home.db.begin().await.unwrap();
    assert_eq!(idempotency_forget(&mut tx, "user 2 POST /lots").await.unwrap(), 0);
    assert_eq!(idempotency_forget(&mut tx, "user 1 POST /lots").await.unwrap(), 2);
    tx.commit().await.unwrap();
    assert_eq!(claim(&home.db, "a", "other", 1).await, Claim::Fresh);
}

async fn old_keys_are_swept(home: &TestDb) {
    for i in 0..5 {
        claim(&home.db, &format!("k{i}"), "h", i).await;
    }
    let mut tx = home.db.begin().await.unwrap();
    assert_eq!(idempotency_sweep(&mut tx, s(4), 3).await.unwrap(), 3);
    assert_eq!(idempotency_sweep(&mut tx, s(4), 3).await.unwrap(), 1);
    assert_eq!(idempotency_sweep(&mut tx, s(4), 3).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(claim(&home.db, "k4", "h", 5).await, Claim::InProgress);
    assert_eq!(claim(&home.db, "k0", "h", 5).await, Claim::Fresh);
}
