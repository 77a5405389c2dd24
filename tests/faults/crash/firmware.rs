//! Firmware: every version that was acknowledged is there once, byte for byte.

use std::sync::Arc;

use nightshift_domain::firmware::Digests;

use super::Plant;
use crate::common::Server;
use crate::production::good;

/// Versions that are uploaded at most: each is a file of its own.
const VERSIONS_MAX: u32 = 150;
/// Versions that are fetched at the end.
const FETCHED: u32 = 5;

fn image(number: u32) -> Vec<u8> {
    (0..20_000 + number).map(|n| u8::try_from((n * 7 + number) % 251).expect("a byte")).collect()
}

fn form(model: i64, number: u32) -> Vec<u8> {
    let mut form = Vec::new();
    for (name, text) in [("version", format!("v1.0.{number}")), ("product_model_id", model.to_string())] {
        form.extend(
            format!("--edge\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n").bytes(),
        );
    }
    form.extend(b"--edge\r\ncontent-disposition: form-data; name=\"file\"; filename=\"image.bin\"\r\n\r\n");
    form.extend(image(number));
    form.extend(b"\r\n--edge--\r\n");
    form
}

/// Uploads versions until told to stop; gives how many.
pub(super) async fn work(plant: Arc<Plant>, model: i64) -> u32 {
    for number in 0..VERSIONS_MAX {
        if !plant.goes_on() {
            return number;
        }
        let form = form(model, number);
        let (status, answer) = plant
            .insist_with("/api/v1/firmware", |client, url| {
                client
                    .post(url)
                    .header("content-type", "multipart/form-data; boundary=edge")
                    .body(form.clone())
            })
            .await;
        // One that was there already had been stored before anybody heard of it.
        assert!(status == 201 || status == 409, "{status} {answer}");
        plant.acknowledge();
    }
    VERSIONS_MAX
}

/// Gives how many versions there are.
pub(super) async fn check(server: &Server, model: i64, uploaded: u32) -> u32 {
    let listed = server.get(&format!("/api/v1/firmware?product_model_id={model}&limit=1")).await;
    assert_eq!(listed.header("x-total-count"), uploaded.to_string(), "{}", listed.text);
    for number in uploaded.saturating_sub(FETCHED)..uploaded {
        let url = server.url(&format!("/api/v1/firmware/download/v1.0.{number}?product_model_id={model}"));
        let answer = server.client.get(url).send().await.expect("fetched");
        assert_eq!(answer.status(), 200, "v1.0.{number}");
        let (is, must) = (answer.bytes().await.expect("bytes"), image(number));
        assert_eq!(Digests::of(&is), Digests::of(&must), "v1.0.{number}");
    }
    if uploaded > 0 {
        let latest = server.get(&format!("/api/v1/firmware/latest?product_model_id={model}")).await;
        assert_eq!(good(&latest, 200)["version"], format!("v1.0.{}", uploaded - 1));
    }
    uploaded
}
