//! What follows from an abnormal verdict: k of the last n verdicts of an equipment's sensors trip a rule. That opens an
//! alert, holds new starts if the rule says so, and marks the runs made since the first of them. One event id links all.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Equipment, FieldFault, Hold, HoldState, OperatorId, Refusal};
use crate::alerts::{Raise, equipment_abnormal};
use crate::sensing::Verdict;
use crate::{NewEvent, Timestamp};

/// Most verdicts that a rule looks back.
pub const WINDOW_MAX: usize = 100;

/// k of the last n verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AbnormalRule {
    /// Its name, for people.
    pub name: String,
    /// The equipment it is about, by code; all when absent.
    #[serde(default)]
    pub equipment: Option<String>,
    /// The line it is about, by code; all when absent.
    #[serde(default)]
    pub line: Option<String>,
    /// Abnormal verdicts that trip it.
    pub abnormal: usize,
    /// Among so many last verdicts of one sensor.
    pub of: usize,
    /// Whether starts on the equipment are refused until somebody acknowledges.
    #[serde(default)]
    pub hold: bool,
}

/// A verdict on a sensor of the equipment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sighting {
    /// The verdict's id in the store.
    pub result_id: i64,
    /// The instant it is about.
    pub at: Timestamp,
    /// What it says.
    pub verdict: Verdict,
}

/// The abnormal span of a piece of equipment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AbnormalSpan {
    /// The event that verdict, alert, hold and marked runs have in common.
    pub event_id: String,
    /// The instant of the first abnormal verdict that counted: runs since then are marked.
    pub from: Timestamp,
    /// The rule that tripped.
    pub rule: String,
}

/// What a tripped rule changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Consequence {
    /// The span that begins: runs of the equipment that were open or started since `from` get its event id.
    pub span: AbnormalSpan,
    /// The hold to insert.
    pub hold: Option<NewHold>,
    /// The alert to raise.
    pub alert: Raise,
    /// What is journalled.
    pub events: Vec<NewEvent>,
}

/// A hold about to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHold {
    /// What is held.
    pub equipment_id: super::EquipmentId,
    /// Why, for people at the station.
    pub reason: String,
    /// The event behind it.
    pub event_id: String,
    /// Since when.
    pub since: Timestamp,
}

impl AbnormalRule {
    /// Refuses what no rule can be.
    ///
    /// # Errors
    /// Every field that is out of its range.
    pub fn validated(self) -> Result<Self, Vec<FieldFault>> {
        let mut faults = Vec::new();
        if !(1..=WINDOW_MAX).contains(&self.of) {
            faults.push(FieldFault::new("of", format!("must be 1 to {WINDOW_MAX}")));
        }
        if !(1..=self.of).contains(&self.abnormal) {
            faults.push(FieldFault::new("abnormal", "must be 1 to `of`"));
        }
        if self.name.trim().is_empty() {
            faults.push(FieldFault::new("name", "must not be empty"));
        }
        if faults.is_empty() { Ok(self) } else { Err(faults) }
    }

    /// Whether it is about that equipment.
    #[must_use]
    pub fn covers(&self, equipment_code: &str, line_code: Option<&str>) -> bool {
        self.equipment.as_deref().is_none_or(|code| code == equipment_code)
            && self.line.as_deref().is_none_or(|code| Some(code) == line_code)
    }

    /// The first abnormal verdict that counts, when the rule trips. Verdicts that say nothing (`insufficient_data`,
    /// `unscored`) are passed over: a gap is no measurement.
    #[must_use]
    pub fn trips(&self, newest_last: &[Sighting]) -> Option<Sighting> {
        let said = |s: &&Sighting| matches!(s.verdict, Verdict::Normal | Verdict::Abnormal);
        let last = newest_last.iter().rev().filter(said).take(self.of);
        let abnormal: Vec<&Sighting> = last.filter(|s| s.verdict == Verdict::Abnormal).collect();
        // A span begins with an abnormal verdict, not with the normal one that came after.
        let newest = newest_last.iter().rev().find(said)?;
        if newest.verdict != Verdict::Abnormal || abnormal.len() < self.abnormal {
            return None;
        }
        abnormal.last().map(|s| **s)
    }
}

/// What follows from the newest verdicts of one sensor, with what the newest abnormal one looks like, given the span that the equipment is already in, and when the
/// last one ended: verdicts that somebody has acknowledged don't trip a rule again.
///
/// `None` when no rule trips, or nothing is new: a span that goes on says nothing twice.
#[must_use]
#[expect(clippy::too_many_arguments, reason = "each is a fact of its own, read separately")]
pub fn decide_consequence(
    rules: &[AbnormalRule],
    equipment: &Equipment,
    line_code: Option<&str>,
    sensor_id: &str,
    newest_last: &[Sighting],
    told: Option<&str>,
    current: Option<&AbnormalSpan>,
    acknowledged_at: Option<Timestamp>,
    now: Timestamp,
) -> Option<Consequence> {
    if current.is_some() {
        return None;
    }
    let code = &equipment.spec.equipment_code;
    let known = acknowledged_at.map_or(0, |at| newest_last.partition_point(|s| s.at <= at));
    let newest_last = &newest_last[known..];
    let covering = rules.iter().filter(|r| r.covers(code, line_code));
    let tripped: Vec<(&AbnormalRule, Sighting)> =
        covering.filter_map(|rule| rule.trips(newest_last).map(|first| (rule, first))).collect();
    // Several rules may trip at once: the one that holds is the one to tell.
    let (rule, first) = tripped.iter().find(|(r, _)| r.hold).or_else(|| tripped.first())?;
    // Made of what caused it: the same verdicts give the same id, however often they are looked at.
    let event_id = format!("abnormal-{}-{}", equipment.id, first.result_id);
    let told = told.map(|told| format!(": {told}")).unwrap_or_default();
    let reason = format!(
        "sensor {sensor_id}: {} of {} verdicts abnormal since {} (rule {}){told}",
        rule.abnormal, rule.of, first.at, rule.name
    );
    let hold = rule.hold.then(|| NewHold {
        equipment_id: equipment.id,
        reason: reason.clone(),
        event_id: event_id.clone(),
        since: now,
    });
    let event = NewEvent::new(
        now,
        "production.equipment_abnormal",
        code,
        json!({
            "event_id": event_id, "sensor_id": sensor_id, "result_id": first.result_id, "rule": rule.name,
            "from": first.at, "hold": rule.hold,
        }),
    );
    Some(Consequence {
        alert: equipment_abnormal(equipment.id, code, &reason, &event_id, now),
        span: AbnormalSpan { event_id, from: first.at, rule: rule.name.clone() },
        hold,
        events: vec![event],
    })
}

/// Whether a run lies in an abnormal span: it was open at `from` or later. `until` is absent while the span lasts.
#[must_use]
pub fn is_within(
    started_at: Timestamp,
    completed_at: Option<Timestamp>,
    from: Timestamp,
    until: Option<Timestamp>,
) -> bool {
    completed_at.is_none_or(|end| end >= from) && until.is_none_or(|until| started_at <= until)
}

/// Somebody looked, and lets the equipment go on. The span ends with it.
///
/// # Errors
/// When it was released before.
pub fn release(
    hold: &Hold,
    by: OperatorId,
    note: Option<String>,
    now: Timestamp,
) -> Result<(Hold, NewEvent), Refusal> {
    if !hold.is_active() {
        return Err(Refusal::InvalidTransition { what: "hold", from: "RELEASED", to: "RELEASED" });
    }
    let data = json!({ "event_id": hold.event_id, "hold_id": hold.id, "by": by, "note": note });
    let event = NewEvent::new(now, "production.hold_released", &hold.equipment_id.to_string(), data);
    Ok((Hold { state: HoldState::Released { at: now, by, note }, ..hold.clone() }, event))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sightings(text: &str) -> Vec<Sighting> {
        let verdict = |c| match c {
            'a' => Verdict::Abnormal,
            'n' => Verdict::Normal,
            _ => Verdict::InsufficientData,
        };
        (1i64..)
            .zip(text.chars())
            .map(|(i, c)| Sighting { result_id: i, at: Timestamp::from_s(i * 60), verdict: verdict(c) })
            .collect()
    }

    fn rule(abnormal: usize, of: usize) -> AbnormalRule {
        AbnormalRule { name: "test".into(), equipment: None, line: None, abnormal, of, hold: true }
    }

    #[test]
    fn k_of_n_counts_verdicts_and_passes_over_gaps() {
        let trips = |text: &str| rule(2, 3).trips(&sightings(text)).map(|s| s.result_id);
        assert_eq!(trips("nna"), None);
        assert_eq!(trips("nana"), Some(2));
        assert_eq!(trips("a--n--a"), Some(1));
        assert_eq!(trips("annna"), None);
        assert_eq!(trips("aan"), None, "the newest is normal");
        assert_eq!(trips("aa---"), Some(1));
        assert_eq!(trips(""), None);
        assert_eq!(rule(1, 1).trips(&sightings("a")).map(|s| s.result_id), Some(1));
    }

    #[test]
    fn a_rule_is_about_its_equipment() {
        let mut r = rule(1, 1);
        assert!(r.covers("EQ-1", None));
        r.line = Some("L1".into());
        assert!(!r.covers("EQ-1", None) && r.covers("EQ-1", Some("L1")));
        r.equipment = Some("EQ-2".into());
        assert!(!r.covers("EQ-1", Some("L1")));
        assert!(
            rule(4, 3).validated().is_err()
                && rule(0, 3).validated().is_err()
                && rule(3, 3).validated().is_ok()
        );
    }

    #[test]
    fn a_run_is_marked_if_it_was_open_in_the_span() {
        let at = Timestamp::from_s;
        assert!(is_within(at(1), None, at(5), None));
        assert!(is_within(at(1), Some(at(5)), at(5), None));
        assert!(!is_within(at(1), Some(at(4)), at(5), None));
        assert!(!is_within(at(9), None, at(5), Some(at(8))));
    }

    fn machine() -> Equipment {
        let spec = json!({ "equipment_code": "EQ-1", "equipment_name": "Checker" });
        Equipment {
            id: super::super::EquipmentId(3),
            spec: serde_json::from_value(spec).expect("equipment"),
            created_at: Timestamp::from_s(0),
            updated_at: Timestamp::from_s(0),
        }
    }

    /// What follows at minute 100 from verdicts of minutes 1, 2, 3 …
    fn decided(
        rules: &[AbnormalRule],
        verdicts: &str,
        current: Option<&AbnormalSpan>,
        acknowledged_at: Option<i64>,
    ) -> Option<Consequence> {
        let acknowledged_at = acknowledged_at.map(Timestamp::from_s);
        let now = Timestamp::from_s(6_000);
        let seen = sightings(verdicts);
        decide_consequence(
            rules,
            &machine(),
            Some("L1"),
            "l1.temp",
            &seen,
            None,
            current,
            acknowledged_at,
            now,
        )
    }

    #[test]
    fn one_event_id_ties_span_hold_alert_and_event() {
        let found = decided(&[rule(2, 3)], "naa", None, None).expect("it trips");
        assert_eq!(found.span.event_id, "abnormal-3-2");
        assert_eq!((found.span.from, found.span.rule.as_str()), (Timestamp::from_s(120), "test"));
        let hold = found.hold.expect("the rule holds");
        assert_eq!((hold.event_id.as_str(), hold.since), ("abnormal-3-2", Timestamp::from_s(6_000)));
        assert!(hold.reason.contains("l1.temp") && hold.reason.contains("2 of 3"), "{}", hold.reason);
        assert_eq!(found.alert.event_id.as_deref(), Some("abnormal-3-2"));
        assert_eq!(found.alert.equipment_id, Some(super::super::EquipmentId(3)));
        let event = &found.events[0];
        assert_eq!((event.kind.as_str(), event.subject.as_str()), ("production.equipment_abnormal", "EQ-1"));
        assert_eq!((&event.data["event_id"], &event.data["hold"]), (&json!("abnormal-3-2"), &json!(true)));
        // The same verdicts again are the same event.
        let again = decided(&[rule(2, 3)], "naa", None, None).expect("it trips");
        assert_eq!(again.span, found.span);
    }

    #[test]
    fn nothing_follows_without_a_rule_that_trips() {
        assert_eq!(decided(&[], "aaa", None, None), None);
        assert_eq!(decided(&[rule(2, 3)], "nna", None, None), None);
        let elsewhere = AbnormalRule { line: Some("L2".into()), ..rule(1, 1) };
        assert_eq!(decided(&[elsewhere], "aaa", None, None), None);
    }

    #[test]
    fn a_span_that_goes_on_says_nothing_twice() {
        let span = decided(&[rule(2, 3)], "naa", None, None).expect("it trips").span;
        assert_eq!(decided(&[rule(2, 3)], "naaaa", Some(&span), None), None);
    }

    #[test]
    fn what_somebody_acknowledged_does_not_trip_again() {
        // Acknowledged at the third verdict: one abnormal verdict since then is not two.
        assert_eq!(decided(&[rule(2, 3)], "aaaa", None, Some(180)), None);
        let anew = decided(&[rule(2, 3)], "aaaaa", None, Some(180)).expect("two since then");
        assert_eq!(anew.span.event_id, "abnormal-3-4");
    }

    #[test]
    fn of_several_rules_the_one_that_holds_is_told() {
        let gentle = AbnormalRule { name: "gentle".into(), hold: false, ..rule(1, 1) };
        let found = decided(&[gentle.clone(), rule(2, 3)], "aa", None, None).expect("both trip");
        assert_eq!((found.span.rule.as_str(), found.hold.is_some()), ("test", true));
        let found = decided(&[gentle, rule(2, 3)], "a", None, None).expect("one trips");
        assert_eq!((found.span.rule.as_str(), found.hold), ("gentle", None));
    }

    #[test]
    fn a_hold_is_released_once() {
        let found = decided(&[rule(1, 1)], "a", None, None).expect("it trips").hold.expect("held");
        let hold = Hold {
            id: super::super::HoldId(1),
            equipment_id: found.equipment_id,
            reason: found.reason,
            event_id: found.event_id,
            since: found.since,
            state: HoldState::Active,
        };
        let at = Timestamp::from_s(7_000);
        let (released, event) =
            release(&hold, OperatorId(2), Some("sensor cleaned".into()), at).expect("released");
        assert!(!released.is_active());
        assert_eq!((event.kind.as_str(), &event.data["by"]), ("production.hold_released", &json!(2)));
        assert!(matches!(
            release(&released, OperatorId(2), None, at),
            Err(Refusal::InvalidTransition { .. })
        ));
    }

    proptest::proptest! {
        #[test]
        fn a_span_begins_with_an_abnormal_verdict_after_the_last_word(
            verdicts in "[an-]{0,30}", abnormal in 1usize..5, more in 0usize..5, acknowledged in 0i64..30,
        ) {
            let rules = [rule(abnormal, abnormal + more)];
            let seen = sightings(&verdicts);
            if let Some(found) = decided(&rules, &verdicts, None, Some(acknowledged * 60)) {
                let first = seen.iter().find(|s| s.at == found.span.from).expect("one of them");
                proptest::prop_assert_eq!(first.verdict, Verdict::Abnormal);
                proptest::prop_assert!(first.at > Timestamp::from_s(acknowledged * 60));
                let since = seen.iter().filter(|s| s.at >= first.at && s.verdict == Verdict::Abnormal).count();
                proptest::prop_assert!(since >= abnormal);
            }
        }
    }
}
