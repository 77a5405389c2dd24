//! `/api/v1/label/print`, `/reprint`, `/preview` and `/templates`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::Json as JsonBody;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use nightshift_actors::{LabelOf, PrintRequest, Printed, ReprintRequest};
use nightshift_domain::labels::{LabelData, LabelJobId, LabelType, PrinterId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::JobOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{Json, Query, invalid_body};
use crate::http::idempotency::IdempotentUnit;
use crate::http::identity::types::Done;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError};
use crate::http::production::bodies::{Name, field};

/// Seconds to wait for the printer when the request does not say.
const WAIT_S_DEFAULT: f64 = 2.0;
/// Longest wait, seconds.
const WAIT_S_MAX: f64 = 20.0;

/// A label that is to be printed.
#[derive(Deserialize, ToSchema)]
pub(crate) struct PrintIn {
    /// The unit whose label it is.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The lot whose label it is, when there is no `serial_number`.
    #[schema(example = "WF-KR-251110D-001")]
    lot_number: Option<String>,
    /// The kind of label; `SERIAL` or `LOT` by what is named. Needed for other kinds, with `data`.
    #[schema(example = "SERIAL")]
    label_type: Option<String>,
    /// Where.
    #[schema(example = "ZEBRA-01")]
    printer_id: String,
    /// How many.
    #[schema(default = 1, minimum = 1, maximum = 10)]
    copies: Option<u32>,
    /// Fields of the template, on top of those of the lot or unit. `number` is what the code says.
    data: Option<BTreeMap<String, String>>,
    /// Seconds to wait for the printer: 201 when it took the label by then, else 202.
    #[schema(default = 2, minimum = 0, maximum = 20)]
    wait_s: Option<f64>,
    /// Whether the label waits for a printer that cannot print now (202). Else that is 503, and nothing waits.
    #[schema(default = false)]
    queue: Option<bool>,
}

/// A label that is to be printed once more.
#[derive(Deserialize, ToSchema)]
pub(crate) struct ReprintIn {
    /// The job that printed it, or was to; the newest of `serial_number` or `lot_number` when absent.
    #[schema(example = 1)]
    job_id: Option<i64>,
    /// The unit.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The lot.
    lot_number: Option<String>,
    /// Why: it is kept.
    #[schema(example = "라벨 훼손", max_length = 500)]
    reason: String,
    /// Who says so; the one who asks when absent.
    #[schema(example = "W001")]
    worker_id: Option<Name>,
    /// Where, when it is another printer.
    #[schema(example = "ZEBRA-01")]
    printer_id: Option<String>,
    /// How many, when it is another number.
    #[schema(minimum = 1, maximum = 10)]
    copies: Option<u32>,
    /// As with print.
    #[schema(default = 2, minimum = 0, maximum = 20)]
    wait_s: Option<f64>,
    /// As with print.
    #[schema(default = false)]
    queue: Option<bool>,
}

/// Which label.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// The unit.
    #[param(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The lot.
    lot_number: Option<String>,
    /// The kind of label.
    label_type: Option<String>,
    /// Fields of the template, as a JSON object.
    data: Option<String>,
}

/// A kind of label.
#[derive(Serialize, ToSchema)]
#[schema(as = LabelTemplate)]
pub(crate) struct TemplateOut {
    /// Its name.
    #[schema(example = "LOT")]
    label_type: String,
    /// Its width, dots (203 to an inch).
    width: u32,
    /// Its height, dots.
    height: u32,
}

const WAITING: &str = "출력 대기 중입니다 / waiting for the printer";

/// Prints a label: 201 once the printer took it, 202 while it waits. 503 `PRINTER_NOT_CONNECTED` or
/// `PRINTER_OUT_OF_PAPER` (also: no ribbon, head open, paused, no answer) when it cannot be printed now; nothing waits then.
#[utoipa::path(
    post, path = "/api/v1/label/print",
    operation_id = "label_print", tag = "labels", request_body = PrintIn,
    responses(
        (status = 201, description = "The printer took it.", body = Done<JobOut>, headers(("Location" = String, description = "The job"))),
        (status = 202, description = "It waits for the printer.", body = Done<JobOut>, headers(("Location" = String, description = "The job"))),
        RuleError, NotFoundError, BodyError, AnyError,
    )
)]
pub(crate) async fn print(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(given): Json<PrintIn>,
) -> Result<Response, Problem> {
    let label_type = label_type(given.label_type.as_deref())?;
    let of = of(given.serial_number, given.lot_number, label_type.as_ref(), given.data.as_ref())?;
    let request = PrintRequest {
        printer_id: field("printer_id", given.printer_id.trim())?,
        of,
        label_type,
        copies: given.copies.unwrap_or(1),
        data: LabelData::new(given.data.unwrap_or_default())?,
        may_wait: given.queue.unwrap_or(false),
        wait: wait(given.wait_s)?,
    };
    let once = unit.answering(StatusCode::ACCEPTED, waiting);
    Ok(answer(app.plant.labels().print(&caller.by(), request, once).await?))
}

/// Prints a label once more. The reason, who gave it and when are kept with the job.
#[utoipa::path(
    post, path = "/api/v1/label/reprint",
    operation_id = "label_reprint", tag = "labels", request_body = ReprintIn,
    responses(
        (status = 201, description = "The printer took it.", body = Done<JobOut>, headers(("Location" = String, description = "The job"))),
        (status = 202, description = "It waits for the printer.", body = Done<JobOut>, headers(("Location" = String, description = "The job"))),
        RuleError, NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn reprint(
    State(app): State<App>,
    caller: Caller,
    unit: IdempotentUnit,
    Json(given): Json<ReprintIn>,
) -> Result<Response, Problem> {
    let labels = app.plant.labels();
    let job = match (given.job_id, given.serial_number.or(given.lot_number)) {
        (Some(id), _) => LabelJobId(id),
        (None, Some(number)) => {
            let number = number.trim().to_owned();
            let found = labels.newest_job_of(&number).await?;
            let shown: String = number.chars().take(80).collect();
            let missing = || {
                let text = format!("no label of {shown} was ever printed: print it");
                Problem::new(StatusCode::NOT_FOUND, "LABEL_JOB_NOT_FOUND", text)
            };
            found.ok_or_else(missing)?.id
        }
        (None, None) => return Err(invalid_body(&["job_id"], "a job, a unit or a lot must be named")),
    };
    let printer_id: Option<PrinterId> =
        given.printer_id.map(|id| field("printer_id", id.trim())).transpose()?;
    let request = ReprintRequest {
        job,
        reason: given.reason,
        worker: given.worker_id.map(|name| name.text().into_owned()),
        printer_id,
        copies: given.copies,
        may_wait: given.queue.unwrap_or(false),
        wait: wait(given.wait_s)?,
    };
    let once = unit.answering(StatusCode::ACCEPTED, waiting);
    Ok(answer(labels.reprint(&caller.by(), request, once).await?))
}

/// A drawing of a label, as it would be printed.
#[utoipa::path(
    get, path = "/api/v1/label/preview",
    operation_id = "label_preview", tag = "labels", params(Which),
    responses((status = 200, description = "The drawing.", body = String, content_type = "image/svg+xml"), RuleError, NotFoundError, AnyError)
)]
pub(crate) async fn preview(State(app): State<App>, Query(which): Query<Which>) -> Result<Response, Problem> {
    let at = |name: &str| vec!["query".into(), name.into()];
    let label_type = which
        .label_type
        .map(|text| text.parse::<LabelType>())
        .transpose()
        .map_err(|e| Problem::field(at("label_type"), e.to_string(), "value_error"))?;
    let data: Option<BTreeMap<String, String>> =
        which.data.map(|text| serde_json::from_str(&text)).transpose().map_err(|e| {
            Problem::field(at("data"), format!("must be a JSON object of texts: {e}"), "value_error")
        })?;
    let of = of(which.serial_number, which.lot_number, label_type.as_ref(), data.as_ref())
        .map_err(|_| Problem::field(at("serial_number"), NEEDED, "missing"))?;
    let data = LabelData::new(data.unwrap_or_default())?;
    let svg = app.plant.labels().preview(&of, label_type, data).await?;
    let mut response = svg.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml"));
    // Opened by itself, a drawing must not be able to do anything.
    let policy = HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'");
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// The kinds of labels there are.
#[utoipa::path(
    get, path = "/api/v1/label/templates",
    operation_id = "label_templates", tag = "labels",
    responses((status = 200, description = "The kinds.", body = Vec<TemplateOut>), AnyError)
)]
pub(crate) async fn templates(State(app): State<App>) -> JsonBody<Vec<TemplateOut>> {
    let templates = app.plant.labels().templates().iter();
    let shown = templates.map(|(label, template)| TemplateOut {
        label_type: label.to_string(),
        width: template.width,
        height: template.height,
    });
    JsonBody(shown.collect())
}

const NEEDED: &str = "a unit, a lot, or a label_type with data.number must be named";

fn label_type(text: Option<&str>) -> Result<Option<LabelType>, Problem> {
    text.map(|text| field("label_type", text.trim())).transpose()
}

/// What the label is put on.
fn of(
    serial: Option<String>,
    lot: Option<String>,
    label_type: Option<&LabelType>,
    data: Option<&BTreeMap<String, String>>,
) -> Result<LabelOf, Problem> {
    let named = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    match (serial.and_then(named), lot.and_then(named)) {
        (Some(serial), _) => Ok(LabelOf::Serial(serial)),
        (None, Some(lot)) => Ok(LabelOf::Lot(lot)),
        (None, None) => {
            let number = data.and_then(|data| data.get("number"));
            let (Some(label_type), Some(number)) = (label_type, number) else {
                return Err(invalid_body(&["serial_number"], NEEDED));
            };
            Ok(LabelOf::Other { number: number.clone(), label_type: label_type.clone() })
        }
    }
}

fn wait(seconds: Option<f64>) -> Result<Duration, Problem> {
    let seconds = seconds.unwrap_or(WAIT_S_DEFAULT);
    if (0.0..=WAIT_S_MAX).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(invalid_body(&["wait_s"], format!("must be 0 to {WAIT_S_MAX}")))
}

fn answer(printed: Printed) -> Response {
    let (status, message) = match printed.taken {
        true => (StatusCode::CREATED, "출력되었습니다 / the printer took it"),
        false => (StatusCode::ACCEPTED, WAITING),
    };
    let location = location(&printed);
    let body = JsonBody(Done::new(message, JobOut::from(printed.job)));
    (status, [(header::LOCATION, location)], body).into_response()
}

/// What is answered of a job when nothing more is known than that it is queued.
fn waiting(printed: &Printed) -> (String, Done<JobOut>) {
    (location(printed), Done::new(WAITING, JobOut::from(printed.job.clone())))
}

fn location(printed: &Printed) -> String {
    format!("/api/v1/label/jobs/{}", printed.job.id)
}
