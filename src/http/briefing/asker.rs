//! For whom somebody asks. A person asks for himself, an administrator and a machine for whomever they name; with
//! `briefing.open_login` whoever has no token is taken at his word.

use nightshift_domain::briefing::AskerName;
use nightshift_domain::identity::{Principal, Role};

use crate::http::caller::Caller;
use crate::http::identity::forbidden;
use crate::http::problem::Problem;

/// The person that a request is about: the one it names, or the one who is signed in when it names none.
pub(super) fn asker(caller: &Caller, given: Option<&str>, place: &str) -> Result<AskerName, Problem> {
    let refused = |text: String| Problem::field(vec![place.into(), "username".into()], text, "value_error");
    let given = given.map(str::trim).filter(|name| !name.is_empty());
    let own = own_name(caller);
    let Some(given) = given else {
        let own = own.ok_or_else(|| refused("is needed: for whom do you ask?".to_owned()))?;
        return own.parse().map_err(|e| refused(format!("{e}")));
    };
    let name: AskerName = given.parse().map_err(|e| refused(format!("{e}")))?;
    match owner(caller) {
        Some(own) if own.key() != name.key() => Err(forbidden()),
        _ => Ok(name),
    }
}

/// Whose requests alone somebody may see; anybody's when there is none.
pub(super) fn owner(caller: &Caller) -> Option<AskerName> {
    match caller.principal()? {
        Principal::User { role: Role::Admin, .. } | Principal::Machine { .. } => None,
        Principal::User { username, .. } => username.as_str().parse().ok(),
    }
}

fn own_name(caller: &Caller) -> Option<&str> {
    match caller.principal()? {
        Principal::User { username, .. } => Some(username.as_str()),
        Principal::Machine { .. } => None,
    }
}
