//! Who gets in: sign-in, sessions, people, machines. The door to all of it is [`Identity`].
//!
//! Every change is a unit of work of the writer, with its line of the audit in the same transaction. Sessions and machine
//! tokens that were asked for lately are remembered for seconds. The `keeper` takes away what has ended.

mod bearer;
mod error;
mod first;
mod jwt;
mod keeper;
mod keys;
mod known;
mod machines;
mod passwords;
mod people;
mod reading;
mod secrets;
mod sessions;
mod signin;
mod trail;
mod turnstile;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use nightshift_domain::Timestamp;
use nightshift_domain::audit::AuditEntry;
use nightshift_domain::identity::{
    LockRules, MachineToken, Principal, SecretHash, SessionId, SessionRules, TokenId,
};
use nightshift_kernel::Clock;
use nightshift_store::{Db, StoreError, Tx};
use secrecy::SecretString;

pub use error::IdentityError;
pub use jwt::{AUDIENCE, ISSUER};
pub(crate) use keeper::spawn;
pub use keys::{KeyError, KeyRing, given_key, key_file};
pub use passwords::Argon2Config;
pub use people::{Registration, UserQuery};
pub use reading::AuditQuery;
pub use secrets::random_secret;
pub(crate) use secrets::{random_bytes, random_text};
pub use signin::SignedIn;
pub use trail::{By, Origin};

use known::Known;
use passwords::Passwords;
use trail::Coalescer;
use turnstile::Turnstile;

use crate::cache::Cache;
use crate::setback::Setback;
use crate::writer::Writer;

/// How long a change may wait for its commit.
const WRITE_DEADLINE: Duration = Duration::from_secs(10);

/// Settings of the identity.
#[derive(Debug, Clone, Default)]
pub struct IdentityConfig {
    /// How long sessions and their tokens last.
    pub sessions: SessionRules,
    /// When an account is locked.
    pub lock: LockRules,
    /// What a password hash costs.
    pub argon2: Argon2Config,
    /// Password of the first administrator; a random one when absent.
    pub admin_password: Option<SecretString>,
    /// What a doctor or nurse must know to register; registration is closed when absent.
    pub admin_code: Option<SecretString>,
    /// The keys of access tokens.
    pub keys: Keys,
}

/// Where the keys of access tokens come from.
#[derive(Debug, Clone, Default)]
pub enum Keys {
    /// Made for this process: whoever is signed in refreshes after its end.
    #[default]
    Fresh,
    /// Given.
    Given(SecretString),
    /// Kept in a file, which is made when it does not exist.
    File(PathBuf),
}

/// How units of work are committed.
#[derive(Debug, Clone)]
enum Commits {
    /// With those of all others, by a running plant.
    Shared(Writer),
    /// Each by itself: the command line, beside a plant that may be running.
    Alone,
}

type Step<T> = Box<dyn for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send>;

/// The door to the identity. Cheap to clone.
#[derive(Clone)]
pub struct Identity(Arc<Shared>);

struct Shared {
    db: Db,
    commits: Commits,
    clock: Clock,
    /// Where nodes tell each other what they revoke.
    cache: Cache,
    config: IdentityConfig,
    keys: KeyRing,
    passwords: Passwords,
    sessions: Known<SessionId, (Principal, Timestamp)>,
    tokens: Known<TokenId, (MachineToken, SecretHash)>,
    refusals: Coalescer,
    turnstile: Turnstile,
    /// The password that the first start made up, until somebody takes it to show it once.
    made_password: std::sync::Mutex<Option<SecretString>>,
    /// What the keeper found wrong with the audit.
    audit_fault: std::sync::Mutex<Option<String>>,
}

impl Identity {
    /// The identity of a running plant.
    pub(crate) fn new(
        config: IdentityConfig,
        db: Db,
        writer: Writer,
        cache: Cache,
        clock: Clock,
    ) -> Result<Self, IdentityError> {
        Self::build(config, db, Commits::Shared(writer), cache, clock)
    }

    /// The identity without a plant, for the command line. A plant on the same database notices within seconds.
    ///
    /// # Errors
    /// When the keys or the costs of password hashes cannot be used.
    pub fn offline(config: IdentityConfig, db: Db, clock: Clock) -> Result<Self, IdentityError> {
        let cache = Cache::in_process(clock.clone());
        Self::build(config, db, Commits::Alone, cache, clock)
    }

    fn build(
        config: IdentityConfig,
        db: Db,
        commits: Commits,
        cache: Cache,
        clock: Clock,
    ) -> Result<Self, IdentityError> {
        let failed = |e: KeyError| Setback::Failed(format!("the keys of access tokens: {e}"));
        let keys = match &config.keys {
            Keys::Fresh => KeyRing::given(&secrets::random_text().into(), clock.clone()),
            Keys::Given(key) => KeyRing::given(key, clock.clone()),
            Keys::File(path) => KeyRing::open(path, clock.clone()),
        };
        Ok(Self(Arc::new(Shared {
            keys: keys.map_err(failed)?,
            passwords: Passwords::new(&config.argon2)?,
            db,
            commits,
            clock,
            cache,
            config,
            sessions: Known::default(),
            tokens: Known::default(),
            refusals: Coalescer::default(),
            turnstile: Turnstile::default(),
            made_password: std::sync::Mutex::default(),
            audit_fault: std::sync::Mutex::default(),
        })))
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_us(self.0.clock.now_us())
    }

    /// Runs a unit of work; answers after the commit.
    async fn commit<T: Send + 'static>(
        &self,
        step: impl for<'t> FnOnce(&'t mut Tx) -> BoxFuture<'t, Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, IdentityError> {
        self.commit_boxed(Box::new(step)).await
    }

    async fn commit_boxed<T: Send + 'static>(&self, step: Step<T>) -> Result<T, IdentityError> {
        match &self.0.commits {
            Commits::Shared(writer) => Ok(writer.run(WRITE_DEADLINE, step).await?),
            Commits::Alone => {
                let mut tx = self.0.db.begin().await?;
                let done = step(&mut tx).await?;
                tx.commit().await?;
                Ok(done)
            }
        }
    }

    /// Writes lines of the audit that belong to no change.
    async fn note(&self, lines: Vec<AuditEntry>) -> Result<(), IdentityError> {
        if lines.is_empty() {
            return Ok(());
        }
        self.commit(move |tx| Box::pin(async move { lines.into_iter().try_for_each(|line| tx.audit(line)) }))
            .await
    }
}
