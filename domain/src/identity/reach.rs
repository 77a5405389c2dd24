//! Rules about single things, beside the table of permissions: which of them somebody deals with.

use super::{Principal, Role};
use crate::alerts::NewAlert;
use crate::production::OperatorId;

/// Whose alerts somebody reads and marks as read.
///
/// It says what is whose to look after, not what is secret: runs and defects can be read by whoever may read production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlertReach {
    /// All of them.
    #[default]
    All,
    /// Those that the person's own work raised, and those that are about nobody's work in particular.
    Own(OperatorId),
}

impl AlertReach {
    /// An OPERATOR looks after his own alerts; whoever else may read alerts reads all.
    #[must_use]
    pub fn of(principal: &Principal) -> Self {
        match principal {
            Principal::User { user_id, role: Role::Operator, .. } => Self::Own(OperatorId(user_id.0)),
            Principal::User { .. } | Principal::Machine { .. } => Self::All,
        }
    }

    /// The person that it is limited to.
    #[must_use]
    pub fn operator(self) -> Option<OperatorId> {
        match self {
            Self::All => None,
            Self::Own(operator) => Some(operator),
        }
    }

    /// Whether the alert is among them.
    #[must_use]
    pub fn covers(self, alert: &NewAlert) -> bool {
        match self {
            Self::All => true,
            Self::Own(operator) => alert.raise.operator_id.is_none_or(|of| of == operator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::alerts::{AlertState, manual};
    use crate::identity::{SessionId, UserId};

    fn alert(operator_id: Option<OperatorId>) -> NewAlert {
        let at = Timestamp::from_s(1);
        let mut raise = manual("1", "parts run out", "", at);
        raise.operator_id = operator_id;
        NewAlert { raise, state: AlertState::Unread, count: 1, first_at: at }
    }

    #[test]
    fn an_operator_looks_after_his_own_and_everybody_s() {
        for role in Role::ALL {
            let username = "kim".parse().expect("username");
            let principal = Principal::User { user_id: UserId(7), username, role, session_id: SessionId(1) };
            let reach = AlertReach::of(&principal);
            let others = reach.covers(&alert(Some(OperatorId(8))));
            assert_eq!(others, role != Role::Operator, "{role}");
            assert!(reach.covers(&alert(Some(OperatorId(7)))) && reach.covers(&alert(None)), "{role}");
            assert_eq!(reach.operator(), (role == Role::Operator).then_some(OperatorId(7)), "{role}");
        }
    }

    #[test]
    fn a_machine_reads_what_its_scopes_open() {
        let name = "board".parse().expect("name");
        let machine = Principal::Machine { token_id: crate::identity::TokenId(7), name, scopes: [].into() };
        assert_eq!(AlertReach::of(&machine), AlertReach::All);
    }
}
