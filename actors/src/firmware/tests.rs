//! Versions, deployments and roll-outs on a real store, with agents that do and do not do their part.

use bytes::Bytes;
use nightshift_domain::audit::Actor;
use nightshift_domain::firmware::{
    AgentTrouble, Deployment, DeploymentId, DeploymentStatus, FirmwareId, FirmwareVersion, Heartbeat,
    NewRollout, Report, ReportStatus, RolloutId, RolloutStatus,
};
use nightshift_domain::production::{ProductModelId, ProductModelSpec};
use nightshift_kernel::{BreakerState, Random, Runtime};
use nightshift_store::blobs::{BlobKey, BlobsConfig};
use nightshift_store::production::product_model_insert;
use nightshift_store::testing::{TestDb, sqlite};
use serde_json::json;

use super::*;
use crate::hub::Hub;
use crate::identity::{By, Origin};
use crate::production::ProductionError;
use crate::writer::{Queue, StoreWriter};

/// How long a test waits for something that must happen.
const PATIENCE: Duration = Duration::from_secs(60);

fn by() -> By {
    By { actor: Actor::System, origin: Origin::default() }
}

fn station(text: &str) -> StationId {
    text.parse().expect("id")
}

fn v(text: &str) -> FirmwareVersion {
    text.parse().expect("version")
}

struct Shop {
    firmware: Firmware,
    root: Supervisor,
    home: TestDb,
    model: ProductModelId,
    folder: tempfile::TempDir,
}

async fn open(deploy_deadline: Duration) -> Shop {
    let (home, clock) = (sqlite().await, Clock::system());
    let root = Supervisor::root("plant", Runtime::new(clock.clone(), Random::seeded(7), 8)).expect("root");
    let queue = Arc::<Queue>::default();
    let (db, of) = (home.db.clone(), Arc::clone(&queue));
    let spec = ChildSpec::new("store-writer").mailbox(Mailbox::wait(16)).budget(PATIENCE);
    let make = move || StoreWriter::new(db.clone(), Hub::new(0), Arc::clone(&of));
    let writer = Writer::new(root.spawn(spec, make).expect("writer"), queue);
    let production = root.supervisor("production", Policy::default()).expect("production");
    let spec: ProductModelSpec =
        serde_json::from_value(json!({ "model_code": "WF", "model_name": "Wearable" })).expect("a model");
    let mut tx = home.db.begin().await.expect("begun");
    let model =
        product_model_insert(&mut tx, &spec, Timestamp::from_s(1_800_000_000)).await.expect("model").id;
    tx.commit().await.expect("committed");
    let folder = tempfile::tempdir().expect("folder");
    let blobs = Blobs::open(&BlobsConfig::Local { dir: folder.path().join("objects") }).expect("objects");
    let config = FirmwareConfig {
        deploy_deadline,
        station_away: Duration::from_secs(30),
        breaker_open: Duration::from_millis(300),
    };
    let firmware =
        spawn(&production, config, blobs, (home.db.clone(), writer, clock)).await.expect("firmware");
    Shop { firmware, root, home, model, folder }
}

impl Shop {
    async fn upload(
        &self,
        version: &str,
        bytes: &[u8],
    ) -> Result<nightshift_domain::firmware::Firmware, FirmwareError> {
        let mut incoming = self.firmware.begin_upload().await?;
        for piece in bytes.chunks(1_000) {
            incoming.write(Bytes::copy_from_slice(piece)).await?;
        }
        let upload = Upload { product_model_id: self.model, version: v(version), notes: None };
        self.firmware.finish_upload(&by(), incoming, upload).await
    }

    async fn poll(&self, name: &str) -> AgentWork {
        self.firmware.poll(&station(name), Heartbeat::default(), 0).await.expect("polled")
    }

    async fn report(
        &self,
        name: &str,
        id: DeploymentId,
        status: ReportStatus,
        running: Option<&str>,
    ) -> Deployment {
        let report = Report { status, running_version: running.map(v), detail: None };
        self.firmware.report(&station(name), id, report).await.expect("noted")
    }

    async fn deploy(&self, name: &str, version: &str) -> Result<Deployment, FirmwareError> {
        self.firmware.deploy(&by(), &station(name), v(version), None).await
    }

    /// An agent that does its part, or fails.
    async fn serve(&self, name: &str, works: bool) -> Option<DeploymentId> {
        let wanted = self.poll(name).await.wanted?;
        let (id, version) = (wanted.deployment.id, wanted.firmware.image.version.to_string());
        if works {
            self.report(name, id, ReportStatus::Ready, None).await;
            self.report(name, id, ReportStatus::Uploading, None).await;
            self.report(name, id, ReportStatus::Uploaded, Some(&version)).await;
        } else {
            self.report(name, id, ReportStatus::Error, None).await;
        }
        Some(id)
    }

    async fn rollout_until(&self, id: RolloutId, status: RolloutStatus, broken: &[&str]) -> Vec<Deployment> {
        let ended = async {
            loop {
                let (rollout, parts) = self.firmware.rollout(id).await.expect("roll-out");
                if rollout.state.status() == status {
                    return parts;
                }
                for part in parts.iter().filter(|part| !part.state.status().has_ended()) {
                    let name = part.order.station_id.as_str();
                    self.serve(name, !broken.contains(&name)).await;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, ended).await.expect("it comes to that")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_version_is_what_was_uploaded_for_ever() {
    let shop = open(PATIENCE).await;
    let bytes: Vec<u8> = (0..10_000_u32).map(|n| u8::try_from(n % 251).expect("a byte")).collect();
    let one = shop.upload("v1.9.0", &bytes).await.expect("kept");
    assert_eq!(one.image.digests.size, 10_000);
    let other = shop.upload("v1.9.0", b"other").await.expect_err("immutable");
    assert!(matches!(other, FirmwareError::Production(ProductionError::Exists { .. })), "{other}");
    assert!(matches!(shop.upload("v1.9.1", b"").await, Err(FirmwareError::Empty)));
    shop.upload("v1.10.0", b"newer").await.expect("kept");
    assert_eq!(shop.firmware.latest(Some(shop.model)).await.expect("latest").image.version, v("v1.10.0"));
    let mut part = shop.firmware.open(&one, Some(5..8)).await.expect("open");
    let chunk = futures::StreamExt::next(&mut part.chunks).await.expect("a chunk").expect("read");
    assert_eq!(&chunk[..], &bytes[5..8]);
    // Only what was kept is in the object store.
    let listed =
        shop.firmware.shared.blobs.list(&BlobKey::new("firmware").expect("key"), 10).await.expect("listed");
    assert_eq!(listed.len(), 2, "{listed:?}");
    // Bytes that somebody cut short behind the program's back are never handed out.
    let key = BlobKey::new(&one.image.blob_key).expect("key");
    shop.firmware.shared.blobs.put(&key, Bytes::from_static(b"short")).await.expect("written over");
    assert!(matches!(shop.firmware.open(&one, None).await.map(|_| ()), Err(FirmwareError::Damaged(_))));
    shop.firmware.remove(&by(), one.id).await.expect("removed");
    assert!(matches!(shop.firmware.version(one.id).await, Err(FirmwareError::NotFound(_))));
    assert!(shop.upload("v1.9.0", b"other").await.is_err(), "its number means those bytes for ever");
    assert!(matches!(shop.firmware.version(FirmwareId(99)).await, Err(FirmwareError::NotFound(_))));
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_that_no_version_names_go_when_no_row_can_come_any_more() {
    let shop = open(PATIENCE).await;
    let kept = shop.upload("v1.0.0", b"one").await.expect("kept");
    let gone = shop.upload("v1.1.0", b"two").await.expect("kept");
    let shared = &shop.firmware.shared;
    // A kill between object and row, a removal that was cut off behind its row, and a kill in the middle of an upload.
    let key = |text: &str| BlobKey::new(text).expect("key");
    shared.blobs.put(&key("firmware/never-committed.bin"), Bytes::from_static(b"x")).await.expect("put");
    shop.firmware.remove(&by(), gone.id).await.expect("removed");
    shared.blobs.put(&key(&gone.image.blob_key), Bytes::from_static(b"two")).await.expect("as it was");
    let cut_off = shop.folder.path().join("objects/firmware/upload.bin#1");
    std::fs::write(&cut_off, "half").expect("staged");
    // What belongs to another part is not the keeper's.
    shared.blobs.put(&key("diagnosis/1/file.csv"), Bytes::from_static(b"x")).await.expect("put");
    let now = shared.now();
    let early = keeper::sweep(shared, now).await.expect("swept");
    assert_eq!((early.objects, early.removed, early.left), (3, 0, 0), "a row may still come");
    let late = now + keeper::SAFE_AGE + Duration::from_secs(60);
    let swept = keeper::sweep(shared, late).await.expect("swept");
    assert_eq!((swept.removed, swept.left), (3, 0));
    assert!(!cut_off.exists());
    let listed = shared.blobs.list(&key("firmware"), 10).await.expect("listed");
    let keys: Vec<&str> = listed.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, [kept.image.blob_key.as_str()]);
    shared.blobs.head(&key("diagnosis/1/file.csv")).await.expect("still there");
    assert_eq!(keeper::sweep(shared, late).await.expect("swept").removed, 0);
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_object_store_that_fails_is_said_and_told() {
    let shop = open(PATIENCE).await;
    // A file where the folder must be: unlike permissions it stops an administrator too.
    std::fs::write(shop.folder.path().join("objects/firmware"), "x").expect("in the way");
    let refused = shop.upload("v1.0.0", b"one").await.expect_err("refused");
    assert!(matches!(refused, FirmwareError::Storage { full: false }), "{refused}");
    let told = async {
        loop {
            let query = nightshift_store::alerts::AlertQuery::default();
            let slice = nightshift_store::Slice::first(10);
            let page =
                nightshift_store::alerts::alert_list(&shop.home.db, &query, slice).await.expect("alerts");
            if let Some(alert) = page.items.first() {
                return alert.alert.raise.subject.clone();
            }
            tokio::task::yield_now().await;
        }
    };
    assert_eq!(tokio::time::timeout(PATIENCE, told).await.expect("people are told"), "storage:objects");
    std::fs::remove_file(shop.folder.path().join("objects/firmware")).expect("removed");
    shop.upload("v1.0.0", b"one").await.expect("the version is still free");
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deployment_has_succeeded_when_the_station_says_that_it_runs() {
    let shop = open(PATIENCE).await;
    let version = shop.upload("v1.0.0", b"one").await.expect("kept");
    assert!(matches!(shop.deploy("S1", "v1.0.0").await, Err(FirmwareError::NoStation(_))));
    assert_eq!(shop.poll("S1").await.wanted, None);
    let ordered = shop.deploy("S1", "v1.0.0").await.expect("ordered");
    assert!(shop.firmware.remove(&by(), version.id).await.is_err(), "it is on its way");
    let wanted = shop.poll("S1").await.wanted.expect("work");
    assert_eq!(
        (wanted.deployment.id, wanted.deployment.state.status()),
        (ordered.id, DeploymentStatus::Offered)
    );
    assert_eq!(shop.poll("S1").await.wanted, Some(wanted), "asked again, it is told again");
    assert_eq!(
        shop.report("S1", ordered.id, ReportStatus::Ready, None).await.state.status(),
        DeploymentStatus::Ready
    );
    let not_its_own = Report { status: ReportStatus::Ready, running_version: None, detail: None };
    shop.poll("S2").await;
    let refused = shop.firmware.report(&station("S2"), ordered.id, not_its_own).await;
    assert!(matches!(refused, Err(FirmwareError::Missing { .. })), "{refused:?}");
    // In sync while on the old image: that is a failure.
    let done = shop.report("S1", ordered.id, ReportStatus::Uploaded, Some("v0.9.0")).await;
    assert_eq!(done.state.status(), DeploymentStatus::Failed);
    let second = shop.deploy("S1", "v1.0.0").await.expect("ordered");
    assert_eq!(shop.serve("S1", true).await, Some(second.id));
    assert_eq!(
        shop.firmware.deployment(second.id).await.expect("it").state.status(),
        DeploymentStatus::Succeeded
    );
    let third = shop.deploy("S1", "v1.0.0").await.expect("ordered");
    assert!(shop.firmware.cancel_deployment(&by(), third.id).await.is_ok());
    assert_eq!(shop.serve("S1", true).await, None, "what was called off is not handed out");
    assert!(shop.firmware.cancel_deployment(&by(), third.id).await.is_err());
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_station_that_fails_again_and_again_is_left_alone_for_a_while() {
    let shop = open(PATIENCE).await;
    shop.upload("v1.0.0", b"one").await.expect("kept");
    shop.poll("S1").await;
    for _ in 0..5 {
        shop.deploy("S1", "v1.0.0").await.expect("ordered");
        shop.serve("S1", false).await.expect("work");
    }
    let snapshot = shop.firmware.breakers()[0].snapshot();
    assert_eq!((snapshot.name.as_str(), snapshot.state), ("firmware-S1", BreakerState::Open));
    let refused = shop.deploy("S1", "v1.0.0").await.expect_err("left alone");
    assert!(matches!(refused, FirmwareError::StationAway { .. }), "{refused}");
    let taken = async {
        loop {
            match shop.deploy("S1", "v1.0.0").await {
                Ok(deployment) => return deployment,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let probe = tokio::time::timeout(PATIENCE, taken).await.expect("after a pause");
    assert_eq!(shop.serve("S1", true).await, Some(probe.id));
    assert_eq!(shop.firmware.breakers()[0].snapshot().state, BreakerState::Closed);
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_never_heard_of_again_has_failed() {
    let shop = open(Duration::from_millis(10)).await;
    shop.upload("v1.0.0", b"one").await.expect("kept");
    shop.poll("S1").await;
    let waits = shop.deploy("S1", "v1.0.0").await.expect("ordered");
    shop.poll("S1").await;
    let failed = async {
        while shop.firmware.deployment(waits.id).await.expect("it").state.status() != DeploymentStatus::Failed
        {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, failed).await.expect("it is given up");
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_roll_out_goes_stage_by_stage_and_stops_when_too_many_fail() {
    let shop = open(PATIENCE).await;
    let version = shop.upload("v1.0.0", b"one").await.expect("kept");
    let names = ["S1", "S2", "S3", "S4", "S5"];
    for name in names {
        shop.poll(name).await;
    }
    let plan = |failures_max| NewRollout {
        firmware_id: version.id,
        stations: names.map(station).to_vec(),
        stage_size: 2,
        failures_max,
        requested_by: String::new(),
    };
    let one = shop.firmware.begin_rollout(&by(), plan(1)).await.expect("begun");
    let parts = shop.rollout_until(one.id, RolloutStatus::Completed, &["S3"]).await;
    assert_eq!(parts.len(), 5, "one failure was put up with");
    let two = shop.firmware.begin_rollout(&by(), plan(0)).await.expect("begun");
    let parts = shop.rollout_until(two.id, RolloutStatus::Stopped, &["S3"]).await;
    let reached: Vec<&str> = parts.iter().map(|part| part.order.station_id.as_str()).collect();
    assert_eq!(reached, ["S1", "S2", "S3", "S4"], "the fifth was never begun");
    assert!(shop.firmware.cancel_rollout(&by(), two.id).await.is_err(), "it has ended");
    let unknown = NewRollout { stations: vec![station("S9")], ..plan(0) };
    assert!(matches!(shop.firmware.begin_rollout(&by(), unknown).await, Err(FirmwareError::NoStation(_))));
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn people_hear_of_new_versions_and_of_stations_in_trouble() {
    let shop = open(PATIENCE).await;
    shop.upload("v1.0.0", b"one").await.expect("kept");
    shop.upload("v0.9.0", b"older").await.expect("kept");
    let full = Heartbeat { troubles: vec![AgentTrouble::DiskFull], ..Heartbeat::default() };
    for _ in 0..3 {
        shop.firmware.poll(&station("S1"), full.clone(), 86_400_000).await.expect("polled");
    }
    let query = nightshift_store::alerts::AlertQuery::default();
    let alerts =
        nightshift_store::alerts::alert_list(&shop.home.db, &query, nightshift_store::Slice::first(10));
    let mut subjects: Vec<String> =
        alerts.await.expect("alerts").items.into_iter().map(|alert| alert.alert.raise.subject).collect();
    subjects.sort();
    assert_eq!(
        subjects,
        ["firmware:WF/v1.0.0", "station:S1/disk_full"],
        "once each, and only for the newest"
    );
    let seen = shop.firmware.station(&station("S1")).await.expect("station");
    assert_eq!((seen.online, seen.station.clock_ahead_ms), (true, 86_400_000));
    assert!(shop.root.shutdown(PATIENCE).await.clean);
}
