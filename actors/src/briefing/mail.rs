//! A day's briefing as mail.

use std::time::Duration;

use lettre::message::header::ContentType;
use lettre::message::{Mailbox, Message};
use lettre::{AsyncSmtpTransport, AsyncTransport, Tokio1Executor};
use nightshift_domain::briefing::Language;
use nightshift_store::briefing::Daily;
use secrecy::ExposeSecret;

use crate::config::MailConfig;

/// Why it was not taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum MailError {
    /// The mail could not be put together.
    #[error("could not be written: {0}")]
    Compose(#[from] lettre::error::Error),
    /// The server could not be reached, or refused.
    #[error("was not taken by the server: {0}")]
    Smtp(#[from] lettre::transport::smtp::Error),
}

/// The sender. Cheap to clone.
#[derive(Clone)]
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    language: Language,
}

/// Time since 1970 at which a briefing was made: the mail's date, the same with every try.
fn made_at(daily: &Daily) -> Duration {
    Duration::from_micros(u64::try_from(daily.composed_at.us()).unwrap_or(0))
}

impl Mailer {
    /// # Errors
    /// Text naming the setting that is wrong.
    pub(super) fn new(config: &MailConfig, language: Language) -> Result<Self, String> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(config.smtp_url.expose_secret())
            .map_err(|e| format!("briefing.mail.smtp_url: {e}"))?
            .timeout(Some(super::courier::TRY_MAX))
            .build();
        let address = |key: &str, text: &str| {
            text.parse::<Mailbox>().map_err(|e| format!("briefing.mail.{key}: `{text}`: {e}"))
        };
        let from = address("from", &config.from)?;
        let to: Vec<Mailbox> = config.to.iter().map(|to| address("to", to)).collect::<Result<_, _>>()?;
        if to.is_empty() {
            return Err("briefing.mail.to: must name somebody".to_owned());
        }
        Ok(Self { transport, from, to, language })
    }

    /// Sends one mail to all.
    pub(super) async fn send(&self, id: i64, daily: &Daily) -> Result<(), MailError> {
        let (subject, body) = words(self.language, daily);
        let domain = self.from.email.domain();
        let mut mail = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .date(std::time::UNIX_EPOCH + made_at(daily))
            // The same with every try, so that a second copy can be told for what it is.
            .message_id(Some(format!("<briefing-{}-{id}@{domain}>", daily.day)))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(to.clone());
        }
        self.transport.send(mail.body(body)?).await?;
        Ok(())
    }
}

/// Subject and body: the plant's language first, the other below.
fn words(language: Language, daily: &Daily) -> (String, String) {
    let (ko, en) = (&daily.text_ko, &daily.text_en);
    match language {
        Language::Ko => {
            let how = if daily.calm { "이상 없음" } else { "확인 필요" };
            (format!("[Nightshift] {} 일일 브리핑: {how}", daily.day), format!("{ko}\n\n--\n{en}\n"))
        }
        Language::En => {
            let how = if daily.calm { "all is well" } else { "needs attention" };
            (format!("[Nightshift] {} daily briefing: {how}", daily.day), format!("{en}\n\n--\n{ko}\n"))
        }
    }
}
