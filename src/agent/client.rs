//! The server, as the agent sees it.

use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Secret;

/// Largest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 4 * 1_024 * 1_024;

/// The connection to the server.
#[derive(Clone)]
pub(crate) struct Server {
    client: Client,
    base: Url,
    timeout: Duration,
}

/// What came of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody knows whether it took effect, or it could not be asked now: try again.
    Away {
        /// Why.
        why: String,
        /// When the server said so.
        retry_after: Option<Duration>,
    },
    /// It will never be taken as it is.
    Refused {
        /// The status.
        status: u16,
        /// For programs.
        code: String,
        /// For people.
        detail: String,
    },
}

impl Server {
    pub(crate) fn new(base: &str, token: &Secret, timeout: Duration) -> Result<Self, String> {
        let mut base = Url::parse(base).map_err(|e| e.to_string())?;
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose().trim()));
        let mut bearer = bearer.map_err(|_| "the token holds characters that no token has".to_owned())?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        let client = Client::builder()
            .default_headers(headers)
            .connect_timeout(timeout)
            .user_agent(concat!("nightshift-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Self { client, base, timeout })
    }

    /// Sends a JSON body under a key; the answer's status says what came of it.
    pub(crate) async fn post(&self, path: &str, key: Option<&str>, body: Vec<u8>) -> Result<Value, Failure> {
        let mut request =
            self.client.post(self.url(path)?).timeout(self.timeout).header(CONTENT_TYPE, "application/json");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        read(request.body(body).send().await.map_err(|e| away(&e))?).await
    }

    /// Reads something.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        let answer =
            self.client.get(self.url(path)?).timeout(self.timeout).send().await.map_err(|e| away(&e))?;
        let value = read(answer).await?;
        serde_json::from_value(value).map_err(|e| strange(format!("an answer cannot be read: {e}")))
    }

    /// Begins to read bytes, from `from` on if the server still has what is known by `tag`.
    pub(crate) async fn download(&self, path: &str, from: u64, tag: &str) -> Result<Response, Failure> {
        let mut request = self.client.get(self.url(path)?);
        if from > 0 {
            request = request.header("range", format!("bytes={from}-")).header("if-range", tag);
        }
        let answer = tokio::time::timeout(self.timeout, request.send()).await;
        let answer =
            answer.map_err(|_| strange("the server does not answer".to_owned()))?.map_err(|e| away(&e))?;
        if answer.status().is_success() { Ok(answer) } else { Err(failed(answer).await) }
    }

    fn url(&self, path: &str) -> Result<Url, Failure> {
        self.base.join(path.trim_start_matches('/')).map_err(|e| strange(e.to_string()))
    }
}

async fn read(answer: Response) -> Result<Value, Failure> {
    if !answer.status().is_success() {
        return Err(failed(answer).await);
    }
    let body = whole(answer).await?;
    if body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&body).map_err(|e| strange(format!("the answer is no JSON: {e}")))
}

async fn whole(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|e| away(&e))? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(strange("the answer is too large".to_owned()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// What an answer that is no success means.
async fn failed(answer: Response) -> Failure {
    let status = answer.status();
    let retry_after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
    let retry_after = retry_after.map(Duration::from_secs);
    let body: Value =
        whole(answer).await.ok().and_then(|b| serde_json::from_slice(&b).ok()).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default().to_owned();
    let detail = match &body["detail"] {
        Value::String(text) => text.clone(),
        Value::Null => status.to_string(),
        fields => fields.to_string(),
    };
    if is_final(status, &code) {
        return Failure::Refused { status: status.as_u16(), code, detail };
    }
    Failure::Away { why: format!("{status} {code}: {detail}").chars().take(300).collect(), retry_after }
}

/// Whether an answer is about what was sent, and not about the moment or the sender.
fn is_final(status: StatusCode, code: &str) -> bool {
    let of_the_moment = matches!(
        status,
        StatusCode::UNAUTHORIZED
            | StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
    );
    // A body without a code is not this server's: a proxy, a captive portal.
    status.is_client_error()
        && !of_the_moment
        && code != "IDEMPOTENCY_KEY_IN_PROGRESS"
        && !code.is_empty()
        && code != "ROUTE_NOT_FOUND"
}

fn away(error: &reqwest::Error) -> Failure {
    Failure::Away { why: crate::serve::chain(error).chars().take(300).collect(), retry_after: None }
}

fn strange(why: String) -> Failure {
    Failure::Away { why, retry_after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_about_the_moment_is_tried_again() {
        let last = |status: u16, code: &str| is_final(StatusCode::from_u16(status).expect("status"), code);
        for (status, code) in [
            (400, "INVALID_PROCESS_DATA"),
            (404, "LOT_NOT_FOUND"),
            (409, "LOT_CLOSED"),
            (422, "VALIDATION_ERROR"),
        ] {
            assert!(last(status, code), "{status} {code}");
        }
        for (status, code) in [
            (401, "NOT_AUTHENTICATED"),
            (403, "FORBIDDEN"),
            (404, ""),
            (404, "ROUTE_NOT_FOUND"),
            (408, "REQUEST_TIMEOUT"),
            (409, "IDEMPOTENCY_KEY_IN_PROGRESS"),
            (429, "RATE_LIMITED"),
            (500, "INTERNAL_ERROR"),
            (503, "UNAVAILABLE"),
        ] {
            assert!(!last(status, code), "{status} {code}");
        }
    }
}
