//! What all domains share: the command line, documents, events, health, limits, metrics.

mod backup;
mod bench;
mod cli;
mod docs;
mod drain;
mod drills;
mod events;
mod health;
mod house;
mod limits;
mod tree;
