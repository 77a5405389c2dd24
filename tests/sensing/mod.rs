//! `/api/sensors`, `/api/analyze`, `/api/results`, `/api/config/schedule`, `/api/proxy`.

mod analyze;
mod push;
mod restart;
mod schedule;
mod sensors;
mod vendor;
