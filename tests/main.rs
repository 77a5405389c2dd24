//! Black-box tests: the real program on an ephemeral loopback port with a directory of its own.

mod common;
mod faults;
mod sensing;
mod system;
