//! Firmware: the door to versions, stations, deployments and roll-outs.

mod error;
mod images;
mod keeper;
mod rollout;
mod station;
mod stations;

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::firmware::StationId;
use nightshift_kernel::{Address, BreakerView, ChildSpec, Clock, Mailbox, Policy, StopOrder, Supervisor};
use nightshift_store::Db;
use nightshift_store::blobs::{BlobError, Blobs};

pub use error::FirmwareError;
pub use images::{Incoming, Upload};
pub use station::{AgentWork, Wanted};
pub use stations::StationView;

use crate::config::FirmwareConfig;
use crate::plant::StartError;
use crate::writer::Writer;
use keeper::Keeper;
use rollout::{RolloutActor, RolloutMessage};
use station::StationMessage;

/// How long a change may wait for its commit.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// How long one look at the roll-outs may take without progress.
const LOOK_BUDGET: Duration = Duration::from_secs(60);
/// How long one look of the keeper may take without progress.
const KEEPER_BUDGET: Duration = Duration::from_secs(300);

/// The door to firmware. Cheap to clone.
#[derive(Clone)]
pub struct Firmware {
    shared: Arc<Shared>,
    /// Keeps the actors of stations.
    stations: Supervisor,
}

/// What every part of firmware works with.
pub(crate) struct Shared {
    db: Db,
    writer: Writer,
    clock: Clock,
    blobs: Blobs,
    config: FirmwareConfig,
    seats: RwLock<BTreeMap<StationId, Seat>>,
    rollouts: RwLock<Option<Address<RolloutMessage>>>,
    /// Held while actors are started.
    changing: tokio::sync::Mutex<()>,
}

/// A station's place in the plant.
#[derive(Clone)]
struct Seat {
    address: Address<StationMessage>,
    breaker: BreakerView,
}

/// Declares the domain under `production`.
pub(crate) async fn spawn(
    production: &Supervisor,
    config: FirmwareConfig,
    blobs: Blobs,
    (db, writer, clock): (Db, Writer, Clock),
) -> Result<Firmware, StartError> {
    let together = Policy { stop_order: StopOrder::Together, ..Policy::default() };
    let stations = production.supervisor("firmware", together)?;
    let shared = Arc::new(Shared {
        db,
        writer,
        clock,
        blobs,
        config,
        seats: RwLock::default(),
        rollouts: RwLock::default(),
        changing: tokio::sync::Mutex::default(),
    });
    let firmware = Firmware { shared: Arc::clone(&shared), stations };
    firmware.settle().await.map_err(|e| StartError::Production(e.to_string()))?;
    let spec = ChildSpec::new("rollout").mailbox(Mailbox::wait(16)).budget(LOOK_BUDGET);
    let own = Arc::clone(&shared);
    let address = production.spawn(spec, move || RolloutActor::new(Arc::clone(&own)))?;
    *shared.rollouts.write().unwrap_or_else(PoisonError::into_inner) = Some(address);
    let spec = ChildSpec::new("firmware-keeper").budget(KEEPER_BUDGET);
    let own = Arc::clone(&shared);
    production.spawn(spec, move || Keeper::new(Arc::clone(&own)))?;
    Ok(firmware)
}

impl Firmware {
    pub(crate) fn breakers(&self) -> Vec<BreakerView> {
        let seats = self.shared.seats.read().unwrap_or_else(PoisonError::into_inner);
        seats.values().map(|seat| seat.breaker.clone()).collect()
    }
}

impl Shared {
    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }

    /// A failure of the object store, of which people hear.
    fn storage_failed(&self, error: BlobError) -> FirmwareError {
        crate::storage::tell(&self.writer, &error, self.now());
        error.into()
    }

    fn seat(&self, id: &StationId) -> Option<Seat> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// Tells the roll-outs that something has ended. They look by themselves too.
    fn ring_rollouts(&self) {
        let address = self.rollouts.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(address) = address {
            let _ = address.try_send(RolloutMessage::Look);
        }
    }
}
