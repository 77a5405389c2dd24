//! Migrations are embedded at compile time: a change in them must rebuild the crate.
#![expect(
    clippy::print_stdout,
    reason = "cargo reads a build script's instructions from its standard output"
)]

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
