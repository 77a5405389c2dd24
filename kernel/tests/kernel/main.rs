//! The promises of `SEMANTICS.md`, each with a test that fails when it is broken.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests, too")]

mod breaker;
mod frozen;
mod mailbox;
mod model;
mod restart;
mod stop;
mod support;
mod timer;
mod tree;
