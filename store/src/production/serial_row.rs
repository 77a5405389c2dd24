//! A serial's row, alone and with its lot.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    LotId, LotNumber, LotStatus, ProcessId, ProductModelId, Serial, SerialId, SerialNumber, SerialState,
    SerialStatus,
};

use crate::StoreError;

pub(super) const TABLE: &str = "serial";

/// The columns of a [`SerialRow`], of a table called `s`.
macro_rules! serial_columns {
    () => {
        "s.id, s.serial_number, s.lot_id, s.sequence_in_lot, s.status, s.rework_count, s.rework_waits, s.scrapped, \
         s.failure_reason, s.failed_process_id, s.settled_at, s.created_at, s.updated_at"
    };
}
pub(super) use serial_columns;

#[derive(sqlx::FromRow)]
pub(super) struct SerialRow {
    id: i64,
    serial_number: String,
    lot_id: i64,
    sequence_in_lot: i64,
    status: String,
    rework_count: i64,
    rework_waits: bool,
    scrapped: bool,
    failure_reason: Option<String>,
    failed_process_id: Option<i64>,
    settled_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
}

impl SerialRow {
    fn state(&self) -> Result<SerialState, StoreError> {
        let status = SerialStatus::from_word(&self.status).ok_or_else(|| {
            StoreError::row(TABLE, "status", self.id, format!("`{}` is not known", self.status))
        })?;
        let settled_at = || {
            let at = self.settled_at.map(Timestamp::from_us);
            at.ok_or_else(|| StoreError::row(TABLE, "settled_at", self.id, "is absent"))
        };
        Ok(match status {
            SerialStatus::Created => SerialState::Created,
            SerialStatus::InProgress => SerialState::InProgress { rework_waits: self.rework_waits },
            SerialStatus::Passed => SerialState::Passed { at: settled_at()? },
            SerialStatus::Failed => SerialState::Failed {
                at: settled_at()?,
                reason: self.failure_reason.clone().unwrap_or_default(),
                process_id: self.failed_process_id.map(ProcessId),
                scrapped: self.scrapped,
            },
        })
    }
}

impl TryFrom<SerialRow> for Serial {
    type Error = StoreError;

    fn try_from(row: SerialRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: SerialId(row.id),
            state: row.state()?,
            serial_number: SerialNumber::parse(&row.serial_number)
                .map_err(|e| StoreError::row(TABLE, "serial_number", row.id, e.message))?,
            lot_id: LotId(row.lot_id),
            sequence_in_lot: u16::try_from(row.sequence_in_lot)
                .map_err(|e| StoreError::row(TABLE, "sequence_in_lot", row.id, e))?,
            rework_count: u8::try_from(row.rework_count)
                .map_err(|e| StoreError::row(TABLE, "rework_count", row.id, e))?,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

/// A lot, as its serials show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotBrief {
    /// Its id.
    pub id: LotId,
    /// Its number.
    pub lot_number: LotNumber,
    /// Its status.
    pub status: LotStatus,
    /// Units that are to be made.
    pub target_quantity: i64,
    /// The production day, `YYYY-MM-DD`.
    pub production_date: String,
    /// The shift, `D` or `N`.
    pub shift: String,
    /// What is made.
    pub product_model_id: ProductModelId,
    /// The code of what is made.
    pub model_code: String,
    /// The name of what is made.
    pub model_name: String,
}

/// A serial with its lot.
#[derive(Debug, Clone, PartialEq)]
pub struct SerialView {
    /// The serial.
    pub serial: Serial,
    /// Its lot.
    pub lot: LotBrief,
}

/// A statement of [`SerialViewRow`]s; `{page}` stands for the serials.
pub(super) const SELECT_VIEW: &str = concat!(
    "SELECT ",
    serial_columns!(),
    ", l.lot_number, l.status AS lot_status, l.target_quantity, l.production_date, l.shift, l.product_model_id, \
     m.model_code, m.model_name FROM ({page}) s JOIN lot l ON l.id = s.lot_id \
     JOIN product_model m ON m.id = l.product_model_id"
);

#[derive(sqlx::FromRow)]
pub(super) struct SerialViewRow {
    #[sqlx(flatten)]
    serial: SerialRow,
    lot_number: String,
    lot_status: String,
    target_quantity: i64,
    production_date: String,
    shift: String,
    product_model_id: i64,
    model_code: String,
    model_name: String,
}

impl TryFrom<SerialViewRow> for SerialView {
    type Error = StoreError;

    fn try_from(row: SerialViewRow) -> Result<Self, StoreError> {
        let serial = Serial::try_from(row.serial)?;
        let id = serial.lot_id;
        let lot = LotBrief {
            id,
            lot_number: LotNumber::parse(&row.lot_number)
                .map_err(|e| StoreError::row("lot", "lot_number", id, e.message))?,
            status: LotStatus::from_word(&row.lot_status).ok_or_else(|| {
                StoreError::row("lot", "status", id, format!("`{}` is not known", row.lot_status))
            })?,
            target_quantity: row.target_quantity,
            production_date: row.production_date,
            shift: row.shift,
            product_model_id: ProductModelId(row.product_model_id),
            model_code: row.model_code,
            model_name: row.model_name,
        };
        Ok(Self { serial, lot })
    }
}
