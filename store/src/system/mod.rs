//! What every domain shares: the journal of events and settings.

mod event;
mod setting;

pub use event::{events_after, events_bounds, events_expire};
pub use setting::{setting_get, setting_set};
