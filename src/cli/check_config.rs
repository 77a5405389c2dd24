//! `nightshift check-config`: the configuration as it comes out of all layers, secrets redacted.

use std::process::ExitCode;

use super::{CommandError, output};
use crate::config::Config;

pub(super) fn run(config: &Config) -> Result<ExitCode, CommandError> {
    output::json(config);
    Ok(ExitCode::SUCCESS)
}
