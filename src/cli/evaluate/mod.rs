//! `nightshift evaluate FOLDER`: measures a model on labelled recordings, beside chance and the strongest trivial method.
//!
//! Prints a table, or with `--json` the figures alone, and writes `report.json` and `report.html`.

mod html;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nightshift_models::evaluate::{
    Curve, EvaluationReport, FaultReport, Labelled, Methods, SeriesReport, SeriesVerdict, evaluate, faults,
};
use nightshift_models::{BankScorer, DeviceChoice, Model};
use serde::Serialize;

use super::score::open;
use super::{CommandError, output, progress};
use crate::serve::chain;

/// Where the reports go when nothing else is said.
const OUT_DEFAULT: &str = "evaluation";

#[derive(Args)]
pub(super) struct EvaluateArgs {
    /// Folder of CSV files with the columns Data and Label; `tr_N` in a name means N readings of calibration.
    dataset: PathBuf,
    /// Model file (.pth, .safetensors); the built-in detector when absent.
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// auto, cpu, vulkan or wgpu.
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Folder for report.json and report.html [default: evaluation; with --json none]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Figures<'a> {
    series: Vec<SeriesFigures<'a>>,
    vus_pr: VusPr,
    verdict: Verdict,
}

#[derive(Serialize)]
struct SeriesFigures<'a> {
    name: &'a str,
    readings: usize,
    anomalies: usize,
    vus_pr: VusPr,
    verdict: Option<&'a SeriesVerdict>,
}

/// VUS-PR of windows by themselves, and with what the sensor did before; null where there is too little of that.
#[derive(Serialize)]
struct VusPr {
    window: f64,
    bank: Option<f64>,
}

#[derive(Serialize)]
struct Verdict {
    recall: f64,
    false_alarm_rate: f64,
    auroc: f64,
}

/// What `report.json` holds.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    evaluation: &'a EvaluationReport,
    faults: &'a [FaultReport],
}

pub(super) fn run(args: &EvaluateArgs, json: bool) -> Result<ExitCode, CommandError> {
    let failed = |e: &dyn std::error::Error| CommandError::Failed(chain(e));
    let recordings = Labelled::read_folder(&args.dataset).map_err(|e| failed(&e))?;
    let model = match &args.model {
        Some(path) => Model::open(path).map_err(|e| failed(&e))?,
        None => Model::builtin_detector(),
    };
    let out = args.out.clone().or_else(|| (!json).then(|| PathBuf::from(OUT_DEFAULT)));
    if let Some(out) = &out {
        // Minutes of work must not end at a folder that cannot be written.
        std::fs::create_dir_all(out).map_err(|e| unwritable(out, &e))?;
    }
    let (mut scorer, mut bank) = (open(&model, args.device)?, BankScorer::new(&model));
    let waiting = progress::spinner("evaluating");
    let (report, curves) = evaluate(&mut scorer, &mut bank, &recordings).map_err(|e| failed(&e))?;
    let found = match &out {
        Some(_) => faults(&mut scorer, &mut bank, &recordings).map_err(|e| failed(&e))?,
        None => Vec::new(),
    };
    waiting.finish_and_clear();
    if let Some(out) = &out {
        write(out, &report, &curves, &found)?;
    }
    if json {
        output::json(&figures(&report));
    } else {
        print(&report, &found);
        if let Some(out) = &out {
            output::line(&format!("report: {}", out.join("report.html").display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn unwritable(path: &Path, error: &std::io::Error) -> CommandError {
    CommandError::Failed(format!("{} cannot be written: {error}", path.display()))
}

fn write(
    out: &Path,
    report: &EvaluationReport,
    curves: &[Curve],
    found: &[FaultReport],
) -> Result<(), CommandError> {
    let json = serde_json::to_string_pretty(&Report { evaluation: report, faults: found })
        .map_err(|e| CommandError::Failed(e.to_string()))?;
    for (name, text) in [("report.json", json), ("report.html", html::page(report, curves, found))] {
        let path = out.join(name);
        std::fs::write(&path, text).map_err(|e| unwritable(&path, &e))?;
    }
    Ok(())
}

fn series_figures(series: &SeriesReport) -> SeriesFigures<'_> {
    SeriesFigures {
        name: &series.name,
        readings: series.readings,
        anomalies: series.anomalies,
        vus_pr: VusPr { window: series.vus_pr.network, bank: series.vus_pr_bank },
        verdict: series.verdict.as_ref(),
    }
}

fn figures(report: &EvaluationReport) -> Figures<'_> {
    Figures {
        series: report.series.iter().map(series_figures).collect(),
        vus_pr: VusPr { window: report.vus_pr.network, bank: report.bank.as_ref().map(|bank| bank.vus_pr) },
        verdict: Verdict {
            recall: report.verdict.recall,
            false_alarm_rate: report.verdict.false_alarm_rate,
            auroc: report.verdict.auroc,
        },
    }
}

fn print(report: &EvaluationReport, found: &[FaultReport]) {
    let row = |name: &str, m: &Methods, bank: Option<f64>| {
        let bank = bank.map_or_else(|| "-".to_owned(), |bank| format!("{bank:.3}"));
        output::line(&format!(
            "{name:44} {:>7.3} {:>10.3} {:>13.3} {:>7.3} {bank:>9}",
            m.random, m.everything, m.raw_neighbour, m.network
        ));
    };
    output::line(&format!(
        "{:44} {:>7} {:>10} {:>13} {:>7} {:>9}",
        "VUS-PR", "random", "everything", "raw neighbour", "model", "with bank"
    ));
    for series in &report.series {
        row(&series.name, &series.vus_pr, series.vus_pr_bank);
    }
    row("mean", &report.vus_pr, report.bank.as_ref().map(|bank| bank.vus_pr));
    let (all, own) = (&report.windows, &report.verdict);
    output::line(&format!(
        "windows alone, one threshold: {} ({} positive), recall {:.3}, false alarms {:.3}, AUROC {:.3}",
        all.windows, all.positive, all.recall, all.false_alarm_rate, all.auroc.network
    ));
    output::line(&format!(
        "verdicts as the plant gives them: {} ({} positive), recall {:.3}, false alarms {:.3} ({:.1} a month and \
         sensor, judged hourly), AUROC {:.3}",
        own.windows,
        own.positive,
        own.recall,
        own.false_alarm_rate,
        own.false_alarms_per_sensor_month,
        own.auroc
    ));
    output::line("everything called abnormal: recall 1.000, false alarms 1.000, AUROC 0.500");
    if !found.is_empty() {
        output::line(&format!(
            "{:14} {:>8} {:>6} {:>9} {:>14}",
            "fault", "strength", "count", "found", "delay, median"
        ));
    }
    for fault in found {
        let delay = fault.delay_median.map_or_else(|| "-".to_owned(), |delay| delay.to_string());
        let (name, found) = (html::word(fault.kind), fault.detected);
        output::line(&format!(
            "{name:14} {:>8.1} {:>6} {found:>9.3} {delay:>14}",
            fault.strength, fault.count
        ));
    }
    for skipped in &report.skipped {
        output::line(&format!("skipped {skipped}"));
    }
}
