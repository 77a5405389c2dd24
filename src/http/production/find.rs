//! What a path names: an id, or a number that people read.

use nightshift_actors::ProductionError;
use nightshift_domain::production::{
    LotId, LotNumber, Process, ProcessRef, Refusal, RunId, SerialId, SerialNumber,
};
use nightshift_store::StoreError;
use nightshift_store::production::{
    LotView, RunView, SerialView, lot_find, lot_find_number, process_find, process_find_number, run_find,
    serial_find, serial_find_number,
};

use crate::http::App;
use crate::http::problem::Problem;

/// What the store answered, or the problem that it could not.
pub(crate) fn stored<T>(answer: Result<T, StoreError>) -> Result<T, Problem> {
    answer.map_err(|error| ProductionError::from(error).into())
}

/// A number of the path.
pub(crate) fn id(name: &str, text: &str) -> Result<i64, Problem> {
    let number = text.parse::<i64>().ok().filter(|n| *n > 0);
    number.ok_or_else(|| {
        Problem::field(vec!["path".into(), name.into()], "must be a whole number above 0", "value_error")
    })
}

/// 404 for a row of a catalogue.
pub(crate) fn missing(what: &str, code: &'static str, name: impl std::fmt::Display) -> Problem {
    Problem::new(axum::http::StatusCode::NOT_FOUND, code, format!("{what} {name} not found"))
}

/// The lot of an id or a number. Digits alone are an id first.
pub(super) async fn lot(app: &App, text: &str) -> Result<LotView, Problem> {
    if let Ok(id) = text.parse::<i64>()
        && let Some(found) = stored(lot_find(&app.db, LotId(id)).await)?
    {
        return Ok(found);
    }
    let found = match LotNumber::parse(text) {
        Ok(number) => stored(lot_find_number(&app.db, number.as_str()).await)?,
        Err(_) => None,
    };
    found.ok_or_else(|| Refusal::LotNotFound { number: short(text) }.into())
}

/// The unit of an id or a number. Digits alone are an id first.
pub(super) async fn serial(app: &App, text: &str) -> Result<SerialView, Problem> {
    if let Ok(id) = text.parse::<i64>()
        && let Some(found) = stored(serial_find(&app.db, SerialId(id)).await)?
    {
        return Ok(found);
    }
    serial_by_number(app, text).await
}

/// The unit of a number.
pub(super) async fn serial_by_number(app: &App, text: &str) -> Result<SerialView, Problem> {
    let found = match SerialNumber::parse(text) {
        Ok(number) => stored(serial_find_number(&app.db, number.as_str()).await)?,
        Err(_) => None,
    };
    found.ok_or_else(|| Refusal::SerialNotFound { number: short(text) }.into())
}

/// The process of an id or `PROC-00n`.
pub(super) async fn process(app: &App, text: &str) -> Result<Process, Problem> {
    let reference =
        text.parse::<ProcessRef>().map_err(|_| Refusal::ProcessNotFound { process: short(text) })?;
    process_of(app, reference).await
}

/// The process that is meant.
pub(super) async fn process_of(app: &App, process: ProcessRef) -> Result<Process, Problem> {
    let found = match process {
        ProcessRef::Id(id) => stored(process_find(&app.db, id).await)?,
        ProcessRef::Number(number) => stored(process_find_number(&app.db, number).await)?,
    };
    found.ok_or_else(|| Refusal::ProcessNotFound { process: process.to_string() }.into())
}

/// A run.
pub(super) async fn run(app: &App, id: RunId) -> Result<RunView, Problem> {
    let found = stored(run_find(&app.db, id).await)?;
    found.ok_or_else(|| missing("process data", "PROCESS_DATA_NOT_FOUND", id))
}

/// What a message quotes of a text that a client sent.
pub(super) fn short(text: &str) -> String {
    text.chars().take(80).collect()
}
