//! Following a session's states: none is missed, whoever drops and comes back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::diagnosis::{DiagnosisId, StateEvent};
use nightshift_store::diagnosis::session_states;
use tokio::sync::watch;

use super::shared::{History, Shared};

/// Time between two looks at the store for a session that lives nowhere in this process.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// The states of a session, in order.
pub struct Follow {
    shared: Arc<Shared>,
    id: DiagnosisId,
    /// Told by the session; absent when it lives nowhere in this process.
    history: Option<watch::Receiver<History>>,
    waiting: VecDeque<StateEvent>,
    /// The newest state that was given or is waiting.
    newest: Option<StateEvent>,
}

impl Follow {
    pub(super) fn new(
        shared: Arc<Shared>,
        id: DiagnosisId,
        states: Vec<StateEvent>,
        history: Option<watch::Receiver<History>>,
        after: Option<i64>,
    ) -> Self {
        let newest = states.last().cloned();
        // Whoever comes for the first time gets the state as it is now; whoever comes back what came since. One state is
        // given at once in any case.
        let mut waiting: VecDeque<StateEvent> = match after {
            Some(after) => states.into_iter().filter(|state| state.seq > after).collect(),
            None => VecDeque::new(),
        };
        if waiting.is_empty() {
            waiting.extend(newest.clone());
        }
        Self { shared, id, history, waiting, newest }
    }

    /// Whether a listener that has seen state `after` has seen the last one there will be.
    #[must_use]
    pub fn is_over_after(&self, after: i64) -> bool {
        self.newest.as_ref().is_some_and(|state| state.state.is_final() && state.seq <= after)
    }

    /// The newest state.
    #[must_use]
    pub fn newest(&self) -> Option<&StateEvent> {
        self.newest.as_ref()
    }

    /// The next state; `None` after the last. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<StateEvent> {
        loop {
            if let Some(state) = self.waiting.pop_front() {
                return Some(state);
            }
            if self.newest.as_ref().is_some_and(|state| state.state.is_final()) {
                return None;
            }
            let known = match &mut self.history {
                Some(history) => match history.changed().await {
                    Ok(()) => history.borrow_and_update().clone(),
                    Err(_) => {
                        self.history = None;
                        continue;
                    }
                },
                None => {
                    self.shared.clock.sleep(LOOK_INTERVAL).await;
                    match session_states(&self.shared.db, self.id).await {
                        Ok(states) if states.is_empty() => return None,
                        Ok(states) => states.into(),
                        // The store is away: the next look may find it.
                        Err(_) => continue,
                    }
                }
            };
            let last = self.newest.as_ref().map_or(0, |state| state.seq);
            self.waiting.extend(known.iter().filter(|state| state.seq > last).cloned());
            self.newest = self.waiting.back().cloned().or(self.newest.take());
        }
    }
}
