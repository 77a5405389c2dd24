//! The facade and composition root of Nightshift: configuration, command line, HTTP, and the life of the process.

mod cli;
pub mod config;
mod http;
mod log;
pub mod serve;

pub use cli::run;
pub use http::{Drained, openapi_document};

/// This program's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
