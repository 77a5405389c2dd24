//! One unit of work for all commands that waited: facts are read for all of them at once, the domain decides each, and what
//! follows is written for all of them at once. However many commands there are, the statements are as many.

use std::sync::Arc;

use nightshift_domain::Timestamp;
use nightshift_domain::production::Refusal;
use nightshift_store::production::{self as store, Effect, Named};
use nightshift_store::{StoreError, Tx};

use super::order::{Placed, Reported, Verdict};
use super::shared::Shared;
use crate::once::Written;

/// What a command came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is done.
    Done(Box<Reported>, Option<Written>),
    /// A rule said no. Nothing of it is kept.
    Refused(Refusal),
    /// An earlier command of the batch was about the same unit: it is decided on what that one left.
    Later,
}

/// Decides and stores a batch, within a unit of work. The outcomes are in the order of the commands.
pub(super) async fn run(
    shared: &Shared,
    tx: &mut Tx,
    placed: Arc<[Arc<Placed>]>,
    now: Timestamp,
) -> Result<Vec<Outcome>, StoreError> {
    let (mut outcomes, verdicts) = decide(shared, tx, &placed, now).await?;
    let (places, verdicts): (Vec<usize>, Vec<Verdict>) = verdicts.into_iter().unzip();
    if verdicts.is_empty() {
        return Ok(outcomes);
    }
    let effects: Vec<Effect> = verdicts.iter().map(|verdict| verdict.effect.clone()).collect();
    let stored = store::effects_store(tx, &shared.rules.calendar, &effects, now).await?;
    crate::alerts::tell(tx, &stored.alerts, now).await?;
    for ((place, verdict), run) in places.into_iter().zip(&verdicts).zip(stored.runs) {
        let reported = verdict.report(run);
        for line in reported.audit(&placed[place], now) {
            tx.audit(line)?;
        }
        let written = match placed[place].take_once() {
            Some(once) => Some(once.write(tx, &reported, now).await?),
            None => None,
        };
        outcomes[place] = Outcome::Done(Box::new(reported), written);
    }
    Ok(outcomes)
}

/// What the domain says of each command, on facts of this transaction.
async fn decide(
    shared: &Shared,
    tx: &mut Tx,
    placed: &[Arc<Placed>],
    now: Timestamp,
) -> Result<(Vec<Outcome>, Vec<(usize, Verdict)>), StoreError> {
    let line = shared.line_up_in(tx).await?;
    let named: Vec<Named<'_>> = placed.iter().map(|p| p.order.named()).collect();
    let mut sheet = store::facts_read(tx, &named).await?;
    let mut names: Vec<&str> = placed.iter().filter_map(|p| p.order.worker()).collect();
    names.sort_unstable();
    names.dedup();
    let workers = store::workers_read(tx, &names).await?;
    let mut outcomes = Vec::with_capacity(placed.len());
    let mut verdicts = Vec::with_capacity(placed.len());
    for (place, command) in placed.iter().enumerate() {
        outcomes.push(Outcome::Later);
        let Some(mut facts) = sheet.facts(place) else { continue };
        facts.worker = command.order.worker().and_then(|name| workers.get(name)).cloned();
        match command.order.decide(&line, &facts, now) {
            Ok(verdict) => {
                let (lot, serial) = verdict.after();
                sheet.decided(lot, serial);
                verdicts.push((place, verdict));
            }
            Err(refusal) => outcomes[place] = Outcome::Refused(refusal),
        }
    }
    Ok((outcomes, verdicts))
}
