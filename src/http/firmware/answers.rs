//! What cannot be done with firmware, as answers.

use axum::http::StatusCode;
use nightshift_actors::FirmwareError;

use crate::http::problem::Problem;

/// Seconds after which an object store that does not work may be asked again.
const RETRY_AFTER_STORAGE_S: u64 = 10;

impl From<FirmwareError> for Problem {
    fn from(error: FirmwareError) -> Self {
        let text = error.to_string();
        match error {
            FirmwareError::Production(error) => error.into(),
            FirmwareError::NotFound(_) => Self::new(StatusCode::NOT_FOUND, "FIRMWARE_NOT_FOUND", text),
            FirmwareError::Ambiguous(_) => Self::new(StatusCode::CONFLICT, "AMBIGUOUS_VERSION", text),
            FirmwareError::NoStation(_) => Self::new(StatusCode::NOT_FOUND, "STATION_NOT_FOUND", text),
            FirmwareError::Missing { what: "deployment", .. } => {
                Self::new(StatusCode::NOT_FOUND, "DEPLOYMENT_NOT_FOUND", text)
            }
            FirmwareError::Missing { .. } => Self::new(StatusCode::NOT_FOUND, "ROLLOUT_NOT_FOUND", text),
            FirmwareError::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE", text),
            FirmwareError::Empty => Self::field(vec!["body".into(), "file".into()], text, "value_error"),
            FirmwareError::StationAway { retry_after, .. } => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "STATION_UNAVAILABLE", text)
                    .retry_after(retry_after.as_secs())
            }
            FirmwareError::Ended(_) => Self::new(StatusCode::CONFLICT, "ALREADY_ENDED", text),
            FirmwareError::Damaged(_) => Self::new(StatusCode::CONFLICT, "FIRMWARE_DAMAGED", text),
            FirmwareError::Storage { full } => {
                let code = if full { "STORAGE_FULL" } else { "STORAGE_UNAVAILABLE" };
                let text = if full { "the server's disk is full: make room".to_owned() } else { text };
                Self::new(StatusCode::SERVICE_UNAVAILABLE, code, text).retry_after(RETRY_AFTER_STORAGE_S)
            }
        }
    }
}
