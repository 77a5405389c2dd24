//! Removes files that belong to nothing any more: those of erased patients, and of uploads that never became a record.
//!
//! Looks once a minute, and when a patient was erased. A file that cannot be removed now stays on the list.

use std::sync::Arc;
use std::time::Duration;

use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::blobs::BlobKey;
use nightshift_store::diagnosis::{orphan_done, orphans_list};

use super::shared::{Shared, WRITE_DEADLINE};

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Files removed in one look; more wait for the next.
const FILES_PER_LOOK: u32 = 200;

/// What the keeper takes.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeeperMessage {
    /// Look now.
    Look,
}

/// The actor.
pub(super) struct Keeper {
    shared: Arc<Shared>,
}

impl Keeper {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Removes what is due; a failure ends this look, the next one goes on.
    async fn look(&self, ctx: &Context<KeeperMessage>) {
        let keys = match orphans_list(&self.shared.db, self.shared.now(), FILES_PER_LOOK).await {
            Ok(keys) => keys,
            Err(error) => return tracing::warn!(error = %error, "the list of files to remove cannot be read"),
        };
        for key in keys {
            ctx.progress();
            if let Err(error) = self.remove(key).await {
                return tracing::warn!(error, "a file could not be removed; it stays on the list");
            }
        }
    }

    async fn remove(&self, key: String) -> Result<(), String> {
        // What is no key names no file.
        if let Ok(key) = BlobKey::new(&key) {
            let removal =
                tokio::time::timeout(self.shared.config.storage_deadline, self.shared.blobs.delete(&key));
            removal.await.map_err(|_| "not in time".to_owned())?.map_err(|e| e.to_string())?;
        }
        let done = self
            .shared
            .writer
            .run(WRITE_DEADLINE, move |tx| Box::pin(async move { orphan_done(tx, &key).await }));
        done.await.map_err(|e| e.to_string())?;
        metrics::counter!("nightshift_diagnosis_files_removed_total").increment(1);
        Ok(())
    }
}

impl Actor for Keeper {
    type Message = KeeperMessage;

    async fn start(&mut self, ctx: &Context<KeeperMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || KeeperMessage::Look)
    }

    async fn handle(
        &mut self,
        ctx: &Context<KeeperMessage>,
        KeeperMessage::Look: KeeperMessage,
    ) -> Result<(), Fault> {
        self.look(ctx).await;
        Ok(())
    }
}
