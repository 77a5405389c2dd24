//! Real printers on loopback, a real store, real actors: what is printed, what is not, and what nobody knows.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::audit::Actor;
use nightshift_domain::labels::{
    HostStatus, JobState, JobStatus, LabelData, LabelJobId, NewPrintJob, PrinterFault, PrinterSpec,
};
use nightshift_kernel::{BreakerState, ChildSpec, Mailbox, Policy, Random, Runtime, Supervisor};
use nightshift_store::Slice;
use nightshift_store::labels::{self as store, JobQuery};
use nightshift_store::testing::{TestDb, sqlite};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;
use crate::hub::Hub;
use crate::identity::{By, Origin};
use crate::writer::{Queue, StoreWriter};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long somebody waits for a label.
const WAIT: Duration = Duration::from_secs(5);

fn by() -> By {
    By { actor: Actor::System, origin: Origin::default() }
}

fn id(text: &str) -> PrinterId {
    text.parse().expect("id")
}

/// A store, its writer, and the labels' part of a plant.
struct Shop {
    labels: Labels,
    root: Supervisor,
    home: TestDb,
}

fn quick() -> crate::config::LabelsConfig {
    crate::config::LabelsConfig {
        templates_dir: None,
        auto_lot_printer: None,
        auto_serial_printer: None,
        connect_deadline: Duration::from_secs(1),
        status_deadline: Duration::from_millis(150),
        confirm_deadline: Duration::from_millis(400),
        breaker_open: Duration::from_millis(300),
    }
}

async fn open_on(home: TestDb) -> Shop {
    let clock = Clock::system();
    let runtime = Runtime::new(clock.clone(), Random::seeded(7), 8);
    let root = Supervisor::root("plant", runtime).expect("root");
    let queue = Arc::<Queue>::default();
    let (db, of) = (home.db.clone(), Arc::clone(&queue));
    let spec = ChildSpec::new("store-writer").mailbox(Mailbox::wait(16)).budget(PATIENCE);
    let make = move || StoreWriter::new(db.clone(), Hub::new(0), Arc::clone(&of));
    let writer = Writer::new(root.spawn(spec, make).expect("writer"), queue);
    let production = root.supervisor("production", Policy::default()).expect("production");
    let desk = Arc::new(Desk::open(quick()).expect("desk"));
    let labels = spawn(&production, desk, (home.db.clone(), writer, clock)).await.expect("labels");
    Shop { labels, root, home }
}

async fn open() -> Shop {
    open_on(sqlite().await).await
}

impl Shop {
    async fn register(&self, name: &str, port: u16) {
        let spec = PrinterSpec {
            printer_id: id(name),
            name: name.to_owned(),
            host: "127.0.0.1".to_owned(),
            port,
            enabled: true,
        };
        self.labels.create_printer(&by(), spec).await.expect("registered");
    }

    async fn printer(&self, name: &str, mood: PrinterMood) -> SimulatedPrinter {
        let printer = SimulatedPrinter::start(([127, 0, 0, 1], 0).into(), mood).await.expect("printer");
        self.register(name, printer.address().port()).await;
        printer
    }

    async fn print(&self, number: &str, may_wait: bool, wait: Duration) -> Result<Printed, LabelsError> {
        let request = PrintRequest {
            printer_id: id("Z"),
            of: LabelOf::Other { number: number.to_owned(), label_type: "SERIAL".parse().expect("type") },
            label_type: None,
            copies: 1,
            data: data(),
            may_wait,
            wait,
        };
        self.labels.print(&by(), request, None).await
    }

    async fn job(&self, id: LabelJobId) -> PrintJob {
        self.labels.job(id).await.expect("job")
    }

    async fn until(&self, what: &str, job: LabelJobId, status: JobStatus) -> PrintJob {
        let wait = async {
            loop {
                let found = self.job(job).await;
                if found.state.status() == status {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never happened: {what}"))
    }

    async fn count(&self, status: JobStatus) -> u64 {
        let query = JobQuery { status: Some(status), ..JobQuery::default() };
        self.labels.jobs(&query, Slice::first(1)).await.expect("jobs").total
    }

    async fn close(self) -> TestDb {
        assert!(self.root.shutdown(PATIENCE).await.clean, "everything ends in order");
        self.home
    }
}

fn data() -> LabelData {
    let fields = [("title", "S/N"), ("product", "로봇"), ("date", "2025-11-10"), ("quantity", "1")];
    LabelData::new(fields).expect("data")
}

fn numbers(printed: &[String]) -> Vec<String> {
    let number = |zpl: &String| zpl.split("^FDMA,").nth(1)?.split("^FS").next().map(str::to_owned);
    printed.iter().filter_map(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn labels_come_out_once_and_in_order() {
    let shop = open().await;
    let printer = shop.printer("Z", PrinterMood::Well).await;
    for n in 0..20 {
        let printed = shop.print(&format!("N-{n}"), false, WAIT).await.expect("printed");
        assert!(printed.taken);
        assert_eq!(printed.job.state.status(), JobStatus::Printed);
    }
    let wanted: Vec<String> = (0..20).map(|n| format!("N-{n}")).collect();
    assert_eq!(numbers(&printer.printed()), wanted);
    assert_eq!(shop.count(JobStatus::Printed).await, 20);
    let seen = shop.labels.look_at_printer(&id("Z")).await.expect("seen");
    assert_eq!((seen.seen.trouble, seen.open_jobs), (None, 0));
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_that_is_not_there_is_left_alone_after_three_tries() {
    let shop = open().await;
    let gone = SimulatedPrinter::start(([127, 0, 0, 1], 0).into(), PrinterMood::Well).await.expect("printer");
    let address = gone.address();
    shop.register("Z", address.port()).await;
    drop(gone);
    let refused = shop.print("N-1", false, WAIT).await.expect_err("refused");
    let LabelsError::Printer { fault: PrinterFault::NotConnected, job, .. } = refused else {
        panic!("{refused}")
    };
    assert!(matches!(shop.job(job).await.state, JobState::Failed { .. }), "nothing waits");
    // What may wait does, and is tried until the breaker opens.
    let waits = shop.print("N-2", true, Duration::ZERO).await.expect("queued");
    assert!(!waits.taken);
    let opened = async {
        while shop.labels.breakers()[0].snapshot().state != BreakerState::Open {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, opened).await.expect("the breaker opens");
    assert_eq!(shop.labels.breakers()[0].snapshot().name, "printer-Z");
    // It is asked again when the pause is over, and prints what waited.
    let back = SimulatedPrinter::start(address, PrinterMood::Well).await.expect("back");
    shop.until("printed after the pause", waits.job.id, JobStatus::Printed).await;
    assert_eq!(numbers(&back.printed()), ["N-2"], "what was refused is not printed");
    assert_eq!(shop.labels.breakers()[0].snapshot().state, BreakerState::Closed);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_without_paper_says_so_and_prints_when_it_has_some() {
    let shop = open().await;
    let printer = shop.printer("Z", PrinterMood::PaperOut).await;
    let refused = shop.print("N-1", false, WAIT).await.expect_err("refused");
    let LabelsError::Printer { fault, .. } = &refused else { panic!("{refused}") };
    assert_eq!((*fault, fault.code()), (PrinterFault::MediaEmpty, "PRINTER_OUT_OF_PAPER"));
    let waits = shop.print("N-2", true, Duration::from_millis(50)).await.expect("queued");
    assert!(!waits.taken);
    assert_eq!(shop.labels.breakers()[0].snapshot().state, BreakerState::Closed, "it answers: it works");
    assert_eq!(printer.count(), 0);
    printer.set_mood(PrinterMood::Well);
    shop.until("paper", waits.job.id, JobStatus::Printed).await;
    assert_eq!(numbers(&printer.printed()), ["N-2"]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_not_the_same_as_no_connection() {
    let shop = open().await;
    let printer = shop.printer("Z", PrinterMood::Silent).await;
    let refused = shop.print("N-1", false, WAIT).await.expect_err("refused");
    let LabelsError::Printer { fault: PrinterFault::Silent, .. } = refused else { panic!("{refused}") };
    printer.set_mood(PrinterMood::Garbage);
    let refused = shop.print("N-2", false, WAIT).await.expect_err("refused");
    let LabelsError::Printer { fault: PrinterFault::Garbage, .. } = refused else { panic!("{refused}") };
    assert_eq!(printer.count(), 0, "nothing was sent to it");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_label_cut_off_in_the_middle_is_never_printed_again_by_itself() {
    let shop = open().await;
    let printer = shop.printer("Z", PrinterMood::Drops).await;
    let lost = shop.print("N-1", true, WAIT).await.expect("taken");
    let lost = shop.until("nobody knows", lost.job.id, JobStatus::Unknown).await;
    printer.set_mood(PrinterMood::Well);
    // Others go on; this one waits for a person.
    let next = shop.print("N-2", true, WAIT).await.expect("printed");
    shop.until("the next one", next.job.id, JobStatus::Printed).await;
    assert_eq!(numbers(&printer.printed()), ["N-2"]);
    assert_eq!(shop.job(lost.id).await, lost);
    let settled =
        shop.labels.settle_job(&by(), lost.id, false, "no label in the tray").await.expect("settled");
    assert_eq!(settled.state.status(), JobStatus::Failed);
    assert!(shop.labels.settle_job(&by(), lost.id, true, "again").await.is_err());
    let again = ReprintRequest {
        job: lost.id,
        reason: "cut off".to_owned(),
        worker: Some("W001".to_owned()),
        printer_id: None,
        copies: Some(2),
        may_wait: false,
        wait: WAIT,
    };
    let again = shop.labels.reprint(&by(), again, None).await.expect("printed");
    let reprint = again.job.job.reprint.expect("a reprint");
    assert_eq!((reprint.of, reprint.reason.as_str(), reprint.worker.as_str()), (lost.id, "cut off", "W001"));
    assert_eq!(printer.count(), 3, "two copies on top of one");
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_under_way_at_a_crash_is_unknown() {
    let home = sqlite().await;
    let printer =
        SimulatedPrinter::start(([127, 0, 0, 1], 0).into(), PrinterMood::Well).await.expect("printer");
    let mut tx = home.db.begin().await.expect("begun");
    let spec = PrinterSpec {
        printer_id: id("Z"),
        name: "Z".to_owned(),
        host: "127.0.0.1".to_owned(),
        port: printer.address().port(),
        enabled: true,
    };
    let now = Timestamp::from_s(1_800_000_000);
    store::printer_insert(&mut tx, &spec, now).await.expect("printer");
    let queued = [waiting(1), waiting(2)];
    let mut jobs = store::jobs_insert(&mut tx, &queued, now).await.expect("jobs");
    jobs[0].state = jobs[0].state.begin(now).expect("begun");
    store::job_save(&mut tx, &jobs[0], JobStatus::Pending).await.expect("saved");
    tx.commit().await.expect("committed");
    let shop = open_on(home).await;
    shop.until("the first is unknown", jobs[0].id, JobStatus::Unknown).await;
    shop.until("the second is printed", jobs[1].id, JobStatus::Printed).await;
    assert_eq!(numbers(&printer.printed()), ["N-2"]);
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_printer_has_it_and_a_full_queue_drains_in_order() {
    let shop = open().await;
    let printer = shop.printer("Z", PrinterMood::Slow(Duration::from_millis(120))).await;
    let first = shop.print("S-1", false, WAIT).await.expect("taken");
    assert!(first.taken, "the printer has it, though it is not out yet");
    shop.until("slow", first.job.id, JobStatus::Printed).await;
    printer.set_mood(PrinterMood::Silent);
    let queued = 300;
    for n in 0..queued {
        let waits = shop.print(&format!("N-{n}"), true, Duration::ZERO).await.expect("queued");
        assert!(!waits.taken);
    }
    assert_eq!(shop.labels.printer(&id("Z")).await.expect("printer").open_jobs, queued);
    printer.set_mood(PrinterMood::Well);
    let drained = async {
        while shop.count(JobStatus::Printed).await < queued + 1 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, drained).await.expect("it drains");
    let wanted: Vec<String> = (0..queued).map(|n| format!("N-{n}")).collect();
    assert_eq!(numbers(&printer.printed())[1..], wanted, "in order, each once");
    let (connections, _) = printer.visits();
    assert!(connections < 60, "{connections} connections for {queued} labels");
    shop.close().await;
}

/// Seconds for which the printer is silent.
const HOUR_S: u32 = 3_600;

/// Keeps time from running by itself while it lives: a task on a thread counts as work that is under way.
struct TimeStands(Option<std::sync::mpsc::SyncSender<()>>);

impl TimeStands {
    fn still() -> Self {
        let (held, end) = std::sync::mpsc::sync_channel::<()>(1);
        tokio::task::spawn_blocking(move || end.recv());
        tokio::time::pause();
        Self(Some(held))
    }
}

impl Drop for TimeStands {
    fn drop(&mut self) {
        tokio::time::resume();
        drop(self.0.take());
    }
}

#[tokio::test]
async fn ten_thousand_labels_wait_an_hour_for_a_silent_printer_and_cost_nothing() {
    const JOBS: u32 = 10_000;
    let shop = open().await;
    let printer = shop.printer("Z", PrinterMood::Silent).await;
    for first in (0..JOBS).step_by(1_000) {
        let jobs: Vec<NewPrintJob> = (first..first + 1_000).map(waiting).collect();
        let mut tx = shop.home.db.begin().await.expect("begun");
        store::jobs_insert(&mut tx, &jobs, Timestamp::from_s(1_800_000_000)).await.expect("queued");
        tx.commit().await.expect("committed");
    }
    let stands = TimeStands::still();
    for _ in 0..HOUR_S {
        // Somebody goes on queueing and ringing, as lots and units do.
        shop.labels.shared.desk.ring(Some(&id("Z")));
        let open = shop.labels.printer(&id("Z")).await.expect("printer").open_jobs;
        assert_eq!(open, u64::from(JOBS), "nothing was sent to it and nothing given up");
        // What is being written is written before time goes on.
        let nothing = shop.labels.shared.writer.run(WRITE_DEADLINE, |_| Box::pin(async { Ok(()) }));
        nothing.await.expect("the store writes");
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    drop(stands);
    // What is held in memory is what would be held for ten: one connection, and a wake-up or two.
    let deepest = high_water(&shop);
    assert!(deepest <= 8, "{deepest} messages waited for the printer's actor");
    let (connections, questions) = printer.visits();
    assert!((100..=u64::from(HOUR_S)).contains(&questions), "{questions} questions within the hour");
    assert!(connections <= questions + 1, "{connections} connections for {questions} questions");
    assert_eq!(printer.count(), 0);
    // A person has helped it: everything comes out, once and in order.
    printer.set_mood(PrinterMood::Well);
    let drained = async {
        while printer.count() < u64::from(JOBS) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE * 6, drained).await.expect("the queue drains");
    let wanted: Vec<String> = (0..JOBS).map(|n| format!("N-{n}")).collect();
    assert!(numbers(&printer.printed()) == wanted, "in order, each once");
    shop.close().await;
}

/// A job that waits, with a label as short as can be.
fn waiting(n: u32) -> NewPrintJob {
    NewPrintJob {
        printer_id: id("Z"),
        label_type: "SERIAL".parse().expect("type"),
        number: format!("N-{n}"),
        copies: 1,
        data: data(),
        zpl: format!("^XA^FDMA,N-{n}^FS^XZ"),
        may_wait: true,
        automatic: true,
        reprint: None,
        requested_by: "system".to_owned(),
    }
}

/// Most messages that ever waited at once for the actor of printer Z.
fn high_water(shop: &Shop) -> u32 {
    let node = shop.root.tree_page("plant/production/printer/Z", 1).expect("the printer's actor");
    node.mailbox.expect("it has one").high_water
}

/// A printer whose network goes away without a word: its connections stay open and nothing comes.
async fn half_open(listener: tokio::net::TcpListener) {
    let mut held = Vec::new();
    while let Ok((mut stream, _)) = listener.accept().await {
        // The first question is answered, so that a label is sent; then nothing more is heard.
        let mut bytes = [0; 64];
        if held.is_empty() && stream.read(&mut bytes).await.is_ok() {
            let _ = stream.write_all(&HostStatus::default().answer()).await;
        }
        held.push(stream);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_given_up_and_its_label_unknown() {
    let shop = open().await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let port = listener.local_addr().expect("address").port();
    let peer = tokio::spawn(half_open(listener));
    shop.register("Z", port).await;
    let lost = shop.print("N-1", true, Duration::ZERO).await.expect("queued");
    let lost = shop.until("given up", lost.job.id, JobStatus::Unknown).await;
    let JobState::Unknown { reason, .. } = &lost.state else { panic!("unknown") };
    assert!(reason.contains("silent"), "{reason}");
    // The next one is never sent to a printer that does not answer.
    let next = shop.print("N-2", true, Duration::from_millis(700)).await.expect("queued");
    assert!(!next.taken);
    assert_eq!(shop.job(next.job.id).await.state, JobState::Pending);
    assert!(shop.labels.cancel_job(&by(), next.job.id).await.is_ok());
    peer.abort();
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_printed_is_refused_before_anything_is_queued() {
    let shop = open().await;
    let printer = shop.printer("Z", PrinterMood::Well).await;
    assert!(matches!(shop.print("", false, WAIT).await, Err(LabelsError::Label(_))));
    let unknown = PrintRequest {
        printer_id: id("NONE"),
        of: LabelOf::Other { number: "N".to_owned(), label_type: "SERIAL".parse().expect("type") },
        label_type: None,
        copies: 1,
        data: data(),
        may_wait: true,
        wait: WAIT,
    };
    assert!(matches!(shop.labels.print(&by(), unknown.clone(), None).await, Err(LabelsError::NoPrinter(_))));
    for copies in [0, 11] {
        let many = PrintRequest { printer_id: id("Z"), copies, ..unknown.clone() };
        assert!(matches!(shop.labels.print(&by(), many, None).await, Err(LabelsError::Label(_))), "{copies}");
    }
    let serial = PrintRequest { printer_id: id("Z"), of: LabelOf::Serial("X-1".to_owned()), ..unknown };
    assert!(matches!(shop.labels.print(&by(), serial, None).await, Err(LabelsError::Production(_))));
    assert_eq!(shop.count(JobStatus::Pending).await + printer.count(), 0);
    // A printer that is switched off prints nothing and says so.
    let off = serde_json::json!({ "enabled": false }).as_object().cloned().expect("object");
    shop.labels.change_printer(&by(), &id("Z"), off).await.expect("switched off");
    let refused = shop.print("N-1", false, WAIT).await.expect_err("refused");
    assert!(matches!(refused, LabelsError::Printer { fault: PrinterFault::Disabled, .. }), "{refused}");
    shop.labels.remove_printer(&by(), &id("Z")).await.expect("nothing waits for it");
    shop.close().await;
}
