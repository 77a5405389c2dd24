//! `nightshift backup` and `nightshift restore`: everything that a plant is, as a folder that says what it holds.
//!
//! The database is copied as it is at one moment, while the plant works; keys and stored files follow. What a row names was
//! stored before the row, so the files of the copy's rows are there. A backup is whole or it is not there: it is made under
//! another name and renamed at the end.

mod files;
mod manifest;
mod postgres;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use nightshift_kernel::Clock;
use nightshift_store::{Db, Engine};

use self::manifest::Manifest;
use super::{CommandError, output, runtime};
use crate::config::Config;
use crate::serve::{chain, lock_data_dir, open_database};

/// The copy of a SQLite database.
const SQLITE_COPY: &str = "nightshift.db";
/// The dump of a PostgreSQL database.
const POSTGRES_DUMP: &str = "nightshift.pgdump";
/// What lies in the data directory beside the database.
const FILES: &str = "files";

#[derive(Args)]
pub(super) struct BackupArgs {
    /// The folder to make; it must not exist.
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

#[derive(Args)]
pub(super) struct RestoreArgs {
    /// A folder that `backup` made.
    #[arg(value_name = "DIR")]
    from: PathBuf,
}

fn failed(what: &str, error: impl std::fmt::Display) -> CommandError {
    CommandError::Failed(format!("{what}: {error}"))
}

/// Copies everything into a new folder.
pub(super) fn backup(args: &BackupArgs, config: &Config, json: bool) -> Result<ExitCode, CommandError> {
    if args.to.exists() {
        return Err(CommandError::Failed(format!("{} is there already", args.to.display())));
    }
    let name = args.to.file_name().ok_or_else(|| failed("the backup", "it needs a name"))?;
    let mut partial_name = name.to_owned();
    partial_name.push(".partial");
    let partial = args.to.with_file_name(partial_name);
    // One that was cut off holds nothing that anybody could want.
    if partial.exists() {
        std::fs::remove_dir_all(&partial).map_err(|e| failed("an unfinished backup", e))?;
    }
    files::make_private(&partial).map_err(|e| failed("the backup", e))?;
    let engine = database_out(config, &partial)?;
    files::copy_tree(&config.data_dir, &partial.join(FILES), &left_out(config))
        .map_err(|e| failed("the files", e))?;
    let manifest =
        Manifest::of(&partial, engine, Clock::system().now_us()).map_err(|e| failed("the manifest", e))?;
    manifest.write(&partial).map_err(|e| failed("the manifest", e))?;
    files::sync_tree(&partial).map_err(|e| failed("the backup", e))?;
    std::fs::rename(&partial, &args.to).map_err(|e| failed("the backup", e))?;
    say(&manifest, &args.to, "backed up to", json);
    Ok(ExitCode::SUCCESS)
}

/// Brings everything back into an empty data directory and an empty database.
pub(super) fn restore(args: &RestoreArgs, config: &Config, json: bool) -> Result<ExitCode, CommandError> {
    let manifest = Manifest::read(&args.from).map_err(|e| failed("the backup", e))?;
    let engine = Engine::of_url(config.database_url().expose()).map_err(CommandError::failed)?;
    if engine.as_str() != manifest.engine {
        let text = format!("it is of {}, the configuration names {engine}", manifest.engine);
        return Err(failed("the backup", text));
    }
    manifest.verify(&args.from).map_err(|e| failed("the backup", e))?;
    let _lock = lock_data_dir(&config.data_dir).map_err(CommandError::failed)?;
    let there = files::first_in_the_way(&args.from.join(FILES), &config.data_dir);
    if let Some(path) = there.map_err(|e| failed("the files", e))? {
        let text = format!("{} is there already: restore into an empty data directory", path.display());
        return Err(CommandError::Failed(text));
    }
    database_in(config, engine, &args.from)?;
    files::copy_tree(&args.from.join(FILES), &config.data_dir, &[]).map_err(|e| failed("the files", e))?;
    look(config)?;
    say(&manifest, &config.data_dir, "restored into", json);
    Ok(ExitCode::SUCCESS)
}

fn say(manifest: &Manifest, place: &Path, done: &str, json: bool) {
    if json {
        output::json(manifest);
    } else {
        let bytes: u64 = manifest.files.iter().map(|file| file.bytes).sum();
        let count = manifest.files.len();
        output::line(&format!(
            "{done} {}: {count} files, {bytes} bytes ({})",
            place.display(),
            manifest.engine
        ));
    }
}

/// What of the data directory is not copied as a file: the database, its log, the lock, what was logged.
fn left_out(config: &Config) -> Vec<PathBuf> {
    let mut paths = vec![config.data_dir.join("nightshift.lock")];
    paths.extend(config.log_dir());
    if let Some(file) = sqlite_file(config) {
        for ending in ["", "-wal", "-shm", "-journal"] {
            let mut name = file.clone().into_os_string();
            name.push(ending);
            paths.push(name.into());
        }
    }
    paths
}

/// The file of a SQLite database.
fn sqlite_file(config: &Config) -> Option<PathBuf> {
    let url = config.database_url();
    let rest = url.expose().strip_prefix("sqlite:")?;
    let path = rest.split('?').next().unwrap_or(rest);
    Some(PathBuf::from(path.strip_prefix("//").unwrap_or(path)))
}

fn database_out(config: &Config, to: &Path) -> Result<Engine, CommandError> {
    let url = config.database_url();
    let engine = Engine::of_url(url.expose()).map_err(CommandError::failed)?;
    match engine {
        Engine::Postgres => postgres::dump(url.expose(), &to.join(POSTGRES_DUMP))?,
        Engine::Sqlite => runtime()?.block_on(async {
            let options = nightshift_store::DbOptions::new(url.expose());
            let file = sqlite_file(config).filter(|file| file.exists());
            file.ok_or_else(|| failed("the database", "there is none"))?;
            let db = Db::connect(&options).await.map_err(|e| failed("the database", chain(&e)))?;
            let copied = db.snapshot(&to.join(SQLITE_COPY)).await;
            db.close().await;
            copied.map_err(|e| failed("the database", chain(&e)))
        })?,
    }
    Ok(engine)
}

fn database_in(config: &Config, engine: Engine, from: &Path) -> Result<(), CommandError> {
    let url = config.database_url();
    match (engine, sqlite_file(config)) {
        (Engine::Sqlite, Some(file)) => {
            if file.exists() {
                let text = format!("{} is there already: move it away first", file.display());
                return Err(failed("the database", text));
            }
            files::copy_file(&from.join(SQLITE_COPY), &file).map_err(|e| failed("the database", e))
        }
        _ => postgres::load(url.expose(), &from.join(POSTGRES_DUMP)),
    }
}

/// Opens what was brought back, with its own keys, and brings its schema up to date.
fn look(config: &Config) -> Result<(), CommandError> {
    runtime()?.block_on(async {
        let db = open_database(config).await.map_err(|e| failed("the restored database", chain(&e)))?;
        let defects = db.defects().await;
        db.close().await;
        match defects.map_err(|e| failed("the restored database", chain(&e)))?.first() {
            None => Ok(()),
            Some(defect) => Err(failed("the restored database", defect)),
        }
    })
}
