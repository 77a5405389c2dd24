use serde_json::{Value, json};

use super::{delete, good, lot, lot_of, model, pass, put, refused};
use crate::common::{Server, on_both_engines};

on_both_engines!(
    a_lot_is_numbered_by_model_country_day_and_shift,
    the_documented_lot_keeps_the_number_that_it_brings,
    a_lot_goes_one_step_at_a_time_and_closed_is_final,
    an_open_lot_is_changed_counted_cancelled_and_removed,
    lots_are_found_in_every_documented_way,
);

async fn a_lot_is_numbered_by_model_country_day_and_shift(server: Server) {
    let model = model(&server, "WF").await;
    let body = json!({ "product_model_id": model, "target_quantity": 5, "production_date": "2025-11-10", "shift": "D" });
    let first = server.post("/api/v1/lots", &body).await;
    let path = first.header("location").to_owned();
    let first = good(&first, 201);
    assert_eq!(first["lot_number"], "WF-KR-251110D-001");
    assert_eq!(
        (&first["status"], &first["shift"], &first["production_date"]),
        (&json!("CREATED"), &json!("D"), &json!("2025-11-10"))
    );
    assert_eq!(
        (&first["actual_quantity"], &first["pass_rate"], &first["defect_rate"]),
        (&json!(0), &json!(0.0), &json!(0.0))
    );
    assert_eq!(
        (&first["product_model"]["model_code"], &first["production_line"]),
        (&json!("WF"), &Value::Null)
    );
    assert_eq!(good(&server.post("/api/v1/lots/", &body).await, 201)["lot_number"], "WF-KR-251110D-002");
    let night = json!({ "product_model_id": model, "target_quantity": 5, "production_date": "2025-11-10", "shift": "N" });
    assert_eq!(good(&server.post("/api/v1/lots", &night).await, 201)["lot_number"], "WF-KR-251110N-001");
    for by in [path.as_str(), "/api/v1/lots/WF-KR-251110D-001", "/api/v1/lots/number/WF-KR-251110D-001/"] {
        assert_eq!(good(&server.get(by).await, 200)["id"], first["id"], "{by}");
    }
}

async fn the_documented_lot_keeps_the_number_that_it_brings(server: Server) {
    let model = model(&server, "WF").await;
    let documented = json!({
        "lot_number": "LOT-2025-001", "product_model_id": model, "target_quantity": 50, "work_order": "WO-2025-001",
    });
    let made = good(&server.post("/api/v1/lots", &documented).await, 201);
    assert_eq!((&made["lot_number"], &made["work_order"]), (&json!("LOT-2025-001"), &json!("WO-2025-001")));
    let (status, _) = refused(&server.post("/api/v1/lots", &documented).await);
    assert_eq!(status, 409);
    let serial = json!({ "serial_number": "SN-2025-001-001", "lot_id": made["id"], "sequence_in_lot": 1 });
    let serial = good(&server.post("/api/v1/serials", &serial).await, 201);
    assert_eq!(
        (&serial["serial_number"], &serial["sequence_in_lot"]),
        (&json!("SN-2025-001-001"), &json!(1))
    );
    assert_eq!(serial["lot"]["lot_number"], "LOT-2025-001");
    for (number, status) in
        [("lot-1", 422), ("LOT 1", 422), ("", 422), ("로트", 422), (&*"X".repeat(51), 422)]
    {
        let body = json!({ "lot_number": number, "product_model_id": model, "target_quantity": 5 });
        assert_eq!(refused(&server.post("/api/v1/lots", &body).await).0, status, "{number}");
    }
}

async fn a_lot_goes_one_step_at_a_time_and_closed_is_final(server: Server) {
    let made = lot(&server, "WF", 2).await;
    let path = format!("/api/v1/lots/{}/status", made.number);
    let step = async |status: &str| put(&server, &path, &json!({ "status": status })).await;
    assert_eq!(good(&server.get(&format!("/api/v1/lots/{}", made.id)).await, 200)["status"], "IN_PROGRESS");
    assert_eq!(refused(&step("CLOSED").await), (400, "INVALID_STATUS_TRANSITION".into()));
    assert_eq!(refused(&step("COMPLETED").await), (400, "LOT_NOT_SETTLED".into()));
    assert_eq!(refused(&step("GONE").await).0, 422);
    for serial in &made.serials {
        pass(&server, &made.number, serial, 1, 8).await;
    }
    let done = good(&server.get(&format!("/api/v1/lots/{}/", made.id)).await, 200);
    assert_eq!(
        (&done["status"], &done["passed_quantity"], &done["pass_rate"]),
        (&json!("COMPLETED"), &json!(2), &json!(100.0))
    );
    let closed = server.post(&format!("/api/v1/lots/{}/close", made.id), &json!({})).await;
    let closed = good(&closed, 200);
    assert_eq!((&closed["status"], &closed["data"]["status"]), (&json!("success"), &json!("CLOSED")));
    assert!(closed["data"]["closed_at"].is_string() && closed["message"].is_string());
    for status in ["COMPLETED", "CANCELLED", "IN_PROGRESS", "CLOSED"] {
        assert_eq!(refused(&step(status).await), (409, "LOT_CLOSED".into()), "{status}");
    }
    let serial = server.post("/api/v1/serials", &json!({ "lot_id": made.id })).await;
    assert_eq!(refused(&serial), (409, "LOT_CLOSED".into()));
}

async fn an_open_lot_is_changed_counted_cancelled_and_removed(server: Server) {
    let model = model(&server, "WF").await;
    let empty = good(
        &server.post("/api/v1/lots", &json!({ "product_model_id": model, "target_quantity": 5 })).await,
        201,
    );
    let path = format!("/api/v1/lots/{}", empty["id"]);
    let mut whole = empty.clone();
    whole["target_quantity"] = json!(7);
    whole["work_order"] = json!("WO-9");
    let changed = good(&put(&server, &path, &whole).await, 200);
    assert_eq!((&changed["target_quantity"], &changed["work_order"]), (&json!(7), &json!("WO-9")));
    for target in [json!(0), json!(101), json!(-1), json!("many"), json!(1.5)] {
        assert_eq!(
            refused(&put(&server, &path, &json!({ "target_quantity": target })).await).0,
            422,
            "{target}"
        );
    }
    assert_eq!(delete(&server, &path).await.status, 204);
    assert_eq!(refused(&server.get(&path).await), (404, "LOT_NOT_FOUND".into()));

    let begun = lot_of(&server, model, 2).await;
    let path = format!("/api/v1/lots/{}/quantities", begun.id);
    let counted = good(&server.get(&path).await, 200);
    assert_eq!(counted["actual_quantity"], 2);
    assert_eq!(good(&put(&server, &path, &json!({})).await, 200)["actual_quantity"], 2);
    let full = server.post("/api/v1/serials", &json!({ "lot_id": begun.id })).await;
    assert_eq!(refused(&full), (409, "LOT_FULL".into()));
    let gone =
        put(&server, &format!("/api/v1/lots/{}/status", begun.number), &json!({ "status": "CANCELLED" }))
            .await;
    assert_eq!(good(&gone, 200)["data"]["status"], "CANCELLED");
    assert_eq!(
        refused(&super::start(&server, &begun.number, &begun.serials[0], 1).await),
        (409, "LOT_CLOSED".into())
    );
}

async fn lots_are_found_in_every_documented_way(server: Server) {
    let (a, b) = (model(&server, "AA").await, model(&server, "BB").await);
    for (model, day) in [(a, "2025-11-10"), (a, "2025-11-11"), (b, "2025-11-12")] {
        let body =
            json!({ "product_model_id": model, "target_quantity": 1, "production_date": day, "shift": "D" });
        good(&server.post("/api/v1/lots", &body).await, 201);
    }
    let first = good(&server.get("/api/v1/lots?limit=1").await, 200)[0]["id"].clone();
    good(&server.post("/api/v1/serials", &json!({ "lot_id": first })).await, 201);
    for (query, count) in [
        ("", 3),
        ("?status=CREATED", 2),
        ("?status=IN_PROGRESS", 1),
        ("/status/CREATED", 2),
        ("/status/IN_PROGRESS/", 1),
        ("/active", 3),
        ("/date-range?start_date=2025-11-10&end_date=2025-11-11", 2),
        ("/date-range?start_date=2025-11-12", 1),
        ("?shift=D", 3),
        ("?shift=N", 0),
    ] {
        let found = server.get(&format!("/api/v1/lots{query}")).await;
        assert_eq!(good(&found, 200).as_array().map(Vec::len), Some(count), "{query}");
        assert_eq!(found.header("x-total-count"), count.to_string(), "{query}");
    }
    for by in [format!("?product_model_id={a}"), format!("/product/{a}")] {
        assert_eq!(
            good(&server.get(&format!("/api/v1/lots{by}")).await, 200).as_array().map(Vec::len),
            Some(2)
        );
    }
    for wrong in [
        "?status=GONE",
        "/status/GONE",
        "/date-range?start_date=soon",
        "/date-range?start_date=2025-11-12&end_date=2025-11-10",
        "/product/x",
        "?product_model_id=x",
    ] {
        assert_eq!(refused(&server.get(&format!("/api/v1/lots{wrong}")).await).0, 422, "{wrong}");
    }
    for unknown in ["999", "WF-KR-251110D-099", "number/NO-SUCH", "999/quantities", "lo%20t"] {
        let answer = server.get(&format!("/api/v1/lots/{unknown}")).await;
        assert_eq!(refused(&answer), (404, "LOT_NOT_FOUND".into()), "{unknown}");
    }
    let no_model =
        server.post("/api/v1/lots", &json!({ "product_model_id": 99, "target_quantity": 5 })).await;
    assert_eq!(refused(&no_model), (404, "PRODUCT_MODEL_NOT_FOUND".into()));
    put(&server, &format!("/api/v1/product-models/{b}"), &json!({ "status": "DISCONTINUED" })).await;
    let off = server.post("/api/v1/lots", &json!({ "product_model_id": b, "target_quantity": 5 })).await;
    assert_eq!(refused(&off).0, 400);
}
