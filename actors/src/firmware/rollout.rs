//! Staged roll-outs: looks at those that run, starts their next stage, stops those that fail too often.
//!
//! Owned by `production`. It looks on a timer and when something has ended; what it finds is decided in the unit of work
//! that acts on it, so that looking twice does nothing twice.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::firmware::{
    DeploymentStatus, NewDeployment, NextStage, Rollout, RolloutId, RolloutState, RolloutStatus, StationId,
    next_stations,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::firmware as store;
use nightshift_store::{StoreError, Tx};
use serde_json::json;

use super::error::FirmwareError;
use super::{Shared, WRITE_DEADLINE, station};

/// Time between two looks.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Most roll-outs that run at once; more wait their turn.
const RUNNING_MAX: u32 = 100;

/// What the actor takes.
pub(crate) enum RolloutMessage {
    /// Look what comes next.
    Look,
}

/// The actor.
pub(super) struct RolloutActor {
    shared: Arc<Shared>,
}

impl RolloutActor {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    async fn look(&self, ctx: &Context<RolloutMessage>) -> Result<(), FirmwareError> {
        for rollout in store::rollouts_running(&self.shared.db, RUNNING_MAX).await? {
            ctx.progress();
            let now = self.shared.now();
            let id = rollout.id;
            let advanced = self
                .shared
                .writer
                .run(WRITE_DEADLINE, move |tx| Box::pin(async move { advance(tx, id, now).await }));
            advanced.await?;
        }
        Ok(())
    }
}

/// Does what comes next of a roll-out, if anything.
async fn advance(tx: &mut Tx, id: RolloutId, now: Timestamp) -> Result<(), StoreError> {
    let Some(mut rollout) = store::rollout_read(tx, id).await? else { return Ok(()) };
    if rollout.state.status() != RolloutStatus::Running {
        return Ok(());
    }
    let parts = store::deployments_of_rollout(tx, id).await?;
    let so_far: Vec<(StationId, DeploymentStatus)> =
        parts.iter().map(|part| (part.order.station_id.clone(), part.state.status())).collect();
    match next_stations(&rollout.plan, &so_far, now) {
        NextStage::Wait => Ok(()),
        NextStage::Start(stations) => {
            let Some(firmware) = store::firmware_read(tx, rollout.plan.firmware_id).await? else {
                return Ok(());
            };
            for station_id in stations {
                let order = NewDeployment {
                    firmware_id: rollout.plan.firmware_id,
                    station_id,
                    serial_number: None,
                    rollout_id: Some(id),
                    requested_by: rollout.plan.requested_by.clone(),
                };
                let version = firmware.firmware.image.version;
                let deployment = store::deployment_insert(tx, order, version, now).await?;
                station::note(tx, &deployment, now).await?;
            }
            Ok(())
        }
        NextStage::End(state) => {
            rollout.state = state;
            store::rollout_save(tx, &rollout).await?;
            note(tx, &rollout, now).await
        }
    }
}

/// A roll-out as the audit and the journal show it.
pub(super) fn shown(rollout: &Rollout) -> serde_json::Value {
    let reason = match &rollout.state {
        RolloutState::Stopped { reason, .. } => Some(reason.as_str()),
        _ => None,
    };
    json!({
        "rollout_id": rollout.id, "firmware_id": rollout.plan.firmware_id, "stations": rollout.plan.stations.len(),
        "stage_size": rollout.plan.stage_size, "failures_max": rollout.plan.failures_max,
        "status": rollout.state.status(), "reason": reason,
    })
}

/// Journals where a roll-out has come to.
pub(super) async fn note(tx: &mut Tx, rollout: &Rollout, now: Timestamp) -> Result<(), StoreError> {
    let state = rollout.state.status().as_str();
    metrics::counter!("nightshift_firmware_rollouts_total", "state" => state).increment(1);
    let event = NewEvent::new(now, "firmware.rollout", &rollout.id.to_string(), shown(rollout));
    tx.journal(event).await.map(|_| ())
}

impl Actor for RolloutActor {
    type Message = RolloutMessage;

    async fn start(&mut self, ctx: &Context<RolloutMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || RolloutMessage::Look)
    }

    async fn handle(&mut self, ctx: &Context<RolloutMessage>, message: RolloutMessage) -> Result<(), Fault> {
        match message {
            RolloutMessage::Look => {
                if let Err(error) = self.look(ctx).await {
                    tracing::warn!(error = %error, "the roll-outs could not be looked at");
                }
            }
        }
        Ok(())
    }
}
