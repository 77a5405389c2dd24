//! `POST /endBriefing`, `/getAllRequest`, `/getBriefing`, `/aiSummary`: what a person did and heard.

use axum::Json as JsonBody;
use axum::extract::State;
use nightshift_domain::briefing::Request;
use nightshift_domain::production::Calendar;
use serde::Serialize;
use utoipa::ToSchema;

use super::asker::{asker, owner};
use super::bodies::{Fields, RequestIn, WhoIn};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::problem::{AnyError, BodyError, NotFoundError, Problem};

/// What a person is told when the briefing has ended.
const ENDED: &str = "브리핑 성공적으로 종료";

/// A word that it was done.
#[derive(Serialize, ToSchema)]
#[schema(as = BriefingEnded)]
pub(crate) struct EndedOut {
    /// `브리핑 성공적으로 종료`.
    #[schema(example = "브리핑 성공적으로 종료")]
    message: &'static str,
}

/// A briefing that a person asked for.
#[derive(Serialize, ToSchema)]
#[schema(as = BriefingRequest)]
pub(crate) struct RequestOut {
    /// Its number.
    #[schema(example = "17")]
    request_id: String,
    /// When it began, in the plant's time.
    #[schema(example = "2026-11-26 21:30:00")]
    request_name: String,
    /// When it ends or was to end, as it was asked for.
    #[schema(example = "10:30 PM")]
    endtime: String,
}

impl RequestOut {
    fn new(request: Request, calendar: &Calendar) -> Self {
        Self {
            request_id: request.id.to_string(),
            request_name: request.request.name(calendar),
            endtime: request.request.end_text,
        }
    }
}

/// Ends the running briefing. Ending when none runs is no mistake.
#[utoipa::path(
    post, path = "/endBriefing",
    operation_id = "briefing_end", tag = "briefing",
    request_body(content((WhoIn = "application/x-www-form-urlencoded"), (WhoIn = "application/json"))),
    responses((status = 200, description = "None runs any more.", body = EndedOut), BodyError, AnyError)
)]
pub(crate) async fn end(
    State(app): State<App>,
    caller: Caller,
    Fields(given): Fields<WhoIn>,
) -> Result<JsonBody<EndedOut>, Problem> {
    let name = asker(&caller, given.username.as_deref(), "body")?;
    let ended = app.plant.briefing().end(&name).await;
    ended.map_err(|error| Problem::from(error).within("EndBriefing Error"))?;
    Ok(JsonBody(EndedOut { message: ENDED }))
}

/// A person's briefings, the newest first; at most 1,000.
#[utoipa::path(
    post, path = "/getAllRequest",
    operation_id = "briefing_requests", tag = "briefing",
    request_body(content((WhoIn = "application/x-www-form-urlencoded"), (WhoIn = "application/json"))),
    responses((status = 200, description = "The briefings.", body = [RequestOut]), BodyError, AnyError)
)]
pub(crate) async fn list(
    State(app): State<App>,
    caller: Caller,
    Fields(given): Fields<WhoIn>,
) -> Result<JsonBody<Vec<RequestOut>>, Problem> {
    let name = asker(&caller, given.username.as_deref(), "body")?;
    let briefing = app.plant.briefing();
    let requests = briefing.requests(&name).await;
    let requests = requests.map_err(|error| Problem::from(error).within("GetAllRequest Error"))?;
    Ok(JsonBody(requests.into_iter().map(|r| RequestOut::new(r, briefing.calendar())).collect()))
}

/// The texts of a briefing, in their order.
#[utoipa::path(
    post, path = "/getBriefing",
    operation_id = "briefing_texts", tag = "briefing",
    request_body(content((RequestIn = "application/x-www-form-urlencoded"), (RequestIn = "application/json"))),
    responses((status = 200, description = "The texts.", body = [String]), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn texts(
    State(app): State<App>,
    caller: Caller,
    Fields(given): Fields<RequestIn>,
) -> Result<JsonBody<Vec<String>>, Problem> {
    let id = given.id()?;
    let texts = app.plant.briefing().texts(owner(&caller).as_ref(), id).await;
    Ok(JsonBody(texts.map_err(|error| Problem::from(error).within("GetBriefing Error"))?))
}

/// Three lines that sum a briefing up so far.
#[utoipa::path(
    post, path = "/aiSummary",
    operation_id = "briefing_summary", tag = "briefing",
    request_body(content((RequestIn = "application/x-www-form-urlencoded"), (RequestIn = "application/json"))),
    responses((status = 200, description = "Three lines.", body = String, content_type = "application/json"), NotFoundError, BodyError, AnyError)
)]
pub(crate) async fn summary(
    State(app): State<App>,
    caller: Caller,
    Fields(given): Fields<RequestIn>,
) -> Result<JsonBody<String>, Problem> {
    let id = given.id()?;
    let summary = app.plant.briefing().summary(owner(&caller).as_ref(), id).await;
    Ok(JsonBody(summary.map_err(|error| Problem::from(error).within("AiSummary Error"))?))
}
