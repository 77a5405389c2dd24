//! What diagnosis answers when it cannot do what was asked.

use nightshift_domain::diagnosis::{StateKind, WrongState};
use nightshift_store::StoreError;
use nightshift_store::blobs::BlobError;

use crate::setback::Setback;
use crate::writer::WriteError;

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiagnosisError {
    /// Only doctors have patients.
    #[error("의사만 사용할 수 있습니다. / only a doctor may do this")]
    NotADoctor,
    /// The doctor is one still: only the patients of one who is gone are handed over.
    #[error("아직 활동 중인 의사입니다. / the doctor is active: disable or remove the account first")]
    DoctorActive,
    /// The doctor is not known any more.
    #[error("의사를 찾을 수 없습니다. / doctor not found")]
    DoctorNotFound,
    /// No such patient of this doctor.
    #[error("환자를 찾을 수 없습니다. / patient not found")]
    PatientNotFound,
    /// No such session of this doctor.
    #[error("진단을 찾을 수 없습니다. / diagnosis not found")]
    NotFound,
    /// No such record of a patient of this doctor.
    #[error("진단 기록을 찾을 수 없습니다. / record not found")]
    RecordNotFound,
    /// The record is there, its file is not.
    #[error("파일이 저장소에 없습니다. / the file is not in the object store")]
    FileNotFound,
    /// The session is another doctor's.
    #[error("다른 의사의 진단입니다. / the diagnosis is another doctor's")]
    NotYours,
    /// No headset of the patient is connected.
    #[error("환자가 로그인 상태가 아닙니다.")]
    HeadsetAway,
    /// The doctor has a session under way.
    #[error("이미 진행 중인 진단이 있습니다. / a diagnosis is under way already")]
    UnderWay,
    /// The session is over.
    #[error("이미 종료된 진단입니다. / the diagnosis is over: {}", .0.as_str())]
    Over(StateKind),
    /// The patient's code is taken.
    #[error("이미 사용 중인 환자 코드입니다. / the patient code is taken")]
    CodeTaken,
    /// All automatic codes of the doctor are taken.
    #[error("자동 환자 코드를 모두 사용했습니다. / all automatic patient codes are taken: give a code")]
    CodesSpent,
    /// A session of the patient is under way.
    #[error("진행 중인 진단을 먼저 끝내십시오. / a diagnosis of the patient is under way: end it first")]
    PatientBusy,
    /// It could not be done.
    #[error(transparent)]
    Setback(#[from] Setback),
}

impl From<StoreError> for DiagnosisError {
    fn from(error: StoreError) -> Self {
        Setback::of_store(&error).into()
    }
}

impl From<WriteError> for DiagnosisError {
    fn from(error: WriteError) -> Self {
        Setback::of_write(&error, |error| Setback::of_store(error).into())
    }
}

impl From<WrongState> for DiagnosisError {
    fn from(WrongState(state): WrongState) -> Self {
        Self::Over(state)
    }
}

impl From<BlobError> for DiagnosisError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound { .. } => Self::FileNotFound,
            error => {
                tracing::warn!(error = %error, "the object store did not answer");
                Setback::away("the object store").into()
            }
        }
    }
}
