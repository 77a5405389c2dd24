//! What the benchmarks share: the program as a process, a client without overhead, prepared plants, and figures.
#![allow(dead_code, reason = "each benchmark uses its part")]

pub(crate) mod client;
pub(crate) mod figures;
pub(crate) mod line;
pub(crate) mod plant;
pub(crate) mod positions;
pub(crate) mod process;
