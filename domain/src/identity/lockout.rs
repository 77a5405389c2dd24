//! How failed sign-ins lock an account, so that neither guessing nor locking others out pays.
//!
//! Failures are counted per account and [`Place`]. A network from which the account has signed in within the last days
//! has a count of its own, and all other networks share one. Strangers can only ever lock the shared count: whoever
//! comes from a network that the account knows gets in. Names that no account has are counted like the others, so that
//! a lock tells nothing about who exists.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Networks that an account knows at most; the one not used for longest goes first.
pub const KNOWN_ADDRESSES_MAX: u32 = 32;

/// When an account is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LockRules {
    /// Failures in a row that lock.
    pub failures_max: u32,
    /// How long.
    pub lock: Duration,
    /// Failures are forgotten this long after the last one.
    pub forget: Duration,
    /// How long a network is known after the last sign-in from it.
    pub known: Duration,
}

impl Default for LockRules {
    fn default() -> Self {
        Self {
            failures_max: 5,
            lock: Duration::from_secs(10 * 60),
            forget: Duration::from_secs(24 * 3_600),
            known: Duration::from_secs(30 * 86_400),
        }
    }
}

/// Where a sign-in comes from, as far as the lock is concerned.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Place {
    /// A network that the account knows.
    Known(String),
    /// Any other.
    Elsewhere,
}

impl Place {
    /// The place of `address`, when the account signed in from its network last at `last_success`.
    #[must_use]
    pub fn of(address: IpAddr, last_success: Option<Timestamp>, rules: &LockRules, now: Timestamp) -> Self {
        match last_success {
            Some(at) if now.since(at) < rules.known => Self::Known(network_of(address)),
            _ => Self::Elsewhere,
        }
    }

    /// As it is stored: the network, or nothing.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Known(network) => network,
            Self::Elsewhere => "",
        }
    }
}

/// What counts as one address: an IPv4 address, or the /64 of an IPv6 one, within which hosts change theirs at will.
#[must_use]
pub fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{}/64", Ipv6Addr::new(s[0], s[1], s[2], s[3], 0, 0, 0, 0))
        }
    }
}

/// The count of one account at one place. A success there ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Bucket {
    /// Failures in a row.
    pub failures: u32,
    /// The last of them.
    pub last_failure_at: Timestamp,
    /// Until when nobody is let in, if it was locked.
    pub locked_until: Option<Timestamp>,
}

/// A refused attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Locked {
    /// When it may be tried again.
    pub until: Timestamp,
}

impl fmt::Display for Locked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the account is locked until {}", self.until)
    }
}

impl Bucket {
    /// Whether an attempt may be made.
    ///
    /// # Errors
    /// [`Locked`] with the end of the lock.
    pub fn check(&self, now: Timestamp) -> Result<(), Locked> {
        match self.locked_until {
            Some(until) if now < until => Err(Locked { until }),
            _ => Ok(()),
        }
    }

    /// The bucket after a failure. A lock that has ended, and failures of long ago, count no more; while it is locked
    /// nothing counts, so that a lock cannot be drawn out.
    #[must_use]
    pub fn failed(self, now: Timestamp, rules: &LockRules) -> Self {
        if self.check(now).is_err() {
            return self;
        }
        let over = self.locked_until.is_some() || now.since(self.last_failure_at) >= rules.forget;
        let failures = if over { 1 } else { self.failures.saturating_add(1) };
        let locked_until = (failures >= rules.failures_max).then(|| now + rules.lock);
        Self { failures, last_failure_at: now, locked_until }
    }

    /// How many more failures lock it.
    #[must_use]
    pub fn tries_left(&self, now: Timestamp, rules: &LockRules) -> u32 {
        if self.check(now).is_err() {
            return 0;
        }
        let over = self.locked_until.is_some() || now.since(self.last_failure_at) >= rules.forget;
        rules.failures_max.saturating_sub(if over { 0 } else { self.failures })
    }
}

#[cfg(test)]
#[path = "lockout_tests.rs"]
mod tests;
