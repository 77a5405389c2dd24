//! One line of the audit: who did what to what, from where, and what it was before and after.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Masked;
use crate::Timestamp;
use crate::identity::{TokenId, UserId};

/// Longest name, kind or id of a thing, in characters.
const NAME_CHARS_MAX: usize = 200;
/// Longest name that a program gives of itself, in characters.
const AGENT_CHARS_MAX: usize = 400;

/// Who did it. The name is kept beside the number: a user may be renamed or removed later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Actor {
    /// A person.
    User {
        /// The user's number.
        id: UserId,
        /// The user's name at that time.
        name: String,
    },
    /// A machine with a token.
    Machine {
        /// The token's number.
        id: TokenId,
        /// The token's name at that time.
        name: String,
    },
    /// The plant by itself, or its command line.
    System,
    /// Somebody who is not signed in.
    Anonymous,
}

impl Actor {
    /// The word in the database.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::User { .. } => "user",
            Self::Machine { .. } => "machine",
            Self::System => "system",
            Self::Anonymous => "anonymous",
        }
    }

    /// The number, if there is one.
    #[must_use]
    pub fn id(&self) -> Option<i64> {
        match self {
            Self::User { id, .. } => Some(id.0),
            Self::Machine { id, .. } => Some(id.0),
            Self::System | Self::Anonymous => None,
        }
    }

    /// The name, if there is one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::User { name, .. } | Self::Machine { name, .. } => Some(name),
            Self::System | Self::Anonymous => None,
        }
    }

    /// From what is stored; `None` when it is no actor.
    #[must_use]
    pub fn stored(kind: &str, id: Option<i64>, name: Option<String>) -> Option<Self> {
        match (kind, id, name) {
            ("user", Some(id), Some(name)) => Some(Self::User { id: UserId(id), name }),
            ("machine", Some(id), Some(name)) => Some(Self::Machine { id: TokenId(id), name }),
            ("system", None, None) => Some(Self::System),
            ("anonymous", None, None) => Some(Self::Anonymous),
            _ => None,
        }
    }
}

/// Declares the actions with their words.
macro_rules! actions {
    ($($(#[$doc:meta])+ $name:ident = $word:literal,)+) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "&'static str")]
        pub enum Action {
            $($(#[$doc])+ $name,)+
        }

        impl Action {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in JSON and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)+ }
            }
        }
    };
}

actions! {
    /// Something was made.
    Create = "CREATE",
    /// Something was changed.
    Update = "UPDATE",
    /// Something was removed.
    Delete = "DELETE",
    /// Somebody signed in.
    Login = "LOGIN",
    /// Somebody signed out.
    Logout = "LOGOUT",
    /// Somebody did not get in.
    LoginFailed = "LOGIN_FAILED",
    /// A stolen or repeated refresh token ended a session.
    TokenReused = "TOKEN_REUSED",
    /// Something was asked for without the permission.
    Refused = "REFUSED",
    /// Something worth remembering was read.
    Read = "READ",
    /// Data left the plant.
    Export = "EXPORT",
    /// A rule was set aside, with a reason.
    Override = "OVERRIDE",
    /// A label was printed.
    Print = "PRINT",
}

/// The word names no action.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no action of the audit")]
pub struct ParseActionError {
    word: String,
}

impl FromStr for Action {
    type Err = ParseActionError;

    /// Reads an action in any case.
    fn from_str(s: &str) -> Result<Self, ParseActionError> {
        let known = Self::ALL.iter().copied().find(|a| a.as_str().eq_ignore_ascii_case(s));
        known.ok_or_else(|| ParseActionError { word: s.chars().take(40).collect() })
    }
}

impl TryFrom<String> for Action {
    type Error = ParseActionError;
    fn try_from(s: String) -> Result<Self, ParseActionError> {
        s.parse()
    }
}

impl From<Action> for &'static str {
    fn from(action: Action) -> Self {
        action.as_str()
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One line of the audit, about to be written or read back. Its texts are cut and cleaned by the methods that set them:
/// what a stranger sends can never make the writing of the audit fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditEntry {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    pub action: Action,
    /// To what kind of thing: `user`, `lot`, `serial` …
    pub entity_type: String,
    /// To which one.
    pub entity_id: Option<String>,
    /// What it was.
    pub old_values: Option<Masked>,
    /// What it is now.
    pub new_values: Option<Masked>,
    /// From which address.
    pub ip_address: Option<String>,
    /// With which program.
    pub user_agent: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
    /// The event that tells the same, if there is one.
    pub event_seq: Option<i64>,
}

impl AuditEntry {
    /// An entry without details.
    #[must_use]
    pub fn new(at: Timestamp, actor: Actor, action: Action, entity_type: &str) -> Self {
        Self {
            at,
            actor: clean_actor(actor),
            action,
            entity_type: clean(entity_type, NAME_CHARS_MAX),
            entity_id: None,
            old_values: None,
            new_values: None,
            ip_address: None,
            user_agent: None,
            request_id: None,
            event_seq: None,
        }
    }

    /// Which thing it was.
    #[must_use]
    pub fn on(mut self, entity_id: impl fmt::Display) -> Self {
        self.entity_id = Some(clean(&entity_id.to_string(), NAME_CHARS_MAX));
        self
    }

    /// What the thing was; secrets are masked.
    #[must_use]
    pub fn before(mut self, values: &impl Serialize) -> Self {
        self.old_values = Some(Masked::of(values));
        self
    }

    /// What the thing is now; secrets are masked.
    #[must_use]
    pub fn after(mut self, values: &impl Serialize) -> Self {
        self.new_values = Some(Masked::of(values));
        self
    }

    /// Where it came from.
    #[must_use]
    pub fn from_client(mut self, address: Option<IpAddr>, user_agent: Option<&str>) -> Self {
        self.ip_address = address.map(|a| a.to_canonical().to_string());
        self.user_agent = user_agent.map(|agent| clean(agent, AGENT_CHARS_MAX));
        self
    }

    /// Which request it belongs to.
    #[must_use]
    pub fn in_request(mut self, request_id: &str) -> Self {
        self.request_id = Some(clean(request_id, NAME_CHARS_MAX));
        self
    }

    /// Which event tells the same.
    #[must_use]
    pub fn with_event(mut self, seq: i64) -> Self {
        self.event_seq = Some(seq);
        self
    }
}

fn clean_actor(actor: Actor) -> Actor {
    match actor {
        Actor::User { id, name } => Actor::User { id, name: clean(&name, NAME_CHARS_MAX) },
        Actor::Machine { id, name } => Actor::Machine { id, name: clean(&name, NAME_CHARS_MAX) },
        Actor::System | Actor::Anonymous => actor,
    }
}

/// `text` cut to `chars_max`, control characters replaced: no engine keeps a NUL, and no log should show a line break.
fn clean(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_and_cleaned() {
        let actor = Actor::User { id: UserId(1), name: "kim".to_owned() };
        let entry = AuditEntry::new(Timestamp::Y2000, actor, Action::LoginFailed, "user")
            .on("a\0b")
            .from_client(Some("::ffff:10.0.0.1".parse().expect("address")), Some(&"x\n".repeat(1_000)));
        assert_eq!(entry.entity_id.as_deref(), Some("a\u{fffd}b"));
        assert_eq!(entry.ip_address.as_deref(), Some("10.0.0.1"));
        let agent = entry.user_agent.expect("agent");
        assert_eq!(agent.chars().count(), AGENT_CHARS_MAX);
        assert!(!agent.contains('\n'));
    }

    #[test]
    fn words_are_read_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().to_lowercase().parse(), Ok(*action));
        }
        assert!("DROP".parse::<Action>().is_err());
        for actor in [
            Actor::User { id: UserId(1), name: "a".to_owned() },
            Actor::Machine { id: TokenId(2), name: String::new() },
            Actor::System,
            Actor::Anonymous,
        ] {
            let name = actor.name().map(str::to_owned);
            assert_eq!(Actor::stored(actor.kind(), actor.id(), name), Some(actor));
        }
        assert_eq!(Actor::stored("system", Some(1), None), None);
        assert_eq!(Actor::stored("user", None, None), None);
    }
}
