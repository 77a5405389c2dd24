//! Live fan-out of what was stored.
//!
//! Journalled events carry sequence numbers: a listener that fell behind or was away reads on from the journal and loses
//! nothing. Live readings carry none: a listener that misses one sees the next. The hub owns no thread and waits for
//! nobody: a slow listener is told that it lagged, and is never carried.

use std::ops::Deref;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use nightshift_domain::Event;
use nightshift_store::{Db, StoreError};
use tokio::sync::broadcast::{self, error::RecvError};

/// Events that a listener may lag behind before it has to read from the journal.
const EVENTS_MAX: usize = 4_096;
/// Live notices that a listener may lag behind before it misses some.
const LIVE_MAX: usize = 1_024;
/// Events read from the journal at once.
const JOURNAL_PAGE: u32 = 500;

/// Something that just happened and is not journalled, as JSON text.
#[derive(Debug, Clone)]
pub struct Live {
    /// What it is, as `<domain>.<thing>`.
    pub kind: &'static str,
    /// What it is about.
    pub subject: Arc<str>,
    /// A JSON object.
    pub data: Arc<str>,
}

/// A journalled event, and how it goes over the wire, which is written once for all who are sent it.
#[derive(Debug)]
pub struct Occurrence {
    what: Event,
    frame: OnceLock<Bytes>,
}

impl Occurrence {
    fn new(what: Event) -> Arc<Self> {
        Arc::new(Self { what, frame: OnceLock::new() })
    }

    /// The event as the first caller wrote it: there is one way to write it for all.
    pub fn frame(&self, write: impl FnOnce(&Event) -> Bytes) -> &Bytes {
        self.frame.get_or_init(|| write(&self.what))
    }
}

impl Deref for Occurrence {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.what
    }
}

/// The fan-out. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    events: broadcast::Sender<Arc<Occurrence>>,
    /// The newest event: the place of a listener that starts now.
    newest: Arc<AtomicI64>,
    live: broadcast::Sender<Live>,
}

impl Hub {
    /// A fan-out of what comes after event `newest`.
    pub(crate) fn new(newest: i64) -> Self {
        let newest = Arc::new(AtomicI64::new(newest));
        Self { events: broadcast::channel(EVENTS_MAX).0, newest, live: broadcast::channel(LIVE_MAX).0 }
    }

    /// Tells of what this program has just committed. What another program committed before it goes out first.
    pub(crate) async fn publish(&self, db: &Db, events: Vec<Event>) {
        let Some(first) = events.first() else { return };
        if first.seq > self.newest.load(Ordering::Acquire) + 1
            && let Err(error) = self.catch_up(db).await
        {
            tracing::warn!(error = %error, "events of another program may not have been told to those who listen");
        }
        self.send(events);
    }

    /// Tells of what another program committed, an import for instance. Readers pass over what they were told before.
    ///
    /// # Errors
    /// When the journal cannot be read; the next look makes up for it.
    pub(crate) async fn catch_up(&self, db: &Db) -> Result<(), StoreError> {
        // As many pages as the journal holds, and it is kept short.
        loop {
            let after = self.newest.load(Ordering::Acquire);
            let page = nightshift_store::system::events_after(db, after, None, JOURNAL_PAGE).await?;
            let is_last = page.len() < JOURNAL_PAGE as usize;
            self.send(page);
            if is_last {
                return Ok(());
            }
        }
    }

    fn send(&self, events: Vec<Event>) {
        for event in events {
            // Nobody listening is no failure: the journal keeps the event.
            let seq = event.seq;
            let _ = self.events.send(Occurrence::new(event));
            self.newest.fetch_max(seq, Ordering::Release);
        }
    }

    /// Tells live listeners; `data` is made only when somebody listens.
    pub(crate) fn tell(&self, kind: &'static str, subject: &str, data: impl FnOnce() -> String) {
        if self.live.receiver_count() > 0 {
            let _ = self.live.send(Live { kind, subject: subject.into(), data: data().into() });
        }
    }

    /// Live notices from now on.
    #[must_use]
    pub fn live(&self) -> broadcast::Receiver<Live> {
        self.live.subscribe()
    }

    /// A reader of the journal that starts after event `after` and then follows what happens; `None` starts now.
    #[must_use]
    pub fn follow(&self, db: Db, after: Option<i64>, kind_prefix: Option<String>) -> JournalReader {
        // The place is looked up after the channel is open, so that nothing falls between the two.
        let live = self.events.subscribe();
        JournalReader {
            db,
            live,
            last_seq: after.unwrap_or_else(|| self.newest.load(Ordering::Acquire)),
            replaying: after.is_some(),
            kind_prefix,
            page: Vec::new().into_iter(),
        }
    }
}

/// What a reader of the journal gets next.
#[derive(Debug, Clone)]
pub enum JournalStep {
    /// The next event.
    Event(Arc<Occurrence>),
    /// Events between the reader's place and this one are gone from the journal: what it knows is out of date.
    Reset {
        /// Oldest event that is still there, if any.
        oldest_seq: Option<i64>,
    },
    /// The plant stops.
    End,
}

/// Reads the journal in order, first what is stored, then what happens, without loss and without repeats.
#[derive(Debug)]
pub struct JournalReader {
    db: Db,
    live: broadcast::Receiver<Arc<Occurrence>>,
    last_seq: i64,
    replaying: bool,
    kind_prefix: Option<String>,
    page: std::vec::IntoIter<Event>,
}

impl JournalReader {
    /// The next event. Waits until there is one; dropping the future loses nothing.
    ///
    /// # Errors
    /// When the journal cannot be read; calling again tries again.
    pub async fn next(&mut self) -> Result<JournalStep, StoreError> {
        loop {
            if let Some(event) = self.page.next() {
                self.last_seq = event.seq;
                return Ok(JournalStep::Event(Occurrence::new(event)));
            }
            if self.replaying {
                if let Some(step) = self.read_page().await? {
                    return Ok(step);
                }
                continue;
            }
            match self.live.recv().await {
                Ok(event) if event.seq <= self.last_seq => {}
                Ok(event) => {
                    self.last_seq = event.seq;
                    if self.wants(&event) {
                        return Ok(JournalStep::Event(event));
                    }
                }
                Err(RecvError::Lagged(_)) => self.replaying = true,
                Err(RecvError::Closed) => return Ok(JournalStep::End),
            }
        }
    }

    /// Whether what comes next is read from the journal: a future of [`Self::next`] may hold a connection to the database then.
    #[must_use]
    pub fn replays(&self) -> bool {
        self.replaying
    }

    fn wants(&self, event: &Event) -> bool {
        self.kind_prefix.as_deref().is_none_or(|prefix| event.event.kind.starts_with(prefix))
    }

    async fn read_page(&mut self) -> Result<Option<JournalStep>, StoreError> {
        let after = self.last_seq;
        let (oldest, newest) = nightshift_store::system::events_bounds(&self.db).await?;
        // A place beyond the newest event belongs to another journal: the database was replaced.
        let foreign = after > 0 && newest.unwrap_or(0) < after;
        if foreign || oldest.is_some_and(|oldest| after > 0 && oldest > after + 1) {
            self.last_seq = oldest.map_or(0, |oldest| oldest - 1);
            return Ok(Some(JournalStep::Reset { oldest_seq: oldest }));
        }
        let page = nightshift_store::system::events_after(
            &self.db,
            after,
            self.kind_prefix.as_deref(),
            JOURNAL_PAGE,
        )
        .await?;
        if page.is_empty() {
            // Everything stored up to `newest` was seen or unwanted; live events above it follow.
            self.last_seq = newest.unwrap_or(0).max(after);
            self.replaying = false;
        }
        self.page = page.into_iter();
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use nightshift_domain::{NewEvent, Timestamp};
    use nightshift_store::testing::sqlite;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_listener_that_starts_now_and_lags_is_not_given_the_past() {
        let home = sqlite().await;
        let mut tx = home.db.begin().await.expect("begin");
        let event =
            |n: i64| NewEvent::new(Timestamp::from_s(n), "test.counted", "a", serde_json::json!({ "n": n }));
        let past = tx.journal_many((0..3).map(event).collect()).await.expect("journal");
        tx.commit().await.expect("commit");
        let newest = *past.last().expect("three events");
        let hub = Hub::new(newest);
        let mut reader = hub.follow(home.db.clone(), None, None);

        let mut tx = home.db.begin().await.expect("begin");
        let more = i64::try_from(EVENTS_MAX).expect("small") + 10;
        tx.journal_many((0..more).map(event).collect()).await.expect("journal");
        hub.publish(&home.db, tx.commit().await.expect("commit")).await;
        for n in 0..more {
            match reader.next().await.expect("journal") {
                JournalStep::Event(event) => assert_eq!(event.seq, newest + 1 + n),
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_another_program_writes_is_told_in_order() {
        let home = sqlite().await;
        let hub = Hub::new(0);
        let mut reader = hub.follow(home.db.clone(), None, None);
        let write = async |kind: &str| {
            let mut tx = home.db.begin().await.expect("begin");
            let event = NewEvent::new(Timestamp::from_s(1), kind, "a", serde_json::json!({}));
            tx.journal(event).await.expect("journal");
            tx.commit().await.expect("commit")
        };
        let next = async |reader: &mut JournalReader| match reader.next().await.expect("journal") {
            JournalStep::Event(event) => event.event.kind.clone(),
            other => panic!("{other:?}"),
        };
        write("other.first").await;
        hub.catch_up(&home.db).await.expect("journal");
        assert_eq!(next(&mut reader).await, "other.first");
        // The next look comes too late for this one: what is committed here brings it along.
        write("other.second").await;
        let own = write("own.third").await;
        hub.publish(&home.db, own).await;
        hub.catch_up(&home.db).await.expect("journal");
        hub.publish(&home.db, write("own.fourth").await).await;
        for kind in ["other.second", "own.third", "own.fourth"] {
            assert_eq!(next(&mut reader).await, kind);
        }
    }
}
