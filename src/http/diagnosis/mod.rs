//! `/patients…`, `/diagnosis…` and `/ws/diagnosis…`, all also under `/api`: VR sessions, live to the clinician.

mod guard;
pub(super) mod handover;
pub(super) mod headset;
pub(super) mod mock;
pub(super) mod patients;
pub(super) mod privacy;
pub(super) mod protocol;
pub(super) mod records;
pub(super) mod sessions;
pub(super) mod status;
mod views;

use axum::http::StatusCode;
use nightshift_actors::{Asker, DiagnosisError};
use nightshift_domain::diagnosis::{DiagnosisId, PatientId};
use nightshift_domain::identity::Permission;
use utoipa_axum::routes;

use super::caller::Caller;
use super::doors::Doors;
use super::identity::forbidden;
use super::problem::Problem;
use super::production::find::id;

/// The routes and who may use them.
pub(super) fn doors() -> Doors {
    let (patients, manage) = (Permission::PatientRead, Permission::PatientManage);
    let (run, read) = (Permission::DiagnosisRun, Permission::DiagnosisRead);
    Doors::default()
        .needs(patients, routes!(patients::list))
        .needs(manage, routes!(patients::create))
        .needs(Permission::PatientHandOver, routes!(handover::list, handover::hand_over))
        .needs(patients, routes!(patients::show))
        .needs(manage, routes!(patients::change, patients::remove))
        .needs(manage, routes!(privacy::make_token, privacy::revoke_token))
        .needs(manage, routes!(privacy::export))
        .needs(manage, routes!(privacy::erase))
        .needs(run, routes!(sessions::start))
        .needs(run, routes!(sessions::live))
        .needs(run, routes!(sessions::show))
        .needs(run, routes!(sessions::cancel))
        .needs(read, routes!(records::list))
        .needs(read, routes!(records::compared))
        .needs(read, routes!(records::metadata))
        .needs(read, routes!(records::file))
        .needs(read, routes!(records::series))
}

/// Routes whose answers have no end: they hold no place among those at work.
pub(super) fn streams() -> Doors {
    Doors::default().stream(Permission::DiagnosisRun, routes!(status::follow)).open(routes!(headset::connect))
}

/// Who asks: a person.
fn asker(caller: &Caller) -> Result<Asker, Problem> {
    let (user_id, _) = caller.person()?;
    let role = caller.principal().and_then(|principal| principal.role()).ok_or_else(forbidden)?;
    Ok(Asker { user_id, role, by: caller.by() })
}

fn patient_id(text: &str) -> Result<PatientId, Problem> {
    id("patient_id", text).map(PatientId)
}

fn diagnosis_id(text: &str) -> Result<DiagnosisId, Problem> {
    id("diagnosis_id", text).map(DiagnosisId)
}

impl From<DiagnosisError> for Problem {
    fn from(error: DiagnosisError) -> Self {
        let text = error.to_string();
        let new = |status, code| Self::new(status, code, text.clone());
        match error {
            DiagnosisError::NotADoctor => new(StatusCode::FORBIDDEN, "NOT_A_DOCTOR"),
            DiagnosisError::NotYours => new(StatusCode::FORBIDDEN, "NOT_YOURS"),
            DiagnosisError::DoctorNotFound => new(StatusCode::NOT_FOUND, "DOCTOR_NOT_FOUND"),
            DiagnosisError::PatientNotFound => new(StatusCode::NOT_FOUND, "PATIENT_NOT_FOUND"),
            DiagnosisError::NotFound => new(StatusCode::NOT_FOUND, "DIAGNOSIS_NOT_FOUND"),
            DiagnosisError::RecordNotFound => new(StatusCode::NOT_FOUND, "RECORD_NOT_FOUND"),
            DiagnosisError::FileNotFound => new(StatusCode::NOT_FOUND, "FILE_NOT_FOUND"),
            DiagnosisError::HeadsetAway => new(StatusCode::BAD_REQUEST, "HEADSET_NOT_CONNECTED"),
            DiagnosisError::UnderWay => new(StatusCode::BAD_REQUEST, "DIAGNOSIS_UNDER_WAY"),
            DiagnosisError::Over(_) => new(StatusCode::BAD_REQUEST, "DIAGNOSIS_OVER"),
            DiagnosisError::CodeTaken => new(StatusCode::CONFLICT, "PATIENT_CODE_TAKEN"),
            DiagnosisError::CodesSpent => new(StatusCode::CONFLICT, "PATIENT_CODES_SPENT"),
            DiagnosisError::DoctorActive => new(StatusCode::CONFLICT, "DOCTOR_ACTIVE"),
            DiagnosisError::PatientBusy => new(StatusCode::CONFLICT, "PATIENT_BUSY"),
            DiagnosisError::Setback(setback) => setback.into(),
        }
    }
}
