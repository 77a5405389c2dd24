//! What is remembered of who did what, so that nobody can change it without being found out.
//!
//! Each entry is chained to the one before it by a keyed hash, and the head of the chain is kept beside it, so that a
//! changed, removed, inserted or missing row is found by whoever has the key ([`Verifier`]).

mod canonical;
mod chain;
#[cfg(test)]
mod chain_tests;
mod entry;
mod mask;
mod verify;

pub use canonical::canonical_bytes;
pub use chain::{AuditRow, ChainKey, Head, Link};
pub use entry::{Action, Actor, AuditEntry, ParseActionError};
pub use mask::{MASK, Masked};
pub use verify::{ChainFault, Verified, Verifier};
