//! `nightshift simulate <what>`: devices that do not stand here, played over the real protocol.
//!
//! One file or folder for each kind of device. A simulator knows nothing of the server but what its protocol says, takes
//! `--seed` where chance plays a part, and ends by itself where it is given `--seconds`.

mod chases;
pub(super) mod fleet;
pub(super) mod printer;
pub(super) mod vr;

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::{CommandError, Common};
use crate::config::Environment;

#[derive(Args)]
pub(super) struct SimulateArgs {
    #[command(subcommand)]
    what: What,
}

/// What is played.
#[derive(Subcommand)]
enum What {
    /// Police cars and runners that chase and flee on a map of the server.
    Fleet(fleet::FleetArgs),
    /// Chases without a server: how many runners a roadblock catches, and how many plain chasing does.
    Chases(chases::ChasesArgs),
    /// A label printer that takes ZPL, and fails when it is told to.
    Printer(printer::PrinterArgs),
    /// VR headsets with their doctors: whole diagnoses, some of which fail or lose their connection.
    Vr(vr::VrArgs),
}

pub(super) fn run(
    args: &SimulateArgs,
    common: &Common,
    environment: Environment,
) -> Result<ExitCode, CommandError> {
    match &args.what {
        What::Printer(args) => printer::run(args, common.json),
        What::Fleet(args) => fleet::run(args, common, environment),
        What::Chases(args) => chases::run(args, common, environment),
        What::Vr(args) => vr::run(args, common.json),
    }
}
