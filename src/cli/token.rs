//! `nightshift token`: what machines get in with.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use nightshift_actors::By;
use nightshift_domain::Timestamp;
use nightshift_domain::identity::{MachineToken, NewMachineToken, Scope, TokenId, TokenName};
use nightshift_kernel::Clock;

use super::desk::at_desk;
use super::{CommandError, output};
use crate::config::Config;

/// Tokens printed at most.
const LISTED_MAX: u32 = 100_000;

#[derive(Args)]
pub(super) struct TokenArgs {
    #[command(subcommand)]
    command: TokenCommand,
}

#[derive(Subcommand)]
enum TokenCommand {
    /// Make a token and print it: it is shown here and never again.
    Create {
        /// What it is for.
        name: TokenName,
        /// What it opens; may be given several times. One of metrics:read, events:read, system:read, sensing:read,
        /// sensing:write, sensing:manage, production:read, station, agent.
        #[arg(long = "scope", required = true)]
        scopes: Vec<Scope>,
        /// Days until it ends by itself; never when absent.
        #[arg(long, value_name = "N")]
        days: Option<u32>,
    },
    /// Print all tokens, without their text.
    List,
    /// Revoke a token: it opens nothing from now on.
    Revoke {
        /// Its number.
        id: i64,
    },
}

pub(super) fn run(args: TokenArgs, config: &Config, as_json: bool) -> Result<ExitCode, CommandError> {
    at_desk(config, async |identity, _| {
        match args.command {
            TokenCommand::Create { name, scopes, days } => {
                let now = Timestamp::from_us(Clock::system().now_us());
                let expires_at = days.map(|days| now + Duration::from_secs(u64::from(days) * 86_400));
                let new = NewMachineToken { name, scopes: scopes.into_iter().collect(), expires_at };
                let made = identity.create_token(new, By::system()).await;
                let (about, token) = made.map_err(CommandError::failed)?;
                if as_json {
                    output::json(&serde_json::json!({ "token": token, "about": about }));
                } else {
                    output::line(&token);
                }
            }
            TokenCommand::List => {
                let (tokens, _) = identity.tokens(0, LISTED_MAX).await.map_err(CommandError::failed)?;
                if as_json {
                    output::json(&tokens);
                } else {
                    tokens.iter().for_each(|token| output::line(&row(token)));
                }
            }
            TokenCommand::Revoke { id } => {
                identity.revoke_token(TokenId(id), By::system()).await.map_err(CommandError::failed)?;
            }
        }
        Ok(())
    })?;
    Ok(ExitCode::SUCCESS)
}

fn row(token: &MachineToken) -> String {
    let scopes: Vec<&str> = token.scopes.iter().map(|scope| scope.as_str()).collect();
    let state = match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {at}"),
        (None, Some(at)) => format!("until {at}"),
        (None, None) => "without end".to_owned(),
    };
    let used = token.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
    format!("{:>6}  {:24} {}  {state}, last used {used}", token.id.0, token.name.as_str(), scopes.join(" "))
}
