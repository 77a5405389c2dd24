use nightshift_domain::diagnosis::{DiagnosisId, FromHeadset, Kind};
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{Doctor, Headset, known};
use crate::common::Server;

/// A doctor, a patient with a connected headset, and a session that has begun.
async fn begun(server: &Server, name: &str, kind: Kind) -> (Doctor, String, Headset, i64) {
    let doctor = Doctor::new(server, name).await;
    let (patient, code) = doctor.patient(server, "김서연").await;
    let mut headset = Headset::connect(server, &code).await;
    let id = doctor.start(server, patient, kind).await;
    headset.begins(id).await;
    headset.started(id).await;
    doctor.until(server, id, "STARTED").await;
    (doctor, code, headset, id)
}

/// Writes the first half of a frame onto the wire, and no more.
async fn half(headset: &mut Headset, text: &str) {
    begin_frame(headset, text.len(), &text.as_bytes()[..text.len() / 2]).await;
}

/// Writes the head of a frame of `length` bytes onto the wire, and the first of them.
async fn begin_frame(headset: &mut Headset, length: usize, first: &[u8]) {
    let mut frame = vec![0x81, 0x80 | 127];
    frame.extend_from_slice(&(length as u64).to_be_bytes());
    // A mask of zeros leaves every byte as it is.
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(first);
    let wire = headset.wire.get_mut();
    wire.write_all(&frame).await.expect("half a frame");
    wire.flush().await.expect("sent");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_headset_that_vanishes_while_uploading_may_come_back() {
    let server = Server::start().await;
    let (lee, code, mut headset, id) = begun(&server, "lee", Kind::BalanceBall).await;
    let file = known(Kind::BalanceBall);
    half(&mut headset, &FromHeadset::Upload(DiagnosisId(id), file.as_str().into()).frame()).await;
    drop(headset);
    server
        .until("it is gone", async || server.metric("nightshift_diagnosis_headsets_connected").await == 0.0)
        .await;
    assert_eq!(lee.state(&server, id).await.0, "STARTED");
    let mut back = Headset::connect(&server, &code).await;
    back.upload(id, &file).await;
    lee.until(&server, id, "COMPLETED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_upload_and_one_for_another_diagnosis_change_nothing() {
    let server = Server::start().await;
    let (lee, _, mut headset, id) = begun(&server, "lee", Kind::FitBox).await;
    let (kim, _, mut others, other) = begun(&server, "kim", Kind::FitBox).await;
    // A headset speaks for its own patient alone.
    headset.upload(other, &known(Kind::FitBox)).await;
    headset.say(FromHeadset::Failed(DiagnosisId(other))).await;
    headset.say(FromHeadset::Failed(DiagnosisId(id + 1_000))).await;
    headset.upload(id, &known(Kind::FitBox)).await;
    headset.upload(id, "another file").await;
    lee.until(&server, id, "COMPLETED").await;
    headset.upload(id, "a third one").await;
    assert_eq!(kim.state(&server, other).await.0, "STARTED");
    let ignored = async |reason: &str| {
        let name = format!("nightshift_diagnosis_frames_ignored_total{{reason=\"{reason}\"}}");
        server.metric(&name).await
    };
    server
        .until("four were ignored", async || {
            ignored("other_session").await + ignored("second_upload").await >= 5.0
        })
        .await;
    others.upload(other, &known(Kind::FitBox)).await;
    kim.until(&server, other, "COMPLETED").await;
    let listed = lee.get(&server, "/diagnosis/record/list").await;
    assert_eq!(listed.header("x-total-count"), "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_a_result_fails_with_a_reason() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let mut headset = Headset::connect(&server, &code).await;
    let good = known(Kind::FitBox);
    let cases = [
        (good.replacen("Score", "Points", 1), "Score 열이 없습니다 / column Score is missing"),
        (String::new(), "empty"),
        (good.lines().next().expect("heading").to_owned(), "no rows"),
        (good.replacen("2025-11-10 14:03:00.014", "yesterday", 1), "row 2, current_time"),
        // 11 MiB.
        (format!("{good}{}", "x".repeat(11 * 1_024 * 1_024)), "too large"),
    ];
    for (file, reason) in cases {
        let id = lee.start(&server, patient, Kind::FitBox).await;
        headset.begins(id).await;
        headset.started(id).await;
        let mut states = lee.follow(&server, id, None).await;
        headset.upload(id, &file).await;
        let failed = loop {
            let event = states.next().await.expect("goes on");
            if event["state"] == "FAILED" {
                break event;
            }
        };
        assert!(failed["reason"].as_str().expect("reason").contains(reason), "{failed}");
        assert!(lee.state(&server, id).await.1.contains(reason));
        assert!(states.next().await.is_none());
        // It is not to be sent again: it would be no better.
        headset.upload(id, &good).await;
    }
    let id = lee.start(&server, patient, Kind::FitBox).await;
    headset.begins(id).await;
    headset.say(FromHeadset::Failed(DiagnosisId(id))).await;
    assert!(lee.until(&server, id, "FAILED").await.contains("headset reported"));
    assert_eq!(lee.get(&server, "/diagnosis/record/list").await.json(), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_counted_and_ignored_and_the_socket_stays() {
    let server = Server::start().await;
    let (lee, _, mut headset, id) = begun(&server, "lee", Kind::BalanceBall).await;
    for n in 0..300 {
        let garbage = match n % 5 {
            0 => "{".to_owned(),
            1 => json!({ "action": "c_dance" }).to_string(),
            2 => json!({ "action": "c_upload_result", "data": { "diagnosis_id": id } }).to_string(),
            3 => "\u{0}\u{1f4a5}".repeat(50),
            _ => json!([[["c_diagnosis_failed"]]]).to_string(),
        };
        headset.send(garbage).await;
    }
    headset.wire.get_mut().flush().await.expect("sent");
    headset.upload(id, &known(Kind::BalanceBall)).await;
    lee.until(&server, id, "COMPLETED").await;
    let malformed = "nightshift_diagnosis_frames_ignored_total{reason=\"malformed\"}";
    assert_eq!(server.metric(malformed).await, 180.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frame_beyond_every_limit_ends_the_socket_and_fails_the_session() {
    let server = Server::start().await;
    let (lee, code, mut headset, id) = begun(&server, "lee", Kind::BalanceBall).await;
    begin_frame(&mut headset, 14 * 1_024 * 1_024, b"xxxx").await;
    let code_of_end = headset.closed().await;
    assert!(matches!(code_of_end, Some(1009) | None), "{code_of_end:?}");
    assert!(lee.until(&server, id, "FAILED").await.contains("too large"));
    // The doctor starts another one, and a session that has not begun is not meant by what was sent before.
    let mut back = Headset::connect(&server, &code).await;
    let patient = lee.get(&server, "/patients").await.json()[0]["id"].as_i64().expect("a patient");
    let next = lee.start(&server, patient, Kind::BalanceBall).await;
    back.begins(next).await;
    begin_frame(&mut back, 14 * 1_024 * 1_024, b"xxxx").await;
    let _ = back.closed().await;
    assert_eq!(lee.state(&server, next).await.0, "READY");
    let mut third = Headset::connect(&server, &code).await;
    third.begins(next).await;
    third.upload(next, &known(Kind::BalanceBall)).await;
    lee.until(&server, next, "COMPLETED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_object_store_is_away_a_result_fails_and_may_be_sent_again() {
    let server = Server::start().await;
    let (lee, _, mut headset, id) = begun(&server, "lee", Kind::TennisBall).await;
    // Where the folder of the files should be stands a file: nothing can be put there.
    let folder = server.dir.path().join("data/objects/diagnosis");
    std::fs::create_dir_all(folder.parent().expect("objects")).expect("folder");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::write(&folder, b"in the way").expect("block");
    headset.upload(id, &known(Kind::TennisBall)).await;
    let reason = lee.until(&server, id, "FAILED").await;
    assert!(reason.contains("could not be stored"), "{reason}");
    assert_eq!(
        lee.get(&server, &format!("/diagnosis/record/{id}/metadata")).await.status,
        404,
        "never done but empty"
    );
    std::fs::remove_file(&folder).expect("free");
    headset.upload(id, &known(Kind::TennisBall)).await;
    lee.until(&server, id, "COMPLETED").await;
    let file = lee.get(&server, &format!("/diagnosis/record/{id}/file")).await;
    assert!(file.text.starts_with("Position,Position_X"), "{}", file.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinician_who_drops_and_resumes_misses_no_state() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let mut headset = Headset::connect(&server, &code).await;
    let id = lee.start(&server, patient, Kind::FitBox).await;
    let mut states = lee.follow(&server, id, None).await;
    assert_eq!(states.next().await.expect("at once")["state"], "READY");
    let seen = states.seen;
    drop(states);
    headset.begins(id).await;
    headset.started(id).await;
    headset.upload(id, &known(Kind::FitBox)).await;
    lee.until(&server, id, "COMPLETED").await;
    let mut resumed = lee.follow(&server, id, Some(seen)).await;
    assert_eq!(resumed.next().await.expect("missed")["state"], "STARTED");
    assert_eq!(resumed.next().await.expect("missed")["state"], "COMPLETED");
    assert!(resumed.next().await.is_none() && resumed.seen > seen);
    // Who has seen all is told not to come again.
    let path = format!("/diagnosis/{id}/status?last_event_id={}", resumed.seen);
    assert_eq!(lee.get(&server, &path).await.status, 204);
    assert_eq!(lee.get(&server, &format!("/diagnosis/{id}/status?last_event_id=x")).await.status, 422);
    // A silent session is told again.
    let id = lee.start(&server, patient, Kind::FitBox).await;
    let mut states = lee.follow(&server, id, None).await;
    let (first, again) = (states.next().await, states.next().await);
    assert_eq!(first, again, "at least every five seconds");
}
