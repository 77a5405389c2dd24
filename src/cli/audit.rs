//! `nightshift audit`: whether anybody has changed what was written, and what was written.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use nightshift_domain::audit::Link;
use nightshift_store::audit::{AuditReport, audit_rows_after, audit_verify};

use super::desk::at_desk;
use super::{CommandError, output};
use crate::config::Config;
use crate::serve::{audit_key, chain};

/// Rows read at once for an export.
const PAGE_ROWS: u32 = 1_000;

#[derive(Args)]
pub(super) struct AuditArgs {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Subcommand)]
enum AuditCommand {
    /// Walk the whole audit: finds rows that were changed, removed, added, or are missing at the end. Exit code 1 if so.
    Verify {
        /// Row and link that an earlier `verify` printed, as ROW:LINK: also finds a whole database that was set back.
        #[arg(long, value_name = "ROW:LINK", value_parser = anchor)]
        anchor: Option<(i64, Link)>,
    },
    /// Print the audit as JSON lines, the oldest first.
    Export {
        /// Only what comes after this row.
        #[arg(long, value_name = "ROW", default_value_t = 0)]
        after: i64,
    },
}

fn anchor(text: &str) -> Result<(i64, Link), String> {
    let parts = text.split_once(':').and_then(|(row, link)| Some((row.parse().ok()?, Link::from_hex(link)?)));
    parts.ok_or_else(|| "write ROW:LINK as `nightshift audit verify` prints it".to_owned())
}

pub(super) fn run(args: &AuditArgs, config: &Config, as_json: bool) -> Result<ExitCode, CommandError> {
    match args.command {
        AuditCommand::Verify { anchor } => verify(config, anchor, as_json),
        AuditCommand::Export { after } => export(config, after),
    }
}

fn verify(config: &Config, anchor: Option<(i64, Link)>, as_json: bool) -> Result<ExitCode, CommandError> {
    let key = audit_key(config).map_err(CommandError::failed)?;
    let report = at_desk(config, async |_, db| {
        audit_verify(db, &key, anchor).await.map_err(|e| CommandError::Failed(chain(&e)))
    })?;
    match report {
        AuditReport::Whole(verified) => {
            if as_json {
                output::json(
                    &serde_json::json!({ "whole": true, "rows": verified.rows, "head": verified.head }),
                );
            } else {
                output::line(&format!("{} rows, nothing was changed", verified.rows));
                if let Some(head) = verified.head {
                    output::line(&format!("write this down elsewhere: --anchor {}:{}", head.seq, head.link));
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        AuditReport::Faulty(fault) => {
            if as_json {
                output::json(
                    &serde_json::json!({ "whole": false, "fault": fault, "reason": fault.to_string() }),
                );
            } else {
                output::complain(&fault.to_string());
            }
            Ok(ExitCode::FAILURE)
        }
    }
}

fn export(config: &Config, after: i64) -> Result<ExitCode, CommandError> {
    at_desk(config, async |_, db| {
        let mut last = after;
        loop {
            let page = audit_rows_after(db, last, PAGE_ROWS).await;
            let rows = page.map_err(|e| CommandError::Failed(chain(&e)))?;
            let Some(end) = rows.last() else { return Ok(ExitCode::SUCCESS) };
            last = end.seq;
            for row in &rows {
                output::line(&serde_json::to_string(row).map_err(CommandError::failed)?);
            }
        }
    })
}
