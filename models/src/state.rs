//! Named weights as plain numbers: read from safetensors or from a PyTorch state dict, written as safetensors.
//!
//! A state knows nothing of a device or a network. What a file may hold is limited here, so that a
//! wrong or hostile file is an error and never a crash of the process that opens it.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use burn::store::{ModuleStore, PytorchStore, SafetensorsStore, bridge};
use burn::tensor::DType;
use serde_json::json;

/// Largest weight file that is opened, in bytes.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Most tensors one file may hold.
pub const TENSORS_MAX: usize = 256;

/// One named tensor: row-major numbers and their shape.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Weights {
    /// Lengths of the dimensions, outermost first.
    pub(crate) shape: Vec<usize>,
    /// The numbers, row-major; `shape`'s product of them.
    pub(crate) values: Vec<f32>,
}

/// Named weights of one network, in the order of their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State(BTreeMap<String, Weights>);

/// Why weights could not be read or do not fit a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// The file could not be read.
    #[error("weight file could not be read")]
    Read(#[source] std::io::Error),
    /// The file could not be written.
    #[error("weight file could not be written")]
    Write(#[source] std::io::Error),
    /// The file is larger than [`FILE_BYTES_MAX`].
    #[error("weight file has {bytes} bytes, at most {FILE_BYTES_MAX} are allowed")]
    TooLarge {
        /// Size of the file.
        bytes: u64,
    },
    /// The file is not what its format promises.
    #[error("weight file is corrupt or of another format: {0}")]
    Corrupt(String),
    /// A tensor that the network needs is absent.
    #[error("tensor {0} is missing")]
    Missing(String),
    /// A tensor has another shape than the network needs.
    #[error("tensor {name} has shape {found:?}, {expected:?} is needed")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that the network needs.
        expected: Vec<usize>,
    },
    /// A tensor holds a number that is not finite.
    #[error("tensor {0} holds a number that is not finite")]
    NotFinite(String),
    /// A tensor that no known network has.
    #[error("tensor {0} belongs to no known network")]
    Unknown(String),
}

impl State {
    /// Reads a safetensors file that is already in memory.
    pub(crate) fn from_safetensors(bytes: &[u8]) -> Result<Self, StateError> {
        let owned = bytes.to_vec();
        guarded(move || collect(SafetensorsStore::from_bytes(Some(owned))))
    }

    /// Reads a PyTorch state dict (`.pth`, `.pt`) from a file; nothing in it is executed.
    pub(crate) fn from_pytorch(path: &Path) -> Result<Self, StateError> {
        let path = path.to_path_buf();
        guarded(move || collect(PytorchStore::from_file(path)))
    }

    /// Adds or replaces a tensor. `values` must have as many numbers as `shape` says.
    pub(crate) fn insert(&mut self, name: impl Into<String>, shape: &[usize], values: Vec<f32>) {
        assert_eq!(
            shape.iter().product::<usize>(),
            values.len(),
            "a tensor has as many numbers as its shape says"
        );
        self.0.insert(name.into(), Weights { shape: shape.to_vec(), values });
    }

    /// The names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The tensor of this name, if there is one.
    pub(crate) fn get(&self, name: &str) -> Option<&Weights> {
        self.0.get(name)
    }

    /// The numbers of a tensor that must be there in exactly this shape.
    pub(crate) fn take(&self, name: &str, expected: &[usize]) -> Result<Vec<f32>, StateError> {
        let weights = self.get(name).ok_or_else(|| StateError::Missing(name.to_owned()))?;
        if weights.shape != expected {
            return Err(StateError::Shape {
                name: name.to_owned(),
                found: weights.shape.clone(),
                expected: expected.to_vec(),
            });
        }
        Ok(weights.values.clone())
    }

    /// Count of all numbers.
    pub(crate) fn parameters(&self) -> usize {
        self.0.values().map(|w| w.values.len()).sum()
    }

    /// The state as the bytes of a safetensors file.
    pub(crate) fn to_safetensors(&self) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        let mut offset = 0_usize;
        for (name, weights) in &self.0 {
            let end = offset + weights.values.len() * size_of::<f32>();
            let entry = json!({"dtype": "F32", "shape": weights.shape, "data_offsets": [offset, end]});
            header.insert(name.clone(), entry);
            offset = end;
        }
        let mut text = serde_json::Value::Object(header).to_string();
        // The format wants its data aligned to eight bytes; spaces after the header are allowed.
        while !text.len().is_multiple_of(8) {
            text.push(' ');
        }
        let mut bytes = Vec::with_capacity(8 + text.len() + offset);
        bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
        bytes.extend_from_slice(text.as_bytes());
        for weights in self.0.values() {
            bytes.extend(weights.values.iter().flat_map(|v| v.to_le_bytes()));
        }
        bytes
    }

    /// Writes the state as a safetensors file, whole or not at all.
    pub(crate) fn save(&self, path: &Path) -> Result<(), StateError> {
        write_whole(path, &self.to_safetensors()).map_err(StateError::Write)
    }
}

/// Writes beside the target and renames, so that a reader never sees half a file.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, path)
}

/// Reads a whole file that may have at most [`FILE_BYTES_MAX`] bytes.
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>, StateError> {
    let bytes = std::fs::metadata(path).map_err(StateError::Read)?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(StateError::TooLarge { bytes });
    }
    std::fs::read(path).map_err(StateError::Read)
}

/// A reader that panics on a broken file is a reader that found it broken.
fn guarded(read: impl FnOnce() -> Result<State, StateError>) -> Result<State, StateError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(StateError::Corrupt("the reader gave up on it".to_owned())))
}

fn collect<S: ModuleStore>(mut store: S) -> Result<State, StateError> {
    let tensors = store.get_all_tensors().map_err(|e| StateError::Corrupt(e.to_string()))?;
    if tensors.len() > TENSORS_MAX {
        return Err(StateError::Corrupt(format!("{} tensors, at most {TENSORS_MAX}", tensors.len())));
    }
    let mut state = State::default();
    for (name, tensor) in tensors {
        if tensor.byte_len() as u64 > FILE_BYTES_MAX {
            return Err(StateError::TooLarge { bytes: tensor.byte_len() as u64 });
        }
        let data = bridge::to_data(tensor).map_err(|e| StateError::Corrupt(format!("{name}: {e}")))?;
        let shape: Vec<usize> = data.shape().to_vec();
        let data = if data.dtype() == DType::F32 { data } else { data.convert::<f32>() };
        let values =
            data.as_slice::<f32>().map_err(|e| StateError::Corrupt(format!("{name}: {e:?}")))?.to_vec();
        if shape.iter().product::<usize>() != values.len() {
            return Err(StateError::Corrupt(format!("{name}: {} numbers for {shape:?}", values.len())));
        }
        if values.iter().any(|v| !v.is_finite()) {
            return Err(StateError::NotFinite(name.clone()));
        }
        state.0.insert(name.clone(), Weights { shape, values });
    }
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PTH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/gru/model.pth");
    const SAFE: &[u8] = include_bytes!("../fixtures/gru/model.safetensors");

    #[test]
    fn both_formats_hold_the_same_numbers() {
        let safe = State::from_safetensors(SAFE).unwrap();
        let pth = State::from_pytorch(Path::new(PTH)).unwrap();
        assert_eq!(safe, pth);
        assert_eq!(safe.get("gru.weight_hh_l0").unwrap().shape, [96, 32]);
    }

    #[test]
    fn what_is_written_is_read_back() {
        let state = State::from_safetensors(SAFE).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("again.safetensors");
        state.save(&path).unwrap();
        assert_eq!(State::from_safetensors(&read_limited(&path).unwrap()).unwrap(), state);
    }

    #[test]
    fn broken_files_are_errors() {
        for cut in [0, 1, 7, 8, 64, 300, SAFE.len() - 1] {
            assert!(State::from_safetensors(&SAFE[..cut]).is_err(), "cut at {cut}");
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broken.pth");
        let pth = std::fs::read(PTH).unwrap();
        for cut in [0, 1, 30, 5000, pth.len() - 40] {
            std::fs::write(&path, &pth[..cut]).unwrap();
            assert!(State::from_pytorch(&path).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_refused() {
        let mut state = State::default();
        state.insert("a", &[2], vec![1.0, f32::NAN]);
        let read = State::from_safetensors(&state.to_safetensors());
        assert!(matches!(read, Err(StateError::NotFinite(name)) if name == "a"));
    }

    #[test]
    fn a_wrong_shape_names_the_tensor() {
        let mut state = State::default();
        state.insert("a", &[2], vec![1.0, 2.0]);
        assert!(matches!(state.take("a", &[1]), Err(StateError::Shape { name, .. }) if name == "a"));
        assert!(matches!(state.take("b", &[1]), Err(StateError::Missing(name)) if name == "b"));
    }
}
