//! `nightshift score FILE.csv`: scores a recording as the plant would, without a plant.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nightshift_domain::Timestamp;
use nightshift_models::{DeviceChoice, Model, STRIDE, Scorer, WINDOW, select, window_starts};
use serde::Serialize;

use super::{CommandError, output, progress, recording};

/// Windows scored in one call: one full batch of the middle size.
const BATCH: usize = 32;

#[derive(Args)]
pub(super) struct ScoreArgs {
    /// Recording: `time,value` rows, at least 720.
    file: PathBuf,
    /// Model file (.pth, .safetensors); the built-in detector when absent.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// auto, cpu, vulkan or wgpu.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Readings between the starts of two windows.
    #[arg(long, default_value_t = STRIDE, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=1_000_000))]
    stride: usize,
}

/// The verdict on one window of a recording.
#[derive(Serialize)]
struct ScoredWindow {
    start: Timestamp,
    end: Timestamp,
    score: f64,
    result: &'static str,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    readings: usize,
    model: String,
    digest: String,
    device: String,
    threshold: f64,
    windows: Vec<ScoredWindow>,
}

pub(super) fn run(args: &ScoreArgs, json: bool) -> Result<ExitCode, CommandError> {
    let readings = recording::read(&args.file)?;
    let starts = window_starts(readings.len(), args.stride);
    if starts.is_empty() {
        let text = format!("{} readings: a window needs {WINDOW}", readings.len());
        return Err(CommandError::Failed(text));
    }
    let model = match &args.model {
        Some(path) => Model::open(path).map_err(CommandError::failed)?,
        None => Model::builtin_detector(),
    };
    let mut scorer = open(&model, args.device)?;
    let values: Vec<f32> = readings.iter().map(|r| r.value as f32).collect();
    let threshold = model.info().threshold;
    let bar = progress::bar(starts.len() as u64, "scoring");
    let mut windows = Vec::with_capacity(starts.len());
    for batch in starts.chunks(BATCH) {
        let slices: Vec<&[f32]> = batch.iter().map(|start| &values[*start..start + WINDOW]).collect();
        for (start, scored) in batch.iter().zip(scorer.score(&slices).map_err(CommandError::failed)?) {
            let score = f64::from(scored.score);
            windows.push(ScoredWindow {
                start: readings[*start].at,
                end: readings[start + WINDOW - 1].at,
                score,
                result: if score > threshold { "abnormal" } else { "normal" },
            });
        }
        bar.inc(batch.len() as u64);
    }
    bar.finish_and_clear();
    print(
        &Report {
            readings: readings.len(),
            model: model.info().id.clone(),
            digest: model.info().digest_sha256.clone(),
            device: scorer.label().to_owned(),
            threshold,
            windows,
        },
        json,
    );
    Ok(ExitCode::SUCCESS)
}

/// A scorer on the best device that opens.
pub(super) fn open(model: &Model, choice: DeviceChoice) -> Result<Scorer, CommandError> {
    let selection = select(choice).map_err(CommandError::failed)?;
    let mut reason = String::from("there is no device");
    for device in &selection.devices {
        match Scorer::new(model, device) {
            Ok(scorer) => return Ok(scorer),
            Err(error) => reason = format!("{}: {error}", device.label),
        }
    }
    Err(CommandError::Failed(reason))
}

fn print(report: &Report, json: bool) {
    if json {
        output::json(report);
        return;
    }
    for w in &report.windows {
        output::line(&format!("{}  {}  {:>9.4}  {}", w.start, w.end, w.score, w.result));
    }
    let abnormal = report.windows.iter().filter(|w| w.result == "abnormal").count();
    output::line(&format!(
        "{} readings, {} windows, {abnormal} abnormal (above {:.4}); {} on {}",
        report.readings,
        report.windows.len(),
        report.threshold,
        report.model,
        report.device
    ));
}
