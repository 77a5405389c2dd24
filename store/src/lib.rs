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
mod migrate;
mod options;
mod text;
mod tx;

pub mod sensing;
pub mod system;
#[cfg(feature = "testing")]
pub mod testing;

pub use db::Db;
pub use error::StoreError;
pub use migrate::MigrateReport;
pub use options::{DbOptions, Engine};
pub use tx::Tx;
