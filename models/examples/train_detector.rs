//! Trains a detector: `train_detector OUT_FOLDER STEPS SEED [--exclude FOLDER] FOLDER…`
//!
//! The state is kept in `OUT_FOLDER/kept.safetensors` and taken up from there.

use std::error::Error;
use std::ops::ControlFlow;
use std::path::PathBuf;

use nightshift_models::train::{Corpus, ModelCard, TrainConfig, TrainingFacts, train};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next =
        || arguments.next().ok_or("usage: train_detector OUT STEPS SEED [--exclude FOLDER] FOLDER…");
    let out = PathBuf::from(next()?);
    let (steps, seed) = (next()?.parse()?, next()?.parse()?);
    let mut rest: Vec<String> = arguments.collect();
    let mut corpus = Corpus::default();
    if rest.first().is_some_and(|word| word == "--exclude") {
        corpus = Corpus::read(&[PathBuf::from(&rest[1])])?;
        rest.drain(..2);
    }
    let held_back = corpus;
    let mut corpus = Corpus::read(&rest.iter().map(PathBuf::from).collect::<Vec<_>>())?;
    let dropped = corpus.exclude(&held_back);
    report(&format!("{} recordings left out: {dropped:?}", dropped.len()));
    let (corpus, held_out) = corpus.split(10);
    report(&format!("{} recordings, {} readings", corpus.recordings.len(), corpus.readings()));
    std::fs::create_dir_all(&out)?;
    let config =
        TrainConfig { seed, steps, checkpoint: Some(out.join("kept.safetensors")), ..TrainConfig::default() };
    let mut mean = 0.0;
    let trained = train(&corpus, &held_out, &config, |progress| {
        mean += progress.loss / 50.0;
        if progress.step % 50 == 0 {
            report(&format!("step {} of {}: loss {mean:.4}", progress.step, progress.steps));
            mean = 0.0;
        }
        if out.join("stop").exists() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })?;
    let name = |folder: &String| folder.rsplit('/').next().unwrap_or_default().to_owned();
    let facts = TrainingFacts {
        data: rest.iter().map(name).collect(),
        recordings: corpus.recordings.len(),
        readings: corpus.readings(),
        seed,
        steps: trained.steps,
        batch: config.batch,
    };
    let card = ModelCard::new(&trained, facts, "1");
    std::fs::write(out.join("detector.safetensors"), trained.to_safetensors())?;
    std::fs::write(out.join("detector.json"), serde_json::to_string_pretty(&card)? + "\n")?;
    report(&format!("{:?}", trained.held_out));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "saying how far it is belongs to what this program does")]
fn report(line: &str) {
    println!("{line}");
}
