//! What all domains share: the command line, documents, events, health, limits, metrics.

mod cli;
mod docs;
mod drain;
mod events;
mod health;
mod limits;
mod tree;
