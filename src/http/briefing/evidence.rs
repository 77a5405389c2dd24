//! `GET /api/v1/briefings/{request_id}/texts`: what was told, and the events that its numbers rest on.

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_domain::Timestamp;
use nightshift_domain::briefing::{Evidence, RequestId};
use nightshift_store::briefing::ToldText;
use serde::Serialize;
use utoipa::ToSchema;

use super::asker::owner;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::paging::{Page, page_of, slice};
use crate::http::problem::{AnyError, NotFoundError, Problem};
use crate::http::production::find::id;

/// What a number in a text rests on.
#[derive(Serialize, ToSchema)]
#[schema(as = BriefingEvidence)]
pub(crate) struct EvidenceOut {
    /// What was counted or measured, as `<domain>.<thing>`.
    #[schema(example = "observation.person")]
    what: String,
    /// The number.
    #[schema(example = 3.0)]
    value: f64,
    /// Sequence numbers of its events, the first 50.
    #[schema(example = json!([4711]))]
    events: Vec<i64>,
    /// The newest of them.
    #[schema(example = 4711)]
    last: i64,
}

impl From<Evidence> for EvidenceOut {
    fn from(Evidence { what, value, events, last }: Evidence) -> Self {
        Self { what, value, events, last }
    }
}

/// A text of a briefing.
#[derive(Serialize, ToSchema)]
#[schema(as = BriefingText)]
pub(crate) struct TextOut {
    /// Its number in the briefing, from 1.
    #[schema(example = 1)]
    n: i64,
    /// When it was due.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
    /// The text.
    #[schema(example = "카메라 gate-camera: 사람은 3명입니다.")]
    text: String,
    /// Who found the words: `composed` by the plant, or `reworded` by the language model and checked.
    #[schema(example = "composed")]
    source: &'static str,
    /// What its numbers rest on; nothing when it says none that was counted or measured.
    evidence: Vec<EvidenceOut>,
    /// Where the events are read, from the first of them on; absent when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "/api/v1/events?last_event_id=4710")]
    events_url: Option<String>,
}

impl From<ToldText> for TextOut {
    fn from(told: ToldText) -> Self {
        let first = told.evidence.iter().flat_map(|evidence| &evidence.events).min();
        Self {
            // A stream begins behind the event that it is given.
            events_url: first
                .map(|first| format!("/api/v1/events?last_event_id={}", first.saturating_sub(1))),
            n: told.n,
            due_at: told.due_at,
            text: told.text,
            source: told.source.as_str(),
            evidence: told.evidence.into_iter().map(Into::into).collect(),
        }
    }
}

/// The texts of a briefing in their order, each with the events that its numbers rest on.
///
/// Of those who may have the briefing with `getBriefing`. Events are kept for as long as the journal is; reading them asks for
/// the right to.
#[utoipa::path(
    get, path = "/api/v1/briefings/{request_id}/texts",
    operation_id = "briefing_evidence", tag = "briefing",
    params(("request_id" = i64, Path, description = "Its number, as `getAllRequest` gives it.", example = 17), Page),
    responses(
        (status = 200, description = "The texts.", body = [TextOut],
            headers(("X-Total-Count" = i64, description = "How many there are"), ("Link" = String, description = "Where the rest is"))),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    uri: Uri,
    Path(text): Path<String>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let request = RequestId(id("request_id", &text)?);
    let found = app.plant.briefing().told(owner(&caller).as_ref(), request, slice(part)).await?;
    Ok(page_of::<TextOut, _>(&uri, found, part))
}
