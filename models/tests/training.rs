//! A training is reproducible, can be taken up again, and learns.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::ops::ControlFlow;
use std::path::Path;

use nightshift_models::train::{
    Corpus, ModelCard, Recording, TrainConfig, TrainError, Trained, TrainingFacts, train,
};
use nightshift_models::{DeviceSpec, Model, ModelKind, Scorer};

fn corpus() -> Corpus {
    let recording = |n: usize| {
        let pace = 0.05 + 0.03 * n as f32;
        let reading = |i: usize| {
            let t = i as f32;
            (t * pace).sin() + 0.3 * (t * pace * 2.7).sin() + 0.05 * ((t * 12.99).sin() * 43_758.547).fract()
        };
        Recording { name: n.to_string(), group: 0, values: (0..3_000).map(reading).collect() }
    };
    Corpus { recordings: (0..6).map(recording).collect() }
}

fn config(steps: usize, checkpoint: Option<&Path>) -> TrainConfig {
    let checkpoint = checkpoint.map(Path::to_path_buf);
    TrainConfig {
        seed: 7,
        steps,
        batch: 4,
        learning_rate: 2e-3,
        checkpoint,
        checkpoint_every: 3,
        held_out_windows: 100,
    }
}

/// The losses of a training that is stopped after `until` steps.
fn losses(config: &TrainConfig, until: usize) -> (Vec<f32>, Trained) {
    let mut losses = Vec::new();
    let trained = train(&corpus(), &corpus(), config, |progress| {
        losses.push(progress.loss);
        if progress.step >= until { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    (losses, trained.unwrap())
}

#[test]
fn a_training_taken_up_again_goes_on_as_it_would_have() {
    let dir = tempfile::tempdir().unwrap();
    let kept = config(10, Some(&dir.path().join("kept.safetensors")));
    let (whole, at_once) = losses(&config(10, None), 10);
    let (mut parts, _) = losses(&kept, 4);
    let (rest, taken_up) = losses(&kept, 10);
    parts.extend(rest);
    assert_eq!(parts, whole);
    assert_eq!(taken_up.to_safetensors(), at_once.to_safetensors());
    assert_eq!(taken_up.model.info(), at_once.model.info());
}

#[test]
fn a_kept_state_of_another_training_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kept.safetensors");
    losses(&config(2, Some(&path)), 2);
    let other = TrainConfig { seed: 8, ..config(2, Some(&path)) };
    let refused = train(&corpus(), &corpus(), &other, |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(TrainError::OtherSettings(_))));
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let refused = train(&corpus(), &corpus(), &config(2, Some(&path)), |_| ControlFlow::Continue(()));
    assert!(matches!(refused, Err(TrainError::Kept(_))));
}

#[test]
fn training_lowers_the_loss() {
    let config = config(60, None);
    let (losses, trained) = losses(&config, 60);
    let mean = |part: &[f32]| part.iter().sum::<f32>() / part.len() as f32;
    assert!(
        mean(&losses[45..]) < 0.9 * mean(&losses[..15]),
        "{} {}",
        mean(&losses[..15]),
        mean(&losses[45..])
    );
    assert!(trained.held_out.auroc > 0.6, "{:?}", trained.held_out);
}

#[test]
fn what_was_trained_opens_as_a_model() {
    let (_, trained) = losses(&config(3, None), 3);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("detector.safetensors");
    std::fs::write(&path, trained.to_safetensors()).unwrap();
    let facts = TrainingFacts {
        data: vec!["waves".to_owned()],
        recordings: 6,
        readings: 18_000,
        seed: 7,
        steps: trained.steps,
        batch: 4,
    };
    let card = serde_json::to_string(&ModelCard::new(&trained, facts, "9")).unwrap();
    std::fs::write(path.with_extension("json"), card).unwrap();
    let opened = Model::open(&path).unwrap();
    assert_eq!((opened.info().kind, opened.info().version.as_str()), (ModelKind::Detector, "9"));
    assert_eq!(opened.info().digest_sha256, trained.model.info().digest_sha256);
    assert!((opened.info().threshold - trained.model.info().threshold).abs() < 1e-9);
    assert!(Scorer::new(&opened, &DeviceSpec::cpu()).unwrap().canary().unwrap().passed);
}

#[test]
fn settings_out_of_limits_and_corpora_without_windows_are_refused() {
    let go = |corpus: &Corpus, config: &TrainConfig| {
        train(corpus, corpus, config, |_| ControlFlow::Continue(())).map(|trained| trained.steps)
    };
    for bad in [
        TrainConfig { steps: 0, ..config(1, None) },
        TrainConfig { batch: 100_000, ..config(1, None) },
        TrainConfig { learning_rate: f64::NAN, ..config(1, None) },
        TrainConfig { checkpoint_every: 0, ..config(1, None) },
    ] {
        assert!(matches!(go(&corpus(), &bad), Err(TrainError::Setting(_))), "{bad:?}");
    }
    assert!(matches!(go(&Corpus::default(), &config(1, None)), Err(TrainError::NoWindows)));
}
