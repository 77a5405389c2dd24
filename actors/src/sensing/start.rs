//! Starting the sensing domain: every registered sensor gets its actor, and its window if a checkpoint holds it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::sensing::{History, Sensor, SensorKey};
use nightshift_kernel::{
    Backoff, Breaker, BreakerView, ChildSpec, Mailbox, Policy, SpawnError, StopOrder, Supervisor,
};
use nightshift_store::{StoreError, sensing as store};
use tokio::sync::Mutex;

use super::Sensing;
use super::calibrate::{Calibrator, Usuals};
use super::error::SensingError;
use super::freshness::Newest;
use super::oden::OdenClient;
use super::schedule::Scheduler;
use super::sensor::{Preload, SensorActor, SensorMessage, budget};
use super::shadow::Shadow;
use super::shared::{Registration, Seat, Shared};
use super::vendor::{Vendor, VendorMessage, breaker_config};
use crate::config::OdenConfig;
use crate::plant::StartError;

/// Messages that may wait for one sensor. Its senders wait in turn, up to their deadline.
const SENSOR_MAILBOX: u32 = 64;
/// First pause before a crashed sensor lives again: its window is needed at once.
const SENSOR_RESTART_FIRST: Duration = Duration::from_millis(2);
/// Questions that may wait for the vendor, which serves one at a time.
const VENDOR_MAILBOX: u32 = 64;
/// How long one sensor's calibration may take, scoring at the slowest.
const CALIBRATOR_BUDGET: Duration = Duration::from_secs(120);
/// How long a page of windows may take the shadow, each waiting for what others leave.
const SHADOW_BUDGET: Duration = Duration::from_secs(120);
/// Checkpoints read from the store at once at the start.
const PRELOAD_PAGE: u32 = 4_096;

/// Declares the domain under `plant` and starts a sensor for every registration.
pub(crate) async fn spawn(plant: &Supervisor, shared: Arc<Shared>) -> Result<Sensing, StartError> {
    let domain = plant.supervisor("sensing", Policy::default())?;
    let together = Policy { stop_order: StopOrder::Together, ..Policy::default() };
    let sensors = domain.supervisor("sensor", together)?;
    seat_all(&shared, &sensors).await?;
    let vendor = spawn_vendor(&domain, &shared).await?;
    let for_calibrator = Arc::clone(&shared);
    domain.spawn(
        ChildSpec::new("calibrator").mailbox(Mailbox::wait(4)).budget(CALIBRATOR_BUDGET),
        move || Calibrator::new(Arc::clone(&for_calibrator)),
    )?;
    let for_shadow = Arc::clone(&shared);
    domain.spawn(ChildSpec::new("shadow").mailbox(Mailbox::wait(4)).budget(SHADOW_BUDGET), move || {
        Shadow::new(Arc::clone(&for_shadow))
    })?;
    let for_schedule = Arc::clone(&shared);
    let schedule = domain.spawn(ChildSpec::new("schedule").mailbox(Mailbox::wait(16)), move || {
        Scheduler::new(Arc::clone(&for_schedule))
    })?;
    Ok(Sensing { shared, supervisor: sensors, schedule, vendor })
}

async fn spawn_vendor(
    domain: &Supervisor,
    shared: &Arc<Shared>,
) -> Result<Option<(nightshift_kernel::Address<VendorMessage>, BreakerView)>, StartError> {
    let Some(config) = shared.config.oden.clone() else { return Ok(None) };
    let client = OdenClient::new(config.clone()).map_err(StartError::Vendor)?;
    let breaker = Breaker::new("vendor-oden", breaker_config(), shared.clock.clone());
    let (view, breaker) = (breaker.view(), Arc::new(Mutex::new(breaker)));
    let vendors = domain.supervisor("vendor", Policy::default())?;
    let spec = ChildSpec::new("oden")
        .mailbox(Mailbox::reject(VENDOR_MAILBOX))
        .budget(vendor_budget(&config, shared));
    let for_vendor = Arc::clone(shared);
    let make = move || Vendor::new(Arc::clone(&for_vendor), &config, client.clone(), Arc::clone(&breaker));
    Ok(Some((vendors.spawn(spec, make)?, view)))
}

/// How long the vendor's handler may go without progress: one read, and the push of what it brought.
fn vendor_budget(config: &OdenConfig, shared: &Shared) -> Duration {
    config.timeout * 4 + shared.config.push_deadline
}

async fn seat_all(shared: &Arc<Shared>, sensors: &Supervisor) -> Result<(), StartError> {
    let mut seats = BTreeMap::new();
    for sensor in store::sensor_all(&shared.db).await? {
        let seat = seat(shared, sensors, sensor)?;
        seats.insert(seat.key, seat);
    }
    preload(shared, &seats).await?;
    Ok(())
}

/// Hands every sensor whose checkpoint is up to date its window; the others read the store with their first message.
async fn preload(shared: &Shared, seats: &BTreeMap<SensorKey, Seat>) -> Result<(), StoreError> {
    let accounts = store::account_all(&shared.db).await?;
    let accounts: BTreeMap<SensorKey, _> =
        accounts.into_iter().map(|(key, account, _)| (key, account)).collect();
    let mut calibrations: BTreeMap<SensorKey, Vec<_>> = BTreeMap::new();
    for stored in store::calibrations_all(&shared.db).await? {
        calibrations.entry(stored.sensor_key).or_default().push(stored);
    }
    let mut after = SensorKey(0);
    loop {
        let page = store::windows_load(&shared.db, after, PRELOAD_PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.sensor_key;
        for checkpoint in page {
            let key = checkpoint.sensor_key;
            let history = History::from_bytes(&checkpoint.data);
            let (Some(seat), Some(history), Some(account)) = (seats.get(&key), history, accounts.get(&key))
            else {
                continue;
            };
            let usual: Usuals = calibrations.remove(&key).into_iter().flatten().collect();
            let preload = Preload { history, account: *account, usual };
            // An actor that cannot take it now reads the store with its first message instead.
            let _ = seat.address.try_send(SensorMessage::Preload(Box::new(preload)));
        }
    }
}

/// The name of a sensor's actor. The key, not the id: an id that is used again is another actor.
pub(super) fn child_name(key: SensorKey) -> String {
    key.0.to_string()
}

/// Starts a sensor's actor and gives it a seat.
pub(super) fn seat(
    shared: &Arc<Shared>,
    sensors: &Supervisor,
    sensor: Sensor,
) -> Result<Seat, SpawnOrSensing> {
    let (key, id) = (sensor.key, sensor.spec.sensor_id.clone());
    let registration = Registration::new(sensor);
    let spec = ChildSpec::new(child_name(key))
        .mailbox(Mailbox::wait(SENSOR_MAILBOX))
        .budget(budget(shared.config.push_deadline))
        .backoff(Backoff { first: SENSOR_RESTART_FIRST, max: Duration::from_secs(30) });
    let newest = Newest::default();
    let (own, known_as, seen) = (Arc::clone(shared), registration.clone(), newest.clone());
    let make = move || SensorActor::new(Arc::clone(&own), known_as.clone(), seen.clone());
    let seat = Seat { key, address: sensors.spawn(spec, make)?, registration, newest };
    shared.roster.put(id, seat.clone());
    Ok(seat)
}

/// A seat could not be given.
#[derive(Debug, thiserror::Error)]
#[error("the sensor's actor could not be started")]
pub(super) struct SpawnOrSensing(#[from] SpawnError);

impl From<SpawnOrSensing> for SensingError {
    fn from(error: SpawnOrSensing) -> Self {
        Self::Failed(format!("{error}: {}", error.0))
    }
}

impl From<SpawnOrSensing> for StartError {
    fn from(error: SpawnOrSensing) -> Self {
        Self::Spawn(error.0)
    }
}
