//! Rewording by a language model behind any endpoint that speaks as OpenAI's does.
//!
//! A few actors (`llm/<n>`), each with a breaker of its own, ask one question at a time; who finds all of them busy, or their
//! breakers open, keeps the composer's text at once. What comes back is not judged here: the domain checks it against the
//! text.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use nightshift_domain::briefing::{Composition, Custom, Prompt};
use nightshift_kernel::{
    Actor, Address, AskError, Breaker, BreakerConfig, BreakerError, BreakerView, ChildSpec, Clock, Context,
    Fault, Mailbox, Reply, SpawnError, Supervisor,
};
use reqwest::Url;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::config::LlmConfig;

/// Largest answer that is read, bytes.
const ANSWER_BYTES_MAX: usize = 256 * 1_024;
/// Longest text that is asked for, tokens.
const TOKENS_MAX: u32 = 2_000;
/// Failures in a row after which the endpoint is left alone for a while.
const BREAKER_FAILURES: u32 = 3;
/// How long it is left alone.
const BREAKER_OPEN: Duration = Duration::from_secs(60);
/// Questions that may wait for one asker.
const MAILBOX: u32 = 1;
/// What is appended to a base URL.
const COMPLETIONS: &str = "chat/completions";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum LlmError {
    /// No connection, or it broke.
    #[error("the language model could not be reached")]
    Transport(#[source] reqwest::Error),
    /// It refused or failed.
    #[error("the language model answered {0}")]
    Status(reqwest::StatusCode),
    /// What it sent is too large.
    #[error("the language model's answer is larger than {ANSWER_BYTES_MAX} bytes")]
    TooLarge,
    /// What it sent is no completion.
    #[error("the language model's answer is no chat completion")]
    Shape,
}

/// The HTTP client. Cheap to clone.
#[derive(Clone)]
pub(super) struct LlmClient {
    http: reqwest::Client,
    url: Url,
    model: Arc<str>,
    key: Option<HeaderValue>,
}

impl LlmClient {
    /// # Errors
    /// Text naming the setting that is wrong.
    pub(super) fn new(config: &LlmConfig) -> Result<Self, String> {
        let mut url = Url::parse(&config.url).map_err(|e| format!("briefing.llm.url: {e}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err("briefing.llm.url: must begin with http:// or https://".to_owned());
        }
        if !url.path().ends_with(COMPLETIONS) {
            url.set_path(&format!("{}/{COMPLETIONS}", url.path().trim_end_matches('/')));
        }
        let key =
            config.key.as_ref().map(|key| HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())));
        let mut key = key.transpose().map_err(|_| "briefing.llm.key: cannot stand in a header".to_owned())?;
        if let Some(key) = &mut key {
            key.set_sensitive(true);
        }
        let http = reqwest::Client::builder()
            .timeout(config.deadline)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| format!("briefing.llm: {e}"))?;
        Ok(Self { http, url, model: config.model.as_str().into(), key })
    }

    async fn ask(&self, prompt: &Prompt) -> Result<String, LlmError> {
        let body = json!({
            "model": &*self.model, "temperature": 0, "max_tokens": TOKENS_MAX, "stream": false,
            "messages": [
                { "role": "system", "content": prompt.system }, { "role": "user", "content": prompt.user },
            ],
        });
        let transport = |e: reqwest::Error| LlmError::Transport(e.without_url());
        let mut request = self.http.post(self.url.clone()).json(&body);
        if let Some(key) = &self.key {
            request = request.header(AUTHORIZATION, key.clone());
        }
        let mut answer = request.send().await.map_err(transport)?;
        if !answer.status().is_success() {
            return Err(LlmError::Status(answer.status()));
        }
        let mut bytes = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(transport)? {
            if bytes.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err(LlmError::TooLarge);
            }
            bytes.extend_from_slice(&chunk);
        }
        let answer: Value = serde_json::from_slice(&bytes).map_err(|_| LlmError::Shape)?;
        let text = answer["choices"][0]["message"]["content"].as_str();
        text.map(str::to_owned).ok_or(LlmError::Shape)
    }
}

/// What an asker takes.
pub(super) struct LlmMessage {
    prompt: Prompt,
    deadline: Duration,
    reply: Reply<Result<String, String>>,
}

/// The actor.
struct Asker {
    client: LlmClient,
    /// Outlives the actor, so that a restart does not forget an endpoint that is down.
    breaker: Arc<Mutex<Breaker>>,
}

impl Actor for Asker {
    type Message = LlmMessage;

    async fn handle(&mut self, _: &Context<LlmMessage>, message: LlmMessage) -> Result<(), Fault> {
        let LlmMessage { prompt, deadline, reply } = message;
        if reply.is_abandoned() {
            return Ok(());
        }
        let call = self.client.ask(&prompt);
        let outcome = self.breaker.lock().await.call(deadline, call).await;
        reply.send(outcome.map_err(|error| match error {
            BreakerError::Open { .. } => "its breaker is open".to_owned(),
            BreakerError::Deadline => "it did not answer in time".to_owned(),
            BreakerError::Panicked => "the call panicked".to_owned(),
            BreakerError::Failed(error) => error.to_string(),
        }));
        Ok(())
    }
}

/// The door to the askers.
pub(super) struct Wordsmith {
    askers: Vec<Address<LlmMessage>>,
    next: AtomicUsize,
    deadline: Duration,
}

/// Starts the askers under `domain`.
pub(super) fn spawn(
    domain: &Supervisor,
    config: &LlmConfig,
    clock: &Clock,
) -> Result<(Wordsmith, Vec<BreakerView>), WordsmithError> {
    let client = LlmClient::new(config).map_err(WordsmithError::Config)?;
    let house = domain.supervisor("llm", nightshift_kernel::Policy::default())?;
    let (mut askers, mut views) = (Vec::new(), Vec::new());
    for n in 0..config.concurrency.max(1) {
        let breaker_config =
            BreakerConfig { failures: BREAKER_FAILURES, open_for: BREAKER_OPEN, ..BreakerConfig::default() };
        let breaker = Breaker::new(format!("briefing-llm-{n}"), breaker_config, clock.clone());
        views.push(breaker.view());
        let breaker = Arc::new(Mutex::new(breaker));
        let spec = ChildSpec::new(n.to_string())
            .mailbox(Mailbox::reject(MAILBOX))
            .budget(config.deadline + Duration::from_secs(10));
        let client = client.clone();
        askers.push(
            house.spawn(spec, move || Asker { client: client.clone(), breaker: Arc::clone(&breaker) })?,
        );
    }
    Ok((Wordsmith { askers, next: AtomicUsize::new(0), deadline: config.deadline }, views))
}

/// The wordsmith could not be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum WordsmithError {
    /// A setting is wrong.
    #[error("{0}")]
    Config(String),
    /// An actor could not be started.
    #[error("an actor could not be started: {0}")]
    Spawn(#[from] SpawnError),
}

impl Wordsmith {
    /// How long a rewording may take.
    pub(super) fn deadline(&self) -> Duration {
        self.deadline
    }

    /// The text in the model's words, when they say what the text says; nothing, and the reason is counted and logged,
    /// otherwise.
    pub(super) async fn reword(
        &self,
        composed: &Composition,
        custom: &Custom,
        deadline: Duration,
    ) -> Option<String> {
        let answer = match self.ask(composed.prompt(custom), deadline).await {
            Ok(answer) => answer,
            Err(reason) => {
                count("failed");
                tracing::warn!(reason, "a briefing was not reworded; the composer's text is told");
                return None;
            }
        };
        match composed.reworded(&answer) {
            Ok(text) => {
                count("used");
                Some(text)
            }
            Err(fault) => {
                count("rejected");
                metrics::counter!("nightshift_briefing_rejected_wordings_total", "fault" => fault.as_str())
                    .increment(1);
                tracing::warn!(reason = %fault, "a rewording was thrown away; the composer's text is told");
                None
            }
        }
    }

    async fn ask(&self, prompt: Prompt, deadline: Duration) -> Result<String, String> {
        let first = self.next.fetch_add(1, Ordering::Relaxed);
        for n in 0..self.askers.len() {
            let asker = &self.askers[(first + n) % self.askers.len()];
            // One that works on a question already would make this one wait for it.
            if asker.depth() > 0 {
                continue;
            }
            let prompt = prompt.clone();
            let ask = asker.ask(|reply| LlmMessage { prompt, deadline, reply }, deadline);
            match ask.await {
                Ok(answer) => return answer,
                Err(AskError::Full | AskError::Stopped) => {}
                Err(AskError::Deadline) => return Err("it did not answer in time".to_owned()),
                Err(AskError::Failed) => return Err("its actor was restarted".to_owned()),
            }
        }
        Err("all its askers are busy".to_owned())
    }
}

fn count(outcome: &'static str) {
    metrics::counter!("nightshift_briefing_wordings_total", "outcome" => outcome).increment(1);
}
