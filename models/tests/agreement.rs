//! Every path to a score gives the same score: PyTorch's own figures, burn and the CPU kernels.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::path::{Path, PathBuf};

use nightshift_models::{
    BANK_READINGS_MAX, BANK_READINGS_MIN, BATCHES, DeviceChoice, DeviceSpec, Model, ScoreError, Scorer,
    WINDOW, WindowScore, select,
};
use proptest::prelude::*;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/gru").join(name)
}

fn table(name: &str) -> Vec<Vec<f32>> {
    let text = std::fs::read_to_string(fixture(name)).unwrap();
    text.lines().map(|line| line.split(',').map(|v| v.parse().unwrap()).collect()).collect()
}

fn views(windows: &[Vec<f32>]) -> Vec<&[f32]> {
    windows.iter().map(Vec::as_slice).collect()
}

fn gru() -> Model {
    Model::open(&fixture("model.pth")).unwrap()
}

fn scorer(model: &Model) -> Scorer {
    Scorer::new(model, &DeviceSpec::cpu()).unwrap()
}

#[test]
fn a_sites_network_gives_pytorchs_logits() {
    let windows = table("windows.csv");
    let expected = table("logits.csv");
    for name in ["model.pth", "model.safetensors"] {
        let model = Model::open(&fixture(name)).unwrap();
        for mut scorer in [scorer(&model), Scorer::reference(&model).unwrap()] {
            let scores = scorer.score(&views(&windows)).unwrap();
            for (score, expected) in scores.iter().zip(&expected) {
                let logits = score.logits.unwrap();
                for (got, want) in logits.iter().zip(expected) {
                    assert!((got - want).abs() < 1e-4, "{name} on {}: {got} for {want}", scorer.label());
                }
                assert_eq!(score.abnormal, expected[1] > expected[0]);
                assert!(score.readings.is_none());
            }
        }
    }
}

#[test]
fn answers_do_not_depend_on_the_company() {
    let windows = table("windows.csv");
    for model in [gru(), Model::builtin_detector()] {
        for mut scorer in [scorer(&model), Scorer::reference(&model).unwrap()] {
            let alone: Vec<WindowScore> =
                windows.iter().flat_map(|w| scorer.score(&[w.as_slice()]).unwrap()).collect();
            for count in [2, 5, 9, 16] {
                let together = scorer.score(&views(&windows[..count])).unwrap();
                assert_eq!(together.len(), count);
                for (a, b) in alone.iter().zip(&together) {
                    assert!((a.score - b.score).abs() <= 1e-5 * a.score.max(1.0), "{} {}", a.score, b.score);
                }
            }
        }
    }
}

#[test]
fn a_detector_gives_each_reading_a_score() {
    let windows = table("windows.csv");
    for score in scorer(&Model::builtin_detector()).score(&views(&windows)).unwrap() {
        let readings = score.readings.unwrap();
        assert_eq!(readings.len(), WINDOW);
        assert!(readings.iter().all(|v| v.is_finite() && *v >= 0.0));
        assert!(score.score.is_finite() && score.score >= 0.0);
        assert!(score.logits.is_none());
    }
}

#[test]
fn one_unusual_stretch_stands_out_on_every_scale() {
    let mut scorer = scorer(&Model::builtin_detector());
    let calm: Vec<f32> =
        (0..WINDOW).map(|i| (i as f32 * 0.13).sin() + 0.05 * ((i * i) as f32 * 0.7).sin()).collect();
    let mut hit = calm.clone();
    hit[400..440].iter_mut().for_each(|v| *v += 3.0);
    for unit in [1.0, 1e-3, 1e6] {
        let scaled = |window: &[f32]| window.iter().map(|v| v * unit).collect::<Vec<f32>>();
        let scores = scorer.score(&[&scaled(&calm), &scaled(&hit)]).unwrap();
        assert!(!scores[0].abnormal && scores[0].score < 1.0, "{}", scores[0].score);
        assert!(scores[1].abnormal && scores[1].score > 10.0 * scores[0].score, "{}", scores[1].score);
    }
}

#[test]
fn a_bank_tells_what_a_window_alone_cannot() {
    let mut scorer = scorer(&Model::builtin_detector());
    let reading =
        |i: usize| (i as f32 * 0.13).sin() + 0.05 * ((i as f32 * 12.9898).sin() * 43_758.547).fract();
    let bank: Vec<f32> = (0..BANK_READINGS_MAX).map(reading).collect();
    let same: Vec<f32> = (BANK_READINGS_MAX..BANK_READINGS_MAX + WINDOW).map(reading).collect();
    // Every stretch is like every other in it, and none is like the bank.
    let other: Vec<f32> = (0..WINDOW).map(|i| 2.0 + reading(3 * i)).collect();
    let alone = scorer.score(&[&other]).unwrap();
    let scores = scorer.score_with_bank(&[(&same, &bank), (&other, &bank)]).unwrap();
    assert!(!alone[0].abnormal && !scores[0].abnormal && scores[1].score > 2.0 * scores[0].score);
    assert_eq!(scores[1].readings.as_ref().unwrap().len(), WINDOW);
    let mut longer = vec![50.0; 100];
    longer.extend(&bank);
    assert_eq!(scorer.score_with_bank(&[(&same, &longer)]).unwrap()[0], scores[0]);
}

#[test]
fn wrong_banks_are_named() {
    let mut detector = scorer(&Model::builtin_detector());
    let window = vec![1.0; WINDOW];
    let mut bank = vec![1.0; BANK_READINGS_MIN];
    let score = detector.score_with_bank(&[(&window, &bank)]).unwrap();
    assert!(score[0].score.abs() < 1e-6 && !score[0].abnormal);
    let short = &bank[1..];
    let refused = detector.score_with_bank(&[(&window, &bank), (&window, short)]);
    assert_eq!(refused, Err(ScoreError::BankTooShort { window: 1, readings: BANK_READINGS_MIN - 1 }));
    assert_eq!(scorer(&gru()).score_with_bank(&[(&window, &bank)]), Err(ScoreError::NoBank));
    assert_eq!(detector.score_with_bank(&[]), Err(ScoreError::NoWindow));
    bank[7] = f32::NAN;
    let refused = detector.score_with_bank(&[(&window, &bank)]);
    assert_eq!(refused, Err(ScoreError::BankNotFinite { window: 0, reading: 7 }));
}

#[test]
fn constant_windows_are_not_abnormal() {
    let mut scorer = scorer(&Model::builtin_detector());
    for level in [0.0, 7.9, -1e9, 1e30] {
        let score = &scorer.score(&[&[level; WINDOW]]).unwrap()[0];
        assert!(!score.abnormal && score.score.abs() < 1e-6, "{level}: {}", score.score);
    }
}

#[test]
fn wrong_windows_are_named() {
    let mut scorer = scorer(&gru());
    let good = vec![1.0; WINDOW];
    let mut bad = good.clone();
    bad[17] = f32::INFINITY;
    assert_eq!(scorer.score(&[]), Err(ScoreError::NoWindow));
    assert_eq!(
        scorer.score(&[&good, &good[1..]]),
        Err(ScoreError::Length { window: 1, readings: WINDOW - 1 })
    );
    assert_eq!(scorer.score(&[&good, &bad]), Err(ScoreError::NotFinite { window: 1, reading: 17 }));
    assert!(scorer.score(&[&good]).is_ok());
}

#[test]
fn the_canary_sings_and_warm_up_runs_every_size() {
    for model in [gru(), Model::builtin_detector()] {
        let mut scorer = scorer(&model);
        let report = scorer.canary().unwrap();
        assert!(report.passed && report.windows == 8, "{report:?}");
        let sizes: Vec<usize> = scorer.warm_up().unwrap().iter().map(|run| run.batch).collect();
        assert_eq!(sizes, BATCHES);
    }
}

/// Runs where there is a GPU and says so where there is none.
#[test]
fn a_gpu_gives_the_cpus_scores_at_every_batch_size() {
    let device = select(DeviceChoice::Auto).unwrap().devices.remove(0);
    if device.is_cpu() {
        println!("skipped: this machine has no GPU");
        return;
    }
    let shipped = table("windows.csv");
    for model in [gru(), Model::builtin_detector()] {
        let mut on_gpu = Scorer::new(&model, &device).unwrap();
        on_gpu.warm_up().unwrap();
        assert!(on_gpu.canary().unwrap().passed);
        for count in [1, 3, 32, 33, 300] {
            let windows: Vec<&[f32]> = shipped.iter().map(Vec::as_slice).cycle().take(count).collect();
            let (here, there) = (on_gpu.score(&windows).unwrap(), scorer(&model).score(&windows).unwrap());
            assert_eq!(here.len(), count);
            for (here, there) in here.iter().zip(&there) {
                let (got, want) = (here.score, there.score);
                assert!((got - want).abs() <= 1e-3 * want.max(1.0), "{}: {got} for {want}", on_gpu.label());
            }
        }
    }
}

#[test]
fn a_threshold_decides_what_is_abnormal() {
    let window = &table("windows.csv")[0];
    let mut scorer = scorer(&gru());
    let score = scorer.score(&[window]).unwrap()[0].score;
    scorer.set_threshold(f64::from(score) + 1e-3);
    assert!(!scorer.score(&[window]).unwrap()[0].abnormal);
    scorer.set_threshold(f64::from(score) - 1e-3);
    assert!(scorer.score(&[window]).unwrap()[0].abnormal);
}

fn any_window() -> impl Strategy<Value = Vec<f32>> {
    let shape =
        (-50.0_f32..50.0, 0.001_f32..5.0, 0.001_f32..0.5, 0.0_f32..1.0, 0_usize..WINDOW, -8.0_f32..8.0);
    (shape, proptest::collection::vec(-1.0_f32..1.0, WINDOW)).prop_map(
        |((level, swing, pace, noise, at, jump), grain)| {
            let reading = |(i, g): (usize, &f32)| {
                level + swing * (i as f32 * pace).sin() + noise * g + if i >= at { jump } else { 0.0 }
            };
            grain.iter().enumerate().map(reading).collect()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_kernels_agree_with_burn(windows in proptest::collection::vec(any_window(), 1..6)) {
        for model in [gru(), Model::builtin_detector()] {
            let fast = scorer(&model).score(&views(&windows)).unwrap();
            let slow = Scorer::reference(&model).unwrap().score(&views(&windows)).unwrap();
            for (fast, slow) in fast.iter().zip(&slow) {
                // Distances agree within a share of the highest one; a contrast divides that one by a level that is
                // smaller by as much as the contrast is high.
                let scale = slow.score.abs().max(1.0) * (1.0 + slow.score.abs());
                prop_assert!((fast.score - slow.score).abs() <= 1e-5 * scale, "{} {}", fast.score, slow.score);
                if let (Some(fast), Some(slow)) = (&fast.logits, &slow.logits) {
                    prop_assert!(fast.iter().zip(slow).all(|(f, s)| (f - s).abs() <= 1e-5 * s.abs().max(1.0)));
                }
                if let (Some(fast), Some(slow)) = (&fast.readings, &slow.readings) {
                    let scale = slow.iter().copied().fold(1.0, f32::max);
                    let worst = fast.iter().zip(slow.iter()).map(|(f, s)| (f - s).abs()).fold(0.0, f32::max);
                    prop_assert!(worst <= 1e-5 * scale, "reading off by {worst} at scale {scale}");
                }
            }
        }
    }
}
