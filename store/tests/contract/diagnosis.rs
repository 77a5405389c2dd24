//! Patients, sessions, records and files to be removed.

use nightshift_domain::Timestamp;
use nightshift_domain::diagnosis::{
    DiagnosisId, FailCause, Failure, Kind, NewSession, Patient, PatientCode, PatientId, Record,
    SESSION_LASTS, Session, SessionCode, State, StateKind, Summary, file_name, original_key, processed_key,
};
use nightshift_domain::identity::{Role, SecretHash, User, UserId};
use nightshift_store::diagnosis::{
    Forsaken, RecordQuery, codes_taken, doctor_busy, orphan_add, orphan_done, orphans_list, patient_busy,
    patient_erase, patient_find, patient_find_by_code, patient_find_own, patient_get, patient_get_any,
    patient_insert, patient_list, patient_remove, patient_token_hash, patient_token_set, patient_update,
    patients_forsaken, patients_hand_over, record_find, record_insert, record_is, record_list,
    records_of_patient, session_active, session_find, session_get, session_insert, session_move,
    session_states, sessions_of_patient, sessions_open, states_of_patient,
};
use nightshift_store::identity::user_remove;
use nightshift_store::system::events_after;
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, Slice, StoreError};

use crate::users::make;
use crate::{NOW, s};

nightshift_store::on_both_engines!(
    a_patient_comes_back_as_it_was,
    a_code_is_one_patients_for_ever,
    a_removed_patient_is_off_the_list_and_kept,
    a_doctor_has_one_session_under_way,
    states_are_kept_with_their_events,
    a_state_is_left_once,
    open_sessions_are_taken_up,
    records_are_the_doctors_own,
    an_erased_patient_leaves_nothing_but_files_to_remove,
    patients_of_a_doctor_who_is_gone_are_handed_over,
    orphans_are_listed_when_they_are_due,
    a_spoilt_session_is_named,
);

pub(crate) async fn doctor(db: &Db, name: &str) -> User {
    make(db, name, Role::Doctor).await
}

fn code(text: &str) -> PatientCode {
    text.parse().unwrap()
}

pub(crate) async fn patient(db: &Db, doctor: UserId, text: &str) -> Patient {
    let mut tx = db.begin().await.unwrap();
    let made = patient_insert(&mut tx, doctor, &code(text), &"김서연".parse().unwrap(), NOW).await.unwrap();
    tx.commit().await.unwrap();
    made
}

fn new_session(patient: &Patient, at: Timestamp) -> NewSession {
    NewSession {
        doctor_id: patient.doctor_id,
        patient_id: patient.id,
        kind: Kind::TennisBall,
        level: 2.try_into().unwrap(),
        code: SessionCode::of(&[1, 2, 3, 4, 5, 6]),
        at,
    }
}

async fn session(db: &Db, patient: &Patient, at: Timestamp) -> Session {
    let mut tx = db.begin().await.unwrap();
    let (made, _) = session_insert(&mut tx, &new_session(patient, at)).await.unwrap();
    tx.commit().await.unwrap();
    made
}

async fn moved(db: &Db, session: &Session, state: State) -> Session {
    let next = Session { state, ..session.clone() };
    let mut tx = db.begin().await.unwrap();
    session_move(&mut tx, &next, session.state.kind()).await.unwrap();
    tx.commit().await.unwrap();
    next
}

fn record(session: &Session, at: Timestamp) -> Record {
    Record {
        id: session.id,
        patient_id: session.patient_id,
        kind: session.kind,
        level: session.level,
        created_at: at,
        filename: file_name(session.kind, session.level, at),
        original_bytes: 400_000,
        processed_bytes: 900_000,
        processed_sha256: "ab".repeat(32),
        summary: Summary {
            rows: 4_288,
            score: 18.0,
            time_spent: 60.035,
            fps: 71.425,
            successes: 18,
            fails: 5,
        },
    }
}

pub(crate) async fn completed(db: &Db, patient: &Patient, at: Timestamp) -> Record {
    let made = session(db, patient, at).await;
    let done = Session { state: State::Completed { at }, ..made.clone() };
    let record = record(&made, at);
    let mut tx = db.begin().await.unwrap();
    session_move(&mut tx, &done, StateKind::Ready).await.unwrap();
    record_insert(&mut tx, &record).await.unwrap();
    tx.commit().await.unwrap();
    record
}

async fn a_patient_comes_back_as_it_was(home: &TestDb) {
    let db = &home.db;
    let (lee, kim) = (doctor(db, "lee").await, doctor(db, "kim").await);
    let made = patient(db, lee.id, "007-000").await;
    assert_eq!(patient_find(db, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!(patient_find_own(db, made.id, lee.id).await.unwrap(), Some(made.clone()));
    assert_eq!(patient_find_own(db, made.id, kim.id).await.unwrap(), None);
    assert_eq!(patient_find_by_code(db, &made.code).await.unwrap(), Some(made.clone()));
    assert_eq!(patient_find(db, PatientId(99)).await.unwrap(), None);
    let mut tx = db.begin().await.unwrap();
    let before = patient_get(&mut tx, made.id, lee.id).await.unwrap();
    assert!(matches!(patient_get(&mut tx, made.id, kim.id).await, Err(StoreError::Missing { .. })));
    let change = Patient { name: "박지훈".parse().unwrap(), code: code("P-1"), ..before };
    let after = patient_update(&mut tx, &change, s(5)).await.unwrap();
    patient_token_set(&mut tx, made.id, Some(&SecretHash::of("secret")), s(6)).await.unwrap();
    tx.commit().await.unwrap();
    let now = patient_find(db, made.id).await.unwrap().unwrap();
    assert_eq!((now.name.reveal(), now.code.as_str(), now.has_device_token), ("박지훈", "P-1", true));
    assert_eq!((now.created_at, now.updated_at, after.updated_at), (NOW, s(6), s(5)));
    assert_eq!(patient_token_hash(db, made.id).await.unwrap(), Some(SecretHash::of("secret")));
    let mut tx = db.begin().await.unwrap();
    patient_token_set(&mut tx, made.id, None, s(7)).await.unwrap();
    assert!(matches!(
        patient_token_set(&mut tx, PatientId(99), None, s(7)).await,
        Err(StoreError::Missing { .. })
    ));
    tx.commit().await.unwrap();
    assert_eq!(patient_token_hash(db, made.id).await.unwrap(), None);
    let other = patient(db, lee.id, "x").await;
    let page = patient_list(db, lee.id, Slice { skip: 1, limit: 10 }).await.unwrap();
    assert_eq!((page.items, page.total), (vec![other], 2));
    assert_eq!(patient_list(db, kim.id, Slice::first(10)).await.unwrap().total, 0);
}

async fn a_code_is_one_patients_for_ever(home: &TestDb) {
    let db = &home.db;
    let lee = doctor(db, "lee").await;
    let own = |n| PatientCode::automatic(lee.id, n);
    let first = patient(db, lee.id, own(0).as_str()).await;
    let second = patient(db, lee.id, own(1).as_str()).await;
    let free = patient(db, lee.id, "by-hand").await;
    let mut tx = db.begin().await.unwrap();
    let again = patient_insert(&mut tx, lee.id, &first.code, &first.name, NOW).await;
    assert!(matches!(again, Err(StoreError::Conflict { .. })));
    let clash = Patient { code: first.code.clone(), ..second.clone() };
    assert!(matches!(patient_update(&mut tx, &clash, NOW).await, Err(StoreError::Conflict { .. })));
    patient_update(&mut tx, &second, NOW).await.unwrap();
    patient_remove(&mut tx, first.id, s(1)).await.unwrap();
    patient_erase(&mut tx, &second, s(1)).await.unwrap();
    patient_erase(&mut tx, &free, s(1)).await.unwrap();
    let mut taken = codes_taken(&mut tx, lee.id).await.unwrap();
    taken.sort();
    assert_eq!(taken, [own(0), own(1)]);
    for gone in [&first, &second] {
        let again = patient_insert(&mut tx, lee.id, &gone.code, &first.name, NOW).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{}", gone.code);
    }
    patient_insert(&mut tx, lee.id, &free.code, &first.name, NOW).await.unwrap();
    tx.commit().await.unwrap();
}

async fn a_removed_patient_is_off_the_list_and_kept(home: &TestDb) {
    let db = &home.db;
    let lee = doctor(db, "lee").await;
    let made = patient(db, lee.id, "a").await;
    let kept = completed(db, &made, s(1)).await;
    let mut tx = db.begin().await.unwrap();
    patient_remove(&mut tx, made.id, s(2)).await.unwrap();
    assert!(matches!(patient_remove(&mut tx, made.id, s(3)).await, Err(StoreError::Missing { .. })));
    assert!(matches!(patient_get(&mut tx, made.id, lee.id).await, Err(StoreError::Missing { .. })));
    assert!(matches!(patient_update(&mut tx, &made, s(3)).await, Err(StoreError::Missing { .. })));
    let any = patient_get_any(&mut tx, made.id, lee.id).await.unwrap();
    assert!(any.is_some_and(|p| p.removed_at == Some(s(2))));
    assert_eq!(patient_get_any(&mut tx, made.id, UserId(99)).await.unwrap(), None);
    tx.commit().await.unwrap();
    assert_eq!(patient_list(db, lee.id, Slice::first(10)).await.unwrap().total, 0);
    assert_eq!(patient_find_by_code(db, &made.code).await.unwrap(), None);
    let found = patient_find_own(db, made.id, lee.id).await.unwrap().unwrap();
    assert_eq!(found.removed_at, Some(s(2)));
    assert_eq!(record_find(db, kept.id, lee.id).await.unwrap(), None);
    assert_eq!(records_of_patient(db, made.id, DiagnosisId(0), 10).await.unwrap(), [kept]);
}

async fn a_doctor_has_one_session_under_way(home: &TestDb) {
    let db = &home.db;
    let lee = doctor(db, "lee").await;
    let (one, two) = (patient(db, lee.id, "a").await, patient(db, lee.id, "b").await);
    assert_eq!(session_active(db, lee.id).await.unwrap(), None);
    let busy = async || {
        let mut tx = db.begin().await.unwrap();
        let busy = patient_busy(&mut tx, one.id).await.unwrap();
        tx.rollback().await.unwrap();
        busy
    };
    assert!(!busy().await);
    let first = session(db, &one, NOW).await;
    assert!(busy().await);
    assert_eq!(first.expires_at, NOW + SESSION_LASTS);
    assert_eq!(session_active(db, lee.id).await.unwrap(), Some(first.clone()));
    let mut tx = db.begin().await.unwrap();
    let second = session_insert(&mut tx, &new_session(&two, s(1))).await;
    assert!(matches!(second, Err(StoreError::Conflict { .. })));
    tx.commit().await.unwrap();
    let first = moved(db, &first, State::Started { at: s(2) }).await;
    assert_eq!(session_active(db, lee.id).await.unwrap(), Some(first.clone()));
    moved(db, &first, State::Cancelled { at: s(3) }).await;
    assert_eq!(session_active(db, lee.id).await.unwrap(), None);
    assert!(!busy().await);
    session(db, &two, s(4)).await;
}

async fn states_are_kept_with_their_events(home: &TestDb) {
    let db = &home.db;
    let lee = doctor(db, "lee").await;
    let made = session(db, &patient(db, lee.id, "a").await, NOW).await;
    let started = moved(db, &made, State::Started { at: s(1) }).await;
    let failure = Failure::new(FailCause::File, "3행 / row 3");
    let failed = moved(db, &started, State::Failed { at: s(2), failure }).await;
    assert_eq!(session_find(db, made.id).await.unwrap(), Some(failed.clone()));
    let states = session_states(db, made.id).await.unwrap();
    let kinds: Vec<_> = states.iter().map(|e| (e.state, e.at)).collect();
    assert_eq!(kinds, [(StateKind::Ready, NOW), (StateKind::Started, s(1)), (StateKind::Failed, s(2))]);
    assert_eq!(states[2].reason.as_deref(), Some("3행 / row 3"));
    let events = events_after(db, 0, Some("diagnosis."), 10).await.unwrap();
    assert_eq!(
        events.iter().map(|e| e.seq).collect::<Vec<_>>(),
        states.iter().map(|e| e.seq).collect::<Vec<_>>()
    );
    // The journal is read by all: it says nothing of the patient and nothing of the file.
    assert_eq!(events[2].event.data, serde_json::json!({ "id": made.id, "state": "FAILED" }));
    let of_patient = states_of_patient(db, made.patient_id, states[0].seq, 10).await.unwrap();
    assert_eq!(of_patient, [(made.id, states[1].clone()), (made.id, states[2].clone())]);
    assert_eq!(sessions_of_patient(db, made.patient_id, DiagnosisId(0), 10).await.unwrap(), [failed]);
}

async fn a_state_is_left_once(home: &TestDb) {
    let db = &home.db;
    let lee = doctor(db, "lee").await;
    let made = session(db, &patient(db, lee.id, "a").await, NOW).await;
    moved(db, &made, State::Started { at: s(1) }).await;
    let again = Session { state: State::Cancelled { at: s(2) }, ..made.clone() };
    let mut tx = db.begin().await.unwrap();
    let refused = session_move(&mut tx, &again, StateKind::Ready).await;
    assert!(matches!(refused, Err(StoreError::Missing { .. })));
    assert_eq!(session_get(&mut tx, made.id).await.unwrap().state, State::Started { at: s(1) });
    assert!(matches!(session_get(&mut tx, DiagnosisId(99)).await, Err(StoreError::Missing { .. })));
    tx.commit().await.unwrap();
    assert_eq!(session_states(db, made.id).await.unwrap().len(), 2);
}

async fn open_sessions_are_taken_up(home: &TestDb) {
    let db = &home.db;
    let mut open = Vec::new();
    for (n, state) in [
        None,
        Some(State::Started { at: s(1) }),
        Some(State::Cancelled { at: s(1) }),
        Some(State::Failed { at: s(1), failure: Failure::new(FailCause::Storage, "away") }),
        Some(State::Failed { at: s(1), failure: Failure::new(FailCause::File, "bad") }),
    ]
    .into_iter()
    .enumerate()
    {
        let lee = doctor(db, &format!("lee{n}")).await;
        let made = session(db, &patient(db, lee.id, &format!("p{n}")).await, NOW).await;
        let made = match state {
            Some(state) => moved(db, &made, state).await,
            None => made,
        };
        if made.state.takes_upload() {
            open.push(made);
        }
    }
    assert_eq!(open.len(), 3);
    assert_eq!(sessions_open(db, s(1), DiagnosisId(0), 10).await.unwrap(), open);
    assert_eq!(sessions_open(db, s(1), open[0].id, 1).await.unwrap(), open[1..2]);
    // What expired meanwhile is taken up too, to be ended; a file is not waited for any more.
    assert_eq!(sessions_open(db, s(7_200), DiagnosisId(0), 10).await.unwrap(), open[..2]);
}

async fn records_are_the_doctors_own(home: &TestDb) {
    let db = &home.db;
    let (lee, kim) = (doctor(db, "lee").await, doctor(db, "kim").await);
    let (one, two) = (patient(db, lee.id, "a").await, patient(db, lee.id, "b").await);
    let first = completed(db, &one, s(10)).await;
    let second = completed(db, &one, s(20)).await;
    let other = completed(db, &two, s(30)).await;
    assert_eq!(record_find(db, first.id, lee.id).await.unwrap(), Some(first.clone()));
    assert_eq!(record_find(db, first.id, kim.id).await.unwrap(), None);
    let all =
        RecordQuery { doctor_id: lee.id, patient_id: None, kind: None, level: None, from: None, to: None };
    let list = async |query: RecordQuery| record_list(db, &query, Slice::first(10)).await.unwrap();
    assert_eq!(list(all).await.items, [other.clone(), second.clone(), first.clone()]);
    assert_eq!(
        list(RecordQuery { patient_id: Some(one.id), ..all }).await.items,
        [second.clone(), first.clone()]
    );
    assert_eq!(list(RecordQuery { from: Some(s(20)), to: Some(s(30)), ..all }).await.items, [second]);
    assert_eq!(list(RecordQuery { doctor_id: kim.id, ..all }).await.total, 0);
    assert_eq!(list(RecordQuery { kind: Some(Kind::FitBox), ..all }).await.total, 0);
    assert_eq!(list(RecordQuery { level: Some(2.try_into().unwrap()), ..all }).await.total, 3);
    let mut tx = db.begin().await.unwrap();
    assert!(matches!(record_insert(&mut tx, &first).await, Err(StoreError::Conflict { .. })));
    tx.commit().await.unwrap();
}

async fn an_erased_patient_leaves_nothing_but_files_to_remove(home: &TestDb) {
    let db = &home.db;
    let lee = doctor(db, "lee").await;
    let (gone, stays) = (patient(db, lee.id, "a").await, patient(db, lee.id, "b").await);
    let erased = completed(db, &gone, s(1)).await;
    let kept = completed(db, &stays, s(2)).await;
    let mut tx = db.begin().await.unwrap();
    let counts = patient_erase(&mut tx, &gone, s(3)).await.unwrap();
    assert_eq!((counts.sessions, counts.records, counts.files), (1, 1, 2));
    assert!(matches!(patient_erase(&mut tx, &gone, s(3)).await, Err(StoreError::Missing { .. })));
    tx.commit().await.unwrap();
    assert_eq!(patient_find(db, gone.id).await.unwrap(), None);
    assert_eq!(session_find(db, erased.id).await.unwrap(), None);
    assert!(session_states(db, erased.id).await.unwrap().is_empty());
    assert_eq!(record_find(db, erased.id, lee.id).await.unwrap(), None);
    assert_eq!(record_find(db, kept.id, lee.id).await.unwrap(), Some(kept));
    let mut keys = [original_key(erased.id, &erased.filename), processed_key(erased.id, &erased.filename)];
    keys.sort();
    assert_eq!(orphans_list(db, s(4), 10).await.unwrap(), keys);
}

async fn patients_of_a_doctor_who_is_gone_are_handed_over(home: &TestDb) {
    let db = &home.db;
    let (lee, kim, choi) = (doctor(db, "lee").await, doctor(db, "kim").await, doctor(db, "choi").await);
    let automatic = PatientCode::automatic(lee.id, 0);
    let (first, removed, others) = (
        patient(db, lee.id, automatic.as_str()).await,
        patient(db, lee.id, "b").await,
        patient(db, choi.id, "c").await,
    );
    let kept = completed(db, &first, s(1)).await;
    assert!(
        record_is(db, kept.id).await.unwrap() && !record_is(db, DiagnosisId(kept.id.0 + 1)).await.unwrap()
    );
    assert_eq!(patients_forsaken(db).await.unwrap(), [], "all doctors are there");
    let under_way = session(db, &first, s(2)).await;
    let mut tx = db.begin().await.unwrap();
    patient_remove(&mut tx, removed.id, s(2)).await.unwrap();
    user_remove(&mut tx, lee.id, s(3)).await.unwrap();
    assert!(doctor_busy(&mut tx, lee.id).await.unwrap() && !doctor_busy(&mut tx, choi.id).await.unwrap());
    tx.commit().await.unwrap();
    let forsaken = Forsaken { doctor_id: lee.id, username: "lee".to_owned(), patients: 2 };
    assert_eq!(patients_forsaken(db).await.unwrap(), [forsaken]);
    moved(db, &under_way, State::Cancelled { at: s(3) }).await;
    let mut tx = db.begin().await.unwrap();
    assert!(!doctor_busy(&mut tx, lee.id).await.unwrap());
    let handed = patients_hand_over(&mut tx, lee.id, kim.id, s(4)).await.unwrap();
    assert_eq!(handed, [first.id, removed.id]);
    assert_eq!(patients_hand_over(&mut tx, lee.id, kim.id, s(4)).await.unwrap(), []);
    tx.commit().await.unwrap();
    assert_eq!(patients_forsaken(db).await.unwrap(), []);
    let listed = patient_list(db, kim.id, Slice::first(10)).await.unwrap();
    assert_eq!(
        listed.items.iter().map(|p| p.id).collect::<Vec<_>>(),
        [first.id],
        "the removed one stays removed"
    );
    assert_eq!(record_find(db, kept.id, kim.id).await.unwrap(), Some(kept.clone()));
    assert_eq!(record_find(db, kept.id, lee.id).await.unwrap(), None);
    assert_eq!(patient_find(db, others.id).await.unwrap().unwrap().doctor_id, choi.id);
    // Its code stays the first doctor's, whoever erases it: an old headset meets nobody else.
    let mut tx = db.begin().await.unwrap();
    let own = patient_get(&mut tx, first.id, kim.id).await.unwrap();
    patient_erase(&mut tx, &own, s(5)).await.unwrap();
    assert_eq!(codes_taken(&mut tx, lee.id).await.unwrap(), [automatic]);
    tx.commit().await.unwrap();
}

async fn orphans_are_listed_when_they_are_due(home: &TestDb) {
    let db = &home.db;
    let mut tx = db.begin().await.unwrap();
    orphan_add(&mut tx, "b", s(1)).await.unwrap();
    orphan_add(&mut tx, "a", s(3)).await.unwrap();
    orphan_add(&mut tx, "a", s(2)).await.unwrap();
    orphan_add(&mut tx, "b", s(3)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(orphans_list(db, s(1), 10).await.unwrap(), ["b"]);
    assert_eq!(orphans_list(db, s(2), 10).await.unwrap(), ["b", "a"]);
    assert_eq!(orphans_list(db, s(3), 1).await.unwrap(), ["b"]);
    let mut tx = db.begin().await.unwrap();
    orphan_done(&mut tx, "b").await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(orphans_list(db, s(3), 10).await.unwrap(), ["a"]);
}

async fn a_spoilt_session_is_named(home: &TestDb) {
    let db = &home.db;
    let lee = doctor(db, "lee").await;
    let made = session(db, &patient(db, lee.id, "a").await, NOW).await;
    for (sql, column) in [
        ("UPDATE diagnosis SET state = 'LOST'", "state"),
        ("UPDATE diagnosis SET state = 'FAILED'", "fail_cause"),
        ("UPDATE diagnosis SET state = 'READY', level = 9", "level"),
        ("UPDATE diagnosis SET level = 1, code = 'x'", "code"),
    ] {
        home.run_sql(sql).await;
        let error = session_find(db, made.id).await.expect_err("spoilt").to_string();
        let begins = format!("table diagnosis, row {}: column {column} ", made.id);
        assert!(error.starts_with(&begins), "{error}");
    }
}
