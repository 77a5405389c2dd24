//! What is kept: every SQL statement, migrations, and units of work on SQLite and PostgreSQL.
//!
//! [`Db`] reads, [`Tx`] writes. A unit of work is one transaction: the change and its events become durable together,
//! and [`Tx::commit`] hands the events out only then. One SQL text serves both engines; what must differ is in
//! `dialect.rs`. Time is a `BIGINT` of microseconds UTC. SQL decides nothing: rules live in `nightshift-domain`.

#[macro_use]
mod macros;
mod connect;
mod db;
mod dialect;
mod error;
mod listing;
mod migrate;
mod options;
mod postgres;
mod seat;
mod snapshot;
mod text;
mod tx;

pub mod alerts;
pub mod audit;
pub mod blobs;
pub mod briefing;
pub mod diagnosis;
pub mod firmware;
pub mod fleet;
pub mod identity;
pub mod labels;
pub mod production;
pub mod sensing;
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;

pub use db::Db;
pub use error::StoreError;
pub use listing::{Page, Slice};
pub use migrate::MigrateReport;
pub use options::{DbOptions, Engine};
pub use tx::Tx;
