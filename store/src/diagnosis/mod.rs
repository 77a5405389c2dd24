//! Patients, VR sessions with their states, records, and files that are to be removed.

mod handover;
mod orphan;
mod patient;
mod patient_write;
mod record;
mod session;
mod session_write;

pub use handover::{Forsaken, doctor_busy, patients_forsaken, patients_hand_over};
pub use orphan::{orphan_add, orphan_done, orphans_list};
pub use patient::{patient_find, patient_find_by_code, patient_find_own, patient_list, patient_token_hash};
pub use patient_write::{
    Erased, codes_taken, patient_busy, patient_code_taken, patient_erase, patient_get, patient_get_any,
    patient_insert, patient_remove, patient_token_set, patient_update,
};
pub use record::{RecordQuery, record_find, record_insert, record_is, record_list, records_of_patient};
pub use session::{
    session_active, session_find, session_states, sessions_of_patient, sessions_open, states_of_patient,
};
pub use session_write::{session_get, session_insert, session_move};
