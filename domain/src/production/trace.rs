//! A unit's whole story, and a lot's as EPCIS 2.0, the trade's own exchange format for such stories.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Component, Defect, Lot, LotState, ProcessNumber, Rework, Run, RunResult, Serial, SerialState};
use crate::Timestamp;

/// A unit's story, in the order in which it happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// The unit.
    pub serial: Serial,
    /// Its lot.
    pub lot: Lot,
    /// Its runs and those of its whole lot, by start.
    pub runs: Vec<TracedRun>,
    /// Its reworks.
    pub reworks: Vec<Rework>,
}

/// A run with what it found and what it built in.
#[derive(Debug, Clone, PartialEq)]
pub struct TracedRun {
    /// The run.
    pub run: Run,
    /// Its process's number.
    pub process: ProcessNumber,
    /// Its process's code.
    pub process_code: String,
    /// Who worked.
    pub operator: String,
    /// What it found.
    pub defects: Vec<Defect>,
    /// What it built in.
    pub components: Vec<Component>,
}

impl Trace {
    /// Time that its runs took together: what was worked on it, not what it waited.
    #[must_use]
    pub fn cycle_time(&self) -> Duration {
        self.runs.iter().filter_map(|r| r.run.run.duration()).sum()
    }

    /// From its first start to the end of its last run; absent while nothing has ended.
    #[must_use]
    pub fn lead_time(&self) -> Option<Duration> {
        let first = self.runs.iter().map(|r| r.run.run.started_at).min()?;
        let last = self.runs.iter().filter_map(|r| r.run.run.done()).map(|d| d.completed_at).max()?;
        Some(last.since(first))
    }

    /// Component lots that are in it, each once. Those of a failed run were replaced at its repetition only if that
    /// names others: all are kept, since nobody can rule them out.
    #[must_use]
    pub fn components(&self) -> Vec<Component> {
        let mut all: Vec<Component> = self.runs.iter().flat_map(|r| r.components.clone()).collect();
        all.sort();
        all.dedup();
        all
    }
}

/// A lot and its units as an EPCIS 2.0 document (ISO/IEC 19987:2024, JSON-LD).
///
/// `base` is the URI under which the plant names things, without a slash at its end; without a GS1 company prefix any
/// URI of the plant's own will do.
#[must_use]
pub fn epcis(base: &str, lot: &Lot, units: &[Trace], created: Timestamp) -> Value {
    let lot_uri = format!("{base}/lot/{}", lot.lot_number);
    let mut events = vec![commission(base, lot, units, &lot_uri)];
    for unit in units {
        let epc = format!("{base}/serial/{}", unit.serial.serial_number);
        // Runs of the whole lot are told once, below.
        let own = unit.runs.iter().filter(|r| r.run.run.serial_id.is_some());
        events.extend(own.filter_map(|run| observation(base, run, json!([epc]), &lot_uri)));
        if let SerialState::Failed { at, scrapped: true, .. } = unit.serial.state {
            events.push(scrapping(base, &epc, at));
        }
    }
    let whole = units.first().map_or(&[][..], |unit| &unit.runs);
    let whole = whole.iter().filter(|r| r.run.run.serial_id.is_none());
    let all: Vec<String> =
        units.iter().map(|u| format!("{base}/serial/{}", u.serial.serial_number)).collect();
    events.extend(whole.filter_map(|run| observation(base, run, json!(all), &lot_uri)));
    events.sort_by(|a, b| a["eventTime"].as_str().cmp(&b["eventTime"].as_str()));
    json!({
        "@context": [
            "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld",
            { "nightshift": format!("{base}/vocabulary/") },
        ],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": instant(created),
        "epcisBody": { "eventList": events },
    })
}

/// Microseconds always, so that instants sort as text.
fn instant(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.us()).map_or_else(|_| at.to_string(), |t| format!("{t:.6}"))
}

fn object_event(at: Timestamp, action: &str, step: &str, disposition: &str, epcs: Value) -> Value {
    json!({
        "type": "ObjectEvent", "eventTime": instant(at), "eventTimeZoneOffset": "+00:00", "action": action,
        "bizStep": step, "disposition": disposition, "epcList": epcs,
    })
}

fn commission(base: &str, lot: &Lot, units: &[Trace], lot_uri: &str) -> Value {
    let epcs: Vec<String> =
        units.iter().map(|u| format!("{base}/serial/{}", u.serial.serial_number)).collect();
    let at = lot.state.started_at().unwrap_or(lot.created_at);
    let mut event = object_event(at, "ADD", "commissioning", "active", json!(epcs));
    event["nightshift:lot"] = json!(lot_uri);
    event["nightshift:lotStatus"] = json!(lot.state.status());
    if let LotState::Closed { closed_at, .. } = lot.state {
        event["nightshift:closedAt"] = json!(instant(closed_at));
    }
    event
}

fn observation(base: &str, run: &TracedRun, epcs: Value, lot_uri: &str) -> Option<Value> {
    let done = run.run.run.done()?;
    let good = done.result == RunResult::Pass;
    let disposition = if good { "conformant" } else { "non_conformant" };
    let mut event = object_event(done.completed_at, "OBSERVE", "inspecting", disposition, epcs);
    event["eventID"] = json!(format!("{base}/run/{}", run.run.id));
    if let Some(code) = &run.run.run.equipment_code {
        event["readPoint"] = json!({ "id": format!("{base}/equipment/{}", uri_text(code)) });
    }
    event["nightshift:lot"] = json!(lot_uri);
    event["nightshift:process"] = json!(run.process_code);
    event["nightshift:processNumber"] = json!(run.process);
    event["nightshift:result"] = json!(done.result);
    event["nightshift:startedAt"] = json!(instant(run.run.run.started_at));
    event["nightshift:operator"] = json!(run.operator);
    if !run.components.is_empty() {
        event["nightshift:components"] = json!(run.components);
    }
    if !run.defects.is_empty() {
        let codes: Vec<&str> = run.defects.iter().map(|d| d.spec.code.as_str()).collect();
        event["nightshift:defects"] = json!(codes);
    }
    if let Some(review) = &run.run.run.review {
        event["nightshift:abnormalEvent"] = json!(review.event_id);
    }
    Some(event)
}

fn scrapping(base: &str, epc: &str, at: Timestamp) -> Value {
    let mut event = object_event(at, "DELETE", "decommissioning", "inactive", json!([epc]));
    event["eventID"] = json!(format!("{epc}/scrapped"));
    event["nightshift:reason"] = json!(format!("{base}/vocabulary/scrapped"));
    event
}

/// Stations send equipment codes as they like; a URI takes letters, digits and a few marks.
fn uri_text(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::super::*;
    use super::*;

    fn at(s: i64) -> Timestamp {
        Timestamp::from_s(1_762_732_800 + s)
    }

    fn lot() -> Lot {
        Lot {
            id: LotId(1),
            lot_number: LotNumber::parse("WF-KR-251110D-001").expect("number"),
            product_model_id: ProductModelId(1),
            production_line_id: None,
            production_date: jiff::civil::date(2025, 11, 10),
            shift: Shift::Day,
            target_quantity: 1,
            work_order: None,
            state: LotState::InProgress { started_at: at(0) },
            counts: LotCounts::default(),
            created_at: at(0),
            updated_at: at(0),
        }
    }

    fn run(id: i64, start: i64, end: i64, result: RunResult, part: &str) -> TracedRun {
        let done = RunDone { completed_at: at(end), result, data: serde_json::Map::new(), notes: None };
        let run = NewRun {
            lot_id: LotId(1),
            serial_id: Some(SerialId(1)),
            process_id: ProcessId(2),
            operator_id: OperatorId(1),
            equipment_id: None,
            equipment_code: Some("EQ 1/ä".to_owned()),
            started_at: at(start),
            override_reason: None,
            review: None,
            state: RunState::Done(done),
        };
        TracedRun {
            run: Run { id: RunId(id), run, created_at: at(start), updated_at: at(end) },
            process: ProcessNumber(2),
            process_code: "LMA_ASSEMBLY".to_owned(),
            operator: "w1".to_owned(),
            defects: vec![],
            components: vec![Component { kind: "BUSBAR".to_owned(), lot_number: part.to_owned() }],
        }
    }

    fn story() -> Trace {
        let state =
            SerialState::Failed { at: at(500), reason: "x".to_owned(), process_id: None, scrapped: true };
        let serial = Serial {
            id: SerialId(1),
            serial_number: SerialNumber::parse("WF-KR-251110D-001-0001").expect("number"),
            lot_id: LotId(1),
            sequence_in_lot: 1,
            state,
            rework_count: 3,
            created_at: at(0),
            updated_at: at(0),
        };
        let runs = vec![
            run(1, 0, 100, RunResult::Fail, "B-1"),
            run(2, 300, 500, RunResult::Fail, "B-2"),
            run(3, 510, 520, RunResult::Fail, "B-1"),
        ];
        Trace { serial, lot: lot(), runs, reworks: vec![] }
    }

    #[test]
    fn a_story_adds_up() {
        let story = story();
        assert_eq!(story.cycle_time(), Duration::from_secs(310));
        assert_eq!(story.lead_time(), Some(Duration::from_secs(520)));
        let parts: Vec<String> = story.components().into_iter().map(|c| c.lot_number).collect();
        assert_eq!(parts, ["B-1", "B-2"]);
    }

    #[test]
    fn a_lot_as_epcis() {
        let base = "https://plant.example/id";
        let document = epcis(base, &lot(), &[story()], at(600));
        assert_eq!((&document["type"], &document["schemaVersion"]), (&json!("EPCISDocument"), &json!("2.0")));
        let events = document["epcisBody"]["eventList"].as_array().expect("events");
        let seen: Vec<_> = events.iter().map(|e| (e["action"].as_str(), e["disposition"].as_str())).collect();
        let bad = (Some("OBSERVE"), Some("non_conformant"));
        assert_eq!(seen, [(Some("ADD"), Some("active")), bad, bad, (Some("DELETE"), Some("inactive")), bad]);
        assert_eq!(events[1]["epcList"], json!(["https://plant.example/id/serial/WF-KR-251110D-001-0001"]));
        assert_eq!(events[1]["readPoint"]["id"], "https://plant.example/id/equipment/EQ%201%2F%C3%A4");
        for event in events {
            let time = event["eventTime"].as_str().expect("time");
            assert!(time.len() == 27 && time.ends_with('Z'), "{time}");
        }
    }
}
