//! Sensing: sensors, their readings and the account of them, checkpoints of windows, verdicts, the schedule, models beside each other.

mod account;
mod calibration;
mod lineup;
mod reading;
mod result;
mod result_insert;
mod result_row;
mod schedule;
mod sensor;
mod shadow;
mod window;

pub use account::{account_all, account_audit, account_find, account_total};
pub use calibration::{
    CalibrationsDue, StoredCalibration, calibration_save, calibrations_all, calibrations_count,
    calibrations_due, calibrations_of,
};
pub use lineup::{promotion_insert, promotion_standing, promotion_undo, promotions_latest};
pub use reading::{
    ReadingBatch, readings_at, readings_count, readings_expire, readings_insert, readings_insert_all,
    readings_latest, readings_range,
};
pub use result::{
    ResultPage, ResultQuery, result_find, result_latest, results_latest_all, results_list, results_unscored,
};
pub use result_insert::{result_replace, results_insert};
pub use schedule::{schedule_done, schedule_get, schedule_set};
pub use sensor::{
    SensorPage, sensor_all, sensor_find, sensor_insert, sensor_list, sensor_list_removed, sensor_remove,
    sensor_update, sensor_vendor,
};
pub use shadow::{
    Disagreement, ShadowFigures, ShadowQuery, ShadowResult, result_newest_id, results_to_shadow,
    shadow_disagreements, shadow_figures, shadow_results_expire, shadow_results_insert,
};
pub use window::{WindowCheckpoint, window_save, windows_load};
