//! A printer that needs a person, and ten thousand labels for it: the plant does not notice.

use nightshift_actors::{PrinterMood, SimulatedPrinter};
use nightshift_domain::Timestamp;
use nightshift_domain::labels::{LabelData, NewPrintJob, PrinterSpec};
use nightshift_store::labels::{jobs_insert, printer_insert};
use nightshift_store::testing::{TestDb, sqlite};
use serde_json::Value;

use crate::common::Server;
use crate::production::{complete, good, good_data, lot, start};

/// Labels that wait.
const JOBS: u32 = 10_000;
/// Units that go on meanwhile.
const UNITS: i64 = 30;
/// Bytes that the program may grow by while they wait.
const GROWTH_BYTES_MAX: u64 = 24 << 20;
/// Questions to the printer after which it was tried again and again.
const QUESTIONS: u64 = 12;

async fn queue(home: &TestDb, port: u16) {
    let printer_id = "ZEBRA-01".parse().expect("id");
    let spec = PrinterSpec {
        printer_id,
        name: "라인 A".to_owned(),
        host: "127.0.0.1".to_owned(),
        port,
        enabled: true,
    };
    let job = |n: u32| NewPrintJob {
        printer_id: spec.printer_id.clone(),
        label_type: "SERIAL".parse().expect("type"),
        number: format!("N-{n}"),
        copies: 1,
        data: LabelData::new([("number", format!("N-{n}"))]).expect("data"),
        zpl: format!("^XA^FDMA,N-{n}^FS^XZ"),
        may_wait: true,
        automatic: true,
        reprint: None,
        requested_by: "system".to_owned(),
    };
    let mut tx = home.db.begin().await.expect("begun");
    let now = Timestamp::from_s(1_800_000_000);
    printer_insert(&mut tx, &spec, now).await.expect("printer");
    let jobs: Vec<NewPrintJob> = (0..JOBS).map(job).collect();
    jobs_insert(&mut tx, &jobs, now).await.expect("queued");
    tx.commit().await.expect("committed");
    home.db.close().await;
}

/// Memory that the program holds, bytes.
fn resident(server: &Server) -> u64 {
    let path = format!("/proc/{}/status", server.pid().as_raw_nonzero());
    let status = std::fs::read_to_string(path).expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a figure");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("kB") * 1_024
}

/// Most messages that ever waited for the printer's actor.
async fn high_water(server: &Server) -> u64 {
    let tree = good(&server.get("/api/v1/system/tree?path=plant/production/printer").await, 200);
    let actors = tree["children"].as_array().expect("children");
    let own =
        actors.iter().find(|node| node["path"] == "plant/production/printer/ZEBRA-01").expect("the actor");
    own["mailbox"]["high_water"].as_u64().expect("a figure")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stations_do_not_notice_ten_thousand_labels_for_a_silent_printer() {
    let printer =
        SimulatedPrinter::start(([127, 0, 0, 1], 0).into(), PrinterMood::Silent).await.expect("printer");
    let home = sqlite().await;
    queue(&home, printer.address().port()).await;
    let quick = [("LABELS__STATUS_MS", "100"), ("LABELS__BREAKER_OPEN_S", "1")];
    let settings: Vec<(&str, &str)> =
        quick.into_iter().chain([("DATABASE__URL", home.options.url.as_str())]).collect();
    let server = Server::start_with(&settings).await.ready().await;
    let made = lot(&server, "WF", UNITS).await;
    // Once round everything, so that what is only built up once is there.
    let (first, others) = made.serials.split_first().expect("units");
    good(&start(&server, &made.number, first, 1).await, 200);
    good(&complete(&server, &made.number, first, 1, "PASS", &good_data(1, first)).await, 200);
    let before = resident(&server);
    for serial in others {
        good(&start(&server, &made.number, serial, 1).await, 200);
        good(&complete(&server, &made.number, serial, 1, "PASS", &good_data(1, serial)).await, 200);
    }
    server.until("it is tried again and again", async || printer.visits().1 >= QUESTIONS).await;
    let after = resident(&server);
    assert!(after < before + GROWTH_BYTES_MAX, "{before} bytes before, {after} after");
    let deepest = high_water(&server).await;
    assert!(deepest <= 8, "{deepest} messages waited for the printer");
    let shown = good(&server.get("/api/v1/printers/ZEBRA-01").await, 200);
    assert_eq!(shown["status"]["jobs_open"], JOBS, "{shown}");
    assert_eq!((printer.count(), server.get("/api/v1/health").await.status.as_u16()), (0, 200));
    let breakers: Value = good(&server.get("/api/v1/health/circuit-breakers").await, 200);
    let own = breakers.as_array().expect("list").iter().find(|b| b["name"] == "printer-ZEBRA-01");
    assert_ne!(own.expect("the printer's breaker")["state"], "closed");
    // And it comes to an end: what waited longest is printed first.
    printer.set_mood(PrinterMood::Well);
    server.until("the first ones come out", async || printer.count() >= 20).await;
    let firsts: Vec<String> = printer.printed().into_iter().take(20).collect();
    let wanted: Vec<String> = (0..20).map(|n| format!("^XA^FDMA,N-{n}^FS^XZ")).collect();
    assert_eq!(firsts, wanted);
    server.stop().await;
}
