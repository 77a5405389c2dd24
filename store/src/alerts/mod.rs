//! Alerts: raised by actors in their units of work, listed and read by people.

mod alert;
mod raise;

pub(crate) use alert::alerts_after_id;
pub use alert::{AlertQuery, alert_counts, alert_find, alert_last_high, alert_list};
pub use raise::{alert_archive, alert_delete, alerts_archive_before, alerts_raise, alerts_read};
