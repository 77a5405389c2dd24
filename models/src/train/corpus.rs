//! Recordings to train on: folders of CSV, `.npy` (float32) and whitespace tables, cut at gaps.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::WINDOW;

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;

/// Most recordings that are kept.
const RECORDINGS_MAX: usize = 20_000;

/// Folders below the given one that are searched.
const DEPTH_MAX: usize = 8;

/// What recorders write where they have no reading.
const MISSING: f32 = -9999.0;

/// Readings by which two recordings are recognised as the same, and the different values that they must have at
/// least, since flat stretches look alike everywhere. A recording of two values needs a longer run than others.
const RUNS: [(usize, usize); 2] = [(48, 12), (WINDOW, 2)];

/// A stretch of one sensor without a gap.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// File, column and, after a gap, the number of the stretch.
    pub name: String,
    /// The folder given, by number: recordings of one folder are of one kind.
    pub group: usize,
    /// At least [`WINDOW`] finite readings.
    pub values: Vec<f32>,
}

/// All recordings of a training.
#[derive(Clone, Debug, Default)]
pub struct Corpus {
    /// In the order of their files' names, so that the same folders give the same training.
    pub recordings: Vec<Recording>,
}

/// Why recordings could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CorpusError {
    /// A folder could not be listed or a file not read.
    #[error("{path} could not be read")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is larger than allowed.
    #[error("{0} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge(PathBuf),
    /// The folders hold no recording of a window's length.
    #[error("no recording of at least {WINDOW} readings was found")]
    Empty,
}

impl Corpus {
    /// Reads every recording below the folders.
    ///
    /// # Errors
    ///
    /// Unreadable folders and files, and folders without any recording. Files that are no table are passed over.
    pub fn read(folders: &[PathBuf]) -> Result<Self, CorpusError> {
        let mut corpus = Self::default();
        for (group, folder) in folders.iter().enumerate() {
            let mut files = Vec::new();
            list(folder, DEPTH_MAX, &mut files)?;
            files.sort();
            for file in files {
                let name = file.strip_prefix(folder).unwrap_or(&file).display().to_string();
                for (column, values) in columns(&file)? {
                    corpus.add(group, &format!("{name}:{column}"), &values);
                }
            }
        }
        if corpus.recordings.is_empty() { Err(CorpusError::Empty) } else { Ok(corpus) }
    }

    fn add(&mut self, group: usize, name: &str, values: &[f32]) {
        let whole = values.split(|v| !v.is_finite() || *v == MISSING).enumerate();
        for (part, values) in whole.filter(|(_, values)| values.len() >= WINDOW && varies(values)) {
            if self.recordings.len() < RECORDINGS_MAX {
                let name = if part == 0 { name.to_owned() } else { format!("{name}#{part}") };
                self.recordings.push(Recording { name, group, values: values.to_vec() });
            }
        }
    }

    /// Drops every recording that shares a run of readings with one of `others`; gives the names dropped.
    ///
    /// For keeping a development set out of training even where its files have other names.
    pub fn exclude(&mut self, others: &Self) -> Vec<String> {
        let runs = |recording: &Recording, (length, values_min): (usize, usize), step: usize| -> Vec<u64> {
            let digits: Vec<i64> = recording.values.iter().map(|v| five_digits(*v)).collect();
            digits.windows(length).step_by(step).filter_map(|run| fingerprint(run, values_min)).collect()
        };
        let known: HashSet<u64> = others
            .recordings
            .iter()
            .flat_map(|other| RUNS.into_iter().flat_map(|kind| runs(other, kind, 1)))
            .collect();
        let is_known = |recording: &Recording| {
            RUNS.into_iter()
                .any(|kind| runs(recording, kind, kind.0 / 2).iter().any(|run| known.contains(run)))
        };
        let (dropped, kept) = std::mem::take(&mut self.recordings).into_iter().partition(is_known);
        self.recordings = kept;
        dropped.into_iter().map(|recording: Recording| recording.name).collect()
    }

    /// Readings in all recordings.
    pub fn readings(&self) -> usize {
        self.recordings.iter().map(|recording| recording.values.len()).sum()
    }

    /// Splits by sensor: every `nth` recording is held out. Both parts keep their order.
    pub fn split(self, nth: usize) -> (Self, Self) {
        let mut parts = (Self::default(), Self::default());
        for (i, recording) in self.recordings.into_iter().enumerate() {
            let held_out = i % nth.max(2) == nth.max(2) - 1;
            let part = if held_out { &mut parts.1 } else { &mut parts.0 };
            part.recordings.push(recording);
        }
        parts
    }
}

fn varies(values: &[f32]) -> bool {
    values.iter().any(|v| *v != values[0])
}

/// A value to five digits: the same series is written with other digits elsewhere.
fn five_digits(value: f32) -> i64 {
    let size = if value == 0.0 { 0 } else { f64::from(value.abs()).log10().floor() as i32 };
    (f64::from(value) * 10_f64.powi(4 - size)).round() as i64 * 64 + i64::from(size)
}

/// A hash of a run that has at least `values_min` different values.
fn fingerprint(run: &[i64], values_min: usize) -> Option<u64> {
    let different: HashSet<i64> = run.iter().copied().collect();
    let mut hasher = DefaultHasher::new();
    run.hash(&mut hasher);
    (different.len() >= values_min).then(|| hasher.finish())
}

fn list(folder: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), CorpusError> {
    let failed = |source| CorpusError::Read { path: folder.to_path_buf(), source };
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() && depth > 0 {
            list(&path, depth - 1, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}

/// The columns of a file that hold readings, with their names.
fn columns(path: &Path) -> Result<Vec<(String, Vec<f32>)>, CorpusError> {
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if !["csv", "npy", "dat"].contains(&ending) || stem.ends_with("label") {
        return Ok(Vec::new());
    }
    let failed = |source| CorpusError::Read { path: path.to_path_buf(), source };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
        return Err(CorpusError::TooLarge(path.to_path_buf()));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    Ok(match ending {
        "npy" => numbered(npy(&bytes).unwrap_or_default()),
        "dat" => numbered(whitespace(&String::from_utf8_lossy(&bytes))),
        _ => csv_columns(&bytes),
    })
}

fn numbered(table: Vec<Vec<f32>>) -> Vec<(String, Vec<f32>)> {
    table.into_iter().enumerate().map(|(i, column)| (i.to_string(), column)).collect()
}

/// CSV with a header. Labels, qualities and times are no readings; of a raw and a corrected column (`x` and
/// `x_cor`) the corrected one is taken.
fn csv_columns(bytes: &[u8]) -> Vec<(String, Vec<f32>)> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(bytes);
    let names: Vec<String> =
        reader.headers().map(|h| h.iter().map(|n| n.trim().to_lowercase()).collect()).unwrap_or_default();
    let is_reading = |name: &String| {
        let other = ["label", "timestamp", "datetime", "time", "date", "start", "end", "gap"]
            .contains(&name.as_str());
        !other
            && !name.ends_with("_qual")
            && !name.ends_with("_label")
            && !names.contains(&format!("{name}_cor"))
    };
    let wanted: Vec<usize> = (0..names.len()).filter(|i| is_reading(&names[*i])).collect();
    let mut table: Vec<(String, Vec<f32>)> = wanted.iter().map(|i| (names[*i].clone(), Vec::new())).collect();
    for record in reader.records().map_while(Result::ok) {
        for (i, (_, column)) in wanted.iter().zip(&mut table) {
            column.push(record.get(*i).and_then(|v| v.trim().parse().ok()).unwrap_or(f32::NAN));
        }
    }
    table
}

/// A table of numbers, rows of readings; a table that is wider than long lies on its side.
fn whitespace(text: &str) -> Vec<Vec<f32>> {
    let rows: Vec<Vec<f32>> = text
        .lines()
        .map(|line| line.split_whitespace().map(|v| v.parse().unwrap_or(f32::NAN)).collect())
        .filter(|row: &Vec<f32>| !row.is_empty())
        .collect();
    let width = rows.iter().map(Vec::len).min().unwrap_or(0);
    if width > rows.len() {
        rows
    } else {
        (0..width).map(|c| rows.iter().map(|row| row[c]).collect()).collect()
    }
}

/// NumPy's format, version 1 or 2, little-endian float32, rows of readings. None for anything else.
fn npy(bytes: &[u8]) -> Option<Vec<Vec<f32>>> {
    if bytes.get(..6)? != b"\x93NUMPY" {
        return None;
    }
    let (length, start) = match bytes.get(6)? {
        1 => (usize::from(u16::from_le_bytes(bytes.get(8..10)?.try_into().ok()?)), 10),
        _ => (usize::try_from(u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?)).ok()?, 12),
    };
    let header = std::str::from_utf8(bytes.get(start..start + length)?).ok()?;
    if !header.contains("'<f4'") || header.contains("'fortran_order': True") {
        return None;
    }
    let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
    let shape: Vec<usize> = shape.split(',').filter_map(|n| n.trim().parse().ok()).collect();
    let (rows, width) = (*shape.first()?, shape.get(1).copied().unwrap_or(1));
    let values: Vec<f32> = bytes
        .get(start + length..)?
        .chunks_exact(4)
        .map(|v| f32::from_le_bytes([v[0], v[1], v[2], v[3]]))
        .collect();
    if values.len() != rows.checked_mul(width)? {
        return None;
    }
    Some((0..width).map(|c| values.iter().skip(c).step_by(width).copied().collect()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(pace: f32) -> String {
        (0..800).map(|i| format!("2026-01-01,{},{},0\n", (i as f32 * pace).sin(), i % 7)).collect()
    }

    #[test]
    fn columns_of_readings_are_found_and_gaps_cut() {
        let dir = tempfile::tempdir().unwrap();
        let mut text = format!("timestamp,do,do_cor,do_qual\n{}", wave(0.1));
        text.push_str("2026-01-02,-9999,-9999,0\n");
        text.push_str(&wave(0.1));
        std::fs::write(dir.path().join("a.csv"), text).unwrap();
        std::fs::write(dir.path().join("notes.txt"), "not a table").unwrap();
        let corpus = Corpus::read(&[dir.path().to_path_buf()]).unwrap();
        let names: Vec<&str> = corpus.recordings.iter().map(|r| r.name.as_str()).collect();
        assert_eq!(names, ["a.csv:do_cor", "a.csv:do_cor#1"]);
        assert_eq!(corpus.readings(), 1_600);
    }

    #[test]
    fn numpy_files_are_read_by_column() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }\n";
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.bytes());
        bytes.extend([1.0_f32, 10.0, 2.0, 20.0, 3.0, 30.0].iter().flat_map(|v| v.to_le_bytes()));
        assert_eq!(npy(&bytes), Some(vec![vec![1.0, 2.0, 3.0], vec![10.0, 20.0, 30.0]]));
        for cut in 0..bytes.len() {
            assert_eq!(npy(&bytes[..cut]), None, "cut at {cut}");
        }
    }

    #[test]
    fn tables_on_their_side_are_turned() {
        assert_eq!(whitespace("1 2\n3 4\n5 6\n"), [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]]);
        assert_eq!(whitespace("1 2 3\n4 5 6\n"), [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    }

    #[test]
    fn excluded_series_are_recognised_under_other_names_and_digits() {
        let recording = |name: &str, pace: f32, scale: f32| Recording {
            name: name.to_owned(),
            group: 0,
            values: (0..2_000).map(|i| (i as f32 * pace).sin() * scale).collect(),
        };
        let mut corpus =
            Corpus { recordings: vec![recording("same", 0.1, 1.000_000_1), recording("other", 0.13, 1.0)] };
        let held_back = Corpus { recordings: vec![recording("dev", 0.1, 1.0)] };
        assert_eq!(corpus.exclude(&held_back), ["same"]);
        assert_eq!(corpus.recordings.len(), 1);
    }
}
