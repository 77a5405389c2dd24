//! `nightshift evaluate FOLDER`: measures a model on labelled recordings, beside chance and the strongest trivial method.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nightshift_models::evaluate::{EvaluationReport, Labelled, Methods, evaluate};
use nightshift_models::{DeviceChoice, Model};

use super::score::open;
use super::{CommandError, output, progress};
use crate::serve::chain;

#[derive(Args)]
pub(super) struct EvaluateArgs {
    /// Folder of CSV files with the columns Data and Label; `tr_N` in a name means N readings of calibration.
    folder: PathBuf,
    /// Model file (.pth, .safetensors); the built-in detector when absent.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// auto, cpu, vulkan or wgpu.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
}

pub(super) fn run(args: &EvaluateArgs, json: bool) -> Result<ExitCode, CommandError> {
    let failed = |e: &dyn std::error::Error| CommandError::Failed(chain(e));
    let recordings = Labelled::read_folder(&args.folder).map_err(|e| failed(&e))?;
    let model = match &args.model {
        Some(path) => Model::open(path).map_err(|e| failed(&e))?,
        None => Model::builtin_detector(),
    };
    let mut scorer = open(&model, args.device)?;
    let waiting = progress::spinner("evaluating");
    let report = evaluate(&mut scorer, &recordings).map_err(|e| failed(&e))?;
    waiting.finish_and_clear();
    if json {
        output::json(&report);
    } else {
        print(&report);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(report: &EvaluationReport) {
    let row = |name: &str, m: &Methods| {
        output::line(&format!(
            "{name:44} {:>7.3} {:>10.3} {:>13.3} {:>7.3}",
            m.random, m.everything, m.raw_neighbour, m.network
        ));
    };
    output::line(&format!(
        "{:44} {:>7} {:>10} {:>13} {:>7}",
        "VUS-PR", "random", "everything", "raw neighbour", "model"
    ));
    for series in &report.series {
        row(&series.name, &series.vus_pr);
    }
    row("mean", &report.vus_pr);
    let (all, own) = (&report.windows, &report.calibrated);
    output::line(&format!(
        "windows, one threshold: {} ({} positive), recall {:.3}, false alarms {:.3}, AUROC {:.3}",
        all.windows, all.positive, all.recall, all.false_alarm_rate, all.auroc.network
    ));
    output::line(&format!(
        "windows, calibrated per sensor: {} ({} positive), recall {:.3}, false alarms {:.3}",
        own.windows, own.positive, own.recall, own.false_alarm_rate
    ));
    for skipped in &report.skipped {
        output::line(&format!("skipped {skipped}"));
    }
}
