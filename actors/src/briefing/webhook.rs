//! A day's briefing as a signed POST.

use nightshift_domain::Timestamp;
use nightshift_domain::briefing::signature;
use nightshift_store::briefing::Daily;
use reqwest::Url;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::config::WebhookConfig;

/// What proves who sent it, and when.
const SIGNATURE: &str = "x-nightshift-signature";
/// The same for every try of one delivery.
const DELIVERY: &str = "x-nightshift-delivery";

/// Why it did not arrive.
#[derive(Debug, thiserror::Error)]
pub(super) enum WebhookError {
    /// No connection, or it broke.
    #[error("could not be reached: {0}")]
    Transport(String),
    /// It was refused.
    #[error("answered {0}")]
    Status(reqwest::StatusCode),
}

/// The sender. Cheap to clone.
#[derive(Clone)]
pub(super) struct Webhook {
    http: reqwest::Client,
    url: Url,
    secret: SecretString,
}

impl Webhook {
    /// # Errors
    /// Text naming the setting that is wrong.
    pub(super) fn new(config: &WebhookConfig) -> Result<Self, String> {
        let url = Url::parse(&config.url).map_err(|e| format!("briefing.webhook.url: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("briefing.webhook.url: must begin with http:// or https://".to_owned());
        }
        let http = reqwest::Client::builder()
            .timeout(super::courier::TRY_MAX)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| format!("briefing.webhook: {e}"))?;
        Ok(Self { http, url, secret: config.secret.clone() })
    }

    pub(super) async fn send(&self, id: i64, daily: &Daily, now: Timestamp) -> Result<(), WebhookError> {
        let body = json!({
            "kind": "briefing.daily", "daily_id": daily.id, "date": daily.day, "from": daily.from, "until": daily.until,
            "calm": daily.calm, "text": { "ko": daily.text_ko, "en": daily.text_en }, "evidence": daily.evidence,
        })
        .to_string();
        let signed = signature(self.secret.expose_secret().as_bytes(), now.us() / 1_000_000, body.as_bytes());
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signed)
            .header(DELIVERY, id)
            .body(body);
        let answer = request.send().await.map_err(|e| {
            let error = e.without_url();
            let cause = std::error::Error::source(&error).map(|source| format!(": {source}"));
            WebhookError::Transport(format!("{error}{}", cause.unwrap_or_default()))
        })?;
        if answer.status().is_success() { Ok(()) } else { Err(WebhookError::Status(answer.status())) }
    }
}
