//! `/api/sensors`, `/api/analyze`, `/api/results`, `/api/config/schedule`, `/api/proxy` and `/api/v1/models`.

pub(super) mod analyze;
pub(super) mod models;
pub(super) mod proxy;
pub(super) mod push;
pub(super) mod readings;
pub(super) mod results;
pub(super) mod schedule;
pub(super) mod scores;
pub(super) mod sensors;
pub(super) mod types;

use axum::http::StatusCode;
use nightshift_actors::SensingError;
use nightshift_domain::sensing::LineupError;

use super::extract::invalid_body;
use super::problem::Problem;

impl From<SensingError> for Problem {
    fn from(error: SensingError) -> Self {
        match error {
            SensingError::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "SENSOR_NOT_FOUND", error.to_string())
            }
            SensingError::Exists(_) => Self::new(StatusCode::CONFLICT, "SENSOR_EXISTS", error.to_string()),
            SensingError::LimitReached { .. } => {
                Self::new(StatusCode::CONFLICT, "SENSOR_LIMIT_REACHED", error.to_string())
            }
            SensingError::UnknownModel(_) => {
                Self::new(StatusCode::NOT_FOUND, "MODEL_NOT_FOUND", error.to_string())
            }
            SensingError::Lineup(ref refused) => {
                let code = match refused {
                    LineupError::Live(_) => "MODEL_LIVE",
                    LineupError::NotShadow(_) => "MODEL_NOT_SHADOW",
                    LineupError::NothingToUndo => "NOTHING_PROMOTED",
                };
                Self::new(StatusCode::CONFLICT, code, error.to_string())
            }
            SensingError::Invalid(text) => invalid_body(&[], text),
            SensingError::Overloaded { retry_after } => Self::overloaded(retry_after.as_secs()),
            SensingError::Unavailable { ref what, retry_after } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                format!("{what} is not available at the moment; try again"),
            )
            .retry_after(retry_after.as_secs()),
            SensingError::Deadline => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "DEADLINE_EXCEEDED",
                "not done in time; it may or may not have taken effect, and it is safe to send it again",
            ),
            SensingError::Failed(cause) => Self::internal(cause),
        }
    }
}
