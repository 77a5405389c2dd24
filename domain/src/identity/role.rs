//! What a person is in the plant.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::IdentityError;

/// A person's role. There is exactly one per user; what it opens is in [`super::Permission`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum Role {
    /// Runs the system: everything is open.
    Admin,
    /// Leads production.
    Manager,
    /// Works at a process; "Worker" in older documents.
    Operator,
    /// Treats patients.
    Doctor,
    /// Assists doctors.
    Nurse,
    /// Looks on.
    Viewer,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Admin, Self::Manager, Self::Operator, Self::Doctor, Self::Nurse, Self::Viewer];

    /// The word in JSON and in the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "ADMIN",
            Self::Manager => "MANAGER",
            Self::Operator => "OPERATOR",
            Self::Doctor => "DOCTOR",
            Self::Nurse => "NURSE",
            Self::Viewer => "VIEWER",
        }
    }
}

impl FromStr for Role {
    type Err = IdentityError;

    /// Reads a role in any case; `WORKER` is an operator.
    fn from_str(s: &str) -> Result<Self, IdentityError> {
        if s.eq_ignore_ascii_case("WORKER") {
            return Ok(Self::Operator);
        }
        Self::ALL.into_iter().find(|r| r.as_str().eq_ignore_ascii_case(s)).ok_or(IdentityError::Role)
    }
}

impl TryFrom<String> for Role {
    type Error = IdentityError;
    fn try_from(s: String) -> Result<Self, IdentityError> {
        s.parse()
    }
}

impl From<Role> for &'static str {
    fn from(role: Role) -> Self {
        role.as_str()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_back_and_a_worker_is_an_operator() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            let json = serde_json::to_string(&role).expect("json");
            assert_eq!(json, format!("\"{role}\""));
            assert_eq!(serde_json::from_str::<Role>(&json).expect("back"), role);
        }
        assert_eq!("Worker".parse(), Ok(Role::Operator));
        for bad in ["", "ROOT", "ADMIN ", "ADMIN\0", "АDMIN"] {
            assert_eq!(bad.parse::<Role>(), Err(IdentityError::Role), "{bad}");
        }
    }
}
