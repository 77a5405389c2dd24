//! A run that is recorded at once: a start and its completion, by the same rules.

use super::{
    CompleteCommand, LineUp, RecordEffects, Refusal, Run, RunFacts, RunId, StartCommand, decide_complete,
    decide_start,
};
use crate::Timestamp;

/// Records a run that has already happened. The completion is absent for a run that goes on.
///
/// # Errors
/// The first rule that start or completion breaks.
pub fn decide_record(
    line: &LineUp,
    facts: &RunFacts,
    start: &StartCommand,
    complete: Option<&CompleteCommand>,
    now: Timestamp,
) -> Result<RecordEffects, Refusal> {
    // A record that says only when it ended has no known duration: it began when it ended.
    let started_at = start.started_at.or_else(|| complete.and_then(|c| c.completed_at));
    let start = decide_start(line, facts, &StartCommand { started_at, ..start.clone() }, now)?;
    let Some(complete) = complete else {
        return Ok(RecordEffects { start, complete: None });
    };
    // The run has no id before the store gives it one.
    let run = Run { id: RunId(0), run: start.run.clone(), created_at: now, updated_at: now };
    let between = RunFacts {
        lot: Some(start.lot.clone()),
        serial: start.serial.clone(),
        open: vec![run],
        waiting_rework: None,
        ..facts.clone()
    };
    let complete = decide_complete(line, &between, complete, now)?;
    Ok(RecordEffects { start, complete: Some(complete) })
}

#[cfg(test)]
mod tests {
    use super::super::model_tests::{Plant, object, pass_data};
    use super::*;
    use crate::alerts::AlertType;
    use crate::production::{
        DefectSpec, LotState, ProcessNumber, ProcessRef, RunResult, RunState, SerialState,
    };

    fn plant() -> Plant {
        let mut plant = Plant::new(2);
        plant.add_serial().expect("room");
        plant
    }

    fn starts(plant: &Plant, process: i64) -> StartCommand {
        StartCommand {
            lot: plant.lot.lot_number.to_string(),
            serial: Some(plant.serials[0].serial_number.to_string()),
            process: ProcessRef::Number(ProcessNumber(process)),
            worker: "w1".into(),
            equipment: None,
            started_at: None,
            override_reason: None,
            may_override: false,
        }
    }

    fn ends(start: &StartCommand, result: RunResult) -> CompleteCommand {
        let ProcessRef::Number(ProcessNumber(process)) = start.process else { unreachable!("a number") };
        CompleteCommand {
            lot: start.lot.clone(),
            serial: start.serial.clone(),
            process: start.process,
            result: Some(result),
            process_data: result.is_pass().then(|| object(pass_data(process, "WF-KR-251110D-001-0001"))),
            measurement_data: None,
            defects: if result.is_pass() { vec![] } else { vec![DefectSpec::of("MARKING_FAIL".to_owned())] },
            completed_at: None,
            notes: None,
        }
    }

    #[test]
    fn a_record_does_what_a_start_and_a_completion_do() {
        let plant = plant();
        let (facts, now) = (plant.facts(Some(0)), plant.now);
        let start = starts(&plant, 1);
        let end = ends(&start, RunResult::Pass);
        let recorded = decide_record(&plant.line, &facts, &start, Some(&end), now).expect("recorded");
        assert_eq!(recorded.start.run.started_at, now);
        assert_eq!(recorded.start.lot.state, LotState::InProgress { started_at: now });
        let done = recorded.complete.expect("it ended");
        assert_eq!((done.done.completed_at, done.done.result), (now, RunResult::Pass));
        assert_eq!(done.run.run, recorded.start.run, "it is the run that began");
        assert!(matches!(
            done.serial.expect("a unit").state,
            SerialState::InProgress { rework_waits: false }
        ));
        assert_eq!(done.lot.state, recorded.start.lot.state);
        let kinds = |events: &[crate::NewEvent]| events.iter().map(|e| e.kind.clone()).collect::<Vec<_>>();
        assert_eq!(kinds(&recorded.start.events), ["production.started"]);
        assert!(kinds(&done.events).contains(&"production.completed".to_owned()));
    }

    #[test]
    fn a_record_without_an_end_goes_on() {
        let plant = plant();
        let start = starts(&plant, 1);
        let recorded = decide_record(&plant.line, &plant.facts(Some(0)), &start, None, plant.now);
        let recorded = recorded.expect("recorded");
        assert_eq!((recorded.complete, recorded.start.run.state), (None, RunState::Open));
    }

    #[test]
    fn a_record_that_says_only_its_end_began_then() {
        let plant = plant();
        let (start, earlier) = (starts(&plant, 1), plant.now - std::time::Duration::from_secs(900));
        let end = CompleteCommand { completed_at: Some(earlier), ..ends(&start, RunResult::Pass) };
        let recorded = decide_record(&plant.line, &plant.facts(Some(0)), &start, Some(&end), plant.now);
        let recorded = recorded.expect("recorded");
        assert_eq!(recorded.start.run.started_at, earlier);
        assert_eq!(recorded.complete.expect("it ended").done.completed_at, earlier);
    }

    #[test]
    fn a_record_whose_time_runs_backwards_is_refused() {
        let plant = plant();
        let begun = plant.now - std::time::Duration::from_secs(60);
        let start = StartCommand { started_at: Some(begun), ..starts(&plant, 1) };
        let end = CompleteCommand {
            completed_at: Some(begun - std::time::Duration::from_micros(1)),
            ..ends(&start, RunResult::Pass)
        };
        let refused = decide_record(&plant.line, &plant.facts(Some(0)), &start, Some(&end), plant.now);
        assert!(
            matches!(&refused, Err(Refusal::InvalidTime { field: "completed_at", problem: "before", bound, .. }) if *bound == begun),
            "{refused:?}"
        );
    }

    #[test]
    fn a_record_keeps_the_rules_of_both_halves() {
        let plant = plant();
        let (facts, now) = (plant.facts(Some(0)), plant.now);
        let ahead = starts(&plant, 3);
        let refused = decide_record(&plant.line, &facts, &ahead, Some(&ends(&ahead, RunResult::Pass)), now);
        assert!(matches!(refused, Err(Refusal::InvalidProcessSequence { .. })), "{refused:?}");
        let start = starts(&plant, 1);
        let unsaid = CompleteCommand {
            process_data: Some(object(serde_json::json!({}))),
            ..ends(&start, RunResult::Pass)
        };
        let refused = decide_record(&plant.line, &facts, &start, Some(&unsaid), now);
        assert!(matches!(refused, Err(Refusal::InvalidProcessData(_))), "{refused:?}");
    }

    #[test]
    fn a_record_that_fails_fails_its_unit() {
        let plant = plant();
        let start = starts(&plant, 1);
        let end = ends(&start, RunResult::Fail);
        let recorded = decide_record(&plant.line, &plant.facts(Some(0)), &start, Some(&end), plant.now);
        let done = recorded.expect("recorded").complete.expect("it ended");
        // Process 1 allows no rework.
        assert!(matches!(done.serial.expect("a unit").state, SerialState::Failed { scrapped: true, .. }));
        assert_eq!((done.lot.counts.failed, done.lot.counts.scrapped), (1, 1));
        let defect = done.alerts.iter().find(|raise| raise.alert_type == AlertType::DefectDetected);
        assert_eq!(defect.expect("an alert").operator_id, Some(crate::production::OperatorId(1)));
    }

    #[test]
    fn a_record_of_a_reworked_unit_restarts_it() {
        let mut plant = plant();
        plant.serials[0].state = SerialState::InProgress { rework_waits: true };
        plant.serials[0].rework_count = 1;
        let rework = crate::production::ReworkId(9);
        let facts = RunFacts { waiting_rework: Some(rework), ..plant.facts(Some(0)) };
        let start = starts(&plant, 1);
        let end = ends(&start, RunResult::Pass);
        let recorded = decide_record(&plant.line, &facts, &start, Some(&end), plant.now).expect("recorded");
        assert_eq!(recorded.start.restarted, Some((rework, plant.now)));
        let serial = recorded.complete.expect("it ended").serial.expect("a unit");
        assert_eq!(serial.state, SerialState::InProgress { rework_waits: false });
    }
}
