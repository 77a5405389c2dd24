//! What a VR diagnosis is: patients, sessions and their states, the headset's protocol, result files and what is computed
//! of them.
//!
//! A doctor starts a session for a patient; the patient's headset is told, says that it began, and uploads a CSV; of that
//! come the processed file and the figures that the doctor sees.

mod cells;
mod compare;
mod kind;
mod korea;
mod patient;
mod process;
mod protocol;
mod record;
mod result_fault;
mod sample;
mod series;
mod session;
mod tar;

pub use compare::{Comparison, Progress, compare};
pub use kind::{Kind, Level};
pub use korea::KoreaTime;
pub use patient::{
    CODE_NUMBER_MAX, NewPatient, Patient, PatientChange, PatientCode, PatientError, PatientId, PatientName,
};
pub use process::{Processed, process};
pub use protocol::{FILE_BYTES_MAX, FRAME_BYTES_MAX, FrameFault, FromHeadset, ToHeadset, read_frame};
pub use record::{Record, Summary, file_folders, file_name, original_key, processed_key, series_of};
pub use result_fault::ResultFault;
pub use sample::Sample;
pub use series::{POINTS_MAX, Point, Series, SeriesFault, thinned};
pub use session::{
    DiagnosisId, FailCause, Failure, NewSession, SESSION_LASTS, Session, SessionCode, State, StateEvent,
    StateKind, WrongState,
};
pub use tar::{TAR_BLOCK_BYTES, tar_end, tar_header, tar_padding};
