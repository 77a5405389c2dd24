//! The card that goes with a trained detector's weights.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Trained;

/// Figures on sensors that were not trained on, with injected anomalies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HeldOut {
    /// Contrast above which `false_alarm_rate` of the clean windows lie.
    pub threshold: f64,
    /// Clean windows on which the threshold was set; as many with an anomaly each gave the figures below.
    pub clean_windows: usize,
    /// Share of clean windows above the threshold, by its making.
    pub false_alarm_rate: f64,
    /// Share of windows with an injected anomaly above the threshold.
    pub recall: f64,
    /// The same for each kind of anomaly.
    pub recall_by_kind: BTreeMap<String, f64>,
    /// Chance that a window with an injected anomaly scores above a clean one.
    pub auroc: f64,
    /// The same figures where a bank of what the sensor did before is at hand. None without long recordings.
    pub bank: Option<BankFigures>,
}

/// Figures of windows with a bank.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BankFigures {
    /// Contrast above which a window is abnormal.
    pub threshold: f64,
    /// Clean windows; as many with an anomaly each.
    pub clean_windows: usize,
    /// Share of clean windows above the threshold. Recordings have anomalies of their own, so not all of it is false.
    pub false_alarm_rate: f64,
    /// Share of windows with an injected anomaly above the threshold.
    pub recall: f64,
    /// The same for each kind of anomaly.
    pub recall_by_kind: BTreeMap<String, f64>,
    /// Chance that a window with an injected anomaly scores above a clean one.
    pub auroc: f64,
}

/// What a training was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingFacts {
    /// The folders of recordings, as the maker of the card names them.
    pub data: Vec<String>,
    /// Recordings trained on.
    pub recordings: usize,
    /// Readings in them.
    pub readings: usize,
    /// Seed.
    pub seed: u64,
    /// Steps done.
    pub steps: usize,
    /// Windows in a step.
    pub batch: usize,
}

/// Where a detector's weights come from and what they can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// `detector`.
    pub name: String,
    /// Version of the weights.
    pub version: String,
    /// `detector`.
    pub kind: String,
    /// SHA-256 of the weight file.
    pub digest_sha256: String,
    /// Count of its numbers.
    pub parameters: usize,
    /// A window of a contrast above this is abnormal.
    pub threshold: f64,
    /// The same for a window with a bank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bank_threshold: Option<f64>,
    /// How the threshold was set.
    pub threshold_from: String,
    /// The training.
    pub training: TrainingFacts,
    /// Figures on held-out sensors.
    pub held_out: HeldOut,
    /// Figures on recordings with known anomalies, as [`crate::evaluate::evaluate`] reports them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub development: Option<serde_json::Value>,
}

impl ModelCard {
    /// The card of a training's outcome.
    pub fn new(trained: &Trained, training: TrainingFacts, version: &str) -> Self {
        let info = trained.model.info();
        Self {
            name: info.id.clone(),
            version: version.to_owned(),
            kind: "detector".to_owned(),
            digest_sha256: info.digest_sha256.clone(),
            parameters: info.parameters,
            threshold: info.threshold,
            bank_threshold: info.bank_threshold,
            threshold_from: format!(
                "windows alone: {} clean windows of held-out sensors, {} of which score above it; with a bank: a constant, in \
                 units of the sensor's own past",
                trained.held_out.clean_windows, trained.held_out.false_alarm_rate
            ),
            training,
            held_out: trained.held_out.clone(),
            development: None,
        }
    }
}
