//! Bringing a briefing to where people look: a webhook that can prove who sent it, or mail. Each is tried until it arrives,
//! with pauses that grow, and given up at last.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Timestamp;

/// First pause before another try.
const PAUSE_FIRST: Duration = Duration::from_secs(5);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(3_600);
/// Tries after which it is given up: about nine hours.
pub const TRIES_MAX: u32 = 20;
/// Longest reason that is kept, characters.
const REASON_CHARS_MAX: usize = 300;

/// How a briefing is brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// A signed POST.
    Webhook,
    /// Mail.
    Mail,
}

impl Channel {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Webhook, Self::Mail];

    /// The word in the store and in metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Mail => "mail",
        }
    }

    /// What [`Self::as_str`] writes.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.as_str() == word)
    }
}

/// Where a delivery is in its life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryState {
    /// It is tried when its time comes.
    Waiting {
        /// Tries so far.
        tries: u32,
        /// When to try next.
        next_at: Timestamp,
        /// Why the last try failed.
        reason: Option<String>,
    },
    /// It arrived.
    Delivered {
        /// When.
        at: Timestamp,
        /// With which try.
        tries: u32,
    },
    /// It was tried for too long.
    GivenUp {
        /// When.
        at: Timestamp,
        /// Tries in all.
        tries: u32,
        /// Why the last one failed.
        reason: String,
    },
}

/// Only what waits can be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the delivery is settled already")]
pub struct Settled;

impl DeliveryState {
    /// A new one, to be tried at once.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self::Waiting { tries: 0, next_at: now, reason: None }
    }

    /// Waiting → Delivered.
    ///
    /// # Errors
    /// When it is settled already.
    pub fn delivered(self, at: Timestamp) -> Result<Self, Settled> {
        match self {
            Self::Waiting { tries, .. } => Ok(Self::Delivered { at, tries: tries + 1 }),
            Self::Delivered { .. } | Self::GivenUp { .. } => Err(Settled),
        }
    }

    /// A try failed: Waiting → Waiting, and → GivenUp after [`TRIES_MAX`].
    ///
    /// # Errors
    /// When it is settled already.
    pub fn failed(self, at: Timestamp, reason: &str) -> Result<Self, Settled> {
        let Self::Waiting { tries, .. } = self else { return Err(Settled) };
        let tries = tries + 1;
        let plain = reason.chars().filter(|c| !c.is_control());
        let reason: String = plain.take(REASON_CHARS_MAX).collect();
        if tries >= TRIES_MAX {
            return Ok(Self::GivenUp { at, tries, reason });
        }
        let pause = PAUSE_FIRST.saturating_mul(1 << (tries - 1).min(16)).min(PAUSE_MAX);
        Ok(Self::Waiting { tries, next_at: at + pause, reason: Some(reason) })
    }
}

/// What proves that a body comes from here and is of that second: `t=SECONDS,v1=HEX`, the HMAC-SHA256 of `SECONDS.BODY`.
#[must_use]
pub fn signature(secret: &[u8], at_s: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("HMAC takes keys of any length");
    mac.update(format!("{at_s}.").as_bytes());
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|b| format!("{b:02x}")).collect();
    format!("t={at_s},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let now = Timestamp::from_s(1_000);
        let mut state = DeliveryState::new(now);
        let mut pauses = Vec::new();
        for _ in 1..TRIES_MAX {
            state = state.failed(now, "no\nconnection").expect("waits");
            let DeliveryState::Waiting { next_at, reason, .. } = &state else {
                panic!("given up: {state:?}")
            };
            assert_eq!(reason.as_deref(), Some("noconnection"));
            pauses.push(next_at.since(now).as_secs());
        }
        assert_eq!(pauses[..4], [5, 10, 20, 40]);
        assert_eq!(pauses.last(), Some(&3_600));
        state = state.failed(now, "x").expect("waits");
        assert!(matches!(state, DeliveryState::GivenUp { tries: TRIES_MAX, .. }), "{state:?}");
        assert_eq!(state.clone().delivered(now), Err(Settled));
        assert_eq!(state.failed(now, "x"), Err(Settled));
        let done = DeliveryState::new(now).delivered(now).expect("waits");
        assert_eq!(done, DeliveryState::Delivered { at: now, tries: 1 });
    }

    #[test]
    fn a_signature_is_what_anybody_computes() {
        // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac key
        let hex = "a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03";
        assert_eq!(signature(b"key", 1_700_000_000, br#"{"a":1}"#), format!("t=1700000000,v1={hex}"));
    }
}
