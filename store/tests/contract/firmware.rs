//! Firmware: versions, stations, deployments, roll-outs.

use nightshift_domain::firmware::{
    AgentTrouble, DeploymentState, DeploymentStatus, Digests, FirmwareId, FirmwareVersion, Heartbeat,
    NewDeployment, NewFirmware, NewRollout, RolloutState, StationId,
};
use nightshift_domain::production::ProductModelId;
use nightshift_store::firmware::*;
use nightshift_store::production::product_model_insert;
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, Slice, StoreError};

use crate::production::{model_spec, unit};
use crate::{NOW, s};

nightshift_store::on_both_engines!(
    the_latest_version_is_the_highest,
    a_version_is_immutable_even_when_it_was_removed,
    what_is_in_use_stays,
    the_objects_of_versions_are_known,
    stations_are_as_they_said_last,
    deployments_move,
    rollouts_are_kept,
);

const ALL: Slice = Slice { skip: 0, limit: 100 };

fn v(text: &str) -> FirmwareVersion {
    text.parse().unwrap()
}

fn station(text: &str) -> StationId {
    text.parse().unwrap()
}

async fn model(db: &Db, code: &str) -> ProductModelId {
    unit(db, async |tx| product_model_insert(tx, &model_spec(code), NOW).await).await.id
}

fn image(model: ProductModelId, version: &str, bytes: &[u8]) -> NewFirmware {
    NewFirmware {
        product_model_id: model,
        version: v(version),
        filename: format!("firmware_{version}.bin"),
        digests: Digests::of(bytes),
        blob_key: format!("firmware/{model}/{version}"),
        notes: Some("수정 😀".to_owned()),
        uploaded_by: "user 1".to_owned(),
    }
}

async fn upload(db: &Db, image: &NewFirmware) -> FirmwareId {
    unit(db, async |tx| firmware_insert(tx, image, NOW).await).await
}

async fn the_latest_version_is_the_highest(home: &TestDb) {
    let db = &home.db;
    let (a, b) = (model(db, "A").await, model(db, "B").await);
    for version in ["v1.9.9", "v1.10.0", "v1.2.30"] {
        upload(db, &image(a, version, version.as_bytes())).await;
    }
    let other = upload(db, &image(b, "v1.9.9", b"b")).await;
    let latest = firmware_latest(db, Some(a)).await.unwrap().unwrap();
    assert_eq!((latest.image.clone(), latest.model_code.as_str()), (image(a, "v1.10.0", b"v1.10.0"), "A"));
    assert_eq!(firmware_latest(db, None).await.unwrap().map(|f| f.id), Some(other), "that uploaded last");
    assert_eq!(unit(db, async |tx| firmware_read_latest(tx, a).await).await, Some(latest.clone()));
    assert_eq!(firmware_find(db, latest.id).await.unwrap(), Some(latest));
    assert_eq!(firmware_find_version(db, v("v1.9.9"), None).await.unwrap().len(), 2);
    assert_eq!(firmware_find_version(db, v("v1.9.9"), Some(b)).await.unwrap()[0].id, other);
    let listed = firmware_list(db, &FirmwareQuery { product_model_id: Some(a) }, ALL).await.unwrap();
    let versions: Vec<String> = listed.items.iter().map(|f| f.image.version.to_string()).collect();
    assert_eq!((versions, listed.total), (vec!["v1.10.0".into(), "v1.9.9".into(), "v1.2.30".into()], 3));
    assert_eq!(firmware_latest(db, Some(ProductModelId(4_711))).await.unwrap(), None);
}

async fn a_version_is_immutable_even_when_it_was_removed(home: &TestDb) {
    let db = &home.db;
    let a = model(db, "A").await;
    let id = upload(db, &image(a, "v1.0.0", b"one")).await;
    let refused = async |bytes: &[u8]| {
        let mut tx = db.begin().await.unwrap();
        firmware_insert(&mut tx, &image(a, "v1.0.0", bytes), s(1)).await.expect_err("refused").to_string()
    };
    assert!(refused(b"two").await.contains("other bytes"));
    assert!(!refused(b"one").await.contains("other bytes"));
    let firmware = firmware_find(db, id).await.unwrap().unwrap();
    unit(db, async |tx| firmware_remove(tx, &firmware, s(2)).await).await;
    assert_eq!(firmware_find(db, id).await.unwrap(), None);
    assert_eq!(firmware_latest(db, Some(a)).await.unwrap(), None);
    let removed = unit(db, async |tx| firmware_read(tx, id).await).await.unwrap();
    assert_eq!(removed.removed_at, Some(s(2)));
    assert!(refused(b"two").await.contains("other bytes"), "its number means these bytes for ever");
    assert_eq!(upload(db, &image(a, "v1.0.0", b"one")).await, id, "the same bytes are there again");
    let mut tx = db.begin().await.unwrap();
    firmware_remove(&mut tx, &firmware, s(3)).await.unwrap();
    let again = firmware_remove(&mut tx, &firmware, s(3)).await;
    assert!(matches!(again, Err(StoreError::Missing { .. })), "{again:?}");
}

fn order(firmware_id: FirmwareId, to: &str) -> NewDeployment {
    NewDeployment {
        firmware_id,
        station_id: station(to),
        serial_number: Some("WF-KR-251110D-001-0001".to_owned()),
        rollout_id: None,
        requested_by: "user 1".to_owned(),
    }
}

async fn what_is_in_use_stays(home: &TestDb) {
    let db = &home.db;
    let a = model(db, "A").await;
    let id = upload(db, &image(a, "v1.0.0", b"one")).await;
    let firmware = firmware_find(db, id).await.unwrap().unwrap();
    let removal = async || {
        let mut tx = db.begin().await.unwrap();
        firmware_remove(&mut tx, &firmware, NOW).await
    };
    let mut deployment =
        unit(db, async |tx| deployment_insert(tx, order(id, "S1"), v("v1.0.0"), NOW).await).await;
    assert!(matches!(removal().await, Err(StoreError::InUse { .. })), "it is on its way");
    deployment.state = DeploymentState::Succeeded { at: s(1) };
    let beat = Heartbeat { running_version: Some(v("v1.0.0")), ..Heartbeat::default() };
    unit(db, async |tx| {
        deployment_save(tx, &deployment, DeploymentStatus::Waiting).await?;
        station_save(tx, &station("S1"), &beat, 0, NOW).await
    })
    .await;
    assert!(matches!(removal().await, Err(StoreError::InUse { .. })), "it runs");
    unit(db, async |tx| station_save(tx, &station("S1"), &Heartbeat::default(), 0, s(2)).await).await;
    let plan = NewRollout {
        firmware_id: id,
        stations: vec![station("S1")],
        stage_size: 1,
        failures_max: 0,
        requested_by: "user 1".to_owned(),
    };
    let mut rollout = unit(db, async |tx| rollout_insert(tx, plan, NOW).await).await;
    assert!(matches!(removal().await, Err(StoreError::InUse { .. })), "it is being rolled out");
    rollout.state = RolloutState::Cancelled { at: s(3) };
    unit(db, async |tx| rollout_save(tx, &rollout).await).await;
    removal().await.expect("nothing needs it");
}

async fn the_objects_of_versions_are_known(home: &TestDb) {
    let db = &home.db;
    let a = model(db, "A").await;
    let mut ids = Vec::new();
    for version in ["v1.0.0", "v1.1.0", "v1.2.0"] {
        ids.push(upload(db, &image(a, version, version.as_bytes())).await);
    }
    let gone = firmware_find(db, ids[1]).await.unwrap().unwrap();
    unit(db, async |tx| firmware_remove(tx, &gone, NOW).await).await;
    let key = |n: usize, version: &str| (ids[n], format!("firmware/{a}/{version}"));
    let both = [key(0, "v1.0.0"), key(2, "v1.2.0")];
    assert_eq!(firmware_keys(db, FirmwareId(0), 10).await.unwrap(), both);
    assert_eq!(firmware_keys(db, FirmwareId(0), 1).await.unwrap(), both[..1]);
    assert_eq!(firmware_keys(db, ids[0], 10).await.unwrap(), both[1..]);
    assert!(firmware_keys(db, ids[2], 10).await.unwrap().is_empty());
}

async fn stations_are_as_they_said_last(home: &TestDb) {
    let db = &home.db;
    let beat = Heartbeat {
        agent_version: "0.1.0".to_owned(),
        pending: 3,
        troubles: vec![AgentTrouble::DiskFull, AgentTrouble::ClockOff],
        running_version: Some(v("v1.2.3")),
        ..Heartbeat::default()
    };
    unit(db, async |tx| {
        station_save(tx, &station("S1"), &Heartbeat::default(), 5, NOW).await?;
        station_save(tx, &station("S2"), &Heartbeat::default(), 5, NOW).await?;
        station_save(tx, &station("S1"), &beat, -86_400_000, s(9)).await
    })
    .await;
    let found = station_find(db, &station("S1")).await.unwrap().unwrap();
    assert_eq!((&found.heartbeat, found.clock_ahead_ms), (&beat, -86_400_000));
    assert_eq!((found.created_at, found.seen_at), (NOW, s(9)));
    assert_eq!(unit(db, async |tx| station_read(tx, &station("S1")).await).await, Some(found));
    assert_eq!(station_find(db, &station("S3")).await.unwrap(), None);
    assert_eq!(station_list(db, ALL).await.unwrap().total, 2);
    // S2 was last heard of at 0 s, S1 at 9 s.
    for (since, until, silent) in [(NOW, s(9), 1), (NOW, s(10), 2), (s(1), s(9), 0), (s(1), s(10), 1)] {
        assert_eq!(stations_silent(db, since, until).await.unwrap(), silent, "{since} to {until}");
    }
}

async fn deployments_move(home: &TestDb) {
    let db = &home.db;
    let a = model(db, "A").await;
    let id = upload(db, &image(a, "v1.0.0", b"one")).await;
    let mut first = unit(db, async |tx| {
        deployment_insert(tx, order(id, "S2"), v("v1.0.0"), NOW).await?;
        deployment_insert(tx, order(id, "S1"), v("v1.0.0"), NOW).await
    })
    .await;
    assert_eq!(deployments_open_of(db, &station("S1"), 10).await.unwrap(), [first.clone()]);
    assert_eq!(deployments_open(db, 10).await.unwrap().len(), 2);
    let states = [
        DeploymentState::Offered,
        DeploymentState::Ready,
        DeploymentState::Uploading,
        DeploymentState::Failed { at: s(5), reason: "안 됨 / did not".to_owned() },
    ];
    for (seconds, state) in (2..).zip(states) {
        let from = first.state.status();
        (first.state, first.updated_at) = (state, s(seconds));
        assert!(unit(db, async |tx| deployment_save(tx, &first, from).await).await);
        assert!(!unit(db, async |tx| deployment_save(tx, &first, from).await).await);
        assert_eq!(deployment_find(db, first.id).await.unwrap().as_ref(), Some(&first));
    }
    assert!(deployments_open_of(db, &station("S1"), 10).await.unwrap().is_empty());
    let list = async |query: DeploymentQuery| deployment_list(db, &query, ALL).await.unwrap().total;
    assert_eq!(list(DeploymentQuery::default()).await, 2);
    assert_eq!(
        list(DeploymentQuery { status: Some(DeploymentStatus::Failed), ..Default::default() }).await,
        1
    );
    assert_eq!(list(DeploymentQuery { station_id: Some(station("S9")), ..Default::default() }).await, 0);
    let serial = Some("WF-KR-251110D-001-0001".to_owned());
    assert_eq!(list(DeploymentQuery { serial_number: serial, ..Default::default() }).await, 2);
}

async fn rollouts_are_kept(home: &TestDb) {
    let db = &home.db;
    let a = model(db, "A").await;
    let id = upload(db, &image(a, "v1.0.0", b"one")).await;
    let plan = NewRollout {
        firmware_id: id,
        stations: ["S2", "S1"].map(station).to_vec(),
        stage_size: 1,
        failures_max: 2,
        requested_by: "user 1".to_owned(),
    };
    let mut rollout = unit(db, async |tx| rollout_insert(tx, plan, NOW).await).await;
    let part = NewDeployment { rollout_id: Some(rollout.id), serial_number: None, ..order(id, "S2") };
    let part = unit(db, async |tx| deployment_insert(tx, part, v("v1.0.0"), NOW).await).await;
    assert_eq!(unit(db, async |tx| deployments_of_rollout(tx, rollout.id).await).await, [part]);
    assert_eq!(rollouts_running(db, 10).await.unwrap(), [rollout.clone()]);
    rollout.state = RolloutState::Stopped { at: s(3), reason: "3 of 4".to_owned() };
    assert!(unit(db, async |tx| rollout_save(tx, &rollout).await).await);
    assert!(!unit(db, async |tx| rollout_save(tx, &rollout).await).await, "it has ended");
    assert_eq!(rollout_find(db, rollout.id).await.unwrap(), Some(rollout.clone()));
    assert_eq!(unit(db, async |tx| rollout_read(tx, rollout.id).await).await, Some(rollout));
    assert!(rollouts_running(db, 10).await.unwrap().is_empty());
    assert_eq!(rollout_list(db, ALL).await.unwrap().total, 1);
}
