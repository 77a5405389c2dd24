//! Sessions and the rotation of refresh tokens.
//!
//! Each refresh uses its token up and gives one of the next generation. An answer may be lost on its way: the client
//! that used a token may present the very same one again within a short grace, as long as nothing that it was given
//! has been used, and gets another token of that generation. Any other second use means that two hold the token, and
//! nobody can tell which of them is the thief: the whole session ends.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{UserId, network_of};
use crate::Timestamp;

/// A session's number. Its refresh tokens are one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub i64);

/// How long things last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRules {
    /// An access token.
    pub access: Duration,
    /// A refresh token.
    pub refresh: Duration,
    /// A session, whatever is refreshed.
    pub session: Duration,
    /// How long after its use a refresh token may be presented again by the same client.
    pub grace: Duration,
}

impl Default for SessionRules {
    fn default() -> Self {
        Self {
            access: Duration::from_secs(15 * 60),
            refresh: Duration::from_secs(7 * 86_400),
            session: Duration::from_secs(8 * 3_600),
            grace: Duration::from_secs(30),
        }
    }
}

/// What is known of the client that presents a token, so that a repeated request can be told from a stolen token.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ClientMark(Box<str>);

impl ClientMark {
    /// The mark of a program at an address.
    #[must_use]
    pub fn of(address: Option<IpAddr>, user_agent: &str) -> Self {
        let network = address.map(network_of).unwrap_or_default();
        let digest =
            Sha256::new().chain_update(network).chain_update([0]).chain_update(user_agent).finalize();
        Self(digest[..16].iter().map(|b| format!("{b:02x}")).collect())
    }

    /// From what is stored.
    #[must_use]
    pub fn stored(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// As it is stored.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// Its owner signed out.
    SignedOut,
    /// A refresh token was used twice.
    Reused,
    /// The password was changed or reset.
    Password,
    /// The user was changed, disabled or removed.
    User,
    /// An administrator ended it.
    Administrator,
    /// Newer sessions of the same user took its place.
    Replaced,
}

impl RevokeReason {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::SignedOut, Self::Reused, Self::Password, Self::User, Self::Administrator, Self::Replaced];

    /// The word in the database and in the audit.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignedOut => "signed_out",
            Self::Reused => "reused",
            Self::Password => "password",
            Self::User => "user",
            Self::Administrator => "administrator",
            Self::Replaced => "replaced",
        }
    }

    /// The reason that `word` names.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|r| r.as_str() == word)
    }
}

/// The end of a session before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: RevokeReason,
}

/// A session of a user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The number.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When the user signed in.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_seen_at: Timestamp,
    /// Generation of the newest refresh token, from 0.
    pub generation: u32,
    /// Where the user signed in from.
    pub ip_address: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// Its end before its time.
    pub revoked: Option<Revoked>,
}

impl Session {
    /// Whether it is valid at `now`.
    #[must_use]
    pub fn is_valid(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && now < self.expires_at
    }

    /// When an access token made at `now` ends: never later than the session.
    #[must_use]
    pub fn access_ends(&self, now: Timestamp, rules: &SessionRules) -> Timestamp {
        (now + rules.access).min(self.expires_at)
    }

    /// When a refresh token made at `now` ends: never later than the session.
    #[must_use]
    pub fn refresh_ends(&self, now: Timestamp, rules: &SessionRules) -> Timestamp {
        (now + rules.refresh).min(self.expires_at)
    }
}

/// A refresh token as it is stored, beside its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its session.
    pub session_id: SessionId,
    /// How many refreshes came before it.
    pub generation: u32,
    /// When it ends by itself.
    pub expires_at: Timestamp,
    /// When it was used for the first time, and by which client.
    pub used: Option<(Timestamp, ClientMark)>,
}

/// What presenting a refresh token leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refreshed {
    /// The token is used up; the next one is of this generation, which is the session's from now on.
    Next {
        /// Generation of the next token.
        generation: u32,
    },
    /// The answer to its first use was lost; another token of this generation is given.
    Again {
        /// Generation of the other token.
        generation: u32,
    },
}

/// Why a refresh token is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RefreshRefusal {
    /// No such token, or one of a session that was swept away.
    #[error("the refresh token is unknown")]
    Unknown,
    /// The token or its session has ended by itself.
    #[error("the refresh token has expired")]
    Expired,
    /// The session was ended.
    #[error("the session has ended")]
    Revoked,
    /// Two hold the token: the session must be revoked now.
    #[error("the refresh token was used before: the session has ended")]
    Reused,
    /// The user may not sign in any more.
    #[error("the user may not sign in")]
    Disabled,
}

impl Session {
    /// What presenting `token` leads to. On [`RefreshRefusal::Reused`] the session must be revoked.
    ///
    /// # Errors
    /// [`RefreshRefusal`].
    pub fn refresh(
        &self,
        token: &RefreshToken,
        client: &ClientMark,
        rules: &SessionRules,
        now: Timestamp,
    ) -> Result<Refreshed, RefreshRefusal> {
        if token.session_id != self.id {
            return Err(RefreshRefusal::Unknown);
        }
        if self.revoked.is_some() {
            return Err(RefreshRefusal::Revoked);
        }
        if now >= self.expires_at || now >= token.expires_at {
            return Err(RefreshRefusal::Expired);
        }
        let next = token.generation.saturating_add(1);
        match &token.used {
            None if token.generation == self.generation => Ok(Refreshed::Next { generation: next }),
            // Another token of its generation was used: whoever holds this one is one of two.
            None => Err(RefreshRefusal::Reused),
            Some((at, by)) => {
                let repeated = by == client && now.since(*at) <= rules.grace && self.generation == next;
                if repeated { Ok(Refreshed::Again { generation: next }) } else { Err(RefreshRefusal::Reused) }
            }
        }
    }
}
