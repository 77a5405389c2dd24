//! `nightshift simulate printer`: a label printer that is not there, and fails when it is told to.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::Args;
use nightshift_actors::{PrinterMood, SimulatedPrinter};

use super::super::serve::told_to_stop;
use super::super::{CommandError, output, runtime};

/// A printer.
#[derive(Args)]
pub(super) struct PrinterArgs {
    /// Where it takes ZPL.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9100")]
    address: SocketAddr,
    /// How it behaves: well, paper-out, silent, drops, garbage, slow=MILLISECONDS.
    #[arg(long, value_name = "MOOD", default_value = "well")]
    mood: PrinterMood,
    /// Where it is told otherwise, a line each: a mood, `count`, `labels`.
    #[arg(long, value_name = "ADDR")]
    control: Option<SocketAddr>,
}

pub(super) fn run(args: &PrinterArgs, json: bool) -> Result<ExitCode, CommandError> {
    runtime()?.block_on(async {
        let mut printer =
            SimulatedPrinter::start(args.address, args.mood).await.map_err(CommandError::failed)?;
        let control = match args.control {
            None => None,
            Some(address) => Some(printer.listen_to(address).await.map_err(CommandError::failed)?),
        };
        if json {
            // One line, as whoever starts it reads it.
            output::line(
                &serde_json::json!({ "address": printer.address(), "control": control }).to_string(),
            );
        } else {
            let told = control.map_or_else(String::new, |address| format!(", told what to do on {address}"));
            output::line(&format!("a printer on {}{told}", printer.address()));
        }
        told_to_stop().await;
        if !json {
            output::line(&format!("{} labels printed", printer.count()));
        }
        Ok(ExitCode::SUCCESS)
    })
}
