use nightshift_domain::diagnosis::Kind;
use reqwest::Method;
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use super::{Doctor, Headset};
use crate::common::{Server, client_with, read};
use crate::identity::{token, user};

#[tokio::test(flavor = "multi_thread")]
async fn a_start_is_refused_with_the_reason_that_comes_first() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let kim = Doctor::new(&server, "kim").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let body = json!({ "patient_id": patient, "type": "FITBOX", "level": 1 });
    // An administrator may do everything that the table says, and has no patients.
    let by_admin = server.post("/diagnosis/start", &body).await;
    assert_eq!((by_admin.status.as_u16(), by_admin.code().as_str()), (403, "NOT_A_DOCTOR"));
    user(&server, "nurse", "NURSE").await;
    let nurse = client_with(&token(&server, "nurse").await);
    let refused =
        read(nurse.post(server.url("/diagnosis/start")).json(&body).send().await.expect("answer")).await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (403, "FORBIDDEN"));
    assert_eq!(kim.post(&server, "/diagnosis/start", body.clone()).await.code(), "PATIENT_NOT_FOUND");
    let away = lee.post(&server, "/diagnosis/start", body.clone()).await;
    assert_eq!(
        (away.status.as_u16(), away.json()["detail"].as_str()),
        (400, Some("환자가 로그인 상태가 아닙니다."))
    );
    let mut headset = Headset::connect(&server, &code).await;
    let id = lee.start(&server, patient, Kind::FitBox).await;
    headset.begins(id).await;
    let again = lee.post(&server, "/diagnosis/start", body.clone()).await;
    assert_eq!((again.status.as_u16(), again.code().as_str()), (400, "DIAGNOSIS_UNDER_WAY"));
    for bad in [
        json!({ "patient_id": patient, "type": "GOLF", "level": 1 }),
        json!({ "patient_id": patient, "type": "FITBOX", "level": 4 }),
        json!({ "patient_id": patient, "type": "FITBOX" }),
    ] {
        assert_eq!(lee.post(&server, "/diagnosis/start", bad.clone()).await.status, 422, "{bad}");
    }
    let cancel = format!("/diagnosis/{id}/cancel");
    let not_yours = kim.ask(&server, Method::POST, &cancel, None).await;
    assert_eq!((not_yours.status.as_u16(), not_yours.code().as_str()), (403, "NOT_YOURS"));
    assert_eq!(lee.ask(&server, Method::POST, &cancel, None).await.json()["state"], "CANCELLED");
    assert_eq!(headset.order().await, json!({ "action": "s_stop_diagnosis", "data": null }));
    let over = lee.ask(&server, Method::POST, &cancel, None).await;
    assert_eq!((over.status.as_u16(), over.code().as_str()), (400, "DIAGNOSIS_OVER"));
    assert_eq!(lee.ask(&server, Method::POST, "/diagnosis/999/cancel", None).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_code_is_closed_and_a_new_headset_replaces_the_old_one() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    for unknown in ["999-999", "a%20b", "%2e%2e"] {
        let mut stranger = Headset::connect(&server, unknown).await;
        assert_eq!(stranger.closed().await, Some(4004), "{unknown}");
    }
    let mut old = Headset::connect(&server, &code).await;
    server
        .until("the headset has its place", async || {
            server.metric("nightshift_diagnosis_headsets_connected").await == 1.0
        })
        .await;
    let mut new =
        Headset::at(&server, &format!("/api/ws/diagnosis/{code}/"), &[]).await.expect("also under /api");
    assert_eq!(old.order().await, json!({ "action": "s_force_disconnect", "data": null }));
    // One that does not leave is closed; its end does not evict the new one.
    assert_eq!(old.closed().await, Some(4009));
    drop(old);
    let id = lee.start(&server, patient, Kind::BalanceBall).await;
    new.begins(id).await;
    assert_eq!(server.metric("nightshift_diagnosis_headsets_connected").await, 1.0);
    drop(new);
    server
        .until("the headset is gone", async || {
            server.metric("nightshift_diagnosis_headsets_connected").await == 0.0
        })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_route_for_headsets_lets_in_whom_the_lists_name() {
    let settings =
        [("DIAGNOSIS__USER_AGENTS_ALLOW", "VRClient,Unity"), ("DIAGNOSIS__USER_AGENTS_DENY", "Emulator")];
    let server = Server::start_with(&settings).await;
    let lee = Doctor::new(&server, "lee").await;
    let (_, code) = lee.patient(&server, "김서연").await;
    let path = format!("/ws/diagnosis/{code}");
    for refused in ["curl/8", "VRClient Emulator", ""] {
        match Headset::at(&server, &path, &[("user-agent", refused)]).await {
            Err(Error::Http(answer)) => {
                assert_eq!(answer.status().as_u16(), 403, "{refused}");
                let body = answer.body().clone().unwrap_or_default();
                // The client gives as much of the body as came with the headings.
                let text = String::from_utf8_lossy(&body);
                assert!(text.is_empty() || text.contains("올바르지 않은 접근입니다."), "{refused}: {text}");
            }
            other => panic!("{refused}: {:?}", other.map(|_| "let in")),
        }
    }
    assert!(Headset::at(&server, &path, &[("user-agent", "VRClient/2 (Quest)")]).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn with_device_tokens_a_code_alone_opens_nothing() {
    let server = Server::start_with(&[("DIAGNOSIS__DEVICE_TOKENS", "true")]).await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let make = async || {
        let made = lee.ask(&server, Method::POST, &format!("/patients/{patient}/device-token"), None).await;
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["token"].as_str().expect("token").to_owned()
    };
    let closed = async |path: String, headers: &[(&'static str, &str)]| {
        Headset::at(&server, &path, headers).await.expect("handshake").closed().await
    };
    let path = format!("/ws/diagnosis/{code}");
    assert_eq!(closed(path.clone(), &[]).await, Some(4001), "no token was made yet");
    let first = make().await;
    let second = make().await;
    for bad in ["", "nsv_x", &first] {
        assert_eq!(closed(format!("{path}?token={bad}"), &[]).await, Some(4001), "{bad}");
    }
    // Nobody learns which codes there are.
    assert_eq!(closed(format!("/ws/diagnosis/999-999?token={second}"), &[]).await, Some(4001));
    let bearer = format!("Bearer {second}");
    let mut in_header = Headset::at(&server, &path, &[("authorization", &bearer)]).await.expect("handshake");
    let id = lee.start(&server, patient, Kind::FitBox).await;
    in_header.begins(id).await;
    let mut in_query = Headset::at(&server, &format!("{path}?token={second}"), &[]).await.expect("handshake");
    in_query.begins(id).await;
    let gone = lee.ask(&server, Method::DELETE, &format!("/patients/{patient}/device-token"), None).await;
    assert_eq!(gone.status, 204);
    assert_eq!(closed(format!("{path}?token={second}"), &[]).await, Some(4001));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mock_page_is_served_and_can_be_switched_off() {
    let server = Server::start().await;
    for path in ["/test/mock-vr", "/api/test/mock-vr", "/test/mock-vr/"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.text.contains("Mock VR")
                && page.header("content-security-policy").contains("default-src 'none'")
        );
    }
    assert!(server.get("/test/mock-vr/app.js").await.text.contains("c_upload_result"));
    assert_eq!(server.get("/test/mock-vr/app.css").await.header("content-type"), "text/css; charset=utf-8");
    let described = server.get("/openapi.json").await.json();
    let text = described["info"]["description"].as_str().expect("description");
    assert!(text.contains("s_force_disconnect") && text.contains("/ws/diagnosis/{patient_code}"), "{text}");
    let closed = Server::start_with(&[("DIAGNOSIS__MOCK_VR", "false")]).await;
    assert_eq!(closed.get("/test/mock-vr").await.status, 404);
    assert!(
        closed.log().contains("diagnosis.device_tokens"),
        "the log says that codes are all a headset needs"
    );
}
