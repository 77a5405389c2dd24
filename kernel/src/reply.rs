//! The way back from a handler to the one who asked.

use tokio::sync::oneshot;

/// Answers one `ask`. Dropping it unanswered tells the asker `Failed`.
#[must_use = "dropping a reply tells the asker that its request failed"]
#[derive(Debug)]
pub struct Reply<R> {
    sender: oneshot::Sender<R>,
}

impl<R> Reply<R> {
    pub(crate) fn new() -> (Self, oneshot::Receiver<R>) {
        let (sender, receiver) = oneshot::channel();
        (Self { sender }, receiver)
    }

    /// Answers. An asker who has gone (deadline passed) gets nothing, which is no error here.
    pub fn send(self, value: R) {
        drop(self.sender.send(value));
    }

    /// Whether the asker has stopped waiting, so that costly work for it can be skipped.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.sender.is_closed()
    }
}
