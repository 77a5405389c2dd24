//! The headset's protocol, in words, for the head of the API's description.

use nightshift_domain::diagnosis::{DiagnosisId, FILE_BYTES_MAX, FromHeadset, Kind, Level, ToHeadset};

/// The messages of `/ws/diagnosis/{patient_code}`, as Markdown; the examples are written by the code that speaks.
pub(crate) fn description() -> String {
    let (id, level) = (DiagnosisId(5), Level::try_from(2).expect("2 is a level"));
    let rows = [
        (
            "server → VR",
            ToHeadset::Start { diagnosis_id: id, kind: Kind::TennisBall, level }.frame(),
            "Begin. Sent when a doctor starts a diagnosis, and again when the headset connects anew before it has begun.",
        ),
        ("server → VR", ToHeadset::stop().frame(), "Stop: the diagnosis was cancelled, or its time is over."),
        (
            "server → VR",
            ToHeadset::force_disconnect().frame(),
            "Leave: another headset of the patient has connected.",
        ),
        ("VR → server", FromHeadset::Started(id).frame(), "It has begun: READY becomes STARTED."),
        ("VR → server", FromHeadset::Failed(id).frame(), "It cannot go on: FAILED."),
        (
            "VR → server",
            FromHeadset::Upload(id, "Rotation_X,…".into()).frame(),
            "It is done: the result as CSV text. COMPLETED once both files and the record are kept, else FAILED with a reason.",
        ),
    ];
    let mut text = format!(
        "\n\n## WebSocket: VR headsets\n\n`/ws/diagnosis/{{patient_code}}` (also `/api/ws/diagnosis/{{patient_code}}`) speaks JSON text \
         frames `{{\"action\", \"data\"}}`. A file has at most {} MiB. What cannot be understood, or means no session of this \
         patient, is counted and ignored.\n\n| direction | frame | meaning |\n|---|---|---|\n",
        FILE_BYTES_MAX / (1_024 * 1_024)
    );
    for (direction, frame, meaning) in rows {
        text.push_str(&format!("| {direction} | `{frame}` | {meaning} |\n"));
    }
    text.push_str(
        "\nClosed with: 4004 no patient has this code · 4001 device token missing or wrong · 4009 replaced · 1001 the plant stops \
         · 1009 longer than allowed, and the session fails · 1008 silent, or reads too slowly · 1013 not possible now.\n",
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_action_is_described() {
        let text = description();
        for action in [
            "s_start_diagnosis",
            "s_stop_diagnosis",
            "s_force_disconnect",
            "c_diagnosis_started",
            "c_diagnosis_failed",
            "c_upload_result",
        ] {
            assert!(text.contains(&format!("\"{action}\"")), "{action}: {text}");
        }
        assert!(text.contains("10 MiB"), "{text}");
    }
}
