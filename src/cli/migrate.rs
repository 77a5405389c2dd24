//! `nightshift migrate`: brings the database's schema up to date.

use std::process::ExitCode;

use nightshift_store::{Db, DbOptions};

use super::{CommandError, output, runtime};
use crate::config::Config;
use crate::serve::{chain, lock_data_dir};

pub(super) fn run(config: &Config, json: bool) -> Result<ExitCode, CommandError> {
    let _lock = lock_data_dir(&config.data_dir).map_err(CommandError::failed)?;
    let report = runtime()?.block_on(async {
        let db = Db::connect(&DbOptions::new(config.database_url().expose())).await?;
        let report = db.migrate().await;
        db.close().await;
        report
    });
    let report = report.map_err(|e| CommandError::Failed(format!("the database: {}", chain(&e))))?;
    if json {
        output::json(&serde_json::json!({ "applied": report.applied, "version": report.version }));
    } else if report.applied.is_empty() {
        output::line(&format!("the schema is up to date (version {})", report.version));
    } else {
        output::line(&format!("applied {:?}; the schema is at version {}", report.applied, report.version));
    }
    Ok(ExitCode::SUCCESS)
}
