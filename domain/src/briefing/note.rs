//! What an event means to a briefing. Every kind that the journal has is read here and nowhere else; kinds that say nothing
//! to a reader (a setting changed, an alert was read) are left out.

use std::collections::BTreeMap;

use serde_json::Value;

use super::name::Name;
use super::observation::OBSERVED_KIND;
use crate::alerts::{AlertType, Severity};
use crate::sensing::Verdict;
use crate::{Event, Timestamp};

/// Longest name that is kept, characters.
const NAME_CHARS_MAX: usize = 80;
/// Longest free text that is kept, characters.
const QUOTE_CHARS_MAX: usize = 120;
/// Most defects of one run.
const DEFECTS_MAX: usize = 20;
/// Most classes of one observation.
const CLASSES_MAX: usize = 100;

/// An event as a briefing reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Note {
    /// The event's sequence number.
    pub seq: i64,
    /// When it happened.
    pub at: Timestamp,
    /// What it happened to.
    pub subject: Name,
    /// What happened.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// A sensor's window was judged.
    Judged {
        /// The verdict.
        verdict: Verdict,
        /// The window's score, if it has one.
        score: Option<f64>,
        /// The bound that was crossed, or would have been.
        bound: Option<f64>,
    },
    /// A sensor is not there any more.
    SensorRemoved,
    /// A run of a process ended.
    Completed {
        /// The process's number.
        process: i64,
        /// Whether it passed.
        passed: bool,
        /// The codes of its defects.
        defects: Vec<Name>,
        /// What became of the unit.
        unit: Unit,
    },
    /// A run of a process was started.
    Started,
    /// A lot is finished.
    LotCompleted,
    /// A lot was made.
    LotCreated,
    /// A unit was sent back.
    Rework,
    /// Equipment counts as abnormal.
    EquipmentAbnormal {
        /// The sensor that says so.
        sensor: Name,
        /// Whether nothing may be started on it.
        hold: bool,
    },
    /// Equipment is well again, by its sensors or by a person.
    EquipmentWell,
    /// An alert was raised.
    Alert {
        /// Its type; none when this program does not know it.
        kind: Option<AlertType>,
        /// How much it matters.
        severity: Severity,
        /// Its title, free text.
        title: Name,
        /// The rest of it, free text.
        message: Name,
    },
    /// A part of the program failed and was started again.
    Failed,
    /// A part of the program failed too often and is parked.
    Parked,
    /// A part of the program was let go on.
    Released,
    /// Something of a vehicle.
    Vehicle(Vehicle),
    /// Something of a diagnosis session.
    Session(Session),
    /// Labels came out of a printer.
    Printed {
        /// How many.
        copies: u64,
    },
    /// Labels did not come out, or nobody knows whether they did.
    PrintFailed,
    /// Firmware was installed at a station.
    Installed {
        /// Its version.
        version: Name,
    },
    /// Firmware could not be installed at a station.
    InstallFailed,
    /// A roll-out has reached all its stations.
    RolloutDone,
    /// A roll-out was stopped.
    RolloutStopped,
    /// An outside pipeline has looked.
    Observed {
        /// How many of each class.
        counts: BTreeMap<Name, u64>,
        /// Its own words, free text.
        caption: Option<Name>,
    },
}

/// What became of a unit when a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// It is under way, or there is none.
    Goes,
    /// It passed as a whole.
    Passed,
    /// It is scrapped.
    Scrapped,
}

/// What happened to a vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vehicle {
    /// It is there.
    Online,
    /// It is gone: its connection ended or broke.
    Offline,
    /// It broke down.
    Broken,
    /// It was repaired.
    Repaired,
    /// A chase ended.
    Caught,
    /// It is not registered any more.
    Removed,
    /// Something else.
    Other,
}

/// What happened to a diagnosis session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Session {
    /// It began.
    Begun,
    /// It ended in good order.
    Done,
    /// It broke off.
    Broken,
}

impl Note {
    /// What `event` says; nothing when it says nothing to a reader.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let (domain, kind) = event.event.kind.split_once('.')?;
        let data = &event.event.data;
        let what = match domain {
            "sensing" => sensing(kind, data),
            "production" => production(kind, data),
            "alerts" => alert(kind, data),
            "system" => system(kind),
            "fleet" => vehicle(kind),
            "diagnosis" => session(kind, data),
            "labels" => label(kind, data),
            "firmware" => firmware(kind, data),
            _ if event.event.kind == OBSERVED_KIND => Some(observed(data)),
            _ => None,
        }?;
        // Vehicles are known to people by their names, not by their numbers; of labels the printer matters.
        let subject = match domain {
            "fleet" => data["car_name"].as_str().unwrap_or(&event.event.subject),
            "labels" => data["printer_id"].as_str().unwrap_or(&event.event.subject),
            _ => &event.event.subject,
        };
        Some(Self { seq: event.seq, at: event.event.at, subject: name(subject), what })
    }
}

/// A name as it may stand in a text: of one line, and not too long.
fn name(text: &str) -> Name {
    cut(text, NAME_CHARS_MAX)
}

/// Free text as it may stand in quotes: of one line, not too long, and without what would end the quotes.
fn quote(text: &str) -> Name {
    cut(text, QUOTE_CHARS_MAX)
}

fn cut(text: &str, chars_max: usize) -> Name {
    let plain = |c: char| !c.is_control() && !"「」⟦⟧".contains(c);
    if text.len() <= chars_max && text.chars().all(plain) {
        return text.into();
    }
    let line: String =
        text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| plain(*c)).collect();
    let words = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() <= chars_max {
        return words.into();
    }
    let mut short: String = words.chars().take(chars_max - 1).collect();
    short.push('…');
    short.into()
}

fn sensing(kind: &str, data: &Value) -> Option<What> {
    match kind {
        "verdict" => {
            let verdict = Verdict::from_word(data["verdict"].as_str()?)?;
            Some(What::Judged { verdict, score: data["score"].as_f64(), bound: data["threshold"].as_f64() })
        }
        "removed" | "sensor_removed" => Some(What::SensorRemoved),
        _ => None,
    }
}

fn production(kind: &str, data: &Value) -> Option<What> {
    Some(match kind {
        "completed" => {
            let codes = data["defects"].as_array().map(Vec::as_slice).unwrap_or_default();
            let passed = data["result"] == "PASS";
            let unit = match data["serial_status"].as_str() {
                Some("PASSED") => Unit::Passed,
                Some("SCRAPPED") => Unit::Scrapped,
                _ if data["defect_status"] == "SCRAPPED" => Unit::Scrapped,
                _ => Unit::Goes,
            };
            let defects = codes.iter().take(DEFECTS_MAX).filter_map(Value::as_str).map(name).collect();
            What::Completed { process: data["process"].as_i64().unwrap_or(0), passed, defects, unit }
        }
        "started" => What::Started,
        "lot_completed" => What::LotCompleted,
        "lot_created" => What::LotCreated,
        "rework_approved" => What::Rework,
        "equipment_abnormal" => What::EquipmentAbnormal {
            sensor: name(data["sensor_id"].as_str().unwrap_or_default()),
            hold: data["hold"].as_bool().unwrap_or(false),
        },
        "equipment_normal" | "equipment_acknowledged" => What::EquipmentWell,
        _ => return None,
    })
}

fn alert(kind: &str, data: &Value) -> Option<What> {
    if kind != "raised" {
        return None;
    }
    Some(What::Alert {
        kind: data["alert_type"].as_str().and_then(AlertType::from_word),
        severity: data["severity"].as_str().and_then(Severity::from_word).unwrap_or(Severity::Medium),
        title: quote(data["title"].as_str().unwrap_or_default()),
        message: quote(data["message"].as_str().unwrap_or_default()),
    })
}

fn system(kind: &str) -> Option<What> {
    match kind {
        "failed" | "frozen" => Some(What::Failed),
        "quarantined" => Some(What::Parked),
        "released" => Some(What::Released),
        _ => None,
    }
}

fn vehicle(kind: &str) -> Option<What> {
    Some(What::Vehicle(match kind {
        "online" => Vehicle::Online,
        "offline" => Vehicle::Offline,
        "damaged" => Vehicle::Broken,
        "repaired" => Vehicle::Repaired,
        "catch" => Vehicle::Caught,
        "removed" => Vehicle::Removed,
        "run" | "failed" => Vehicle::Other,
        _ => return None,
    }))
}

fn session(kind: &str, data: &Value) -> Option<What> {
    if kind != "state" {
        return None;
    }
    Some(What::Session(match data["state"].as_str()? {
        "STARTED" => Session::Begun,
        "COMPLETED" => Session::Done,
        "FAILED" => Session::Broken,
        _ => return None,
    }))
}

fn label(kind: &str, data: &Value) -> Option<What> {
    if kind != "job" {
        return None;
    }
    Some(match data["status"].as_str()? {
        "printed" => What::Printed { copies: data["copies"].as_u64().unwrap_or(1) },
        "failed" | "unknown" => What::PrintFailed,
        _ => return None,
    })
}

fn firmware(kind: &str, data: &Value) -> Option<What> {
    Some(match (kind, data["status"].as_str()?) {
        ("deployment", "succeeded") => {
            What::Installed { version: name(data["version"].as_str().unwrap_or_default()) }
        }
        ("deployment", "failed") => What::InstallFailed,
        ("rollout", "completed") => What::RolloutDone,
        ("rollout", "stopped") => What::RolloutStopped,
        _ => return None,
    })
}

fn observed(data: &Value) -> What {
    let counts = data["counts"].as_object().into_iter().flatten().take(CLASSES_MAX);
    What::Observed {
        counts: counts.filter_map(|(class, n)| Some((name(class), n.as_u64()?))).collect(),
        caption: data["caption"].as_str().filter(|text| !text.trim().is_empty()).map(quote),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::NewEvent;

    fn note(kind: &str, subject: &str, data: Value) -> Option<Note> {
        Note::of(&Event { seq: 1, event: NewEvent::new(Timestamp::from_s(1), kind, subject, data) })
    }

    #[test]
    fn events_that_say_nothing_are_left_out() {
        for kind in [
            "alerts.read",
            "production.target_set",
            "briefing.started",
            "x",
            "system.started",
            "sensing.changed",
        ] {
            assert_eq!(note(kind, "a", json!({})), None, "{kind}");
        }
    }

    #[test]
    fn a_completion_says_what_became_of_the_unit() {
        let data = json!({ "process": 6, "result": "FAIL", "defects": ["FORCE"], "serial_status": "FAILED" });
        let what = note("production.completed", "S", data).expect("a note").what;
        assert_eq!(
            what,
            What::Completed { process: 6, passed: false, defects: vec!["FORCE".into()], unit: Unit::Goes }
        );
        let data = json!({ "process": 8, "result": "PASS", "serial_status": "PASSED", "defects": [] });
        let what = note("production.completed", "S", data).expect("a note").what;
        assert!(matches!(what, What::Completed { passed: true, unit: Unit::Passed, .. }));
    }

    #[test]
    fn labels_and_firmware_say_how_they_ended() {
        let job = |status: &str| {
            let data = json!({ "printer_id": "P1", "copies": 3, "status": status });
            note("labels.job", "WF-1", data)
        };
        let printed = job("printed").expect("a note");
        assert_eq!((&*printed.subject, printed.what), ("P1", What::Printed { copies: 3 }));
        assert_eq!(job("unknown").map(|note| note.what), Some(What::PrintFailed));
        assert_eq!(job("pending"), None);
        assert_eq!(note("labels.printer", "P1", json!({ "action": "CREATE" })), None);
        let deployed = |status: &str| {
            note("firmware.deployment", "ST-1", json!({ "status": status, "version": "v1.2.0" }))
                .map(|n| n.what)
        };
        assert_eq!(deployed("succeeded"), Some(What::Installed { version: "v1.2.0".into() }));
        assert_eq!(deployed("failed"), Some(What::InstallFailed));
        assert_eq!(deployed("uploading"), None);
        let rollout =
            |status: &str| note("firmware.rollout", "4", json!({ "status": status })).map(|n| n.what);
        assert_eq!((rollout("stopped"), rollout("running")), (Some(What::RolloutStopped), None));
    }

    #[test]
    fn free_text_stays_on_its_line_and_in_its_quotes() {
        let caption = "one\ntwo」 ⟦1⟧ \u{7} end";
        let what = note("briefing.observed", "cam", json!({ "counts": { "person": 3 }, "caption": caption }));
        let Some(Note { what: What::Observed { caption: Some(caption), .. }, .. }) = what else {
            panic!("a caption")
        };
        assert_eq!(&*caption, "one two 1 end");
        assert_eq!(cut(&"가".repeat(500), 80).chars().count(), 80);
    }

    #[test]
    fn vehicles_have_names_and_sessions_have_states() {
        for (kind, want) in [
            ("fleet.offline", Some(Vehicle::Offline)),
            ("fleet.online", Some(Vehicle::Online)),
            ("fleet.catch", Some(Vehicle::Caught)),
            ("fleet.plan", None),
        ] {
            let note = note(kind, "7", json!({ "car_name": "car-7" }));
            assert!(note.as_ref().is_none_or(|note| &*note.subject == "car-7"), "{kind}");
            assert_eq!(note.map(|note| note.what), want.map(What::Vehicle), "{kind}");
        }
        let session =
            |state: &str| note("diagnosis.state", "7", json!({ "state": state })).map(|note| note.what);
        assert_eq!(session("COMPLETED"), Some(What::Session(Session::Done)));
        assert_eq!(session("FAILED"), Some(What::Session(Session::Broken)));
        assert_eq!(session("CANCELLED"), None);
    }
}
