//! What every part of briefing works with.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::production::Calendar;
use nightshift_kernel::{Address, Clock};
use nightshift_store::Db;

use super::book::Book;
use super::scribe::ScribeMessage;
use super::seats::Seats;
use super::wordsmith::Wordsmith;
use crate::config::BriefingConfig;
use crate::writer::Writer;

/// How long a write that a client waits for may take.
pub(super) const WRITE_DEADLINE: Duration = Duration::from_secs(10);
/// How long a write that nobody waits for may take.
pub(super) const BACKGROUND_WRITE: Duration = Duration::from_secs(30);

/// The domain's surroundings.
pub(crate) struct Shared {
    pub(super) db: Db,
    pub(super) writer: Writer,
    pub(super) clock: Clock,
    pub(super) config: BriefingConfig,
    pub(super) calendar: Calendar,
    pub(super) book: Arc<Book>,
    pub(super) seats: Seats,
    pub(super) scribe: Address<ScribeMessage>,
    /// Rewords texts, if a language model is configured.
    pub(super) wordsmith: Option<Wordsmith>,
}

impl Shared {
    pub(super) fn now(&self) -> Timestamp {
        Timestamp::from_us(self.clock.now_us())
    }
}
