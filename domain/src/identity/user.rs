//! People: their names, and what of them may be changed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use super::{IdentityError, Role};
use crate::Timestamp;

/// Longest username, in characters.
const USERNAME_CHARS_MAX: usize = 50;
/// Longest address of mail, in characters (RFC 5321, without its brackets).
const EMAIL_CHARS_MAX: usize = 254;
/// Longest part before the `@` (RFC 5321).
const EMAIL_LOCAL_CHARS_MAX: usize = 64;
/// Longest full name and department, in characters.
const TEXT_CHARS_MAX: usize = 100;

/// A user's number. It is never given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct UserId(pub i64);

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The conversions that every checked text has.
macro_rules! checked_text {
    ($name:ident) => {
        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdentityError;
            fn try_from(s: String) -> Result<Self, IdentityError> {
                s.parse()
            }
        }

        impl From<$name> for String {
            fn from(text: $name) -> Self {
                text.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
pub(super) use checked_text;

/// The name with which a person signs in. ASCII alone, so that no name of another script looks like it; two names that
/// differ in case are the same account.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Username(Box<str>);
checked_text!(Username);

impl Username {
    /// What two names that are one account have in common.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for Username {
    type Err = IdentityError;
    fn from_str(s: &str) -> Result<Self, IdentityError> {
        let formed = s.len() <= USERNAME_CHARS_MAX
            && s.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric())
            && s.bytes().all(|b| b.is_ascii_alphanumeric() || b"._@-".contains(&b));
        if formed { Ok(Self(s.into())) } else { Err(IdentityError::Username) }
    }
}

/// An address of mail, unique by lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(Box<str>);
checked_text!(Email);

impl Email {
    /// What two addresses that are the same have in common.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl FromStr for Email {
    type Err = IdentityError;
    fn from_str(s: &str) -> Result<Self, IdentityError> {
        let local = |l: &str| {
            (1..=EMAIL_LOCAL_CHARS_MAX).contains(&l.len())
                && !l.starts_with('.')
                && !l.ends_with('.')
                && !l.contains("..")
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&b))
        };
        let label = |l: &str| {
            (1..=63).contains(&l.len())
                && !l.starts_with('-')
                && !l.ends_with('-')
                && l.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        let formed = s.len() <= EMAIL_CHARS_MAX
            && s.rsplit_once('@').is_some_and(|(l, domain)| local(l) && domain.split('.').all(label));
        if formed { Ok(Self(s.into())) } else { Err(IdentityError::Email) }
    }
}

/// A person's name as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FullName(Box<str>);
checked_text!(FullName);

impl FromStr for FullName {
    type Err = IdentityError;
    fn from_str(s: &str) -> Result<Self, IdentityError> {
        shown_text("full_name", s).map(Self)
    }
}

/// Where a person works.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Department(Box<str>);
checked_text!(Department);

impl FromStr for Department {
    type Err = IdentityError;
    fn from_str(s: &str) -> Result<Self, IdentityError> {
        shown_text("department", s).map(Self)
    }
}

/// Text that shows as it is: trimmed, not empty, without characters that hide or turn others around.
pub(super) fn shown_text(field: &'static str, s: &str) -> Result<Box<str>, IdentityError> {
    let s = s.trim();
    let shows = !s.is_empty() && s.chars().count() <= TEXT_CHARS_MAX && !s.chars().any(hides);
    if shows { Ok(s.into()) } else { Err(IdentityError::Text { field, chars_max: TEXT_CHARS_MAX }) }
}

/// Control characters, line and paragraph separators, zero-width and bidirectional controls, soft hyphen, tags.
fn hides(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A user as it is stored, without the password's hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The number.
    pub id: UserId,
    /// The name to sign in with.
    pub username: Username,
    /// The address of mail, if known.
    pub email: Option<Email>,
    /// The name to show.
    pub full_name: FullName,
    /// What the user is in the plant.
    pub role: Role,
    /// Where the user works.
    pub department: Option<Department>,
    /// Whether the user may sign in.
    pub is_active: bool,
    /// The last sign-in.
    pub last_login_at: Option<Timestamp>,
    /// When the password was last set.
    pub password_changed_at: Timestamp,
    /// When the user was made.
    pub created_at: Timestamp,
    /// When the user was last changed; a sign-in is no change.
    pub updated_at: Timestamp,
}

impl User {
    /// Whether this is one of those without whom nobody could run the system.
    #[must_use]
    pub fn is_standing_admin(&self) -> bool {
        self.is_active && self.role == Role::Admin
    }
}

/// A user about to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewUser {
    /// The name to sign in with.
    pub username: Username,
    /// The address of mail, if known.
    #[serde(default)]
    pub email: Option<Email>,
    /// The name to show.
    pub full_name: FullName,
    /// What the user is in the plant.
    pub role: Role,
    /// Where the user works.
    #[serde(default)]
    pub department: Option<Department>,
    /// Whether the user may sign in.
    #[serde(default = "yes")]
    pub is_active: bool,
}

fn yes() -> bool {
    true
}

/// What an administrator may change. An absent field stays; `null` clears an optional one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UserChange {
    /// A new name to sign in with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Username>,
    /// A new address of mail.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub email: Option<Option<Email>>,
    /// A new name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<FullName>,
    /// A new role.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// A new department.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub department: Option<Option<Department>>,
    /// Whether the user may sign in from now on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_active: Option<bool>,
}

impl UserChange {
    /// The user with the change applied.
    #[must_use]
    pub fn apply(&self, user: &User) -> User {
        let mut user = user.clone();
        let Self { username, email, full_name, role, department, is_active } = self.clone();
        user.username = username.unwrap_or(user.username);
        user.email = email.unwrap_or(user.email);
        user.full_name = full_name.unwrap_or(user.full_name);
        user.role = role.unwrap_or(user.role);
        user.department = department.unwrap_or(user.department);
        user.is_active = is_active.unwrap_or(user.is_active);
        user
    }

    /// Whether the sessions of `user` must end with the change: another role, another name, or no right to sign in.
    #[must_use]
    pub fn ends_sessions_of(&self, user: &User) -> bool {
        let after = self.apply(user);
        after.role != user.role || after.username != user.username || after.is_active != user.is_active
    }
}

/// What people may change of themselves. It has no role, name to sign in with, or right to sign in: whoever sends those
/// is refused.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProfileChange {
    /// A new address of mail.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub email: Option<Option<Email>>,
    /// A new name to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_name: Option<FullName>,
    /// A new department.
    #[serde(deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub department: Option<Option<Department>>,
}

impl From<ProfileChange> for UserChange {
    fn from(p: ProfileChange) -> Self {
        Self { email: p.email, full_name: p.full_name, department: p.department, ..Self::default() }
    }
}

/// Tells a field that is `null` from one that is absent.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(d).map(Some)
}

#[cfg(test)]
#[path = "user_tests.rs"]
mod tests;
