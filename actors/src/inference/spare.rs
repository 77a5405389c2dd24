//! Scores that nobody waits for: those of a model that is tried, in what the others leave.
//!
//! A window alone goes through the batcher as a spare job. One with a bank goes to a keeper of its own, with a thread of its
//! own, that remembers nothing: each window brings its past. Both are only asked while no other window waits.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use nightshift_kernel::{Address, ChildSpec, Mailbox, SpawnError, Supervisor};

use super::bank::{self, BankKeeper, BankMessage, BankWindow, Walk, Walked};
use super::{CatalogEntry, DEVICE_BUDGET_SLACK, Inference, InferenceError, ScoredWindow, unasked};
use crate::config::InferenceConfig;

/// Windows that may wait for the keeper.
const KEEPER_MAILBOX: u32 = 64;
/// Sensors that it remembers: a walk's or a window's own, while it lasts.
const SENSORS_MAX: usize = 1;

impl Inference {
    /// Whether nobody else's window waits for a device now.
    #[must_use]
    pub(crate) fn has_spare(&self) -> bool {
        self.ready() && self.inner.board.queued.load(Ordering::Relaxed) == 0
    }

    /// Scores a window when a device would stand idle otherwise.
    ///
    /// # Errors
    /// [`InferenceError`]; `Deadline` and `Overloaded` where others left no room.
    pub(crate) async fn score_spare(
        &self,
        model: &str,
        values: Vec<f32>,
    ) -> Result<ScoredWindow, InferenceError> {
        self.score_by(self.model_index(model)?, values, true).await
    }

    /// The same against the past that the window brings. `None` where that is too short.
    ///
    /// # Errors
    /// [`InferenceError`].
    pub(crate) async fn score_spare_with_bank(
        &self,
        model: &str,
        window: BankWindow,
    ) -> Result<Option<ScoredWindow>, InferenceError> {
        let index = self.model_index(model)?;
        let make = |reply| BankMessage::Score { model: index, window, reply };
        let answer = self.spare_keeper()?.ask(make, self.inner.job_deadline).await.map_err(unasked)??;
        Ok(self.against_bank(index, answer))
    }

    /// Goes on with a walk over a sensor's past, as [`Inference::walk`] does.
    ///
    /// # Errors
    /// [`InferenceError`]; the walk must begin again then.
    pub(crate) async fn walk_spare(&self, model: &str, walk: Walk) -> Result<Walked, InferenceError> {
        let model = self.model_index(model)?;
        let make = |reply| BankMessage::Walk { model, walk, reply };
        self.spare_keeper()?.ask(make, self.inner.job_deadline).await.map_err(unasked)?
    }

    fn spare_keeper(&self) -> Result<&Address<BankMessage>, InferenceError> {
        let none = || InferenceError::Unavailable { reason: "banks are turned off".to_owned() };
        self.inner.spare_keeper.as_ref().ok_or_else(none)
    }
}

/// The keeper, where there are banks and a second model to try.
pub(super) fn spawn_keeper(
    pool: &Supervisor,
    config: &InferenceConfig,
    catalog: &Arc<[CatalogEntry]>,
) -> Result<Option<Address<BankMessage>>, SpawnError> {
    if config.bank_sensors_max == 0 || catalog.len() < 2 {
        return Ok(None);
    }
    let spec = ChildSpec::new("bank-spare")
        .mailbox(Mailbox::reject(KEEPER_MAILBOX))
        .budget(config.batch_deadline + DEVICE_BUDGET_SLACK);
    let seed = bank::Seed {
        name: "bank-spare".into(),
        catalog: Arc::clone(catalog),
        sensors_max: SENSORS_MAX,
        deadline: config.batch_deadline,
    };
    pool.spawn(spec, move || BankKeeper::new(seed.clone())).map(Some)
}
