//! Firmware through HTTP: uploaded, fetched in parts, deployed, removed.

use nightshift_domain::firmware::Digests;
use serde_json::{Value, json};

use super::{good, lot, refused};
use crate::common::{Answer, Server, read};

/// Uploads an image. The file comes first, as some clients send it: what it is is known only after it.
pub(crate) async fn upload(server: &Server, model: i64, version: &str, bytes: Vec<u8>) -> Answer {
    let mut form =
        b"--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"image.bin\"\r\n\r\n".to_vec();
    form.extend(bytes);
    for (name, text) in [("version", version.to_owned()), ("product_model_id", model.to_string())] {
        form.extend(
            format!("\r\n--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}").bytes(),
        );
    }
    form.extend(b"\r\n--edge--\r\n");
    let request = server.client.post(server.url("/api/v1/firmware"));
    read(
        request
            .header("content-type", "multipart/form-data; boundary=edge")
            .body(form)
            .send()
            .await
            .expect("sent"),
    )
    .await
}

async fn poll(server: &Server, station: &str, more: Value) -> Value {
    good(&server.post(&format!("/api/v1/agents/{station}/poll"), &more).await, 200)
}

async fn report(server: &Server, station: &str, id: &Value, body: Value) -> Answer {
    server.post(&format!("/api/v1/agents/{station}/deployments/{id}"), &body).await
}

pub(crate) fn image(size: u32) -> Vec<u8> {
    (0..size).map(|n| u8::try_from(n * 7 % 251).expect("a byte")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_is_kept_and_fetched_whole_and_in_parts() {
    let server = Server::start().await;
    let model = super::model(&server, "NH-1000").await;
    let bytes = image(300_000);
    let digests = Digests::of(&bytes);
    let kept = upload(&server, model, "v1.2.3", bytes.clone()).await;
    let version = good(&kept, 201);
    assert_eq!((&version["md5_hash"], &version["sha256"]), (&json!(digests.md5), &json!(digests.sha256)));
    assert_eq!(
        (&version["filename"], &version["file_size"]),
        (&json!("firmware_v1.2.3.bin"), &json!(300_000))
    );
    good(&upload(&server, model, "v1.10.0", image(10)).await, 201);
    let latest = good(&server.get(&format!("/api/v1/firmware/latest?product_model_id={model}")).await, 200);
    assert_eq!(latest["version"], "v1.10.0");

    let url = server.url("/api/v1/firmware/download/v1.2.3");
    let whole = server.client.get(&url).send().await.expect("whole");
    let tag = whole.headers()["etag"].to_str().expect("text").to_owned();
    assert_eq!(whole.headers()["x-checksum-md5"], digests.md5.as_str());
    assert_eq!(whole.headers()["accept-ranges"], "bytes");
    assert_eq!(whole.bytes().await.expect("bytes"), bytes);
    let part = server.client.get(&url).header("range", "bytes=1000-1999").send().await.expect("part");
    assert_eq!(
        (part.status().as_u16(), &part.headers()["content-range"]),
        (206, &"bytes 1000-1999/300000".parse().expect("value"))
    );
    assert_eq!(part.bytes().await.expect("bytes"), bytes[1_000..2_000]);
    let had = server.client.get(&url).header("if-none-match", &tag).send().await.expect("had");
    assert_eq!(had.status(), 304);
    let beyond = server.client.get(&url).header("range", "bytes=300000-").send().await.expect("beyond");
    assert_eq!(beyond.status(), 416);
    let other = server.client.get(&url).header("range", "bytes=0-9").header("if-range", "\"x\"").send().await;
    assert_eq!(other.expect("all").status(), 200, "a part of another version is of no use");

    let alerts = good(&server.get("/api/v1/alerts?alert_type=FIRMWARE_UPDATE").await, 200);
    assert_eq!(alerts["total"], 2, "each was the newest in its time");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_never_means_other_bytes() {
    let server = Server::start().await;
    let (a, b) = (super::model(&server, "A").await, super::model(&server, "B").await);
    let first = good(&upload(&server, a, "v1.0.0", image(100)).await, 201);
    let replaced = upload(&server, a, "v1.0.0", image(101)).await;
    assert_eq!(refused(&replaced), (409, "ALREADY_EXISTS".into()));
    assert_eq!(upload(&server, a, "v1.0.0", image(100)).await.status, 409);
    good(&upload(&server, b, "v1.0.0", image(5)).await, 201);
    let ambiguous = server.get("/api/v1/firmware/download/v1.0.0").await;
    assert_eq!(refused(&ambiguous), (409, "AMBIGUOUS_VERSION".into()));
    assert_eq!(
        server.get(&format!("/api/v1/firmware/download/v1.0.0?product_model_id={b}")).await.status,
        200
    );
    let path = format!("/api/v1/firmware/{}", first["id"]);
    assert_eq!(super::delete(&server, &path).await.status, 204);
    assert_eq!(refused(&server.get(&path).await), (404, "FIRMWARE_NOT_FOUND".into()));
    assert_eq!(upload(&server, a, "v1.0.0", image(101)).await.status, 409, "even after it was removed");
    for (version, model, bytes, status) in
        [("1.0.0", a, image(1), 422), ("v1.0.1", a, Vec::new(), 422), ("v1.0.1", 4_711, image(1), 404)]
    {
        assert_eq!(upload(&server, model, version, bytes).await.status.as_u16(), status, "{version} {model}");
    }
    let text = server.send_text(reqwest::Method::POST, "/api/v1/firmware", "text/plain", "x").await;
    assert_eq!(text.status, 415);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_is_too_large_is_refused_and_one_that_is_damaged_never_sent() {
    let server = Server::start().await;
    let model = super::model(&server, "A").await;
    let large = upload(&server, model, "v9.0.0", vec![7; 64 * 1_024 * 1_024 + 1]).await;
    assert_eq!(refused(&large), (413, "PAYLOAD_TOO_LARGE".into()));
    good(&upload(&server, model, "v1.0.0", image(1_000)).await, 201);
    // Somebody cuts the stored file short behind the program's back.
    let folder = server.dir.path().join("data/objects/firmware");
    let kept: Vec<_> = std::fs::read_dir(folder).expect("folder").map(|e| e.expect("entry").path()).collect();
    assert_eq!(kept.len(), 1, "nothing of the large one stays: {kept:?}");
    std::fs::write(&kept[0], image(999)).expect("cut short");
    let damaged = server.get("/api/v1/firmware/download/v1.0.0").await;
    assert_eq!(refused(&damaged), (409, "FIRMWARE_DAMAGED".into()));
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_succeeds_when_the_station_reports_the_new_version() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let model = good(&server.get("/api/v1/product-models/code/WF").await, 200)["id"].as_i64().expect("id");
    let version = good(&upload(&server, model, "v1.2.3", image(64)).await, 201);
    let body = json!({ "serial_number": lot.serials[0], "version": "v1.2.3", "station_id": "STATION-04" });
    assert_eq!(
        refused(&server.post("/api/v1/firmware/deploy", &body).await),
        (404, "STATION_NOT_FOUND".into())
    );
    assert_eq!(poll(&server, "STATION-04", json!({})).await["deployment"], Value::Null);
    let ordered = server.post("/api/v1/firmware/deploy", &body).await;
    let id = good(&ordered, 202)["data"]["id"].clone();
    let path = ordered.header("location").to_owned();
    let in_use = super::delete(&server, &format!("/api/v1/firmware/{}", version["id"])).await;
    assert_eq!(refused(&in_use), (409, "IN_USE".into()));
    let work = poll(&server, "STATION-04", json!({ "agent_version": "0.1.0", "pending": 2 })).await;
    assert_eq!((&work["deployment"]["id"], &work["firmware"]["version"]), (&id, &json!("v1.2.3")));
    for state in ["READY", "UPLOADING"] {
        good(&report(&server, "STATION-04", &id, json!({ "status": state })).await, 200);
    }
    assert_eq!(good(&server.get(&path).await, 200)["status"], "uploading");
    let done = json!({ "status": "UPLOADED", "running_version": "v1.2.3" });
    good(&report(&server, "STATION-04", &id, done.clone()).await, 200);
    good(&report(&server, "STATION-04", &id, done).await, 200);
    assert_eq!(good(&server.get(&path).await, 200)["status"], "succeeded");
    let late = report(&server, "STATION-04", &id, json!({ "status": "ERROR" })).await;
    assert_eq!(refused(&late), (409, "ALREADY_ENDED".into()));
    poll(&server, "STATION-04", json!({ "running_version": "v1.2.3", "troubles": ["disk_full"] })).await;
    let station = good(&server.get("/api/v1/stations/STATION-04").await, 200);
    assert_eq!((&station["online"], &station["running_version"]), (&json!(true), &json!("v1.2.3")));
    assert_eq!(
        (&station["troubles"], &station["circuit_breaker"]),
        (&json!(["disk_full"]), &json!("closed"))
    );
    let alerts = good(&server.get("/api/v1/alerts?alert_type=STATION_TROUBLE").await, 200);
    assert_eq!(alerts["total"], 1);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_out_stops_at_its_threshold() {
    let server = Server::start().await;
    let model = super::model(&server, "A").await;
    let version = good(&upload(&server, model, "v1.0.0", image(64)).await, 201);
    for n in 1..=4 {
        poll(&server, &format!("S{n}"), json!({})).await;
    }
    let body = json!({ "firmware_id": version["id"], "stations": ["S1", "S2", "S3", "S4"], "stage_size": 2 });
    let begun = server.post("/api/v1/firmware/rollouts", &body).await;
    let path = format!("/api/v1/firmware/rollouts/{}", good(&begun, 201)["id"]);
    for (station, state) in [
        ("S1", json!({ "status": "UPLOADED", "running_version": "v1.0.0" })),
        ("S2", json!({ "status": "ERROR", "detail": "no" })),
    ] {
        server
            .until("its turn", async || poll(&server, station, json!({})).await["deployment"].is_object())
            .await;
        let id = poll(&server, station, json!({})).await["deployment"]["id"].clone();
        good(&report(&server, station, &id, state).await, 200);
    }
    server.until("stopped", async || good(&server.get(&path).await, 200)["status"] == "stopped").await;
    let stopped = good(&server.get(&path).await, 200);
    assert_eq!(stopped["deployments"].as_array().map(Vec::len), Some(2), "{stopped}");
    assert_eq!(poll(&server, "S3", json!({})).await["deployment"], Value::Null);
    assert_eq!(refused(&server.post(&format!("{path}/cancel"), &json!({})).await).0, 409);
    server.stop().await;
}
