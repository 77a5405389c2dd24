//! `/api/sensors`, `/api/analyze`, `/api/results`, `/api/config/schedule`, `/api/proxy`, `/api/v1/models`.

mod analyze;
mod explain;
mod models;
mod pictures;
mod push;
mod restart;
mod schedule;
mod sensors;
mod silent;
mod vendor;
