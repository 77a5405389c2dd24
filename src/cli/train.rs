//! `nightshift train OUT FOLDER…`: trains a detector from recordings; takes up where it was stopped.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use nightshift_models::train::{Corpus, ModelCard, TrainConfig, TrainingFacts, train};

use super::{CommandError, output, progress, runtime};
use crate::serve::chain;

/// Every this many recordings one is held out to set the threshold.
const HELD_OUT_NTH: usize = 10;

#[derive(Args)]
pub(super) struct TrainArgs {
    /// Folder for `detector.safetensors`, its card `detector.json`, and the state that a later run takes up.
    out: PathBuf,
    /// Folders of recordings (CSV, one reading a row).
    #[arg(required = true)]
    folders: Vec<PathBuf>,
    /// Folder of recordings that must not be trained on, even under other names.
    #[arg(long, value_name = "FOLDER")]
    exclude: Option<PathBuf>,
    /// Steps in all.
    #[arg(long, default_value_t = TrainConfig::default().steps)]
    steps: usize,
    /// Seed of weights, draws and anomalies.
    #[arg(long, default_value_t = TrainConfig::default().seed)]
    seed: u64,
    /// Version written into the card.
    #[arg(long, default_value = "1")]
    model_version: String,
}

pub(super) fn run(args: &TrainArgs, json: bool) -> Result<ExitCode, CommandError> {
    let mut corpus = Corpus::read(&args.folders).map_err(CommandError::failed)?;
    if let Some(folder) = &args.exclude {
        let kept_out = Corpus::read(std::slice::from_ref(folder)).map_err(CommandError::failed)?;
        let dropped = corpus.exclude(&kept_out);
        output::complain(&format!("{} recordings left out", dropped.len()));
    }
    let (corpus, held_out) = corpus.split(HELD_OUT_NTH);
    std::fs::create_dir_all(&args.out).map_err(CommandError::failed)?;
    let config = TrainConfig {
        seed: args.seed,
        steps: args.steps,
        checkpoint: Some(args.out.join("kept.safetensors")),
        ..TrainConfig::default()
    };
    let stop = stop_on_signal()?;
    let bar = progress::bar(args.steps as u64, "training");
    let trained = train(&corpus, &held_out, &config, |at| {
        bar.set_position(at.step as u64);
        bar.set_message(format!("loss {:.4}", at.loss));
        if stop.flag.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    })
    .map_err(|e| CommandError::Failed(chain(&e)))?;
    bar.finish_and_clear();
    let facts = TrainingFacts {
        data: args.folders.iter().map(|f| name(f)).collect(),
        recordings: corpus.recordings.len(),
        readings: corpus.readings(),
        seed: args.seed,
        steps: trained.steps,
        batch: config.batch,
    };
    let card = ModelCard::new(&trained, facts, &args.model_version);
    let text = serde_json::to_string_pretty(&card).map_err(CommandError::failed)?;
    std::fs::write(args.out.join("detector.safetensors"), trained.to_safetensors())
        .map_err(CommandError::failed)?;
    std::fs::write(args.out.join("detector.json"), text + "\n").map_err(CommandError::failed)?;
    if json {
        output::json(&card);
    } else {
        let held = &trained.held_out;
        output::line(&format!(
            "{} steps; on held-out sensors: recall {:.3} at false-alarm rate {:.3}, AUROC {:.3}; {}",
            trained.steps,
            held.recall,
            held.false_alarm_rate,
            held.auroc,
            args.out.join("detector.safetensors").display()
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn name(folder: &Path) -> String {
    folder.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Set when the process is told to stop; the runtime that listens lives as long.
struct Stop {
    flag: Arc<AtomicBool>,
    _runtime: tokio::runtime::Runtime,
}

fn stop_on_signal() -> Result<Stop, CommandError> {
    let (runtime, flag) = (runtime()?, Arc::new(AtomicBool::new(false)));
    let told = Arc::clone(&flag);
    runtime.spawn(async move {
        super::serve::told_to_stop().await;
        told.store(true, Ordering::Relaxed);
    });
    Ok(Stop { flag, _runtime: runtime })
}
