//! The domain in a living plant, on both engines: what cannot be seen over HTTP, because it takes half an hour or a crash.

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::audit::Actor;
use nightshift_domain::diagnosis::{
    FromHeadset, Kind, NewPatient, NewSession, Patient, SESSION_LASTS, Sample, Session, SessionCode,
    StateKind, ToHeadset, original_key,
};
use nightshift_domain::identity::{FullName, NewUser, PasswordHash, Role, User};
use nightshift_kernel::Clock;
use nightshift_store::Db;
use nightshift_store::blobs::BlobKey;
use nightshift_store::diagnosis::{orphan_add, orphans_list, patient_insert, session_insert, session_states};
use nightshift_store::identity::user_insert;
use nightshift_store::testing::{TestDb, postgres, sqlite};

use super::{Asker, DiagnosisError, Said};
use crate::PlantConfig;
use crate::identity::{By, Origin};
use crate::outlet::{Drain, Frame, Outlet, OutletLimits, outlet};
use crate::testing::{eventually, on};

async fn homes() -> Vec<TestDb> {
    let mut homes = vec![sqlite().await];
    homes.extend(postgres().await);
    homes
}

async fn doctor(db: &Db) -> User {
    let new = NewUser {
        username: "lee".parse().expect("username"),
        email: None,
        full_name: "이서연".parse::<FullName>().expect("name"),
        role: Role::Doctor,
        department: None,
        is_active: true,
    };
    let mut tx = db.begin().await.expect("begin");
    let user = user_insert(&mut tx, &new, &PasswordHash::new("$x"), now()).await.expect("user");
    tx.commit().await.expect("commit");
    user
}

fn now() -> Timestamp {
    Timestamp::from_us(Clock::system().now_us())
}

fn asker(user: &User) -> Asker {
    let actor = Actor::User { id: user.id, name: user.username.as_str().to_owned() };
    Asker { user_id: user.id, role: Role::Doctor, by: By { actor, origin: Origin::default() } }
}

/// A session that was started at `at`, in a database that no plant uses yet.
async fn left_open(db: &Db, doctor: &User, at: Timestamp) -> (Patient, Session) {
    let mut tx = db.begin().await.expect("begin");
    let code = "007-000".parse().expect("code");
    let name = "김서연".parse().expect("name");
    let patient = patient_insert(&mut tx, doctor.id, &code, &name, at).await.expect("patient");
    let new = NewSession {
        doctor_id: doctor.id,
        patient_id: patient.id,
        kind: Kind::FitBox,
        level: 1.try_into().expect("level"),
        code: SessionCode::of(&[0; 6]),
        at,
    };
    let (session, _) = session_insert(&mut tx, &new).await.expect("session");
    tx.commit().await.expect("commit");
    (patient, session)
}

fn line() -> (Outlet, Drain) {
    outlet(OutletLimits { frames_max: 8, bytes_max: 4_096 })
}

async fn heard(drain: &mut Drain) -> ToHeadset {
    match tokio::time::timeout(crate::testing::PATIENCE, drain.next()).await.expect("in time") {
        Some(Frame::Text(text)) => serde_json::from_str(&text).expect("an order"),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_time_was_up_while_the_plant_was_down_is_ended_at_the_start() {
    for home in homes().await {
        let lee = doctor(&home.db).await;
        let (_, session) = left_open(&home.db, &lee, now() - SESSION_LASTS - Duration::from_secs(1)).await;
        let test = on(home, PlantConfig::default()).await;
        let diagnosis = test.plant.diagnosis();
        // It blocks nobody even before its actor has ended it.
        assert_eq!(diagnosis.live(&asker(&lee)).await, Err(DiagnosisError::NotFound));
        eventually("it is expired", async || {
            let states = session_states(&test.home.db, session.id).await.expect("states");
            (states.last()?.state == StateKind::Expired).then_some(())
        })
        .await;
        eventually("its actor is gone", async || {
            let tree = test.plant.tree(Some("plant/diagnosis/session"), None, 10)?;
            tree.children.is_empty().then_some(())
        })
        .await;
        test.plant.shutdown(Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_open_is_taken_up_and_its_headset_told_again() {
    for home in homes().await {
        let lee = doctor(&home.db).await;
        let (patient, session) = left_open(&home.db, &lee, now()).await;
        let test = on(home, PlantConfig::default()).await;
        let diagnosis = test.plant.diagnosis();
        let mut follow = diagnosis.follow(&asker(&lee), session.id, None).await.expect("own");
        assert_eq!(follow.next().await.map(|s| s.state), Some(StateKind::Ready));
        let (out, mut drain) = line();
        let headset = diagnosis.connect_headset(patient.id, out).await;
        assert_eq!(heard(&mut drain).await, ToHeadset::start(&session));
        let say = async |said: FromHeadset<'_>| headset.hear(said.frame().into()).await;
        assert_eq!(say(FromHeadset::Started(session.id)).await, Said::Taken);
        assert_eq!(follow.next().await.map(|s| s.state), Some(StateKind::Started));
        let file = Sample::known(session.kind).text();
        assert_eq!(say(FromHeadset::Upload(session.id, file.clone().into())).await, Said::Taken);
        assert_eq!(follow.next().await.map(|s| s.state), Some(StateKind::Completed));
        assert_eq!(follow.next().await, None);
        let record = diagnosis.record(&asker(&lee), session.id).await.expect("a record");
        assert_eq!((record.summary.score, record.summary.rows), (18.0, 4_288));
        let key = BlobKey::new(&original_key(session.id, &record.filename)).expect("key");
        let kept = test.plant.blobs().get(&key, 1_000_000).await.expect("kept");
        assert_eq!(&kept[..], file.as_bytes());
        // Nothing of a session that was completed is an orphan.
        let later = now() + Duration::from_secs(86_400);
        assert!(orphans_list(&test.home.db, later, 10).await.expect("orphans").is_empty());
        test.plant.shutdown(Duration::from_secs(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_belong_to_nothing_are_removed() {
    let home = sqlite().await;
    let test = on(home, PlantConfig::default()).await;
    let key = BlobKey::new("diagnosis/1/original/x.csv").expect("key");
    test.plant.blobs().put(&key, bytes::Bytes::from_static(b"x")).await.expect("put");
    let mut tx = test.home.db.begin().await.expect("begin");
    orphan_add(&mut tx, key.as_str(), now()).await.expect("noted");
    tx.commit().await.expect("commit");
    let sent = test.plant.diagnosis().keeper.try_send(super::KeeperMessage::Look);
    assert!(sent.is_ok());
    eventually("the file is removed", async || test.plant.blobs().head(&key).await.err().map(|_| ())).await;
    eventually("it is off the list", async || {
        orphans_list(&test.home.db, now(), 10).await.expect("orphans").is_empty().then_some(())
    })
    .await;
    test.plant.shutdown(Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_checked_in_its_order() {
    let home = sqlite().await;
    let lee = doctor(&home.db).await;
    let test = on(home, PlantConfig::default()).await;
    let diagnosis = test.plant.diagnosis();
    let new = NewPatient { name: "김서연".parse().expect("name"), code: None };
    let patient = diagnosis.create_patient(asker(&lee), new, None).await.expect("patient");
    assert_eq!(patient.code.number(lee.id), Some(0));
    let played = (Kind::TennisBall, 2.try_into().expect("level"));
    let start = async |asker: Asker| diagnosis.start(asker, patient.id, played, None).await.map(|s| s.id);
    let nurse = Asker { role: Role::Nurse, ..asker(&lee) };
    assert_eq!(start(nurse).await, Err(DiagnosisError::NotADoctor));
    let gone = Asker { user_id: nightshift_domain::identity::UserId(99), ..asker(&lee) };
    assert_eq!(start(gone).await, Err(DiagnosisError::DoctorNotFound));
    assert_eq!(start(asker(&lee)).await, Err(DiagnosisError::HeadsetAway));
    let (out, mut drain) = line();
    let _headset = diagnosis.connect_headset(patient.id, out).await;
    let first = start(asker(&lee)).await.expect("started");
    assert!(
        matches!(heard(&mut drain).await, ToHeadset::Start { diagnosis_id, .. } if diagnosis_id == first)
    );
    assert_eq!(start(asker(&lee)).await, Err(DiagnosisError::UnderWay));
    assert_eq!(diagnosis.live(&asker(&lee)).await.map(|s| s.id), Ok(first));
    diagnosis.cancel(asker(&lee), first).await.expect("cancelled");
    assert_eq!(heard(&mut drain).await, ToHeadset::stop());
    let over = diagnosis.cancel(asker(&lee), first).await;
    assert_eq!(over, Err(DiagnosisError::Over(StateKind::Cancelled)));
    start(asker(&lee)).await.expect("free again");
    test.plant.shutdown(Duration::from_secs(10)).await;
}
