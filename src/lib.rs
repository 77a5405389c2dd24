//! The facade and composition root of Nightshift: configuration, command line, HTTP, and the life of the process.

pub mod agent;
mod cli;
pub mod config;
mod http;
mod log;
pub mod serve;

pub use cli::run;
pub use http::{Drained, TlsError, openapi_document};

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
