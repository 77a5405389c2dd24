//! `nightshift openapi`: the description of every route, as `/openapi.json` serves it.

use std::process::ExitCode;

use super::{CommandError, output};

pub(super) fn run() -> Result<ExitCode, CommandError> {
    output::json(&crate::openapi_document());
    Ok(ExitCode::SUCCESS)
}
