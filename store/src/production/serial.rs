//! Serials, read.

use nightshift_domain::production::{LotId, SerialId, SerialStatus};

use super::catalog;
use super::serial_row::{SELECT_VIEW, SerialView, SerialViewRow};
use crate::listing::{Filter, Joined};
use crate::{Db, Page, Slice, StoreError, Tx};

/// Which serials are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SerialQuery {
    /// Of this lot.
    pub lot_id: Option<LotId>,
    /// In this state.
    pub status: Option<SerialStatus>,
}

const NEWEST_FIRST: Joined<'_> =
    Joined { select: SELECT_VIEW, from: "serial s", row: "s", inner_order: "s.id DESC", order: "s.id DESC" };

/// A lot's serials are read as they lie in it.
const IN_LOT_ORDER: Joined<'_> =
    Joined { inner_order: "s.sequence_in_lot", order: "s.sequence_in_lot", ..NEWEST_FIRST };

/// The serials that `query` asks for: those of a lot in their order, others newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn serial_list(db: &Db, query: &SerialQuery, slice: Slice) -> Result<Page<SerialView>, StoreError> {
    let filter = Filter::default()
        .maybe("s.lot_id = ?", query.lot_id.map(|id| id.0))
        .maybe("s.status = ?", query.status.map(SerialStatus::as_str));
    let list = if query.lot_id.is_some() { IN_LOT_ORDER } else { NEWEST_FIRST };
    list.page::<SerialViewRow, _>(db, "serial_list", &filter, slice).await
}

/// The serial with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn serial_find(db: &Db, id: SerialId) -> Result<Option<SerialView>, StoreError> {
    find(db, Filter::default().and("s.id = ?", id.0)).await
}

/// The serial with `id` as the unit of work sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn serial_view_read(tx: &mut Tx, id: SerialId) -> Result<Option<SerialView>, StoreError> {
    let filter = Filter::default().and("s.id = ?", id.0);
    catalog::first(NEWEST_FIRST.tx_rows::<SerialViewRow>(tx, "serial_view_read", &filter).await?)
}

/// The serial with that number.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn serial_find_number(db: &Db, number: &str) -> Result<Option<SerialView>, StoreError> {
    find(db, Filter::default().and("s.serial_number = ?", number)).await
}

async fn find(db: &Db, filter: Filter) -> Result<Option<SerialView>, StoreError> {
    catalog::first(NEWEST_FIRST.rows::<SerialViewRow>(db, "serial_find", &filter, Slice::first(1)).await?)
}
