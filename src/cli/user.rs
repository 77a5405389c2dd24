//! `nightshift user`: people, at the machine itself. A running plant notices within seconds.

use std::io::{BufRead, IsTerminal};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use nightshift_actors::{By, Identity, UserQuery};
use nightshift_domain::identity::{Department, Email, FullName, NewUser, Role, User, UserChange, Username};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::desk::at_desk;
use super::{CommandError, output};
use crate::config::Config;

/// Users printed at most.
const LISTED_MAX: u32 = 100_000;

#[derive(Args)]
pub(super) struct UserArgs {
    #[command(subcommand)]
    command: UserCommand,
}

#[derive(Subcommand)]
enum UserCommand {
    /// Make a user; the password is asked for, or read as one line from standard input.
    Add {
        /// The name to sign in with.
        username: Username,
        /// ADMIN, MANAGER, OPERATOR, DOCTOR, NURSE or VIEWER.
        #[arg(long)]
        role: Role,
        /// The name to show [default: the username].
        #[arg(long)]
        full_name: Option<FullName>,
        /// The address of mail.
        #[arg(long)]
        email: Option<Email>,
        /// Where the user works.
        #[arg(long)]
        department: Option<Department>,
    },
    /// Print all users.
    List,
    /// Set a password; it is asked for, or read as one line from standard input. All sessions of the user end.
    Passwd {
        /// The name to sign in with.
        username: Username,
    },
    /// Take a lock off an account.
    Unlock {
        /// The name to sign in with.
        username: Username,
    },
    /// Take the right to sign in away. All sessions of the user end.
    Disable {
        /// The name to sign in with.
        username: Username,
    },
    /// Give the right to sign in back.
    Enable {
        /// The name to sign in with.
        username: Username,
    },
}

pub(super) fn run(args: UserArgs, config: &Config, as_json: bool) -> Result<ExitCode, CommandError> {
    let password = match &args.command {
        UserCommand::Add { .. } | UserCommand::Passwd { .. } => Some(ask_password()?),
        _ => None,
    };
    let users = at_desk(config, async |identity, _| act(identity, args.command, password).await)?;
    if as_json {
        output::json(&users.iter().map(facts).collect::<Vec<_>>());
    } else {
        users.iter().for_each(|user| output::line(&row(user)));
    }
    Ok(ExitCode::SUCCESS)
}

async fn act(
    identity: &Identity,
    command: UserCommand,
    password: Option<SecretString>,
) -> Result<Vec<User>, CommandError> {
    let (by, password) = (By::system(), password.unwrap_or_default());
    let find = async |username: &Username| identity.user_by_username(username).await;
    let enabled = async |username: &Username, is_active: bool| {
        let change = UserChange { is_active: Some(is_active), ..UserChange::default() };
        let user = find(username).await?;
        identity.change_user(user.id, change, By::system()).await
    };
    let done = match command {
        UserCommand::Add { username, role, full_name, email, department } => {
            // Every username is also a name that can be shown.
            let same = || username.as_str().parse().expect("a username is a name to show");
            let full_name = full_name.unwrap_or_else(same);
            let new = NewUser { username, email, full_name, role, department, is_active: true };
            identity.create_user(new, &password, by, None).await
        }
        UserCommand::List => {
            let query = UserQuery { role: None, is_active: None, skip: 0, limit: LISTED_MAX };
            return identity.users(&query).await.map(|(users, _)| users).map_err(CommandError::failed);
        }
        UserCommand::Passwd { username } => match find(&username).await {
            Ok(user) => identity.reset_password(user.id, &password, by).await,
            Err(error) => Err(error),
        },
        UserCommand::Unlock { username } => match find(&username).await {
            Ok(user) => identity.unlock_user(user.id, by).await,
            Err(error) => Err(error),
        },
        UserCommand::Disable { username } => enabled(&username, false).await,
        UserCommand::Enable { username } => enabled(&username, true).await,
    };
    done.map(|user| vec![user]).map_err(CommandError::failed)
}

/// Asks twice at a terminal; elsewhere takes one line.
fn ask_password() -> Result<SecretString, CommandError> {
    if !std::io::stdin().is_terminal() {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(CommandError::failed)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned().into());
    }
    let first = rpassword::prompt_password("New password: ").map_err(CommandError::failed)?;
    let second = rpassword::prompt_password("Again: ").map_err(CommandError::failed)?;
    if first == second {
        Ok(first.into())
    } else {
        Err(CommandError::Failed("the two passwords differ".to_owned()))
    }
}

fn facts(user: &User) -> Value {
    json!({
        "id": user.id, "username": user.username, "email": user.email, "full_name": user.full_name,
        "role": user.role, "department": user.department, "is_active": user.is_active,
        "last_login_at": user.last_login_at, "created_at": user.created_at,
    })
}

fn row(user: &User) -> String {
    let state = if user.is_active { "" } else { "  (may not sign in)" };
    let last = user.last_login_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    format!(
        "{:>6}  {:24} {:9} {:30} last sign-in {last}{state}",
        user.id,
        user.username.as_str(),
        user.role.as_str(),
        user.full_name.as_str()
    )
}
