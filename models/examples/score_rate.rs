//! Windows per second of both networks on a device, at batches of 1, 32 and 256, and of 4,096 on a GPU.
//!
//! `score_rate [auto|vulkan|wgpu|cpu] [GRU.safetensors]` prints one JSON object. On a GPU it also says how far the scores are
//! from the CPU's.

use std::error::Error;
use std::num::ParseFloatError;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nightshift_models::{BANK_READINGS_MAX, DeviceChoice, DeviceSpec, Model, Scorer, WINDOW, select};
use serde_json::json;

const BATCHES: [usize; 3] = [1, 32, 256];
/// What a GPU gets besides.
const BATCH_ON_GPU: usize = 4_096;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(400);

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let choice: DeviceChoice = arguments.next().as_deref().unwrap_or("cpu").parse()?;
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/gru");
    let gru = arguments.next().map_or_else(|| fixtures.join("model.safetensors"), PathBuf::from);
    let shipped = table(&std::fs::read_to_string(fixtures.join("windows.csv"))?)?;
    let selection = select(choice)?;
    let device = &selection.devices[0];
    let batches: Vec<usize> = BATCHES.into_iter().chain((!device.is_cpu()).then_some(BATCH_ON_GPU)).collect();
    let windows = windows(batches[batches.len() - 1]);
    let mut report = serde_json::Map::new();
    for (name, model) in [("gru", Model::open(&gru)?), ("detector", Model::builtin_detector())] {
        let mut scorer = Scorer::new(&model, device)?;
        let warm_up = scorer.warm_up()?;
        let mut rates = serde_json::Map::new();
        for &batch in &batches {
            let views: Vec<&[f32]> = windows[..batch].iter().map(Vec::as_slice).collect();
            rates.insert(batch.to_string(), json!(rate(&mut scorer, &views)?.round()));
        }
        let mut entry = json!({"device": scorer.label(), "windows_per_second": rates});
        if !device.is_cpu() {
            let views: Vec<&[f32]> = windows.iter().map(Vec::as_slice).collect();
            entry["off_from_cpu"] = json!(off(&model, &mut scorer, &views)?);
            entry["canary"] = json!(scorer.canary()?);
            entry["warm_up"] = json!(warm_up);
        }
        if name == "detector" {
            let scores = scorer.score(&shipped.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
            entry["shipped_window_scores"] = scores.iter().map(|score| score.score).collect();
            let bank: Vec<f32> = windows.iter().flatten().take(BANK_READINGS_MAX).copied().collect();
            let banked: Vec<(&[f32], &[f32])> =
                windows[..BATCHES[1]].iter().map(|window| (window.as_slice(), bank.as_slice())).collect();
            entry["windows_per_second_with_bank"] =
                json!(best(banked.len(), || Ok(scorer.score_with_bank(&banked).map(drop)?))?.round());
        }
        report.insert(name.to_owned(), entry);
    }
    #[expect(clippy::print_stdout, reason = "printing is what this program does")]
    {
        println!("{}", serde_json::to_string_pretty(&report)?);
    }
    Ok(())
}

/// Largest difference of a score from the CPU's, relative to scores above 1.
fn off(model: &Model, scorer: &mut Scorer, windows: &[&[f32]]) -> Result<f32, Box<dyn Error>> {
    let on_cpu = Scorer::new(model, &DeviceSpec::cpu())?.score(windows)?;
    let differences = scorer.score(windows)?.into_iter().zip(on_cpu).map(|(here, there)| {
        let off = (here.score - there.score).abs() / there.score.abs().max(1.0);
        if off.is_nan() { f32::INFINITY } else { off }
    });
    Ok(differences.fold(0.0, f32::max))
}

fn rate(scorer: &mut Scorer, windows: &[&[f32]]) -> Result<f64, Box<dyn Error>> {
    best(windows.len(), || Ok(scorer.score(windows).map(drop)?))
}

/// Windows per second in the best of a few rounds: whatever else runs on the machine only ever slows one down.
#[expect(clippy::disallowed_methods, reason = "a measurement of time needs the time")]
fn best(count: usize, mut run: impl FnMut() -> Result<(), Box<dyn Error>>) -> Result<f64, Box<dyn Error>> {
    let mut best = 0.0_f64;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let mut scored = 0_usize;
        while start.elapsed() < ROUND {
            run()?;
            scored += count;
        }
        best = best.max(scored as f64 / start.elapsed().as_secs_f64());
    }
    Ok(best)
}

fn table(text: &str) -> Result<Vec<Vec<f32>>, ParseFloatError> {
    text.lines().map(|line| line.split(',').map(str::parse).collect()).collect()
}

fn windows(count: usize) -> Vec<Vec<f32>> {
    let reading = |w: usize, i: usize| {
        let t = i as f32;
        7.0 + (t * 0.0087).sin()
            + 0.2 * (t * (0.31 + 0.001 * w as f32)).sin()
            + 0.05 * ((t * 12.9898).sin() * 43758.547).fract()
    };
    (0..count).map(|w| (0..WINDOW).map(|i| reading(w, i)).collect()).collect()
}
