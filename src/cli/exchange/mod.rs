//! `nightshift import` and `nightshift export`: everything that the plant knows of its work, as CSV or JSON lines, and a
//! lot's trace as EPCIS 2.0.

pub(super) mod export;
pub(super) mod import;
mod rows;
mod store;

use clap::ValueEnum;
use nightshift_domain::production::Resource;

/// Rows that are read or written at once.
const CHUNK_ROWS: usize = 500;

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A header and a row per entry.
    Csv,
    /// A JSON object per line.
    Jsonl,
    /// EPCIS 2.0 JSON-LD of a lot.
    Epcis,
}

fn resource(word: &str) -> Result<Resource, String> {
    Resource::from_word(word).ok_or_else(|| {
        let all: Vec<&str> = Resource::ALL.iter().map(|resource| resource.as_str()).collect();
        format!("must be one of {}", all.join(", "))
    })
}
