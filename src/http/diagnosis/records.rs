//! `/diagnosis/record…`: what came of completed diagnoses. Every read is in the audit.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use nightshift_actors::RecordQuery;
use nightshift_domain::diagnosis::{Comparison, Kind, KoreaTime, Level, POINTS_MAX, PatientId, Series};
use nightshift_domain::production::Calendar;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::views::{MetadataOut, RecordOut};
use super::{asker, diagnosis_id};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, NotFoundError, Problem};
use crate::http::production::spans::Span;

/// Points of a line when the request does not say.
const POINTS_DEFAULT: usize = 1_000;

/// Whose records.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// One patient's; those of all own patients when absent.
    #[param(example = 1)]
    patient_id: Option<i64>,
}

/// What is compared.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Compared {
    /// Whose records.
    #[param(example = 1)]
    patient_id: i64,
    /// NONE, BALANCEBALL, FITBOX or TENNISBALL.
    #[serde(rename = "type")]
    #[param(value_type = String, example = "TENNISBALL")]
    kind: String,
    /// 1 to 3.
    #[param(example = 2, minimum = 1, maximum = 3)]
    level: i64,
}

/// How fine.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Fineness {
    /// Most points of each line.
    #[param(default = 1000, minimum = 2, maximum = 20000)]
    points: Option<usize>,
}

/// A record for plotting.
#[derive(Serialize, ToSchema)]
pub(crate) struct SeriesOut {
    /// The record.
    #[schema(example = 5)]
    id: i64,
    /// Rows of the file.
    #[schema(example = 4288)]
    rows: u64,
    /// Most points of each line.
    #[schema(example = 1000)]
    points: usize,
    /// The lines: rotation, position where there is one, score and state.
    series: Vec<LineOut>,
}

/// A line of a chart.
#[derive(Serialize, ToSchema)]
#[schema(as = ChartLine)]
pub(crate) struct LineOut {
    /// The column.
    #[schema(example = "Rotation_X")]
    name: &'static str,
    /// Pairs of seconds since the first row and the value. Of each stretch the lowest and the highest stay.
    #[schema(value_type = Vec<Vec<f64>>, example = json!([[0.0, 1.25], [0.014, 1.2]]))]
    points: Vec<(f64, f64)>,
}

impl From<Series> for LineOut {
    fn from(series: Series) -> Self {
        Self { name: series.name, points: series.points }
    }
}

/// How a record stands against another.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProgressOut {
    /// Score gained.
    score: f64,
    /// Seconds taken more.
    time_spent: f64,
    /// Successes gained.
    successes: i64,
    /// Fails more.
    fails: i64,
}

/// A record among its like.
#[derive(Serialize, ToSchema)]
pub(crate) struct ComparisonOut {
    /// The record.
    #[schema(example = 5)]
    id: i64,
    /// When it was completed, in Korea time.
    #[schema(value_type = String, format = DateTime)]
    created_at: KoreaTime,
    /// The score of the last row.
    #[schema(example = 18.0)]
    score: f64,
    /// Seconds from the first row to the last.
    #[schema(example = 60.035)]
    time_spent: f64,
    /// Rows a second.
    #[schema(example = 71.425)]
    fps: f64,
    /// Rows in which the state rose.
    #[schema(example = 18)]
    successes: u64,
    /// Rows in which it fell.
    #[schema(example = 5)]
    fails: u64,
    /// Successes among all that succeeded or failed, 0 to 1.
    #[schema(example = 0.78)]
    success_rate: Option<f64>,
    /// Against the record before.
    since_last: Option<ProgressOut>,
    /// Against the first one.
    since_first: Option<ProgressOut>,
}

impl From<Comparison> for ComparisonOut {
    fn from(line: Comparison) -> Self {
        let progress = |p: nightshift_domain::diagnosis::Progress| ProgressOut {
            score: p.score,
            time_spent: p.time_spent,
            successes: p.successes,
            fails: p.fails,
        };
        Self {
            id: line.id.0,
            created_at: line.created_at,
            score: line.summary.score,
            time_spent: line.summary.time_spent,
            fps: line.summary.fps,
            successes: line.summary.successes,
            fails: line.summary.fails,
            success_rate: line.success_rate,
            since_last: line.since_last.map(progress),
            since_first: line.since_first.map(progress),
        }
    }
}

/// Records of the own patients, the newest first. Dates are Korea's, the last one included.
#[utoipa::path(
    get, path = "/diagnosis/record/list",
    operation_id = "diagnosis_records", tag = "diagnosis", params(Which, Span, Page),
    responses((status = 200, description = "The records.", body = [RecordOut]), NotFoundError, AnyError)
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Query(which): Query<Which>,
    Query(span): Query<Span>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let (from, to) = span.instants(&Calendar::default())?;
    let asker = asker(&caller)?;
    let query = RecordQuery {
        doctor_id: asker.user_id,
        patient_id: which.patient_id.map(PatientId),
        kind: None,
        level: None,
        from,
        to,
    };
    let found = app.plant.diagnosis().records(&asker, query, slice(part)).await?;
    let shown: Vec<RecordOut> = found.items.iter().map(Into::into).collect();
    Ok(listed(&uri, &shown, found.total, part))
}

/// A patient's records of one type and level beside each other, the oldest first.
#[utoipa::path(
    get, path = "/diagnosis/record/compare",
    operation_id = "diagnosis_records_compared", tag = "diagnosis", params(Compared, Span),
    responses((status = 200, description = "The records.", body = [ComparisonOut]), NotFoundError, AnyError)
)]
pub(crate) async fn compared(
    State(app): State<App>,
    caller: Caller,
    Query(what): Query<Compared>,
    Query(span): Query<Span>,
) -> Result<JsonBody<Vec<ComparisonOut>>, Problem> {
    let refuse =
        |name: &str, text: String| Problem::field(vec!["query".into(), name.into()], text, "value_error");
    let kind: Kind = what.kind.parse().map_err(|e| refuse("type", format!("{e}")))?;
    let level = Level::try_from(what.level).map_err(|e| refuse("level", e.to_string()))?;
    let span = span.instants(&Calendar::default())?;
    let patient = PatientId(what.patient_id);
    let lines = app.plant.diagnosis().compared(&asker(&caller)?, patient, (kind, level), span).await?;
    Ok(JsonBody(lines.into_iter().map(Into::into).collect()))
}

/// A record's figures.
#[utoipa::path(
    get, path = "/diagnosis/record/{diagnosis_id}/metadata",
    operation_id = "diagnosis_record_metadata", tag = "diagnosis", params(("diagnosis_id" = i64, Path, example = 5)),
    responses((status = 200, description = "The figures.", body = MetadataOut), NotFoundError, AnyError)
)]
pub(crate) async fn metadata(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<JsonBody<MetadataOut>, Problem> {
    let record = app.plant.diagnosis().record(&asker(&caller)?, diagnosis_id(&id)?).await?;
    Ok(JsonBody(MetadataOut::from(&record)))
}

/// The processed file, as an attachment.
#[utoipa::path(
    get, path = "/diagnosis/record/{diagnosis_id}/file",
    operation_id = "diagnosis_record_file", tag = "diagnosis", params(("diagnosis_id" = i64, Path, example = 5)),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/csv"),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn file(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let found = app.plant.diagnosis().record_file(&asker(&caller)?, diagnosis_id(&id)?).await?;
    let name = format!("attachment; filename=\"{}\"", found.record.filename);
    let tag = format!("\"{}\"", found.record.processed_sha256);
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::try_from(name).map_err(Problem::internal)?),
        (header::ETAG, HeaderValue::try_from(tag).map_err(Problem::internal)?),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, found.file).into_response())
}

/// A record for plotting: rotation, position, score and state over time, thinned so that no peak disappears.
#[utoipa::path(
    get, path = "/diagnosis/record/{diagnosis_id}/series",
    operation_id = "diagnosis_record_series", tag = "diagnosis",
    params(("diagnosis_id" = i64, Path, example = 5), Fineness),
    responses((status = 200, description = "The lines.", body = SeriesOut), NotFoundError, AnyError)
)]
pub(crate) async fn series(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    Query(fineness): Query<Fineness>,
) -> Result<JsonBody<SeriesOut>, Problem> {
    let points = fineness.points.unwrap_or(POINTS_DEFAULT);
    if !(2..=POINTS_MAX).contains(&points) {
        let text = format!("must be 2 to {POINTS_MAX}");
        return Err(Problem::field(vec!["query".into(), "points".into()], text, "value_error"));
    }
    let id = diagnosis_id(&id)?;
    let (record, series) = app.plant.diagnosis().record_series(&asker(&caller)?, id, points).await?;
    let series = series.into_iter().map(Into::into).collect();
    Ok(JsonBody(SeriesOut { id: id.0, rows: record.summary.rows, points, series }))
}
