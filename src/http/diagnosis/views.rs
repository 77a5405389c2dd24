//! What the routes of diagnosis take and answer with.

use nightshift_domain::diagnosis::{KoreaTime, Patient, Record, Session, StateEvent};
use serde::Serialize;
use utoipa::ToSchema;

/// A patient.
#[derive(Serialize, ToSchema)]
#[schema(as = Patient)]
pub(crate) struct PatientOut {
    /// The number.
    #[schema(example = 1)]
    pub(super) id: i64,
    /// The code under which the patient's headset connects.
    #[schema(example = "007-000")]
    code: String,
    /// The name.
    #[schema(example = "김서연")]
    name: String,
    /// Whose patient it is.
    #[schema(example = 7)]
    doctor_id: i64,
    /// Whether a device token was made for the patient's headset.
    has_device_token: bool,
    /// When it was made, in Korea time.
    #[schema(value_type = String, format = DateTime, example = "2025-11-10T14:03:00+09:00")]
    created_at: KoreaTime,
    /// When it was last changed.
    #[schema(value_type = String, format = DateTime)]
    updated_at: KoreaTime,
}

impl From<&Patient> for PatientOut {
    fn from(patient: &Patient) -> Self {
        Self {
            id: patient.id.0,
            code: patient.code.to_string(),
            name: patient.name.reveal().to_owned(),
            doctor_id: patient.doctor_id.0,
            has_device_token: patient.has_device_token,
            created_at: KoreaTime(patient.created_at),
            updated_at: KoreaTime(patient.updated_at),
        }
    }
}

/// A session that was started or is under way.
#[derive(Serialize, ToSchema)]
pub(crate) struct StartedOut {
    /// The number.
    #[schema(example = 5)]
    pub(super) id: i64,
    /// What people read it out by.
    #[schema(example = "K7M2QX")]
    code: String,
    /// When it ends by itself, in Korea time.
    #[schema(value_type = String, format = DateTime, example = "2025-11-10T14:33:00+09:00")]
    expired_at: KoreaTime,
}

impl From<&Session> for StartedOut {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.0,
            code: session.code.as_str().to_owned(),
            expired_at: KoreaTime(session.expires_at),
        }
    }
}

/// A state of a session, as streams send it.
#[derive(Serialize, ToSchema)]
pub(crate) struct StateOut {
    /// The session.
    #[schema(example = 5)]
    id: i64,
    /// READY, STARTED, COMPLETED, FAILED, CANCELLED or EXPIRED.
    #[schema(example = "STARTED")]
    state: &'static str,
    /// When it was entered, in Korea time.
    #[schema(value_type = String, format = DateTime)]
    timestamp: KoreaTime,
    /// Why, for a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl StateOut {
    pub(super) fn new(id: i64, event: &StateEvent) -> Self {
        Self { id, state: event.state.as_str(), timestamp: KoreaTime(event.at), reason: event.reason.clone() }
    }
}

/// A session with its states.
#[derive(Serialize, ToSchema)]
#[schema(as = Diagnosis)]
pub(crate) struct SessionOut {
    /// The number.
    #[schema(example = 5)]
    id: i64,
    /// For whom.
    #[schema(example = 1)]
    patient_id: i64,
    /// NONE, BALANCEBALL, FITBOX or TENNISBALL.
    #[serde(rename = "type")]
    #[schema(example = "TENNISBALL")]
    kind: &'static str,
    /// 1 to 3.
    #[schema(example = 2)]
    level: u8,
    /// What people read it out by.
    #[schema(example = "K7M2QX")]
    code: String,
    /// The state it is in.
    #[schema(example = "FAILED")]
    state: &'static str,
    /// Why, for a failure.
    reason: Option<String>,
    /// When it was made, in Korea time.
    #[schema(value_type = String, format = DateTime)]
    created_at: KoreaTime,
    /// When it ends, or would have ended, by itself.
    #[schema(value_type = String, format = DateTime)]
    expired_at: KoreaTime,
    /// The states it went through, in order.
    states: Vec<StateOut>,
}

impl SessionOut {
    pub(super) fn new(session: &Session, states: &[StateEvent]) -> Self {
        Self {
            id: session.id.0,
            patient_id: session.patient_id.0,
            kind: session.kind.as_str(),
            level: session.level.get(),
            code: session.code.as_str().to_owned(),
            state: session.state.kind().as_str(),
            reason: states.last().and_then(|state| state.reason.clone()),
            created_at: KoreaTime(session.created_at),
            expired_at: KoreaTime(session.expires_at),
            states: states.iter().map(|state| StateOut::new(session.id.0, state)).collect(),
        }
    }
}

/// A record among others.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordOut {
    /// The number; that of its session.
    #[schema(example = 5)]
    id: i64,
    /// What it says.
    #[serde(flatten)]
    metadata: MetadataOut,
    /// Always COMPLETED.
    #[schema(example = "COMPLETED")]
    state: &'static str,
}

/// A record's figures.
#[derive(Serialize, ToSchema)]
pub(crate) struct MetadataOut {
    /// Whose it is.
    #[schema(example = 1)]
    patient_id: i64,
    /// NONE, BALANCEBALL, FITBOX or TENNISBALL.
    #[serde(rename = "type")]
    #[schema(example = "TENNISBALL")]
    kind: &'static str,
    /// 1 to 3.
    #[schema(example = 2)]
    level: u8,
    /// When it was completed, in Korea time.
    #[schema(value_type = String, format = DateTime)]
    created_at: KoreaTime,
    /// The file's name.
    #[schema(example = "TENNISBALL_2_20251110140300.csv")]
    filename: String,
    /// The score of the last row.
    #[schema(example = 18.0)]
    score: f64,
    /// Seconds from the first row to the last.
    #[schema(example = 60.035)]
    time_spent: f64,
    /// Rows a second.
    #[schema(example = 71.425)]
    fps: f64,
}

impl From<&Record> for MetadataOut {
    fn from(record: &Record) -> Self {
        Self {
            patient_id: record.patient_id.0,
            kind: record.kind.as_str(),
            level: record.level.get(),
            created_at: KoreaTime(record.created_at),
            filename: record.filename.clone(),
            score: record.summary.score,
            time_spent: record.summary.time_spent,
            fps: record.summary.fps,
        }
    }
}

impl From<&Record> for RecordOut {
    fn from(record: &Record) -> Self {
        Self { id: record.id.0, metadata: record.into(), state: "COMPLETED" }
    }
}
