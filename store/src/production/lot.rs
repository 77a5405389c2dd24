//! Lots, read.

use nightshift_domain::production::{LineId, LotId, LotStatus, PlantDate, ProductModelId, Shift};

use super::catalog;
use super::lot_row::{LotView, LotViewRow, SELECT_VIEW};
use crate::listing::{Filter, Joined};
use crate::{Db, Page, Slice, StoreError, Tx};

/// Which lots are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LotQuery {
    /// In this state.
    pub status: Option<LotStatus>,
    /// In which units may still be made (CREATED or IN_PROGRESS).
    pub open_only: bool,
    /// Of this model.
    pub product_model_id: Option<ProductModelId>,
    /// On this line.
    pub production_line_id: Option<LineId>,
    /// Of this shift.
    pub shift: Option<Shift>,
    /// Of this production day or a later one.
    pub from: Option<PlantDate>,
    /// Of this production day or an earlier one.
    pub to: Option<PlantDate>,
}

const NEWEST_FIRST: Joined<'_> =
    Joined { select: SELECT_VIEW, from: "lot l", row: "l", inner_order: "l.id DESC", order: "l.id DESC" };

/// The lots that `query` asks for, newest first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn lot_list(db: &Db, query: &LotQuery, slice: Slice) -> Result<Page<LotView>, StoreError> {
    let mut filter = Filter::default()
        .maybe("l.status = ?", query.status.map(LotStatus::as_str))
        .maybe("l.product_model_id = ?", query.product_model_id.map(|id| id.0))
        .maybe("l.production_line_id = ?", query.production_line_id.map(|id| id.0))
        .maybe("l.shift = ?", query.shift.map(Shift::as_str))
        .maybe("l.production_date >= ?", query.from.map(|d| d.to_string()))
        .maybe("l.production_date <= ?", query.to.map(|d| d.to_string()));
    if query.open_only {
        filter = filter.fixed("l.status IN ('CREATED', 'IN_PROGRESS')");
    }
    NEWEST_FIRST.page::<LotViewRow, _>(db, "lot_list", &filter, slice).await
}

/// The lot with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn lot_find(db: &Db, id: LotId) -> Result<Option<LotView>, StoreError> {
    find(db, Filter::default().and("l.id = ?", id.0)).await
}

/// The lot with `id` as the unit of work sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn lot_view_read(tx: &mut Tx, id: LotId) -> Result<Option<LotView>, StoreError> {
    let filter = Filter::default().and("l.id = ?", id.0);
    catalog::first(NEWEST_FIRST.tx_rows::<LotViewRow>(tx, "lot_view_read", &filter).await?)
}

/// The lot with that number.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn lot_find_number(db: &Db, number: &str) -> Result<Option<LotView>, StoreError> {
    find(db, Filter::default().and("l.lot_number = ?", number)).await
}

async fn find(db: &Db, filter: Filter) -> Result<Option<LotView>, StoreError> {
    catalog::first(NEWEST_FIRST.rows::<LotViewRow>(db, "lot_find", &filter, Slice::first(1)).await?)
}
