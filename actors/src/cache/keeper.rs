//! The keeper of the shared cache: connects to it, and looks whether it can be used.
//!
//! Owned by `plant`, as `cache`; there is none without `cache.url`. Takes only its own ticks. While a look fails, nobody else
//! calls the cache, so that a Redis that is gone costs no request anything.

use std::time::Duration;

use nightshift_kernel::{Actor, ChildSpec, Context, Fault, SpawnError, Supervisor};

use super::Cache;

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// How long a look may take before it counts as frozen: longer than its own deadlines.
const LOOK_BUDGET: Duration = Duration::from_secs(30);

/// What the keeper takes.
pub(super) enum KeeperMessage {
    Look,
}

/// The actor.
struct Keeper(Cache);

/// Declares the keeper below `root`, if there is something to keep.
pub(crate) fn spawn(root: &Supervisor, cache: &Cache) -> Result<(), SpawnError> {
    if cache.place().is_some() {
        let own = cache.clone();
        root.spawn(ChildSpec::new("cache").budget(LOOK_BUDGET), move || Keeper(own.clone()))?;
    }
    Ok(())
}

impl Actor for Keeper {
    type Message = KeeperMessage;

    async fn start(&mut self, ctx: &Context<KeeperMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || KeeperMessage::Look)
    }

    async fn handle(
        &mut self,
        _: &Context<KeeperMessage>,
        KeeperMessage::Look: KeeperMessage,
    ) -> Result<(), Fault> {
        self.0.look().await;
        Ok(())
    }
}
