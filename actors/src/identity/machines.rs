//! Machine tokens: made, shown once, revoked.

use nightshift_domain::audit::{Action, Actor};
use nightshift_domain::identity::{MachineToken, NewMachineToken, SecretHash, TokenId};
use nightshift_store::identity as store;

use super::bearer::MACHINE_PREFIX;
use super::trail::By;
use super::{Identity, IdentityError, secrets};

impl Identity {
    /// Machine tokens, by number, and how many there are.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn tokens(&self, skip: u32, limit: u32) -> Result<(Vec<MachineToken>, u64), IdentityError> {
        let page = store::token_list(&self.0.db, u64::from(skip), limit).await?;
        Ok((page.tokens, page.total))
    }

    /// A machine token.
    ///
    /// # Errors
    /// `NotFound`, or the database is away.
    pub async fn token(&self, id: TokenId) -> Result<MachineToken, IdentityError> {
        let found = store::token_find(&self.0.db, id).await?;
        found.map(|(token, _)| token).ok_or_else(|| IdentityError::no_token(id.0))
    }

    /// Makes a machine token; its text is in this answer alone.
    ///
    /// # Errors
    /// `Invalid` for one that opens nothing, `Conflict` for a name that a good one has.
    pub async fn create_token(
        &self,
        new: NewMachineToken,
        by: By,
    ) -> Result<(MachineToken, String), IdentityError> {
        let now = self.now();
        let field = if new.scopes.is_empty() { "scopes" } else { "expires_at" };
        let new = new.validated(now).map_err(|e| IdentityError::Invalid { field, reason: e.to_string() })?;
        let secret = secrets::random_text();
        let hash = SecretHash::of(&secret);
        let maker = match by.actor {
            Actor::User { id, .. } => Some(id),
            _ => None,
        };
        let token = self
            .commit(move |tx| {
                Box::pin(async move {
                    let token = store::token_insert(tx, &new, &hash, maker, now).await?;
                    let entry = by.entry(now, Action::Create, "machine_token").on(token.id.0);
                    tx.audit(entry.after(&token))?;
                    Ok(token)
                })
            })
            .await?;
        let text = format!("{MACHINE_PREFIX}{}_{secret}", token.id.0);
        Ok((token, text))
    }

    /// Revokes a machine token. One that was revoked before stays so.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_token(&self, id: TokenId, by: By) -> Result<(), IdentityError> {
        let before = self.token(id).await?;
        if before.revoked_at.is_some() {
            return Ok(());
        }
        let now = self.now();
        self.commit(move |tx| {
            Box::pin(async move {
                store::token_revoke(tx, id, now).await?;
                tx.audit(by.entry(now, Action::Delete, "machine_token").on(id.0).before(&before))
            })
        })
        .await?;
        self.forget_token(id).await;
        Ok(())
    }
}
