//! Starting the fleet: every known vehicle gets its seat and its actor, every map its dispatcher.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::wire::Secret;
use nightshift_domain::fleet::{CaptureRule, FreshnessRule, Kind};
use nightshift_kernel::{Backoff, ChildSpec, Clock, Mailbox, Policy, SpawnError, StopOrder, Supervisor};
use nightshift_store::{Db, StoreError, fleet as store};
use secrecy::ExposeSecret;

use super::dispatcher::{Dispatcher, DispatcherMessage};
use super::fanout::Fanout;
use super::registry::{Registry, seat};
use super::roster::View;
use super::shared::Shared;
use super::trail::Carrier;
use super::{Fleet, Running, maps};
use crate::config::FleetConfig;
use crate::writer::Writer;

/// Registrations and changes that may wait; more are refused at once.
const REGISTRY_MAILBOX: u32 = 4_096;
/// Runners that may wait for one map's dispatcher.
const DISPATCHER_MAILBOX: u32 = 1_024;
/// How long one plan may take: the search has a limit of its own, far below.
const PLAN_BUDGET: Duration = Duration::from_secs(30);
/// How long retention may go on without progress.
const CARRIER_BUDGET: Duration = Duration::from_secs(120);

/// Why the domain does not run while the rest of the plant does, or why nothing does.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FleetStartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Spawn(#[from] SpawnError),
}

/// Declares the domain under `plant`. Without a secret, or with maps that are none, it does not run, says why, and lets the rest
/// of the plant run on.
pub(crate) async fn spawn(
    plant: &Supervisor,
    config: FleetConfig,
    (db, writer, clock): (Db, Writer, Clock),
) -> Result<Fleet, FleetStartError> {
    let given = config.secret.as_ref().map_or("", |secret| secret.expose_secret());
    let secret = match Secret::new(given) {
        Ok(secret) => secret,
        Err(error) => {
            tracing::warn!(
                "{error}; set fleet.secret, fleet.secret_file or HMAC_SECRET_KEY. The rest of the plant runs"
            );
            return Ok(Fleet::off(&error.to_string(), false));
        }
    };
    let folder = config.maps_dir.clone();
    let loaded = tokio::task::spawn_blocking(move || maps::load(folder.as_deref())).await;
    let maps = match loaded.unwrap_or_else(|error| Err(error.to_string())) {
        Ok(maps) => maps,
        Err(reason) => {
            tracing::error!(
                reason,
                "fleet.maps_dir: a map cannot be used; the fleet does not start, the rest of the plant runs"
            );
            return Ok(Fleet::off(&format!("a map cannot be used: {reason}"), true));
        }
    };
    if let Some(unknown) = config.maps_named().find(|map| !maps.contains_key(map)) {
        let reason = format!("fleet.map_id or fleet.vehicle_maps names map {unknown}, which does not exist");
        tracing::error!(reason, "the fleet does not start, the rest of the plant runs");
        return Ok(Fleet::off(&reason, true));
    }
    let freshness = FreshnessRule { stale_after: config.stale_after, offline_after: config.offline_after };
    // The configuration was checked.
    let capture = config.capture_radius_m.and_then(|radius| CaptureRule::new(radius).ok());
    let shared = Arc::new(Shared {
        started_at: Timestamp::from_us(clock.now_us()),
        key: secret.shared(),
        secret,
        freshness,
        capture,
        maps,
        roster: Default::default(),
        speakers: Default::default(),
        board: Default::default(),
        air: Default::default(),
        trail: Default::default(),
        plans: RwLock::default(),
        dispatchers: RwLock::default(),
        db,
        writer,
        clock,
        config,
    });
    shared.speakers.load(&shared.secret, store::guards_all(&shared.db).await?);
    running(plant, shared).await
}

async fn running(plant: &Supervisor, shared: Arc<Shared>) -> Result<Fleet, FleetStartError> {
    let domain = plant.supervisor("fleet", Policy::default())?;
    // First to start, last to stop: what the others leave is carried away.
    let own = Arc::clone(&shared);
    let spec = ChildSpec::new("carrier").mailbox(Mailbox::wait(4)).budget(CARRIER_BUDGET);
    domain.spawn(spec, move || Carrier::new(Arc::clone(&own)))?;
    let quick = Backoff { first: Duration::from_millis(20), max: Duration::from_secs(30) };
    let own = Arc::clone(&shared);
    let spec = ChildSpec::new("fanout").mailbox(Mailbox::wait(4)).backoff(quick);
    domain.spawn(spec, move || Fanout::new(Arc::clone(&own)))?;

    let mut dispatchers = BTreeMap::new();
    let planners = domain.supervisor("dispatcher", Policy::default())?;
    for (id, map) in &shared.maps {
        let (own, map) = (Arc::clone(&shared), Arc::clone(map));
        let spec = ChildSpec::new(id.to_string())
            .mailbox(Mailbox::latest(DISPATCHER_MAILBOX, DispatcherMessage::key))
            .budget(PLAN_BUDGET)
            .backoff(quick);
        dispatchers
            .insert(*id, planners.spawn(spec, move || Dispatcher::new(Arc::clone(&own), Arc::clone(&map)))?);
    }
    *shared.dispatchers.write().unwrap_or_else(std::sync::PoisonError::into_inner) = dispatchers;

    let together = Policy { stop_order: StopOrder::Together, ..Policy::default() };
    let vehicles = domain.supervisor("vehicle", together)?;
    for vehicle in store::vehicle_all(&shared.db).await? {
        let chase = match vehicle.side.kind() {
            Kind::Runner => store::chase_of(&shared.db, vehicle.id).await?,
            Kind::Police => None,
        };
        seat(&shared, &vehicles, View { vehicle, chase })?;
    }
    let own = Arc::clone(&shared);
    let spec = ChildSpec::new("registry")
        .mailbox(Mailbox::reject(REGISTRY_MAILBOX))
        .budget(shared.config.command_deadline * 2)
        .backoff(quick);
    let registry = domain.spawn(spec, move || Registry::new(Arc::clone(&own), vehicles.clone()))?;
    Ok(Fleet::on(Running { shared, registry }))
}
