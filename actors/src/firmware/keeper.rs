//! The firmware's keeper: takes away objects that no version names, and counts stations that are away.
//!
//! Owned by `production`. An object is stored before its row and removed after it, so that a row never names what is not
//! there; a kill in between leaves an object that belongs to nothing. It is removed once it is so old that no row can
//! come any more. Takes only its own ticks; a look that fails is the next look's work.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::firmware::FirmwareId;
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::blobs::{BlobKey, Swept};
use nightshift_store::{StoreError, firmware as store};

use super::Shared;
use super::error::FirmwareError;

/// Time between two looks at the stations.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Looks between two sweeps of the object store.
const SWEEP_EVERY: u64 = 60;
/// Age from which an object that no version names belongs to nothing: an upload and its row take minutes at most.
pub(super) const SAFE_AGE: Duration = Duration::from_secs(24 * 3_600);
/// For how long a station that is not heard of any more counts as away; then it is gone.
const AWAY_COUNTED: Duration = Duration::from_secs(7 * 86_400);
/// Versions read at once.
const VERSIONS_PAGE: u32 = 1_000;
/// How long a sweep may take; a bucket may be slow.
const SWEEP_DEADLINE: Duration = Duration::from_secs(240);

/// What the keeper takes.
pub(super) enum KeeperMessage {
    /// Look now.
    Look,
}

/// The actor.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    looks: u64,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, looks: 0 }
    }

    async fn look(&mut self) {
        if let Err(error) = self.count_away().await {
            tracing::warn!(error = %error, "the stations that are away could not be counted");
        }
        self.looks += 1;
        if !self.looks.is_multiple_of(SWEEP_EVERY) {
            return;
        }
        match tokio::time::timeout(SWEEP_DEADLINE, sweep(&self.shared, self.shared.now())).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(error = %error, "the object store could not be swept"),
            Err(_) => tracing::warn!("sweeping the object store takes too long; the next sweep goes on"),
        }
    }

    async fn count_away(&self) -> Result<(), StoreError> {
        let now = self.shared.now();
        let until = now - self.shared.config.station_away;
        let away = store::stations_silent(&self.shared.db, now - AWAY_COUNTED, until).await?;
        metrics::gauge!("nightshift_firmware_stations_away").set(away as f64);
        Ok(())
    }
}

/// Removes the objects of firmware that no version names, as of `now`.
pub(super) async fn sweep(shared: &Shared, now: Timestamp) -> Result<Swept, FirmwareError> {
    let prefix = BlobKey::new(super::images::FOLDER).expect("the folder's name is a key");
    let known = known_keys(shared).await?;
    let swept = shared.blobs.sweep(&prefix, now - SAFE_AGE, |key| known.contains(key.as_str())).await?;
    metrics::counter!("nightshift_firmware_orphans_removed_total").increment(swept.removed);
    metrics::gauge!("nightshift_firmware_orphan_objects").set(swept.left as f64);
    if swept.removed > 0 {
        tracing::info!(removed = swept.removed, "objects that no firmware version names were removed");
    }
    if swept.left > 0 {
        let (objects, left) = (swept.objects, swept.left);
        tracing::warn!(
            objects,
            left,
            "objects that no firmware version names are left: is this their database?"
        );
    }
    Ok(swept)
}

/// The keys that versions name.
async fn known_keys(shared: &Shared) -> Result<HashSet<String>, StoreError> {
    let (mut known, mut after) = (HashSet::new(), FirmwareId(0));
    loop {
        let page = store::firmware_keys(&shared.db, after, VERSIONS_PAGE).await?;
        let Some((last, _)) = page.last() else { return Ok(known) };
        after = *last;
        known.extend(page.into_iter().map(|(_, key)| key));
    }
}

impl Actor for Keeper {
    type Message = KeeperMessage;

    async fn start(&mut self, ctx: &Context<KeeperMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || KeeperMessage::Look)
    }

    async fn handle(
        &mut self,
        _: &Context<KeeperMessage>,
        KeeperMessage::Look: KeeperMessage,
    ) -> Result<(), Fault> {
        self.look().await;
        Ok(())
    }
}
