//! Large messages of a channel come in a few at a time: the others wait while most of their bytes are still with their
//! senders, where they take no memory of the plant's.
//!
//! A turn is no right: whoever has waited for [`PATIENCE`] goes on without one. A few that trickle hold nobody up for longer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bytes of a message that may come without a turn.
const FREE_BYTES: u64 = 64 * 1_024;
/// Longest wait for a turn.
const PATIENCE: Duration = Duration::from_secs(2);

/// The turns of a channel. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct Funnel(Arc<Semaphore>);

impl Funnel {
    /// As many large messages as that come at a time.
    pub(crate) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }
}

/// Where a connection stands with the message that comes over it now.
#[derive(Default)]
pub(super) enum Turn {
    /// It needs no turn.
    #[default]
    None,
    Waits(Pin<Box<dyn Future<Output = Option<OwnedSemaphorePermit>> + Send>>),
    /// It may come: with a turn, or for having waited long enough.
    Comes {
        _turn: Option<OwnedSemaphorePermit>,
    },
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Waits(_) => "Waits",
            Self::Comes { .. } => "Comes",
        })
    }
}

impl Turn {
    /// Ready when more may be read of a message of which so many bytes have come. A turn ends when the next message is read.
    pub(super) fn poll(&mut self, funnel: &Funnel, come: u64, cx: &mut Context<'_>) -> Poll<()> {
        if come < FREE_BYTES {
            *self = Self::None;
        } else if matches!(self, Self::None) {
            let taking = timeout(PATIENCE, Arc::clone(&funnel.0).acquire_owned());
            *self = Self::Waits(Box::pin(async move { taking.await.ok()?.ok() }));
        }
        if let Self::Waits(waiting) = self {
            let turn = ready!(waiting.as_mut().poll(cx));
            *self = Self::Comes { _turn: turn };
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    async fn pass(turn: &mut Turn, funnel: &Funnel, come: u64) {
        poll_fn(|cx| turn.poll(funnel, come, cx)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn large_messages_come_one_after_the_other_and_small_ones_pass() {
        let funnel = Funnel::new(1);
        let (mut first, mut second) = (Turn::None, Turn::None);
        pass(&mut first, &funnel, FREE_BYTES).await;
        pass(&mut first, &funnel, 10 * FREE_BYTES).await;
        pass(&mut second, &funnel, FREE_BYTES - 1).await;
        let waits = timeout(PATIENCE / 2, pass(&mut second, &funnel, FREE_BYTES)).await;
        assert!(waits.is_err(), "the first has the turn");
        // The first begins its next message.
        pass(&mut first, &funnel, 0).await;
        timeout(PATIENCE / 4, pass(&mut second, &funnel, FREE_BYTES)).await.expect("its turn");
        assert!(matches!(second, Turn::Comes { _turn: Some(_) }));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_waited_long_enough_goes_on() {
        let funnel = Funnel::new(1);
        let (mut slow, mut other) = (Turn::None, Turn::None);
        pass(&mut slow, &funnel, FREE_BYTES).await;
        pass(&mut other, &funnel, FREE_BYTES).await;
        assert!(matches!(other, Turn::Comes { _turn: None }));
    }
}
