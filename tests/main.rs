//! Black-box tests: the real program on an ephemeral loopback port with a directory of its own.

mod alerts;
mod briefing;
mod common;
mod diagnosis;
mod edge;
mod faults;
mod fleet;
mod identity;
mod production;
mod sensing;
mod system;
