//! Users.

use nightshift_domain::identity::{NewUser, PasswordHash, Role, User, UserChange, UserId};
use nightshift_store::identity::{
    UserQuery, admins_standing, user_credentials, user_credentials_by_id, user_find, user_find_by_email,
    user_find_by_username, user_get, user_insert, user_list, user_password_set, user_remove, user_signed_in,
    user_update, users_count,
};
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, StoreError};

use crate::{NOW, s};

nightshift_store::on_both_engines!(
    a_user_comes_back_as_it_was,
    names_are_one_whatever_their_case,
    changes_are_kept_and_names_stay_unique,
    passwords_and_sign_ins_are_noted,
    a_removed_user_leaves_the_names_and_keeps_the_number,
    lists_by_role_and_state_with_totals,
    the_last_administrator_is_known,
    a_spoilt_user_is_named,
);

pub(crate) fn new_user(username: &str, role: Role) -> NewUser {
    NewUser {
        username: username.parse().unwrap(),
        email: Some(format!("{username}@example.com").parse().unwrap()),
        full_name: "홍 길동".parse().unwrap(),
        role,
        department: Some("Production".parse().unwrap()),
        is_active: true,
    }
}

pub(crate) async fn make(db: &Db, username: &str, role: Role) -> User {
    let mut tx = db.begin().await.unwrap();
    let user = user_insert(&mut tx, &new_user(username, role), &hash("1"), NOW).await.unwrap();
    tx.commit().await.unwrap();
    user
}

fn hash(text: &str) -> PasswordHash {
    PasswordHash::new(format!("$argon2id${text}"))
}

async fn a_user_comes_back_as_it_was(home: &TestDb) {
    let db = &home.db;
    assert_eq!(users_count(db).await.unwrap(), 0);
    let kim = make(db, "Kim", Role::Operator).await;
    let bare = NewUser { email: None, department: None, is_active: false, ..new_user("bare", Role::Viewer) };
    let mut tx = db.begin().await.unwrap();
    let bare = user_insert(&mut tx, &bare, &hash("2"), s(1)).await.unwrap();
    assert_eq!(user_get(&mut tx, bare.id).await.unwrap(), bare);
    tx.commit().await.unwrap();
    assert_eq!(user_find(db, kim.id).await.unwrap(), Some(kim.clone()));
    assert_eq!(user_find(db, bare.id).await.unwrap(), Some(bare));
    assert_eq!(user_find(db, UserId(99)).await.unwrap(), None);
    assert_eq!(user_find_by_email(db, &"KIM@example.COM".parse().unwrap()).await.unwrap(), Some(kim.clone()));
    assert_eq!(user_find_by_username(db, &"kIM".parse().unwrap()).await.unwrap(), Some(kim.clone()));
    let credentials = user_credentials(db, &"KIM".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((credentials.user, credentials.password_hash), (kim.clone(), hash("1")));
    assert_eq!(user_credentials_by_id(db, kim.id).await.unwrap().unwrap().password_hash, hash("1"));
    assert_eq!(user_credentials(db, &"nobody".parse().unwrap()).await.unwrap(), None);
    assert_eq!(users_count(db).await.unwrap(), 2);
}

async fn names_are_one_whatever_their_case(home: &TestDb) {
    make(&home.db, "kim", Role::Operator).await;
    let mut tx = home.db.begin().await.unwrap();
    let same = NewUser { email: None, ..new_user("KIM", Role::Viewer) };
    let error = user_insert(&mut tx, &same, &hash("1"), NOW).await.expect_err("taken");
    assert_eq!(error.to_string(), "username KIM exists already");
    let mail = NewUser { email: Some("Kim@Example.com".parse().unwrap()), ..new_user("lee", Role::Viewer) };
    let error = user_insert(&mut tx, &mail, &hash("1"), NOW).await.expect_err("taken");
    assert_eq!(error.to_string(), "email Kim@Example.com exists already");
    user_insert(&mut tx, &new_user("lee", Role::Viewer), &hash("1"), NOW).await.expect("usable as before");
    user_insert(&mut tx, &NewUser { email: None, ..new_user("a", Role::Viewer) }, &hash("1"), NOW)
        .await
        .unwrap();
    user_insert(&mut tx, &NewUser { email: None, ..new_user("b", Role::Viewer) }, &hash("1"), NOW)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(users_count(&home.db).await.unwrap(), 4);
}

async fn changes_are_kept_and_names_stay_unique(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    make(db, "lee", Role::Operator).await;
    let change: UserChange =
        serde_json::from_str(r#"{"role":"MANAGER","email":null,"department":"QA","is_active":false}"#)
            .unwrap();
    let mut tx = db.begin().await.unwrap();
    let after = user_update(&mut tx, &change.apply(&kim), s(5)).await.unwrap();
    assert_eq!((after.role, after.email.clone(), after.updated_at), (Role::Manager, None, s(5)));
    let taken = UserChange { username: Some("LEE".parse().unwrap()), ..UserChange::default() };
    assert!(matches!(user_update(&mut tx, &taken.apply(&kim), s(6)).await, Err(StoreError::Conflict { .. })));
    let own = UserChange { username: Some("KIM".parse().unwrap()), ..UserChange::default() };
    let after = user_update(&mut tx, &own.apply(&after), s(7)).await.expect("one's own name");
    let nobody = User { id: UserId(99), username: "x".parse().unwrap(), email: None, ..kim };
    assert!(matches!(user_update(&mut tx, &nobody, s(6)).await, Err(StoreError::Missing { .. })));
    tx.commit().await.unwrap();
    assert_eq!(user_find(db, after.id).await.unwrap(), Some(after));
}

async fn passwords_and_sign_ins_are_noted(home: &TestDb) {
    let kim = make(&home.db, "kim", Role::Operator).await;
    let mut tx = home.db.begin().await.unwrap();
    user_password_set(&mut tx, kim.id, &hash("new"), s(5)).await.unwrap();
    user_signed_in(&mut tx, kim.id, s(6)).await.unwrap();
    assert!(matches!(user_signed_in(&mut tx, UserId(99), s(6)).await, Err(StoreError::Missing { .. })));
    let error = user_password_set(&mut tx, UserId(99), &hash("x"), s(6)).await;
    assert!(matches!(error, Err(StoreError::Missing { .. })));
    tx.commit().await.unwrap();
    let now = user_credentials_by_id(&home.db, kim.id).await.unwrap().unwrap();
    assert_eq!(now.password_hash, hash("new"));
    let expected = User { password_changed_at: s(5), updated_at: s(5), last_login_at: Some(s(6)), ..kim };
    assert_eq!(now.user, expected);
}

async fn a_removed_user_leaves_the_names_and_keeps_the_number(home: &TestDb) {
    let db = &home.db;
    let kim = make(db, "kim", Role::Operator).await;
    let mut tx = db.begin().await.unwrap();
    assert_eq!(user_remove(&mut tx, kim.id, s(1)).await.unwrap(), kim);
    assert!(matches!(user_remove(&mut tx, kim.id, s(2)).await, Err(StoreError::Missing { .. })));
    assert!(matches!(user_update(&mut tx, &kim, s(2)).await, Err(StoreError::Missing { .. })));
    tx.commit().await.unwrap();
    assert_eq!(user_find(db, kim.id).await.unwrap(), None);
    assert_eq!(user_credentials(db, &kim.username).await.unwrap(), None);
    let again = make(db, "kim", Role::Viewer).await;
    assert!(again.id > kim.id);
    assert_eq!(user_find_by_username(db, &kim.username).await.unwrap(), Some(again));
    assert_eq!(users_count(db).await.unwrap(), 2);
}

async fn lists_by_role_and_state_with_totals(home: &TestDb) {
    let db = &home.db;
    for (name, role) in [("a", Role::Admin), ("b", Role::Nurse), ("c", Role::Nurse), ("d", Role::Nurse)] {
        make(db, name, role).await;
    }
    let idle = user_find_by_username(db, &"c".parse().unwrap()).await.unwrap().unwrap();
    let mut tx = db.begin().await.unwrap();
    user_update(&mut tx, &User { is_active: false, ..idle }, s(1)).await.unwrap();
    tx.commit().await.unwrap();
    let list = async |query: UserQuery| {
        let page = user_list(db, &query).await.unwrap();
        (page.users.into_iter().map(|u| u.username.to_string()).collect::<String>(), page.total)
    };
    let all = UserQuery { limit: 10, ..UserQuery::default() };
    assert_eq!(list(all).await, ("abcd".to_owned(), 4));
    assert_eq!(list(UserQuery { role: Some(Role::Nurse), ..all }).await, ("bcd".to_owned(), 3));
    assert_eq!(list(UserQuery { is_active: Some(false), ..all }).await, ("c".to_owned(), 1));
    let nurses = UserQuery { role: Some(Role::Nurse), is_active: Some(true), skip: 1, limit: 1 };
    assert_eq!(list(nurses).await, ("d".to_owned(), 2));
    assert_eq!(list(UserQuery { skip: u64::MAX, ..all }).await, (String::new(), 4));
    assert_eq!(list(UserQuery { role: Some(Role::Doctor), ..all }).await, (String::new(), 0));
}

async fn the_last_administrator_is_known(home: &TestDb) {
    let first = make(&home.db, "first", Role::Admin).await;
    let second = make(&home.db, "second", Role::Admin).await;
    make(&home.db, "kim", Role::Manager).await;
    let mut tx = home.db.begin().await.unwrap();
    assert_eq!(admins_standing(&mut tx, first.id).await.unwrap(), 1);
    user_update(&mut tx, &User { is_active: false, ..second }, s(1)).await.unwrap();
    assert_eq!(admins_standing(&mut tx, first.id).await.unwrap(), 0);
    tx.commit().await.unwrap();
}

async fn a_spoilt_user_is_named(home: &TestDb) {
    let kim = make(&home.db, "kim", Role::Admin).await;
    home.run_sql("UPDATE app_user SET role = 'KING'").await;
    let error = user_find(&home.db, kim.id).await.expect_err("no role").to_string();
    assert!(error.starts_with(&format!("table app_user, row {}: column role ", kim.id)), "{error}");
}
