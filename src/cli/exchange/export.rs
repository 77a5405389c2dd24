//! `nightshift export`: rows of a resource, or a lot as EPCIS.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use nightshift_domain::Timestamp;
use nightshift_domain::production::{
    LotId, LotNumber, ProcessNumber, Resource, Row, RunId, SerialId, Trace, TracedRun, csv_cells, epcis,
};
use nightshift_kernel::Clock;
use nightshift_store::production::{
    EquipmentQuery, ProductModelQuery, RunView, SerialQuery, equipment_list, line_list, lot_find_number,
    lots_after, process_all, product_model_list, runs_after, serial_list, serials_after, trace,
};
use nightshift_store::{Db, Slice, StoreError};

use super::rows::{self, Names};
use super::{CHUNK_ROWS, Format, resource};
use crate::cli::desk::at_desk;
use crate::cli::{CommandError, progress};
use crate::config::Config;
use crate::serve::chain;

/// Rows of a catalogue that are read: more are not in any plant.
const CATALOGUE_ROWS_MAX: u32 = 100_000;
/// Units of a lot that are read.
const UNITS_MAX: u32 = 10_000;
/// Rows read at once.
const CHUNK: u32 = CHUNK_ROWS as u32;

#[derive(Args)]
pub(in crate::cli) struct ExportArgs {
    /// What to write: product-models, production-lines, processes, equipment, lots, serials or process-data.
    #[arg(value_parser = resource, required_unless_present = "lot")]
    resource: Option<Resource>,
    /// How to write it.
    #[arg(long, value_enum, default_value_t = Format::Jsonl)]
    format: Format,
    /// With `--format epcis`: the number of the lot.
    #[arg(long, value_name = "NUMBER", requires = "format")]
    lot: Option<String>,
    /// With `--format epcis`: the URI under which the plant names things.
    #[arg(long, value_name = "URI", default_value = "urn:nightshift:plant")]
    base: String,
    /// Where to write it [default: standard output].
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(in crate::cli) fn run(args: &ExportArgs, config: &Config) -> Result<ExitCode, CommandError> {
    let mut out: Box<dyn Write> = match &args.out {
        None => Box::new(std::io::BufWriter::new(std::io::stdout())),
        Some(path) => {
            let file = std::fs::File::create(path)
                .map_err(|e| CommandError::Failed(format!("{}: {e}", path.display())))?;
            Box::new(std::io::BufWriter::new(file))
        }
    };
    at_desk(config, async |_, db| match (args.format, args.resource, &args.lot) {
        (Format::Epcis, _, Some(lot)) => epcis_of(db, lot, &args.base, &mut out).await,
        (Format::Epcis, _, None) => Err(CommandError::Failed("--format epcis needs --lot NUMBER".to_owned())),
        (format, Some(resource), _) => written(db, resource, format, &mut out).await,
        (_, None, _) => Err(CommandError::Failed("say what to export".to_owned())),
    })?;
    out.flush().map_err(CommandError::failed)?;
    Ok(ExitCode::SUCCESS)
}

fn store(error: StoreError) -> CommandError {
    CommandError::Failed(chain(&error))
}

/// Writes rows as they come.
enum Sheet<'a> {
    Csv(Box<csv::Writer<&'a mut Box<dyn Write>>>),
    Lines(&'a mut Box<dyn Write>),
}

impl Sheet<'_> {
    fn put(&mut self, resource: Resource, row: &Row) -> Result<(), CommandError> {
        match self {
            Self::Csv(writer) => writer.write_record(csv_cells(resource, row)).map_err(CommandError::failed),
            Self::Lines(out) => {
                let text = serde_json::to_string(row).map_err(CommandError::failed)?;
                writeln!(out, "{text}").map_err(CommandError::failed)
            }
        }
    }
}

async fn written(
    db: &Db,
    resource: Resource,
    format: Format,
    out: &mut Box<dyn Write>,
) -> Result<(), CommandError> {
    let mut sheet = match format {
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(out);
            let names = resource.columns().iter().map(|column| column.name);
            writer.write_record(names).map_err(CommandError::failed)?;
            Sheet::Csv(Box::new(writer))
        }
        Format::Jsonl | Format::Epcis => Sheet::Lines(out),
    };
    let sign = progress::spinner(resource.as_str());
    let mut put = |row: Row| {
        sign.inc(1);
        sheet.put(resource, &row)
    };
    let all = Slice::first(CATALOGUE_ROWS_MAX);
    match resource {
        Resource::ProductModels => {
            let found = product_model_list(db, &ProductModelQuery::default(), all).await.map_err(store)?;
            found.items.iter().try_for_each(|model| put(rows::spec(&model.spec)))?;
        }
        Resource::ProductionLines => {
            let found = line_list(db, None, all).await.map_err(store)?;
            found.items.iter().try_for_each(|line| put(rows::spec(&line.spec)))?;
        }
        Resource::Processes => {
            let found = process_all(db).await.map_err(store)?;
            found.iter().try_for_each(|process| put(rows::spec(&process.spec)))?;
        }
        Resource::Equipment => {
            let names = names(db).await?;
            let found = equipment_list(db, &EquipmentQuery::default(), all).await.map_err(store)?;
            found.items.iter().try_for_each(|equipment| put(rows::equipment(equipment, &names)))?;
        }
        Resource::Lots => {
            let mut after = LotId(0);
            loop {
                let found = lots_after(db, after, CHUNK).await.map_err(store)?;
                let Some(last) = found.last() else { break };
                after = last.lot.id;
                found.iter().try_for_each(|lot| put(rows::lot(lot)))?;
            }
        }
        Resource::Serials => {
            let mut after = SerialId(0);
            loop {
                let found = serials_after(db, after, CHUNK).await.map_err(store)?;
                let Some(last) = found.last() else { break };
                after = last.serial.id;
                found.iter().try_for_each(|serial| put(rows::serial(serial)))?;
            }
        }
        Resource::ProcessData => {
            let mut after = RunId(0);
            loop {
                let found = runs_after(db, after, CHUNK).await.map_err(store)?;
                let Some(last) = found.last() else { break };
                after = last.run.id;
                found.iter().try_for_each(|run| put(rows::run(run)))?;
            }
        }
    }
    sign.finish_and_clear();
    if let Sheet::Csv(mut writer) = sheet {
        writer.flush().map_err(CommandError::failed)?;
    }
    Ok(())
}

async fn names(db: &Db) -> Result<Names, CommandError> {
    let processes = process_all(db).await.map_err(store)?;
    let lines = line_list(db, None, Slice::first(CATALOGUE_ROWS_MAX)).await.map_err(store)?;
    Ok(Names {
        processes: processes.into_iter().map(|process| (process.id, process.spec.process_number.0)).collect(),
        lines: lines.items.into_iter().map(|line| (line.id, line.spec.line_code)).collect(),
    })
}

async fn epcis_of(db: &Db, number: &str, base: &str, out: &mut Box<dyn Write>) -> Result<(), CommandError> {
    let missing = || CommandError::Failed(format!("lot {number} not found"));
    let number = LotNumber::parse(number).map_err(|_| missing())?;
    let lot = lot_find_number(db, number.as_str()).await.map_err(store)?.ok_or_else(missing)?.lot;
    let query = SerialQuery { lot_id: Some(lot.id), status: None };
    let serials = serial_list(db, &query, Slice::first(UNITS_MAX)).await.map_err(store)?;
    let mut units = Vec::new();
    for serial in serials.items {
        let Some(found) = trace(db, serial.serial.id).await.map_err(store)? else { continue };
        let parts = &found.parts;
        let traced = |view: RunView| TracedRun {
            process: ProcessNumber(view.process.process_number),
            process_code: view.process.process_code,
            operator: view.operator.username.unwrap_or_else(|| view.operator.id.to_string()),
            defects: view.defects,
            components: parts
                .iter()
                .filter(|used| used.run_id == view.run.id)
                .map(|used| used.part.clone())
                .collect(),
            run: view.run,
        };
        units.push(Trace {
            runs: found.runs.into_iter().chain(found.lot_runs).map(traced).collect(),
            serial: found.serial.serial,
            lot: lot.clone(),
            reworks: found.reworks,
        });
    }
    let now = Timestamp::from_us(Clock::system().now_us());
    let document = epcis(base.trim_end_matches('/'), &lot, &units, now);
    let text = serde_json::to_string_pretty(&document).map_err(CommandError::failed)?;
    writeln!(out, "{text}").map_err(CommandError::failed)
}
