//! `[identity]`: who gets in, for how long, and with which keys.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_actors as actors;
use nightshift_domain::identity::{LockRules, SessionRules};
use serde::{Deserialize, Serialize};

use super::check::between;
use super::{Config, ConfigError, Secret};

/// Least memory of a password hash, KiB: what OWASP's weakest profile of Argon2id asks for.
const ARGON2_MEMORY_KIB_MIN: u32 = 7 * 1_024;
/// Most memory of a password hash, KiB.
const ARGON2_MEMORY_KIB_MAX: u32 = 1_024 * 1_024;

/// Who gets in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    /// Hours that a session lasts at most, from the sign-in.
    pub session_hours: u64,
    /// Minutes that an access token lives.
    pub access_minutes: u64,
    /// Days that a refresh token lives, within its session.
    pub refresh_days: u64,
    /// Seconds within which a refresh token may come again from the same client: its answer was lost.
    pub refresh_grace_s: u64,
    /// Wrong passwords after which an account is locked.
    pub lock_failures: u32,
    /// Minutes that it stays locked.
    pub lock_minutes: u64,
    /// Memory of a password hash, KiB.
    pub argon2_memory_kib: u32,
    /// Passes over it.
    pub argon2_passes: u32,
    /// Lanes of a password hash.
    pub argon2_lanes: u32,
    /// Password hashes worked on at once.
    pub signin_concurrency: usize,
    /// Password of `admin`, who is made on first start (`NIGHTSHIFT_ADMIN_PASSWORD`); a random one when absent.
    pub admin_password: Option<Secret>,
    /// File that holds it.
    pub admin_password_file: Option<PathBuf>,
    /// What a doctor or nurse must know to register; registration is closed when absent.
    pub admin_code: Option<Secret>,
    /// File that holds it.
    pub admin_code_file: Option<PathBuf>,
    /// Key of access tokens; `jwt.keys` in the data directory when absent.
    pub jwt_key: Option<Secret>,
    /// File that holds it.
    pub jwt_key_file: Option<PathBuf>,
    /// Key of the audit's chain; `audit.key` in the data directory when absent.
    pub audit_key: Option<Secret>,
    /// File that holds it.
    pub audit_key_file: Option<PathBuf>,
    /// Whether `/metrics` answers without a token; when absent, to this machine alone.
    pub open_metrics: Option<bool>,
}

impl Default for IdentityConfig {
    fn default() -> Self {
        Self {
            session_hours: 8,
            access_minutes: 15,
            refresh_days: 7,
            refresh_grace_s: 30,
            lock_failures: 5,
            lock_minutes: 10,
            argon2_memory_kib: 19 * 1_024,
            argon2_passes: 2,
            argon2_lanes: 1,
            signin_concurrency: 1,
            admin_password: None,
            admin_password_file: None,
            admin_code: None,
            admin_code_file: None,
            jwt_key: None,
            jwt_key_file: None,
            audit_key: None,
            audit_key_file: None,
            open_metrics: None,
        }
    }
}

impl IdentityConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("identity.session_hours", self.session_hours, 1, 24 * 31)?;
        between("identity.access_minutes", self.access_minutes, 1, 24 * 60)?;
        between("identity.refresh_days", self.refresh_days, 1, 90)?;
        between("identity.refresh_grace_s", self.refresh_grace_s, 0, 300)?;
        between("identity.lock_failures", self.lock_failures, 2, 100)?;
        between("identity.lock_minutes", self.lock_minutes, 1, 24 * 60)?;
        between(
            "identity.argon2_memory_kib",
            self.argon2_memory_kib,
            ARGON2_MEMORY_KIB_MIN,
            ARGON2_MEMORY_KIB_MAX,
        )?;
        between("identity.argon2_passes", self.argon2_passes, 1, 64)?;
        between("identity.argon2_lanes", self.argon2_lanes, 1, 64)?;
        between("identity.signin_concurrency", self.signin_concurrency, 1, 64)?;
        for (key, given) in [("identity.jwt_key", &self.jwt_key), ("identity.audit_key", &self.audit_key)] {
            if let Some(secret) = given {
                actors::given_key(&secret.clone().into_inner())
                    .map_err(|e| ConfigError::Range { key, reason: e.to_string() })?;
            }
        }
        Ok(())
    }
}

/// What the tree needs of it.
#[must_use]
pub fn identity_config(config: &Config) -> actors::IdentityConfig {
    let own = &config.identity;
    let defaults = actors::IdentityConfig::default();
    actors::IdentityConfig {
        sessions: SessionRules {
            access: Duration::from_secs(own.access_minutes * 60),
            refresh: Duration::from_secs(own.refresh_days * 86_400),
            session: Duration::from_secs(own.session_hours * 3_600),
            grace: Duration::from_secs(own.refresh_grace_s),
        },
        lock: LockRules {
            failures_max: own.lock_failures,
            lock: Duration::from_secs(own.lock_minutes * 60),
            ..defaults.lock
        },
        argon2: actors::Argon2Config {
            memory_kib: own.argon2_memory_kib,
            passes: own.argon2_passes,
            lanes: own.argon2_lanes,
            concurrency: own.signin_concurrency,
        },
        admin_password: own.admin_password.clone().map(Secret::into_inner),
        admin_code: own.admin_code.clone().map(Secret::into_inner),
        keys: match own.jwt_key.clone() {
            Some(key) => actors::Keys::Given(key.into_inner()),
            None => actors::Keys::File(config.jwt_keys_file()),
        },
    }
}

impl Config {
    /// Where the keys of access tokens are kept.
    #[must_use]
    pub fn jwt_keys_file(&self) -> PathBuf {
        self.data_dir.join("jwt.keys")
    }

    /// Where the key of the audit's chain is kept.
    #[must_use]
    pub fn audit_key_file(&self) -> PathBuf {
        self.data_dir.join("audit.key")
    }
}
