//! `/patients/handover`: patients whose doctor is gone, given to another one by an administrator, who sees nothing of them.

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_actors::Forsaken;
use nightshift_domain::identity::UserId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Json;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem};

/// A doctor who is none any more (removed, disabled, or with another role) and still has patients.
#[derive(Serialize, ToSchema)]
#[schema(as = ForsakenPatients)]
pub(crate) struct ForsakenOut {
    /// The doctor.
    #[schema(example = 7)]
    doctor_id: i64,
    /// The name to sign in with, as it was.
    #[schema(example = "lee")]
    username: String,
    /// How many patients, those taken off the list included.
    #[schema(example = 12)]
    patients: u64,
}

impl From<Forsaken> for ForsakenOut {
    fn from(forsaken: Forsaken) -> Self {
        let Forsaken { doctor_id, username, patients } = forsaken;
        Self { doctor_id: doctor_id.0, username, patients }
    }
}

/// From whom to whom.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatientHandover)]
pub(crate) struct HandoverIn {
    /// The doctor who is gone.
    #[schema(example = 7)]
    from_doctor_id: i64,
    /// The doctor who takes over: active, with the role DOCTOR.
    #[schema(example = 9)]
    to_doctor_id: i64,
}

/// What was handed over.
#[derive(Serialize, ToSchema)]
#[schema(as = PatientsHandedOver)]
pub(crate) struct HandedOut {
    /// How many patients, those taken off the list included.
    #[schema(example = 12)]
    patients: u64,
}

/// Doctors who are none any more and still have patients, by number: at most 1,000.
#[utoipa::path(
    get, path = "/patients/handover",
    operation_id = "patients_forsaken", tag = "diagnosis",
    responses((status = 200, description = "The doctors.", body = [ForsakenOut]), AnyError)
)]
pub(crate) async fn list(State(app): State<App>) -> Result<JsonBody<Vec<ForsakenOut>>, Problem> {
    let forsaken = app.plant.diagnosis().forsaken().await?;
    Ok(JsonBody(forsaken.into_iter().map(Into::into).collect()))
}

/// Gives all patients of a doctor who is removed, disabled, or a doctor no more, to another doctor: with their records, and with
/// the codes and tokens of their headsets. Refused while the doctor is active, and while a diagnosis of one of them is under way.
#[utoipa::path(
    post, path = "/patients/handover",
    operation_id = "patients_hand_over", tag = "diagnosis", request_body = HandoverIn,
    responses(
        (status = 200, description = "Handed over; none when there were none.", body = HandedOut),
        NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn hand_over(
    State(app): State<App>,
    caller: Caller,
    Json(given): Json<HandoverIn>,
) -> Result<JsonBody<HandedOut>, Problem> {
    let (from, to) = (UserId(given.from_doctor_id), UserId(given.to_doctor_id));
    // The kept answers of the old doctor's keyed requests may show names.
    let kept = vec![crate::http::idempotency::scope_of_user(from, "/patients")];
    let patients = app.plant.diagnosis().hand_over(caller.by(), (from, to), kept).await?;
    Ok(JsonBody(HandedOut { patients }))
}
