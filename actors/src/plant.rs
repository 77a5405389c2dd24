//! The whole supervision tree, declared in one place.
//!
//! ```text
//! plant
//! ├── store-writer     essential · its queue rejects when full · group commit
//! ├── inference        batcher (sheds beyond its queue) · one device-<n> per device
//! ├── sensing          sensor/<key> … · vendor/<name> (breaker) · calibrator · schedule
//! └── system           watch (tree events to the journal) · keeper (retention, account, checkpoints)
//! ```

use std::sync::Arc;
use std::time::Duration;

use nightshift_kernel::{
    BreakerSnapshot, ChildSpec, Clock, Mailbox, Policy, Random, Runtime, SpawnError, StopReport, Supervisor,
    TreeNode,
};
use nightshift_models::{Model, ModelError, Selection};
use nightshift_store::{Db, StoreError};

use crate::config::PlantConfig;
use crate::health::{self, Health};
use crate::hub::{Hub, JournalReader};
use crate::inference::Inference;
use crate::sensing::{self, Sensing, SensingShared};
use crate::system::{self, Ledger};
use crate::writer::{Queue, StoreWriter, Writer};

/// Wake-ups that may wait for the writer; one is as good as many. What is to be written waits in its queue.
const WRITER_MAILBOX: u32 = 16;
/// How long one group commit may take before the writer counts as frozen.
const WRITER_BUDGET: Duration = Duration::from_secs(60);
/// Restarts that may be under way at once: a mass restart is no stampede.
const RESTARTS_AT_ONCE: usize = 64;

/// Why the plant could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A model file cannot be used.
    #[error("a model cannot be loaded")]
    Model(#[source] ModelError),
    /// The default model is none of those loaded.
    #[error("sensing.default_model: {0}")]
    DefaultModel(String),
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// An actor could not be started.
    #[error("an actor could not be started")]
    Spawn(#[from] SpawnError),
    /// The vendor's settings are wrong.
    #[error("{0}")]
    Vendor(String),
}

/// A running plant.
#[derive(Clone)]
pub struct Plant {
    root: Supervisor,
    db: Db,
    hub: Hub,
    inference: Inference,
    sensing: Sensing,
    ledger: Ledger,
}

impl Plant {
    /// Starts the tree on a migrated database, with the devices that were selected. Returns when every actor has a place;
    /// devices go on warming up (see [`Inference::ready`]).
    ///
    /// # Errors
    /// [`StartError`]; whatever was started is stopped with the returned value's drop of the root.
    pub async fn start(
        config: PlantConfig,
        db: Db,
        clock: Clock,
        selection: Selection,
    ) -> Result<Self, StartError> {
        let runtime = Runtime::new(clock.clone(), Random::unpredictable(), RESTARTS_AT_ONCE);
        let root = Supervisor::root("plant", runtime)?;
        let (_, newest) = nightshift_store::system::events_bounds(&db).await?;
        let hub = Hub::new(newest.unwrap_or(0));

        let writer_spec = ChildSpec::new("store-writer")
            .mailbox(Mailbox::wait(WRITER_MAILBOX))
            .budget(WRITER_BUDGET)
            .essential(true);
        let (writer_db, writer_hub) = (db.clone(), hub.clone());
        let queue = Arc::<Queue>::default();
        let for_writer = Arc::clone(&queue);
        let make_writer =
            move || StoreWriter::new(writer_db.clone(), writer_hub.clone(), Arc::clone(&for_writer));
        let writer = Writer::new(root.spawn(writer_spec, make_writer)?, queue);

        let models = load_models(&config)?;
        let inference = Inference::spawn(&root, &config.inference, models, selection)?;
        inference
            .check_model(&config.sensing.default_model)
            .map_err(|e| StartError::DefaultModel(e.to_string()))?;

        let shared = Arc::new(SensingShared {
            db: db.clone(),
            writer: writer.clone(),
            hub: hub.clone(),
            inference: inference.clone(),
            clock,
            config: config.sensing,
            roster: Default::default(),
        });
        let sensing = sensing::spawn(&root, shared).await?;

        let house = root.supervisor("system", Policy::default())?;
        let ledger = system::spawn(&house, &root, config.system, writer, sensing.shared())?;
        Ok(Self { root, db, hub, inference, sensing, ledger })
    }

    /// The sensing domain.
    #[must_use]
    pub fn sensing(&self) -> &Sensing {
        &self.sensing
    }

    /// The inference pool.
    #[must_use]
    pub fn inference(&self) -> &Inference {
        &self.inference
    }

    /// The live fan-out.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// A reader of the journal that starts after event `after`, or now.
    #[must_use]
    pub fn follow(&self, after: Option<i64>, kind_prefix: Option<String>) -> JournalReader {
        self.hub.follow(self.db.clone(), after, kind_prefix)
    }

    /// The supervision tree below `path` (the whole plant when `None`), at most `limit` children per supervisor, those of
    /// `path` going on `after` the place that an earlier page gave as its `next_after`.
    #[must_use]
    pub fn tree(&self, path: Option<&str>, after: Option<u64>, limit: usize) -> Option<TreeNode> {
        let path = path.unwrap_or_else(|| self.root.path());
        match after {
            Some(after) => self.root.tree_page_after(path, after, limit),
            None => self.root.tree_page(path, limit),
        }
    }

    /// The circuit breakers.
    #[must_use]
    pub fn breakers(&self) -> Vec<BreakerSnapshot> {
        self.sensing.breakers().iter().map(nightshift_kernel::BreakerView::snapshot).collect()
    }

    /// How the plant's parts are.
    pub async fn health(&self) -> Health {
        health::look(&self.db, &self.root, &self.inference, &self.ledger, &self.breakers()).await
    }

    /// Waits until a part is lost that the plant cannot do without, and says why.
    pub async fn escalated(&self) -> String {
        self.root.escalated().await
    }

    /// Stops the tree in order: intake first, then the newest first, each with its waiting messages done.
    pub async fn shutdown(&self, deadline: Duration) -> StopReport {
        let report = self.root.shutdown(deadline).await;
        self.db.close().await;
        report
    }
}

fn load_models(config: &PlantConfig) -> Result<Vec<Model>, StartError> {
    let mut models = vec![Model::builtin_detector()];
    for path in &config.inference.models {
        models.push(Model::open(path).map_err(StartError::Model)?);
    }
    Ok(models)
}
