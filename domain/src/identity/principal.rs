//! Who is asking, and what a route asks of him.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{MachineToken, Permission, Role, Scope, SessionId, TokenId, TokenName, User, UserId, Username};
use crate::audit::Actor;

/// What a route declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "access", content = "permission", rename_all = "snake_case")]
pub enum Access {
    /// Anybody, without a token.
    Open,
    /// A person who is signed in; no machine.
    SignedIn,
    /// Whoever has the permission.
    Needs(Permission),
}

/// Who is asking, after the token was found to be good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Principal {
    /// A person.
    User {
        /// The user's number.
        user_id: UserId,
        /// The user's name.
        username: Username,
        /// The user's role as it is now, not as it was when the token was made.
        role: Role,
        /// The session.
        session_id: SessionId,
    },
    /// A machine.
    Machine {
        /// The token's number.
        token_id: TokenId,
        /// The token's name.
        name: TokenName,
        /// What it opens.
        scopes: BTreeSet<Scope>,
    },
}

impl Principal {
    /// A person in a session.
    #[must_use]
    pub fn user(user: &User, session_id: SessionId) -> Self {
        Self::User { user_id: user.id, username: user.username.clone(), role: user.role, session_id }
    }

    /// A machine with its token.
    #[must_use]
    pub fn machine(token: &MachineToken) -> Self {
        Self::Machine { token_id: token.id, name: token.name.clone(), scopes: token.scopes.clone() }
    }

    /// Whether what the route asks for is given.
    #[must_use]
    pub fn may(&self, access: Access) -> bool {
        match (self, access) {
            (_, Access::Open) | (Self::User { .. }, Access::SignedIn) => true,
            (Self::Machine { .. }, Access::SignedIn) => false,
            (_, Access::Needs(permission)) => self.has(permission),
        }
    }

    /// Whether the permission is given.
    #[must_use]
    pub fn has(&self, permission: Permission) -> bool {
        let who = permission.who();
        match self {
            Self::User { role, .. } => who.roles.contains(role),
            Self::Machine { scopes, .. } => who.scopes.iter().any(|s| scopes.contains(s)),
        }
    }

    /// The user's number, if it is a person.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self {
            Self::User { user_id, .. } => Some(*user_id),
            Self::Machine { .. } => None,
        }
    }

    /// The role, if it is a person.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::User { role, .. } => Some(*role),
            Self::Machine { .. } => None,
        }
    }

    /// As the audit names it.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::User { user_id, username, .. } => {
                Actor::User { id: *user_id, name: username.as_str().to_owned() }
            }
            Self::Machine { token_id, name, .. } => {
                Actor::Machine { id: *token_id, name: name.as_str().to_owned() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(role: Role) -> Principal {
        let username = "kim".parse().expect("username");
        Principal::User { user_id: UserId(1), username, role, session_id: SessionId(1) }
    }

    fn machine(scopes: &[Scope]) -> Principal {
        let name = "gateway".parse().expect("name");
        Principal::Machine { token_id: TokenId(1), name, scopes: scopes.iter().copied().collect() }
    }

    #[test]
    fn the_table_decides_for_every_role_and_scope() {
        for permission in Permission::ALL {
            for role in Role::ALL {
                let listed = permission.who().roles.contains(&role);
                assert_eq!(user(role).may(Access::Needs(*permission)), listed, "{permission} {role}");
            }
            for scope in Scope::ALL {
                let listed = permission.who().scopes.contains(&scope);
                assert_eq!(machine(&[scope]).may(Access::Needs(*permission)), listed, "{permission} {scope}");
            }
            assert!(!machine(&[]).may(Access::Needs(*permission)));
        }
    }

    #[test]
    fn a_machine_is_not_a_person() {
        assert!(user(Role::Viewer).may(Access::SignedIn));
        assert!(!machine(&Scope::ALL).may(Access::SignedIn));
        assert!(machine(&[]).may(Access::Open));
        assert_eq!(machine(&[]).user_id(), None);
        assert_eq!(user(Role::Nurse).role(), Some(Role::Nurse));
    }
}
