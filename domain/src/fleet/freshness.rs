//! Whether a vehicle's last word still counts: ONLINE, STALE or OFFLINE, and why.
//!
//! Only frames count as life. A vehicle may open a connection for every frame, so a closed one says nothing by itself; it only
//! explains the silence that follows.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Silence after which a vehicle is stale: three positions at one a second.
const STALE_AFTER: Duration = Duration::from_secs(3);
/// Silence after which a vehicle is offline.
const OFFLINE_AFTER: Duration = Duration::from_secs(15);

/// How the plant is linked to a vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Link {
    /// It has not been heard since the plant started.
    #[default]
    Never,
    /// At least one connection that spoke for it is open.
    Open,
    /// The last one was closed in good order.
    Closed,
    /// The last one broke off.
    Broken,
}

/// Why nothing is heard of a vehicle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SilenceReason {
    /// It has not spoken since the plant started.
    NotHeardYet,
    /// Its connection stands, but nothing comes.
    Silent,
    /// It closed its connection and opened no other.
    ConnectionClosed,
    /// Its connection broke and it opened no other.
    ConnectionBroken,
}

/// How much a vehicle's last word is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "UPPERCASE")]
pub enum Freshness {
    /// It speaks.
    Online {
        /// When it last did.
        heard_at: Timestamp,
    },
    /// It has missed a few words.
    Stale {
        /// When it last spoke.
        heard_at: Timestamp,
        /// Why it may be silent.
        reason: SilenceReason,
    },
    /// Nothing that was known of it holds any longer.
    Offline {
        /// When it last spoke, if ever.
        heard_at: Option<Timestamp>,
        /// Why it may be silent.
        reason: SilenceReason,
    },
}

/// How long a silence may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FreshnessRule {
    /// From here on a vehicle is stale.
    pub stale_after: Duration,
    /// From here on it is offline; at least `stale_after`.
    pub offline_after: Duration,
}

impl Default for FreshnessRule {
    fn default() -> Self {
        Self { stale_after: STALE_AFTER, offline_after: OFFLINE_AFTER }
    }
}

impl FreshnessRule {
    /// How fresh a vehicle is that last spoke at `heard_at`.
    #[must_use]
    pub fn judge(&self, heard_at: Option<Timestamp>, link: Link, now: Timestamp) -> Freshness {
        let reason = match link {
            Link::Never => SilenceReason::NotHeardYet,
            Link::Open => SilenceReason::Silent,
            Link::Closed => SilenceReason::ConnectionClosed,
            Link::Broken => SilenceReason::ConnectionBroken,
        };
        let Some(heard_at) = heard_at else { return Freshness::Offline { heard_at: None, reason } };
        let silence = now.since(heard_at);
        if silence >= self.offline_after {
            Freshness::Offline { heard_at: Some(heard_at), reason }
        } else if silence >= self.stale_after {
            Freshness::Stale { heard_at, reason }
        } else {
            Freshness::Online { heard_at }
        }
    }

    /// When [`Self::judge`] will next say something else, if nothing is heard until then.
    #[must_use]
    pub fn next_change(&self, heard_at: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let heard_at = heard_at?;
        [heard_at + self.stale_after, heard_at + self.offline_after].into_iter().find(|at| *at > now)
    }
}

impl Freshness {
    /// Whether the planner may count on the vehicle's last position.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !matches!(self, Self::Offline { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const AT: Timestamp = Timestamp::Y2000;

    #[test]
    fn silence_ages_and_says_why() {
        let rule = FreshnessRule::default();
        let judge = |s, link| rule.judge(Some(AT), link, AT + Duration::from_secs(s));
        assert_eq!(
            judge(2, Link::Closed),
            Freshness::Online { heard_at: AT },
            "a connection per frame is fine"
        );
        assert_eq!(judge(3, Link::Open), Freshness::Stale { heard_at: AT, reason: SilenceReason::Silent });
        let broken = Freshness::Offline { heard_at: Some(AT), reason: SilenceReason::ConnectionBroken };
        assert_eq!(judge(15, Link::Broken), broken);
        let never = rule.judge(None, Link::Never, AT);
        assert_eq!(never, Freshness::Offline { heard_at: None, reason: SilenceReason::NotHeardYet });
        assert!(!never.is_usable() && judge(14, Link::Open).is_usable());
        let json = serde_json::to_string(&judge(3, Link::Broken)).expect("json");
        assert_eq!(
            json,
            r#"{"state":"STALE","heard_at":"2000-01-01T00:00:00Z","reason":"CONNECTION_BROKEN"}"#
        );
    }

    proptest! {
        #[test]
        fn nothing_changes_before_it_is_said_to(heard in 0i64..60_000_000, later in 0i64..60_000_000) {
            let rule = FreshnessRule::default();
            let (heard, now) = (Timestamp::from_us(heard), Timestamp::from_us(heard + later));
            let judge = |at| rule.judge(Some(heard), Link::Open, at);
            match rule.next_change(Some(heard), now) {
                Some(at) => {
                    prop_assert!(at > now);
                    prop_assert_eq!(judge(Timestamp::from_us(at.us() - 1)), judge(now));
                    prop_assert_ne!(judge(at), judge(now));
                }
                None => prop_assert_eq!(judge(Timestamp::MAX), judge(now)),
            }
        }
    }
}
