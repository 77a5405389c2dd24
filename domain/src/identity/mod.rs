//! Who may do what: users, roles, machine tokens, sessions, and the one table of permissions.
//!
//! Nothing here knows a clock, a random source or a hash of passwords: times and secrets' hashes are parameters. The
//! names here are ASCII or printable text on purpose: what looks like another name is refused where it is made.

mod error;
mod lockout;
pub mod password;
mod permission;
mod principal;
mod reach;
mod role;
mod scope;
mod secret;
mod session;
#[cfg(test)]
mod session_tests;
mod token;
mod user;

pub use error::IdentityError;
pub use lockout::{Bucket, KNOWN_ADDRESSES_MAX, LockRules, Locked, Place, network_of};
pub use permission::{Permission, Who};
pub use principal::{Access, Principal};
pub use reach::AlertReach;
pub use role::Role;
pub use scope::Scope;
pub use secret::{PasswordHash, SecretHash};
pub use session::{
    ClientMark, RefreshRefusal, RefreshToken, Refreshed, RevokeReason, Revoked, Session, SessionId,
    SessionRules,
};
pub use token::{MachineToken, NewMachineToken, TokenId, TokenName};
pub use user::{Department, Email, FullName, NewUser, ProfileChange, User, UserChange, UserId, Username};
