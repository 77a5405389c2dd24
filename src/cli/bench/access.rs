//! How the bench gets in: a person signs in, makes a machine token for the load and what it works with, and takes the token
//! back at the end.

use std::time::Duration;

use nightshift_kernel::Clock;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);
/// How often a request of the preparation is sent again that the server asks to send later.
const TRIES_MAX: u32 = 30;
/// Pause before that when the server does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// What the load's token opens.
const SCOPES: [&str; 9] = [
    "sensing:read",
    "sensing:write",
    "sensing:manage",
    "production:read",
    "station",
    "events:read",
    "metrics:read",
    "fleet:read",
    "briefing",
];

/// The way in.
pub(super) struct Access {
    pub(super) base: String,
    pub(super) http: Client,
    /// The load's token.
    token: String,
    token_id: Value,
    username: String,
    password: SecretString,
    /// The person's access token: it ends after minutes and is made anew.
    person: Mutex<String>,
    clock: Clock,
}

/// Why a request has no good answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// The code of the answer's problem, its status, or `TRANSPORT`.
    pub(super) code: String,
    detail: String,
    /// When it may be sent again, where the server says so.
    retry_after_s: Option<u64>,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

/// Sends a request and reads its answer.
pub(super) async fn ask(request: RequestBuilder) -> Result<Value, Failure> {
    let transport = |error: reqwest::Error| Failure {
        code: if error.is_timeout() { "TIMEOUT" } else { "TRANSPORT" }.to_owned(),
        detail: crate::serve::chain(&error),
        retry_after_s: None,
    };
    let answer = request.send().await.map_err(transport)?;
    let status = answer.status();
    let again = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
    let text = answer.text().await.map_err(transport)?;
    let body: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    if status.is_success() {
        return Ok(body);
    }
    let code = body["code"].as_str().map_or_else(|| status.as_u16().to_string(), str::to_owned);
    let detail = body["detail"].as_str().map_or_else(|| body["detail"].to_string(), str::to_owned);
    Err(Failure { code, detail, retry_after_s: after.filter(|_| again) })
}

impl Access {
    /// Signs in and makes the load's token, which ends by itself a day after the run.
    ///
    /// # Errors
    /// When nobody answers, or the person may not make tokens.
    pub(super) async fn open(
        base: &str,
        username: &str,
        password: SecretString,
        (clock, length): (&Clock, Duration),
    ) -> Result<Self, String> {
        let http = Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(|e| e.to_string())?;
        let mut access = Self {
            base: base.trim_end_matches('/').to_owned(),
            http,
            token: String::new(),
            token_id: Value::Null,
            username: username.to_owned(),
            password,
            person: Mutex::default(),
            clock: clock.clone(),
        };
        let ends =
            clock.now_us() + i64::try_from(length.as_micros()).unwrap_or(i64::MAX / 2) + 86_400_000_000;
        let (now, ends) = (clock.now_us(), nightshift_domain::Timestamp::from_us(ends));
        // One that was cut off has left its token under its own name.
        let name = format!("bench {}", nightshift_domain::Timestamp::from_us(now));
        let wanted = json!({ "name": name, "scopes": SCOPES, "expires_at": ends });
        let made = access.manage(Method::POST, "/api/v1/tokens", &wanted).await?;
        access.token = made["token"].as_str().ok_or("no token in the answer")?.to_owned();
        access.token_id = made["id"].clone();
        Ok(access)
    }

    /// The load's token.
    pub(super) fn token(&self) -> &str {
        &self.token
    }

    pub(super) fn username(&self) -> &str {
        &self.username
    }

    /// A request with the load's token.
    pub(super) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token)
    }

    /// A request of the person, sent until the server takes it.
    ///
    /// # Errors
    /// What the server says, or that it is not there.
    pub(super) async fn manage(&self, method: Method, path: &str, body: &Value) -> Result<Value, String> {
        for _ in 0..TRIES_MAX {
            let token = self.person.lock().await.clone();
            if token.is_empty() {
                self.sign_in().await?;
                continue;
            }
            let url = format!("{}{path}", self.base);
            let mut request = self.http.request(method.clone(), url).bearer_auth(token);
            if !body.is_null() {
                request = request.json(body);
            }
            match ask(request).await {
                Ok(answer) => return Ok(answer),
                Err(Failure { retry_after_s: Some(after), .. }) => {
                    self.clock.sleep(Duration::from_secs(after).max(PAUSE)).await;
                }
                Err(failure) if ["NOT_AUTHENTICATED", "TOKEN_EXPIRED"].contains(&failure.code.as_str()) => {
                    self.sign_in().await?;
                }
                Err(failure) => return Err(format!("{path}: {failure}")),
            }
        }
        Err(format!("{path}: the server did not take it in {TRIES_MAX} tries"))
    }

    async fn sign_in(&self) -> Result<(), String> {
        let credentials = json!({ "username": self.username, "password": self.password.expose_secret() });
        for _ in 0..TRIES_MAX {
            let request = self.http.post(format!("{}/api/v1/auth/login", self.base)).json(&credentials);
            match ask(request).await {
                Ok(session) => {
                    let token = session["access_token"].as_str().ok_or("no access token in the answer")?;
                    token.clone_into(&mut *self.person.lock().await);
                    return Ok(());
                }
                Err(Failure { retry_after_s: Some(after), .. }) => {
                    self.clock.sleep(Duration::from_secs(after).max(PAUSE)).await;
                }
                Err(failure) => return Err(format!("sign-in as {}: {failure}", self.username)),
            }
        }
        Err("the server did not take the sign-in".to_owned())
    }

    /// Revokes the load's token.
    pub(super) async fn close(&self) {
        let path = format!("/api/v1/tokens/{}", self.token_id);
        if let Err(error) = self.manage(Method::DELETE, &path, &Value::Null).await {
            tracing::warn!(error, "the bench's token was not revoked; it ends by itself");
        }
    }
}
