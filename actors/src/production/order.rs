//! What stations order, and what they get for it.

use std::sync::{Mutex, PoisonError};

use nightshift_domain::Timestamp;
use nightshift_domain::audit::Action;
use nightshift_domain::production::{
    CompleteCommand, CompleteEffects, DefectSpec, LineUp, Lot, ProcessNumber, ProcessRef, Refusal, Run,
    RunFacts, Serial, StartCommand, decide_complete, decide_record, decide_start,
};
use nightshift_store::production::{Completion, Effect, Named};
use serde_json::json;

use crate::identity::By;
use crate::once::Once;

/// A station's command.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// A process begins.
    Start(StartCommand),
    /// A process ends.
    Complete(CompleteCommand),
    /// A run that has already happened: its start, and its end when it has one.
    Record(StartCommand, Option<CompleteCommand>),
}

/// A command with its sender.
#[derive(Debug)]
pub(super) struct Placed {
    pub(super) by: By,
    pub(super) order: Order,
    /// What writes its answer, until it is written.
    pub(super) once: Mutex<Option<Once<Reported>>>,
}

impl Placed {
    /// What writes the answer. Taken once: when the unit that took it is undone, the facade keeps the answer by itself.
    pub(super) fn take_once(&self) -> Option<Once<Reported>> {
        self.once.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// What a command came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Reported {
    /// The run, as it is stored.
    pub run: Run,
    /// The process's place in the line.
    pub process: ProcessNumber,
    /// The unit after it; absent for a lot-level run.
    pub serial: Option<Serial>,
    /// The lot after it.
    pub lot: Lot,
    /// What was found wrong.
    pub defects: Vec<DefectSpec>,
    /// Whether the order of processes was overridden.
    pub overridden: bool,
}

impl Order {
    /// The word in metrics.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Complete(_) => "complete",
            Self::Record(..) => "record",
        }
    }

    /// The process that it names.
    pub(super) fn process(&self) -> ProcessRef {
        match self {
            Self::Start(start) | Self::Record(start, _) => start.process,
            Self::Complete(complete) => complete.process,
        }
    }

    /// What it names, for the facts about it.
    pub(super) fn named(&self) -> Named<'_> {
        match self {
            Self::Start(start) | Self::Record(start, _) => Named {
                lot: &start.lot,
                serial: start.serial.as_deref(),
                equipment: start.equipment.as_deref(),
            },
            Self::Complete(complete) => {
                Named { lot: &complete.lot, serial: complete.serial.as_deref(), equipment: None }
            }
        }
    }

    /// The worker that it names.
    pub(super) fn worker(&self) -> Option<&str> {
        match self {
            Self::Start(start) | Self::Record(start, _) => Some(&start.worker),
            Self::Complete(_) => None,
        }
    }

    /// What follows from it, by the domain's rules.
    pub(super) fn decide(&self, line: &LineUp, facts: &RunFacts, now: Timestamp) -> Result<Verdict, Refusal> {
        let missing = || Refusal::ProcessNotFound { process: self.process().to_string() };
        let look = |effects: CompleteEffects| {
            let step = line.find(self.process()).ok_or_else(missing)?;
            Ok(Box::new(Completion { process_number: step.number(), effects }))
        };
        let effect = match self {
            Self::Start(start) => Effect::Start(Box::new(decide_start(line, facts, start, now)?)),
            Self::Complete(complete) => Effect::Complete(look(decide_complete(line, facts, complete, now)?)?),
            Self::Record(start, complete) => {
                let record = decide_record(line, facts, start, complete.as_ref(), now)?;
                Effect::Record(Box::new(record.start), record.complete.map(look).transpose()?)
            }
        };
        let step = line.find(self.process()).ok_or_else(missing)?;
        Ok(Verdict { effect, process: step.number() })
    }
}

/// What was decided about a command.
pub(super) struct Verdict {
    pub(super) effect: Effect,
    process: ProcessNumber,
}

impl Verdict {
    fn completion(&self) -> Option<&Completion> {
        match &self.effect {
            Effect::Complete(completion) | Effect::Record(_, Some(completion)) => Some(completion),
            Effect::Start(_) | Effect::Record(_, None) => None,
        }
    }

    /// The unit and the lot after it.
    pub(super) fn after(&self) -> (&Lot, Option<&Serial>) {
        match (&self.effect, self.completion()) {
            (_, Some(completion)) => (&completion.effects.lot, completion.effects.serial.as_ref()),
            (Effect::Start(start) | Effect::Record(start, _), None) => (&start.lot, start.serial.as_ref()),
            (Effect::Complete(_), None) => unreachable!("a completion has its effects"),
        }
    }

    /// What the sender is told, once `run` is stored.
    pub(super) fn report(&self, run: Run) -> Reported {
        let (lot, serial) = self.after();
        let overridden = match &self.effect {
            Effect::Start(start) | Effect::Record(start, _) => start.overridden,
            Effect::Complete(_) => false,
        };
        Reported {
            process: self.process,
            serial: serial.cloned(),
            lot: lot.clone(),
            defects: self.completion().map(|c| c.effects.defects.clone()).unwrap_or_default(),
            overridden,
            run,
        }
    }
}

impl Reported {
    /// The lines of the audit about it: the run made or changed, and an order that was overridden.
    pub(super) fn audit(&self, placed: &Placed, at: Timestamp) -> Vec<nightshift_domain::audit::AuditEntry> {
        let run = &self.run.run;
        let ended =
            run.done().map(|done| json!({ "result": done.result, "completed_at": done.completed_at }));
        let shown = json!({
            "lot_number": self.lot.lot_number, "serial_number": self.serial.as_ref().map(|s| &s.serial_number),
            "process": self.process, "operator_id": run.operator_id, "equipment": run.equipment_code,
            "started_at": run.started_at, "ended": ended,
            "defects": self.defects.iter().map(|d| &d.code).collect::<Vec<_>>(),
        });
        let action = if matches!(placed.order, Order::Complete(_)) { Action::Update } else { Action::Create };
        let mut lines = vec![placed.by.entry(at, action, "process_run").on(self.run.id).after(&shown)];
        if self.overridden {
            let reason = json!({ "process": self.process, "reason": run.override_reason });
            lines.push(placed.by.entry(at, Action::Override, "process_run").on(self.run.id).after(&reason));
        }
        lines
    }
}
