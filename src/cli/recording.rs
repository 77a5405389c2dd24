//! Recordings on disk: `time,value` rows.

use std::path::Path;

use nightshift_domain::sensing::{Reading, parse_csv};

use super::CommandError;

/// Largest recording that is read, bytes.
const FILE_BYTES_MAX: u64 = 1 << 30;
/// Most readings in a recording.
const READINGS_MAX: usize = 20_000_000;

/// The readings of a file, in rising order of time.
pub(super) fn read(path: &Path) -> Result<Vec<Reading>, CommandError> {
    let refused = |reason: String| CommandError::Failed(format!("{}: {reason}", path.display()));
    let size = std::fs::metadata(path).map_err(|e| refused(e.to_string()))?.len();
    if size > FILE_BYTES_MAX {
        return Err(refused(format!("larger than {FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read(path).map_err(|e| refused(e.to_string()))?;
    let mut readings = parse_csv(&text, READINGS_MAX).map_err(|e| refused(e.to_string()))?;
    readings.sort_by_key(|r| r.at);
    Ok(readings)
}
