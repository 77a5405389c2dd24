//! What stations' commands come to, written: the runs of a whole batch in one statement per table.

use std::collections::HashMap;

use nightshift_domain::alerts::Alert;
use nightshift_domain::production::{
    Calendar, CompleteEffects, Lot, NewRun, ProcessNumber, RecordEffects, ReworkId, Run, RunDone, RunId,
    RunState, StartEffects,
};
use nightshift_domain::{NewEvent, Timestamp};

use super::lot_write::lots_save;
use super::run_write::{self, Ended};
use super::serial_write::{Step, save_steps};
use super::tally::{Place, Tally};
use crate::alerts::alerts_raise;
use crate::{StoreError, Tx};

/// A completion, and where in the line it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// What it changes.
    pub effects: CompleteEffects,
    /// The number of its process.
    pub process_number: ProcessNumber,
}

/// What one command comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// A run begins.
    Start(Box<StartEffects>),
    /// A run ends.
    Complete(Box<Completion>),
    /// A run is recorded as a whole: its start, and its end when it has one.
    Record(Box<StartEffects>, Option<Box<Completion>>),
}

impl Effect {
    /// A start.
    #[must_use]
    pub fn start(effects: StartEffects) -> Self {
        Self::Start(Box::new(effects))
    }

    /// A completion of a run of process `process_number`.
    #[must_use]
    pub fn complete(effects: CompleteEffects, process_number: ProcessNumber) -> Self {
        Self::Complete(Box::new(Completion { effects, process_number }))
    }

    /// A record of a run of process `process_number`.
    #[must_use]
    pub fn record(record: RecordEffects, process_number: ProcessNumber) -> Self {
        let completion = record.complete.map(|effects| Box::new(Completion { effects, process_number }));
        Self::Record(Box::new(record.start), completion)
    }

    fn beginning(&self) -> Option<&StartEffects> {
        match self {
            Self::Start(start) | Self::Record(start, _) => Some(start),
            Self::Complete(_) => None,
        }
    }

    fn completion(&self) -> Option<&Completion> {
        match self {
            Self::Complete(completion) | Self::Record(_, Some(completion)) => Some(completion),
            Self::Start(_) | Self::Record(_, None) => None,
        }
    }

    /// The run as it is inserted, with its end when it is recorded as a whole.
    fn inserted(&self) -> Option<NewRun> {
        let mut run = self.beginning()?.run.clone();
        if let Self::Record(_, Some(completion)) = self {
            run.state = RunState::Done(completion.effects.done.clone());
        }
        Some(run)
    }
}

/// What was stored for a batch.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EffectsStored {
    /// The run of each effect, in their order.
    pub runs: Vec<Run>,
    /// The alerts that are new or were raised again.
    pub alerts: Vec<Alert>,
}

/// Writes what the commands of a batch come to: runs, data, defects, parts, serials, lots, reworks, figures, events and
/// alerts. A batch has at most one command per unit (or per lot as a whole); versions of one lot are in their order.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`]; [`StoreError::Missing`] when a completed run or a
/// serial is not there, which cannot be in the unit that read it.
pub async fn effects_store(
    tx: &mut Tx,
    calendar: &Calendar,
    effects: &[Effect],
    now: Timestamp,
) -> Result<EffectsStored, StoreError> {
    let mut tally = Tally::default();
    let inserted = insert_runs(tx, calendar, effects, now, &mut tally).await?;
    let runs = end_runs(tx, calendar, effects, inserted, now, &mut tally).await?;
    save_units(tx, calendar, effects, &mut tally).await?;
    tally.write(tx).await?;
    let mut events: Vec<NewEvent> = Vec::new();
    let mut raises = Vec::new();
    for effect in effects {
        events.extend(effect.beginning().into_iter().flat_map(|s| s.events.iter().cloned()));
        events.extend(effect.completion().into_iter().flat_map(|c| c.effects.events.iter().cloned()));
        raises.extend(effect.completion().into_iter().flat_map(|c| c.effects.alerts.iter().cloned()));
    }
    tx.journal_many(events).await?;
    Ok(EffectsStored { runs, alerts: alerts_raise(tx, raises).await? })
}

/// Inserts what begins; gives each effect's new run and its attempt.
async fn insert_runs(
    tx: &mut Tx,
    calendar: &Calendar,
    effects: &[Effect],
    now: Timestamp,
    tally: &mut Tally,
) -> Result<Vec<Option<(Run, i64)>>, StoreError> {
    let news: Vec<Option<NewRun>> = effects.iter().map(Effect::inserted).collect();
    for (effect, run) in effects.iter().zip(&news) {
        if let (Some(start), Some(run)) = (effect.beginning(), run) {
            tally.started(calendar, Place::from(&start.lot), run);
        }
    }
    let flat: Vec<&NewRun> = news.iter().flatten().collect();
    let mut ids = run_write::insert(tx, &flat, now).await?.into_iter();
    let runs = news.into_iter().map(|run| {
        run.map(|run| {
            let (id, attempt) = ids.next().expect("one id for each run");
            (Run { id: RunId(id), run, created_at: now, updated_at: now }, attempt)
        })
    });
    Ok(runs.collect())
}

/// Ends what ends; gives the run of each effect as it is then.
async fn end_runs(
    tx: &mut Tx,
    calendar: &Calendar,
    effects: &[Effect],
    inserted: Vec<Option<(Run, i64)>>,
    now: Timestamp,
    tally: &mut Tally,
) -> Result<Vec<Run>, StoreError> {
    let open: Vec<(RunId, &RunDone)> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Complete(c) => Some((c.effects.run.id, &c.effects.done)),
            Effect::Start(_) | Effect::Record(..) => None,
        })
        .collect();
    let attempts = run_write::complete(tx, &open, now).await?;
    let mut runs = Vec::with_capacity(effects.len());
    let mut ended = Vec::new();
    for (effect, inserted) in effects.iter().zip(inserted) {
        let (run, attempt) = match (inserted, effect.completion()) {
            (Some(inserted), _) => inserted,
            (None, Some(completion)) => {
                let found = &completion.effects.run;
                let attempt = *attempts.get(&found.id).ok_or_else(|| missing(found.id))?;
                let state = RunState::Done(completion.effects.done.clone());
                (
                    Run { run: NewRun { state, ..found.run.clone() }, updated_at: now, ..found.clone() },
                    attempt,
                )
            }
            (None, None) => unreachable!("an effect begins a run or ends one"),
        };
        if let Some(completion) = effect.completion() {
            let place = Place::from(&completion.effects.lot);
            tally.ended(calendar, place, &run.run, &completion.effects.done, attempt);
            ended.push((runs.len(), completion));
        }
        runs.push(run);
    }
    let ended: Vec<Ended<'_>> = ended
        .into_iter()
        .map(|(place, completion)| Ended {
            run: &runs[place],
            done: &completion.effects.done,
            place: Place::from(&completion.effects.lot),
            defects: &completion.effects.defects,
            parts: &completion.effects.components,
            measures: &completion.effects.measurements,
        })
        .collect();
    run_write::write_data(tx, calendar, &ended, tally).await?;
    Ok(runs)
}

fn missing(id: RunId) -> StoreError {
    StoreError::Missing { what: format!("open run {id}") }
}

/// Serials, lots and reworks.
async fn save_units(
    tx: &mut Tx,
    calendar: &Calendar,
    effects: &[Effect],
    tally: &mut Tally,
) -> Result<(), StoreError> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut lots: Vec<Lot> = Vec::new();
    let mut restarted: HashMap<ReworkId, Timestamp> = HashMap::new();
    for effect in effects {
        if let Some(start) = effect.beginning() {
            steps.extend(start.serial.iter().map(|serial| (serial, 0)));
            lots.push(start.lot.clone());
            restarted.extend(start.restarted);
        }
        if let Some(completion) = effect.completion() {
            let passed = completion.effects.done.result.is_pass();
            let position = if passed { completion.process_number.0 } else { 0 };
            steps.extend(completion.effects.serial.iter().map(|serial| (serial, position)));
            lots.push(completion.effects.lot.clone());
        }
    }
    save_steps(tx, calendar, &steps, tally).await?;
    lots_save(tx, &lots).await?;
    for (id, at) in restarted {
        super::rework::rework_restarted(tx, id, at).await?;
    }
    Ok(())
}
