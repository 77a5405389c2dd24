use serde_json::{Value, json};

use super::{delete, good, lot, model, put, refused};
use crate::common::Server;

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_model_is_registered_shown_changed_and_removed() {
    let server = Server::start().await;
    let documented = json!({
        "model_code": "NH-1000", "model_name": "NeuroHub Pro", "description": "Professional model",
        "bom_data": {}, "specifications": {}, "is_active": true,
    });
    let made = server.post("/api/v1/product-models", &documented).await;
    let body = good(&made, 201);
    let path = made.header("location").to_owned();
    assert_eq!((&body["status"], &body["is_active"]), (&json!("ACTIVE"), &json!(true)));
    for (name, value) in documented.as_object().expect("object") {
        assert_eq!(&body[name], value, "{name}");
    }
    assert_eq!(
        refused(&server.post("/api/v1/product-models/", &documented).await),
        (409, "ALREADY_EXISTS".into())
    );

    let off = good(&put(&server, &path, &json!({ "is_active": false, "category": "WEARABLE" })).await, 200);
    assert_eq!((&off["status"], &off["model_name"]), (&json!("INACTIVE"), &json!("NeuroHub Pro")));
    assert_eq!(good(&server.get("/api/v1/product-models/active").await, 200), json!([]));
    assert_eq!(good(&server.get("/api/v1/product-models/code/NH-1000").await, 200)["id"], body["id"]);
    let same_kind = server.get("/api/v1/product-models/category/WEARABLE/").await;
    assert_eq!(good(&same_kind, 200)[0]["id"], body["id"]);
    // Clients send back what they read.
    let mut whole = off.clone();
    whole["status"] = json!("ACTIVE");
    assert_eq!(good(&put(&server, &path, &whole).await, 200)["is_active"], true);

    assert_eq!(delete(&server, &path).await.status, 204);
    assert_eq!(refused(&server.get(&path).await), (404, "PRODUCT_MODEL_NOT_FOUND".into()));
    assert_eq!(refused(&delete(&server, &path).await), (404, "PRODUCT_MODEL_NOT_FOUND".into()));
    assert_eq!(refused(&put(&server, &path, &json!({})).await), (404, "PRODUCT_MODEL_NOT_FOUND".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_eight_processes_are_there_and_can_be_changed() {
    let server = Server::start().await;
    let listed = server.get("/api/v1/processes").await;
    assert_eq!(listed.header("x-total-count"), "8");
    let listed = good(&listed, 200);
    let codes: Vec<&str> =
        listed.as_array().expect("array").iter().map(|p| p["process_code"].as_str().expect("code")).collect();
    assert_eq!(
        codes,
        [
            "LASER_MARKING",
            "LMA_ASSEMBLY",
            "SENSOR_INSPECTION",
            "FIRMWARE_UPLOAD",
            "ROBOT_ASSEMBLY",
            "PERFORMANCE_TEST",
            "LABEL_PRINTING",
            "PACKAGING_INSPECTION",
        ]
    );
    assert_eq!(
        (&listed[0]["process_name_ko"], &listed[0]["estimated_duration_seconds"]),
        (&json!("레이저 마킹"), &json!(60))
    );
    for path in [
        "/api/v1/processes/3",
        "/api/v1/processes/PROC-003",
        "/api/v1/processes/number/3/",
        "/api/v1/processes/code/SENSOR_INSPECTION",
    ] {
        assert_eq!(good(&server.get(path).await, 200)["process_number"], 3, "{path}");
    }
    assert_eq!(refused(&server.get("/api/v1/processes/99").await), (404, "PROCESS_NOT_FOUND".into()));
    assert_eq!(refused(&server.get("/api/v1/processes/number/0").await).0, 422);

    let burn_in = json!({
        "process_number": 9, "process_code": "BURN_IN", "process_name_ko": "에이징", "process_name_en": "Burn-in",
        "data_schema": { "type": "object", "properties": { "hours": { "type": "number", "minimum": 4 } } },
    });
    let made = server.post("/api/v1/processes", &burn_in).await;
    let path = made.header("location").to_owned();
    good(&made, 201);
    assert_eq!(good(&server.get("/api/v1/processes/sequence").await, 200).as_array().map(Vec::len), Some(9));
    good(&put(&server, &path, &json!({ "is_active": false })).await, 200);
    assert_eq!(good(&server.get("/api/v1/processes/active").await, 200).as_array().map(Vec::len), Some(8));
    assert_eq!(delete(&server, &path).await.status, 204);

    for (body, said) in [
        (json!({ "process_number": 0 }), "process_number"),
        (json!({ "data_schema": { "type": "nonsense" } }), "data_schema"),
        (json!({ "process_name_ko": "" }), "process_name_ko"),
        (json!({ "estimated_duration_seconds": "long" }), "estimated_duration_seconds"),
    ] {
        let wrong = put(&server, "/api/v1/processes/1", &body).await;
        assert_eq!(refused(&wrong), (422, "VALIDATION_ERROR".into()), "{body}");
        assert!(wrong.json()["detail"][0]["loc"].to_string().contains(said), "{}", wrong.text);
    }
    assert_eq!(refused(&put(&server, "/api/v1/processes/1", &json!({ "process_number": 2 })).await).0, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_and_equipment_have_their_life_and_their_maintenance() {
    let server = Server::start().await;
    let line = good(
        &server
            .post("/api/v1/production-lines", &json!({ "line_code": "LINE-A", "line_name": "조립 A" }))
            .await,
        201,
    );
    let today = good(&server.get("/api/v1/dashboard/summary").await, 200)["date"].clone();
    let equipment = json!({
        "equipment_code": "EQ-001", "equipment_name": "Laser", "process_id": 1, "production_line_id": line["id"],
        "last_maintenance_date": "2020-01-01", "maintenance_interval_days": 30,
    });
    let made = server.post("/api/v1/equipment", &equipment).await;
    let path = made.header("location").to_owned();
    let made = good(&made, 201);
    assert_eq!((&made["maintenance_due"], &made["needs_maintenance"]), (&json!("2020-01-31"), &json!(true)));
    let due = good(&server.get("/api/v1/equipment/needs-maintenance").await, 200);
    assert_eq!(due[0]["equipment_code"], "EQ-001");
    let done = put(&server, &path, &json!({ "last_maintenance_date": today })).await;
    assert_eq!(good(&done, 200)["needs_maintenance"], false);
    assert_eq!(good(&server.get("/api/v1/equipment/needs-maintenance").await, 200), json!([]));
    assert_eq!(good(&server.get("/api/v1/equipment/code/EQ-001").await, 200)["id"], made["id"]);
    assert_eq!(
        good(&server.get("/api/v1/equipment?process_id=1&is_active=true").await, 200)
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    // The line is in use; an unknown process or line is told.
    assert_eq!(
        refused(&delete(&server, &format!("/api/v1/production-lines/{}", line["id"])).await),
        (409, "IN_USE".into())
    );
    for unknown in [json!({ "process_id": 99 }), json!({ "production_line_id": 99 })] {
        assert_eq!(refused(&put(&server, &path, &unknown).await).0, 404, "{unknown}");
    }
    assert_eq!(delete(&server, &path).await.status, 204);
    assert_eq!(delete(&server, &format!("/api/v1/production-lines/{}", line["id"])).await.status, 204);
    assert_eq!(good(&server.get("/api/v1/production-lines/active").await, 200), json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_stays() {
    let server = Server::start().await;
    let lot = lot(&server, "WF", 1).await;
    let model = good(&server.get(&format!("/api/v1/lots/{}", lot.id)).await, 200)["product_model_id"].clone();
    assert_eq!(
        refused(&delete(&server, &format!("/api/v1/product-models/{model}")).await),
        (409, "IN_USE".into())
    );
    super::pass(&server, &lot.number, &lot.serials[0], 1, 1).await;
    assert_eq!(refused(&delete(&server, "/api/v1/processes/1").await), (409, "IN_USE".into()));
    assert_eq!(refused(&delete(&server, &format!("/api/v1/lots/{}", lot.id)).await), (409, "IN_USE".into()));
    assert_eq!(
        refused(&delete(&server, &format!("/api/v1/serials/{}", lot.serials[0])).await),
        (409, "IN_USE".into())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_registered_is_refused_by_field() {
    let server = Server::start().await;
    let long = "x".repeat(51);
    for (path, body, said) in [
        ("product-models", json!({ "model_name": "a" }), "model_code"),
        ("product-models", json!({ "model_code": "", "model_name": "a" }), "model_code"),
        ("product-models", json!({ "model_code": long, "model_name": "a" }), "model_code"),
        ("product-models", json!({ "model_code": "모델", "model_name": "a" }), "model_code"),
        ("product-models", json!({ "model_code": "A", "model_name": "a\u{0}b" }), "model_name"),
        ("product-models", json!({ "model_code": "A", "model_name": "a", "bom_data": [] }), "bom_data"),
        (
            "product-models",
            json!({ "model_code": "A", "model_name": "a", "bom_data": { "a": "\u{0}" } }),
            "bom_data",
        ),
        ("product-models", json!({ "model_code": "A", "model_name": "a", "status": "GONE" }), "status"),
        (
            "product-models",
            json!({ "model_code": "A", "model_name": "a", "status": "ACTIVE", "is_active": false }),
            "is_active",
        ),
        (
            "production-lines",
            json!({ "line_code": "A", "line_name": "a", "capacity_per_shift": -1 }),
            "capacity_per_shift",
        ),
        (
            "equipment",
            json!({ "equipment_code": "A", "equipment_name": "a", "last_maintenance_date": "2025-02-30" }),
            "last_maintenance_date",
        ),
        (
            "processes",
            json!({ "process_number": 1_000, "process_code": "A", "process_name_ko": "a", "process_name_en": "a" }),
            "process_number",
        ),
        ("lots", json!({ "target_quantity": 5 }), "product_model_id"),
        ("serials", json!({}), "lot_id"),
        ("alerts", json!({ "title": "" }), "title"),
    ] {
        let answer = server.post(&format!("/api/v1/{path}"), &body).await;
        assert_eq!(refused(&answer), (422, "VALIDATION_ERROR".into()), "{path} {body}: {}", answer.text);
        let detail: Value = answer.json()["detail"].clone();
        assert!(detail.to_string().contains(said), "{path} {body}: {detail}");
        assert_eq!(detail[0]["loc"][0], "body");
    }
    let huge = json!({ "model_code": "A", "model_name": "a", "bom_data": { "x": "y".repeat(300_000) } });
    assert_eq!(refused(&server.post("/api/v1/product-models", &huge).await).0, 422);
    let unicode = json!({ "model_code": "U", "model_name": "로봇 🤖𝔸", "specifications": { "🤖": "𝕏" } });
    let made = good(&server.post("/api/v1/product-models", &unicode).await, 201);
    assert_eq!((&made["model_name"], &made["specifications"]["🤖"]), (&json!("로봇 🤖𝔸"), &json!("𝕏")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_leads_through_all_its_pages() {
    let server = Server::start().await;
    for n in 0..5 {
        model(&server, &format!("M{n}")).await;
    }
    let page = server.get("/api/v1/product-models?skip=2&limit=2").await;
    assert_eq!(page.header("x-total-count"), "5");
    assert!(page.header("link").contains("skip=4") && page.header("link").contains("rel=\"prev\""));
    let codes: Vec<Value> =
        good(&page, 200).as_array().expect("array").iter().map(|m| m["model_code"].clone()).collect();
    assert_eq!(codes, ["M2", "M3"]);
    for query in ["limit=0", "limit=1001", "skip=-1", "is_active=maybe", "status=GONE"] {
        assert_eq!(refused(&server.get(&format!("/api/v1/product-models?{query}")).await).0, 422, "{query}");
    }
}
