//! Sign in, go on, sign out.

use std::time::Duration;

use nightshift_domain::audit::{Action, Actor};
use nightshift_domain::identity::{Bucket, PasswordHash, SecretHash, User, Username, password};
use nightshift_store::identity::{self as store, Credentials, NewSession};
use secrecy::{ExposeSecret, SecretString};

use super::sessions::refresh_secret;
use super::trail::{By, Origin};
use super::{Identity, IdentityError};

/// Sessions that one user may have; the oldest ends when there is one more.
const SESSIONS_PER_USER: u32 = 100;
/// Failed sign-ins from one network that are written into the audit each minute; more are counted.
const FAILURES_PER_MINUTE: u32 = 10;

/// A session that has begun or goes on, with its secrets.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// Who.
    pub user: User,
    /// For every request.
    pub access_token: String,
    /// How long it lives.
    pub expires_in: Duration,
    /// For one refresh.
    pub refresh_token: String,
    /// How long it lives.
    pub refresh_expires_in: Duration,
}

/// How an attempt to sign in ended.
#[derive(Debug, Clone, Copy)]
enum Attempt {
    Done,
    Failed,
    Locked,
}

impl Attempt {
    fn count(self) {
        let outcome = match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Locked => "locked",
        };
        metrics::counter!("nightshift_identity_signins_total", "outcome" => outcome).increment(1);
    }
}

impl Identity {
    /// Begins a session.
    ///
    /// # Errors
    /// `Credentials`, which does not say what is wrong and takes the same time for names that nobody has; `Locked`; `Overloaded`.
    pub async fn sign_in(
        &self,
        username: &str,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<SignedIn, IdentityError> {
        let name = username.parse::<Username>().ok();
        let user = self.right_password(name.as_ref(), username, password, origin).await?;
        let session = self.begin(user, origin).await?;
        Attempt::Done.count();
        Ok(session)
    }

    /// The user whose name and password these are.
    pub(super) async fn right_password(
        &self,
        name: Option<&Username>,
        shown: &str,
        password: &SecretString,
        origin: &Origin,
    ) -> Result<User, IdentityError> {
        let key = name.map_or_else(|| shown.chars().take(50).collect(), Username::key);
        let _alone = self.0.turnstile.enter(&key).await?;
        let (now, rules, address) = (self.now(), self.0.config.lock, origin.place());
        // What cannot be a name has no account, no count and no row; its password is held against nothing all the same.
        let (found, bucket) = match name {
            Some(name) => {
                let (_, bucket) = store::signin_place(&self.0.db, name, address, &rules, now).await?;
                (store::user_credentials(&self.0.db, name).await?, bucket)
            }
            None => (None, Bucket::default()),
        };
        let user = found.as_ref().map(|found| &found.user);
        if let Err(lock) = bucket.check(now) {
            Attempt::Locked.count();
            self.failed_attempt(user, shown, "locked", origin).await;
            return Err(IdentityError::locked(lock, now));
        }
        let tried = password.expose_secret().len() <= password::BYTES_MAX;
        let password = if tried { password.clone() } else { SecretString::default() };
        let stored = found.as_ref().map(|found| found.password_hash.as_str());
        let right = self.0.passwords.check(&password, stored).await? && tried;
        match found {
            Some(found) if right && found.user.is_active => {
                self.renew_hash(&found, &password).await;
                Ok(found.user)
            }
            found => {
                Attempt::Failed.count();
                if let Some(name) = name.cloned() {
                    self.commit(move |tx| {
                        Box::pin(async move { store::signin_failed(tx, &name, address, &rules, now).await })
                    })
                    .await?;
                }
                self.failed_attempt(found.as_ref().map(|found| &found.user), shown, "refused", origin).await;
                Err(IdentityError::Credentials)
            }
        }
    }

    /// A line of the audit for a sign-in that failed: the first ones of a network are written, a flood is counted.
    async fn failed_attempt(&self, user: Option<&User>, shown: &str, why: &str, origin: &Origin) {
        let by = By::anonymous(origin.clone());
        let entry = by.entry(self.now(), Action::LoginFailed, "user");
        let entry = match user {
            Some(user) => entry.on(user.id),
            None => entry,
        };
        // A name that nobody has may be a password in the wrong field: only names that somebody has are shown.
        let name = user.map_or("(unknown)", |user| user.username.as_str());
        let entry = entry.after(
            &serde_json::json!({ "username": name, "outcome": why, "characters": shown.chars().count() }),
        );
        let subject = format!("sign-in {}", origin.network().unwrap_or_default());
        let passed = self.0.refusals.pass(&subject, FAILURES_PER_MINUTE, self.0.clock.monotonic(), entry);
        if let Err(error) = self.note(passed.into_iter().collect()).await {
            tracing::warn!(error = %error, "a failed sign-in could not be noted in the audit");
        }
    }

    /// Hashes a password anew when its hash was made with other costs than today's.
    async fn renew_hash(&self, found: &Credentials, password: &SecretString) {
        if !self.0.passwords.is_outdated(found.password_hash.as_str()) {
            return;
        }
        let renewed = async {
            let hash = PasswordHash::new(self.0.passwords.hash(password).await?);
            let (id, set_at) = (found.user.id, found.user.password_changed_at);
            self.commit(move |tx| {
                Box::pin(async move { store::user_password_set(tx, id, &hash, set_at).await })
            })
            .await
        };
        if let Err(error) = renewed.await {
            tracing::warn!(error = %error, "a password hash could not be renewed; the next sign-in tries again");
        }
    }

    /// A new session of `user`, whose password was right.
    async fn begin(&self, user: User, origin: &Origin) -> Result<SignedIn, IdentityError> {
        let (now, sessions, lock) = (self.now(), self.0.config.sessions, self.0.config.lock);
        let actor = Actor::User { id: user.id, name: user.username.as_str().to_owned() };
        let by = By { actor, origin: origin.clone() };
        let new = NewSession {
            user_id: user.id,
            ip_address: origin.address.map(|address| address.to_canonical().to_string()),
            user_agent: origin.agent.clone(),
        };
        let (secret, address) = (refresh_secret(), origin.place());
        let hash = SecretHash::of(secret.expose_secret());
        let begun = self.commit(move |tx| {
            Box::pin(async move {
                // Read again: between the password and this the user may have been removed, disabled or locked.
                let user = store::user_get(tx, user.id).await?;
                if !user.is_active {
                    return Ok(Err(IdentityError::Credentials));
                }
                if let Err(locked) = store::signin_passed(tx, &user.username, address, &lock, now).await? {
                    return Ok(Err(IdentityError::locked(locked, now)));
                }
                store::user_signed_in(tx, user.id, now).await?;
                let session = store::session_insert(tx, &new, &hash, &sessions, now).await?;
                let ended = store::sessions_trim(tx, user.id, SESSIONS_PER_USER, now).await?;
                tx.audit(by.entry(now, Action::Login, "session").on(session.id.0))?;
                Ok(Ok((User { last_login_at: Some(now), ..user }, session, ended)))
            })
        });
        let (user, session, ended) = begun.await??;
        if !ended.is_empty() {
            self.forget_sessions(&ended).await;
        }
        Ok(self.signed_in(user, &session, &secret, now))
    }
}
