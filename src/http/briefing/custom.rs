//! `POST /getCustom` and `/updateCustom`: what a person wishes of the texts.

use axum::Json as JsonBody;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::asker::asker;
use super::bodies::{Fields, WhoIn};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::invalid_body;
use crate::http::problem::{AnyError, BodyError, Problem};

/// What today's clients are told.
const DONE: &str = "success to update Custom";

/// A person's wishes.
#[derive(Deserialize, ToSchema)]
#[schema(as = BriefingCustom)]
pub(crate) struct CustomIn {
    /// The name; the one who is signed in when absent.
    #[schema(example = "kim", max_length = 50)]
    username: Option<String>,
    /// JSON text of an array of texts; in a JSON body the array itself is taken too.
    #[schema(value_type = String, example = "[\"영어로 대답해 줘\",\"공손하게\",\"짧게\"]")]
    custom_list: Wishes,
}

/// Wishes, as text or as they are.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected JSON text of an array of texts")]
pub(crate) enum Wishes {
    /// JSON text.
    Text(String),
    /// The array itself.
    List(Vec<String>),
}

impl Wishes {
    fn list(self) -> Result<Vec<String>, Problem> {
        match self {
            Self::List(list) => Ok(list),
            Self::Text(text) => serde_json::from_str(&text).map_err(|e| {
                invalid_body(&["custom_list"], format!("must be JSON text of an array of texts: {e}"))
            }),
        }
    }
}

/// What a person wishes of the texts.
#[utoipa::path(
    post, path = "/getCustom",
    operation_id = "briefing_custom", tag = "briefing",
    request_body(content((WhoIn = "application/x-www-form-urlencoded"), (WhoIn = "application/json"))),
    responses((status = 200, description = "The wishes.", body = [String]), BodyError, AnyError)
)]
pub(crate) async fn show(
    State(app): State<App>,
    caller: Caller,
    Fields(given): Fields<WhoIn>,
) -> Result<JsonBody<Vec<String>>, Problem> {
    let name = asker(&caller, given.username.as_deref(), "body")?;
    let custom = app.plant.briefing().custom(&name).await;
    let custom = custom.map_err(|error| Problem::from(error).within("GetCustom Error"))?;
    Ok(JsonBody(custom.wishes().to_vec()))
}

/// Sets what a person wishes; a running briefing heeds it with its next text. At most 10 texts of 200 characters.
#[utoipa::path(
    post, path = "/updateCustom",
    operation_id = "briefing_custom_set", tag = "briefing",
    request_body(content((CustomIn = "application/x-www-form-urlencoded"), (CustomIn = "application/json"))),
    responses((status = 200, description = "`success to update Custom`.", body = String, content_type = "application/json"), BodyError, AnyError)
)]
pub(crate) async fn set(
    State(app): State<App>,
    caller: Caller,
    Fields(given): Fields<CustomIn>,
) -> Result<JsonBody<&'static str>, Problem> {
    let name = asker(&caller, given.username.as_deref(), "body")?;
    let set = app.plant.briefing().set_custom(&name, given.custom_list.list()?).await;
    set.map_err(|error| Problem::from(error).within("UpdateCustom Error"))?;
    Ok(JsonBody(DONE))
}
