//! The audit: in the transaction of the change, chained, and closed to changes.

use nightshift_domain::audit::{Action, Actor, AuditEntry, ChainFault, ChainKey, Verified};
use nightshift_domain::identity::UserId;
use nightshift_store::audit::{
    AuditQuery, AuditReport, audit_find, audit_head, audit_list, audit_rows_after, audit_verify,
};
use nightshift_store::system::setting_set;
use nightshift_store::testing::{AUDIT_KEY, TestDb};
use nightshift_store::{Db, DbOptions, Engine, StoreError};

use crate::s;

nightshift_store::on_both_engines!(
    entries_come_back_as_they_were_and_the_chain_is_whole,
    what_is_undone_is_not_audited,
    without_the_key_nothing_is_audited,
    rows_cannot_be_changed,
    whatever_is_done_behind_the_triggers_is_found,
    an_audit_of_another_key_is_not_gone_on_with,
    a_changed_head_is_not_gone_on_with,
    the_filters_of_the_routes,
    many_entries_are_one_commit,
    two_programs_keep_one_chain,
);

fn kim() -> Actor {
    Actor::User { id: UserId(7), name: "kim".to_owned() }
}

fn entry(at: i64, actor: Actor, action: Action, kind: &str, id: &str) -> AuditEntry {
    AuditEntry::new(s(at), actor, action, kind).on(id)
}

fn full() -> AuditEntry {
    entry(1, kim(), Action::Update, "user", "9")
        .before(&serde_json::json!({"z": 1.0, "a": "가\u{0}", "big": 1e300, "password": "hunter2"}))
        .after(&serde_json::json!({"z": 1, "nested": [null, true]}))
        .from_client(Some("10.0.0.1".parse().unwrap()), Some("curl/8"))
        .in_request("r-1")
        .with_event(5)
}

async fn write(db: &Db, entries: &[AuditEntry]) {
    let mut tx = db.begin().await.unwrap();
    for entry in entries {
        tx.audit(entry.clone()).unwrap();
    }
    tx.commit().await.unwrap();
}

async fn verify(db: &Db) -> AuditReport {
    audit_verify(db, &AUDIT_KEY, None).await.unwrap()
}

async fn rows_of(db: &Db) -> i64 {
    match verify(db).await {
        AuditReport::Whole(Verified { rows, .. }) => rows,
        AuditReport::Faulty(fault) => panic!("{fault}"),
    }
}

async fn entries_come_back_as_they_were_and_the_chain_is_whole(home: &TestDb) {
    let db = &home.db;
    assert_eq!(rows_of(db).await, 0);
    assert_eq!(audit_head(db).await.unwrap(), None);
    let system = AuditEntry::new(s(2), Actor::System, Action::Delete, "lot");
    write(db, &[full(), system.clone()]).await;
    write(db, &[entry(3, Actor::Anonymous, Action::LoginFailed, "user", "x' OR 1=1 --")]).await;
    let page = audit_list(db, &AuditQuery { limit: 10, ..AuditQuery::default() }).await.unwrap();
    assert_eq!((page.total, page.rows.len()), (3, 3));
    assert_eq!(page.rows.iter().map(|r| r.seq).collect::<Vec<_>>(), [3, 2, 1]);
    assert_eq!(page.rows[2].entry, full());
    assert!(!page.rows[2].entry.old_values.as_ref().unwrap().as_str().contains("hunter2"));
    assert_eq!(page.rows[1].entry, system);
    assert_eq!(audit_find(db, 1).await.unwrap().unwrap(), page.rows[2]);
    assert_eq!(audit_find(db, 4).await.unwrap(), None);
    assert_eq!(audit_rows_after(db, 1, 1).await.unwrap(), [page.rows[1].clone()]);
    assert_eq!(rows_of(db).await, 3);
    let head = audit_head(db).await.unwrap().unwrap();
    assert_eq!((head.seq, head.link), (3, page.rows[0].link));
    let anchored = audit_verify(db, &AUDIT_KEY, Some((3, head.link))).await.unwrap();
    assert!(matches!(anchored, AuditReport::Whole(_)));
    let later = audit_verify(db, &AUDIT_KEY, Some((4, head.link))).await.unwrap();
    assert_eq!(later, AuditReport::Faulty(ChainFault::MissingAtEnd { last: 3, expected: 4 }));
}

async fn what_is_undone_is_not_audited(home: &TestDb) {
    let db = &home.db;
    let mut tx = db.begin().await.unwrap();
    tx.audit(entry(0, kim(), Action::Create, "a", "kept")).unwrap();
    tx.savepoint().await.unwrap();
    tx.audit(entry(0, kim(), Action::Create, "a", "undone")).unwrap();
    tx.rollback_to().await.unwrap();
    tx.savepoint().await.unwrap();
    tx.audit(entry(0, kim(), Action::Create, "a", "released")).unwrap();
    tx.release().await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = db.begin().await.unwrap();
    tx.audit(entry(0, kim(), Action::Create, "a", "dropped")).unwrap();
    tx.rollback().await.unwrap();
    let rows = audit_rows_after(db, 0, 10).await.unwrap();
    let ids: Vec<_> = rows.iter().map(|r| r.entry.entity_id.clone().unwrap()).collect();
    assert_eq!(ids, ["kept", "released"]);
    assert_eq!(rows_of(db).await, 2);
}

async fn without_the_key_nothing_is_audited(home: &TestDb) {
    let keyless = Db::connect(&DbOptions { audit_key: None, ..home.options.clone() }).await.unwrap();
    let mut tx = keyless.begin().await.unwrap();
    assert!(matches!(tx.audit(full()), Err(StoreError::AuditKey)));
    setting_set(&mut tx, "k", &1).await.unwrap();
    tx.commit().await.expect("what need not be audited is written");
    keyless.close().await;
    assert_eq!(rows_of(&home.db).await, 0);
}

async fn rows_cannot_be_changed(home: &TestDb) {
    let db = &home.db;
    write(db, &[full(), full()]).await;
    write(db, &[full()]).await;
    let link = match db.engine() {
        Engine::Sqlite => "zeroblob(32)",
        Engine::Postgres => "decode(repeat('00', 32), 'hex')",
    };
    let mut refused = vec![
        "UPDATE audit_log SET action = 'READ'".to_owned(),
        "UPDATE audit_log SET action = 'READ' WHERE seq = 2".to_owned(),
        "DELETE FROM audit_log".to_owned(),
        "DELETE FROM audit_log WHERE seq = 3".to_owned(),
        "DELETE FROM audit_head".to_owned(),
        "UPDATE audit_head SET seq = 1".to_owned(),
        "UPDATE audit_head SET seq = 3".to_owned(),
        format!("INSERT INTO audit_head (id, seq, link, seal, key_id) VALUES (2, 9, {link}, {link}, 'x')"),
    ];
    let row = format!("VALUES (2, 0, 'system', 'READ', 'x', {link})");
    let columns = "audit_log (seq, at, actor_kind, action, entity_type, link)";
    match db.engine() {
        Engine::Sqlite => refused.extend([
            format!("INSERT OR REPLACE INTO {columns} {row}"),
            format!("REPLACE INTO {columns} {row}"),
            "UPDATE OR REPLACE audit_log SET seq = 1 WHERE seq = 2".to_owned(),
            format!("INSERT OR REPLACE INTO audit_head (id, seq, link, seal, key_id) VALUES (1, 9, {link}, {link}, 'x')"),
        ]),
        Engine::Postgres => refused.extend([
            "TRUNCATE audit_log".to_owned(),
            "TRUNCATE audit_head".to_owned(),
            "TRUNCATE audit_log, audit_head CASCADE".to_owned(),
            format!("INSERT INTO {columns} {row} ON CONFLICT (seq) DO UPDATE SET action = 'READ'"),
            "MERGE INTO audit_log a USING (SELECT 1) o ON a.seq = 1 WHEN MATCHED THEN DELETE".to_owned(),
        ]),
    }
    for sql in refused {
        let error = home.try_sql(&sql).await.expect_err(&sql);
        let why = error.to_string();
        assert!(why.contains("cannot be changed") || why.contains("heck"), "{sql}: {why}");
    }
    assert_eq!(rows_of(db).await, 3);
}

/// Takes the triggers away, as somebody could who owns the database.
async fn disarm(home: &TestDb) {
    home.run_sql(match home.db.engine() {
        Engine::Sqlite => {
            "DROP TRIGGER audit_log_no_update; DROP TRIGGER audit_log_no_delete; DROP TRIGGER audit_log_append_only; \
             DROP TRIGGER audit_head_only_grows; DROP TRIGGER audit_head_no_delete; DROP TRIGGER audit_head_no_replace"
        }
        Engine::Postgres => {
            "ALTER TABLE audit_log DISABLE TRIGGER ALL; ALTER TABLE audit_head DISABLE TRIGGER ALL"
        }
    })
    .await;
}

async fn whatever_is_done_behind_the_triggers_is_found(home: &TestDb) {
    let db = &home.db;
    let entries: Vec<_> = (0..6).map(|i| entry(i, kim(), Action::Create, "lot", &i.to_string())).collect();
    write(db, &entries).await;
    disarm(home).await;
    home.run_sql("CREATE TABLE log_copy AS SELECT * FROM audit_log").await;
    home.run_sql("CREATE TABLE head_copy AS SELECT * FROM audit_head").await;
    let changed = |seq| ChainFault::Changed { seq };
    for (sql, fault) in [
        ("UPDATE audit_log SET entity_id = '9' WHERE seq = 4", changed(4)),
        ("UPDATE audit_log SET entity_id = NULL WHERE seq = 1", changed(1)),
        ("UPDATE audit_log SET action = 'NOTHING' WHERE seq = 2", changed(2)),
        ("UPDATE audit_log SET at = at + 1 WHERE seq = 6", changed(6)),
        ("UPDATE audit_log SET new_values = '{}' WHERE seq = 3", changed(3)),
        ("DELETE FROM audit_log WHERE seq = 3", ChainFault::Gap { expected: 3, found: 4 }),
        ("DELETE FROM audit_log WHERE seq = 1", ChainFault::Gap { expected: 1, found: 2 }),
        ("DELETE FROM audit_log WHERE seq > 4", ChainFault::MissingAtEnd { last: 4, expected: 6 }),
        ("DELETE FROM audit_log", ChainFault::MissingAtEnd { last: 0, expected: 6 }),
        ("DELETE FROM audit_head", ChainFault::HeadMissing),
        ("UPDATE audit_head SET seq = 5", ChainFault::HeadChanged),
        ("UPDATE audit_head SET link = (SELECT link FROM audit_log WHERE seq = 1)", ChainFault::HeadChanged),
        ("UPDATE audit_head SET key_id = 'x'", ChainFault::WrongKey),
        (
            "INSERT INTO audit_log SELECT 7, at, actor_kind, actor_id, actor_name, action, entity_type, entity_id, \
             old_values, new_values, ip_address, user_agent, request_id, event_seq, link FROM audit_log WHERE seq = 6",
            ChainFault::Added { last: 6, found: 7 },
        ),
        (
            "INSERT INTO audit_log SELECT 0, at, actor_kind, actor_id, actor_name, action, entity_type, entity_id, \
             old_values, new_values, ip_address, user_agent, request_id, event_seq, link FROM audit_log WHERE seq = 6",
            ChainFault::Gap { expected: 1, found: 0 },
        ),
        (
            "UPDATE audit_log SET seq = -1 WHERE seq = 2; UPDATE audit_log SET seq = 2 WHERE seq = 5; \
             UPDATE audit_log SET seq = 5 WHERE seq = -1",
            changed(2),
        ),
    ] {
        home.run_sql(sql).await;
        assert_eq!(verify(db).await, AuditReport::Faulty(fault), "{sql}");
        home.run_sql("DELETE FROM audit_log; DELETE FROM audit_head").await;
        home.run_sql("INSERT INTO audit_log SELECT * FROM log_copy").await;
        home.run_sql("INSERT INTO audit_head SELECT * FROM head_copy").await;
        assert_eq!(rows_of(db).await, 6);
    }
    // A whole copy that was set back verifies, but for whoever has written its head down.
    let head = audit_head(db).await.unwrap().unwrap();
    home.run_sql("DELETE FROM audit_log; DELETE FROM audit_head").await;
    let set_back = audit_verify(db, &AUDIT_KEY, Some((head.seq, head.link))).await.unwrap();
    assert_eq!(set_back, AuditReport::Faulty(ChainFault::MissingAtEnd { last: 0, expected: 6 }));
}

async fn an_audit_of_another_key_is_not_gone_on_with(home: &TestDb) {
    write(&home.db, &[full()]).await;
    let key = ChainKey::new([9; 32]);
    let options = DbOptions { audit_key: Some(key.clone()), ..home.options.clone() };
    let other = Db::connect(&options).await.unwrap();
    let mut tx = other.begin().await.unwrap();
    setting_set(&mut tx, "k", &1).await.unwrap();
    tx.audit(full()).unwrap();
    let error = tx.commit().await.expect_err("another key");
    assert!(matches!(error, StoreError::AuditHead(ChainFault::WrongKey)), "{error:?}");
    assert!(!error.is_transient());
    assert_eq!(nightshift_store::system::setting_get::<i64>(&home.db, "k").await.unwrap(), None);
    // In a group it takes nobody with it.
    let mut tx = other.begin().await.unwrap();
    tx.savepoint().await.unwrap();
    setting_set(&mut tx, "audited", &1).await.unwrap();
    tx.audit(full()).unwrap();
    assert!(matches!(tx.release().await, Err(StoreError::AuditHead(ChainFault::WrongKey))));
    tx.rollback_to().await.unwrap();
    tx.savepoint().await.unwrap();
    setting_set(&mut tx, "plain", &1).await.unwrap();
    tx.release().await.unwrap();
    tx.commit().await.unwrap();
    other.close().await;
    let kept = async |key| nightshift_store::system::setting_get::<i64>(&home.db, key).await.unwrap();
    assert_eq!((kept("audited").await, kept("plain").await), (None, Some(1)));
    let report = audit_verify(&home.db, &key, None).await.unwrap();
    assert_eq!(report, AuditReport::Faulty(ChainFault::WrongKey));
    assert_eq!(rows_of(&home.db).await, 1);
}

async fn a_changed_head_is_not_gone_on_with(home: &TestDb) {
    write(&home.db, &[full(), full()]).await;
    disarm(home).await;
    let attempt = async || {
        let mut tx = home.db.begin().await.unwrap();
        tx.audit(full()).unwrap();
        tx.commit().await.expect_err("it would hide what was done")
    };
    home.run_sql("UPDATE audit_head SET seq = 1").await;
    assert!(matches!(attempt().await, StoreError::AuditHead(ChainFault::HeadChanged)));
    home.run_sql("DELETE FROM audit_head").await;
    assert!(matches!(attempt().await, StoreError::AuditHead(ChainFault::HeadMissing)));
}

async fn the_filters_of_the_routes(home: &TestDb) {
    let db = &home.db;
    let lee = Actor::User { id: UserId(8), name: "lee".to_owned() };
    let gate = Actor::Machine { id: nightshift_domain::identity::TokenId(7), name: "gate".to_owned() };
    write(
        db,
        &[
            entry(0, kim(), Action::Create, "lot", "1"),
            entry(1, kim(), Action::Update, "lot", "1"),
            entry(2, lee, Action::Update, "lot", "2"),
            entry(3, gate, Action::Update, "serial", "1"),
            entry(4, kim(), Action::Login, "user", "7"),
        ],
    )
    .await;
    let find = async |query: AuditQuery| {
        let page = audit_list(db, &AuditQuery { limit: 10, ..query }).await.unwrap();
        assert_eq!(page.total, page.rows.len() as u64);
        page.rows.into_iter().map(|r| r.seq).collect::<Vec<_>>()
    };
    let all = AuditQuery::default;
    assert_eq!(find(all()).await, [5, 4, 3, 2, 1]);
    assert_eq!(find(AuditQuery { user_id: Some(UserId(7)), ..all() }).await, [5, 2, 1]);
    assert_eq!(find(AuditQuery { entity_type: Some("lot".into()), ..all() }).await, [3, 2, 1]);
    let one = AuditQuery { entity_type: Some("lot".into()), entity_id: Some("1".into()), ..all() };
    assert_eq!(find(one.clone()).await, [2, 1]);
    assert_eq!(find(AuditQuery { user_id: Some(UserId(8)), ..one }).await, Vec::<i64>::new());
    assert_eq!(find(AuditQuery { entity_id: Some("1".into()), ..all() }).await, [4, 2, 1]);
    assert_eq!(find(AuditQuery { action: Some(Action::Update), ..all() }).await, [4, 3, 2]);
    let both = AuditQuery { action: Some(Action::Update), user_id: Some(UserId(7)), ..all() };
    assert_eq!(find(both).await, [2]);
    assert_eq!(find(AuditQuery { start: Some(s(1)), end: Some(s(3)), ..all() }).await, [3, 2]);
    assert_eq!(find(AuditQuery { start: Some(s(4)), ..all() }).await, [5]);
    let page = |skip, limit| AuditQuery { skip, limit, action: Some(Action::Update), ..all() };
    let page = audit_list(db, &page(1, 1)).await.unwrap();
    assert_eq!((page.total, page.rows.len(), page.rows[0].seq), (3, 1, 3));
    let none = audit_list(db, &AuditQuery { skip: u64::MAX, limit: 5, ..all() }).await.unwrap();
    assert_eq!((none.total, none.rows.len()), (5, 0));
}

async fn many_entries_are_one_commit(home: &TestDb) {
    let entries: Vec<_> =
        (0..1_300).map(|i| entry(i, kim(), Action::Create, "lot", &i.to_string())).collect();
    write(&home.db, &entries).await;
    assert_eq!(rows_of(&home.db).await, 1_300);
    let rows = audit_rows_after(&home.db, 0, 2_000).await.unwrap();
    assert_eq!(rows.into_iter().map(|r| r.entry).collect::<Vec<_>>(), entries);
}

async fn two_programs_keep_one_chain(home: &TestDb) {
    let other = Db::connect(&home.options).await.unwrap();
    let work = async |db: Db| {
        for i in 0..20 {
            write(&db, &[entry(i, kim(), Action::Create, "lot", "1"), full()]).await;
        }
    };
    let watch = async |db: Db| {
        loop {
            match verify(&db).await {
                AuditReport::Whole(Verified { rows: 80, .. }) => break,
                AuditReport::Whole(_) => tokio::task::yield_now().await,
                AuditReport::Faulty(fault) => panic!("{fault}"),
            }
        }
    };
    let all = async { tokio::join!(work(home.db.clone()), work(other.clone()), watch(home.db.clone())) };
    tokio::time::timeout(std::time::Duration::from_secs(60), all).await.expect("the chain grows");
    other.close().await;
}
