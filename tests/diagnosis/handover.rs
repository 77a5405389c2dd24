use nightshift_domain::diagnosis::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use super::{Doctor, Headset, known};
use crate::common::Server;
use crate::identity::{token, user};

async fn number(server: &Server, name: &str) -> i64 {
    let users = server.get("/api/v1/users?limit=1000").await.json();
    let users = users.as_array().cloned().or_else(|| users["items"].as_array().cloned()).expect("users");
    let found = users.iter().find(|user| user["username"] == name);
    found.and_then(|user| user["id"].as_i64()).unwrap_or_else(|| panic!("{name}: {users:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_hands_over_the_patients_of_a_doctor_who_is_gone() {
    let server = Server::start().await;
    let admin = Doctor { client: server.client.clone() };
    let lee = Doctor::new(&server, "lee").await;
    let kim = Doctor::new(&server, "kim").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let (lee_id, kim_id) = (number(&server, "lee").await, number(&server, "kim").await);
    let hand_over = async |from: i64, to: i64| {
        admin.post(&server, "/patients/handover", json!({ "from_doctor_id": from, "to_doctor_id": to })).await
    };
    // Nobody else may, and nothing is handed over while the doctor is there.
    user(&server, "max", "MANAGER").await;
    let manager = Doctor { client: crate::common::client_with(&token(&server, "max").await) };
    for stranger in [&kim, &manager] {
        let body = json!({ "from_doctor_id": lee_id, "to_doctor_id": kim_id });
        assert_eq!(stranger.post(&server, "/api/patients/handover", body).await.status, 403);
        assert_eq!(stranger.get(&server, "/patients/handover").await.status, 403);
    }
    assert_eq!(admin.get(&server, "/patients/handover").await.json(), json!([]));
    let refused = hand_over(lee_id, kim_id).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "DOCTOR_ACTIVE"));

    let mut headset = Headset::connect(&server, &code).await;
    let id = lee.start(&server, patient, Kind::FitBox).await;
    headset.begins(id).await;
    let path = format!("/api/v1/users/{lee_id}");
    let disabled = admin.ask(&server, Method::PATCH, &path, Some(json!({ "is_active": false }))).await;
    assert_eq!(disabled.status, 200, "{}", disabled.text);
    let listed = json!([{ "doctor_id": lee_id, "username": "lee", "patients": 1 }]);
    assert_eq!(admin.get(&server, "/patients/handover").await.json(), listed);
    let busy = hand_over(lee_id, kim_id).await;
    assert_eq!((busy.status.as_u16(), busy.code().as_str()), (409, "PATIENT_BUSY"));
    headset.upload(id, &known(Kind::FitBox)).await;
    let free = async || hand_over(lee_id, number(&server, "max").await).await.status == 404;
    server.until("a manager is no doctor", free).await;
    server.until("the session is over", async || hand_over(lee_id, kim_id).await.status == 200).await;

    let own = kim.get(&server, "/patients").await.json();
    assert_eq!(
        (&own[0]["id"], &own[0]["name"], &own[0]["code"]),
        (&json!(patient), &json!("김서연"), &json!(code))
    );
    assert_eq!(kim.get(&server, &format!("/diagnosis/record/{id}/file")).await.status, 200);
    assert_eq!(hand_over(lee_id, kim_id).await.json(), json!({ "patients": 0 }));
    let rows = server.get("/api/v1/audit-logs?limit=1000&entity_type=patients_of_doctor").await.json();
    let rows = rows.as_array().cloned().or_else(|| rows["items"].as_array().cloned()).expect("rows");
    let fact: Vec<&Value> = rows.iter().collect();
    assert_eq!(fact.len(), 1, "once, and nothing for nobody: {rows:#?}");
    assert_eq!(fact[0]["new_values"], json!({ "doctor_id": kim_id, "patients": [patient] }));
}
