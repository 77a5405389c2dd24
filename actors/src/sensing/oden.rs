//! HTTP client of the first site's vendor service: signs in, keeps the token, reads.

use std::sync::Arc;

use reqwest::{StatusCode, Url};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::view::ProxyAnswer;
use crate::config::OdenConfig;

/// Largest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why the vendor could not be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum OdenError {
    /// The path does not make a URL below the base.
    #[error("the path does not lead below the vendor's base URL")]
    Address,
    /// The sign-in failed.
    #[error("the vendor refused the sign-in with status {0}: check API_USERNAME and API_PASSWORD")]
    SignIn(StatusCode),
    /// The sign-in gave no token.
    #[error("the vendor's answer to the sign-in holds no access_token: check API_AUTH_URL")]
    NoToken,
    /// No connection, or it broke.
    #[error("the vendor could not be reached")]
    Transport(#[source] reqwest::Error),
    /// The vendor failed.
    #[error("the vendor answered {0}")]
    Server(StatusCode),
    /// The answer is too large.
    #[error("the vendor's answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
}

#[derive(Deserialize)]
struct SignedIn {
    access_token: SecretString,
}

/// The client. Cheap to clone; clones share the token.
#[derive(Clone)]
pub(super) struct OdenClient {
    http: reqwest::Client,
    base: Url,
    config: Arc<OdenConfig>,
    token: Arc<Mutex<Option<SecretString>>>,
}

impl OdenClient {
    /// # Errors
    /// Text naming the setting that is wrong.
    pub(super) fn new(config: OdenConfig) -> Result<Self, String> {
        let mut base = config.base_url.clone();
        if !base.ends_with('/') {
            base.push('/');
        }
        let base = Url::parse(&base).map_err(|e| format!("the vendor's base URL: {e}"))?;
        Url::parse(&config.auth_url).map_err(|e| format!("the vendor's sign-in URL: {e}"))?;
        let http = reqwest::Client::builder()
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| format!("the vendor's HTTP client: {e}"))?;
        Ok(Self { http, base, config: Arc::new(config), token: Arc::default() })
    }

    /// Reads `path` below the base URL; signs in first when there is no token, or when it has expired.
    pub(super) async fn get(&self, path: &str, query: &[(String, String)]) -> Result<ProxyAnswer, OdenError> {
        let url = self.base.join(path).map_err(|_| OdenError::Address)?;
        if !url.as_str().starts_with(self.base.as_str()) {
            return Err(OdenError::Address);
        }
        let answer = self.ask(url.clone(), query, false).await?;
        let answer = match answer.status() {
            StatusCode::UNAUTHORIZED => self.ask(url, query, true).await?,
            _ => answer,
        };
        if answer.status().is_server_error() {
            return Err(OdenError::Server(answer.status()));
        }
        read(answer).await
    }

    async fn ask(
        &self,
        url: Url,
        query: &[(String, String)],
        fresh: bool,
    ) -> Result<reqwest::Response, OdenError> {
        let token = self.token(fresh).await?;
        self.http
            .get(url)
            .query(query)
            .bearer_auth(token.expose_secret())
            .send()
            .await
            .map_err(|e| OdenError::Transport(e.without_url()))
    }

    async fn token(&self, fresh: bool) -> Result<SecretString, OdenError> {
        let mut kept = self.token.lock().await;
        if let Some(token) = kept.as_ref().filter(|_| !fresh) {
            return Ok(token.clone());
        }
        *kept = None;
        let form =
            [("username", self.config.username.as_str()), ("password", self.config.password.expose_secret())];
        let transport = |e: reqwest::Error| OdenError::Transport(e.without_url());
        let answer = self.http.post(&self.config.auth_url).form(&form).send().await.map_err(transport)?;
        if !answer.status().is_success() {
            return Err(OdenError::SignIn(answer.status()));
        }
        // What the answer holds instead of a token may be a secret too, so the parser's words are left out.
        let signed_in: SignedIn =
            serde_json::from_slice(&read(answer).await?.body).map_err(|_| OdenError::NoToken)?;
        *kept = Some(signed_in.access_token.clone());
        Ok(signed_in.access_token)
    }
}

async fn read(mut answer: reqwest::Response) -> Result<ProxyAnswer, OdenError> {
    let status = answer.status().as_u16();
    let content_type = answer
        .headers()
        .get(reqwest::header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok())
        .unwrap_or("application/octet-stream")
        .to_owned();
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| OdenError::Transport(e.without_url()))? {
        if body.len() + chunk.len() > ANSWER_BYTES_MAX {
            return Err(OdenError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(ProxyAnswer { status, content_type, body, age_s: None })
}
