//! Sessions and the rotation of their refresh tokens.

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::identity::{
    ClientMark, RefreshRefusal, Refreshed, RevokeReason, Revoked, Role, SecretHash, Session, SessionId,
    SessionRules, User, UserId,
};
use nightshift_store::identity::{
    NewSession, Refresh, session_find, session_insert, session_list, session_refresh, session_revoke,
    session_touch, sessions_revoke, sessions_sweep, sessions_trim, user_remove, user_update,
};
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, StoreError};

use crate::users::make;
use crate::{NOW, s};

nightshift_store::on_both_engines!(
    a_session_comes_back_as_it_was,
    a_token_is_used_once,
    a_lost_answer_is_given_again,
    a_second_use_ends_the_session,
    the_refusal_is_kept_with_its_revocation,
    who_may_not_sign_in_may_not_refresh,
    sessions_of_a_user_end_together,
    too_many_sessions_end_the_oldest,
    ended_sessions_are_swept_with_their_tokens,
);

fn secret(n: u32) -> SecretHash {
    SecretHash::of(&format!("secret {n}"))
}

fn mark(name: &str) -> ClientMark {
    ClientMark::of(None, name)
}

async fn begin_at(db: &Db, user: &User, n: u32, at: Timestamp) -> Session {
    let new = NewSession {
        user_id: user.id,
        ip_address: Some("10.0.0.1".to_owned()),
        user_agent: Some("curl/8".to_owned()),
    };
    let mut tx = db.begin().await.unwrap();
    let session = session_insert(&mut tx, &new, &secret(n), &SessionRules::default(), at).await.unwrap();
    tx.commit().await.unwrap();
    session
}

async fn refresh(db: &Db, presented: u32, client: &str, next: u32, at: Timestamp) -> Refresh {
    let rules = SessionRules::default();
    let mut tx = db.begin().await.unwrap();
    let (presented, next) = (secret(presented), secret(next));
    let refresh = session_refresh(&mut tx, &presented, &mark(client), &next, &rules, at).await.unwrap();
    tx.commit().await.unwrap();
    refresh
}

fn why(refresh: Refresh) -> RefreshRefusal {
    match refresh {
        Refresh::Refused { why, .. } => why,
        Refresh::Done { .. } => panic!("it was not refused"),
    }
}

fn how(refresh: Refresh) -> Refreshed {
    match refresh {
        Refresh::Done { how, .. } => how,
        Refresh::Refused { why, .. } => panic!("{why}"),
    }
}

async fn a_session_comes_back_as_it_was(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let session = begin_at(db, &kim, 1, NOW).await;
    assert_eq!(session.expires_at, NOW + Duration::from_secs(8 * 3_600));
    assert_eq!(session_find(db, session.id).await.unwrap(), Some((session.clone(), kim.clone())));
    assert_eq!(session_find(db, SessionId(99)).await.unwrap(), None);
    assert_eq!(session_list(db, kim.id, s(1), 10).await.unwrap(), std::slice::from_ref(&session));
    let mut tx = db.begin().await.unwrap();
    session_touch(&mut tx, session.id, s(60)).await.unwrap();
    session_touch(&mut tx, session.id, s(30)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(session_find(db, session.id).await.unwrap().unwrap().0.last_seen_at, s(60));
    let mut tx = db.begin().await.unwrap();
    let unknown = NewSession { user_id: UserId(99), ip_address: None, user_agent: None };
    let rules = SessionRules::default();
    assert!(session_insert(&mut tx, &unknown, &secret(9), &rules, NOW).await.is_err());
    tx.rollback().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    let nul = NewSession { user_id: kim.id, ip_address: None, user_agent: Some("\0".to_owned()) };
    let refused = session_insert(&mut tx, &nul, &secret(9), &rules, NOW).await;
    assert!(matches!(refused, Err(StoreError::Nul { .. })));
}

async fn a_token_is_used_once(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let session = begin_at(db, &kim, 1, NOW).await;
    for n in 1..5 {
        let Refresh::Done { session, user, how } = refresh(db, n, "a", n + 1, s(i64::from(n) * 600)).await
        else {
            panic!("refused")
        };
        assert_eq!((how, session.generation, user.id), (Refreshed::Next { generation: n }, n, kim.id));
    }
    assert_eq!(why(refresh(db, 99, "a", 100, s(3_000)).await), RefreshRefusal::Unknown);
    assert_eq!(why(refresh(db, 5, "a", 6, session.expires_at).await), RefreshRefusal::Expired);
    let kept = session_find(db, session.id).await.unwrap().unwrap().0;
    assert_eq!((kept.generation, kept.revoked, kept.last_seen_at), (4, None, s(2_400)));
}

async fn a_lost_answer_is_given_again(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    begin_at(db, &kim, 1, NOW).await;
    assert_eq!(how(refresh(db, 1, "a", 2, s(10)).await), Refreshed::Next { generation: 1 });
    assert_eq!(how(refresh(db, 1, "a", 3, s(40)).await), Refreshed::Again { generation: 1 });
    assert_eq!(how(refresh(db, 3, "a", 4, s(41)).await), Refreshed::Next { generation: 2 });
    assert_eq!(why(refresh(db, 1, "a", 5, s(42)).await), RefreshRefusal::Reused);
    assert_eq!(why(refresh(db, 4, "a", 5, s(43)).await), RefreshRefusal::Revoked);
}

async fn a_second_use_ends_the_session(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let late = begin_at(db, &kim, 1, NOW).await;
    refresh(db, 1, "a", 2, s(10)).await;
    assert_eq!(why(refresh(db, 1, "a", 3, s(41)).await), RefreshRefusal::Reused);
    let other = begin_at(db, &kim, 11, NOW).await;
    refresh(db, 11, "a", 12, s(10)).await;
    assert_eq!(why(refresh(db, 11, "b", 13, s(11)).await), RefreshRefusal::Reused);
    let spared = begin_at(db, &kim, 21, NOW).await;
    for (session, at) in [(late, s(41)), (other, s(11))] {
        let revoked = session_find(db, session.id).await.unwrap().unwrap().0.revoked;
        assert_eq!(revoked, Some(Revoked { at, reason: RevokeReason::Reused }));
    }
    assert_eq!(why(refresh(db, 2, "a", 4, s(42)).await), RefreshRefusal::Revoked);
    assert!(session_find(db, spared.id).await.unwrap().unwrap().0.is_valid(s(42)), "another family");
}

/// Two that hold one token present it at the same moment: one is answered, and the session ends.
async fn the_refusal_is_kept_with_its_revocation(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let session = begin_at(db, &kim, 1, NOW).await;
    let (a, b) = tokio::join!(refresh(db, 1, "owner", 2, s(10)), refresh(db, 1, "thief", 3, s(10)));
    let refused = [a, b].into_iter().filter(|r| matches!(r, Refresh::Refused { .. })).count();
    assert_eq!(refused, 1);
    assert!(session_find(db, session.id).await.unwrap().unwrap().0.revoked.is_some());
    for n in [2, 3] {
        let refusal = why(refresh(db, n, "owner", 9, s(11)).await);
        assert!(matches!(refusal, RefreshRefusal::Revoked | RefreshRefusal::Unknown), "{refusal:?}");
    }
}

async fn who_may_not_sign_in_may_not_refresh(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let lee = make(db, "lee", Role::Operator).await;
    begin_at(db, &kim, 1, NOW).await;
    let left = begin_at(db, &lee, 2, NOW).await;
    let mut tx = db.begin().await.unwrap();
    user_update(&mut tx, &User { is_active: false, ..kim }, s(1)).await.unwrap();
    user_remove(&mut tx, lee.id, s(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(why(refresh(db, 1, "a", 3, s(10)).await), RefreshRefusal::Disabled);
    assert_eq!(why(refresh(db, 2, "a", 4, s(10)).await), RefreshRefusal::Disabled);
    assert_eq!(why(refresh(db, 3, "a", 5, s(10)).await), RefreshRefusal::Unknown);
    assert_eq!(session_find(db, left.id).await.unwrap(), None, "its user is gone");
}

async fn sessions_of_a_user_end_together(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let lee = make(db, "lee", Role::Operator).await;
    let (a, b, c) = (
        begin_at(db, &kim, 1, NOW).await,
        begin_at(db, &kim, 2, NOW).await,
        begin_at(db, &kim, 3, NOW).await,
    );
    let spared = begin_at(db, &lee, 4, NOW).await;
    let mut tx = db.begin().await.unwrap();
    assert!(session_revoke(&mut tx, a.id, RevokeReason::SignedOut, s(1)).await.unwrap());
    assert!(!session_revoke(&mut tx, a.id, RevokeReason::Administrator, s(2)).await.unwrap());
    let ended = sessions_revoke(&mut tx, kim.id, Some(c.id), RevokeReason::Password, s(3)).await.unwrap();
    assert_eq!(ended, [b.id]);
    tx.commit().await.unwrap();
    let revoked = async |id| session_find(db, id).await.unwrap().unwrap().0.revoked;
    assert_eq!(revoked(a.id).await, Some(Revoked { at: s(1), reason: RevokeReason::SignedOut }));
    assert_eq!(revoked(b.id).await, Some(Revoked { at: s(3), reason: RevokeReason::Password }));
    assert_eq!((revoked(c.id).await, revoked(spared.id).await), (None, None));
    assert_eq!(session_list(db, kim.id, s(4), 10).await.unwrap(), [c]);
    assert_eq!(why(refresh(db, 2, "a", 9, s(4)).await), RefreshRefusal::Revoked);
    let mut tx = db.begin().await.unwrap();
    let all = sessions_revoke(&mut tx, kim.id, None, RevokeReason::User, s(5)).await.unwrap();
    assert_eq!(all.len(), 1);
    tx.commit().await.unwrap();
}

async fn too_many_sessions_end_the_oldest(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let mut ids = Vec::new();
    for n in 0..4 {
        ids.push(begin_at(db, &kim, n, s(i64::from(n))).await.id);
    }
    let mut tx = db.begin().await.unwrap();
    let mut ended = sessions_trim(&mut tx, kim.id, 2, s(10)).await.unwrap();
    ended.sort_unstable();
    assert_eq!(ended, ids[..2]);
    assert!(sessions_trim(&mut tx, kim.id, 2, s(10)).await.unwrap().is_empty());
    tx.commit().await.unwrap();
    let left = session_list(db, kim.id, s(11), 10).await.unwrap();
    assert_eq!(left.iter().map(|s| s.id).collect::<Vec<_>>(), [ids[3], ids[2]]);
}

async fn ended_sessions_are_swept_with_their_tokens(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    for n in 0..4 {
        begin_at(db, &kim, n, s(i64::from(n))).await;
    }
    let end = NOW + SessionRules::default().session;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(sessions_sweep(&mut tx, end, 10).await.unwrap(), 0);
    let later = end + Duration::from_secs(3);
    assert_eq!(sessions_sweep(&mut tx, later, 2).await.unwrap(), 2);
    assert_eq!(sessions_sweep(&mut tx, later, 2).await.unwrap(), 1);
    tx.commit().await.unwrap();
    assert_eq!(why(refresh(db, 0, "a", 9, s(10)).await), RefreshRefusal::Unknown);
    assert_eq!(how(refresh(db, 3, "a", 9, s(10)).await), Refreshed::Next { generation: 1 });
}
