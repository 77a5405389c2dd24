//! Lists: `skip` and `limit` in, a bare array with `X-Total-Count` and `Link` out.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use nightshift_store::Slice;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;

use super::problem::Problem;

/// Entries in an answer when the request does not say.
const LIMIT_DEFAULT: u32 = 100;
/// Most entries in one answer.
pub(crate) const LIMIT_MAX: u32 = 1_000;
/// Farthest that a list can be skipped into.
const SKIP_MAX: u32 = 10_000_000;

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(default)]
pub(crate) struct Page {
    /// Entries to leave out.
    #[param(default = 0, maximum = 10000000)]
    skip: Option<u32>,
    /// Most entries to give.
    #[param(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<u32>,
}

impl Page {
    pub(crate) fn new(skip: Option<u32>, limit: Option<u32>) -> Self {
        Self { skip, limit }
    }

    /// As it was asked for.
    pub(crate) fn asked(self) -> (Option<u32>, Option<u32>) {
        (self.skip, self.limit)
    }

    /// `(skip, limit)`, checked.
    pub(crate) fn checked(self) -> Result<(u32, u32), Problem> {
        let (skip, limit) = (self.skip.unwrap_or(0), self.limit.unwrap_or(LIMIT_DEFAULT));
        let refuse = |name: &str, allowed: String| {
            Problem::field(vec!["query".into(), name.into()], format!("must be {allowed}"), "value_error")
        };
        if !(1..=LIMIT_MAX).contains(&limit) {
            return Err(refuse("limit", format!("1 to {LIMIT_MAX}")));
        }
        if skip > SKIP_MAX {
            return Err(refuse("skip", format!("at most {SKIP_MAX}")));
        }
        Ok((skip, limit))
    }
}

/// The part that is asked for, as the store takes it.
pub(crate) fn slice((skip, limit): (u32, u32)) -> Slice {
    Slice { skip: u64::from(skip), limit }
}

/// A part of a list with what a client needs to get the rest.
pub(crate) fn listed<T: Serialize>(
    uri: &Uri,
    entries: &[T],
    total: u64,
    (skip, limit): (u32, u32),
) -> Response {
    let mut response = Json(entries).into_response();
    let headers = response.headers_mut();
    headers.insert(HeaderName::from_static("x-total-count"), total.into());
    let (skip, limit) = (u64::from(skip), u64::from(limit));
    let mut links = Vec::new();
    if skip + limit < total {
        links.push(format!("<{}>; rel=\"next\"", with_skip(uri, skip + limit, limit)));
    }
    if skip > 0 {
        links.push(format!("<{}>; rel=\"prev\"", with_skip(uri, skip.saturating_sub(limit), limit)));
    }
    if let Ok(value) = HeaderValue::from_str(&links.join(", "))
        && !links.is_empty()
    {
        headers.insert(header::LINK, value);
    }
    response
}

/// A part of a list as the store gave it, each entry as answers show it.
pub(crate) fn page_of<Out: Serialize, Row: Into<Out>>(
    uri: &Uri,
    found: nightshift_store::Page<Row>,
    part: (u32, u32),
) -> Response {
    let entries: Vec<Out> = found.items.into_iter().map(Into::into).collect();
    listed(uri, &entries, found.total, part)
}

fn with_skip(uri: &Uri, skip: u64, limit: u64) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
        if name != "skip" && name != "limit" {
            query.append_pair(&name, &value);
        }
    }
    query.append_pair("skip", &skip.to_string()).append_pair("limit", &limit.to_string());
    format!("{}?{}", uri.path(), query.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_through_the_whole_list_and_keep_the_filters() {
        let uri: Uri = "/api/results/all?start_time=1&skip=10&limit=5".parse().expect("uri");
        let response = listed(&uri, &[1, 2, 3, 4, 5], 17, (10, 5));
        let link = response.headers()[header::LINK].to_str().expect("text");
        assert!(link.contains("</api/results/all?start_time=1&skip=15&limit=5>; rel=\"next\""), "{link}");
        assert!(link.contains("skip=5&limit=5>; rel=\"prev\""), "{link}");
        assert_eq!(response.headers()["x-total-count"], "17");
        assert!(!listed(&uri, &[1], 1, (0, 5)).headers().contains_key(header::LINK));
    }

    #[test]
    fn limits_hold() {
        let page = |skip, limit| Page { skip, limit }.checked();
        assert_eq!(page(None, None).expect("default"), (0, 100));
        assert!(page(None, Some(0)).is_err() && page(None, Some(1_001)).is_err());
        assert!(page(Some(u32::MAX), None).is_err());
    }
}
