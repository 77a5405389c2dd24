//! `nightshift keys`: the keys that access tokens are signed with.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use nightshift_actors::KeyRing;
use nightshift_domain::Timestamp;
use nightshift_kernel::Clock;

use super::{CommandError, output};
use crate::config::Config;

#[derive(Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Subcommand)]
enum KeysCommand {
    /// Sign with a new key from now on. The one before still verifies, so nobody is signed out; do it twice to be rid of it.
    Rotate,
}

pub(super) fn run(args: &KeysArgs, config: &Config, as_json: bool) -> Result<ExitCode, CommandError> {
    let KeysCommand::Rotate = args.command;
    if config.identity.jwt_key.is_some() {
        return Err(CommandError::Failed(
            "identity.jwt_key gives the key: change it there, and start again".to_owned(),
        ));
    }
    let now = Timestamp::from_us(Clock::system().now_us());
    let kid = KeyRing::rotate(&config.jwt_keys_file(), now).map_err(CommandError::failed)?;
    if as_json {
        output::json(&serde_json::json!({ "kid": kid }));
    } else {
        output::line(&format!("signing with key {kid}; a running plant notices within seconds"));
    }
    Ok(ExitCode::SUCCESS)
}
