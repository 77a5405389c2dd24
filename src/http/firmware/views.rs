//! Versions, deployments, roll-outs and stations as clients see them.

use nightshift_actors::StationView;
use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{
    AgentTrouble, Deployment, DeploymentState, Firmware, FirmwareVersion, Rollout, RolloutState,
};
use nightshift_kernel::BreakerState;
use serde::Serialize;
use utoipa::ToSchema;

/// A version of a product model's firmware.
#[derive(Serialize, ToSchema)]
#[schema(as = Firmware)]
pub(crate) struct FirmwareOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// Whose firmware it is.
    #[schema(example = 1)]
    product_model_id: i64,
    /// The model's code.
    #[schema(example = "NH-1000")]
    model_code: String,
    /// `vX.Y.Z`; it never means other bytes.
    #[schema(value_type = String, example = "v1.2.3")]
    version: FirmwareVersion,
    /// What its file is called at stations.
    #[schema(example = "firmware_v1.2.3.bin")]
    filename: String,
    /// Its size, bytes.
    #[schema(example = 65536)]
    file_size: u64,
    /// MD5 of its bytes.
    #[schema(example = "5d41402abc4b2a76b9719d911017c592")]
    md5_hash: String,
    /// SHA-256 of its bytes.
    sha256: String,
    /// Where its bytes are.
    #[schema(example = "/api/v1/firmware/download/v1.2.3?product_model_id=1")]
    download_url: String,
    /// What is new.
    notes: Option<String>,
    /// Who uploaded it.
    uploaded_by: String,
    /// When it was uploaded.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
}

impl From<Firmware> for FirmwareOut {
    fn from(firmware: Firmware) -> Self {
        let Firmware { id, image, model_code, created_at } = firmware;
        let (version, model) = (image.version, image.product_model_id.0);
        Self {
            id: id.0,
            product_model_id: model,
            model_code,
            version,
            filename: image.filename,
            file_size: image.digests.size,
            md5_hash: image.digests.md5,
            sha256: image.digests.sha256,
            download_url: format!("/api/v1/firmware/download/{version}?product_model_id={model}"),
            notes: image.notes,
            uploaded_by: image.uploaded_by,
            created_at,
        }
    }
}

/// A version on its way to a station.
#[derive(Serialize, ToSchema)]
#[schema(as = Deployment)]
pub(crate) struct DeploymentOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// `waiting`, `offered`, `ready`, `uploading`, `succeeded`, `failed` or `cancelled`. `succeeded` is only what the station
    /// says runs.
    #[schema(example = "ready")]
    status: &'static str,
    /// Why it failed.
    reason: Option<String>,
    /// Where.
    #[schema(example = "STATION-04")]
    station_id: String,
    /// The version.
    #[schema(value_type = String, example = "v1.2.3")]
    version: FirmwareVersion,
    /// The version's number.
    #[schema(example = 1)]
    firmware_id: i64,
    /// The unit it is for.
    #[schema(example = "WF-KR-251110D-001-0001")]
    serial_number: Option<String>,
    /// The roll-out that it is a part of.
    rollout_id: Option<i64>,
    /// Who ordered it.
    requested_by: String,
    /// When it was ordered.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it came to its state.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

impl From<Deployment> for DeploymentOut {
    fn from(deployment: Deployment) -> Self {
        let Deployment { id, order, version, state, created_at, updated_at } = deployment;
        let status = state.status().as_str();
        let reason = match state {
            DeploymentState::Failed { reason, .. } => Some(reason),
            _ => None,
        };
        Self {
            id: id.0,
            status,
            reason,
            station_id: order.station_id.into(),
            version,
            firmware_id: order.firmware_id.0,
            serial_number: order.serial_number,
            rollout_id: order.rollout_id.map(|id| id.0),
            requested_by: order.requested_by,
            created_at,
            updated_at,
        }
    }
}

/// A staged roll-out.
#[derive(Serialize, ToSchema)]
#[schema(as = Rollout)]
pub(crate) struct RolloutOut {
    /// Its number.
    #[schema(example = 1)]
    id: i64,
    /// `running`, `stopped` (too many failed), `completed` or `cancelled`.
    #[schema(example = "running")]
    status: &'static str,
    /// Why it was stopped.
    reason: Option<String>,
    /// What is rolled out.
    #[schema(example = 1)]
    firmware_id: i64,
    /// Where, in this order.
    #[schema(example = json!(["STATION-04"]))]
    stations: Vec<String>,
    /// Stations of one stage.
    #[schema(example = 2)]
    stage_size: u32,
    /// Failures that are put up with.
    #[schema(example = 0)]
    failures_max: u32,
    /// What became of its stations so far; absent in lists.
    deployments: Option<Vec<DeploymentOut>>,
    /// Who began it.
    requested_by: String,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it ended.
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Timestamp>,
}

impl RolloutOut {
    pub(super) fn with(rollout: Rollout, deployments: Option<Vec<Deployment>>) -> Self {
        let Rollout { id, plan, state, created_at } = rollout;
        let status = state.status().as_str();
        let (reason, ended_at) = match state {
            RolloutState::Running => (None, None),
            RolloutState::Stopped { at, reason } => (Some(reason), Some(at)),
            RolloutState::Completed { at } | RolloutState::Cancelled { at } => (None, Some(at)),
        };
        Self {
            id: id.0,
            status,
            reason,
            firmware_id: plan.firmware_id.0,
            stations: plan.stations.into_iter().map(Into::into).collect(),
            stage_size: plan.stage_size,
            failures_max: plan.failures_max,
            deployments: deployments.map(|parts| parts.into_iter().map(Into::into).collect()),
            requested_by: plan.requested_by,
            created_at,
            ended_at,
        }
    }
}

/// A station, as its agent last described it.
#[derive(Serialize, ToSchema)]
#[schema(as = Station)]
pub(crate) struct StationOut {
    /// What people call it.
    #[schema(example = "STATION-04")]
    station_id: String,
    /// Whether its agent was heard of lately.
    online: bool,
    /// The agent's own version.
    agent_version: String,
    /// The firmware that its device runs, by its own word.
    #[schema(value_type = Option<String>, example = "v1.2.3")]
    running_version: Option<FirmwareVersion>,
    /// Completions that wait at the station.
    pending: u64,
    /// Completions that it has sent, ever.
    completed: u64,
    /// Completions that were refused, ever.
    refused: u64,
    /// What it cannot help itself with: `disk_full`, `clock_off`, `folder_refused`, `refused`.
    #[schema(value_type = Vec<String>)]
    troubles: Vec<AgentTrouble>,
    /// How far its clock is ahead of the server's, seconds.
    clock_ahead_s: f64,
    /// `closed`, `open` or `half_open`: whether deployments are handed out.
    #[schema(example = "closed")]
    circuit_breaker: Option<&'static str>,
    /// When it was first heard of.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When it was last heard of; a station that says nothing new is noted each 10 s.
    #[schema(value_type = String, format = DateTime)]
    seen_at: Timestamp,
}

impl From<StationView> for StationOut {
    fn from(view: StationView) -> Self {
        let StationView { station, online, breaker } = view;
        let circuit_breaker = breaker.map(|breaker| match breaker.state {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        });
        let beat = station.heartbeat;
        Self {
            station_id: station.station_id.into(),
            online,
            agent_version: beat.agent_version,
            running_version: beat.running_version,
            pending: beat.pending,
            completed: beat.completed,
            refused: beat.refused,
            troubles: beat.troubles,
            clock_ahead_s: station.clock_ahead_ms as f64 / 1e3,
            circuit_breaker,
            created_at: station.created_at,
            seen_at: station.seen_at,
        }
    }
}
