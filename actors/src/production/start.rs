//! Starting the production domain: every process of the catalogue gets its actor.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::production::LotRules;
use nightshift_kernel::{ChildSpec, Clock, Mailbox, Policy, StopOrder, Supervisor};
use nightshift_store::Db;

use super::Production;
use super::process;
use super::sentry::Sentry;
use super::shared::Shared;
use super::watch::Watch;
use crate::config::{AlertsConfig, ProductionConfig};
use crate::labels::Desk;
use crate::plant::StartError;
use crate::sensing::SensingShared;
use crate::writer::Writer;

/// How long one look at the line may take without progress.
const LOOK_BUDGET: Duration = Duration::from_secs(120);

/// Declares the domain under `plant`.
pub(crate) async fn spawn(
    plant: &Supervisor,
    config: ProductionConfig,
    alerts: &AlertsConfig,
    (db, writer, clock): (Db, Writer, Clock),
    sensing: Arc<SensingShared>,
    desk: Arc<Desk>,
) -> Result<Production, StartError> {
    let rules = LotRules {
        calendar: config.time_zone.parse().map_err(|e| StartError::Production(format!("{e}")))?,
        country: config.country.clone(),
        target_quantity_max: config.target_quantity_max,
    };
    let shared = Arc::new(Shared::new(db, writer, clock, config, rules, desk));
    let domain = plant.supervisor("production", Policy::default())?;
    let together = Policy { stop_order: StopOrder::Together, ..Policy::default() };
    let stations = domain.supervisor("process", together)?;
    process::settle(&shared, &stations).await.map_err(|e| StartError::Production(e.to_string()))?;

    let (own, seats, days) = (Arc::clone(&shared), stations.clone(), alerts.archive_days);
    let watch = ChildSpec::new("watch").mailbox(Mailbox::wait(4)).budget(LOOK_BUDGET);
    domain.spawn(watch, move || Watch::new(Arc::clone(&own), seats.clone(), days))?;
    let own = Arc::clone(&shared);
    let sentry = ChildSpec::new("sentry").mailbox(Mailbox::wait(4)).budget(LOOK_BUDGET);
    domain.spawn(sentry, move || Sentry::new(Arc::clone(&own), Arc::clone(&sensing)))?;
    Ok(Production { shared, stations, domain })
}
