//! What the demo says to the server: the same requests that any client sends.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A client of the server on `base`.
pub(super) struct Plant {
    http: Client,
    base: String,
}

impl Plant {
    /// # Errors
    /// When `token` cannot stand in a header.
    pub(super) fn new(address: SocketAddr, token: &str) -> Result<Self, String> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {token}")).map_err(|e| e.to_string())?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let http = Client::builder().no_proxy().timeout(TIMEOUT).default_headers(headers).build();
        let http = http.map_err(|e| e.to_string())?;
        Ok(Self { http, base: format!("http://{address}") })
    }

    /// Whether the plant takes work.
    pub(super) async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/api/v1/health/readiness", self.base)).send().await;
        answer.is_ok_and(|a| a.status() == StatusCode::OK)
    }

    /// Registers a sensor afresh: what an earlier demo stored under its id is not mixed with this one's.
    pub(super) async fn register(&self, registration: &Value) -> Result<(), String> {
        let id = registration["sensor_id"].as_str().unwrap_or_default();
        self.http
            .delete(format!("{}/api/sensors/{id}", self.base))
            .send()
            .await
            .map_err(|e| e.to_string())?;
        sent(self.http.post(format!("{}/api/sensors", self.base)).json(registration)).await.map(|_| ())
    }

    /// Sends values at even distances.
    pub(super) async fn push(
        &self,
        id: &str,
        start: &str,
        interval_s: u32,
        values: &[f64],
    ) -> Result<(), String> {
        let body = json!({ "start": start, "interval_s": interval_s, "values": values });
        sent(self.http.post(format!("{}/api/sensors/{id}/readings", self.base)).json(&body)).await.map(|_| ())
    }

    /// Sends what a camera counts.
    pub(super) async fn saw(&self, source: &str, at: &str, counts: &Value) -> Result<(), String> {
        let body = json!({ "source": source, "observed_at": at, "counts": counts });
        sent(self.http.post(format!("{}/api/v1/observations", self.base)).json(&body)).await.map(|_| ())
    }

    /// The score of a window that is not stored.
    pub(super) async fn score(&self, values: &[f64]) -> Result<f64, String> {
        let request = self.http.post(format!("{}/api/analyze", self.base)).json(&json!({ "values": values }));
        let verdict: Value = sent(request).await?.json().await.map_err(|e| e.to_string())?;
        verdict["score"].as_f64().ok_or_else(|| format!("no score: {verdict}"))
    }

    /// Sets the score above which a sensor's window is abnormal.
    pub(super) async fn set_threshold(&self, id: &str, score: f64) -> Result<(), String> {
        let change = json!({ "thresholds": { "score": score } });
        sent(self.http.patch(format!("{}/api/sensors/{id}", self.base)).json(&change)).await.map(|_| ())
    }

    /// Asks for a verdict on every sensor.
    pub(super) async fn analyze_all(&self) -> Result<Vec<Value>, String> {
        let answer = sent(self.http.post(format!("{}/api/analyze/all", self.base))).await?;
        answer.json().await.map_err(|e| e.to_string())
    }
}

async fn sent(request: RequestBuilder) -> Result<Response, String> {
    let answer = request.send().await.map_err(|e| e.to_string())?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let url = answer.url().path().to_owned();
    Err(format!("{url}: {status} {}", answer.text().await.unwrap_or_default()))
}
