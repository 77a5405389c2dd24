//! Password hashes: Argon2id, beside the runtime, a few at a time.
//!
//! A hash costs a core and megabytes for tens of milliseconds, on purpose. However many people sign in, no more than the
//! configured number are worked on at once and a bounded number wait: a flood of sign-ins never starves the plant.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::secrets;

/// Sign-ins that may wait for their turn; more are told to come back.
const WAITING_MAX: usize = 64;
/// How long one may wait for its turn.
const TURN_DEADLINE: Duration = Duration::from_secs(5);
/// Checks of passwords, for the metric of that name.
const CHECKS_METRIC: &str = "nightshift_identity_password_checks_total";

/// What a hash costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argon2Config {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
    /// Hashes worked on at once.
    pub concurrency: usize,
}

impl Default for Argon2Config {
    fn default() -> Self {
        Self { memory_kib: 19 * 1_024, passes: 2, lanes: 1, concurrency: 1 }
    }
}

/// Why no password was checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum PasswordsError {
    /// Too many wait.
    #[error("too many sign-ins at once")]
    Busy,
    /// A hash could not be made or read.
    #[error("{0}")]
    Failed(String),
}

/// Makes and checks hashes. Cheap to clone.
#[derive(Clone)]
pub(super) struct Passwords {
    params: Params,
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    /// Of a password that nobody has: what an unknown user's is held against, so that it takes as long as a known one's.
    decoy: Arc<str>,
}

impl Passwords {
    /// # Errors
    /// When the costs cannot be used.
    pub(super) fn new(config: &Argon2Config) -> Result<Self, PasswordsError> {
        let failed = |e: argon2::Error| PasswordsError::Failed(format!("identity.argon2: {e}"));
        let params = Params::new(config.memory_kib, config.passes, config.lanes, None).map_err(failed)?;
        let decoy = hash(&params, secrets::random_text().as_bytes())?;
        Ok(Self {
            params,
            turns: Arc::new(Semaphore::new(config.concurrency)),
            waiting: Arc::default(),
            decoy: decoy.into(),
        })
    }

    /// The hash to store.
    pub(super) async fn hash(&self, password: &SecretString) -> Result<String, PasswordsError> {
        let (params, password) = (self.params.clone(), password.clone());
        self.in_turn(move || hash(&params, password.expose_secret().as_bytes())).await?
    }

    /// Whether `password` is the one of `stored`; of nobody when there is none, which takes the same time.
    pub(super) async fn check(
        &self,
        password: &SecretString,
        stored: Option<&str>,
    ) -> Result<bool, PasswordsError> {
        let (params, password) = (self.params.clone(), password.clone());
        let (against, known) = (stored.unwrap_or(&self.decoy).to_owned(), stored.is_some());
        metrics::counter!(CHECKS_METRIC).increment(1);
        let right =
            self.in_turn(move || verify(&params, password.expose_secret().as_bytes(), &against)).await??;
        Ok(right && known)
    }

    /// Whether `stored` was made with other costs than today's.
    pub(super) fn is_outdated(&self, stored: &str) -> bool {
        let parsed = PasswordHash::new(stored).ok().and_then(|hash| Params::try_from(&hash).ok());
        parsed.is_none_or(|p| {
            (p.m_cost(), p.t_cost(), p.p_cost())
                != (self.params.m_cost(), self.params.t_cost(), self.params.p_cost())
        })
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordsError> {
        let _waiting = Waiting::join(&self.waiting)?;
        let turn = tokio::time::timeout(TURN_DEADLINE, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| PasswordsError::Busy)?.map_err(|_| PasswordsError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            // Given back where the work ends, not where its client gave up: a core is busy until then.
            drop(turn);
            done
        });
        done.await.map_err(|e| PasswordsError::Failed(e.to_string()))
    }
}

/// A place among those who wait, given back when it is dropped.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn join(count: &Arc<AtomicUsize>) -> Result<Self, PasswordsError> {
        let place = Self(Arc::clone(count));
        if count.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            Err(PasswordsError::Busy)
        } else {
            Ok(place)
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn argon2(params: &Params) -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
}

fn hash(params: &Params, password: &[u8]) -> Result<String, PasswordsError> {
    let salt = secrets::random_bytes();
    let hashed = argon2(params).hash_password_with_salt(password, &salt[..16]);
    hashed.map(|h| h.to_string()).map_err(|e| PasswordsError::Failed(format!("hashing a password: {e}")))
}

fn verify(params: &Params, password: &[u8], stored: &str) -> Result<bool, PasswordsError> {
    let parsed = PasswordHash::new(stored)
        .map_err(|e| PasswordsError::Failed(format!("a stored password hash cannot be read: {e}")))?;
    match argon2(params).verify_password(password, &parsed) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(PasswordsError::Failed(format!("checking a password: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cheap() -> Argon2Config {
        Argon2Config { memory_kib: 64, passes: 1, lanes: 1, concurrency: 1 }
    }

    fn secret(text: &str) -> SecretString {
        SecretString::from(text.to_owned())
    }

    #[tokio::test]
    async fn only_the_right_password_of_a_known_user_is_right() {
        let passwords = Passwords::new(&cheap()).expect("costs");
        let stored = passwords.hash(&secret("Correct-horse1")).await.expect("hash");
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{stored}");
        assert!(passwords.check(&secret("Correct-horse1"), Some(&stored)).await.expect("checked"));
        assert!(!passwords.check(&secret("correct-horse1"), Some(&stored)).await.expect("checked"));
        assert!(!passwords.check(&secret("anything"), None).await.expect("checked"));
        assert_ne!(passwords.hash(&secret("Correct-horse1")).await.expect("hash"), stored, "salted");
        assert!(passwords.check(&secret("x"), Some("no hash")).await.is_err());
    }

    #[tokio::test]
    async fn a_hash_of_other_costs_is_still_right_and_known_as_outdated() {
        let passwords = Passwords::new(&cheap()).expect("costs");
        let dearer = Passwords::new(&Argon2Config { memory_kib: 128, ..cheap() }).expect("costs");
        let stored = passwords.hash(&secret("Correct-horse1")).await.expect("hash");
        assert!(dearer.check(&secret("Correct-horse1"), Some(&stored)).await.expect("checked"));
        assert!(dearer.is_outdated(&stored) && !passwords.is_outdated(&stored));
    }

    #[tokio::test]
    async fn a_crowd_is_told_to_come_back() {
        let passwords = Passwords::new(&cheap()).expect("costs");
        let held = Arc::clone(&passwords.turns).acquire_owned().await.expect("turn");
        let password = secret("x");
        let mut crowd: Vec<_> =
            (0..WAITING_MAX).map(|_| Box::pin(passwords.check(&password, None))).collect();
        for one in &mut crowd {
            assert!(futures::poll!(one).is_pending());
        }
        assert!(matches!(passwords.check(&password, None).await, Err(PasswordsError::Busy)));
        drop(held);
        for one in crowd {
            assert!(!one.await.expect("its turn came"));
        }
        assert_eq!(passwords.waiting.load(Ordering::Acquire), 0);
    }
}
