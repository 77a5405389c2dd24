//! Who a token belongs to: a person in a session, or a machine.

use nightshift_domain::Timestamp;
use nightshift_domain::audit::Action;
use nightshift_domain::identity::{MachineToken, Principal, SecretHash, SessionId, TokenId, UserId};
use nightshift_store::identity as store;

use super::jwt::{self, TokenFault};
use super::known::{FRESH, Found};
use super::trail::{By, Origin};
use super::{Identity, IdentityError};
use crate::cache::Subject;

/// How a machine token's text begins.
pub(super) const MACHINE_PREFIX: &str = "nsm_";
/// Longest number and secret of a machine token, bytes.
const MACHINE_BYTES_MAX: usize = 80;
/// Lines of the audit a minute for one principal at one route.
const REFUSALS_PER_MINUTE: u32 = 1;

impl Identity {
    /// Whose token it is, if it is good now.
    ///
    /// # Errors
    /// `NotAuthenticated`, `TokenExpired`; `Unavailable` when the store is away and nothing is known of the token.
    pub async fn authenticate(&self, token: &str) -> Result<Principal, IdentityError> {
        let found = match token.strip_prefix(MACHINE_PREFIX) {
            Some(rest) => self.machine(rest).await,
            None => self.person(token).await,
        };
        if matches!(found, Err(IdentityError::NotAuthenticated | IdentityError::TokenExpired)) {
            metrics::counter!("nightshift_identity_rejected_tokens_total").increment(1);
        }
        found
    }

    async fn person(&self, token: &str) -> Result<Principal, IdentityError> {
        let now = self.now();
        let claims = jwt::verify(&self.0.keys, token, now).map_err(|fault| match fault {
            TokenFault::Foreign => IdentityError::NotAuthenticated,
            TokenFault::Expired => IdentityError::TokenExpired,
        })?;
        let (id, monotonic) = (SessionId(claims.sid), self.0.clock.monotonic());
        let user = UserId(claims.sub.parse().map_err(|_| IdentityError::NotAuthenticated)?);
        let marks = self.0.cache.marks(&[Subject::Session(id.0), Subject::User(user.0)]).await;
        let known = match self.0.sessions.find(&id, marks, monotonic) {
            Found::Fresh(known) => Some(known),
            stale => {
                let asked = self.0.sessions.ask(marks);
                match store::session_find(&self.0.db, id).await {
                    Ok(found) => {
                        let known = found
                            .filter(|(session, user)| session.is_valid(now) && user.is_active)
                            .map(|(session, user)| (Principal::user(&user, id), session.expires_at));
                        match &known {
                            Some(known) => self.0.sessions.remember(asked, id, known.clone(), monotonic),
                            None => self.0.sessions.forget(|key, _| *key == id),
                        }
                        known
                    }
                    Err(error) => Some(stale_or(stale, error.into())?),
                }
            }
        };
        let (principal, ends) = known.ok_or(IdentityError::NotAuthenticated)?;
        if principal.user_id() == Some(user) && now < ends {
            Ok(principal)
        } else {
            Err(IdentityError::NotAuthenticated)
        }
    }

    async fn machine(&self, rest: &str) -> Result<Principal, IdentityError> {
        let refused = || IdentityError::NotAuthenticated;
        let (id, secret) =
            rest.split_once('_').filter(|_| rest.len() <= MACHINE_BYTES_MAX).ok_or_else(refused)?;
        let id = TokenId(id.parse().map_err(|_| refused())?);
        let (presented, monotonic) = (SecretHash::of(secret), self.0.clock.monotonic());
        let marks = self.0.cache.marks(&[Subject::Token(id.0)]).await;
        let known: Option<(MachineToken, SecretHash)> = match self.0.tokens.find(&id, marks, monotonic) {
            Found::Fresh(known) => Some(known),
            stale => {
                let asked = self.0.tokens.ask(marks);
                match store::token_find(&self.0.db, id).await {
                    Ok(found) => {
                        // Only a token that was really shown is remembered: guessed numbers take no place.
                        if let Some(known) = found.as_ref().filter(|(_, hash)| *hash == presented) {
                            self.0.tokens.remember(asked, id, known.clone(), monotonic);
                        }
                        found
                    }
                    Err(error) => Some(stale_or(stale, error.into())?),
                }
            }
        };
        let (about, hash) = known.ok_or_else(refused)?;
        if hash == presented && about.is_valid(self.now()) {
            Ok(Principal::machine(&about))
        } else {
            Err(refused())
        }
    }

    /// Notes in the audit that somebody asked for what is not allowed. A flood of them is a line a minute and a count.
    pub async fn refused(&self, principal: &Principal, route: &str, origin: &Origin) {
        metrics::counter!("nightshift_identity_refusals_total").increment(1);
        let by = By { actor: principal.actor(), origin: origin.clone() };
        let entry = by.entry(self.now(), Action::Refused, "route").on(route);
        let subject = format!("{} {:?} {route}", by.actor.kind(), by.actor.id());
        let passed = self.0.refusals.pass(&subject, REFUSALS_PER_MINUTE, self.0.clock.monotonic(), entry);
        if let Err(error) = self.note(passed.into_iter().collect()).await {
            tracing::warn!(error = %error, "a refusal could not be noted in the audit");
        }
    }

    /// Forgets at once what was known of a user's sessions, here and on every other node.
    pub(super) async fn forget_sessions_of(&self, user: UserId) {
        self.0.sessions.forget(|_, (principal, _)| principal.user_id() == Some(user));
        self.mark(&[Subject::User(user.0)]).await;
    }

    pub(super) async fn forget_sessions(&self, ended: &[SessionId]) {
        self.0.sessions.forget(|id, _: &(Principal, Timestamp)| ended.contains(id));
        let subjects: Vec<Subject> = ended.iter().map(|id| Subject::Session(id.0)).collect();
        self.mark(&subjects).await;
    }

    pub(super) async fn forget_token(&self, token: TokenId) {
        self.0.tokens.forget(|known, _| *known == token);
        self.mark(&[Subject::Token(token.0)]).await;
    }

    /// Nobody is remembered for longer than an access token lives, or than is believed without asking.
    async fn mark(&self, subjects: &[Subject]) {
        let remembered = self.0.config.sessions.access.max(FRESH * 2);
        self.0.cache.mark(subjects, remembered).await;
    }
}

/// While the store is away, whoever was let in before stays in until the access token ends: people must be able to look
/// at a plant whose database is gone. Nobody can be revoked then either; who was revoked before stays out.
fn stale_or<V>(found: Found<V>, error: IdentityError) -> Result<V, IdentityError> {
    match found {
        Found::Stale(known) | Found::Fresh(known) => Ok(known),
        Found::Unknown | Found::Doubted => Err(error),
    }
}
