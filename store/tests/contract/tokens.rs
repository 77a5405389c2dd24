//! Machines' tokens.

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{MachineToken, NewMachineToken, Role, Scope, SecretHash, TokenId};
use nightshift_store::identity::{
    token_find, token_insert, token_list, token_revoke, token_touch, tokens_sweep,
};
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, StoreError};

use crate::users::make;
use crate::{NOW, s};

nightshift_store::on_both_engines!(
    a_token_comes_back_as_it_was,
    names_of_valid_tokens_are_unique,
    use_and_revocation_are_noted,
    ended_tokens_are_swept,
    a_scope_of_a_later_version_opens_nothing,
);

fn new(name: &str, expires_at: Option<Timestamp>) -> NewMachineToken {
    let scopes = [Scope::MetricsRead, Scope::SensingWrite].into_iter().collect();
    NewMachineToken { name: name.parse().unwrap(), scopes, expires_at }
}

async fn insert(db: &Db, name: &str, expires_at: Option<Timestamp>) -> MachineToken {
    let mut tx = db.begin().await.unwrap();
    let token =
        token_insert(&mut tx, &new(name, expires_at), &SecretHash::of(name), None, NOW).await.unwrap();
    tx.commit().await.unwrap();
    token
}

async fn a_token_comes_back_as_it_was(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Admin).await;
    let mut tx = db.begin().await.unwrap();
    let hash = SecretHash::of("1");
    let token = token_insert(&mut tx, &new("gate", Some(s(60))), &hash, Some(kim.id), NOW).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(token_find(db, token.id).await.unwrap(), Some((token.clone(), hash)));
    assert_eq!(token_find(db, TokenId(99)).await.unwrap(), None);
    let other = insert(db, "other", None).await;
    let page = token_list(db, 0, 10).await.unwrap();
    assert_eq!((page.tokens, page.total), (vec![token, other.clone()], 2));
    let page = token_list(db, 1, 10).await.unwrap();
    assert_eq!((page.tokens, page.total), (vec![other], 2));
}

async fn names_of_valid_tokens_are_unique(home: &TestDb) {
    let first = insert(&home.db, "gate", None).await;
    let mut tx = home.db.begin().await.unwrap();
    let again = token_insert(&mut tx, &new("gate", None), &SecretHash::of("2"), None, s(1)).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })));
    token_revoke(&mut tx, first.id, s(2)).await.unwrap();
    let second = token_insert(&mut tx, &new("gate", None), &SecretHash::of("2"), None, s(3)).await.unwrap();
    tx.commit().await.unwrap();
    assert!(second.id > first.id);
}

async fn use_and_revocation_are_noted(home: &TestDb) {
    let token = insert(&home.db, "gate", None).await;
    let mut tx = home.db.begin().await.unwrap();
    token_touch(&mut tx, token.id, s(5)).await.unwrap();
    token_touch(&mut tx, token.id, s(4)).await.unwrap();
    token_revoke(&mut tx, token.id, s(6)).await.unwrap();
    assert!(matches!(token_revoke(&mut tx, token.id, s(7)).await, Err(StoreError::Missing { .. })));
    assert!(matches!(token_revoke(&mut tx, TokenId(99), s(7)).await, Err(StoreError::Missing { .. })));
    tx.commit().await.unwrap();
    let (now, _) = token_find(&home.db, token.id).await.unwrap().unwrap();
    assert_eq!((now.last_used_at, now.revoked_at), (Some(s(5)), Some(s(6))));
    assert!(!now.is_valid(s(6)));
}

async fn ended_tokens_are_swept(home: &TestDb) {
    let db = &home.db;
    let (revoked, ended) = (insert(db, "revoked", None).await, insert(db, "ended", Some(s(5))).await);
    let (later, never) = (insert(db, "later", Some(s(50))).await, insert(db, "never", None).await);
    let mut tx = db.begin().await.unwrap();
    token_revoke(&mut tx, revoked.id, s(4)).await.unwrap();
    assert_eq!(tokens_sweep(&mut tx, s(10), 1).await.unwrap(), 1);
    assert_eq!(tokens_sweep(&mut tx, s(10), 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(token_find(db, ended.id).await.unwrap(), None);
    assert_eq!(token_list(db, 0, 10).await.unwrap().tokens, [later, never]);
}

async fn a_scope_of_a_later_version_opens_nothing(home: &TestDb) {
    let token = insert(&home.db, "gate", None).await;
    home.run_sql("UPDATE machine_token SET scopes = '[\"everything\",\"metrics:read\"]'").await;
    let (now, _) = token_find(&home.db, token.id).await.unwrap().unwrap();
    assert_eq!(now.scopes.into_iter().collect::<Vec<_>>(), [Scope::MetricsRead]);
    home.run_sql("UPDATE machine_token SET scopes = '5'").await;
    let error = token_find(&home.db, token.id).await.expect_err("no list").to_string();
    assert!(error.contains("column scopes"), "{error}");
}
