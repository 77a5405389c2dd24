//! House-keeping: what the tree does becomes events, what is too old goes, and the account of readings must balance.

mod keeper;
mod watch;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use nightshift_kernel::{ChildSpec, SpawnError, Supervisor};

use crate::config::SystemConfig;
use crate::sensing::SensingShared;
use crate::writer::Writer;
use keeper::Keeper;
use watch::Watch;

/// How long one round of house-keeping may take without progress.
const KEEPER_BUDGET: Duration = Duration::from_secs(300);

/// The account of readings over all sensors, as last checked. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    unaccounted: Arc<AtomicI64>,
}

impl Ledger {
    /// Readings without an outcome at the last check; anything but 0 is a defect.
    pub(crate) fn unaccounted(&self) -> i64 {
        self.unaccounted.load(Ordering::Relaxed)
    }

    fn set(&self, unaccounted: i64) {
        self.unaccounted.store(unaccounted, Ordering::Relaxed);
        metrics::gauge!("nightshift_sensing_unaccounted_readings").set(unaccounted as f64);
    }
}

/// Declares the house-keeping actors under `house`, watching the tree below `root`.
pub(crate) fn spawn(
    house: &Supervisor,
    root: &Supervisor,
    config: SystemConfig,
    writer: Writer,
    sensing: &Arc<SensingShared>,
) -> Result<Ledger, SpawnError> {
    let (tree, for_watch) = (root.clone(), writer);
    house.spawn(ChildSpec::new("watch"), move || Watch::new(tree.clone(), for_watch.clone()))?;
    let ledger = Ledger::default();
    let (shown, shared) = (ledger.clone(), Arc::clone(sensing));
    let keeper = ChildSpec::new("keeper").budget(KEEPER_BUDGET);
    house.spawn(keeper, move || Keeper::new(config.clone(), Arc::clone(&shared), shown.clone()))?;
    Ok(ledger)
}
