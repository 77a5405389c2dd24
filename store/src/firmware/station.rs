//! Stations, as their agents last described them.

use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{Heartbeat, Station, StationId};
use sqlx::types::Json;

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "station";

const SELECT: &str = "SELECT id, station_id, CAST(heartbeat AS TEXT) AS heartbeat, clock_ahead_ms, created_at, seen_at \
     FROM station";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    station_id: String,
    heartbeat: String,
    clock_ahead_ms: i64,
    created_at: i64,
    seen_at: i64,
}

impl TryFrom<Row> for Station {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = row.station_id.parse();
        Ok(Self {
            station_id: id.map_err(|e| StoreError::row(TABLE, "station_id", row.id, format!("{e}")))?,
            heartbeat: text::from_json(TABLE, "heartbeat", row.id, &row.heartbeat)?,
            clock_ahead_ms: row.clock_ahead_ms,
            created_at: Timestamp::from_us(row.created_at),
            seen_at: Timestamp::from_us(row.seen_at),
        })
    }
}

fn named(id: &StationId) -> Filter {
    Filter::default().and("station_id = ?", id.as_str())
}

fn first(rows: Vec<Row>) -> Result<Option<Station>, StoreError> {
    rows.into_iter().next().map(Station::try_from).transpose()
}

/// Keeps what a station's agent says; a station that is not known is from now on.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn station_save(
    tx: &mut Tx,
    id: &StationId,
    heartbeat: &Heartbeat,
    clock_ahead_ms: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    text::check_all(TABLE, heartbeat)?;
    let sql = "INSERT INTO station (station_id, heartbeat, running_version, clock_ahead_ms, created_at, seen_at) \
               VALUES ($1, $2, $3, $4, $5, $5) ON CONFLICT (station_id) DO UPDATE SET heartbeat = excluded.heartbeat, \
               running_version = excluded.running_version, clock_ahead_ms = excluded.clock_ahead_ms, \
               seen_at = excluded.seen_at";
    let running = heartbeat.running_version.map(|v| v.to_string());
    write_exec!(
        tx,
        "station_save",
        sql,
        id.as_str(),
        Json(heartbeat),
        running.as_deref(),
        clock_ahead_ms,
        now.us(),
    )?;
    Ok(())
}

/// A station as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn station_read(tx: &mut Tx, id: &StationId) -> Result<Option<Station>, StoreError> {
    first(listing::tx_rows::<Row>(tx, "station_read", SELECT, &named(id), "").await?)
}

/// The station of that id.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn station_find(db: &Db, id: &StationId) -> Result<Option<Station>, StoreError> {
    first(listing::rows::<Row>(db, "station_find", SELECT, &named(id), "").await?)
}

/// The stations, in the order in which they were first heard of.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn station_list(db: &Db, slice: Slice) -> Result<Page<Station>, StoreError> {
    listing::page::<Row, _>(db, "station_list", (SELECT, TABLE), &Filter::default(), "id", slice).await
}

/// How many stations were last heard of from `since` on and before `until`.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn stations_silent(db: &Db, since: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
    let filter = Filter::default().and("seen_at >= ?", since.us()).and("seen_at < ?", until.us());
    listing::count(db, "stations_silent", TABLE, &filter).await
}
