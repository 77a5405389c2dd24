//! The production domain's actors and the door to them.
//!
//! Catalogues, lots and units are changed by units of work of the writer; starts and completions go through the actor of
//! their process, which does all that wait as one unit. Reads go straight to the store.

mod batch;
mod catalog;
mod error;
mod figures;
mod holds;
mod lots;
mod measures;
mod order;
mod process;
mod sentry;
mod serials;
mod shared;
mod start;
mod station;
mod targets;
mod watch;

use std::sync::Arc;

use nightshift_domain::production::{Calendar, LineUp};
use nightshift_kernel::{BreakerView, Supervisor};

pub use catalog::Catalogued;
pub use error::ProductionError;
pub use figures::{
    ComponentDefects, CycleTimes, DayFigures, DefectBars, Doing, EquipmentOee, LineNow, LotProgress,
    MeasuredCapability, ProcessYield, QualityFigures, RealtimeFigures, TREND_DAYS_MAX, Trend,
};
pub use holds::Acknowledged;
pub use lots::LotChange;
pub use order::{Order, Reported};
pub use serials::SerialDraft;
pub use station::History;

pub(crate) use measures::describe_metrics;
pub(crate) use serials::person;
pub(crate) use start::spawn;

use shared::Shared;

/// The door to the production domain. Cheap to clone.
#[derive(Clone)]
pub struct Production {
    shared: Arc<Shared>,
    /// Keeps the actors of processes.
    stations: Supervisor,
    /// Keeps all actors of the domain: printers and firmware are among them.
    domain: Supervisor,
}

impl Production {
    /// The processes in their order, with their schemas.
    #[must_use]
    pub fn line_up(&self) -> LineUp {
        self.shared.line_up()
    }

    /// The plant's dates and shifts.
    #[must_use]
    pub fn calendar(&self) -> &Calendar {
        &self.shared.rules.calendar
    }

    pub(crate) fn domain(&self) -> &Supervisor {
        &self.domain
    }

    pub(crate) fn breakers(&self) -> Vec<BreakerView> {
        self.shared.stations.all().into_iter().map(|(_, station)| station.breaker).collect()
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

#[cfg(test)]
#[path = "life_tests.rs"]
mod life_tests;
