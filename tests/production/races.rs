use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::json;

use super::{complete, good, good_data, lot, model, pass, refused, start};
use crate::common::{Server, on_both_engines, read};

on_both_engines!(
    of_racing_stations_exactly_one_wins,
    fifty_clients_leave_no_gap_and_no_double,
    many_stations_at_once_keep_the_counts,
    a_command_sent_again_under_its_key_takes_effect_once,
);

async fn of_racing_stations_exactly_one_wins(server: Server) {
    let lot = lot(&server, "WF", 1).await;
    let serial = &lot.serials[0];
    let starts = join_all((0..20).map(|_| start(&server, &lot.number, serial, 1))).await;
    let won = starts.iter().filter(|a| a.status == 200).count();
    assert_eq!(won, 1);
    for lost in starts.iter().filter(|a| a.status != 200) {
        assert_eq!(refused(lost), (409, "DUPLICATE_START".into()));
    }
    let data = good_data(1, serial);
    let ends = join_all((0..20).map(|_| complete(&server, &lot.number, serial, 1, "PASS", &data))).await;
    assert_eq!(ends.iter().filter(|a| a.status == 200).count(), 1);
    for lost in ends.iter().filter(|a| a.status != 200) {
        assert_eq!(refused(lost), (409, "DUPLICATE_PASS_COMPLETE".into()));
    }
}

async fn fifty_clients_leave_no_gap_and_no_double(server: Server) {
    let model = model(&server, "WF").await;
    let body = json!({ "product_model_id": model, "target_quantity": 50, "production_date": "2025-11-10", "shift": "D" });
    let made = join_all((0..50).map(|_| server.post("/api/v1/lots", &body))).await;
    let numbers: BTreeSet<String> =
        made.iter().map(|a| good(a, 201)["lot_number"].as_str().expect("number").to_owned()).collect();
    let expected: BTreeSet<String> = (1..=50).map(|n| format!("WF-KR-251110D-{n:03}")).collect();
    assert_eq!(numbers, expected);

    let lot = good(&made[0], 201);
    let body = json!({ "lot_id": lot["id"] });
    let made = join_all((0..50).map(|_| server.post("/api/v1/serials", &body))).await;
    let places: BTreeSet<i64> =
        made.iter().map(|a| good(a, 201)["sequence_in_lot"].as_i64().expect("place")).collect();
    assert_eq!(places, (1..=50).collect());
    assert_eq!(refused(&server.post("/api/v1/serials", &body).await), (409, "LOT_FULL".into()));
}

async fn many_stations_at_once_keep_the_counts(server: Server) {
    let lot = lot(&server, "WF", 10).await;
    join_all(lot.serials.iter().map(|serial| pass(&server, &lot.number, serial, 1, 8))).await;
    let done = good(&server.get(&format!("/api/v1/lots/{}", lot.id)).await, 200);
    assert_eq!((&done["status"], &done["passed_quantity"]), (&json!("COMPLETED"), &json!(10)));
    let runs = server.get("/api/v1/process-data?result=PASS&limit=1").await;
    assert_eq!(runs.header("x-total-count"), "80");
}

async fn a_command_sent_again_under_its_key_takes_effect_once(server: Server) {
    let model = model(&server, "WF").await;
    let keyed = async |path: &str, body: &serde_json::Value| {
        let request = server.client.post(server.url(path)).header("idempotency-key", "order 7").json(body);
        read(request.send().await.expect("answer")).await
    };
    let body = json!({ "product_model_id": model, "target_quantity": 1 });
    let first = good(&keyed("/api/v1/lots", &body).await, 201);
    let again = keyed("/api/v1/lots", &body).await;
    assert_eq!((again.header("idempotency-replayed"), good(&again, 201)), ("true", first.clone()));
    let other = keyed("/api/v1/lots", &json!({ "product_model_id": model, "target_quantity": 2 })).await;
    assert_eq!(refused(&other), (422, "IDEMPOTENCY_KEY_REUSED".into()));
    let serial = good(&server.post("/api/v1/serials", &json!({ "lot_id": first["id"] })).await, 201);
    let begin = json!({ "lot_number": first["lot_number"], "serial_number": serial["serial_number"], "process_id": 1 });
    let started = good(&keyed("/api/v1/process/start", &begin).await, 200);
    assert_eq!(good(&keyed("/api/v1/process/start", &begin).await, 200), started);
}
