//! A model lot: any sequence of commands keeps the invariants. The model plays the store.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::Timestamp;
use crate::time::US_PER_S;

pub(super) fn line_up() -> LineUp {
    let at = Timestamp::from_s(0);
    let row = |(i, spec): (usize, &ProcessSpec)| Process {
        // Ids are not numbers: nothing may take one for the other.
        id: ProcessId(100 - i64::try_from(i).expect("few")),
        spec: spec.clone(),
        created_at: at,
        updated_at: at,
    };
    LineUp::new(seed_processes().iter().enumerate().map(row).collect()).expect("the seed compiles")
}

pub(super) fn pass_data(process: i64, serial: &str) -> serde_json::Value {
    match process {
        1 => json!({"lot_number_engraved": "WF-KR-251110D-001", "marking_result": "SUCCESS"}),
        2 => {
            json!({"sma_spring_lot": "S-1", "busbar_lot": "B-1", "assembly_time": 3, "visual_inspection": "PASS"})
        }
        3 => {
            json!({"temp_sensor": {"measured_temp": 60.2, "target_temp": 60.0, "tolerance": 1, "result": "PASS"},
                    "tof_sensor": {"i2c_communication": true, "result": "PASS"}})
        }
        4 => json!({"firmware_version": "v1.2.3", "upload_result": "SUCCESS"}),
        5 => json!({"assembly_time": 5, "cable_connection": "OK", "final_visual_check": "PASS"}),
        6 => {
            json!({"test_results": [{"test_point_id": 1, "temperature": 25, "displacement": 100, "measured_force": 12,
                    "spec": {"target_force": 12, "tolerance": 1}, "result": "PASS"}], "overall_result": "PASS"})
        }
        7 => json!({"serial_number": serial, "label_printed": true, "printer_id": "ZEBRA-01",
                    "print_time": "2025-11-10T09:00:00Z", "barcode_verified": true}),
        _ => json!({"inspection_result": "PASS", "visual_defects": [], "packed_by": "me"}),
    }
}

pub(super) fn object(value: serde_json::Value) -> serde_json::Map<String, serde_json::Value> {
    value.as_object().expect("object").clone()
}

/// The store of one lot, in memory.
pub(super) struct Plant {
    pub(super) line: LineUp,
    pub(super) lot: Lot,
    pub(super) serials: Vec<Serial>,
    runs: Vec<Run>,
    reworks: HashMap<SerialId, Vec<NewRework>>,
    pub(super) now: Timestamp,
}

impl Plant {
    pub(super) fn new(target: u16) -> Self {
        let now = Timestamp::from_s(1_762_700_000);
        let lot = Lot {
            id: LotId(7),
            lot_number: LotNumber::parse("WF-KR-251110D-001").expect("number"),
            product_model_id: ProductModelId(1),
            production_line_id: None,
            production_date: jiff::civil::date(2025, 11, 10),
            shift: Shift::Day,
            target_quantity: target,
            work_order: None,
            state: LotState::Created,
            counts: LotCounts::default(),
            created_at: now,
            updated_at: now,
        };
        Self { line: line_up(), lot, serials: vec![], runs: vec![], reworks: HashMap::new(), now }
    }

    pub(super) fn add_serial(&mut self) -> Result<(), Refusal> {
        let used: Vec<u16> = self.serials.iter().map(|s| s.sequence_in_lot).collect();
        let (new, lot) = plan_serial(&self.lot, None, None, &used, self.now)?;
        let id = SerialId(i64::from(new.sequence_in_lot) * 10);
        self.lot = lot;
        self.serials.push(Serial {
            id,
            serial_number: new.serial_number,
            lot_id: self.lot.id,
            sequence_in_lot: new.sequence_in_lot,
            state: SerialState::Created,
            rework_count: 0,
            created_at: self.now,
            updated_at: self.now,
        });
        Ok(())
    }

    pub(super) fn facts(&self, serial: Option<usize>) -> RunFacts {
        let serial = serial.and_then(|i| self.serials.get(i)).cloned();
        let of = |run: &&Run, id: Option<SerialId>| run.run.serial_id == id;
        let passed = |id: Option<SerialId>| {
            let pass = |r: &&Run| r.run.done().is_some_and(|d| d.result.is_pass());
            self.runs.iter().filter(|r| of(r, id)).filter(pass).map(|r| r.run.process_id).collect::<Vec<_>>()
        };
        let id = serial.as_ref().map(|s| s.id);
        let own = || self.runs.iter().filter(|r| of(r, id));
        RunFacts {
            lot: Some(self.lot.clone()),
            worker: Some(Worker { id: OperatorId(1), username: "w1".into(), is_active: true }),
            passed: passed(id),
            lot_passed: passed(None),
            open: own().filter(|r| r.run.done().is_none()).cloned().collect(),
            last_completed_at: own().filter_map(|r| r.run.done()).map(|d| d.completed_at).max(),
            serial,
            ..RunFacts::default()
        }
    }

    fn number(&self, serial: Option<usize>) -> Option<String> {
        serial.map(|i| self.serials.get(i).map_or("none".into(), |s| s.serial_number.to_string()))
    }

    fn start(&mut self, serial: Option<usize>, process: i64, manager: bool) -> Result<(), Refusal> {
        let command = StartCommand {
            lot: self.lot.lot_number.to_string(),
            serial: self.number(serial),
            process: ProcessRef::Number(ProcessNumber(process)),
            worker: "w1".into(),
            equipment: None,
            started_at: None,
            override_reason: manager.then(|| "the fixture is broken".into()),
            may_override: manager,
        };
        let effects = decide_start(&self.line, &self.facts(serial), &command, self.now)?;
        self.lot = effects.lot;
        if let Some(after) = effects.serial {
            self.put(after);
        }
        let id = RunId(i64::try_from(self.runs.len()).expect("few") + 1);
        self.runs.push(Run { id, run: effects.run, created_at: self.now, updated_at: self.now });
        Ok(())
    }

    fn complete(&mut self, serial: Option<usize>, process: i64, pass: bool) -> Result<(), Refusal> {
        let command = CompleteCommand {
            lot: self.lot.lot_number.to_string(),
            serial: self.number(serial),
            process: ProcessRef::Number(ProcessNumber(process)),
            result: Some(if pass { RunResult::Pass } else { RunResult::Fail }),
            process_data: pass.then(|| object(pass_data(process, "WF-KR-251110D-001-0001"))),
            measurement_data: None,
            defects: if pass { vec![] } else { vec![self.defect(process)] },
            completed_at: None,
            notes: None,
        };
        let effects = decide_complete(&self.line, &self.facts(serial), &command, self.now)?;
        assert_eq!(
            effects.alerts.iter().any(|a| a.alert_type == crate::alerts::AlertType::DefectDetected),
            !pass
        );
        self.lot = effects.lot;
        if let Some(after) = effects.serial {
            self.put(after);
        }
        let run = self.runs.iter_mut().find(|r| r.id == effects.run.id).expect("the open run");
        run.run.state = RunState::Done(effects.done);
        Ok(())
    }

    fn defect(&self, process: i64) -> DefectSpec {
        let step = self.line.find(ProcessRef::Number(ProcessNumber(process))).expect("process");
        DefectSpec::of(step.process.spec.defect_kinds.first().map_or("ANY".into(), |k| k.code.clone()))
    }

    fn rework(&mut self, serial: usize) -> Result<(), Refusal> {
        let found = self.serials.get(serial).ok_or(Refusal::SerialNotFound { number: "none".into() })?;
        let effects = approve_rework(&self.lot, found, "solder again", OperatorId(2), self.now)?;
        self.lot = effects.lot;
        self.reworks.entry(effects.rework.serial_id).or_default().push(effects.rework);
        self.put(effects.serial);
        Ok(())
    }

    fn put(&mut self, after: Serial) {
        let at = self.serials.iter().position(|s| s.id == after.id).expect("a known unit");
        self.serials[at] = after;
    }

    fn step_serial(&mut self, serial: usize, to: SerialStatus) -> Result<(), Refusal> {
        let facts = self.facts(Some(serial));
        let found = facts.serial.clone().ok_or(Refusal::SerialNotFound { number: "none".into() })?;
        let passed: Vec<_> = facts.passed.iter().chain(&facts.lot_passed).copied().collect();
        let why = Some("dropped");
        let effects = step_serial(&self.line, &self.lot, &found, &passed, &facts.open, to, why, self.now)?;
        self.lot = effects.lot;
        self.put(effects.serial.expect("a unit"));
        Ok(())
    }

    /// What must hold after every command, whatever it was.
    fn check(&self) {
        let counts = recount(self.serials.iter().map(|s| &s.state));
        assert_eq!(self.lot.counts, counts, "counts match");
        for serial in &self.serials {
            assert!(serial.rework_count <= REWORKS_MAX);
            let reworks = self.reworks.get(&serial.id).map_or(&[][..], Vec::as_slice);
            assert_eq!(usize::from(serial.rework_count), reworks.len());
            let runs = || self.runs.iter().filter(|r| r.run.serial_id == Some(serial.id));
            assert!(runs().filter(|r| r.run.done().is_none()).count() <= 1, "one place at a time");
            let mut passes: BTreeMap<ProcessId, u32> = BTreeMap::new();
            for run in runs() {
                if run.run.done().is_some_and(|d| d.result.is_pass()) {
                    *passes.entry(run.run.process_id).or_default() += 1;
                }
            }
            assert!(passes.values().all(|n| *n == 1), "one PASS per process");
            self.check_label_process(runs());
            let on_lot = self.facts(None).passed;
            let all = self.line.active().all(|s| passes.contains_key(&s.id()) || on_lot.contains(&s.id()));
            if matches!(serial.state, SerialState::Passed { .. }) {
                assert!(all, "PASSED means every process");
            }
            if matches!(serial.state, SerialState::Failed { .. }) {
                assert!(runs().all(|r| r.run.done().is_some()), "a failed unit is nowhere");
            }
        }
        if self.lot.state.completed_at().is_some() {
            assert!(self.lot.counts.settled());
        }
    }

    fn check_label_process<'a>(&self, runs: impl Iterator<Item = &'a Run> + Clone) {
        let seven = self.line.find(ProcessRef::Number(ProcessNumber(7))).expect("process 7");
        for (i, run) in runs.clone().enumerate().filter(|(_, r)| r.run.process_id == seven.id()) {
            let before = runs.clone().take(i);
            let on_lot = self.facts(None).passed;
            for step in self.line.active().filter(|s| s.number() < seven.number()) {
                let own = before.clone().any(|r| {
                    r.run.process_id == step.id() && r.run.done().is_some_and(|d| d.result.is_pass())
                });
                assert!(own || on_lot.contains(&step.id()), "run {} of 7 without {}", run.id, step.number());
            }
        }
    }
}

#[derive(Debug, Clone)]
enum Act {
    Add,
    Start(Option<usize>, i64, bool),
    Complete(Option<usize>, i64, bool),
    Run(usize, i64, bool),
    Whole(usize),
    Rework(usize),
    Step(usize, SerialStatus),
    Lot(LotStatus),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let unit = 0usize..3;
    let subject = prop_oneof![9 => unit.clone().prop_map(Some), 1 => Just(None)];
    let process = 1i64..=8;
    let act = prop_oneof![
        3 => Just(Act::Add),
        6 => (subject.clone(), process.clone(), prop::bool::weighted(0.1)).prop_map(|(s, p, m)| Act::Start(s, p, m)),
        6 => (subject, process.clone(), prop::bool::weighted(0.7)).prop_map(|(s, p, ok)| Act::Complete(s, p, ok)),
        9 => (unit.clone(), process, prop::bool::weighted(0.6)).prop_map(|(s, p, ok)| Act::Run(s, p, ok)),
        3 => unit.clone().prop_map(Act::Whole),
        5 => unit.clone().prop_map(Act::Rework),
        2 => (unit, prop::sample::select(SerialStatus::ALL.to_vec())).prop_map(|(s, to)| Act::Step(s, to)),
        1 => prop::sample::select(LotStatus::ALL.to_vec()).prop_map(Act::Lot),
    ];
    prop::collection::vec(act, 1..80)
}

impl Plant {
    fn act(&mut self, act: &Act) -> Result<(), Refusal> {
        match *act {
            Act::Add => self.add_serial(),
            Act::Start(serial, process, manager) => self.start(serial, process, manager),
            Act::Complete(serial, process, pass) => self.complete(serial, process, pass),
            Act::Run(serial, process, pass) => {
                self.start(Some(serial), process, false)?;
                self.complete(Some(serial), process, pass)
            }
            Act::Whole(serial) => (1..=8).try_for_each(|p| match self.start(Some(serial), p, false) {
                Err(Refusal::ProcessAlreadyPassed { .. }) => Ok(()),
                Err(e) => Err(e),
                Ok(()) => self.complete(Some(serial), p, true),
            }),
            Act::Rework(serial) => self.rework(serial),
            Act::Step(serial, to) => self.step_serial(serial, to),
            Act::Lot(to) => step_lot(&self.lot, to, self.now).map(|e| self.lot = e.lot),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sequence_of_commands_breaks_the_line(acts in acts(), target in 1u16..4) {
        let mut plant = Plant::new(target);
        for act in &acts {
            plant.now = Timestamp::from_us(plant.now.us() + 30 * US_PER_S);
            let before = (plant.lot.state, plant.lot.counts, plant.runs.len());
            let outcome = plant.act(act);
            plant.check();
            let rank = |s: LotState| match s.status() {
                LotStatus::Created => 0, LotStatus::InProgress => 1, LotStatus::Completed => 2,
                LotStatus::Closed | LotStatus::Cancelled => 3,
            };
            prop_assert!(rank(plant.lot.state) >= rank(before.0), "a lot never goes back");
            if rank(before.0) == 3 {
                prop_assert!(outcome.is_err() , "{act:?} on a closed lot");
                prop_assert_eq!((plant.lot.state, plant.lot.counts, plant.runs.len()), before, "closed is final");
            }
            if let Err(refusal) = outcome {
                prop_assert!(!refusal.to_string().is_empty() && !refusal.korean().is_empty());
            }
        }
    }
}

#[test]
fn a_unit_goes_through_the_line_and_its_lot_is_completed() {
    let mut plant = Plant::new(1);
    plant.act(&Act::Add).expect("add");
    plant.act(&Act::Whole(0)).expect("whole");
    plant.check();
    assert_eq!(plant.lot.state.status(), LotStatus::Completed);
    assert_eq!(plant.serials[0].state.status(), SerialStatus::Passed);
    assert_eq!(plant.start(Some(0), 3, false).expect_err("passed").code(), "PROCESS_ALREADY_PASSED");
    assert_eq!(plant.complete(Some(0), 3, true).expect_err("passed").code(), "DUPLICATE_PASS_COMPLETE");
    plant.act(&Act::Lot(LotStatus::Closed)).expect("close");
    assert_eq!(plant.start(Some(0), 3, false).expect_err("closed").code(), "LOT_CLOSED");
}

#[test]
fn the_order_is_kept_and_its_codes_are_the_documented_ones() {
    let mut plant = Plant::new(2);
    plant.act(&Act::Add).expect("add");
    let code = |r: Result<(), Refusal>| r.expect_err("refused").code();
    assert_eq!(code(plant.start(Some(0), 2, false)), "PREVIOUS_PROCESS_NOT_COMPLETED");
    assert_eq!(code(plant.start(Some(0), 5, false)), "INVALID_PROCESS_SEQUENCE");
    assert_eq!(code(plant.complete(Some(0), 1, true)), "PROCESS_NOT_STARTED");
    plant.start(Some(0), 1, false).expect("start");
    assert_eq!(code(plant.start(Some(0), 1, false)), "DUPLICATE_START");
    assert_eq!(code(plant.start(Some(0), 2, false)), "PREVIOUS_PROCESS_NOT_COMPLETED");
    assert_eq!(code(plant.start(Some(0), 2, true)), "PROCESS_RUNNING");
    plant.complete(Some(0), 1, true).expect("complete");
    plant.start(Some(0), 6, true).expect("a manager may");
    plant.complete(Some(0), 6, true).expect("complete");
    // 2 to 5 may be made up for, but 7 waits for them whoever asks.
    let refusal = plant.start(Some(0), 7, true).expect_err("7");
    assert_eq!(
        refusal.to_string(),
        "Process 7 requires all previous processes (1-6) to be PASS. Current PASS count: 2"
    );
    for process in 2..=5 {
        plant.act(&Act::Run(0, process, true)).expect("made up");
    }
    plant.start(Some(0), 7, false).expect("7");
}

#[test]
fn three_reworks_then_the_unit_is_scrapped() {
    let mut plant = Plant::new(1);
    plant.act(&Act::Add).expect("add");
    plant.act(&Act::Run(0, 1, true)).expect("1");
    for n in 1..=3 {
        plant.act(&Act::Run(0, 2, false)).expect("fail");
        assert_eq!(plant.serials[0].defect_status(), Some(DefectStatus::Defected));
        assert_eq!(plant.start(Some(0), 2, false).expect_err("no rework yet").code(), "REWORK_REQUIRED");
        plant.rework(0).expect("rework");
        assert_eq!(
            (plant.serials[0].rework_count, plant.serials[0].defect_status()),
            (n, Some(DefectStatus::Rework))
        );
    }
    plant.act(&Act::Run(0, 2, false)).expect("fail");
    assert_eq!(plant.serials[0].defect_status(), Some(DefectStatus::Scrapped));
    assert_eq!(plant.lot.state.status(), LotStatus::Completed, "nothing is left to do");
    let refusal = plant.serials[0].can_rework().expect_err("limit");
    assert_eq!((refusal.code(), refusal.kind()), ("REWORK_LIMIT_REACHED", RefusalKind::Conflict));
}

#[test]
fn a_process_without_rework_scraps_at_once() {
    let mut plant = Plant::new(1);
    plant.act(&Act::Add).expect("add");
    plant.act(&Act::Run(0, 1, false)).expect("fail");
    assert!(plant.serials[0].state.is_scrapped());
    assert_eq!(plant.serials[0].can_rework().expect_err("no").code(), "REWORK_NOT_ALLOWED");
}

#[test]
fn a_lot_without_units_goes_through_the_line_as_a_whole() {
    let mut plant = Plant::new(5);
    for process in 1..=8 {
        plant.start(None, process, false).expect("start");
        if process == 4 {
            plant.complete(None, process, false).expect("fail");
            plant.start(None, process, false).expect("a lot is tried again");
        }
        plant.complete(None, process, true).expect("complete");
        plant.check();
    }
    assert_eq!(plant.lot.state.status(), LotStatus::Completed);
}
