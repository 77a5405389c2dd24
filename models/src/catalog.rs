//! Models: what a weight file turns out to be, under which digest, with which threshold.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::detector::{self, DetectorWeights};
use crate::gru::{self, GruWeights};
use crate::state::{State, StateError, read_limited};

/// Largest model card that is read, in bytes.
const CARD_BYTES_MAX: u64 = 256 * 1024;

static BUILTIN_WEIGHTS: &[u8] = include_bytes!("../weights/detector.safetensors");
static BUILTIN_CARD: &str = include_str!("../weights/detector.json");

/// The kinds of network that can be run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// A classifier of windows: GRU(1 → 32), linear 32 → 2.
    Gru,
    /// The detector of unusual stretches, which needs no training for a sensor.
    Detector,
}

/// What is known of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// Its name: `detector` for the built-in one, else the name of its file without the ending.
    pub id: String,
    /// Which network it is.
    pub kind: ModelKind,
    /// Version from its card; empty without one.
    pub version: String,
    /// SHA-256 of the weight file, in hexadecimal.
    pub digest_sha256: String,
    /// Count of its numbers.
    pub parameters: usize,
    /// A window scoring above this is abnormal.
    pub threshold: f64,
    /// A window that a bank was given for is abnormal above this. None for a model that takes no bank, or whose
    /// card gives none.
    pub bank_threshold: Option<f64>,
}

/// The file beside the weights that says where they come from; only what scoring needs is read.
#[derive(Clone, Debug, Deserialize)]
struct Card {
    #[serde(default)]
    version: String,
    threshold: f64,
    #[serde(default)]
    bank_threshold: Option<f64>,
}

/// A model's weights, on no device yet. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Model {
    info: ModelInfo,
    network: Network,
}

#[derive(Clone, Debug)]
pub(crate) enum Network {
    Gru(Arc<GruWeights>),
    Detector(Arc<DetectorWeights>),
}

/// Why a model could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The weights could not be read or do not fit.
    #[error("weights are unusable")]
    Weights(#[from] StateError),
    /// The tensors belong to no network that is known here.
    #[error("no known network has tensors named like these: {0}")]
    UnknownNetwork(String),
    /// The file's ending is none of `.safetensors`, `.pth` and `.pt`.
    #[error("{0:?} is neither a .safetensors nor a .pth file")]
    UnknownFormat(String),
    /// The card beside the weights could not be read.
    #[error("model card could not be read: {0}")]
    Card(String),
}

impl Model {
    /// The detector that comes with the program.
    pub fn builtin_detector() -> Self {
        let state = State::from_safetensors(BUILTIN_WEIGHTS).expect("the embedded weights are tested");
        let card = parse_card(BUILTIN_CARD).expect("the embedded card is tested");
        Self::build("detector", &state, BUILTIN_WEIGHTS, Some(card)).expect("the embedded weights are tested")
    }

    /// The built-in detector's card: training data, seed, steps, threshold and development figures, as JSON.
    pub fn builtin_card() -> &'static str {
        BUILTIN_CARD
    }

    /// Opens a weight file: safetensors, or a PyTorch state dict (`.pth`, `.pt`).
    ///
    /// The network is told by the names of the tensors. A JSON file of the same name beside it is its card.
    ///
    /// # Errors
    ///
    /// Files that are missing, too large, corrupt, of no known network or of other shapes than it needs.
    pub fn open(path: &Path) -> Result<Self, ModelError> {
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
        let bytes = read_limited(path)?;
        let state = match ending.as_str() {
            "safetensors" => State::from_safetensors(&bytes)?,
            "pth" | "pt" => State::from_pytorch(path)?,
            _ => return Err(ModelError::UnknownFormat(path.display().to_string())),
        };
        let id = path.file_stem().and_then(|s| s.to_str()).unwrap_or("model");
        Self::build(id, &state, &bytes, card_beside(path)?)
    }

    /// A detector out of a training's weights.
    pub(crate) fn of_detector(
        id: &str,
        weights: &DetectorWeights,
        threshold: f64,
        bank_threshold: Option<f64>,
    ) -> Self {
        let state = weights.to_state();
        let card = Card { version: String::new(), threshold, bank_threshold };
        Self::build(id, &state, &state.to_safetensors(), Some(card))
            .expect("weights of a detector are a detector")
    }

    fn build(id: &str, state: &State, bytes: &[u8], card: Option<Card>) -> Result<Self, ModelError> {
        let (kind, network) = if gru::recognises(state) {
            (ModelKind::Gru, Network::Gru(Arc::new(GruWeights::from_state(state)?)))
        } else if detector::recognises(state) {
            (ModelKind::Detector, Network::Detector(Arc::new(DetectorWeights::from_state(state)?)))
        } else {
            let names: Vec<&str> = state.names().take(8).collect();
            return Err(ModelError::UnknownNetwork(names.join(", ")));
        };
        let threshold = match (&card, kind) {
            (Some(card), _) => card.threshold,
            (None, ModelKind::Gru) => gru::THRESHOLD,
            (None, ModelKind::Detector) => {
                return Err(ModelError::Card("a detector needs one beside it for its threshold".to_owned()));
            }
        };
        let info = ModelInfo {
            id: id.to_owned(),
            kind,
            bank_threshold: card.as_ref().and_then(|card| card.bank_threshold),
            version: card.map(|card| card.version).unwrap_or_default(),
            digest_sha256: hex(&Sha256::digest(bytes)),
            parameters: state.parameters(),
            threshold,
        };
        Ok(Self { info, network })
    }

    /// What is known of it.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// The same weights with another threshold, as a sensor's calibration or its operator sets it.
    #[must_use]
    pub fn with_threshold(mut self, threshold: f64) -> Self {
        self.info.threshold = threshold;
        self
    }

    pub(crate) fn network(&self) -> &Network {
        &self.network
    }
}

fn card_beside(path: &Path) -> Result<Option<Card>, ModelError> {
    let beside = path.with_extension("json");
    let Ok(metadata) = std::fs::metadata(&beside) else { return Ok(None) };
    if metadata.len() > CARD_BYTES_MAX {
        return Err(ModelError::Card(format!("{} bytes, at most {CARD_BYTES_MAX}", metadata.len())));
    }
    let text = std::fs::read_to_string(&beside).map_err(|e| ModelError::Card(e.to_string()))?;
    parse_card(&text).map(Some)
}

fn parse_card(text: &str) -> Result<Card, ModelError> {
    let card: Card = serde_json::from_str(text).map_err(|e| ModelError::Card(e.to_string()))?;
    if !card.threshold.is_finite() || !card.bank_threshold.unwrap_or(0.0).is_finite() {
        return Err(ModelError::Card("its threshold is not finite".to_owned()));
    }
    Ok(card)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/gru").join(name)
    }

    #[test]
    fn a_sites_network_opens_in_both_formats() {
        for name in ["model.pth", "model.safetensors"] {
            let model = Model::open(&fixture(name)).unwrap();
            assert_eq!(model.info().kind, ModelKind::Gru);
            assert_eq!(model.info().id, "model");
            assert_eq!(model.info().parameters, 96 + 96 * 32 + 96 + 96 + 64 + 2);
            assert_eq!(model.info().digest_sha256.len(), 64);
        }
    }

    #[test]
    fn the_builtin_detector_fits_its_card() {
        let info = Model::builtin_detector().info().clone();
        let card: serde_json::Value = serde_json::from_str(Model::builtin_card()).unwrap();
        assert_eq!(info.kind, ModelKind::Detector);
        assert_eq!(card["digest_sha256"], info.digest_sha256);
        assert_eq!(card["parameters"], info.parameters);
        assert_eq!(card["threshold"], info.threshold);
        assert_eq!(card["bank_threshold"], info.bank_threshold.unwrap());
        assert_eq!(card["held_out"]["threshold"], info.threshold);
        assert_eq!(card["held_out"]["bank"]["threshold"], info.bank_threshold.unwrap());
    }

    #[test]
    fn unusable_files_say_why() {
        let dir = tempfile::tempdir().unwrap();
        let other = dir.path().join("other.safetensors");
        let mut state = State::default();
        state.insert("lstm.weight", &[1], vec![0.0]);
        state.save(&other).unwrap();
        assert!(
            matches!(Model::open(&other), Err(ModelError::UnknownNetwork(names)) if names == "lstm.weight")
        );
        let text = dir.path().join("model.txt");
        std::fs::write(&text, "weights").unwrap();
        assert!(matches!(Model::open(&text), Err(ModelError::UnknownFormat(_))));
        assert!(matches!(
            Model::open(&dir.path().join("none.pth")),
            Err(ModelError::Weights(StateError::Read(_)))
        ));
    }

    #[test]
    fn another_width_is_a_wrong_shape() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wide.safetensors");
        let mut state =
            State::from_safetensors(&std::fs::read(fixture("model.safetensors")).unwrap()).unwrap();
        state.insert("gru.weight_hh_l0", &[192, 64], vec![0.0; 192 * 64]);
        state.save(&path).unwrap();
        assert!(matches!(Model::open(&path), Err(ModelError::Weights(StateError::Shape { .. }))));
    }

    #[test]
    fn a_detector_without_a_card_has_no_threshold() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("mine.safetensors");
        std::fs::write(&path, BUILTIN_WEIGHTS).unwrap();
        assert!(matches!(Model::open(&path), Err(ModelError::Card(_))));
        std::fs::write(path.with_extension("json"), r#"{"version": "7", "threshold": 1.5}"#).unwrap();
        let info = Model::open(&path).unwrap().info().clone();
        assert_eq!((info.version.as_str(), info.threshold), ("7", 1.5));
    }
}
