//! A simulated doctor: registers, signs in, has one patient, starts diagnoses and follows them.

use std::time::Duration;

use futures::StreamExt;
use futures::stream::BoxStream;
use nightshift_domain::diagnosis::Kind;
use nightshift_kernel::Clock;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(120);
/// How often a request is sent again that the server asks to send later.
const TRIES_MAX: u32 = 30;
/// Pause before that when the server does not say.
const PAUSE: Duration = Duration::from_secs(1);
/// How often a start is asked for while the server does not know of the headset.
const STARTS_MAX: u32 = 100;
/// Pause between two such starts.
const START_PAUSE: Duration = Duration::from_millis(50);
const PASSWORD: &str = "Plain-headset-7";

/// A doctor who is signed in and has a patient.
pub(super) struct Doctor {
    http: Client,
    base: String,
    name: String,
    /// It ends after minutes, and is made anew then.
    token: String,
    patient_id: i64,
    patient_code: String,
    clock: Clock,
}

/// The states of a diagnosis.
pub(super) struct States {
    body: BoxStream<'static, Result<Vec<u8>, String>>,
    text: String,
}

impl Doctor {
    /// Makes a doctor with a patient.
    pub(super) async fn register(
        base: &str,
        admin_code: &str,
        name: &str,
        clock: &Clock,
    ) -> Result<Self, String> {
        let http = Client::builder().no_proxy().timeout(TIMEOUT).build().map_err(|e| e.to_string())?;
        let base = base.trim_end_matches('/').to_owned();
        let account = json!({
            "login_id": name, "password": PASSWORD, "name": name, "role": "DOCTOR", "admin_code": admin_code,
        });
        let post = |path: &str, body: &Value| http.post(format!("{base}{path}")).json(body);
        sent(clock, || post("/auth/register", &account)).await?;
        let token = signed_in(&http, &base, name, clock).await?;
        let person = json!({ "name": "모의 환자" });
        let made = sent(clock, || post("/patients", &person).bearer_auth(&token)).await?;
        let patient = json_of(made).await?;
        let (patient_id, patient_code) = (number(&patient, "id")?, text(&patient, "code")?);
        let name = name.to_owned();
        Ok(Self { http, base, name, token, patient_id, patient_code, clock: clock.clone() })
    }

    /// The code under which the patient's headset connects.
    pub(super) fn patient_code(&self) -> &str {
        &self.patient_code
    }

    /// Starts a diagnosis and follows it.
    pub(super) async fn start(&mut self, kind: Kind) -> Result<(i64, States), String> {
        let body = json!({ "patient_id": self.patient_id, "type": kind, "level": 2 });
        let url = format!("{}/diagnosis/start", self.base);
        let made = match self.started(&url, &body).await {
            Err(refused) if refused.contains("TOKEN_EXPIRED") => {
                self.token = signed_in(&self.http, &self.base, &self.name, &self.clock).await?;
                self.started(&url, &body).await?
            }
            made => made?,
        };
        let id = number(&json_of(made).await?, "id")?;
        let url = format!("{}/diagnosis/{id}/status", self.base);
        let stream = sent(&self.clock, || self.http.get(&url).bearer_auth(&self.token)).await?;
        let body = stream.bytes_stream().map(|c| c.map(|b| b.to_vec()).map_err(|e| e.to_string())).boxed();
        Ok((id, States { body, text: String::new() }))
    }
}

impl Doctor {
    /// Asks for a start until the server knows of the headset, which knows a moment earlier that it is connected.
    async fn started(&self, url: &str, body: &Value) -> Result<Response, String> {
        for _ in 0..STARTS_MAX {
            let asked = sent(&self.clock, || self.http.post(url).bearer_auth(&self.token).json(body)).await;
            match asked {
                Err(refused) if refused.contains("HEADSET_NOT_CONNECTED") => {
                    self.clock.sleep(START_PAUSE).await;
                }
                asked => return asked,
            }
        }
        Err("the server does not see the headset".to_owned())
    }
}

impl States {
    /// Reads to the last state.
    pub(super) async fn last(&mut self) -> Result<String, String> {
        let mut last = None;
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let Some(data) = block.lines().find_map(|line| line.strip_prefix("data:")) else { continue };
                let event: Value = serde_json::from_str(data).map_err(|e| e.to_string())?;
                last = Some(text(&event, "state")?);
            }
            match self.body.next().await {
                Some(piece) => self.text.push_str(&String::from_utf8_lossy(&piece?)),
                None => return last.ok_or_else(|| "a stream ended without a state".to_owned()),
            }
        }
    }
}

/// Signs a doctor in; gives the access token.
async fn signed_in(http: &Client, base: &str, name: &str, clock: &Clock) -> Result<String, String> {
    let credentials = json!({ "username": name, "password": PASSWORD });
    let asked = sent(clock, || http.post(format!("{base}/auth/login")).json(&credentials)).await?;
    text(&json_of(asked).await?, "access_token")
}

/// Sends a request until it is not asked to come later.
async fn sent(clock: &Clock, request: impl Fn() -> RequestBuilder) -> Result<Response, String> {
    for _ in 0..TRIES_MAX {
        let answer = request().send().await.map_err(|e| e.to_string())?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        if !matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
            let path = answer.url().path().to_owned();
            return Err(format!("{path}: {status} {}", answer.text().await.unwrap_or_default()));
        }
        let after = answer.headers().get("retry-after").and_then(|v| v.to_str().ok()?.parse().ok());
        clock.sleep(after.map_or(PAUSE, Duration::from_secs)).await;
    }
    Err(format!("the server did not take a request in {TRIES_MAX} tries"))
}

async fn json_of(answer: Response) -> Result<Value, String> {
    answer.json().await.map_err(|e| e.to_string())
}

fn text(value: &Value, name: &str) -> Result<String, String> {
    value[name].as_str().map(str::to_owned).ok_or_else(|| format!("no `{name}` in an answer"))
}

fn number(value: &Value, name: &str) -> Result<i64, String> {
    value[name].as_i64().ok_or_else(|| format!("no `{name}` in an answer"))
}
