//! The keeper: writes down who was seen, counts refusals, looks at the end of the audit, and takes away what has ended.
//!
//! Owned by `identity`. Takes only its own ticks; every step is idempotent, and a round that fails is the next round's work.

use std::sync::PoisonError;
use std::time::Duration;

use nightshift_kernel::{Actor, ChildSpec, Context, Fault, Policy, SpawnError, Supervisor};
use nightshift_store::{StoreError, audit, identity as store};

use super::{Identity, IdentityError};

/// Time between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_secs(60);
/// How long a round may take.
const ROUND_BUDGET: Duration = Duration::from_secs(120);
/// Rows of each kind that one round takes away.
const SWEPT_MAX: u32 = 5_000;

/// How long a session that has ended is still known.
const ENDED_KEPT: Duration = Duration::from_secs(30 * 86_400);
/// How long a machine token that has ended is still shown.
const TOKENS_KEPT: Duration = Duration::from_secs(90 * 86_400);

/// What the keeper takes.
pub(super) enum KeeperMessage {
    Round,
}

/// The actor.
struct Keeper(Identity);

/// Declares the keeper below `root`.
pub(crate) fn spawn(root: &Supervisor, identity: &Identity) -> Result<(), SpawnError> {
    let house = root.supervisor("identity", Policy::default())?;
    let own = identity.clone();
    house.spawn(ChildSpec::new("keeper").budget(ROUND_BUDGET), move || Keeper(own.clone()))?;
    Ok(())
}

impl Identity {
    /// What is wrong with the audit, as far as its end shows it.
    #[must_use]
    pub fn audit_fault(&self) -> Option<String> {
        self.0.audit_fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn round(&self) -> Result<(), IdentityError> {
        self.look_at_audit().await?;
        self.note(self.0.refusals.drain(self.0.clock.monotonic())).await?;
        let now = self.now();
        let (failures_before, known_before) =
            (now - self.0.config.lock.forget, now - self.0.config.lock.known);
        let (sessions, tokens) = (self.0.sessions.take_touched(), self.0.tokens.take_touched());
        self.commit(move |tx| {
            Box::pin(async move {
                for id in sessions {
                    store::session_touch(tx, id, now).await?;
                }
                for id in tokens {
                    store::token_touch(tx, id, now).await?;
                }
                store::sessions_sweep(tx, now - ENDED_KEPT, SWEPT_MAX).await?;
                store::tokens_sweep(tx, now - TOKENS_KEPT, SWEPT_MAX).await?;
                store::signins_sweep(tx, failures_before, known_before, SWEPT_MAX).await.map(|_| ())
            })
        })
        .await?;
        Ok(())
    }

    /// Whether the last row is the one that the head says. The rows before it are `nightshift audit verify`'s.
    async fn look_at_audit(&self) -> Result<(), IdentityError> {
        let fault = match audit::audit_head(&self.0.db).await {
            Ok(_) => None,
            Err(StoreError::AuditHead(fault)) => Some(fault.to_string()),
            Err(error) => return Err(error.into()),
        };
        if let Some(fault) = &fault {
            tracing::error!(fault, "the audit is not whole");
        }
        *self.0.audit_fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
        Ok(())
    }
}

impl Actor for Keeper {
    type Message = KeeperMessage;

    async fn start(&mut self, ctx: &Context<KeeperMessage>) -> Result<(), Fault> {
        ctx.send_every(ROUND_INTERVAL, || KeeperMessage::Round)
    }

    async fn handle(
        &mut self,
        _: &Context<KeeperMessage>,
        KeeperMessage::Round: KeeperMessage,
    ) -> Result<(), Fault> {
        if let Err(error) = self.0.round().await {
            tracing::warn!(error = %error, "a round of the identity's keeper failed; the next one goes on");
        }
        Ok(())
    }

    async fn stop(&mut self, _: &Context<KeeperMessage>) {
        // What was counted must not be lost with the process.
        let rest = self.0.0.refusals.drain_all();
        if let Err(error) = self.0.note(rest).await {
            tracing::warn!(error = %error, "counted refusals could not be noted in the audit");
        }
    }
}
