//! The whole supervision tree, declared in one place.
//!
//! ```text
//! plant
//! ├── cache            keeps the connection to the cache that nodes share, if there is one
//! ├── store-writer     essential · its queue rejects when full · group commit
//! ├── identity         keeper (takes away what has ended, writes counts of refusals)
//! ├── inference        batcher (sheds beyond its queue) · one device-<n> per device · bank-<n> (remember sensors), bank-spare
//! ├── sensing          sensor/<key> … · vendor/<name> (breaker) · calibrator · shadow · schedule
//! ├── production       process/<n> … (breaker on the store) · watch (delays, targets) · sentry (consequences of verdicts)
//! │                    printer/<id> … (breaker) · firmware/<station> … (breaker), rollout, firmware-keeper
//! ├── fleet            carrier (positions, retention) · fanout · dispatcher/<map> … · vehicle/<id> … · registry
//! ├── diagnosis        session/<id> … · keeper (removes files that belong to nothing)
//! ├── briefing         chronicle (the book of what happened) · scribe (stores texts together) · running/<request> …
//! │                    llm/<n> (breaker) · daily (at its time) · courier (webhook and mail, a breaker each)
//! └── system           watch (tree events to the journal) · keeper (retention, accounts, checkpoints) · host (the machine) · drill
//! ```

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::production::Calendar;
use nightshift_domain::sensing::Schedule;
use nightshift_kernel::{
    BreakerSnapshot, ChildSpec, Clock, Mailbox, Policy, Random, Runtime, SpawnError, StopReport, Supervisor,
    TreeNode,
};
use nightshift_models::{Model, ModelError, Selection};
use nightshift_store::blobs::{BlobError, Blobs};
use nightshift_store::{Db, StoreError};

use crate::alerts::Alerts;
use crate::briefing::{self, Briefing};
use crate::cache::{self, Cache};
use crate::config::PlantConfig;
use crate::diagnosis::{self, Diagnosis};
use crate::firmware::{self, Firmware};
use crate::fleet::{self, Fleet, FleetStartError};
use crate::health::{self, Health};
use crate::hub::{Hub, JournalReader};
use crate::identity::{self, Identity, IdentityError};
use crate::inference::Inference;
use crate::labels::{self, Labels};
use crate::once::Answers;
use crate::production::{self, Production};
use crate::sensing::{self, Sensing, SensingShared};
use crate::storage::Storage;
use crate::system::{self, HostView, House, Ledger};
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
    /// The model to be tried is none of those loaded.
    #[error("sensing.shadow_model: {0}")]
    ShadowModel(String),
    /// The store cannot be read.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
    /// The keys, or the first administrator, cannot be made.
    #[error("the identity cannot be started: {0}")]
    Identity(#[from] IdentityError),
    /// The object store cannot be opened.
    #[error("the object store")]
    Storage(#[from] BlobError),
    /// The shared cache's settings are wrong.
    #[error("cache.url: {0}")]
    Cache(String),
    /// The briefing domain could not be started.
    #[error("briefing: {0}")]
    Briefing(String),
    /// An actor could not be started.
    #[error("an actor could not be started")]
    Spawn(#[from] SpawnError),
    /// The vendor's settings are wrong.
    #[error("{0}")]
    Vendor(String),
    /// The production domain could not be started.
    #[error("production: {0}")]
    Production(String),
}

impl From<FleetStartError> for StartError {
    fn from(error: FleetStartError) -> Self {
        match error {
            FleetStartError::Store(error) => Self::Store(error),
            FleetStartError::Spawn(error) => Self::Spawn(error),
        }
    }
}

/// A running plant.
#[derive(Clone)]
pub struct Plant {
    root: Supervisor,
    db: Db,
    writer: Writer,
    hub: Hub,
    identity: Identity,
    inference: Inference,
    sensing: Sensing,
    production: Production,
    labels: Labels,
    firmware: Firmware,
    fleet: Fleet,
    diagnosis: Diagnosis,
    alerts: Alerts,
    briefing: Briefing,
    ledger: Ledger,
    host: HostView,
    house: House,
    answers: Answers,
    storage: Storage,
    cache: Cache,
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
        let storage = Storage::new(Blobs::open(&config.storage)?, clock.clone());
        let runtime = Runtime::new(clock.clone(), Random::unpredictable(), RESTARTS_AT_ONCE);
        let root = Supervisor::root("plant", runtime)?;
        let cache = spawn_cache(&root, &config, &clock).await?;
        let hub = Hub::new(nightshift_store::system::events_bounds(&db).await?.1.unwrap_or(0));

        let writer = spawn_writer(&root, &db, &hub)?;

        let around_identity = (db.clone(), writer.clone(), cache.clone(), clock.clone());
        let identity = spawn_identity(&root, &config, around_identity).await?;

        let inference = spawn_inference(&root, &config, selection)?;

        let calendar = calendar_of(&config)?;
        let answers = Answers::new(db.clone(), writer.clone(), clock.clone());
        let shared = Arc::new(SensingShared {
            db: db.clone(),
            writer: writer.clone(),
            hub: hub.clone(),
            inference: inference.clone(),
            clock: clock.clone(),
            lineup: sensing::lineup(&db, &config.sensing, &inference).await?,
            config: config.sensing,
            cache: cache.clone(),
            calendar,
            roster: Default::default(),
            period_s: Schedule::default().period_s.into(),
        });
        let sensing = sensing::spawn(&root, shared).await?;

        let alerts = Alerts::new(db.clone(), writer.clone(), clock.clone());
        let at_home = clock.clone();
        let around_briefing = (db.clone(), writer.clone(), hub.clone(), clock.clone());
        let surroundings = (db.clone(), writer.clone(), clock);
        let (around_fleet, around_diagnosis) = (surroundings.clone(), surroundings.clone());
        let zone = config.production.time_zone.clone();
        let desk = Arc::new(labels::Desk::open(config.labels).map_err(StartError::Production)?);
        let (around, seen, on) = (surroundings.clone(), Arc::clone(sensing.shared()), Arc::clone(&desk));
        let production =
            production::spawn(&root, config.production, &config.alerts, around, seen, on).await?;
        let labels = labels::spawn(production.domain(), desk, surroundings.clone()).await?;
        let files = storage.blobs();
        let firmware =
            firmware::spawn(production.domain(), config.firmware, files.clone(), surroundings).await?;

        let fleet = fleet::spawn(&root, config.fleet, around_fleet).await?;
        let diagnosis = diagnosis::spawn(&root, config.diagnosis, files.clone(), around_diagnosis).await?;
        let briefing = briefing::spawn(&root, config.briefing, &zone, around_briefing).await?;

        let below = root.supervisor("system", Policy::default())?;
        let house = House::open(&db, writer.clone(), root.clone(), at_home).await?;
        let (ledger, host) =
            system::spawn(&below, &root, &house, config.system, writer.clone(), sensing.shared())?;
        Ok(Self {
            root,
            db,
            writer,
            hub,
            identity,
            inference,
            sensing,
            production,
            labels,
            firmware,
            fleet,
            diagnosis,
            alerts,
            ledger,
            host,
            house,
            answers,
            storage,
            briefing,
            cache,
        })
    }

    /// The sensing domain.
    #[must_use]
    pub fn sensing(&self) -> &Sensing {
        &self.sensing
    }

    /// Who gets in.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The production domain.
    #[must_use]
    pub fn production(&self) -> &Production {
        &self.production
    }

    /// Labels and their printers.
    #[must_use]
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Firmware and the stations that run it.
    #[must_use]
    pub fn firmware(&self) -> &Firmware {
        &self.firmware
    }

    /// The fleet domain.
    #[must_use]
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The diagnosis domain.
    #[must_use]
    pub fn diagnosis(&self) -> &Diagnosis {
        &self.diagnosis
    }

    /// Alerts.
    #[must_use]
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// Briefings.
    #[must_use]
    pub fn briefing(&self) -> &Briefing {
        &self.briefing
    }

    /// The inference pool.
    #[must_use]
    pub fn inference(&self) -> &Inference {
        &self.inference
    }

    /// The house: attendance, and an operator's commands on the tree.
    #[must_use]
    pub fn house(&self) -> &House {
        &self.house
    }

    /// The answers of commands that may be sent again.
    #[must_use]
    pub fn answers(&self) -> &Answers {
        &self.answers
    }

    /// Objects too large for the database.
    #[must_use]
    pub fn blobs(&self) -> &Blobs {
        self.storage.blobs()
    }

    /// What nodes share for a short time.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
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
        let views = self.sensing.breakers().into_iter().chain(self.production.breakers());
        let views = views.chain(self.labels.breakers()).chain(self.firmware.breakers());
        let views = views.chain(self.briefing.breakers());
        views.map(|view| view.snapshot()).collect()
    }

    /// How the plant's parts are.
    pub async fn health(&self) -> Health {
        health::look(health::Parts {
            db: &self.db,
            writer: &self.writer,
            root: &self.root,
            inference: &self.inference,
            sensing: &self.sensing,
            ledger: &self.ledger,
            host: &self.host,
            breakers: &self.breakers(),
            fleet: &self.fleet,
            audit_fault: self.identity.audit_fault(),
            storage: &self.storage,
            cache: &self.cache,
        })
        .await
    }

    /// Waits until a part is lost that the plant cannot do without, and says why.
    pub async fn escalated(&self) -> String {
        self.root.escalated().await
    }

    /// The whole tree.
    #[cfg(test)]
    pub(crate) fn root(&self) -> &Supervisor {
        &self.root
    }

    /// Stops the tree in order: intake first, then the newest first, each with its waiting messages done.
    pub async fn shutdown(&self, deadline: Duration) -> StopReport {
        let report = self.root.shutdown(deadline).await;
        self.db.close().await;
        report
    }
}

/// What nodes share. The first look is waited for, so that what is asked at once is counted together already.
async fn spawn_cache(root: &Supervisor, config: &PlantConfig, clock: &Clock) -> Result<Cache, StartError> {
    let cache = Cache::open(&config.cache, clock.clone()).map_err(StartError::Cache)?;
    cache.look().await;
    cache::spawn(root, &cache)?;
    Ok(cache)
}

/// Who gets in, with the first administrator.
async fn spawn_identity(
    root: &Supervisor,
    config: &PlantConfig,
    (db, writer, cache, clock): (Db, Writer, Cache, Clock),
) -> Result<Identity, StartError> {
    let identity = Identity::new(config.identity.clone(), db, writer, cache, clock)?;
    identity.first_start().await?;
    identity::spawn(root, &identity)?;
    Ok(identity)
}

/// The one that writes, in front of everybody else.
fn spawn_writer(root: &Supervisor, db: &Db, hub: &Hub) -> Result<Writer, StartError> {
    let spec = ChildSpec::new("store-writer")
        .mailbox(Mailbox::wait(WRITER_MAILBOX))
        .budget(WRITER_BUDGET)
        .essential(true);
    let (db, hub, queue) = (db.clone(), hub.clone(), Arc::<Queue>::default());
    let waiting = Arc::clone(&queue);
    let make = move || StoreWriter::new(db.clone(), hub.clone(), Arc::clone(&waiting));
    Ok(Writer::new(root.spawn(spec, make)?, queue))
}

/// The pool with every model there is; the default one must be among them.
fn spawn_inference(
    root: &Supervisor,
    config: &PlantConfig,
    selection: Selection,
) -> Result<Inference, StartError> {
    let inference = Inference::spawn(root, &config.inference, load_models(config)?, selection)?;
    inference
        .check_model(&config.sensing.default_model)
        .map_err(|e| StartError::DefaultModel(e.to_string()))?;
    if let Some(shadow) = &config.sensing.shadow_model {
        inference.check_model(shadow).map_err(|e| StartError::ShadowModel(e.to_string()))?;
    }
    Ok(inference)
}

/// The plant's local time.
fn calendar_of(config: &PlantConfig) -> Result<Calendar, StartError> {
    config.production.time_zone.parse().map_err(|e| StartError::Production(format!("{e}")))
}

fn load_models(config: &PlantConfig) -> Result<Vec<Model>, StartError> {
    let mut models = vec![Model::builtin_detector()];
    for path in &config.inference.models {
        models.push(Model::open(path).map_err(StartError::Model)?);
    }
    Ok(models)
}
