//! House-keeping: what the tree does becomes events, what is too old goes, the accounts of what was taken must balance, the
//! machine is measured, and, where it is wanted, the plant practises to recover.

mod astray;
mod drill;
mod host;
mod house;
mod keeper;
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nightshift_kernel::{ChildSpec, Random, SpawnError, Supervisor};

use crate::config::SystemConfig;
use crate::sensing::SensingShared;
use crate::writer::Writer;
use drill::{Drill, Ground};
use host::Host;
pub(crate) use host::HostView;
pub use house::{House, HouseError, HouseView, RecoveriesView};
use keeper::Keeper;
use watch::Watch;

/// How long one round of house-keeping may take without progress.
const KEEPER_BUDGET: Duration = Duration::from_secs(300);

/// What each domain took and cannot say the outcome of, as last checked: readings, completions, print jobs, texts, records.
/// Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger {
    unaccounted: Arc<Mutex<BTreeMap<&'static str, i64>>>,
}

impl Ledger {
    /// The domains that miss something, and how much; anything but nothing is a defect.
    pub(crate) fn unaccounted(&self) -> Vec<(&'static str, i64)> {
        let unaccounted = self.unaccounted.lock().unwrap_or_else(PoisonError::into_inner);
        unaccounted.iter().filter(|(_, n)| **n != 0).map(|(domain, n)| (*domain, *n)).collect()
    }

    fn set(&self, domain: &'static str, unaccounted: i64) {
        self.unaccounted.lock().unwrap_or_else(PoisonError::into_inner).insert(domain, unaccounted);
        metrics::gauge!("nightshift_unaccounted", "domain" => domain).set(unaccounted as f64);
        if domain == "sensing" {
            metrics::gauge!("nightshift_sensing_unaccounted_readings").set(unaccounted as f64);
        }
    }
}

/// Declares the house-keeping actors under `house`, watching the tree below `root`.
pub(crate) fn spawn(
    house: &Supervisor,
    root: &Supervisor,
    door: &House,
    config: SystemConfig,
    writer: Writer,
    sensing: &Arc<SensingShared>,
) -> Result<(Ledger, HostView), SpawnError> {
    let (tree, door, journal) = (root.clone(), door.clone(), (sensing.db.clone(), sensing.hub.clone()));
    let told = writer.clone();
    let watch = move || Watch::new(tree.clone(), door.clone(), writer.clone(), journal.clone());
    house.spawn(ChildSpec::new("watch"), watch)?;
    let view = HostView::new(config.disk_free_min_bytes);
    let (data_dir, seen) = (config.data_dir.clone(), view.clone());
    house.spawn(ChildSpec::new("host"), move || Host::new(data_dir.clone(), seen.clone(), told.clone()))?;
    let ledger = Ledger::default();
    let (shown, shared) = (ledger.clone(), Arc::clone(sensing));
    if let Some(plan) = config.drills {
        let ground = Ground {
            tree: root.clone(),
            db: sensing.db.clone(),
            writer: sensing.writer.clone(),
            calendar: sensing.calendar.clone(),
            random: Random::unpredictable(),
        };
        let drill = ChildSpec::new("drill").budget(drill::BUDGET);
        house.spawn(drill, move || Drill::new(plan, ground.clone()))?;
    }
    let keeper = ChildSpec::new("keeper").budget(KEEPER_BUDGET);
    house.spawn(keeper, move || Keeper::new(config.clone(), Arc::clone(&shared), shown.clone()))?;
    Ok((ledger, view))
}
