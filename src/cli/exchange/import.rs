//! `nightshift import`: rows of a file, checked as a whole, stored as a whole or not at all.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nightshift_domain::production::{
    Calendar, FILE_FAULTS_MAX, Resource, Row, RowFault, csv_header, csv_row, json_row,
};

use super::store::store_rows;
use super::{Format, resource};
use crate::cli::desk::at_desk;
use crate::cli::{CommandError, output, progress};
use crate::config::Config;

#[derive(Args)]
pub(in crate::cli) struct ImportArgs {
    /// What the file holds: product-models, production-lines, processes, equipment, lots, serials or process-data.
    #[arg(value_parser = resource)]
    resource: Resource,
    /// The file, CSV or JSON lines.
    file: PathBuf,
    /// How it is written [default: by the file's ending].
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Check it and store nothing.
    #[arg(long)]
    dry_run: bool,
}

/// Rows with their lines.
pub(super) type Rows = Vec<(u64, Row)>;

pub(in crate::cli) fn run(
    args: &ImportArgs,
    config: &Config,
    as_json: bool,
) -> Result<ExitCode, CommandError> {
    let rows = match read(args.resource, &args.file, args.format)? {
        Ok(rows) => rows,
        Err(faults) => return Ok(refused(&faults, as_json)),
    };
    let count = rows.len();
    let bar = progress::bar(count as u64, args.resource.as_str());
    let zone = &config.production.time_zone;
    let calendar: Calendar = zone.parse().map_err(CommandError::failed)?;
    let stored = at_desk(config, async |_, db| {
        store_rows(db, args.resource, rows, args.dry_run, calendar, &bar).await
    })?;
    bar.finish_and_clear();
    match stored {
        Err(faults) => Ok(refused(&faults, as_json)),
        Ok(()) => {
            let resource = args.resource.as_str();
            if as_json {
                output::json(
                    &serde_json::json!({ "resource": resource, "rows": count, "stored": !args.dry_run }),
                );
            } else if args.dry_run {
                output::line(&format!("{count} rows of {resource} are well; nothing was stored"));
            } else {
                output::line(&format!("{count} rows of {resource} stored"));
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn refused(faults: &[RowFault], as_json: bool) -> ExitCode {
    if as_json {
        output::json(&serde_json::json!({ "stored": false, "faults": faults }));
    } else {
        faults.iter().for_each(|fault| output::complain(&fault.to_string()));
        output::complain("nothing was stored");
    }
    ExitCode::FAILURE
}

fn read(
    resource: Resource,
    path: &Path,
    format: Option<Format>,
) -> Result<Result<Rows, Vec<RowFault>>, CommandError> {
    let failed = |e: &dyn std::fmt::Display| CommandError::Failed(format!("{}: {e}", path.display()));
    let by_ending = || match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => Ok(Format::Csv),
        Some("jsonl" | "ndjson" | "json") => Ok(Format::Jsonl),
        _ => Err(failed(&"say --format csv or --format jsonl")),
    };
    let format = format.map_or_else(by_ending, Ok)?;
    let file = BufReader::new(std::fs::File::open(path).map_err(|e| failed(&e))?);
    match format {
        Format::Csv => read_csv(resource, file).map_err(|e| failed(&e)),
        Format::Jsonl => read_lines(resource, file).map_err(|e| failed(&e)),
        Format::Epcis => Err(failed(&"EPCIS documents are written, not read")),
    }
}

fn read_csv(resource: Resource, file: impl BufRead) -> Result<Result<Rows, Vec<RowFault>>, csv::Error> {
    let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
    let columns = match csv_header(resource, reader.headers()?) {
        Ok(columns) => columns,
        Err(faults) => return Ok(Err(faults)),
    };
    let mut kept = Kept::default();
    for record in reader.records() {
        let record = record?;
        let line = record.position().map_or(0, csv::Position::line);
        kept.take(line, csv_row(resource, &columns, &record, line));
    }
    Ok(kept.done())
}

fn read_lines(resource: Resource, file: impl BufRead) -> Result<Result<Rows, Vec<RowFault>>, std::io::Error> {
    let mut kept = Kept::default();
    for (index, text) in file.lines().enumerate() {
        let (text, line) = (text?, index as u64 + 1);
        if !text.trim().is_empty() {
            kept.take(line, json_row(resource, &text, line));
        }
    }
    Ok(kept.done())
}

/// Rows as long as they are well, and the first faults.
#[derive(Default)]
struct Kept {
    rows: Rows,
    faults: Vec<RowFault>,
}

impl Kept {
    fn take(&mut self, line: u64, row: Result<Row, Vec<RowFault>>) {
        match row {
            Ok(row) if self.faults.is_empty() => self.rows.push((line, row)),
            Ok(_) => {}
            Err(faults) => {
                let room = FILE_FAULTS_MAX.saturating_sub(self.faults.len());
                self.faults.extend(faults.into_iter().take(room));
            }
        }
    }

    fn done(self) -> Result<Rows, Vec<RowFault>> {
        if self.faults.is_empty() { Ok(self.rows) } else { Err(self.faults) }
    }
}
