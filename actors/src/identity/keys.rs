//! The keys that this plant signs with. They are made on first start, readable by their owner alone, or are given.
//!
//! The newest key signs. The one before it still verifies, so that a rotation signs nobody out.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_kernel::Clock;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::secrets;

/// Keys that verify: the newest and the one before.
const KEYS_KEPT: usize = 2;
/// Shortest key that is taken from a configuration, bytes: what HMAC-SHA256 uses.
const GIVEN_BYTES_MIN: usize = 32;
/// Largest key file, bytes.
const FILE_BYTES_MAX: u64 = 16 * 1_024;
/// Time between two looks whether the file was rotated.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Rights of a key file: its owner alone.
const OWNER_ONLY: u32 = 0o600;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, written or understood.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key from the configuration is too short.
    #[error("a key needs at least {GIVEN_BYTES_MIN} bytes; make one with `openssl rand -base64 32`")]
    Short,
}

/// One signing key.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SigningKey {
    pub(super) kid: String,
    key: String,
    made_at: Timestamp,
}

impl SigningKey {
    fn new(now: Timestamp) -> Self {
        let kid: String = secrets::random_text().chars().take(12).collect();
        Self { kid, key: secrets::random_text(), made_at: now }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        secrets::decode(&self.key).unwrap_or_else(|| self.key.as_bytes().to_vec())
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

/// The keys as they are now. A file that was rotated by another process is read again within seconds.
#[derive(Debug)]
pub struct KeyRing {
    source: Option<PathBuf>,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Oldest first.
    keys: Vec<SigningKey>,
    looked_at: Duration,
}

impl KeyRing {
    /// The keys in `path`, which is made when it does not exist.
    ///
    /// # Errors
    /// [`KeyError::File`], also when others than its owner may read it.
    pub fn open(path: &Path, clock: Clock) -> Result<Self, KeyError> {
        if !path.exists() {
            write(path, &[SigningKey::new(now(&clock))])?;
        }
        let state = State { keys: read(path)?, looked_at: clock.monotonic() };
        Ok(Self { source: Some(path.to_owned()), clock, state: Mutex::new(state) })
    }

    /// The one key that the configuration gives.
    ///
    /// # Errors
    /// [`KeyError::Short`].
    pub fn given(key: &SecretString, clock: Clock) -> Result<Self, KeyError> {
        let key = secrets::encode(&given_bytes(key)?);
        let kid = secrets::encode(&secrets::digest(&key)[..9]);
        let keys = vec![SigningKey { kid, key, made_at: now(&clock) }];
        let state = State { keys, looked_at: clock.monotonic() };
        Ok(Self { source: None, clock, state: Mutex::new(state) })
    }

    /// Adds a key to the file and forgets all but the one before it. Gives the new key's id.
    ///
    /// # Errors
    /// [`KeyError::File`].
    pub fn rotate(path: &Path, now: Timestamp) -> Result<String, KeyError> {
        let mut keys = if path.exists() { read(path)? } else { Vec::new() };
        keys.push(SigningKey::new(now));
        let forgotten = keys.len().saturating_sub(KEYS_KEPT);
        write(path, &keys[forgotten..])?;
        Ok(keys.last().map(|k| k.kid.clone()).unwrap_or_default())
    }

    /// The key that signs.
    pub(super) fn newest(&self) -> SigningKey {
        self.with(|keys| keys.last().cloned()).expect("a ring is never empty")
    }

    /// The key that a token names, if it still verifies. Only ever compared: an id is not a path and not a query.
    pub(super) fn find(&self, kid: &str) -> Option<SigningKey> {
        self.with(|keys| keys.iter().rev().take(KEYS_KEPT).find(|k| k.kid == kid).cloned())
    }

    fn with<T>(&self, look: impl FnOnce(&[SigningKey]) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(path) = &self.source {
            let now = self.clock.monotonic();
            if now >= state.looked_at + LOOK_INTERVAL {
                state.looked_at = now;
                refresh(path, &mut state);
            }
        }
        look(&state.keys)
    }
}

fn now(clock: &Clock) -> Timestamp {
    Timestamp::from_us(clock.now_us())
}

/// Reads the file again: it is short, and its time may stand still between two rotations.
fn refresh(path: &Path, state: &mut State) {
    match read(path) {
        Ok(keys) if keys != state.keys => {
            tracing::info!(kid = %keys.last().map_or("", |k| &k.kid), "the signing keys were rotated");
            state.keys = keys;
        }
        Ok(_) => {}
        Err(error) => {
            tracing::error!(error = %error, "the signing keys cannot be read; the former ones stay")
        }
    }
}

/// The 256 bits of a file that is made when it does not exist.
///
/// # Errors
/// [`KeyError::File`], also when others than its owner may read it.
pub fn key_file(path: &Path) -> Result<[u8; secrets::SECRET_BYTES], KeyError> {
    let refused = |reason: String| KeyError::File { path: path.to_owned(), reason };
    if !path.exists() {
        store(path, &secrets::random_text())?;
    }
    let text = load(path)?;
    let bytes = secrets::decode(text.trim()).ok_or_else(|| refused("holds no key".to_owned()))?;
    bytes.try_into().map_err(|_| refused("holds a key of another length".to_owned()))
}

/// The 256 bits that stand for a key from the configuration, whatever its length.
///
/// # Errors
/// [`KeyError::Short`].
pub fn given_key(key: &SecretString) -> Result<[u8; secrets::SECRET_BYTES], KeyError> {
    Ok(secrets::digest(&secrets::encode(&given_bytes(key)?)))
}

/// The bytes of a key from the configuration: base64 where it is that, else the text's own bytes.
///
/// # Errors
/// [`KeyError::Short`].
fn given_bytes(key: &SecretString) -> Result<Vec<u8>, KeyError> {
    let text = key.expose_secret().trim();
    let standard: String = text
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '+' => '-',
            '/' => '_',
            other => other,
        })
        .collect();
    let decoded = secrets::decode(&standard).filter(|bytes| bytes.len() >= GIVEN_BYTES_MIN);
    let bytes = decoded.unwrap_or_else(|| text.as_bytes().to_vec());
    if bytes.len() < GIVEN_BYTES_MIN { Err(KeyError::Short) } else { Ok(bytes) }
}

fn read(path: &Path) -> Result<Vec<SigningKey>, KeyError> {
    let refused = |reason: String| KeyError::File { path: path.to_owned(), reason };
    let text = load(path)?;
    let keys: Vec<SigningKey> = serde_json::from_str(&text).map_err(|e| refused(e.to_string()))?;
    if keys.is_empty() || keys.iter().any(|k| k.bytes().len() < GIVEN_BYTES_MIN) {
        return Err(refused("holds no key, or one that is too short".to_owned()));
    }
    Ok(keys)
}

fn write(path: &Path, keys: &[SigningKey]) -> Result<(), KeyError> {
    let text = serde_json::to_string_pretty(keys).unwrap_or_default();
    store(path, &text)
}

fn load(path: &Path) -> Result<String, KeyError> {
    let refused = |reason: String| KeyError::File { path: path.to_owned(), reason };
    let about = fs::metadata(path).map_err(|e| refused(e.to_string()))?;
    if about.permissions().mode() & 0o077 != 0 {
        return Err(refused("others than its owner may use it: chmod 600".to_owned()));
    }
    if about.len() > FILE_BYTES_MAX {
        return Err(refused(format!("is larger than {FILE_BYTES_MAX} bytes")));
    }
    fs::read_to_string(path).map_err(|e| refused(e.to_string()))
}

/// Writes beside the file and renames: whoever reads sees the old text or the new one, and never a part.
fn store(path: &Path, text: &str) -> Result<(), KeyError> {
    let refused = |e: std::io::Error| KeyError::File { path: path.to_owned(), reason: e.to_string() };
    let beside = path.with_extension("new");
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused(error)),
        _ => {}
    }
    let written = || -> std::io::Result<()> {
        let mut file: File =
            OpenOptions::new().write(true).create_new(true).mode(OWNER_ONLY).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    written().map_err(refused)
}

#[cfg(test)]
#[path = "keys_tests.rs"]
mod tests;
