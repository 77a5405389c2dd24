//! Labels through HTTP, on printers that work, and on printers that do not.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::sync::Mutex;

use nightshift_actors::{PrinterMood, SimulatedPrinter};
use reqwest::Method;
use serde_json::{Value, json};

use super::{MadeLot, good, lot, refused};
use crate::common::{Answer, Server, program, read};

/// Settings under which nothing takes long.
const QUICK: [(&str, &str); 3] =
    [("LABELS__STATUS_MS", "300"), ("LABELS__CONFIRM_S", "1"), ("LABELS__BREAKER_OPEN_S", "1")];

async fn printer(server: &Server, name: &str, mood: PrinterMood) -> SimulatedPrinter {
    let printer = SimulatedPrinter::start(([127, 0, 0, 1], 0).into(), mood).await.expect("a printer");
    register(server, name, printer.address().port()).await;
    printer
}

async fn register(server: &Server, name: &str, port: u16) {
    let body = json!({ "printer_id": name, "host": "127.0.0.1", "port": port });
    good(&server.post("/api/v1/printers", &body).await, 201);
}

async fn print(server: &Server, lot: &MadeLot, more: Value) -> Answer {
    let mut body = json!({ "serial_number": lot.serials[0], "printer_id": "ZEBRA-01" });
    body.as_object_mut().expect("object").extend(more.as_object().cloned().expect("object"));
    server.post("/api/v1/label/print", &body).await
}

async fn status(server: &Server, job: &Value) -> String {
    let path = format!("/api/v1/label/jobs/{job}");
    good(&server.get(&path).await, 200)["status"].as_str().expect("status").to_owned()
}

async fn until(server: &Server, job: &Value, wanted: &str) {
    server.until(wanted, async || status(server, job).await == wanted).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_documented_body_prints_a_label() {
    let server = Server::start_with(&QUICK).await;
    let lot = lot(&server, "WF", 1).await;
    let printer = printer(&server, "ZEBRA-01", PrinterMood::Well).await;
    let answer = print(&server, &lot, json!({ "copies": 2 })).await;
    let done = good(&answer, 201);
    let job = &done["data"];
    assert_eq!(
        (&done["status"], &job["status"], &job["copies"]),
        (&json!("success"), &json!("printed"), &json!(2))
    );
    assert_eq!(answer.header("location"), format!("/api/v1/label/jobs/{}", job["id"]));
    assert_eq!(printer.count(), 2);
    assert!(printer.printed()[0].contains(&lot.serials[0]), "{:?}", printer.printed());
    // A lot's label has a Code 128, and its preview shows the bars.
    let body = json!({ "lot_number": lot.number, "printer_id": "ZEBRA-01" });
    assert_eq!(good(&server.post("/api/v1/label/print", &body).await, 201)["data"]["label_type"], "LOT");
    assert!(printer.printed()[1].contains("^BCN,100"));
    let preview = server.get(&format!("/api/v1/label/preview?lot_number={}", lot.number)).await;
    assert_eq!((preview.status.as_u16(), preview.header("content-type")), (200, "image/svg+xml"));
    assert!(preview.text.starts_with("<svg") && preview.text.contains(&lot.number), "{}", preview.text);
    // What it did is found again, and it is sent once under its key.
    let jobs = server.get(&format!("/api/v1/label/jobs?printer_id=ZEBRA-01&number={}", lot.serials[0])).await;
    assert_eq!((good(&jobs, 200)[0]["id"].clone(), jobs.header("x-total-count")), (job["id"].clone(), "1"));
    let shown = good(&server.get("/api/v1/printers/ZEBRA-01").await, 200);
    assert_eq!((&shown["status"]["state"], &shown["status"]["jobs_open"]), (&json!("idle"), &json!(0)));
    let breakers = good(&server.get("/api/v1/health/circuit-breakers").await, 200);
    let own = breakers.as_array().expect("list").iter().find(|b| b["name"] == "printer-ZEBRA-01");
    assert_eq!(own.expect("the printer's breaker")["state"], "closed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_printer_that_cannot_print_is_said_and_nothing_waits() {
    let server = Server::start_with(&QUICK).await;
    let lot = lot(&server, "WF", 1).await;
    assert_eq!(refused(&print(&server, &lot, json!({})).await), (404, "PRINTER_NOT_FOUND".into()));
    let printer = printer(&server, "ZEBRA-01", PrinterMood::PaperOut).await;
    let answer = print(&server, &lot, json!({})).await;
    assert_eq!(refused(&answer), (503, "PRINTER_OUT_OF_PAPER".into()));
    assert!(answer.headers.contains_key("retry-after"));
    assert_eq!(answer.json()["reason"], "media-empty");
    assert_eq!(status(&server, &answer.json()["job_id"]).await, "failed");
    printer.set_mood(PrinterMood::Silent);
    server
        .until("silence is noticed", async || {
            print(&server, &lot, json!({ "wait_s": 5 })).await.json()["reason"] == "silent"
        })
        .await;
    drop(printer);
    server
        .until("its end is noticed", async || {
            let answer = print(&server, &lot, json!({ "wait_s": 5 })).await;
            answer.status == 503 && answer.code() == "PRINTER_NOT_CONNECTED"
        })
        .await;
    let shown = good(&server.get("/api/v1/printers/ZEBRA-01").await, 200);
    assert_eq!(
        (&shown["status"]["state"], &shown["status"]["reason"]),
        (&json!("stopped"), &json!("not-connected"))
    );
    // People were told, and the rest of the plant does not mind.
    let alerts = good(&server.get("/api/v1/alerts?alert_type=PRINTER_TROUBLE").await, 200);
    assert_eq!(alerts["total"], 1, "{alerts}");
    assert_eq!(server.get("/api/v1/health").await.status, 200);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyed_print_is_new_after_a_refusal_and_answered_as_it_ended() {
    let server = Server::start_with(&QUICK).await;
    let lot = lot(&server, "WF", 1).await;
    let printer = printer(&server, "ZEBRA-01", PrinterMood::PaperOut).await;
    let body = json!({ "serial_number": lot.serials[0], "printer_id": "ZEBRA-01" });
    let keyed = async || {
        let request = server.client.post(server.url("/api/v1/label/print")).header("idempotency-key", "one");
        read(request.json(&body).send().await.expect("an answer")).await
    };
    let refused = keyed().await;
    assert_eq!((refused.status.as_u16(), refused.header("idempotency-replayed")), (503, ""));
    printer.set_mood(PrinterMood::Well);
    // While its breaker is open the printer is not asked.
    let printed = Mutex::new(None);
    server
        .until("it prints", async || {
            let answer = keyed().await;
            let ended = answer.status == 201;
            *printed.lock().expect("nobody panics with it") = Some(answer);
            ended
        })
        .await;
    let printed = printed.into_inner().expect("nobody panics with it").expect("an answer");
    assert_eq!(printed.header("idempotency-replayed"), "", "what was refused was not kept");
    // Kept is how it ended, not that it waited.
    let again = keyed().await;
    assert_eq!((again.status.as_u16(), again.header("idempotency-replayed")), (201, "true"));
    assert_eq!((&again.text, printer.count()), (&printed.text, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_wait_waits_and_comes_out_in_order() {
    let server = Server::start_with(&QUICK).await;
    let lot = lot(&server, "WF", 1).await;
    let printer = printer(&server, "ZEBRA-01", PrinterMood::Silent).await;
    let mut jobs = Vec::new();
    for _ in 0..20 {
        let waits = good(&print(&server, &lot, json!({ "queue": true, "wait_s": 0 })).await, 202);
        assert_eq!(waits["data"]["status"], "pending");
        jobs.push(waits["data"]["id"].clone());
    }
    // Stations go on while a printer is silent.
    good(&super::start(&server, &lot.number, &lot.serials[0], 1).await, 200);
    let off = good(&server.post(&format!("/api/v1/label/jobs/{}/cancel", jobs[19]), &json!({})).await, 200);
    assert_eq!(off["data"]["status"], "failed");
    let in_use = super::delete(&server, "/api/v1/printers/ZEBRA-01").await;
    assert_eq!(refused(&in_use), (409, "IN_USE".into()));
    printer.set_mood(PrinterMood::Well);
    until(&server, &jobs[18], "printed").await;
    assert_eq!(printer.count(), 19);
    let listed = good(&server.get("/api/v1/label/jobs?status=printed&limit=100").await, 200);
    let order: Vec<&Value> = listed.as_array().expect("list").iter().rev().map(|job| &job["id"]).collect();
    assert_eq!(order, jobs[..19].iter().collect::<Vec<_>>());
    assert_eq!(super::delete(&server, "/api/v1/printers/ZEBRA-01").await.status, 204);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_label_nobody_knows_of_is_a_persons_to_decide() {
    let server = Server::start_with(&QUICK).await;
    let lot = lot(&server, "WF", 1).await;
    let printer = printer(&server, "ZEBRA-01", PrinterMood::Drops).await;
    let taken = print(&server, &lot, json!({ "queue": true })).await;
    let job = taken.json()["data"]["id"].clone();
    until(&server, &job, "unknown").await;
    printer.set_mood(PrinterMood::Well);
    let settle = format!("/api/v1/label/jobs/{job}/settle");
    let settled = server.post(&settle, &json!({ "status": "failed", "reason": "nothing came out" })).await;
    assert_eq!(good(&settled, 200)["data"]["reason"], "nothing came out");
    let again = server.post(&settle, &json!({ "status": "printed", "reason": "x" })).await;
    assert_eq!(refused(&again), (409, "LABEL_JOB_STATE".into()));
    let without = json!({ "job_id": job, "reason": " " });
    assert_eq!(
        refused(&server.post("/api/v1/label/reprint", &without).await),
        (400, "INVALID_LABEL_DATA".into())
    );
    let reprint = json!({ "serial_number": lot.serials[0], "reason": "라벨 훼손", "worker_id": "W001" });
    let mut printed = Value::Null;
    server
        .until("printed once more", async || {
            server.post("/api/v1/label/reprint", &reprint).await.status == 201
        })
        .await;
    let listed = good(&server.get("/api/v1/label/jobs?reprint=true&status=printed").await, 200);
    printed.clone_from(&listed[0]);
    assert_eq!((&printed["reprint_of"].is_number(), &printed["reprint_worker"]), (&true, &json!("W001")));
    assert_eq!(printer.count(), 1, "and it came out once");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_made_with_lots_and_units_when_that_is_configured() {
    let mut settings = QUICK.to_vec();
    settings.extend([("LABELS__AUTO_LOT_PRINTER", "LOTS"), ("LABELS__AUTO_SERIAL_PRINTER", "UNITS")]);
    let server = Server::start_with(&settings).await;
    let units = printer(&server, "UNITS", PrinterMood::Well).await;
    let lot = lot(&server, "WF", 3).await;
    server.until("a label for each unit", async || units.count() == 3).await;
    let printed = units.printed();
    for (label, serial) in printed.iter().zip(&lot.serials) {
        assert!(label.contains(serial.as_str()), "{label}");
    }
    // The lot's printer is registered later: its label has waited.
    let waiting = good(&server.get("/api/v1/label/jobs?status=pending").await, 200);
    assert_eq!((&waiting[0]["number"], &waiting[0]["automatic"]), (&json!(lot.number), &json!(true)));
    let lots = printer(&server, "LOTS", PrinterMood::Well).await;
    server.until("the lot's label", async || lots.count() == 1).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_add_kinds_of_labels_in_files() {
    let dir = std::sync::Arc::new(tempfile::TempDir::new().expect("directory"));
    let labels = dir.path().join("labels");
    std::fs::create_dir(&labels).expect("made");
    let text = r#"{"kind":"text","x":10,"y":10,"width":300,"height":40,"text":"{number} {shelf?}"}"#;
    let template = format!(r#"{{"width":400,"height":200,"elements":[{text}]}}"#);
    std::fs::write(labels.join("BOX.json"), template).expect("written");
    let server = Server::start_in(dir, &[("LABELS__TEMPLATES_DIR", "labels")]).await;
    let kinds = good(&server.get("/api/v1/label/templates").await, 200);
    let names: Vec<&Value> = kinds.as_array().expect("list").iter().map(|kind| &kind["label_type"]).collect();
    assert_eq!(names, ["BOX", "LOT", "SERIAL"]);
    let printer = printer(&server, "ZEBRA-01", PrinterMood::Well).await;
    let body = json!({ "label_type": "BOX", "printer_id": "ZEBRA-01", "data": { "number": "B-^XZ~", "shelf": "7" } });
    good(&server.post("/api/v1/label/print", &body).await, 201);
    assert!(printer.printed()[0].contains("B-_5EXZ_7E 7"), "{:?}", printer.printed());
    let unknown = json!({ "label_type": "BAG", "printer_id": "ZEBRA-01", "data": { "number": "1" } });
    assert_eq!(
        refused(&server.post("/api/v1/label/print", &unknown).await),
        (400, "INVALID_LABEL_DATA".into())
    );
    server.stop().await;
}

/// The program's own printer, ended when the test ends.
struct OwnPrinter(Child);

impl Drop for OwnPrinter {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_simulated_printer_is_a_real_one_that_does_what_it_is_told() {
    let server = Server::start_with(&QUICK).await;
    let lot = lot(&server, "WF", 1).await;
    let args = ["simulate", "printer", "--address", "127.0.0.1:0", "--control", "127.0.0.1:0", "--json"];
    let mut child = program(server.dir.path(), &args).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("a line");
    let _own = OwnPrinter(child);
    let told: Value = serde_json::from_str(&line).expect("json");
    let port = |name: &str| told[name].as_str().and_then(|a| a.rsplit_once(':')?.1.parse::<u16>().ok());
    register(&server, "ZEBRA-01", port("address").expect("port")).await;
    let control = TcpStream::connect(("127.0.0.1", port("control").expect("port"))).expect("connected");
    let tell = |line: &str| {
        (&control).write_all(format!("{line}\n").as_bytes()).expect("told");
        let mut answer = String::new();
        BufReader::new(&control).read_line(&mut answer).expect("answer");
        answer.trim().to_owned()
    };
    good(&print(&server, &lot, json!({})).await, 201);
    assert_eq!(tell("count"), "1");
    assert_eq!(tell("paper-out"), "ok");
    assert_eq!(refused(&print(&server, &lot, json!({})).await), (503, "PRINTER_OUT_OF_PAPER".into()));
    assert!(tell("tired").contains("none of well"));
    assert_eq!(tell("well"), "ok");
    server.until("paper", async || print(&server, &lot, json!({})).await.status == 201).await;
    assert_eq!(
        server.send(Method::PATCH, "/api/v1/printers/ZEBRA-01", &json!({ "port": 0 })).await.status,
        422
    );
    server.stop().await;
}
