//! Measures the built-in detector on held-out recordings: `measure_detector [--exclude FOLDER] FOLDER…`
//!
//! Prints the figures and thresholds of its card, and verdicts on held-out sensors with thresholds of their own. The folders must be those of the training, in its order, so that
//! the recordings held out here are those that were held out there.

use std::error::Error;
use std::path::PathBuf;

use nightshift_models::Model;
use nightshift_models::train::{Corpus, TrainConfig, measure, unseen};
use serde_json::json;

/// Every this many recordings one was held out of the training.
const HELD_OUT_NTH: usize = 10;
/// Held-out sensors of each folder that are judged with thresholds of their own.
const SENSORS: usize = 30;

fn main() -> Result<(), Box<dyn Error>> {
    let mut folders: Vec<PathBuf> = std::env::args().skip(1).map(PathBuf::from).collect();
    let mut excluded = Corpus::default();
    if folders.first().is_some_and(|word| word.as_os_str() == "--exclude") && folders.len() > 1 {
        excluded = Corpus::read(&folders[1..2])?;
        folders.drain(..2);
    }
    let mut corpus = Corpus::read(&folders)?;
    corpus.exclude(&excluded);
    let (_, held_out) = corpus.split(HELD_OUT_NTH);
    let config = TrainConfig::default();
    let figures = measure(&Model::builtin_detector(), &held_out, config.held_out_windows, config.seed)?;
    let unseen = unseen(&Model::builtin_detector(), &held_out, SENSORS, config.seed)?;
    let found = json!({ "held_out": figures, "unseen": unseen });
    #[expect(clippy::print_stdout, reason = "printing is what this program does")]
    {
        println!("{}", serde_json::to_string_pretty(&found)?);
    }
    Ok(())
}
