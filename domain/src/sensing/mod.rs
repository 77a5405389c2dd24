//! Sensing: sensors send readings, windows of readings become verdicts.

mod account;
mod checkpoint;
mod csv;
mod explain;
mod history;
mod lineup;
mod oden;
mod reading;
mod schedule;
mod sensor;
mod series;
mod verdict;

pub use account::{Account, AccountError};
pub use csv::{CsvError, parse_csv};
pub use explain::{Explanation, Kind as AnomalyKind, Seen, Sentence, explain, out_of_bounds};
pub use history::{History, Window, WindowFacts, WindowShortfall};
pub use lineup::{Configured, Lineup, LineupError, ModelRole, Promotion, Tally};
pub use oden::{OdenError, parse_records};
pub use reading::{FUTURE_SKEW_MAX, Offer, Reading, Refusal, Sorted, sort_offer};
pub use schedule::{PERIOD_S_MAX, PERIOD_S_MIN, Schedule, ScheduleError};
pub use sensor::{
    INTERVAL_S_DEFAULT, Location, RETENTION_DAYS_DEFAULT, RETENTION_DAYS_MAX, Sensor, SensorChange,
    SensorError, SensorId, SensorKey, SensorSpec, Source, Thresholds, VendorFeed,
};
pub use series::downsample_min_max;
pub use verdict::{
    BankFacts, Basis, CalibrationFacts, CalibrationMethod, Judgement, NewResult, Provenance, ResultRecord,
    ScoreMode, Verdict,
};

/// Readings in one scored window: 24 hours of one reading every two minutes.
pub const WINDOW_READINGS: usize = 720;
