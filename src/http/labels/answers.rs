//! What cannot be printed, as answers.

use axum::http::StatusCode;
use nightshift_actors::LabelsError;
use nightshift_domain::labels::LabelError;

use crate::http::problem::Problem;

impl From<LabelError> for Problem {
    fn from(error: LabelError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "INVALID_LABEL_DATA", error.to_string())
    }
}

impl From<LabelsError> for Problem {
    fn from(error: LabelsError) -> Self {
        let text = error.to_string();
        match error {
            LabelsError::Production(error) => error.into(),
            LabelsError::Label(error) => error.into(),
            LabelsError::NoPrinter(_) => Self::new(StatusCode::NOT_FOUND, "PRINTER_NOT_FOUND", text),
            LabelsError::NoJob(_) => Self::new(StatusCode::NOT_FOUND, "LABEL_JOB_NOT_FOUND", text),
            LabelsError::Step(_) => Self::new(StatusCode::CONFLICT, "LABEL_JOB_STATE", text),
            LabelsError::Printer { fault, job, retry_after, .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                fault.code(),
                format!("{text}; nothing was printed, and it is safe to send it again"),
            )
            .retry_after(retry_after.as_secs())
            .with("reason", fault.as_str())
            .with("job_id", job),
        }
    }
}
