//! Production: catalogues, lots, serials, process runs, what they found, and the figures of their days.
//!
//! Stations work at line speed: [`facts_read`] reads what a batch of their commands needs, and [`effects_store`] writes
//! what it comes to, each in one statement per table. Figures per day are kept in the same unit, so that analytics never
//! count runs.

mod catalog;
mod defect;
mod effects;
mod equipment;
mod export;
mod facts;
mod figures;
mod hold;
mod import;
mod line;
mod lot;
mod lot_row;
mod lot_write;
mod measure;
mod overview;
mod process;
mod product;
mod recount;
mod rework;
mod run;
mod run_row;
mod run_write;
mod serial;
mod serial_row;
mod serial_write;
mod tally;
mod tally_write;
mod target;
mod trace;
mod worker;

pub use defect::{DefectQuery, DefectView, defect_analyse, defect_find, defect_list};
pub use effects::{Completion, Effect, EffectsStored, effects_store};
pub use equipment::{
    EquipmentQuery, equipment_delete, equipment_find, equipment_find_code, equipment_insert, equipment_list,
    equipment_read, equipment_read_codes, equipment_update,
};
pub use export::{
    PartRow, alerts_after, defects_after, lots_after, parts_after, reworks_after, runs_after, serials_after,
};
pub use facts::{FactSheet, Named, facts_read};
pub use figures::{
    ComponentFigures, Dimension, FigureKey, FigureQuery, RunFigures, SerialFigures, component_figures,
    defect_figures, run_figures, serial_figures,
};
pub use hold::{
    StoredSpan, hold_list, hold_place, hold_read, hold_release, holds_active_of, runs_mark, runs_reviewed,
    span_begin, span_end, span_list, spans_open_of,
};
pub use import::{RunImport, lots_import, lots_recount, runs_import, serials_import};
pub use line::{line_delete, line_find, line_find_code, line_insert, line_list, line_read, line_update};
pub use lot::{LotQuery, lot_find, lot_find_number, lot_list, lot_view_read};
pub use lot_row::{LineBrief, LotView, ProductModelBrief};
pub use lot_write::{
    lot_count, lot_delete, lot_insert, lot_number_take, lot_update, lots_read, lots_read_numbers, lots_save,
};
pub use measure::{MeasureFigures, MeasureQuery, durations_recent, measure_figures};
pub use overview::{
    LotFigureQuery, LotFigures, lot_figures, lot_positions, open_by_process, runs_delayed, units_by_position,
};
pub use process::{
    ProcessMark, process_all, process_delete, process_find, process_find_code, process_find_number,
    process_insert, process_list, process_mark, process_read_all, process_update,
};
pub use product::{
    ProductModelQuery, product_model_delete, product_model_find, product_model_find_code,
    product_model_insert, product_model_list, product_model_read, product_model_update,
};
pub use recount::{figures_check, figures_rebuild};
pub use rework::{rework_history, rework_list, rework_store};
pub use run::{RunOutcome, RunQuery, run_find, run_history, run_history_lot, run_list, run_note, run_read};
pub use run_row::{EquipmentBrief, OperatorBrief, ProcessBrief, RunView};
pub use serial::{SerialQuery, serial_find, serial_find_number, serial_list, serial_view_read};
pub use serial_row::{LotBrief, SerialView};
pub use serial_write::{
    serial_delete, serial_sequences, serials_insert, serials_read, serials_read_numbers, serials_save,
    step_store,
};
pub use target::{target_delete, target_find, target_list, target_progress, target_set};
pub use trace::{PartUse, Trace, lots_with_part, parts_of, serials_with_part, trace};
pub use worker::workers_read;
