//! Starts, completions and records: the door that stations knock at.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightshift_domain::audit::Action;
use nightshift_domain::production::{DefectId, LotId, ProcessRef, Refusal, Run, RunId, SerialId};
use nightshift_store::production::{self as store, DefectView, RunQuery, RunView, SerialView, Trace};
use nightshift_store::{Page, Slice};
use serde_json::json;

use super::Production;
use super::error::ProductionError;
use super::order::{Order, Placed, Reported};
use super::process::{ProcessMessage, Waiting};
use super::shared::Station;
use crate::identity::By;
use crate::once::Once;

/// Most runs that a history shows.
const HISTORY_RUNS_MAX: u32 = 1_000;

/// A unit's runs, and how far it is.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The unit and its lot.
    pub serial: SerialView,
    /// Its runs, in the order in which they were started.
    pub runs: Vec<RunView>,
    /// Processes of the line that passed.
    pub passed: usize,
    /// Processes of the line.
    pub of: usize,
}

impl Production {
    /// Begins, ends or records a run of a process.
    ///
    /// # Errors
    /// `Refused`, `Overloaded`, or a part is away. After `Deadline` or `Failed` it may have taken effect: the same command
    /// sent again is refused as a duplicate then.
    pub async fn report(&self, by: &By, order: Order) -> Result<Reported, ProductionError> {
        self.report_once(by, order, None).await
    }

    /// As [`Self::report`]; with `once`, the answer is kept in the transaction of the effect.
    ///
    /// # Errors
    /// As [`Self::report`].
    pub async fn report_once(
        &self,
        by: &By,
        order: Order,
        once: Option<Once<Reported>>,
    ) -> Result<Reported, ProductionError> {
        let (word, began) = (order.word(), self.shared.clock.monotonic());
        let answer = self.ask(Placed { by: by.clone(), order, once: Mutex::new(once) }).await;
        let took = self.shared.clock.monotonic().saturating_sub(began);
        metrics::histogram!("nightshift_production_command_duration_seconds", "command" => word)
            .record(took.as_secs_f64());
        answer
    }

    async fn ask(&self, placed: Placed) -> Result<Reported, ProductionError> {
        let station = self.station(placed.order.process()).await?;
        let placed = Arc::new(placed);
        let make = |reply| ProcessMessage::Command(Box::new(Waiting { placed, reply }));
        let deadline = self.shared.config.command_deadline;
        let answer = station.address.ask(make, deadline).await.map_err(ProductionError::from_ask)?;
        answer.map(|reported| *reported)
    }

    /// The place of a process. One that is not known is looked for in the store: another program may have brought it.
    async fn station(&self, process: ProcessRef) -> Result<Station, ProductionError> {
        let known = || self.shared.stations.get(self.shared.process(process)?);
        if let Some(station) = known() {
            return Ok(station);
        }
        super::process::settle(&self.shared, &self.stations).await?;
        known().ok_or_else(|| Refusal::ProcessNotFound { process: process.to_string() }.into())
    }

    /// The unit's runs by its number, and how far it is.
    ///
    /// # Errors
    /// `Refused` when there is no such unit, or the database is away.
    pub async fn history(&self, serial_number: &str) -> Result<History, ProductionError> {
        let serial = self.serial_by_number(serial_number).await?;
        let db = &self.shared.db;
        let (runs, lot_runs) = futures::try_join!(
            store::run_history(db, serial.serial.id, HISTORY_RUNS_MAX),
            store::run_history_lot(db, serial.lot.id, HISTORY_RUNS_MAX),
        )?;
        let passed = |run: &RunView| {
            run.run.run.done().is_some_and(|done| done.result.is_pass()).then_some(run.run.run.process_id)
        };
        let mut processes: Vec<_> = runs.iter().chain(&lot_runs).filter_map(passed).collect();
        processes.sort_unstable();
        processes.dedup();
        let line = self.shared.line_up();
        let passed = line.active().filter(|step| processes.contains(&step.id())).count();
        Ok(History { serial, runs, passed, of: line.active().count() })
    }

    /// All that is known of a unit.
    ///
    /// # Errors
    /// `Refused` when there is no such unit, or the database is away.
    pub async fn trace(&self, serial: SerialId) -> Result<Trace, ProductionError> {
        let missing = || Refusal::SerialNotFound { number: serial.to_string() };
        store::trace(&self.shared.db, serial).await?.ok_or_else(|| missing().into())
    }

    /// The units that hold a part of that lot, of one kind of part or of any.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn units_with_part(
        &self,
        component_lot: &str,
        kind: Option<&str>,
        slice: Slice,
    ) -> Result<Page<SerialView>, ProductionError> {
        Ok(store::serials_with_part(&self.shared.db, component_lot, kind, slice).await?)
    }

    /// The lots whose runs as a whole used a part of that lot.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn lots_with_part(&self, component_lot: &str) -> Result<Vec<LotId>, ProductionError> {
        Ok(store::lots_with_part(&self.shared.db, component_lot).await?)
    }

    /// The run with `id`.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn run(&self, id: RunId) -> Result<RunView, ProductionError> {
        let found = store::run_find(&self.shared.db, id).await?;
        found.ok_or_else(|| ProductionError::not_found("process run", id))
    }

    /// A part of the runs that `query` asks for.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn runs(&self, query: &RunQuery, slice: Slice) -> Result<Page<RunView>, ProductionError> {
        Ok(store::run_list(&self.shared.db, query, slice).await?)
    }

    /// Changes the note of a completed run. Nothing else of a run can be changed.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn note_run(
        &self,
        by: &By,
        id: RunId,
        notes: Option<String>,
    ) -> Result<RunView, ProductionError> {
        let (by, now) = (by.clone(), self.shared.now());
        let noted = self.shared.decide(move |tx| {
            Box::pin(async move {
                let Some(old) = store::run_read(tx, id).await? else {
                    return Ok(Err(ProductionError::not_found("process run", id)));
                };
                store::run_note(tx, id, notes.as_deref(), now).await?;
                let entry = by.entry(now, Action::Update, "process_run").on(id);
                tx.audit(entry.before(&json!({ "notes": note_of(&old) })).after(&json!({ "notes": notes })))?;
                Ok(Ok(()))
            })
        });
        noted.await?;
        self.run(id).await
    }

    /// Writes what was found out about a defect.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn analyse_defect(
        &self,
        by: &By,
        id: DefectId,
        cause: Option<String>,
        analysis: Option<String>,
    ) -> Result<DefectView, ProductionError> {
        let found = || async {
            let found = store::defect_find(&self.shared.db, id).await?;
            found.ok_or_else(|| ProductionError::not_found("defect", id))
        };
        let (by, now, old) = (by.clone(), self.shared.now(), found().await?.defect.spec);
        let analysed = self.shared.decide(move |tx| {
            Box::pin(async move {
                store::defect_analyse(tx, id, cause.as_deref(), analysis.as_deref(), now).await?;
                let before = json!({ "cause": old.cause, "analysis": old.analysis });
                let after = json!({ "cause": cause, "analysis": analysis });
                tx.audit(by.entry(now, Action::Update, "defect").on(id).before(&before).after(&after))?;
                Ok(Ok(()))
            })
        });
        analysed.await?;
        found().await
    }

    /// Notes that somebody looked at the runs that are marked with `event_id`. Gives how many were not looked at before.
    ///
    /// # Errors
    /// `NotAPerson`, or a part is away.
    pub async fn review_runs(&self, by: &By, event_id: String) -> Result<u64, ProductionError> {
        let (who, by, now) = (super::serials::person(by)?, by.clone(), self.shared.now());
        let reviewed = self.shared.decide(move |tx| {
            Box::pin(async move {
                let runs = store::runs_reviewed(tx, &event_id, who, now).await?;
                let entry = by.entry(now, Action::Update, "review").on(&event_id);
                tx.audit(entry.after(&json!({ "runs": runs })))?;
                Ok(Ok(runs))
            })
        });
        reviewed.await
    }

    /// Crashes a process's actor on purpose: a drill.
    ///
    /// # Errors
    /// When there is no such process, or its actor is away already.
    pub async fn drill(&self, process: ProcessRef) -> Result<(), ProductionError> {
        let station = self.station(process).await?;
        let sent = station.address.send(ProcessMessage::Drill, DRILL_DEADLINE).await;
        sent.map_err(|error| ProductionError::from_ask(error.into()))
    }
}

/// How long a drill may wait for its place in the mailbox.
const DRILL_DEADLINE: Duration = Duration::from_secs(5);

fn note_of(run: &Run) -> Option<&str> {
    run.run.done().and_then(|done| done.notes.as_deref())
}
