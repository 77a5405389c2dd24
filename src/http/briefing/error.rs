//! What the briefing domain refuses, as answers.

use axum::http::StatusCode;
use nightshift_actors::BriefingError;

use crate::http::problem::Problem;
use crate::http::production::refusal::faulty;

impl From<BriefingError> for Problem {
    fn from(error: BriefingError) -> Self {
        let text = error.to_string();
        match error {
            BriefingError::Invalid(faults) => faulty(faults),
            BriefingError::NotFound { .. } => Self::new(StatusCode::NOT_FOUND, "REQUEST_NOT_FOUND", text),
            BriefingError::TooMany { retry_after, .. } => {
                let answer = Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "SERVICE_OVERLOADED",
                    format!("{text}; try again later"),
                );
                answer.retry_after(retry_after.as_secs())
            }
            BriefingError::Setback(setback) => setback.into(),
        }
    }
}
