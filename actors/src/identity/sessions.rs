//! What follows a sign-in: tokens, their renewal, and the end.

use nightshift_domain::Timestamp;
use nightshift_domain::audit::Action;
use nightshift_domain::identity::{RefreshRefusal, RevokeReason, SecretHash, Session, SessionId, User};
use nightshift_store::identity::{self as store, Refresh};
use secrecy::{ExposeSecret, SecretString};

use super::jwt::{self, Claims};
use super::signin::SignedIn;
use super::trail::{By, Origin};
use super::{Identity, IdentityError, secrets};

/// How a refresh token's text begins.
const REFRESH_PREFIX: &str = "nsr_";
/// Longest refresh token, bytes.
const REFRESH_BYTES_MAX: usize = 64;

/// A fresh refresh token.
pub(super) fn refresh_secret() -> SecretString {
    format!("{REFRESH_PREFIX}{}", secrets::random_text()).into()
}

impl Identity {
    /// The next pair of tokens for a refresh token.
    ///
    /// # Errors
    /// `RefreshRefused`. A token that was used before, by another client or too long ago, ends its session.
    pub async fn refresh(&self, token: &SecretString, origin: &Origin) -> Result<SignedIn, IdentityError> {
        let text = token.expose_secret();
        if text.len() > REFRESH_BYTES_MAX || !text.starts_with(REFRESH_PREFIX) {
            return Err(RefreshRefusal::Unknown.into());
        }
        let (hash, now) = (SecretHash::of(text), self.now());
        let (secret, client, rules) = (refresh_secret(), origin.mark(), self.0.config.sessions);
        let (next, by) = (SecretHash::of(secret.expose_secret()), By::anonymous(origin.clone()));
        let refreshed = self.commit(move |tx| {
            Box::pin(async move {
                let refreshed = store::session_refresh(tx, &hash, &client, &next, &rules, now).await?;
                if let Refresh::Refused { why: RefreshRefusal::Reused, session: Some(session) } = &refreshed {
                    let entry = by.entry(now, Action::TokenReused, "session").on(session.id.0);
                    tx.audit(entry.after(&serde_json::json!({ "user_id": session.user_id })))?;
                }
                Ok(refreshed)
            })
        });
        match refreshed.await? {
            Refresh::Done { session, user, .. } => Ok(self.signed_in(user, &session, &secret, now)),
            Refresh::Refused { why, session } => {
                if let Some(session) = session {
                    self.forget_sessions(&[session.id]).await;
                }
                Err(why.into())
            }
        }
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn sign_out(&self, session: SessionId, by: By) -> Result<(), IdentityError> {
        let now = self.now();
        self.commit(move |tx| {
            Box::pin(async move {
                if store::session_revoke(tx, session, RevokeReason::SignedOut, now).await? {
                    tx.audit(by.entry(now, Action::Logout, "session").on(session.0))?;
                }
                Ok(())
            })
        })
        .await?;
        self.forget_sessions(&[session]).await;
        Ok(())
    }

    /// What a client gets of a session.
    pub(super) fn signed_in(
        &self,
        user: User,
        session: &Session,
        refresh: &SecretString,
        now: Timestamp,
    ) -> SignedIn {
        let rules = &self.0.config.sessions;
        let (access_ends, refresh_ends) = (session.access_ends(now, rules), session.refresh_ends(now, rules));
        let claims = Claims::new(user.id.0, session.id.0, user.role.as_str(), now, access_ends);
        SignedIn {
            access_token: jwt::sign(&self.0.keys, &claims),
            expires_in: access_ends.since(now),
            refresh_token: refresh.expose_secret().to_owned(),
            refresh_expires_in: refresh_ends.since(now),
            user,
        }
    }
}
