use std::io::Read;

use nightshift_domain::diagnosis::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Doctor, Headset, known};
use crate::common::Server;

const NAME: &str = "김서연비밀";

/// A doctor with a patient who has one record.
async fn recorded(server: &Server, name: &str) -> (Doctor, i64, i64) {
    let doctor = Doctor::new(server, name).await;
    let (patient, code) = doctor.patient(server, NAME).await;
    let mut headset = Headset::connect(server, &code).await;
    let id = doctor.start(server, patient, Kind::FitBox).await;
    headset.begins(id).await;
    headset.upload(id, &known(Kind::FitBox)).await;
    doctor.until(server, id, "COMPLETED").await;
    (doctor, patient, id)
}

async fn audit(server: &Server, query: &str) -> Vec<Value> {
    let answer = server.get(&format!("/api/v1/audit-logs?limit=1000&{query}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let rows = answer.json();
    rows.as_array().cloned().or_else(|| rows["items"].as_array().cloned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_the_patients_own_doctor_sees_anything() {
    let server = Server::start().await;
    let (lee, patient, id) = recorded(&server, "lee").await;
    let kim = Doctor::new(&server, "kim").await;
    let admin = Doctor { client: server.client.clone() };
    let paths = [
        format!("/patients/{patient}"),
        format!("/patients/{patient}/export"),
        format!("/diagnosis/{id}"),
        format!("/diagnosis/{id}/status"),
        format!("/diagnosis/record/{id}/metadata"),
        format!("/diagnosis/record/{id}/file"),
        format!("/diagnosis/record/{id}/series"),
        format!("/diagnosis/record/list?patient_id={patient}"),
        format!("/diagnosis/record/compare?patient_id={patient}&type=FITBOX&level=2"),
    ];
    for path in &paths {
        assert!(lee.get(&server, path).await.status.as_u16() / 100 == 2, "{path}");
        for stranger in [&kim, &admin] {
            let answer = stranger.get(&server, path).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
        }
    }
    for stranger in [&kim, &admin] {
        assert_eq!(stranger.get(&server, "/patients").await.json(), json!([]));
        assert_eq!(stranger.get(&server, "/diagnosis/record/list").await.json(), json!([]));
        for (method, path) in [
            (Method::DELETE, format!("/patients/{patient}")),
            (Method::POST, format!("/patients/{patient}/erase")),
            (Method::POST, format!("/patients/{patient}/device-token")),
        ] {
            assert_eq!(stranger.ask(&server, method, &path, None).await.status, 404, "{path}");
        }
        let (path, change) = (format!("/patients/{patient}"), Some(json!({ "name": "x" })));
        assert_eq!(stranger.ask(&server, Method::PUT, &path, change).await.status, 404);
    }
    assert_eq!(lee.get(&server, &format!("/patients/{patient}")).await.json()["name"], NAME);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_looks_at_anothers_record_is_in_the_audit() {
    let server = Server::start().await;
    let (lee, patient, id) = recorded(&server, "lee").await;
    let kim = Doctor::new(&server, "kim").await;
    for path in [
        format!("/diagnosis/record/{id}/metadata"),
        format!("/diagnosis/record/{id}/file"),
        format!("/diagnosis/record/{id}/series"),
        format!("/diagnosis/record/list?patient_id={patient}"),
        format!("/diagnosis/record/compare?patient_id={patient}&type=FITBOX&level=2"),
        format!("/patients/{patient}/export"),
        // There is nothing to look at: that is no look at somebody's record.
        format!("/diagnosis/record/{}/file", id + 1_000),
        format!("/patients/{}/export", patient + 1_000),
    ] {
        assert_eq!(kim.get(&server, &path).await.status, 404, "{path}");
    }
    let refused: Vec<Value> =
        audit(&server, "").await.into_iter().filter(|row| row["action"] == "REFUSED").collect();
    let mut looks: Vec<(String, String)> = refused
        .iter()
        .map(|row| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&row["entity_type"]), text(&row["new_values"]["read"]))
        })
        .collect();
    looks.sort();
    let look = |what: &str, how: &str| (what.to_owned(), how.to_owned());
    let expected = [
        look("diagnosis_record", "file"),
        look("diagnosis_record", "metadata"),
        look("diagnosis_record", "series"),
        look("patient", "compare"),
        look("patient", "export"),
        look("patient", "list"),
    ];
    assert_eq!(looks, expected, "{refused:#?}");
    assert!(refused.iter().all(|row| row.to_string().contains("kim")), "{refused:#?}");
    assert_eq!(lee.get(&server, &format!("/diagnosis/record/{id}/file")).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_read_of_a_record_is_audited_and_no_name_leaves_the_table() {
    let server = Server::start().await;
    let (lee, patient, id) = recorded(&server, "lee").await;
    for path in ["metadata", "file", "series"] {
        assert_eq!(lee.get(&server, &format!("/diagnosis/record/{id}/{path}")).await.status, 200);
    }
    lee.get(&server, "/diagnosis/record/list").await;
    lee.get(&server, &format!("/diagnosis/record/compare?patient_id={patient}&type=FITBOX&level=2")).await;
    let reads = audit(&server, "entity_type=diagnosis_record").await;
    let how = |row: &Value| row["new_values"]["read"].as_str().unwrap_or_default().to_owned();
    let mut kinds: Vec<String> = reads.iter().filter(|row| row["action"] == "READ").map(how).collect();
    kinds.sort();
    assert_eq!(kinds, ["compare", "file", "list", "metadata", "series"], "{reads:#?}");
    assert!(reads.iter().all(|row| row.to_string().contains("lee")), "{reads:#?}");
    let everything = audit(&server, "").await;
    assert!(everything.iter().any(|row| row["entity_type"] == "patient"));
    let text = Value::from(everything).to_string();
    assert!(!text.contains(NAME), "the audit cannot be erased: it must not have the name");
    assert!(!server.log().contains(NAME), "no log has the name");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patients_data_is_taken_out_whole_and_erased_for_good() {
    let server = Server::start().await;
    let (lee, patient, id) = recorded(&server, "lee").await;
    let answer =
        lee.client.get(server.url(&format!("/patients/{patient}/export"))).send().await.expect("answer");
    assert_eq!(answer.headers()["content-type"], "application/x-tar");
    let archive = answer.bytes().await.expect("archive");
    let files = untar(&archive);
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(&names[..3], ["patient.json", "diagnoses.json", "records.json"]);
    assert!(names[3].starts_with(&format!("diagnosis/{id}/original/FITBOX_2_")), "{names:?}");
    assert_eq!(files[3].1, known(Kind::FitBox).as_bytes());
    assert!(files[4].1.starts_with(b"Rotation_X") && names.len() == 5);
    let person: Value = serde_json::from_slice(&files[0].1).expect("json");
    assert_eq!(person["name"], NAME);
    let diagnoses: Value = serde_json::from_slice(&files[1].1).expect("json");
    assert_eq!(diagnoses[0]["states"].as_array().map(Vec::len), Some(2), "{diagnoses}");

    let keyed = lee
        .client
        .post(server.url("/patients"))
        .header("idempotency-key", "once")
        .json(&json!({ "name": NAME }))
        .send();
    assert_eq!(keyed.await.expect("answer").status(), 201);
    let folder = server.dir.path().join(format!("data/objects/diagnosis/{id}"));
    assert!(folder.exists());
    let erased = lee.ask(&server, Method::POST, &format!("/api/patients/{patient}/erase"), None).await;
    assert_eq!(erased.json(), json!({ "sessions": 1, "records": 1, "files": 2 }));
    for path in
        [format!("/patients/{patient}"), format!("/diagnosis/{id}"), format!("/diagnosis/record/{id}/file")]
    {
        assert_eq!(lee.get(&server, &path).await.status, 404, "{path}");
    }
    server.until("the files are gone", async || !has_files(&folder)).await;
    let rows = audit(&server, "entity_type=patient").await;
    let fact = rows.iter().find(|row| row["new_values"]["erased"] == true).expect("the audit keeps the fact");
    assert_eq!((&fact["action"], &fact["entity_id"]), (&json!("DELETE"), &json!(patient.to_string())));
    let busy = {
        let (_, code) = lee.patient(&server, "박지훈").await;
        let listed = lee.get(&server, "/patients").await.json();
        let other = listed.as_array().expect("list").last().expect("one")["id"].as_i64().expect("id");
        let mut headset = Headset::connect(&server, &code).await;
        let session = lee.start(&server, other, Kind::FitBox).await;
        headset.begins(session).await;
        lee.ask(&server, Method::POST, &format!("/patients/{other}/erase"), None).await
    };
    assert_eq!((busy.status.as_u16(), busy.code().as_str()), (409, "PATIENT_BUSY"));
}

fn has_files(folder: &std::path::Path) -> bool {
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.path().is_file() || has_files(&entry.path()))
}

/// The files of a tape archive, read by hand.
fn untar(mut archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    loop {
        let mut head = [0; 512];
        archive.read_exact(&mut head).expect("a heading");
        if head.iter().all(|b| *b == 0) {
            assert!(archive.len() == 512 && archive.iter().all(|b| *b == 0), "the end mark");
            return files;
        }
        let text = |from: usize, to: usize| {
            let field: Vec<u8> = head[from..to].iter().copied().take_while(|b| *b != 0).collect();
            String::from_utf8(field).expect("ascii")
        };
        let size = usize::from_str_radix(text(124, 136).trim(), 8).expect("a size");
        let mut content = vec![0; size.next_multiple_of(512)];
        archive.read_exact(&mut content).expect("content");
        content.truncate(size);
        files.push((text(0, 100), content));
    }
}
