//! `[diagnosis]`: headsets, and what is asked of them.

use std::time::Duration;

use nightshift_actors as actors;
use serde::{Deserialize, Serialize};

use super::ConfigError;
use super::check::between;

/// Longest part of a `User-Agent` that is looked for, characters.
const AGENT_CHARS_MAX: usize = 200;

/// Headsets, and what is asked of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DiagnosisConfig {
    /// Whether a headset needs its patient's token beside the code.
    pub device_tokens: bool,
    /// Parts of `User-Agent` of which a headset's must have one (`VR_CLIENT_USER_AGENTS`); empty lets everyone in.
    pub user_agents_allow: Vec<String>,
    /// Parts of `User-Agent` that are refused, whatever else stands there.
    pub user_agents_deny: Vec<String>,
    /// Whether `/test/mock-vr` is served.
    pub mock_vr: bool,
    /// Most headsets connected at once.
    pub headsets_max: usize,
    /// Milliseconds the object store may take for one file before it counts as away.
    pub storage_deadline_ms: u64,
}

impl Default for DiagnosisConfig {
    fn default() -> Self {
        Self {
            device_tokens: false,
            user_agents_allow: Vec::new(),
            user_agents_deny: Vec::new(),
            mock_vr: true,
            headsets_max: 1_000,
            storage_deadline_ms: 10_000,
        }
    }
}

impl DiagnosisConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("diagnosis.headsets_max", self.headsets_max, 1, 100_000)?;
        between("diagnosis.storage_deadline_ms", self.storage_deadline_ms, 100, 600_000)?;
        for (key, parts) in [
            ("diagnosis.user_agents_allow", &self.user_agents_allow),
            ("diagnosis.user_agents_deny", &self.user_agents_deny),
        ] {
            if parts.iter().any(|part| part.is_empty() || part.chars().count() > AGENT_CHARS_MAX) {
                let reason = format!("each must have 1 to {AGENT_CHARS_MAX} characters");
                return Err(ConfigError::Range { key, reason });
            }
        }
        Ok(())
    }

    pub(super) fn for_plant(&self) -> actors::DiagnosisConfig {
        actors::DiagnosisConfig {
            device_tokens: self.device_tokens,
            storage_deadline: Duration::from_millis(self.storage_deadline_ms),
        }
    }
}
