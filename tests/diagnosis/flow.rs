use nightshift_domain::diagnosis::{Kind, process};
use serde_json::json;

use super::{Doctor, Headset, known};
use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn a_diagnosis_goes_from_start_to_record() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    assert!(code.ends_with("-000"), "{code}");
    let mut headset = Headset::connect(&server, &code).await;
    let known_to_server = async || server.metric("nightshift_diagnosis_headsets_connected").await == 1.0;
    server.until("the headset is connected", known_to_server).await;

    let body = json!({ "patient_id": patient, "type": "TENNISBALL", "level": 3 });
    let made = lee.post(&server, "/api/diagnosis/start", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let made = made.json();
    let id = made["id"].as_i64().expect("id");
    let session_code = made["code"].as_str().expect("code");
    assert!(
        session_code.len() == 6 && session_code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    );
    assert!(made["expired_at"].as_str().expect("time").ends_with("+09:00"));
    let order = headset.order().await;
    let data = json!({ "diagnosis_id": id, "type": "TENNISBALL", "level": 3 });
    assert_eq!(order, json!({ "action": "s_start_diagnosis", "data": data }));
    assert_eq!(lee.get(&server, "/diagnosis/live").await.json(), made);

    let mut states = lee.follow(&server, id, None).await;
    let first = states.next().await.expect("at once");
    assert_eq!((&first["id"], &first["state"]), (&json!(id), &json!("READY")));
    assert!(first["timestamp"].as_str().expect("time").ends_with("+09:00"));
    headset.started(id).await;
    assert_eq!(states.after("READY").await["state"], "STARTED");
    let file = known(Kind::TennisBall);
    headset.upload(id, &file).await;
    assert_eq!(states.after("STARTED").await["state"], "COMPLETED");
    assert!(states.next().await.is_none(), "the stream ends with the last state");
    assert_eq!(lee.get(&server, "/diagnosis/live").await.code(), "DIAGNOSIS_NOT_FOUND");

    let listed = lee.get(&server, &format!("/diagnosis/record/list?patient_id={patient}")).await;
    assert_eq!((listed.status.as_u16(), listed.header("x-total-count")), (200, "1"), "{}", listed.text);
    let listed = listed.json();
    assert_eq!((&listed[0]["id"], &listed[0]["state"]), (&json!(id), &json!("COMPLETED")));
    for prefix in ["", "/api"] {
        let answer = lee.get(&server, &format!("{prefix}/diagnosis/record/{id}/metadata/")).await;
        let metadata = answer.json();
        let figures = [("score", 18.0), ("time_spent", 60.035), ("fps", 71.425)];
        for (name, value) in figures {
            assert_eq!(metadata[name].as_f64(), Some(value), "{name}: {metadata}");
        }
        assert_eq!((&metadata["patient_id"], &metadata["type"]), (&json!(patient), &json!("TENNISBALL")));
        assert_eq!(metadata.as_object().expect("object").len(), 8, "{metadata}");
        let filename = metadata["filename"].as_str().expect("name");
        assert!(filename.starts_with("TENNISBALL_3_20") && filename.ends_with(".csv"), "{filename}");

        let answer = lee.get(&server, &format!("{prefix}/diagnosis/record/{id}/file")).await;
        assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8");
        assert_eq!(answer.header("content-disposition"), format!("attachment; filename=\"{filename}\""));
        let want = process(Kind::TennisBall, &file).expect("the known file").file;
        assert_eq!(answer.text.as_bytes(), want, "byte for byte");
    }

    let series = lee.get(&server, &format!("/diagnosis/record/{id}/series?points=100")).await.json();
    assert_eq!((&series["rows"], &series["points"]), (&json!(4_288), &json!(100)));
    let lines = series["series"].as_array().expect("lines");
    let names: Vec<&str> = lines.iter().map(|l| l["name"].as_str().expect("name")).collect();
    for name in ["Rotation_X", "Rotation_Z", "Position_Y", "Score"] {
        assert!(names.contains(&name), "{names:?}");
    }
    for line in lines {
        let points = line["points"].as_array().expect("points");
        assert!((2..=100).contains(&points.len()), "{}", points.len());
    }
    for points in ["1", "20001", "x"] {
        let answer = lee.get(&server, &format!("/diagnosis/record/{id}/series?points={points}")).await;
        assert_eq!(answer.status, 422, "{points}");
    }
    assert!(server.metric("nightshift_diagnosis_uploads_total").await >= 1.0);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_patient_are_compared_over_time() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let mut headset = Headset::connect(&server, &code).await;
    for _ in 0..3 {
        let id = lee.start(&server, patient, Kind::FitBox).await;
        headset.begins(id).await;
        headset.started(id).await;
        headset.upload(id, &known(Kind::FitBox)).await;
        lee.until(&server, id, "COMPLETED").await;
    }
    let path = format!("/diagnosis/record/compare?patient_id={patient}&type=FITBOX&level=2");
    let lines = lee.get(&server, &path).await.json();
    let lines = lines.as_array().expect("lines");
    assert_eq!(lines.len(), 3);
    assert!(lines[0]["since_last"].is_null() && lines[0]["success_rate"].as_f64().is_some_and(|r| r > 0.7));
    assert_eq!(
        (lines[2]["since_first"]["score"].as_f64(), lines[2]["since_last"]["fails"].as_i64()),
        (Some(0.0), Some(0))
    );
    let none = lee.get(&server, &format!("{path}&end_date=2020-01-01")).await;
    assert_eq!(none.json(), json!([]));
    for bad in ["type=GOLF&level=2", "type=FITBOX&level=4", "level=2"] {
        let answer = lee.get(&server, &format!("/diagnosis/record/compare?patient_id={patient}&{bad}")).await;
        assert_eq!(answer.status, 422, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn patients_are_kept_by_their_doctor() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let (first, first_code) = lee.patient(&server, "김서연").await;
    let (second, second_code) = lee.patient(&server, "박지훈").await;
    assert_eq!(
        (&first_code[first_code.len() - 4..], &second_code[second_code.len() - 4..]),
        ("-000", "-001")
    );
    let listed = lee.get(&server, "/api/patients/").await;
    assert_eq!(listed.header("x-total-count"), "2");
    assert_eq!(listed.json()[0]["name"], "김서연");
    let taken = lee.post(&server, "/patients", json!({ "name": "a", "code": first_code })).await;
    assert_eq!((taken.status.as_u16(), taken.code().as_str()), (409, "PATIENT_CODE_TAKEN"));
    let changed = lee
        .ask(&server, reqwest::Method::PUT, &format!("/patients/{first}"), Some(json!({ "code": "A-1" })))
        .await;
    assert_eq!((&changed.json()["code"], &changed.json()["name"]), (&json!("A-1"), &json!("김서연")));
    let gone = lee.ask(&server, reqwest::Method::DELETE, &format!("/patients/{second}"), None).await;
    assert_eq!(gone.status, 204, "{}", gone.text);
    assert_eq!(lee.get(&server, &format!("/patients/{second}")).await.code(), "PATIENT_NOT_FOUND");
    // A removed patient's code is not given again; a changed one's is.
    let (_, third_code) = lee.patient(&server, "최민준").await;
    assert_eq!(third_code, first_code);
    let (_, fourth_code) = lee.patient(&server, "정다은").await;
    assert!(fourth_code.ends_with("-002"), "{fourth_code}");
    for bad in [
        json!({ "name": "" }),
        json!({ "name": "a", "code": "a b" }),
        json!({}),
        json!({ "name": "a", "x": 1 }),
    ] {
        assert_eq!(lee.post(&server, "/patients", bad.clone()).await.status, 422, "{bad}");
    }
}
