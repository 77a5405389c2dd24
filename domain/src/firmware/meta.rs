//! `firmware_meta.json`: what a station's own program reads beside the image, and writes its progress into.

use serde::{Deserialize, Serialize};

use super::FirmwareVersion;

/// How far the station's own program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum MetaStatus {
    /// The image is there and checked.
    Ready,
    /// It is being written to the device.
    Uploading,
    /// The device runs it.
    Uploaded,
    /// It could not be fetched or written.
    Error,
}

/// The file, as documented. The agent writes it by write-then-rename; the station's program changes `status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmwareMeta {
    /// The version.
    pub version: FirmwareVersion,
    /// The image's file, beside this one.
    pub filename: String,
    /// Its size, bytes.
    pub file_size: u64,
    /// Its MD5.
    pub md5_hash: String,
    /// When it was fetched, RFC 3339 with the plant's offset.
    pub downloaded_at: String,
    /// How far it is.
    pub status: MetaStatus,
    /// What the device says it runs; `version` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_version: Option<FirmwareVersion>,
    /// What went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

impl FirmwareMeta {
    /// The version that the device runs, once it says so.
    #[must_use]
    pub fn running(&self) -> Option<FirmwareVersion> {
        (self.status == MetaStatus::Uploaded).then(|| self.running_version.unwrap_or(self.version))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_file_is_read_and_written() {
        let text = r#"{
          "version": "v1.2.3", "filename": "firmware_v1.2.3.bin", "file_size": 65536,
          "md5_hash": "5d41402abc4b2a76b9719d911017c592", "downloaded_at": "2025-01-10T10:00:15+09:00", "status": "READY"
        }"#;
        let mut meta: FirmwareMeta = serde_json::from_str(text).expect("documented");
        let json: serde_json::Value = serde_json::from_str(text).expect("json");
        assert_eq!(serde_json::to_value(&meta).expect("json"), json);
        assert_eq!(meta.running(), None);
        meta.status = MetaStatus::Uploaded;
        assert_eq!(meta.running(), Some(meta.version));
        meta.running_version = Some("v1.2.2".parse().expect("version"));
        assert_eq!(meta.running().map(|v| v.patch), Some(2), "the device's own word counts");
    }
}
