//! Lots, units and runs as answers show them, with what they name.

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    DefectStatus, Lot, LotStatus, PlantDate, Rework, SerialStatus, Shift, defect_rate, pass_rate,
};
use nightshift_domain::time::US_PER_S;
use nightshift_store::production::{LotView, SerialView};
use serde::Serialize;
use utoipa::ToSchema;

/// A product model, as lots and units show it.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductModelBrief)]
pub(crate) struct ModelBriefOut {
    /// Its number.
    id: i64,
    /// Its code.
    #[schema(example = "WF")]
    model_code: String,
    /// Its name.
    model_name: String,
}

/// A production line, as lots show it.
#[derive(Serialize, ToSchema)]
#[schema(as = ProductionLineBrief)]
pub(crate) struct LineBriefOut {
    /// Its number.
    id: i64,
    /// Its code.
    #[schema(example = "LINE-A")]
    line_code: String,
    /// Its name.
    line_name: String,
}

/// A lot.
#[derive(Serialize, ToSchema)]
#[schema(as = Lot)]
pub(crate) struct LotOut {
    /// Its number as a row.
    #[schema(example = 1)]
    pub(super) id: i64,
    /// Its number for people and scanners.
    #[schema(example = "WF-KR-251110D-001")]
    lot_number: String,
    /// What is made.
    product_model_id: i64,
    /// Where.
    production_line_id: Option<i64>,
    /// The production day.
    #[schema(value_type = String, format = Date)]
    production_date: PlantDate,
    /// `D` or `N`.
    #[schema(value_type = String, example = "D")]
    shift: Shift,
    /// Units that are to be made.
    #[schema(example = 50)]
    target_quantity: u16,
    /// The units.
    #[serde(flatten)]
    quantities: QuantitiesOut,
    /// `CREATED`, `IN_PROGRESS`, `COMPLETED`, `CLOSED` or `CANCELLED`.
    #[schema(value_type = String, example = "IN_PROGRESS")]
    status: LotStatus,
    /// The order it is made for.
    #[schema(example = "WO-2025-001")]
    work_order: Option<String>,
    /// When it began.
    #[schema(value_type = Option<String>, format = DateTime)]
    started_at: Option<Timestamp>,
    /// When its last unit was settled.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// When it was signed off.
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Timestamp>,
    /// When it was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    cancelled_at: Option<Timestamp>,
    /// What is made.
    product_model: ModelBriefOut,
    /// Where.
    production_line: Option<LineBriefOut>,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// The units of a lot.
#[derive(Serialize, ToSchema)]
#[schema(as = Quantities)]
pub(crate) struct QuantitiesOut {
    /// Units that exist.
    actual_quantity: i64,
    /// Units that passed.
    passed_quantity: i64,
    /// Units that have failed and are not being reworked, scrapped ones among them.
    failed_quantity: i64,
    /// Failed units that cannot be reworked any more.
    scrapped_quantity: i64,
    /// Passed units in percent of those that passed or failed; 0 while there are none.
    #[schema(example = 96.0)]
    pass_rate: f64,
    /// Failed units in percent of those that passed or failed; 0 while there are none.
    #[schema(example = 4.0)]
    defect_rate: f64,
}

impl From<&Lot> for QuantitiesOut {
    fn from(lot: &Lot) -> Self {
        let counts = lot.counts;
        Self {
            actual_quantity: counts.actual,
            passed_quantity: counts.passed,
            failed_quantity: counts.failed,
            scrapped_quantity: counts.scrapped,
            pass_rate: pass_rate(counts.passed, counts.failed).unwrap_or(0.0),
            defect_rate: defect_rate(counts.passed, counts.failed).unwrap_or(0.0),
        }
    }
}

/// Microseconds as seconds.
pub(super) fn seconds(us: i64) -> f64 {
    us as f64 / US_PER_S as f64
}

impl From<LotView> for LotOut {
    fn from(view: LotView) -> Self {
        let LotView { lot, product_model, production_line } = view;
        Self {
            quantities: (&lot).into(),
            id: lot.id.0,
            lot_number: lot.lot_number.into(),
            product_model_id: lot.product_model_id.0,
            production_line_id: lot.production_line_id.map(|id| id.0),
            production_date: lot.production_date,
            shift: lot.shift,
            target_quantity: lot.target_quantity,
            status: lot.state.status(),
            work_order: lot.work_order,
            started_at: lot.state.started_at(),
            completed_at: lot.state.completed_at(),
            closed_at: lot.state.closed_at(),
            cancelled_at: lot.state.cancelled_at(),
            product_model: ModelBriefOut {
                id: product_model.id.0,
                model_code: product_model.model_code,
                model_name: product_model.model_name,
            },
            production_line: production_line.map(|line| LineBriefOut {
                id: line.id.0,
                line_code: line.line_code,
                line_name: line.line_name,
            }),
            created_at: lot.created_at,
            updated_at: lot.updated_at,
        }
    }
}

/// A lot, as its units show it.
#[derive(Serialize, ToSchema)]
#[schema(as = LotBrief)]
pub(crate) struct LotBriefOut {
    /// Its number as a row.
    id: i64,
    /// Its number.
    #[schema(example = "WF-KR-251110D-001")]
    lot_number: String,
    /// Its status.
    #[schema(value_type = String, example = "IN_PROGRESS")]
    status: LotStatus,
    /// Units that are to be made.
    target_quantity: i64,
    /// The production day.
    #[schema(format = Date)]
    production_date: String,
    /// `D` or `N`.
    shift: String,
    /// What is made.
    product_model: ModelBriefOut,
}

/// A unit of a lot.
#[derive(Serialize, ToSchema)]
#[schema(as = Serial)]
pub(crate) struct SerialOut {
    /// Its number as a row.
    #[schema(example = 1)]
    pub(super) id: i64,
    /// Its number for people and scanners.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: String,
    /// Its lot.
    lot_id: i64,
    /// Its place in the lot, from 1.
    #[schema(example = 1)]
    sequence_in_lot: u16,
    /// `CREATED`, `IN_PROGRESS`, `PASSED` or `FAILED`.
    #[schema(value_type = String, example = "IN_PROGRESS")]
    status: SerialStatus,
    /// `DEFECTED` (failed, may be reworked), `REWORK` (approved, not yet begun), `SCRAPPED` (failed for good).
    #[schema(value_type = Option<String>, example = "DEFECTED")]
    defect_status: Option<DefectStatus>,
    /// Reworks approved so far, at most 3.
    rework_count: u8,
    /// Why it failed.
    failure_reason: Option<String>,
    /// When it passed or failed.
    #[schema(value_type = Option<String>, format = DateTime)]
    completed_at: Option<Timestamp>,
    /// Its lot.
    lot: LotBriefOut,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<SerialView> for SerialOut {
    fn from(view: SerialView) -> Self {
        let SerialView { serial, lot } = view;
        Self {
            defect_status: serial.defect_status(),
            id: serial.id.0,
            serial_number: serial.serial_number.into(),
            lot_id: serial.lot_id.0,
            sequence_in_lot: serial.sequence_in_lot,
            status: serial.state.status(),
            rework_count: serial.rework_count,
            failure_reason: serial.state.failure_reason().map(str::to_owned),
            completed_at: serial.state.completed_at(),
            lot: LotBriefOut {
                id: lot.id.0,
                lot_number: lot.lot_number.into(),
                status: lot.status,
                target_quantity: lot.target_quantity,
                production_date: lot.production_date,
                shift: lot.shift,
                product_model: ModelBriefOut {
                    id: lot.product_model_id.0,
                    model_code: lot.model_code,
                    model_name: lot.model_name,
                },
            },
            created_at: serial.created_at,
            updated_at: serial.updated_at,
        }
    }
}

/// An approved rework.
#[derive(Serialize, ToSchema)]
#[schema(as = Rework)]
pub(crate) struct ReworkOut {
    /// Its number.
    id: i64,
    /// Which rework of the unit it is, from 1.
    #[schema(example = 1)]
    number: u8,
    /// The process that failed.
    process_id: Option<i64>,
    /// Why the unit had failed.
    failure_reason: String,
    /// Why it goes back.
    #[schema(example = "connector reseated")]
    reason: String,
    /// Who approved it.
    approved_by: i64,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    approved_at: Timestamp,
    /// When a process was started again.
    #[schema(value_type = Option<String>, format = DateTime)]
    restarted_at: Option<Timestamp>,
}

impl From<Rework> for ReworkOut {
    fn from(stored: Rework) -> Self {
        let rework = stored.rework;
        Self {
            id: stored.id.0,
            number: rework.number,
            process_id: rework.process_id.map(|id| id.0),
            failure_reason: rework.failure_reason,
            reason: rework.reason,
            approved_by: rework.approved_by.0,
            approved_at: rework.approved_at,
            restarted_at: rework.restarted_at,
        }
    }
}
