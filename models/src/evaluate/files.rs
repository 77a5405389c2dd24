//! Labelled recordings from files: CSV of `Data,Label`, with `tr_N` in the name for N readings of prefix.

use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// A recording whose anomalies are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The file's name without its ending.
    pub name: String,
    /// Readings.
    pub values: Vec<f32>,
    /// Whether each is anomalous.
    pub labels: Vec<bool>,
    /// Leading readings that are for calibration and not judged.
    pub prefix: usize,
}

/// Why a labelled recording could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file or folder could not be read.
    #[error("{path} could not be read")]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is larger than allowed.
    #[error("{0} is larger than {FILE_BYTES_MAX} bytes")]
    TooLarge(PathBuf),
    /// A row is not a number and a label.
    #[error("row {row} of {path} is not a reading and a label of 0 or 1")]
    Row {
        /// The file.
        path: PathBuf,
        /// The row, from 1, without the header.
        row: usize,
    },
}

impl Labelled {
    /// Reads every `.csv` file of a folder, sorted by name.
    ///
    /// # Errors
    ///
    /// An unreadable folder, and as [`Labelled::read`].
    pub fn read_folder(folder: &Path) -> Result<Vec<Self>, FileError> {
        let failed = |source| FileError::Read { path: folder.to_path_buf(), source };
        let entries = std::fs::read_dir(folder).map_err(failed)?;
        let mut paths: Vec<PathBuf> =
            entries.map(|e| e.map(|e| e.path())).collect::<Result<_, _>>().map_err(failed)?;
        paths.retain(|path| path.extension().is_some_and(|e| e == "csv"));
        paths.sort();
        paths.iter().map(|path| Self::read(path)).collect()
    }

    /// Reads one file: a header, then a reading and a label in each row.
    ///
    /// # Errors
    ///
    /// A file that is unreadable, too large or holds anything else.
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let failed = |source| FileError::Read { path: path.to_path_buf(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > FILE_BYTES_MAX {
            return Err(FileError::TooLarge(path.to_path_buf()));
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        let name = path.file_stem().and_then(|s| s.to_str()).unwrap_or("recording").to_owned();
        let mut recording = Self { prefix: prefix_of(&name), name, values: Vec::new(), labels: Vec::new() };
        for (row, line) in text.lines().skip(1).enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let (value, label) =
                parse_row(line).ok_or(FileError::Row { path: path.to_path_buf(), row: row + 1 })?;
            recording.values.push(value);
            recording.labels.push(label);
        }
        Ok(recording)
    }
}

fn parse_row(line: &str) -> Option<(f32, bool)> {
    let (value, label) = line.split_once(',')?;
    let value: f32 = value.trim().parse().ok().filter(|v: &f32| v.is_finite())?;
    match label.trim().parse::<f32>().ok()? {
        0.0 => Some((value, false)),
        1.0 => Some((value, true)),
        _ => None,
    }
}

/// The N of `…_tr_N_…`; 0 without one.
fn prefix_of(name: &str) -> usize {
    let mut words = name.split('_').skip_while(|word| *word != "tr");
    words.nth(1).and_then(|n| n.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_read_with_prefixes_from_names() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("1_tr_2_1st_3.csv"), "Data,Label\n1.5,0\n2,0\n9,1\n").unwrap();
        std::fs::write(dir.path().join("2.csv"), "Data,Label\n1,0.0\n").unwrap();
        let read = Labelled::read_folder(dir.path()).unwrap();
        assert_eq!(read[0].values, [1.5, 2.0, 9.0]);
        assert_eq!(read[0].labels, [false, false, true]);
        assert_eq!((read[0].prefix, read[1].prefix), (2, 0));
    }

    #[test]
    fn a_bad_row_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bad.csv");
        for bad in ["x,0", "1,2", "1", "NaN,0"] {
            std::fs::write(&path, format!("Data,Label\n1,0\n{bad}\n")).unwrap();
            assert!(matches!(Labelled::read(&path), Err(FileError::Row { row: 2, .. })), "{bad}");
        }
    }
}
