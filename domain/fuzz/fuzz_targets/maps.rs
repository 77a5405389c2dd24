//! `cargo +nightly fuzz run maps` in `domain/`.
#![no_main]

#[path = "../entries.rs"]
mod entries;

libfuzzer_sys::fuzz_target!(|data: (&str, &str)| entries::maps(data.0, data.1));
