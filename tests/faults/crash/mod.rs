//! Killed under load, again and again, with every domain at work: what was acknowledged is there, and everything that
//! must hold in the database holds.
//!
//! Clients send until they are answered, as real ones do, and write down what was acknowledged. `NIGHTSHIFT_KILLS` says how
//! often the program is killed on each engine, `NIGHTSHIFT_KILL_SEED` where chance begins.

mod briefings;
mod diagnoses;
mod firmware;
mod labels;
mod line;
mod readings;
mod vehicles;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightshift_domain::production::Calendar;
use nightshift_kernel::{Clock, Random};
use nightshift_store::Db;
use nightshift_store::production::figures_check;
use nightshift_store::system::{completions_astray, print_jobs_astray, records_astray, texts_astray};
use nightshift_store::testing::{self, TestDb};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::assert_sound;
use crate::common::{DEADLINE, Server, client_with, program};
use crate::fleet::SECRET;

/// Times the program is killed on each engine.
const KILLS: u64 = 15;
/// Acknowledgements between two kills, at most.
const BETWEEN_MAX: f64 = 150.0;
/// Pause before something is sent again that the program could not take.
const PAUSE: Duration = Duration::from_millis(20);
/// Longest that the program may take until it has started again and lets people in.
const RECOVERY_MAX: Duration = Duration::from_secs(60);
/// Rows of each kind that are looked through at the end: all.
const ALL: u32 = 1_000_000;
/// Settings under which nothing takes long.
const SETTINGS: [(&str, &str); 6] = [
    ("FLEET__SECRET", SECRET),
    ("FLEET__MAP_ID", "1"),
    ("LABELS__STATUS_MS", "300"),
    ("LABELS__CONFIRM_S", "1"),
    ("LABELS__BREAKER_OPEN_S", "1"),
    ("SYSTEM__ROUND_INTERVAL_S", "1"),
];

/// Where the program is, and the token of `admin` there.
#[derive(Clone, PartialEq)]
struct Here {
    base: String,
    token: String,
}

/// What the clients share.
struct Plant {
    client: Client,
    /// `None` from before the program is killed until it has started again.
    whereabouts: watch::Receiver<Option<Here>>,
    acknowledged: AtomicU64,
    /// Told of every acknowledgement.
    progress: Notify,
    /// Set when nothing new is wanted. What is under way is still sent until it is acknowledged.
    done: AtomicBool,
    /// Answers that asked to come again, by status.
    refusals: Mutex<BTreeMap<u16, u64>>,
}

impl Plant {
    fn goes_on(&self) -> bool {
        !self.done.load(Ordering::Acquire)
    }

    fn acknowledge(&self) {
        self.acknowledged.fetch_add(1, Ordering::AcqRel);
        self.progress.notify_one();
    }

    async fn here(&self) -> Here {
        let mut whereabouts = self.whereabouts.clone();
        let here = timeout(DEADLINE, whereabouts.wait_for(Option::is_some)).await;
        here.expect("the program starts again").expect("the test runs").clone().expect("somewhere")
    }

    /// Waits until the program is elsewhere. A connection breaks for one reason only: the program it led to was killed.
    async fn moved_from(&self, here: &Here) {
        let mut whereabouts = self.whereabouts.clone();
        let moved = async {
            tokio::select! {
                moved = whereabouts.wait_for(|now| now.as_ref() != Some(here)) => drop(moved.expect("the test runs")),
                () = async { while self.goes_on() { sleep(PAUSE).await; } } => {}
            }
        };
        timeout(DEADLINE, moved).await.expect("a live program cut a connection");
    }

    /// Sends once; `None` when the program is gone, which is waited for.
    async fn once(
        &self,
        here: &Here,
        request: impl FnOnce(&Client) -> RequestBuilder,
    ) -> Option<(u16, Value)> {
        let answer = match request(&self.client).send().await {
            Ok(answer) => Some((answer.status().as_u16(), answer.text().await.ok())),
            Err(_) => None,
        };
        let Some((status, Some(text))) = answer else {
            self.moved_from(here).await;
            return None;
        };
        if status >= 500 {
            *self.refusals.lock().expect("refusals").entry(status).or_default() += 1;
        }
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    /// Sends as `admin` until there is an answer that says what became of it.
    async fn insist_with(
        &self,
        path: &str,
        request: impl Fn(&Client, String) -> RequestBuilder,
    ) -> (u16, Value) {
        loop {
            let here = self.here().await;
            let url = format!("{}{path}", here.base);
            match self.once(&here, |client| request(client, url).bearer_auth(&here.token)).await {
                // A printer in trouble is a 503 of its own that names the job.
                Some((500.., answer)) if answer["job_id"].is_null() => sleep(PAUSE).await,
                Some((409, answer)) if answer["code"] == "IDEMPOTENCY_KEY_IN_PROGRESS" => sleep(PAUSE).await,
                Some(answer) => return answer,
                None => {}
            }
        }
    }

    async fn insist(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> (u16, Value) {
        self.insist_with(path, |client, url| {
            let mut request = client.request(method.clone(), url);
            if let Some(body) = body {
                request = request.json(body);
            }
            if let Some(key) = key {
                request = request.header("idempotency-key", key);
            }
            request
        })
        .await
    }

    /// Waits for that many acknowledgements more.
    async fn acknowledgements(&self, more: u64) {
        let goal = self.acknowledged.load(Ordering::Acquire) + more;
        let reached = async {
            while self.acknowledged.load(Ordering::Acquire) < goal {
                self.progress.notified().await;
            }
        };
        timeout(DEADLINE, reached).await.expect("clients are answered");
    }
}

/// What all clients were told.
#[derive(Default)]
struct Told {
    readings: Vec<readings::Acknowledged>,
    line: Vec<line::Acknowledged>,
    labels: labels::Acknowledged,
    versions: u32,
    vehicles: std::collections::BTreeSet<u32>,
    texts: Vec<String>,
    diagnoses: std::collections::BTreeSet<i64>,
}

/// What the clients work with.
struct Things {
    oldest_ms: i64,
    model: i64,
    desk: labels::Desk,
    clinic: diagnoses::Clinic,
}

/// One client's part of what was told.
enum Part {
    Readings(readings::Acknowledged),
    Line(line::Acknowledged),
    Labels(labels::Acknowledged),
    Versions(u32),
    Vehicles(std::collections::BTreeSet<u32>),
    Texts(Vec<String>),
    Diagnoses(std::collections::BTreeSet<i64>),
}

fn begin(plant: &Arc<Plant>, things: &Arc<Things>) -> JoinSet<Part> {
    let mut all = JoinSet::new();
    for number in 0..readings::CLIENTS {
        let (plant, oldest_ms) = (Arc::clone(plant), things.oldest_ms);
        all.spawn(async move { Part::Readings(readings::work(number, plant, oldest_ms).await) });
    }
    for number in 0..line::STATIONS {
        let (plant, model) = (Arc::clone(plant), things.model);
        all.spawn(async move { Part::Line(line::work(number, plant, model).await) });
    }
    let (p, t) = (Arc::clone(plant), Arc::clone(things));
    all.spawn(async move { Part::Labels(labels::work(p, &t.desk).await) });
    let (p, t) = (Arc::clone(plant), Arc::clone(things));
    all.spawn(async move { Part::Versions(firmware::work(p, t.model).await) });
    let p = Arc::clone(plant);
    all.spawn(async move { Part::Vehicles(vehicles::work(p).await) });
    let p = Arc::clone(plant);
    all.spawn(async move { Part::Texts(briefings::work(p).await) });
    let (p, t) = (Arc::clone(plant), Arc::clone(things));
    all.spawn(async move { Part::Diagnoses(diagnoses::work(p, &t.clinic).await) });
    all
}

async fn end(mut all: JoinSet<Part>) -> Told {
    let mut told = Told::default();
    while let Some(part) = timeout(DEADLINE, all.join_next()).await.expect("clients end") {
        match part.expect("a client") {
            Part::Readings(part) => told.readings.push(part),
            Part::Line(part) => told.line.push(part),
            Part::Labels(part) => told.labels = part,
            Part::Versions(part) => told.versions = part,
            Part::Vehicles(part) => told.vehicles = part,
            Part::Texts(part) => told.texts = part,
            Part::Diagnoses(part) => told.diagnoses = part,
        }
    }
    told
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|e| panic!("{name}: {e}")))
}

async fn survives_kills(home: TestDb, seed: u64) {
    home.db.close().await;
    let (kills, seed) = (number("NIGHTSHIFT_KILLS", KILLS), number("NIGHTSHIFT_KILL_SEED", seed));
    let dir = Arc::new(TempDir::new().expect("directory"));
    let settings: Vec<(&str, &str)> =
        SETTINGS.iter().copied().chain([("DATABASE__URL", home.options.url.as_str())]).collect();
    let start = || Server::start_in(Arc::clone(&dir), &settings);
    let here = |server: &Server| Some(Here { base: server.url(""), token: server.token.clone() });

    let mut server = start().await;
    let things = Arc::new(Things {
        oldest_ms: readings::prepare(&server).await,
        desk: labels::prepare(&server).await,
        model: line::prepare(&server).await,
        clinic: diagnoses::prepare(&server).await,
    });
    let made_before = server.get("/api/v1/lots?limit=1").await.header("x-total-count").to_owned();
    assert_eq!(made_before, "1", "the lot of the labels");
    let (tell, whereabouts) = watch::channel(here(&server));
    let plant = Arc::new(Plant {
        client: client_with(""),
        whereabouts,
        acknowledged: AtomicU64::new(0),
        progress: Notify::new(),
        done: AtomicBool::new(false),
        refusals: Mutex::default(),
    });
    let clients = begin(&plant, &things);
    let (random, clock) = (Random::seeded(seed), Clock::system());
    let mut recoveries: Vec<Duration> = Vec::new();
    for _ in 0..kills {
        plant.acknowledgements((random.fraction() * BETWEEN_MAX) as u64).await;
        tell.send_replace(None);
        // Dropping it kills it, without a chance to do anything first.
        drop(server);
        let killed = clock.monotonic();
        server = start().await;
        recoveries.push(clock.monotonic() - killed);
        tell.send_replace(here(&server));
    }
    plant.acknowledgements(1).await;
    plant.done.store(true, Ordering::Release);
    let told = end(clients).await;
    report(&server, &plant, &things, told, kills, &mut recoveries).await;

    // The plant's own book-keeping agrees, after it has looked.
    for domain in ["sensing", "production", "labels", "briefing", "diagnosis", "fleet"] {
        let name = format!("nightshift_unaccounted{{domain=\"{domain}\"}}");
        assert_eq!(server.metric(&name).await, 0.0, "{domain}");
    }
    let (status, dir) = server.stop().await;
    assert!(status.success(), "{status}");
    assert_sound(&home).await;
    assert_invariants(&home).await;
    let verified = program(dir.path(), &["audit", "verify", "--data-dir", "data"])
        .env("NIGHTSHIFT__DATABASE__URL", &home.options.url)
        .output()
        .expect("the program starts");
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stderr));
}

/// Everything that was acknowledged is there; and says so.
async fn report(
    server: &Server,
    plant: &Plant,
    things: &Things,
    told: Told,
    kills: u64,
    recoveries: &mut [Duration],
) {
    let (readings, duplicates) = readings::check(server, told.readings).await;
    let runs = line::check(server, told.line).await;
    let labels = labels::check(server, &things.desk, told.labels).await;
    let versions = firmware::check(server, things.model, told.versions).await;
    let vehicles = vehicles::check(server, told.vehicles).await;
    let texts = briefings::last(server, &told.texts).await;
    let diagnoses = diagnoses::check(server, told.diagnoses).await;
    recoveries.sort_unstable();
    let slowest = recoveries.last().copied().unwrap_or_default();
    assert!(slowest < RECOVERY_MAX, "it took {slowest:?} to come back");
    let middle = recoveries.get(recoveries.len() / 2).copied().unwrap_or_default();
    eprintln!(
        "{kills} kills, {} acknowledgements: {readings} readings ({duplicates} sent again after a commit nobody heard of), \
         {runs} runs, {labels} labels, {versions} firmware versions, {vehicles} vehicles, {texts} texts, {diagnoses} diagnoses; none \
         lost. Back after {middle:.2?}, at most {slowest:.2?}. Asked to come again: {:?}",
        plant.acknowledged.load(Ordering::Acquire),
        plant.refusals.lock().expect("refusals"),
    );
}

/// What must hold in the database of every domain, with no program on it.
async fn assert_invariants(home: &TestDb) {
    let db = Db::connect(&home.options).await.expect("open the database");
    let found = figures_check(&db, &Calendar::default()).await.expect("figures");
    assert!(found.is_empty(), "figures per day are not what the rows come to: {found:#?}");
    for (what, astray) in [
        ("completions", completions_astray(&db, 0, ALL).await),
        ("print jobs", print_jobs_astray(&db, 0, ALL).await),
        ("texts", texts_astray(&db, 0, ALL).await),
        ("records", records_astray(&db, 0, ALL).await),
    ] {
        assert_eq!(astray.expect(what).count, 0, "{what}");
    }
    db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_sqlite() {
    survives_kills(testing::sqlite().await, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_on_postgres() {
    let Some(home) = testing::postgres().await else { return };
    survives_kills(home, 2).await;
}
