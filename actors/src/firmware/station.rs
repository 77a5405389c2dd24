//! A station: what its agent says and is told goes through this actor.
//!
//! Owned by `firmware`, one for each station that was ever heard of. It hands the agent one deployment at a time, notes
//! what the agent reports, and gives up what takes too long. Deployments that fail again and again open its breaker:
//! nothing more is handed out, or ordered, until a pause is over. What matters is in the store.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::alerts::station_trouble;
use nightshift_domain::audit::Action;
use nightshift_domain::firmware::{
    AgentTrouble, Deployment, DeploymentId, DeploymentState, DeploymentStatus, Firmware, FirmwareVersion,
    Heartbeat, NewDeployment, Report, StationId,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Breaker, BreakerConfig, BreakerState, Context, Fault, Reply};
use nightshift_store::firmware as store;
use nightshift_store::{StoreError, Tx};
use serde_json::json;
use tokio::sync::Mutex;

use super::error::FirmwareError;
use super::{Shared, WRITE_DEADLINE};
use crate::identity::By;

/// Requests that may wait for one station.
pub(super) const MAILBOX: u32 = 64;
/// Failed deployments after which a station is left alone.
const BREAKER_FAILURES: u32 = 5;
/// For how long failures count.
const BREAKER_WINDOW: Duration = Duration::from_secs(3_600);
/// Time between two looks at what takes too long.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// A heartbeat that says nothing new is written this often.
const SAVE_INTERVAL: Duration = Duration::from_secs(10);
/// Deployments under way that are looked at.
const OPEN_MAX: u32 = 100;

/// What an agent is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentWork {
    /// The server's time.
    pub now: Timestamp,
    /// What to fetch and hand to the device.
    pub wanted: Option<Wanted>,
}

/// A deployment with its image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The deployment.
    pub deployment: Deployment,
    /// What is deployed.
    pub firmware: Firmware,
}

/// What a station's actor takes.
pub(crate) enum StationMessage {
    /// The agent asks for work.
    Poll { heartbeat: Box<Heartbeat>, clock_ahead_ms: i64, reply: Reply<Result<AgentWork, FirmwareError>> },
    /// The agent says how far a deployment is.
    Report { id: DeploymentId, report: Report, reply: Reply<Result<Deployment, FirmwareError>> },
    /// Somebody orders a deployment.
    Deploy {
        order: NewDeployment,
        version: FirmwareVersion,
        by: By,
        reply: Reply<Result<Deployment, FirmwareError>>,
    },
    /// Look what takes too long.
    Look,
}

/// The actor.
pub(super) struct StationActor {
    shared: Arc<Shared>,
    id: StationId,
    /// Outlives the actor, so that a restart does not forget failures.
    breaker: Arc<Mutex<Breaker>>,
    /// What was last written, and when, on the monotonic clock.
    saved: Option<(Heartbeat, Duration)>,
    /// Troubles that people were told of.
    told: BTreeSet<AgentTrouble>,
}

pub(super) fn breaker_config(open_for: Duration) -> BreakerConfig {
    BreakerConfig { failures: BREAKER_FAILURES, window: BREAKER_WINDOW, open_for, ..BreakerConfig::default() }
}

impl StationActor {
    pub(super) fn new(shared: Arc<Shared>, id: StationId, breaker: Arc<Mutex<Breaker>>) -> Self {
        Self { shared, id, breaker, saved: None, told: BTreeSet::new() }
    }

    async fn poll(
        &mut self,
        monotonic: Duration,
        heartbeat: Heartbeat,
        clock_ahead_ms: i64,
    ) -> Result<AgentWork, FirmwareError> {
        let now = self.shared.now();
        self.save(monotonic, heartbeat, clock_ahead_ms, now).await?;
        let open = store::deployments_open_of(&self.shared.db, &self.id, 1).await?;
        let Some(mut deployment) = open.into_iter().next() else {
            return Ok(AgentWork { now, wanted: None });
        };
        if deployment.state == DeploymentState::Waiting {
            if self.pause().await.is_some() {
                return Ok(AgentWork { now, wanted: None });
            }
            let from = deployment.state.status();
            (deployment.state, deployment.updated_at) = (deployment.state.offered(), now);
            self.save_deployment(&deployment, from).await?;
        }
        let firmware = store::firmware_find(&self.shared.db, deployment.order.firmware_id).await?;
        let wanted = firmware.map(|firmware| Wanted { deployment, firmware });
        Ok(AgentWork { now, wanted })
    }

    /// Keeps a heartbeat that says something new, and tells of new troubles.
    async fn save(
        &mut self,
        monotonic: Duration,
        heartbeat: Heartbeat,
        clock_ahead_ms: i64,
        now: Timestamp,
    ) -> Result<(), FirmwareError> {
        let troubles: BTreeSet<AgentTrouble> = heartbeat.troubles.iter().copied().collect();
        let new: Vec<AgentTrouble> = troubles.difference(&self.told).copied().collect();
        let known = self
            .saved
            .as_ref()
            .is_some_and(|(saved, at)| *saved == heartbeat && monotonic.saturating_sub(*at) < SAVE_INTERVAL);
        if known && new.is_empty() {
            return Ok(());
        }
        let (id, kept) = (self.id.clone(), heartbeat.clone());
        let saved = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                store::station_save(tx, &id, &kept, clock_ahead_ms, now).await?;
                let raises = new.iter().map(|trouble| {
                    let word = serde_json::to_value(trouble).unwrap_or_default();
                    station_trouble(id.as_str(), word.as_str().unwrap_or_default(), trouble.advice(), now)
                });
                crate::alerts::raise(tx, raises.collect(), now).await.map(|_| ())
            })
        });
        saved.await?;
        self.saved = Some((heartbeat, monotonic));
        // A trouble that went away and comes back is told again.
        self.told = troubles;
        Ok(())
    }

    /// How long the station is still left alone.
    async fn pause(&self) -> Option<Duration> {
        let snapshot = self.breaker.lock().await.view().snapshot();
        let pause = snapshot.retry_after.filter(|pause| !pause.is_zero());
        pause.filter(|_| snapshot.state == BreakerState::Open)
    }

    async fn deploy(
        &self,
        order: NewDeployment,
        version: FirmwareVersion,
        by: By,
    ) -> Result<Deployment, FirmwareError> {
        if let Some(retry_after) = self.pause().await {
            return Err(FirmwareError::StationAway { station: self.id.to_string(), retry_after });
        }
        let now = self.shared.now();
        let ordered = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let deployment = store::deployment_insert(tx, order, version, now).await?;
                tx.audit(
                    by.entry(now, Action::Create, "firmware_deployment")
                        .on(deployment.id)
                        .after(&shown(&deployment)),
                )?;
                note(tx, &deployment, now).await?;
                Ok(deployment)
            })
        });
        Ok(ordered.await?)
    }

    async fn report(&self, id: DeploymentId, report: Report) -> Result<Deployment, FirmwareError> {
        let missing = || FirmwareError::Missing { what: "deployment", id: id.0 };
        let mut deployment = store::deployment_find(&self.shared.db, id).await?.ok_or_else(missing)?;
        if deployment.order.station_id != self.id {
            return Err(missing());
        }
        let (from, now) = (deployment.state.status(), self.shared.now());
        let state = deployment.state.reported(&report, deployment.version, now)?;
        if state.status() == from {
            return Ok(deployment);
        }
        (deployment.state, deployment.updated_at) = (state, now);
        self.save_deployment(&deployment, from).await?;
        self.settle(&deployment).await;
        Ok(deployment)
    }

    /// Gives up what takes too long.
    async fn look(&self) -> Result<(), FirmwareError> {
        let now = self.shared.now();
        for mut deployment in store::deployments_open_of(&self.shared.db, &self.id, OPEN_MAX).await? {
            let waited = now.us_since(deployment.updated_at);
            // What waits for an agent that is away has not failed: it waits.
            let waits = deployment.state == DeploymentState::Waiting;
            if waits || u128::from(waited.unsigned_abs()) < self.shared.config.deploy_deadline.as_micros() {
                continue;
            }
            let from = deployment.state.status();
            let reason =
                format!("nothing was heard of it for {} s", self.shared.config.deploy_deadline.as_secs());
            (deployment.state, deployment.updated_at) = (deployment.state.give_up(&reason, now)?, now);
            self.save_deployment(&deployment, from).await?;
            self.settle(&deployment).await;
        }
        Ok(())
    }

    async fn save_deployment(
        &self,
        deployment: &Deployment,
        from: DeploymentStatus,
    ) -> Result<(), FirmwareError> {
        let (deployment, now) = (deployment.clone(), self.shared.now());
        let saved = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                if store::deployment_save(tx, &deployment, from).await? {
                    note(tx, &deployment, now).await?;
                }
                Ok(())
            })
        });
        Ok(saved.await?)
    }

    /// What has ended counts for or against the station, and a roll-out may go on.
    async fn settle(&self, deployment: &Deployment) {
        let outcome = match deployment.state {
            DeploymentState::Succeeded { .. } => Ok(()),
            DeploymentState::Failed { .. } => Err(()),
            _ => return,
        };
        let call = std::future::ready(outcome);
        let _ = self.breaker.lock().await.call(WRITE_DEADLINE, call).await;
        self.shared.ring_rollouts();
    }
}

/// A deployment as the audit and the journal show it.
pub(super) fn shown(deployment: &Deployment) -> serde_json::Value {
    let reason = match &deployment.state {
        DeploymentState::Failed { reason, .. } => Some(reason.as_str()),
        _ => None,
    };
    json!({
        "deployment_id": deployment.id, "station_id": deployment.order.station_id, "version": deployment.version,
        "serial_number": deployment.order.serial_number, "rollout_id": deployment.order.rollout_id,
        "status": deployment.state.status(), "reason": reason,
    })
}

/// Journals where a deployment has come to, and counts it.
pub(super) async fn note(tx: &mut Tx, deployment: &Deployment, now: Timestamp) -> Result<(), StoreError> {
    let status = deployment.state.status().as_str();
    metrics::counter!("nightshift_firmware_deployments_total", "state" => status).increment(1);
    let event =
        NewEvent::new(now, "firmware.deployment", deployment.order.station_id.as_str(), shown(deployment));
    tx.journal(event).await.map(|_| ())
}

impl Actor for StationActor {
    type Message = StationMessage;

    async fn start(&mut self, ctx: &Context<StationMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || StationMessage::Look)
    }

    async fn handle(&mut self, ctx: &Context<StationMessage>, message: StationMessage) -> Result<(), Fault> {
        match message {
            StationMessage::Poll { heartbeat, clock_ahead_ms, reply } => {
                reply.send(self.poll(ctx.clock().monotonic(), *heartbeat, clock_ahead_ms).await);
            }
            StationMessage::Report { id, report, reply } => reply.send(self.report(id, report).await),
            StationMessage::Deploy { order, version, by, reply } => {
                reply.send(self.deploy(order, version, by).await);
            }
            StationMessage::Look => {
                if let Err(error) = self.look().await {
                    tracing::warn!(station = %self.id, error = %error, "a station's deployments could not be looked at");
                }
            }
        }
        Ok(())
    }
}
