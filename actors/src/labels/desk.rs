//! What every part of labels shares: templates, who prints what by itself, and where the printers' actors are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use nightshift_domain::Timestamp;
use nightshift_domain::labels::{HostStatus, PrinterId, PrinterTrouble, Templates};
use nightshift_kernel::{Address, BreakerView};

use super::printer::PrinterMessage;
use crate::config::LabelsConfig;

/// How a printer is, as its actor last saw it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrinterSeen {
    /// What stops it.
    pub trouble: Option<PrinterTrouble>,
    /// What it said of itself.
    pub status: Option<HostStatus>,
    /// When it was last looked at.
    pub at: Option<Timestamp>,
}

/// A printer's place in the plant.
#[derive(Clone)]
pub(crate) struct Seat {
    pub(super) address: Address<PrinterMessage>,
    pub(super) breaker: BreakerView,
    pub(super) seen: Arc<Mutex<PrinterSeen>>,
}

impl Seat {
    pub(super) fn seen(&self) -> PrinterSeen {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The shared part.
pub(crate) struct Desk {
    pub(crate) config: LabelsConfig,
    pub(crate) templates: Templates,
    seats: RwLock<BTreeMap<PrinterId, Seat>>,
    /// Held while actors are started and stopped.
    pub(super) changing: tokio::sync::Mutex<()>,
}

impl Desk {
    /// With the templates that are built in and those of the configured folder.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub(crate) fn open(config: LabelsConfig) -> Result<Self, String> {
        let templates = super::files::templates(config.templates_dir.as_deref())?;
        Ok(Self { config, templates, seats: RwLock::default(), changing: tokio::sync::Mutex::default() })
    }

    pub(super) fn seat(&self, id: &PrinterId) -> Option<Seat> {
        self.seats.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(super) fn seats(&self) -> Vec<(PrinterId, Seat)> {
        let seats = self.seats.read().unwrap_or_else(PoisonError::into_inner);
        seats.iter().map(|(id, seat)| (id.clone(), seat.clone())).collect()
    }

    pub(super) fn put(&self, id: PrinterId, seat: Seat) {
        self.seats.write().unwrap_or_else(PoisonError::into_inner).insert(id, seat);
    }

    pub(super) fn take(&self, id: &PrinterId) {
        self.seats.write().unwrap_or_else(PoisonError::into_inner).remove(id);
    }

    /// Tells a printer's actor that something waits. One that misses it looks by itself after a while.
    pub(crate) fn ring(&self, id: Option<&PrinterId>) {
        if let Some(seat) = id.and_then(|id| self.seat(id)) {
            let _ = seat.address.try_send(PrinterMessage::Wake);
        }
    }
}
