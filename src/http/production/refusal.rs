//! What the plant refuses, as answers: the one table of kinds and statuses.

use axum::http::StatusCode;
use nightshift_actors::{ProductionError, Setback};
use nightshift_domain::production::{FieldFault, Refusal, RefusalKind};
use serde_json::Value;

use crate::http::problem::{FieldError, Problem};

/// The status of a refusal; its code is its own.
fn status(kind: RefusalKind) -> StatusCode {
    match kind {
        RefusalKind::NotFound => StatusCode::NOT_FOUND,
        RefusalKind::Rule => StatusCode::BAD_REQUEST,
        RefusalKind::Conflict => StatusCode::CONFLICT,
        RefusalKind::Forbidden => StatusCode::FORBIDDEN,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let plain = Self::new(status(refusal.kind()), refusal.code(), refusal.to_string())
            .with("detail_ko", refusal.korean());
        match refusal {
            // A number that cannot be is a malformed field, wherever that was found out.
            Refusal::InvalidNumber(fault) => faulty(vec![fault]),
            Refusal::InvalidProcessData(faults) => plain.with("errors", faults),
            Refusal::EquipmentOnHold { reason, since, event_id, .. } => {
                plain.with("reason", reason).with("since", since).with("event_id", event_id)
            }
            _ => plain,
        }
    }
}

/// 422 for fields of the body.
pub(crate) fn faulty(faults: Vec<FieldFault>) -> Problem {
    let error = |fault: FieldFault| {
        // `a.b[2].c` is where it stands in the body.
        let loc = std::iter::once(Value::from("body")).chain(segments(&fault.field));
        FieldError { loc: loc.collect(), msg: fault.message, kind: "value_error" }
    };
    Problem::fields("VALIDATION_ERROR", faults.into_iter().map(error).collect())
}

fn segments(field: &str) -> Vec<Value> {
    let parts = field.split(['.', '[', ']']).filter(|part| !part.is_empty() && *part != "body");
    parts.map(|part| part.parse::<u64>().map_or_else(|_| Value::from(part), Value::from)).collect()
}

impl From<ProductionError> for Problem {
    fn from(error: ProductionError) -> Self {
        let text = error.to_string();
        match error {
            ProductionError::Refused(refusal) => refusal.into(),
            ProductionError::Invalid(faults) => faulty(faults),
            ProductionError::NotFound { .. } => {
                Self::new(StatusCode::NOT_FOUND, not_found(&text), text.trim())
            }
            ProductionError::Exists { .. } => Self::new(StatusCode::CONFLICT, "ALREADY_EXISTS", text),
            ProductionError::InUse { .. } => Self::new(StatusCode::CONFLICT, "IN_USE", text),
            ProductionError::NotAPerson => Self::new(StatusCode::FORBIDDEN, "FORBIDDEN", text),
            ProductionError::Setback(Setback::Deadline) => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "DEADLINE_EXCEEDED",
                "not done in time; it may or may not have taken effect, and it is safe to send it again",
            ),
            ProductionError::Setback(setback) => setback.into(),
        }
    }
}

impl From<Setback> for Problem {
    fn from(setback: Setback) -> Self {
        let text = setback.to_string();
        match setback {
            Setback::Overloaded { retry_after } => Self::overloaded(retry_after.as_secs()),
            Setback::Unavailable { retry_after, .. } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "UNAVAILABLE",
                format!("{text} at the moment; try again"),
            )
            .retry_after(retry_after.as_secs()),
            Setback::Deadline => Self::new(
                StatusCode::GATEWAY_TIMEOUT,
                "DEADLINE_EXCEEDED",
                "not done in time; it may or may not have taken effect",
            ),
            Setback::Failed(cause) => Self::internal(cause),
        }
    }
}

/// The code for what is not there: the text begins with the kind of thing.
fn not_found(text: &str) -> &'static str {
    const CODES: [(&str, &str); 11] = [
        ("product model", "PRODUCT_MODEL_NOT_FOUND"),
        ("production line", "PRODUCTION_LINE_NOT_FOUND"),
        ("process", "PROCESS_NOT_FOUND"),
        ("equipment", "EQUIPMENT_NOT_FOUND"),
        ("lot", "LOT_NOT_FOUND"),
        ("serial", "SERIAL_NOT_FOUND"),
        ("defect", "DEFECT_NOT_FOUND"),
        ("active hold", "HOLD_NOT_FOUND"),
        ("hold", "HOLD_NOT_FOUND"),
        ("target", "TARGET_NOT_FOUND"),
        ("alert", "ALERT_NOT_FOUND"),
    ];
    let text = text.trim_start();
    CODES.iter().find(|(what, _)| text.starts_with(what)).map_or("NOT_FOUND", |(_, code)| code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_where_it_stands() {
        assert_eq!(segments("defects[2].code"), [Value::from("defects"), 2.into(), "code".into()]);
        assert_eq!(segments("temp_sensor.measured_temp").len(), 2);
        assert!(segments("body").is_empty());
    }
}
