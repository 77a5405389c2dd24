//! Deliveries of the days' briefings: a queue that outlives the process.

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Channel, DeliveryState};

use crate::listing::{self, Filter};
use crate::{Db, Slice, StoreError, Tx, text};

const TABLE: &str = "briefing_delivery";

const SELECT: &str =
    "SELECT id, daily_id, channel, state, tries, next_at, reason, settled_at FROM briefing_delivery";

const WAITING: &str = "WAITING";
const DELIVERED: &str = "DELIVERED";
const GIVEN_UP: &str = "GIVEN_UP";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    daily_id: i64,
    channel: String,
    state: String,
    tries: i64,
    next_at: Option<i64>,
    reason: Option<String>,
    settled_at: Option<i64>,
}

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its number.
    pub id: i64,
    /// What is brought.
    pub daily_id: i64,
    /// How.
    pub channel: Channel,
    /// Where it is in its life.
    pub state: DeliveryState,
}

impl TryFrom<Row> for Delivery {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let fault = |column, reason: &str| StoreError::row(TABLE, column, row.id, reason);
        let tries = u32::try_from(row.tries).map_err(|_| fault("tries", "is out of range"))?;
        let settled =
            || row.settled_at.map(Timestamp::from_us).ok_or_else(|| fault("settled_at", "is absent"));
        let state = match row.state.as_str() {
            WAITING => DeliveryState::Waiting {
                tries,
                next_at: row.next_at.map(Timestamp::from_us).ok_or_else(|| fault("next_at", "is absent"))?,
                reason: row.reason.clone(),
            },
            DELIVERED => DeliveryState::Delivered { at: settled()?, tries },
            GIVEN_UP => DeliveryState::GivenUp {
                at: settled()?,
                tries,
                reason: row.reason.clone().unwrap_or_default(),
            },
            _ => return Err(fault("state", "is no state")),
        };
        let channel = Channel::from_word(&row.channel).ok_or_else(|| fault("channel", "is no channel"))?;
        Ok(Self { id: row.id, daily_id: row.daily_id, channel, state })
    }
}

/// The columns of a state: word, tries, next try, reason, end.
fn columns(state: &DeliveryState) -> (&'static str, u32, Option<i64>, Option<&str>, Option<i64>) {
    match state {
        DeliveryState::Waiting { tries, next_at, reason } => {
            (WAITING, *tries, Some(next_at.us()), reason.as_deref(), None)
        }
        DeliveryState::Delivered { at, tries } => (DELIVERED, *tries, None, None, Some(at.us())),
        DeliveryState::GivenUp { at, tries, reason } => (GIVEN_UP, *tries, None, Some(reason), Some(at.us())),
    }
}

/// Queues a delivery; nothing when it is queued already.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn delivery_insert(
    tx: &mut Tx,
    daily_id: i64,
    channel: Channel,
    now: Timestamp,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO briefing_delivery (daily_id, channel, state, tries, next_at) \
               VALUES ($1, $2, $3, 0, $4) ON CONFLICT (daily_id, channel) DO NOTHING";
    write_exec!(tx, "delivery_insert", sql, daily_id, channel.as_str(), WAITING, now.us()).map(|_| ())
}

/// Writes what became of a delivery that waits.
///
/// # Errors
/// [`StoreError::Nul`]; [`StoreError::Missing`] when none of that number waits.
pub async fn delivery_save(tx: &mut Tx, id: i64, state: &DeliveryState) -> Result<(), StoreError> {
    let (word, tries, next_at, reason, settled_at) = columns(state);
    text::check("briefing_delivery.reason", reason.unwrap_or(""))?;
    let sql = "UPDATE briefing_delivery SET state = $2, tries = $3, next_at = $4, reason = $5, settled_at = $6 \
               WHERE id = $1 AND state = 'WAITING'";
    let tries = i64::from(tries);
    match write_exec!(tx, "delivery_save", sql, id, word, tries, next_at, reason, settled_at)? {
        0 => Err(StoreError::Missing { what: format!("delivery {id} that waits") }),
        _ => Ok(()),
    }
}

/// A delivery by its number.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn delivery_find(db: &Db, id: i64) -> Result<Option<Delivery>, StoreError> {
    let filter = Filter::default().and("id = ?", id);
    let rows = listing::rows::<Row>(db, "delivery_find", SELECT, &filter, "").await?;
    rows.into_iter().next().map(Delivery::try_from).transpose()
}

/// Those that are to be tried at `now`, the longest overdue first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn deliveries_due(db: &Db, now: Timestamp, limit: u32) -> Result<Vec<Delivery>, StoreError> {
    let filter = Filter::default().fixed("state = 'WAITING'").and("next_at <= ?", now.us());
    let slice = Slice::first(limit);
    let rows: Vec<Row> =
        listing::slice_rows(db, "deliveries_due", SELECT, &filter, "next_at, id", slice).await?;
    rows.into_iter().map(Delivery::try_from).collect()
}

/// How many wait.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn deliveries_waiting(db: &Db) -> Result<u64, StoreError> {
    let filter = Filter::default().fixed("state = 'WAITING'");
    listing::count(db, "deliveries_waiting", TABLE, &filter).await
}
