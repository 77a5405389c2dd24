//! The book: what happened lately, as briefings read it, and what holds now. One copy for all who tell.
//!
//! The chronicle keeps it: it follows the journal in order and without loss. Its first life reads the end of the journal
//! before; until then nobody begins. A crash loses nothing: the next life goes on behind the last event in the book.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use nightshift_domain::Event;
use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Carry, Note, Standing, Teller, Watch, Watched};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::{Db, StoreError, system};
use tokio::sync::watch;

use crate::hub::{Hub, JournalReader, JournalStep};

/// Notes that the book holds; older ones are read from the journal.
const NOTES_MAX: usize = 65_536;
/// Events at the end of the journal that the first life reads: what holds now is known from them.
const READ_BACK_MAX: i64 = 50_000;
/// Events read from the journal at once.
const PAGE: u32 = 2_000;
/// How long one reading waits for something to happen.
const WAIT: Duration = Duration::from_millis(500);
/// Events that one reading takes.
const TAKEN_MAX: usize = 4_096;
/// Time between two looks at who has been silent for too long.
const FORGET_INTERVAL: Duration = Duration::from_secs(60);

/// The book. Cheap to read for many at once.
#[derive(Debug)]
pub(super) struct Book {
    pages: RwLock<Pages>,
    ready: watch::Sender<bool>,
}

#[derive(Debug, Default)]
struct Pages {
    notes: VecDeque<Note>,
    /// Every event after this one is in `notes`, if it says anything.
    complete_after: i64,
    /// The newest event that was read.
    newest: i64,
    standing: Standing,
    watch: Watch,
    watched: Arc<Watched>,
    /// Whether `watched` is behind `watch`.
    stale: bool,
}

/// What somebody who begins now must know.
pub(super) struct Beginning {
    pub(super) covered_seq: i64,
    pub(super) carry: Carry,
}

impl Book {
    pub(super) fn new() -> Self {
        Self { pages: RwLock::default(), ready: watch::channel(false).0 }
    }

    fn read(&self) -> RwLockReadGuard<'_, Pages> {
        self.pages.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Pages> {
        self.pages.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the end of the journal was read.
    pub(super) fn is_ready(&self) -> bool {
        *self.ready.borrow()
    }

    /// Waits until the end of the journal was read; whether that was within `deadline`.
    pub(super) async fn wait_ready(&self, deadline: Duration) -> bool {
        let mut ready = self.ready.subscribe();
        let waited = tokio::time::timeout(deadline, ready.wait_for(|ready| *ready)).await;
        waited.is_ok_and(|seen| seen.is_ok())
    }

    /// What holds now, for who begins.
    pub(super) fn beginning(&self) -> Beginning {
        let pages = self.read();
        let carry = Carry { standing: pages.standing.clone(), ..Carry::default() };
        Beginning { covered_seq: pages.newest, carry }
    }

    pub(super) fn newest(&self) -> i64 {
        self.read().newest
    }

    /// Tells `teller` everything after event `after`, and gives the newest event; nothing when the book does not go back so
    /// far.
    pub(super) fn tell(&self, after: i64, teller: &mut Teller) -> Option<i64> {
        let pages = self.read();
        if after < pages.complete_after {
            return None;
        }
        let from = pages.notes.partition_point(|note| note.seq <= after);
        pages.notes.range(from..).for_each(|note| teller.take(note));
        Some(pages.newest)
    }

    /// How much is watched.
    pub(super) fn watched(&self) -> Arc<Watched> {
        {
            let pages = self.read();
            if !pages.stale {
                return Arc::clone(&pages.watched);
            }
        }
        let mut pages = self.write();
        if pages.stale {
            pages.watched = Arc::new(pages.watch.watched());
            pages.stale = false;
        }
        Arc::clone(&pages.watched)
    }

    /// Writes events down.
    fn note(&self, events: &[Event]) {
        let notes: Vec<Option<Note>> = events.iter().map(Note::of).collect();
        let mut pages = self.write();
        for (event, note) in events.iter().zip(notes) {
            if event.seq <= pages.newest {
                continue;
            }
            pages.newest = event.seq;
            let Some(note) = note else { continue };
            pages.standing.take(&note);
            let known = pages.watch.len();
            pages.watch.take(&note);
            pages.stale |= pages.watch.len() != known;
            if pages.notes.len() >= NOTES_MAX
                && let Some(oldest) = pages.notes.pop_front()
            {
                pages.complete_after = oldest.seq;
            }
            pages.notes.push_back(note);
        }
    }

    /// Begins behind event `after`: what came before is in the journal alone, if anywhere.
    fn begin(&self, after: i64) {
        let mut pages = self.write();
        pages.notes.clear();
        (pages.complete_after, pages.newest) = (after, after);
    }

    fn forget(&self, now: Timestamp) {
        let mut pages = self.write();
        pages.watch.forget(now);
        pages.stale = true;
    }
}

/// What the chronicle takes.
pub(super) enum ChronicleMessage {
    Read,
    Forget,
}

/// The actor.
pub(super) struct Chronicle {
    db: Db,
    hub: Hub,
    book: Arc<Book>,
    reader: Option<JournalReader>,
}

impl Chronicle {
    pub(super) fn new(db: Db, hub: Hub, book: Arc<Book>) -> Self {
        Self { db, hub, book, reader: None }
    }

    /// Reads the end of the journal, once.
    async fn read_back(&self, ctx: &Context<ChronicleMessage>) -> Result<(), StoreError> {
        let (oldest, newest) = system::events_bounds(&self.db).await?;
        let (oldest, newest) = (oldest.unwrap_or(1), newest.unwrap_or(0));
        let mut after = (oldest - 1).max(newest - READ_BACK_MAX).max(0);
        self.book.begin(after);
        while after < newest {
            let page = system::events_after(&self.db, after, None, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            self.book.note(&page);
            ctx.progress();
        }
        Ok(())
    }

    /// Takes what has happened; waits a moment when nothing has.
    async fn read(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        let mut taken = Vec::new();
        let first = tokio::time::timeout(WAIT, reader.next()).await;
        let mut step = first.ok();
        while let Some(next) = step.take() {
            match next {
                Ok(JournalStep::Event(event)) => taken.push(Event::clone(&event)),
                Ok(JournalStep::Reset { oldest_seq }) => {
                    tracing::warn!("events are gone from the journal before they were read for briefings");
                    self.book.note(&std::mem::take(&mut taken));
                    self.book.begin(oldest_seq.map_or(0, |oldest| oldest - 1));
                }
                Ok(JournalStep::End) => break,
                Err(error) => {
                    tracing::warn!(error = %error, "the journal cannot be read for briefings; it is tried again");
                    break;
                }
            }
            if taken.len() < TAKEN_MAX {
                step = futures::FutureExt::now_or_never(reader.next());
            }
        }
        if !taken.is_empty() {
            self.book.note(&taken);
        }
    }
}

impl Actor for Chronicle {
    type Message = ChronicleMessage;

    async fn start(&mut self, ctx: &Context<ChronicleMessage>) -> Result<(), Fault> {
        if !self.book.is_ready() {
            self.read_back(ctx).await.map_err(Fault::from)?;
        }
        self.reader = Some(self.hub.follow(self.db.clone(), Some(self.book.newest()), None));
        self.book.ready.send_replace(true);
        ctx.send_every(FORGET_INTERVAL, || ChronicleMessage::Forget)?;
        ctx.send_after(Duration::ZERO, ChronicleMessage::Read)
    }

    async fn handle(
        &mut self,
        ctx: &Context<ChronicleMessage>,
        message: ChronicleMessage,
    ) -> Result<(), Fault> {
        match message {
            ChronicleMessage::Read => {
                self.read().await;
                ctx.send_after(Duration::ZERO, ChronicleMessage::Read)
            }
            ChronicleMessage::Forget => {
                self.book.forget(Timestamp::from_us(ctx.clock().now_us()));
                Ok(())
            }
        }
    }
}
