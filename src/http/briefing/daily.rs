//! `GET /api/v1/briefings/daily`: the plant's own briefing of each day.

use axum::extract::State;
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Evidence, Language};
use nightshift_domain::production::PlantDate;
use nightshift_store::briefing::Daily;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::App;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, Problem};

/// Which ones are asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DailyQuery {
    /// The day on which it was due, `YYYY-MM-DD`.
    #[param(example = "2026-11-26")]
    date: Option<String>,
    /// `ko` or `en`; the plant's language when absent.
    #[param(example = "ko")]
    language: Option<String>,
    /// Entries to leave out.
    #[param(default = 0, maximum = 10000000)]
    skip: Option<u32>,
    /// Most entries to give.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

/// The briefing of a day.
#[derive(Serialize, ToSchema)]
#[schema(as = DailyBriefing)]
pub(crate) struct DailyOut {
    /// Its number.
    id: i64,
    /// The day on which it was due, in the plant's time.
    #[schema(value_type = String, example = "2026-11-26")]
    date: PlantDate,
    /// From when on it tells.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when it tells.
    #[schema(value_type = String, format = DateTime)]
    until: Timestamp,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    composed_at: Timestamp,
    /// Whether all was well.
    calm: bool,
    /// The language of the text.
    #[schema(example = "ko")]
    language: &'static str,
    /// The text.
    #[schema(example = "이상 없습니다. 지난 24시간 동안 센서 판정 576건이 모두 정상입니다.")]
    text: String,
    /// What its numbers rest on: `{what, value, events, last}`, with sequence numbers of events.
    #[schema(value_type = Vec<Object>)]
    evidence: Vec<Evidence>,
}

impl DailyOut {
    fn new(daily: Daily, language: Language) -> Self {
        Self {
            id: daily.id,
            date: daily.day,
            from: daily.from,
            until: daily.until,
            composed_at: daily.composed_at,
            calm: daily.calm,
            language: language.as_str(),
            text: match language {
                Language::Ko => daily.text_ko,
                Language::En => daily.text_en,
            },
            evidence: daily.evidence,
        }
    }
}

/// The plant's own briefings, the newest first.
#[utoipa::path(
    get, path = "/api/v1/briefings/daily",
    operation_id = "briefings_daily", tag = "briefing",
    params(DailyQuery),
    responses(
        (status = 200, description = "The briefings.", body = [DailyOut],
            headers(("X-Total-Count" = i64, description = "How many there are"), ("Link" = String, description = "Where the rest is"))),
        AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    uri: Uri,
    Query(query): Query<DailyQuery>,
) -> Result<Response, Problem> {
    let refused =
        |name: &str, text: &str| Problem::field(vec!["query".into(), name.into()], text, "value_error");
    let part = Page::new(query.skip, query.limit).checked()?;
    let date: Option<PlantDate> = query
        .date
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(|_| refused("date", "must be a date, YYYY-MM-DD"))?;
    let language = match query.language.as_deref() {
        Some(word) => Language::from_word(word).ok_or_else(|| refused("language", "must be `ko` or `en`"))?,
        None => app.config.briefing.daily_language(),
    };
    let page = app.plant.briefing().dailies(date, slice(part)).await?;
    let out: Vec<DailyOut> = page.items.into_iter().map(|daily| DailyOut::new(daily, language)).collect();
    Ok(listed(&uri, &out, page.total, part))
}
