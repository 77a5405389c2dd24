//! What a headset and the server say to each other: JSON text frames `{"action": …, "data": …}`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{DiagnosisId, Kind, Level, Session};

/// Largest result file, bytes of UTF-8.
pub const FILE_BYTES_MAX: usize = 10 * 1_024 * 1_024;
/// Largest frame: a largest file whose line ends and quotes are escaped, and room to say by how much a file is too large.
pub const FRAME_BYTES_MAX: usize = 13 * 1_024 * 1_024;

/// What the server tells a headset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", content = "data")]
pub enum ToHeadset {
    /// Begin.
    #[serde(rename = "s_start_diagnosis")]
    Start {
        /// The session.
        diagnosis_id: DiagnosisId,
        /// What to play.
        #[serde(rename = "type")]
        kind: Kind,
        /// How hard.
        level: Level,
    },
    /// Stop what is played.
    #[serde(rename = "s_stop_diagnosis")]
    Stop(()),
    /// Another headset has taken this one's place.
    #[serde(rename = "s_force_disconnect")]
    ForceDisconnect(()),
}

impl ToHeadset {
    /// The order to begin a session.
    #[must_use]
    pub fn start(session: &Session) -> Self {
        Self::Start { diagnosis_id: session.id, kind: session.kind, level: session.level }
    }

    /// The order to stop.
    #[must_use]
    pub const fn stop() -> Self {
        Self::Stop(())
    }

    /// The farewell to a headset that was replaced.
    #[must_use]
    pub const fn force_disconnect() -> Self {
        Self::ForceDisconnect(())
    }

    /// As a frame.
    #[must_use]
    pub fn frame(&self) -> String {
        serde_json::to_string(self).expect("numbers and words are JSON")
    }
}

/// What a headset tells the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromHeadset<'a> {
    /// It has begun.
    Started(DiagnosisId),
    /// It cannot go on.
    Failed(DiagnosisId),
    /// It is done: the result as CSV text.
    Upload(DiagnosisId, Cow<'a, str>),
}

impl FromHeadset<'_> {
    /// The session that it speaks of.
    #[must_use]
    pub const fn diagnosis_id(&self) -> DiagnosisId {
        match self {
            Self::Started(id) | Self::Failed(id) | Self::Upload(id, _) => *id,
        }
    }

    /// As a frame: what a simulated headset sends.
    #[must_use]
    pub fn frame(&self) -> String {
        let id = self.diagnosis_id();
        let (action, data) = match self {
            Self::Started(_) => ("c_diagnosis_started", serde_json::json!({ "diagnosis_id": id })),
            Self::Failed(_) => ("c_diagnosis_failed", serde_json::json!({ "diagnosis_id": id })),
            Self::Upload(_, text) => {
                ("c_upload_result", serde_json::json!({ "diagnosis_id": id, "file_content": text }))
            }
        };
        serde_json::json!({ "action": action, "data": data }).to_string()
    }
}

/// Why a frame is ignored. What stood in it is not repeated: it may be a patient's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum FrameFault {
    /// It is no JSON object with an action.
    #[error("not a JSON object with an action")]
    Malformed,
    /// An action that headsets do not have.
    #[error("an unknown action")]
    UnknownAction,
    /// The data does not belong to the action.
    #[error("data that do not belong to the action")]
    WrongData,
}

impl FrameFault {
    /// The word in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::UnknownAction => "unknown_action",
            Self::WrongData => "wrong_data",
        }
    }
}

/// A frame whose data is not looked at.
#[derive(Deserialize)]
struct Any<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
}

/// A frame of a known action.
#[derive(Deserialize)]
struct Of<T> {
    data: T,
}

#[derive(Deserialize)]
struct Named {
    diagnosis_id: DiagnosisId,
}

#[derive(Deserialize)]
struct Uploaded<'a> {
    diagnosis_id: DiagnosisId,
    #[serde(borrow)]
    file_content: Cow<'a, str>,
}

/// A frame that uploads a result.
#[derive(Deserialize)]
struct Upload<'a> {
    #[serde(borrow)]
    action: Cow<'a, str>,
    #[serde(borrow)]
    data: Uploaded<'a>,
}

/// Reads a frame of a headset. Members that are not known are ignored.
///
/// # Errors
/// Why the frame is to be ignored.
pub fn read_frame(text: &str) -> Result<FromHeadset<'_>, FrameFault> {
    // The large ones are read once; whatever is none is looked at for what is wrong with it.
    if let Ok(Upload { action, data }) = serde_json::from_str(text)
        && action == "c_upload_result"
    {
        return Ok(FromHeadset::Upload(data.diagnosis_id, data.file_content));
    }
    let any: Any<'_> = serde_json::from_str(text).map_err(|_| FrameFault::Malformed)?;
    let named = || serde_json::from_str::<Of<Named>>(text).map_err(|_| FrameFault::WrongData);
    match &*any.action {
        "c_diagnosis_started" => Ok(FromHeadset::Started(named()?.data.diagnosis_id)),
        "c_diagnosis_failed" => Ok(FromHeadset::Failed(named()?.data.diagnosis_id)),
        "c_upload_result" => Err(FrameFault::WrongData),
        _ => Err(FrameFault::UnknownAction),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn orders_are_written_as_headsets_read_them() {
        let start = ToHeadset::Start {
            diagnosis_id: DiagnosisId(5),
            kind: Kind::TennisBall,
            level: 2.try_into().expect("level"),
        };
        let told =
            r#"{"action":"s_start_diagnosis","data":{"diagnosis_id":5,"type":"TENNISBALL","level":2}}"#;
        assert_eq!(start.frame(), told);
        assert_eq!(ToHeadset::stop().frame(), r#"{"action":"s_stop_diagnosis","data":null}"#);
        assert_eq!(ToHeadset::force_disconnect().frame(), r#"{"action":"s_force_disconnect","data":null}"#);
        for order in [start, ToHeadset::stop(), ToHeadset::force_disconnect()] {
            assert_eq!(serde_json::from_str::<ToHeadset>(&order.frame()).expect("read"), order);
        }
    }

    #[test]
    fn reports_are_read_whatever_else_they_carry() {
        let text = r#"{"data": {"extra": [1, {"a": "}"}], "diagnosis_id": 9}, "action": "c_diagnosis_started", "v": 2}"#;
        assert_eq!(read_frame(text), Ok(FromHeadset::Started(DiagnosisId(9))));
        let text =
            r#"{"action":"c_upload_result","data":{"diagnosis_id":9,"file_content":"a,b\n1,\"2\"\n"}}"#;
        let want = FromHeadset::Upload(DiagnosisId(9), "a,b\n1,\"2\"\n".into());
        assert_eq!(read_frame(text), Ok(want));
        assert_eq!(
            read_frame(r#"{"action":"c_\u0064iagnosis_failed","data":{"diagnosis_id":1}}"#),
            Ok(FromHeadset::Failed(DiagnosisId(1)))
        );
    }

    #[test]
    fn anything_else_has_a_reason_to_be_ignored() {
        for (text, fault) in [
            ("", FrameFault::Malformed),
            ("hello", FrameFault::Malformed),
            ("[]", FrameFault::Malformed),
            ("{}", FrameFault::Malformed),
            (r#"{"action":5}"#, FrameFault::Malformed),
            (r#"{"action":"s_stop_diagnosis","data":null}"#, FrameFault::UnknownAction),
            (r#"{"action":"c_diagnosis_started","data":null}"#, FrameFault::WrongData),
            (r#"{"action":"c_diagnosis_started"}"#, FrameFault::WrongData),
            (r#"{"action":"c_diagnosis_started","data":{"diagnosis_id":"5"}}"#, FrameFault::WrongData),
            (r#"{"action":"c_diagnosis_started","data":{"diagnosis_id":1.5}}"#, FrameFault::WrongData),
            (r#"{"action":"c_upload_result","data":{"diagnosis_id":1}}"#, FrameFault::WrongData),
        ] {
            assert_eq!(read_frame(text), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = read_frame(&text);
        }

        #[test]
        fn every_file_arrives_as_it_was_sent(id in any::<i64>(), text in "(?s).{0,200}") {
            let sent = FromHeadset::Upload(DiagnosisId(id), text.into());
            let frame = sent.frame();
            prop_assert_eq!(read_frame(&frame), Ok(sent));
        }
    }
}
