//! `[briefing]`: who may ask, when the day's is made, who rewords it, and where it is brought.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_actors as actors;
use nightshift_domain::briefing::{Custom, DailyTime, Language};
use serde::{Deserialize, Serialize};

use super::check::between;
use super::http::REQUEST_TIMEOUT_S_MAX;
use super::{ConfigError, Secret};

/// Longest that anything is kept, days.
const DAYS_MAX: u32 = 36_525;
/// Most people that mail goes to.
const MAIL_TO_MAX: usize = 100;
/// Shortest secret of the webhook, bytes.
const SECRET_BYTES_MIN: usize = 16;

/// Who may ask for briefings, and what becomes of the day's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BriefingConfig {
    /// Whether a name is enough to ask for briefings, for a network that is closed by other means.
    pub open_login: bool,
    /// Most briefings that run at once.
    pub running_max: usize,
    /// Days that briefings are kept after their end.
    pub keep_days: u32,
    /// When the day's briefing is due, in the plant's time.
    pub daily_at: String,
    /// How the day's briefing is written, in words as people wish: its first language is that of mail.
    pub daily_custom: Vec<String>,
    /// The language model that rewords texts.
    pub llm: LlmConfig,
    /// Where the day's briefing is posted.
    pub webhook: WebhookConfig,
    /// To whom the day's briefing is mailed.
    pub mail: MailConfig,
}

impl Default for BriefingConfig {
    fn default() -> Self {
        Self {
            open_login: false,
            running_max: 5_000,
            keep_days: 90,
            daily_at: "06:00".to_owned(),
            daily_custom: Vec::new(),
            llm: LlmConfig::default(),
            webhook: WebhookConfig::default(),
            mail: MailConfig::default(),
        }
    }
}

/// A language model that speaks as OpenAI's does; unused until `url` is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LlmConfig {
    /// Its base URL, or that of its chat completions.
    pub url: Option<String>,
    /// The model's name.
    pub model: String,
    /// Its key.
    pub key: Option<Secret>,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Seconds one rewording may take.
    pub deadline_s: u64,
    /// Rewordings asked for at once.
    pub concurrency: usize,
}

impl Default for LlmConfig {
    fn default() -> Self {
        Self {
            url: None,
            model: "default".to_owned(),
            key: None,
            key_file: None,
            deadline_s: 20,
            concurrency: 4,
        }
    }
}

/// Where the day's briefing is posted; nowhere until `url` is set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebhookConfig {
    /// The URL.
    pub url: Option<String>,
    /// What it is signed with.
    pub secret: Option<Secret>,
    /// File that holds the secret.
    pub secret_file: Option<PathBuf>,
}

/// To whom the day's briefing is mailed; to nobody until `smtp_url` is set.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailConfig {
    /// The server.
    pub smtp_url: Option<Secret>,
    /// File that holds the server's URL.
    pub smtp_url_file: Option<PathBuf>,
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: Vec<String>,
}

impl BriefingConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("briefing.running_max", self.running_max, 1, 100_000)?;
        between("briefing.keep_days", self.keep_days, 1, DAYS_MAX)?;
        between("briefing.llm.deadline_s", self.llm.deadline_s, 1, REQUEST_TIMEOUT_S_MAX)?;
        between("briefing.llm.concurrency", self.llm.concurrency, 1, 256)?;
        between("briefing.mail.to", self.mail.to.len(), 0, MAIL_TO_MAX)?;
        self.plant().map(|_| ())
    }

    /// The language of the day's briefing.
    #[must_use]
    pub fn daily_language(&self) -> Language {
        Custom::new(self.daily_custom.clone()).unwrap_or_default().style().language
    }

    /// What the tree needs of it.
    ///
    /// # Errors
    /// The first key that is missing or cannot be what it is.
    pub(super) fn plant(&self) -> Result<actors::BriefingConfig, ConfigError> {
        let refused = |key, reason: String| ConfigError::Range { key, reason };
        let daily_at: DailyTime =
            self.daily_at.parse().map_err(|e| refused("briefing.daily_at", format!("{e}")))?;
        let daily_custom = Custom::new(self.daily_custom.clone())
            .map_err(|fault| refused("briefing.daily_custom", fault.message))?;
        Ok(actors::BriefingConfig {
            running_max: self.running_max,
            keep_days: self.keep_days,
            daily_at,
            daily_custom,
            llm: self.llm.url.clone().map(|url| actors::LlmConfig {
                url,
                model: self.llm.model.clone(),
                key: self.llm.key.clone().map(Secret::into_inner),
                deadline: Duration::from_secs(self.llm.deadline_s),
                concurrency: self.llm.concurrency,
            }),
            webhook: self.webhook.plant()?,
            mail: self.mail.plant()?,
        })
    }
}

impl WebhookConfig {
    fn plant(&self) -> Result<Option<actors::WebhookConfig>, ConfigError> {
        let Some(url) = self.url.clone() else { return Ok(None) };
        let secret = self.secret.clone().filter(|secret| secret.expose().len() >= SECRET_BYTES_MIN);
        let secret = secret.ok_or_else(|| ConfigError::Range {
            key: "briefing.webhook.secret",
            reason: format!("is needed with briefing.webhook.url, of at least {SECRET_BYTES_MIN} bytes"),
        })?;
        Ok(Some(actors::WebhookConfig { url, secret: secret.into_inner() }))
    }
}

impl MailConfig {
    fn plant(&self) -> Result<Option<actors::MailConfig>, ConfigError> {
        let Some(url) = self.smtp_url.clone() else { return Ok(None) };
        let needed =
            |key| ConfigError::Range { key, reason: "is needed with briefing.mail.smtp_url".to_owned() };
        if self.from.is_empty() {
            return Err(needed("briefing.mail.from"));
        }
        if self.to.is_empty() {
            return Err(needed("briefing.mail.to"));
        }
        Ok(Some(actors::MailConfig {
            smtp_url: url.into_inner(),
            from: self.from.clone(),
            to: self.to.clone(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};

    fn loaded(pairs: &[(&str, &str)]) -> Result<super::super::Config, String> {
        let environment: Environment =
            pairs.iter().map(|(k, v)| (format!("NIGHTSHIFT__BRIEFING__{k}"), (*v).to_owned())).collect();
        load(None, &environment).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_brought_needs_its_secret_and_its_receivers() {
        let refused = loaded(&[("WEBHOOK__URL", "http://127.0.0.1:1/x")]).expect_err("no secret");
        assert!(refused.starts_with("briefing.webhook.secret"), "{refused}");
        let refused = loaded(&[("MAIL__SMTP_URL", "smtp://127.0.0.1:25")]).expect_err("nobody sends");
        assert!(refused.starts_with("briefing.mail.from"), "{refused}");
        let refused = loaded(&[("DAILY_AT", "6 o'clock")]).expect_err("no time");
        assert!(refused.starts_with("briefing.daily_at"), "{refused}");
        let mail = [
            ("MAIL__SMTP_URL", "smtp://127.0.0.1:25"),
            ("MAIL__FROM", "plant@example.com"),
            ("MAIL__TO", "a@example.com, b@example.com"),
            ("DAILY_CUSTOM", "in English"),
        ];
        let config = loaded(&mail).expect("complete").briefing;
        assert_eq!(config.mail.to.len(), 2);
        assert_eq!(config.daily_language().as_str(), "en");
    }
}
