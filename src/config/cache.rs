//! `[cache]`: what the nodes of one plant share.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_actors as actors;
use serde::{Deserialize, Serialize};

use super::check::between;
use super::{ConfigError, Secret};

/// Longest prefix, bytes.
const PREFIX_BYTES_MAX: usize = 64;

/// What the nodes of one plant share; in this process until `url` is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// `redis://…`, or `rediss://…` for TLS.
    pub url: Option<Secret>,
    /// File that holds the URL.
    pub url_file: Option<PathBuf>,
    /// What stands before every key.
    pub prefix: String,
    /// Milliseconds that one call may take.
    pub timeout_ms: u64,
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self { url: None, url_file: None, prefix: "nightshift".to_owned(), timeout_ms: 200 }
    }
}

impl CacheConfig {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("cache.timeout_ms", self.timeout_ms, 1, 5_000)?;
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if self.prefix.is_empty() || self.prefix.len() > PREFIX_BYTES_MAX || !self.prefix.bytes().all(allowed)
        {
            let reason = format!("must be 1 to {PREFIX_BYTES_MAX} of A-Z a-z 0-9 . _ -");
            return Err(ConfigError::Range { key: "cache.prefix", reason });
        }
        self.for_plant().check().map_err(|reason| ConfigError::Range { key: "cache.url", reason })
    }

    /// What the plant needs of it.
    pub(crate) fn for_plant(&self) -> actors::CacheConfig {
        actors::CacheConfig {
            url: self.url.clone().map(Secret::into_inner),
            prefix: self.prefix.clone(),
            timeout: Duration::from_millis(self.timeout_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};

    fn with(name: &str, value: &str) -> Result<super::CacheConfig, String> {
        let environment = Environment::from([(format!("NIGHTSHIFT__CACHE__{name}"), value.to_owned())]);
        load(None, &environment).map(|config| config.cache).map_err(|e| e.to_string())
    }

    #[test]
    fn a_redis_is_named_by_its_url() {
        for url in ["redis://127.0.0.1:6379", "redis://:s3cret@cache.plant:6379/1", "rediss://u:p@cache"] {
            assert!(with("URL", url).is_ok_and(|cache| cache.for_plant().url.is_some()), "{url}");
        }
        for url in ["http://127.0.0.1", "127.0.0.1:6379", "redis:///1", "redis"] {
            assert!(with("URL", url).expect_err(url).starts_with("cache.url"), "{url}");
        }
        let refused = with("URL", "http://user:hunter2@cache").expect_err("no redis");
        assert!(!refused.contains("hunter2"), "{refused}");
    }

    #[test]
    fn prefix_and_timeout_have_limits() {
        assert!(with("PREFIX", "plant-2").is_ok());
        for bad in ["", "a b", "a:b", "x".repeat(65).as_str()] {
            assert!(with("PREFIX", bad).expect_err(bad).starts_with("cache.prefix"), "{bad}");
        }
        assert!(with("TIMEOUT_MS", "0").is_err() && with("TIMEOUT_MS", "5001").is_err());
    }
}
