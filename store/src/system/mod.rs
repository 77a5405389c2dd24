//! What every domain shares: the journal of events, settings, and the answers of requests that may be repeated.

mod conservation;
mod event;
mod idempotency;
mod schema;
mod setting;

pub use conservation::{Astray, completions_astray, print_jobs_astray, records_astray, texts_astray};
pub use event::{events_after, events_bounds, events_expire};
pub use idempotency::{
    Claim, StoredAnswer, idempotency_amend, idempotency_claim, idempotency_find, idempotency_finish,
    idempotency_forget, idempotency_release, idempotency_sweep, idempotency_withdraw,
};
pub use schema::{ColumnInfo, Reference, TableInfo, schema_read};
pub use setting::{setting_get, setting_set};
