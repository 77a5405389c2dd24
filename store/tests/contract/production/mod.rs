//! Production: every function, through the domain's own decisions, on both engines.

mod catalogues;
mod consequences;
mod figures;
mod lots;
mod moving;
mod plans;
mod runs;
mod serials;

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    Calendar, CompleteCommand, DefectSpec, LineId, LineSpec, LineUp, Lot, LotDraft, LotPlan, LotRules,
    OperatorId, ProcessNumber, ProcessRef, ProductModel, ProductModelSpec, Refusal, Run, RunFacts, RunResult,
    Serial, StartCommand, Worker, decide_complete, decide_start, plan_lot, plan_serial,
};
use nightshift_store::production::*;
use nightshift_store::{Db, StoreError, Tx};
use serde_json::{Value, json};

/// 2026-03-02T01:00:00Z: ten in the morning of the plant.
pub(crate) const MORNING: Timestamp = Timestamp::from_s(1_772_413_200);

pub(crate) fn at(seconds: u64) -> Timestamp {
    MORNING + Duration::from_secs(seconds)
}

/// A plant with one model, one line, and the seeded processes.
pub(crate) struct Plant {
    pub(crate) db: Db,
    pub(crate) calendar: Calendar,
    pub(crate) line_up: LineUp,
    pub(crate) model: ProductModel,
    pub(crate) line: LineId,
}

pub(crate) fn model_spec(code: &str) -> ProductModelSpec {
    serde_json::from_value(json!({"model_code": code, "model_name": "Wearable robot"})).unwrap()
}

pub(crate) fn line_spec(code: &str) -> LineSpec {
    serde_json::from_value(json!({"line_code": code, "line_name": "Line"})).unwrap()
}

/// Runs `work` in a unit of its own.
pub(crate) async fn unit<T>(db: &Db, work: impl AsyncFnOnce(&mut Tx) -> Result<T, StoreError>) -> T {
    let mut tx = db.begin().await.unwrap();
    let done = work(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    done
}

pub(crate) async fn plant(db: &Db) -> Plant {
    let (model, line) = unit(db, async |tx| {
        let model = product_model_insert(tx, &model_spec("WF"), MORNING).await?;
        Ok((model, line_insert(tx, &line_spec("LINE-A"), MORNING).await?.id))
    })
    .await;
    let line_up = LineUp::new(process_all(db).await.unwrap()).unwrap();
    Plant { db: db.clone(), calendar: Calendar::default(), line_up, model, line }
}

/// The data of a run of process `number` that passed, or failed.
pub(crate) fn data(number: i64, pass: bool, sample: &str) -> Value {
    let word = if pass { "PASS" } else { "FAIL" };
    let done = if pass { "SUCCESS" } else { "FAIL" };
    let temperature = if pass { 60.25 } else { 65.5 };
    match number {
        1 => json!({"lot_number_engraved": "L", "marking_result": done}),
        2 => json!({"sma_spring_lot": format!("SP-{sample}"), "busbar_lot": format!("BB-{sample}"),
                    "assembly_time": 3.5, "visual_inspection": word}),
        3 => {
            json!({"temp_sensor": {"measured_temp": temperature, "target_temp": 60, "tolerance": 1, "result": word},
                    "tof_sensor": {"i2c_communication": true, "result": "PASS"}})
        }
        _ => json!({"note": "일반 😀", "value": 1.5}),
    }
}

impl Plant {
    pub(crate) fn plan(&self, number: Option<&str>, target: i64, now: Timestamp) -> LotPlan {
        let draft = LotDraft {
            lot_number: number.map(str::to_owned),
            product_model_id: self.model.id,
            production_line_id: None,
            production_date: None,
            shift: None,
            target_quantity: target,
            work_order: Some("WO-1".to_owned()),
        };
        let rules =
            LotRules { calendar: self.calendar.clone(), country: "KR".to_owned(), target_quantity_max: 100 };
        let plan = plan_lot(&draft, Some(&self.model), None, &rules, now).unwrap();
        LotPlan { production_line_id: Some(self.line), ..plan }
    }

    /// A lot with `units` serials.
    pub(crate) async fn lot(&self, units: usize, now: Timestamp) -> (Lot, Vec<Serial>) {
        let plan = self.plan(None, i64::try_from(units.max(1)).unwrap(), now);
        unit(&self.db, async |tx| {
            let mut lot = lot_insert(tx, &plan, now).await?.unwrap();
            let mut news = Vec::new();
            for place in 0..u16::try_from(units).unwrap() {
                let used: Vec<u16> = (1..=place).collect();
                let (new, after) = plan_serial(&lot, None, None, &used, now).unwrap();
                news.push(new);
                lot = after;
            }
            let serials = serials_insert(tx, &self.calendar, &lot, &news, now).await?;
            lots_save(tx, std::slice::from_ref(&lot)).await?;
            Ok((lot, serials))
        })
        .await
    }

    pub(crate) fn start_command(&self, lot: &Lot, serial: Option<&Serial>, process: i64) -> StartCommand {
        StartCommand {
            lot: lot.lot_number.to_string(),
            serial: serial.map(|s| s.serial_number.to_string()),
            process: ProcessRef::Number(ProcessNumber(process)),
            worker: "w".to_owned(),
            equipment: None,
            started_at: None,
            override_reason: None,
            may_override: false,
        }
    }

    /// One unit of work for a batch of starts, as an actor does it.
    pub(crate) async fn start(
        &self,
        commands: &[StartCommand],
        now: Timestamp,
    ) -> Vec<Option<Result<Run, Refusal>>> {
        let named: Vec<Named<'_>> = commands
            .iter()
            .map(|c| Named { lot: &c.lot, serial: c.serial.as_deref(), equipment: c.equipment.as_deref() })
            .collect();
        unit(&self.db, async |tx| {
            let mut sheet = facts_read(tx, &named).await?;
            let (mut effects, mut answers) = (Vec::new(), Vec::new());
            for (place, command) in commands.iter().enumerate() {
                let answer = sheet.facts(place).map(|facts| {
                    let facts = RunFacts { worker: Some(worker()), ..facts };
                    decide_start(&self.line_up, &facts, command, now)
                });
                if let Some(Ok(effect)) = &answer {
                    sheet.decided(&effect.lot, effect.serial.as_ref());
                    effects.push(Effect::start(effect.clone()));
                }
                answers.push(answer);
            }
            let mut runs = effects_store(tx, &self.calendar, &effects, now).await?.runs.into_iter();
            let stored =
                |answer: Result<_, Refusal>| answer.map(|_| runs.next().expect("a run for each effect"));
            let mut stored = stored;
            Ok(answers.into_iter().map(|answer| answer.map(&mut stored)).collect())
        })
        .await
    }

    /// One unit of work for one completion.
    pub(crate) async fn complete(
        &self,
        lot: &Lot,
        serial: Option<&Serial>,
        process: i64,
        pass: bool,
        now: Timestamp,
    ) -> Result<Run, Refusal> {
        let sample = serial.map_or(0, |s| s.sequence_in_lot / 2).to_string();
        let command = CompleteCommand {
            lot: lot.lot_number.to_string(),
            serial: serial.map(|s| s.serial_number.to_string()),
            process: ProcessRef::Number(ProcessNumber(process)),
            result: Some(if pass { RunResult::Pass } else { RunResult::Fail }),
            process_data: None,
            measurement_data: data(process, pass, &sample).as_object().cloned(),
            defects: if pass { Vec::new() } else { vec![self.defect(process)] },
            completed_at: None,
            notes: Some("메모".to_owned()),
        };
        let named = [Named { lot: &command.lot, serial: command.serial.as_deref(), equipment: None }];
        unit(&self.db, async |tx| {
            let facts = facts_read(tx, &named).await?.facts(0).expect("the first command");
            let decided = match decide_complete(&self.line_up, &facts, &command, now) {
                Ok(effects) => effects,
                Err(refusal) => return Ok(Err(refusal)),
            };
            let effect = Effect::complete(decided, ProcessNumber(process));
            let stored = effects_store(tx, &self.calendar, &[effect], now).await?;
            Ok(Ok(stored.runs.into_iter().next().unwrap()))
        })
        .await
    }

    fn defect(&self, process: i64) -> DefectSpec {
        let step = self.line_up.find(ProcessRef::Number(ProcessNumber(process))).unwrap();
        let code = step.process.spec.defect_kinds.first().map_or("OTHER", |kind| kind.code.as_str());
        serde_json::from_value(json!({"code": code, "measured_value": 65.5, "expected_range": "59-61"}))
            .unwrap()
    }

    /// Starts and completes one process of a unit.
    pub(crate) async fn work(
        &self,
        lot: &Lot,
        serial: &Serial,
        process: i64,
        pass: bool,
        now: Timestamp,
    ) -> Run {
        let started = self.start(&[self.start_command(lot, Some(serial), process)], now).await;
        started.into_iter().next().unwrap().unwrap().unwrap_or_else(|e| panic!("start {process}: {e}"));
        let ended = self.complete(lot, Some(serial), process, pass, now + Duration::from_secs(30)).await;
        ended.unwrap_or_else(|e| panic!("complete {process}: {e}"))
    }

    pub(crate) async fn serial_now(&self, serial: &Serial) -> Serial {
        serial_find(&self.db, serial.id).await.unwrap().unwrap().serial
    }

    pub(crate) async fn lot_now(&self, lot: &Lot) -> Lot {
        lot_find(&self.db, lot.id).await.unwrap().unwrap().lot
    }

    pub(crate) async fn assert_figures(&self) {
        assert_eq!(figures_check(&self.db, &self.calendar).await.unwrap(), Vec::<String>::new());
    }
}

pub(crate) fn worker() -> Worker {
    Worker { id: OperatorId(1), username: "w".to_owned(), is_active: true }
}
