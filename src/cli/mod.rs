//! The command line. Exit codes: 0 done, 1 failed, 2 wrong usage, 78 bad configuration.

mod agent;
mod audit;
mod backup;
mod bench;
mod check_config;
mod demo;
mod desk;
mod doctor;
mod erd;
mod evaluate;
mod exchange;
mod health;
mod keys;
mod migrate;
mod openapi;
mod output;
mod progress;
mod recording;
mod score;
mod serve;
mod simulate;
mod token;
mod train;
mod user;
mod wire;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{Config, ConfigError, Environment, load};

/// The configuration cannot work (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: u8 = 78;

/// Keeps a plant running while nobody watches.
#[derive(Parser)]
#[command(name = "nightshift", version, args_conflicts_with_subcommands = false, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
}

const EXAMPLES: &str = "Examples:
  nightshift                                  serve on http://127.0.0.1:8000 with SQLite in ./data
  nightshift demo                             replay real recordings and watch them being judged
  nightshift serve --config plant.toml        serve with a configuration
  nightshift doctor --json                    check this machine and say what to do
  nightshift score readings.csv               score a recording";

/// What every command takes.
#[derive(Args)]
struct Common {
    /// Configuration file (TOML); config/nightshift.toml lists every key.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1:8000].
    #[arg(long, global = true, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// `sqlite:FILE` or `postgres://…` [default: SQLite in the data directory].
    #[arg(long, global = true, value_name = "URL")]
    database: Option<String>,
    /// Where everything that is kept on disk lives [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Print JSON where data is printed.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Run the plant (the default).
    Serve,
    /// Replay real recordings through the HTTP interface and score them.
    Demo(demo::DemoArgs),
    /// Check the configuration and print what it comes to.
    CheckConfig,
    /// Bring the database's schema up to date.
    Migrate,
    /// Ask a running server how it is; exit code 0 is well.
    Health(health::HealthArgs),
    /// Check configuration, disk, database, device, clock and port, and say what to do.
    Doctor,
    /// Make, list, lock out and let in people.
    User(user::UserArgs),
    /// Make, list and revoke machine tokens.
    Token(token::TokenArgs),
    /// Verify and export the audit.
    Audit(audit::AuditArgs),
    /// Renew the keys of access tokens.
    Keys(keys::KeysArgs),
    /// Copy everything a plant is into a folder, while it works.
    Backup(backup::BackupArgs),
    /// Bring a backup back into an empty data directory and database.
    Restore(backup::RestoreArgs),
    /// Print the OpenAPI document.
    Openapi,
    /// Bring in data that exist elsewhere: all rows of a file, or none.
    Import(exchange::import::ImportArgs),
    /// Write what the plant knows of its work: CSV, JSON lines, or EPCIS 2.0 of a lot.
    Export(exchange::export::ExportArgs),
    /// Draw the tables and what refers to what, as an SVG.
    Erd(erd::ErdArgs),
    /// Train a detector from recordings.
    Train(train::TrainArgs),
    /// Measure a model on labelled recordings.
    Evaluate(evaluate::EvaluateArgs),
    /// Score a recording.
    Score(score::ScoreArgs),
    /// Run the station's own program: completions from a folder to the server, firmware from the server.
    Agent(agent::AgentArgs),
    /// Put the whole plant to work on a running server, and say whether what is required holds: exit code 0 is yes.
    Bench(bench::BenchArgs),
    /// Play devices that do not stand here.
    Simulate(simulate::SimulateArgs),
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum CommandError {
    /// Exit code 78.
    #[error("configuration: {0}")]
    Config(#[from] ConfigError),
    /// Exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl CommandError {
    fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Runs the command that `args` name; the exit code says how it went.
pub fn run(
    args: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(args) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let environment = environment
        .into_iter()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    match dispatch(cli, environment) {
        Ok(code) => code,
        Err(error) => {
            output::complain(&error.to_string());
            ExitCode::from(if matches!(error, CommandError::Config(_)) { EXIT_CONFIG } else { 1 })
        }
    }
}

fn dispatch(cli: Cli, environment: Environment) -> Result<ExitCode, CommandError> {
    let json = cli.common.json;
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => serve::run(configure(&cli.common, environment)?),
        Command::Demo(args) => demo::run(&args, &cli.common, environment),
        Command::CheckConfig => check_config::run(&configure(&cli.common, environment)?),
        Command::Migrate => migrate::run(&configure(&cli.common, environment)?, json),
        Command::Health(args) => health::run(&args, &configure(&cli.common, environment)?, json),
        Command::Doctor => doctor::run(configure(&cli.common, environment), json),
        Command::User(args) => user::run(args, &configure(&cli.common, environment)?, json),
        Command::Token(args) => token::run(args, &configure(&cli.common, environment)?, json),
        Command::Audit(args) => audit::run(&args, &configure(&cli.common, environment)?, json),
        Command::Keys(args) => keys::run(&args, &configure(&cli.common, environment)?, json),
        Command::Backup(args) => backup::backup(&args, &configure(&cli.common, environment)?, json),
        Command::Restore(args) => backup::restore(&args, &configure(&cli.common, environment)?, json),
        Command::Openapi => openapi::run(),
        Command::Erd(args) => erd::run(&args),
        Command::Import(args) => exchange::import::run(&args, &configure(&cli.common, environment)?, json),
        Command::Export(args) => exchange::export::run(&args, &configure(&cli.common, environment)?),
        Command::Train(args) => train::run(&args, json),
        Command::Evaluate(args) => evaluate::run(&args, json),
        Command::Score(args) => score::run(&args, json),
        Command::Agent(args) => agent::run(args, configure(&cli.common, environment)?),
        Command::Bench(args) => bench::run(&args, &cli.common, environment),
        Command::Simulate(args) => simulate::run(&args, &cli.common, environment),
    }
}

/// The configuration with the command line on top.
fn configure(common: &Common, mut environment: Environment) -> Result<Config, ConfigError> {
    let mut set = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            environment.insert(format!("NIGHTSHIFT__{name}"), value);
        }
    };
    set("HTTP__LISTEN", common.listen.map(|a| a.to_string()));
    set("DATABASE__URL", common.database.clone());
    set("DATA_DIR", common.data_dir.as_ref().map(|d| d.to_string_lossy().into_owned()));
    load(common.config.as_deref(), &environment)
}

/// The runtime that everything asynchronous runs on.
fn runtime() -> Result<tokio::runtime::Runtime, CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("nightshift")
        .build()
        .map_err(CommandError::failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serving_is_the_default_and_flags_reach_the_configuration() {
        let cli =
            Cli::try_parse_from(["nightshift", "--listen", "127.0.0.1:9", "--data-dir", "x"]).expect("parse");
        assert!(cli.command.is_none());
        let config = configure(&cli.common, Environment::new()).expect("config");
        assert_eq!((config.http.listen.port(), config.data_dir), (9, PathBuf::from("x")));
    }
}
