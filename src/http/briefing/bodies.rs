//! Bodies that come as a form, as today's clients send them, or as JSON with the same names.

use axum::extract::{FromRequest, Request};
use nightshift_domain::briefing::RequestId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::http::App;
use crate::http::extract::{media_type, parse_form, parse_object, read_body, unsupported};
use crate::http::problem::Problem;
use crate::http::production::bodies::Name;

/// Content type of a form.
const FORM: &str = "application/x-www-form-urlencoded";
/// Largest body of these routes, bytes.
const BODY_BYTES_MAX: usize = 64 * 1_024;

/// A form, or a JSON object.
pub(crate) struct Fields<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<App> for Fields<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let kind = media_type(request.headers());
        let bytes_max = BODY_BYTES_MAX.min(app.config.http.body_bytes_max.max(1));
        let body = read_body(request, bytes_max, app.body_timeout()).await?;
        let looks_like_json = body.trim_ascii_start().first() == Some(&b'{');
        match kind.as_deref() {
            Some(FORM) => parse_form(&body).map(Self),
            Some("application/json") => parse_object(&body).map(Self),
            None if looks_like_json => parse_object(&body).map(Self),
            None => parse_form(&body).map(Self),
            Some(other) => Err(unsupported(other, &format!("{FORM} or application/json"))),
        }
    }
}

/// Whom a request is about.
#[derive(Deserialize, ToSchema)]
#[schema(as = BriefingUser)]
pub(crate) struct WhoIn {
    /// The name; the one who is signed in when absent.
    #[schema(example = "kim", max_length = 50)]
    pub(crate) username: Option<String>,
}

/// Which briefing a request is about.
#[derive(Deserialize, ToSchema)]
#[schema(as = BriefingRequestRef)]
pub(crate) struct RequestIn {
    /// Its number, as `getAllRequest` gives it.
    #[schema(value_type = String, example = "17")]
    pub(crate) request_id: Name,
}

impl RequestIn {
    pub(crate) fn id(&self) -> Result<RequestId, Problem> {
        let text = self.request_id.text();
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        let id = text.parse::<i64>().ok().filter(|_| digits);
        id.map(RequestId).ok_or_else(|| {
            let loc = vec!["body".into(), "request_id".into()];
            Problem::field(loc, "must be the number of a request", "value_error")
        })
    }
}
