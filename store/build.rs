//! Migrations are embedded at compile time: a change in them must rebuild the crate.

fn main() {
    println!("cargo:rerun-if-changed=../migrations");
}
