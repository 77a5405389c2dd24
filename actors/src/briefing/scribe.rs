//! The scribe: stores the texts that are due together in one unit of work, however many requests they belong to.
//!
//! Owned by `briefing`. What arrives while a commit is under way waits in the mailbox and becomes one unit together. A text
//! that cannot be stored is found by trying each by itself. The actor keeps nothing that matters: a request whose text was
//! not acknowledged offers it again.

use std::time::Duration;

use nightshift_kernel::{Actor, Context, Fault, Reply};
use nightshift_store::briefing::{NewText, texts_insert};

use super::error::BriefingError;
use super::shared::BACKGROUND_WRITE;
use crate::writer::{WriteError, Writer};

/// Texts that may wait; more are refused, and offered again by their requests.
pub(super) const MAILBOX: u32 = 20_000;
/// Most texts in one unit of work.
const BATCH_MAX: usize = 1_024;
/// How long the store may take for a batch.
pub(super) const BUDGET: Duration = Duration::from_secs(120);

/// What the scribe takes.
pub(super) enum ScribeMessage {
    /// A text, and who waits for it.
    Store(Box<NewText>, Reply<Result<(), BriefingError>>),
    /// Store what has gathered.
    Flush,
}

/// The actor.
pub(super) struct Scribe {
    writer: Writer,
    waiting: Vec<(NewText, Reply<Result<(), BriefingError>>)>,
    /// Whether a `Flush` is in the mailbox.
    flushing: bool,
}

impl Scribe {
    pub(super) fn new(writer: Writer) -> Self {
        Self { writer, waiting: Vec::new(), flushing: false }
    }

    /// Takes a text in. The flush stands behind everything that is in the mailbox by now.
    async fn take(
        &mut self,
        ctx: &Context<ScribeMessage>,
        text: NewText,
        reply: Reply<Result<(), BriefingError>>,
    ) {
        self.waiting.push((text, reply));
        let full = self.waiting.len() >= BATCH_MAX;
        if !full && (self.flushing || ctx.address().try_send(ScribeMessage::Flush).is_ok()) {
            self.flushing = true;
            return;
        }
        self.flush(ctx).await;
    }

    async fn flush(&mut self, ctx: &Context<ScribeMessage>) {
        while !self.waiting.is_empty() {
            ctx.progress();
            let rest = self.waiting.split_off(self.waiting.len().min(BATCH_MAX));
            let batch = std::mem::replace(&mut self.waiting, rest);
            metrics::histogram!("nightshift_briefing_batch_texts").record(batch.len() as f64);
            let (texts, replies): (Vec<NewText>, Vec<_>) = batch.into_iter().unzip();
            match self.store(texts.clone()).await {
                Ok(()) => replies.into_iter().for_each(|reply| reply.send(Ok(()))),
                Err(WriteError::Store(error)) if !error.is_transient() && texts.len() > 1 => {
                    tracing::warn!(error = %error, texts = texts.len(), "texts could not be stored together; they are tried one by one");
                    for (text, reply) in texts.into_iter().zip(replies) {
                        reply.send(self.store(vec![text]).await.map_err(BriefingError::from));
                        ctx.progress();
                    }
                }
                Err(error) => {
                    let error = BriefingError::from(error);
                    replies.into_iter().for_each(|reply| reply.send(Err(error.clone())));
                }
            }
        }
    }

    async fn store(&self, texts: Vec<NewText>) -> Result<(), WriteError> {
        let write = self
            .writer
            .run(BACKGROUND_WRITE, move |tx| Box::pin(async move { texts_insert(tx, &texts).await }));
        write.await
    }
}

impl Actor for Scribe {
    type Message = ScribeMessage;

    async fn handle(&mut self, ctx: &Context<ScribeMessage>, message: ScribeMessage) -> Result<(), Fault> {
        match message {
            ScribeMessage::Store(text, reply) => self.take(ctx, *text, reply).await,
            ScribeMessage::Flush => {
                self.flushing = false;
                self.flush(ctx).await;
            }
        }
        Ok(())
    }

    async fn stop(&mut self, ctx: &Context<ScribeMessage>) {
        self.flush(ctx).await;
    }
}
