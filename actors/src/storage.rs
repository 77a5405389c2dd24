//! The object store, and whether it works: looked at when somebody asks for the plant's health, at most once in a while.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::alerts::storage_trouble;
use nightshift_kernel::Clock;
use nightshift_store::blobs::{BlobError, Blobs};
use tokio::sync::Mutex;

use crate::writer::Writer;

/// How long the outcome of a look holds: a bucket charges for each.
const HOLDS: Duration = Duration::from_secs(15);
/// How long a look may take.
const LOOK_DEADLINE: Duration = Duration::from_secs(2);
/// How long an alert may wait for its commit.
const ALERT_DEADLINE: Duration = Duration::from_secs(10);
/// What to do about a full disk.
pub(crate) const DISK_FULL: &str = "the disk is full: make room";
/// What to do about an object store that fails otherwise.
const REFUSES: &str = "it refuses: see the log, and [storage] in the configuration";

/// The object store of a plant.
#[derive(Clone)]
pub(crate) struct Storage {
    blobs: Blobs,
    clock: Clock,
    /// When it was last looked at, and what was wrong. Locked during a look, so that there is one at a time.
    looked: Arc<Mutex<Option<Look>>>,
}

/// A look at the store.
struct Look {
    /// When, on the monotonic clock.
    at: Duration,
    fault: Option<String>,
}

impl Storage {
    pub(crate) fn new(blobs: Blobs, clock: Clock) -> Self {
        Self { blobs, clock, looked: Arc::default() }
    }

    pub(crate) fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// What is wrong, and what to do; nothing when objects can be written and read.
    pub(crate) async fn fault(&self) -> Option<String> {
        let mut looked = self.looked.lock().await;
        let now = self.clock.monotonic();
        if let Some(look) = looked.as_ref().filter(|look| now.saturating_sub(look.at) < HOLDS) {
            return look.fault.clone();
        }
        let fault = match tokio::time::timeout(LOOK_DEADLINE, self.blobs.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) if error.is_disk_full() => Some(DISK_FULL.to_owned()),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, cause = ?std::error::Error::source(&error), "the object store failed a look");
                Some(REFUSES.to_owned())
            }
            Err(_) => Some("it does not answer within 2 s".to_owned()),
        };
        *looked = Some(Look { at: now, fault: fault.clone() });
        fault
    }
}

/// Raises an alert about a failure of the object store, in a task of its own: whoever met it does not wait for that. While
/// the database is full too there is none; the host's watch raises its own before it comes to that.
pub(crate) fn tell(writer: &Writer, error: &BlobError, now: Timestamp) {
    let advice = if error.is_disk_full() { DISK_FULL } else { REFUSES };
    let (raise, writer) = (storage_trouble("objects", advice, now), writer.clone());
    tokio::spawn(async move {
        let raised = writer.run(ALERT_DEADLINE, move |tx| {
            Box::pin(async move { crate::alerts::raise(tx, vec![raise], now).await })
        });
        if let Err(error) = raised.await {
            tracing::warn!(error = %error, "trouble with the object store could not be made an alert");
        }
    });
}

#[cfg(test)]
mod tests {
    use nightshift_store::blobs::BlobsConfig;

    use super::*;

    #[tokio::test]
    async fn a_fault_is_seen_and_its_end_too() {
        let folder = tempfile::tempdir().expect("folder");
        let dir = folder.path().join("objects");
        let blobs = Blobs::open(&BlobsConfig::Local { dir: dir.clone() }).expect("opened");
        let look = || Storage::new(blobs.clone(), Clock::system());
        assert_eq!(look().fault().await, None);
        std::fs::remove_dir_all(&dir).expect("removed");
        // A file where the folder was: unlike permissions it stops an administrator too.
        std::fs::write(&dir, "x").expect("in the way");
        let storage = look();
        assert!(storage.fault().await.is_some_and(|why| why.contains("refuses")));
        std::fs::remove_file(&dir).expect("removed");
        assert!(storage.fault().await.is_some(), "an outcome holds for a while");
        assert_eq!(look().fault().await, None);
    }
}
