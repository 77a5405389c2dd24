//! `/api/v1/models`: which model judges, how the one that is tried compares, and an administrator's word on it.

use std::time::Duration;

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use nightshift_actors::{ComparisonView, ModelsView};
use nightshift_domain::Timestamp;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::problem::{AnyError, ConflictError, NotFoundError, Problem};

/// Hours that are compared when the request does not say: a week.
const HOURS_DEFAULT: u32 = 168;
/// Most hours: ten years, longer than anything is kept.
const HOURS_MAX: u32 = 87_600;
/// Examples when the request does not say.
const EXAMPLES_DEFAULT: u32 = 10;
/// Most examples.
const EXAMPLES_MAX: u32 = 100;

/// The models that are loaded, and what each does.
#[derive(ToSchema)]
#[schema(as = Models)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct ModelsOut {
    /// Judges sensors that name no model.
    #[schema(example = "detector")]
    live: String,
    /// Is tried on the same windows, without consequences.
    #[schema(example = "candidate")]
    shadow: Option<String>,
    /// Why a promotion that was never taken back does not stand: its model is not loaded any more, or with other weights.
    note: Option<String>,
    /// The models.
    models: Vec<ModelOut>,
    /// The newest promotions, at most 20, those that were taken back among them.
    promotions: Vec<PromotionOut>,
}

/// A model.
#[derive(ToSchema)]
#[schema(as = Model)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct ModelOut {
    /// Its id.
    #[schema(example = "candidate")]
    id: String,
    /// `gru` or `detector`.
    #[schema(example = "detector")]
    kind: String,
    /// Version that its card gives; empty without one.
    #[schema(example = "2")]
    version: String,
    /// SHA-256 of its weights, hexadecimal.
    digest: String,
    /// Parameters.
    #[schema(example = 10369)]
    parameters: usize,
    /// Scores of windows alone above this are abnormal where the sensor has no threshold of its own.
    threshold: f64,
    /// `live`, `shadow` or `spare`.
    #[schema(example = "shadow")]
    role: String,
}

/// A model that was put in the place of another one.
#[derive(ToSchema)]
#[schema(as = Promotion)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct PromotionOut {
    /// Its number.
    id: i64,
    /// The model that was promoted.
    model_id: String,
    /// SHA-256 of its weights.
    model_digest: String,
    /// The model that judged before.
    replaced_id: String,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    promoted_at: Timestamp,
    /// By whom.
    #[schema(example = "admin")]
    promoted_by: String,
    /// When it was taken back.
    #[schema(value_type = Option<String>, format = DateTime)]
    undone_at: Option<Timestamp>,
    /// By whom.
    undone_by: Option<String>,
}

/// How the verdicts of a model that was tried compare with those that counted.
#[derive(ToSchema)]
#[schema(as = ModelComparison)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct ComparisonOut {
    /// The model that was tried.
    #[schema(example = "candidate")]
    model_id: String,
    /// SHA-256 of its weights: verdicts of other weights under that name are left out.
    digest: String,
    /// What it does now: `live`, `shadow` or `spare`.
    #[schema(example = "shadow")]
    role: String,
    /// Verdicts decided from here on are compared.
    #[schema(value_type = String, format = DateTime)]
    since: Timestamp,
    /// When the first of them was decided.
    #[schema(value_type = Option<String>, format = DateTime)]
    first: Option<Timestamp>,
    /// When the last one was.
    #[schema(value_type = Option<String>, format = DateTime)]
    last: Option<Timestamp>,
    /// Windows that both judged.
    #[schema(example = 1200)]
    windows: u64,
    /// Sensors that they are of.
    #[schema(example = 50)]
    sensors: u64,
    /// Normal, said both.
    both_normal: u64,
    /// Abnormal, said both.
    both_abnormal: u64,
    /// Abnormal, said the live model alone.
    live_only: u64,
    /// Abnormal, said the tried one alone.
    shadow_only: u64,
    /// Share of windows on which both said the same; absent without a window.
    #[schema(example = 0.985)]
    agreement: Option<f64>,
    /// Cohen's kappa, the agreement beyond chance: 1 is complete, 0 is chance. Absent where both always said the same word.
    #[schema(example = 0.71)]
    kappa: Option<f64>,
    /// Share of windows that the live model called abnormal.
    #[schema(example = 0.021)]
    live_abnormal: Option<f64>,
    /// Share of windows that the tried one called abnormal.
    #[schema(example = 0.024)]
    shadow_abnormal: Option<f64>,
    /// The newest windows on which they disagree.
    examples: Vec<DisagreementOut>,
}

/// A window on which they disagree.
#[derive(ToSchema)]
#[schema(as = ModelDisagreement)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct DisagreementOut {
    /// The result that counted.
    result_id: i64,
    /// The sensor.
    #[schema(example = "wando01")]
    sensor_id: String,
    /// The instant that was judged.
    #[schema(value_type = String, format = DateTime)]
    as_of: Timestamp,
    /// What the live model said.
    live: ComparedOut,
    /// What the tried one said.
    shadow: ComparedOut,
}

/// A verdict in a comparison.
#[derive(ToSchema)]
#[schema(as = ComparedVerdict)]
#[expect(dead_code, reason = "describes a type of the plant")]
pub(crate) struct ComparedOut {
    /// `normal` or `abnormal`.
    #[schema(example = "abnormal")]
    verdict: String,
    /// The score; those of two models are not comparable.
    score: Option<f64>,
    /// What it was compared with.
    threshold: Option<f64>,
}

/// What is compared.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Span {
    /// The last so many hours.
    #[param(default = 168, minimum = 1, maximum = 87600)]
    hours: Option<u32>,
    /// Most examples.
    #[param(default = 10, minimum = 0, maximum = 100)]
    examples: Option<u32>,
}

impl Span {
    fn checked(&self) -> Result<(Duration, u32), Problem> {
        let refuse = |name: &str, text: String| {
            Err(Problem::field(vec!["query".into(), name.into()], text, "value_error"))
        };
        let (hours, examples) =
            (self.hours.unwrap_or(HOURS_DEFAULT), self.examples.unwrap_or(EXAMPLES_DEFAULT));
        if !(1..=HOURS_MAX).contains(&hours) {
            return refuse("hours", format!("must be 1 to {HOURS_MAX}"));
        }
        if examples > EXAMPLES_MAX {
            return refuse("examples", format!("must be 0 to {EXAMPLES_MAX}"));
        }
        Ok((Duration::from_secs(u64::from(hours) * 3_600), examples))
    }
}

/// The models that are loaded, which of them judges, and which one is tried.
#[utoipa::path(
    get, path = "/api/v1/models",
    operation_id = "models_list", tag = "models",
    responses((status = 200, description = "The models.", body = ModelsOut), AnyError)
)]
pub(crate) async fn list(State(app): State<App>) -> Result<JsonBody<ModelsView>, Problem> {
    Ok(JsonBody(app.plant.sensing().models().await?))
}

/// How the verdicts of a model that was tried compare with those that counted.
#[utoipa::path(
    get, path = "/api/v1/models/{model_id}/compare",
    operation_id = "models_compare", tag = "models",
    params(("model_id" = String, Path, example = "candidate"), Span),
    responses((status = 200, description = "The figures.", body = ComparisonOut), NotFoundError, AnyError)
)]
pub(crate) async fn compare(
    State(app): State<App>,
    Path(id): Path<String>,
    Query(span): Query<Span>,
) -> Result<JsonBody<ComparisonView>, Problem> {
    let (past, examples) = span.checked()?;
    Ok(JsonBody(app.plant.sensing().compare(&id, past, examples).await?))
}

/// Puts the model that is tried in the place of the one that judges; that one is tried from then on. Audited.
#[utoipa::path(
    post, path = "/api/v1/models/{model_id}/promote",
    operation_id = "models_promote", tag = "models",
    params(("model_id" = String, Path, example = "candidate")),
    responses((status = 200, description = "Promoted.", body = ModelsOut), NotFoundError, ConflictError, AnyError)
)]
pub(crate) async fn promote(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<JsonBody<ModelsView>, Problem> {
    Ok(JsonBody(app.plant.sensing().promote(&caller.by(), &id).await?))
}

/// Takes the newest promotion back: the model that judged before judges again. Audited.
#[utoipa::path(
    post, path = "/api/v1/models/rollback",
    operation_id = "models_roll_back", tag = "models",
    responses((status = 200, description = "Taken back.", body = ModelsOut), ConflictError, AnyError)
)]
pub(crate) async fn roll_back(
    State(app): State<App>,
    caller: Caller,
) -> Result<JsonBody<ModelsView>, Problem> {
    Ok(JsonBody(app.plant.sensing().roll_back(&caller.by()).await?))
}
