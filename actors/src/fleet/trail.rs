//! Positions and notes for the journal on their way to the store: a bounded heap, an actor that carries it away, and retention.
//!
//! Nobody is told that they were stored, so nobody waits for it. While the store is away the newest are kept, up to a
//! limit; what had to be given up is counted.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightshift_domain::NewEvent;
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::fleet::{PositionRow, positions_expire, positions_insert};

use super::shared::{BACKGROUND_WRITE, Shared, lock};
use crate::writer::WriteError;

/// Positions that may wait for the store: twenty seconds of a thousand vehicles at ten a second.
const WAITING_MAX: usize = 200_000;
/// Most positions in one unit of work.
const UNIT_MAX: usize = 10_000;
/// Time between two units.
const CARRY_INTERVAL: Duration = Duration::from_millis(500);
/// Time between two rounds of retention.
const EXPIRE_INTERVAL: Duration = Duration::from_secs(60);
/// Positions that one statement takes away, and statements in one round.
const EXPIRE_ROWS: u32 = 20_000;
const EXPIRE_ROUNDS: usize = 100;

/// Notes that may wait; they are few.
const NOTES_MAX: usize = 10_000;

/// What waits.
#[derive(Default)]
pub(super) struct Trail {
    positions: Mutex<Vec<PositionRow>>,
    notes: Mutex<Vec<NewEvent>>,
    account: Mutex<Account>,
}

/// What became of all positions: every one is stored, given up, or waits.
#[derive(Debug, Default, Clone, Copy)]
struct Account {
    taken: u64,
    stored: u64,
    lost: u64,
    /// Being written now.
    under_way: u64,
}

impl Trail {
    pub(super) fn push(&self, position: PositionRow) {
        let mut waiting = lock(&self.positions);
        if waiting.len() >= WAITING_MAX {
            let oldest = WAITING_MAX / 10;
            waiting.drain(..oldest);
            self.lose(oldest);
        }
        waiting.push(position);
        lock(&self.account).taken += 1;
    }

    fn lose(&self, count: usize) {
        lock(&self.account).lost += count as u64;
        metrics::counter!("nightshift_fleet_lost_positions_total").increment(count as u64);
    }

    /// Positions whose writing is over, however it ended.
    fn settle(&self, stored: usize, lost: usize) {
        {
            let mut account = lock(&self.account);
            account.under_way = account.under_way.saturating_sub((stored + lost) as u64);
            account.stored += stored as u64;
        }
        metrics::counter!("nightshift_fleet_positions_stored_total").increment(stored as u64);
        if lost > 0 {
            self.lose(lost);
        }
    }

    /// What a carrier that was killed had in its hands is given up: nobody knows whether it was stored.
    fn give_up_under_way(&self) {
        let count = std::mem::take(&mut lock(&self.account).under_way);
        if count > 0 {
            tracing::warn!(
                count,
                "positions were being written when their carrier failed; they are given up"
            );
            self.lose(usize::try_from(count).unwrap_or(usize::MAX));
        }
    }

    /// Positions that were taken and of which nobody knows what became.
    fn unaccounted(&self) -> i64 {
        let waiting = lock(&self.positions);
        let Account { taken, stored, lost, under_way } = *lock(&self.account);
        let known = stored + lost + under_way + waiting.len() as u64;
        i64::try_from(i128::from(taken) - i128::from(known)).unwrap_or(i64::MAX)
    }

    /// The oldest that fit one unit.
    fn take(&self) -> Vec<PositionRow> {
        let mut waiting = lock(&self.positions);
        let count = waiting.len().min(UNIT_MAX);
        lock(&self.account).under_way += count as u64;
        waiting.drain(..count).collect()
    }

    /// Puts back what could not be stored, before what came since.
    fn give_back(&self, positions: Vec<PositionRow>) {
        let mut waiting = lock(&self.positions);
        let room = WAITING_MAX.saturating_sub(waiting.len());
        let lost = positions.len().saturating_sub(room);
        {
            let mut account = lock(&self.account);
            account.under_way = account.under_way.saturating_sub((positions.len() - lost) as u64);
        }
        self.settle(0, lost);
        waiting.splice(0..0, positions.into_iter().skip(lost));
    }

    /// Has something journalled that nobody waits for.
    pub(super) fn note(&self, event: NewEvent) {
        let mut notes = lock(&self.notes);
        if notes.len() < NOTES_MAX {
            notes.push(event);
        } else {
            tracing::warn!(kind = event.kind, subject = event.subject, "the journal takes no more notes");
        }
    }

    fn take_notes(&self) -> Vec<NewEvent> {
        std::mem::take(&mut *lock(&self.notes))
    }

    fn give_back_notes(&self, older: Vec<NewEvent>) {
        let mut notes = lock(&self.notes);
        notes.splice(0..0, older);
        notes.truncate(NOTES_MAX);
    }

    fn len(&self) -> usize {
        lock(&self.positions).len()
    }
}

/// What the carrier takes.
pub(super) enum CarrierMessage {
    Carry,
    Expire,
}

/// The actor.
pub(super) struct Carrier {
    shared: Arc<Shared>,
}

impl Carrier {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Carries away the positions that wait.
    async fn carry(&self) {
        let unaccounted = self.shared.trail.unaccounted();
        metrics::gauge!("nightshift_unaccounted", "domain" => "fleet").set(unaccounted as f64);
        loop {
            let positions = self.shared.trail.take();
            if positions.is_empty() {
                return;
            }
            let (count, rows) = (positions.len(), positions.clone());
            let write = self
                .shared
                .writer
                .run(BACKGROUND_WRITE, move |tx| Box::pin(async move { positions_insert(tx, &rows).await }));
            match write.await {
                Ok(()) => self.shared.trail.settle(count, 0),
                Err(error) if may_pass(&error) => {
                    tracing::warn!(error = %error, count, "positions could not be stored; they wait");
                    self.shared.trail.give_back(positions);
                    return;
                }
                Err(error) => {
                    tracing::error!(error = %error, count, "positions could not be stored and are lost");
                    self.shared.trail.settle(0, count);
                }
            }
            metrics::gauge!("nightshift_fleet_waiting_positions").set(self.shared.trail.len() as f64);
        }
    }

    /// Has the notes journalled.
    async fn journal(&self) {
        let notes = self.shared.trail.take_notes();
        if notes.is_empty() {
            return;
        }
        let events = notes.clone();
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move { tx.journal_many(events).await.map(|_| ()) })
        });
        if let Err(error) = write.await {
            tracing::warn!(error = %error, count = notes.len(), "notes could not be journalled; they wait");
            if may_pass(&error) {
                self.shared.trail.give_back_notes(notes);
            }
        }
    }

    async fn expire(&self, ctx: &Context<CarrierMessage>) -> Result<(), WriteError> {
        let before = self.shared.now() - self.shared.config.positions_kept;
        for _ in 0..EXPIRE_ROUNDS {
            ctx.progress();
            let gone = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
                Box::pin(async move { positions_expire(tx, before, EXPIRE_ROWS).await })
            });
            let gone = gone.await?;
            metrics::counter!("nightshift_fleet_expired_positions_total").increment(gone);
            if gone < u64::from(EXPIRE_ROWS) {
                break;
            }
        }
        Ok(())
    }
}

/// Whether the same may be stored later.
fn may_pass(error: &WriteError) -> bool {
    match error {
        WriteError::Store(error) => error.is_transient(),
        WriteError::Overloaded | WriteError::Deadline | WriteError::Stopped | WriteError::Lost => true,
    }
}

impl Actor for Carrier {
    type Message = CarrierMessage;

    async fn start(&mut self, ctx: &Context<CarrierMessage>) -> Result<(), Fault> {
        self.shared.trail.give_up_under_way();
        ctx.send_every(CARRY_INTERVAL, || CarrierMessage::Carry)?;
        ctx.send_every(EXPIRE_INTERVAL, || CarrierMessage::Expire)
    }

    async fn handle(&mut self, ctx: &Context<CarrierMessage>, message: CarrierMessage) -> Result<(), Fault> {
        match message {
            CarrierMessage::Carry => {
                self.journal().await;
                self.carry().await;
            }
            CarrierMessage::Expire => {
                if let Err(error) = self.expire(ctx).await {
                    tracing::warn!(error = %error, "old positions could not be taken away; the next round does it");
                }
            }
        }
        Ok(())
    }

    async fn stop(&mut self, _: &Context<CarrierMessage>) {
        self.journal().await;
        self.carry().await;
    }
}

#[cfg(test)]
mod tests {
    use nightshift_domain::Timestamp;
    use nightshift_domain::fleet::{CarId, MapId};

    use super::*;

    fn row(second: i64) -> PositionRow {
        PositionRow { car: CarId(1), at: Timestamp::from_s(second), map: MapId(1), x: 0.0, y: 0.0 }
    }

    #[test]
    fn what_waits_is_bounded_and_the_newest_stays() {
        let trail = Trail::default();
        (0..WAITING_MAX as i64 + 1).for_each(|n| trail.push(row(n)));
        assert_eq!(trail.len(), WAITING_MAX - WAITING_MAX / 10 + 1);
        let taken = trail.take();
        assert_eq!((taken.len(), taken[0]), (UNIT_MAX, row(WAITING_MAX as i64 / 10)));
        trail.give_back(taken);
        assert_eq!(trail.take()[0], row(WAITING_MAX as i64 / 10), "in the same order");
        assert_eq!(trail.unaccounted(), 0);
    }

    #[test]
    fn every_position_has_an_outcome_and_what_has_none_shows() {
        let trail = Trail::default();
        (0..30_000).for_each(|n| trail.push(row(n)));
        let taken = trail.take().len();
        trail.settle(taken, 0);
        let taken = trail.take().len();
        trail.settle(0, taken);
        let taken = trail.take();
        assert_eq!(trail.unaccounted(), 0, "under way");
        trail.give_back(taken);
        assert_eq!((trail.unaccounted(), trail.len()), (0, 10_000));
        trail.take();
        trail.give_up_under_way();
        assert_eq!(trail.unaccounted(), 0, "a carrier was killed");
        lock(&trail.account).taken += 7;
        assert_eq!(trail.unaccounted(), 7);
    }
}
