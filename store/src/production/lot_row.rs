//! A lot's row, alone and with what it names.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    LineId, Lot, LotCounts, LotId, LotNumber, LotState, LotStatus, ModelStatus, ProductModelId, Shift,
};

use crate::StoreError;

pub(super) const TABLE: &str = "lot";

/// The columns of a [`LotRow`], of a table called `l`.
macro_rules! lot_columns {
    () => {
        "l.id, l.lot_number, l.product_model_id, l.production_line_id, l.production_date, l.shift, l.target_quantity, \
         l.actual_quantity, l.passed_quantity, l.failed_quantity, l.scrapped_quantity, l.status, l.work_order, \
         l.started_at, l.completed_at, l.closed_at, l.cancelled_at, l.created_at, l.updated_at"
    };
}
pub(super) use lot_columns;

#[derive(sqlx::FromRow)]
pub(super) struct LotRow {
    id: i64,
    lot_number: String,
    product_model_id: i64,
    production_line_id: Option<i64>,
    production_date: String,
    shift: String,
    target_quantity: i64,
    actual_quantity: i64,
    passed_quantity: i64,
    failed_quantity: i64,
    scrapped_quantity: i64,
    status: String,
    work_order: Option<String>,
    started_at: Option<i64>,
    completed_at: Option<i64>,
    closed_at: Option<i64>,
    cancelled_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<LotRow> for Lot {
    type Error = StoreError;

    fn try_from(row: LotRow) -> Result<Self, StoreError> {
        let id = row.id;
        let at = |us: Option<i64>| us.map(Timestamp::from_us);
        let unknown =
            |column, word: &str| StoreError::row(TABLE, column, id, format!("`{word}` is not known"));
        let status = LotStatus::from_word(&row.status).ok_or_else(|| unknown("status", &row.status))?;
        let state = LotState::from_parts(
            status,
            at(row.started_at),
            at(row.completed_at),
            at(row.closed_at),
            at(row.cancelled_at),
        )
        .ok_or_else(|| StoreError::row(TABLE, "status", id, format!("{} lacks its time", row.status)))?;
        Ok(Self {
            id: LotId(id),
            lot_number: LotNumber::parse(&row.lot_number)
                .map_err(|e| StoreError::row(TABLE, "lot_number", id, e.message))?,
            product_model_id: ProductModelId(row.product_model_id),
            production_line_id: row.production_line_id.map(LineId),
            production_date: row
                .production_date
                .parse()
                .map_err(|e| StoreError::row(TABLE, "production_date", id, e))?,
            shift: Shift::from_word(&row.shift).ok_or_else(|| unknown("shift", &row.shift))?,
            target_quantity: u16::try_from(row.target_quantity)
                .map_err(|e| StoreError::row(TABLE, "target_quantity", id, e))?,
            work_order: row.work_order,
            state,
            counts: LotCounts {
                actual: row.actual_quantity,
                passed: row.passed_quantity,
                failed: row.failed_quantity,
                scrapped: row.scrapped_quantity,
            },
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// A product model, as other resources show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductModelBrief {
    /// Its id.
    pub id: ProductModelId,
    /// Its code.
    pub model_code: String,
    /// Its name.
    pub model_name: String,
    /// Its version.
    pub version: Option<String>,
    /// Its kind.
    pub category: Option<String>,
    /// Whether it is made.
    pub status: ModelStatus,
}

/// A production line, as other resources show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineBrief {
    /// Its id.
    pub id: LineId,
    /// Its code.
    pub line_code: String,
    /// Its name.
    pub line_name: String,
}

/// A lot with what it names.
#[derive(Debug, Clone, PartialEq)]
pub struct LotView {
    /// The lot.
    pub lot: Lot,
    /// What is made.
    pub product_model: ProductModelBrief,
    /// Where.
    pub production_line: Option<LineBrief>,
}

/// A statement of [`LotViewRow`]s; `{page}` stands for the lots.
pub(super) const SELECT_VIEW: &str = concat!(
    "SELECT ",
    lot_columns!(),
    ", m.model_code, m.model_name, m.version AS model_version, m.category AS model_category, m.status AS model_status, \
     p.line_code, p.line_name FROM ({page}) l JOIN product_model m ON m.id = l.product_model_id \
     LEFT JOIN production_line p ON p.id = l.production_line_id"
);

#[derive(sqlx::FromRow)]
pub(super) struct LotViewRow {
    #[sqlx(flatten)]
    lot: LotRow,
    model_code: String,
    model_name: String,
    model_version: Option<String>,
    model_category: Option<String>,
    model_status: String,
    line_code: Option<String>,
    line_name: Option<String>,
}

impl TryFrom<LotViewRow> for LotView {
    type Error = StoreError;

    fn try_from(row: LotViewRow) -> Result<Self, StoreError> {
        let lot = Lot::try_from(row.lot)?;
        let status = ModelStatus::from_word(&row.model_status).ok_or_else(|| {
            let reason = format!("`{}` is not known", row.model_status);
            StoreError::row("product_model", "status", lot.product_model_id, reason)
        })?;
        let line = lot.production_line_id.zip(row.line_code.zip(row.line_name));
        Ok(Self {
            product_model: ProductModelBrief {
                id: lot.product_model_id,
                model_code: row.model_code,
                model_name: row.model_name,
                version: row.model_version,
                category: row.model_category,
                status,
            },
            production_line: line.map(|(id, (line_code, line_name))| LineBrief { id, line_code, line_name }),
            lot,
        })
    }
}
