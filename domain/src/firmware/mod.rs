//! Firmware: versions of a product model, what stations run, and how a version gets there.
//!
//! A version is immutable: its bytes are known by MD5 (which the stations' programs check) and SHA-256. A deployment has
//! succeeded when its station reports that the new version runs, and never before.

mod deploy;
mod image;
mod meta;
mod rollout;
mod station;
mod version;

pub use deploy::{
    Deployment, DeploymentId, DeploymentState, DeploymentStatus, InvalidDeploymentStep, NewDeployment,
    Report, ReportStatus,
};
pub use image::{
    Digester, Digests, FILENAME_CHARS_MAX, FIRMWARE_BYTES_MAX, Firmware, FirmwareId, NewFirmware,
};
pub use meta::{FirmwareMeta, MetaStatus};
pub use rollout::{
    NewRollout, NextStage, Rollout, RolloutId, RolloutState, RolloutStatus, STATIONS_MAX, next_stations,
};
pub use station::{AgentTrouble, Heartbeat, InvalidStationId, Station, StationId, TROUBLES_MAX};
pub use version::{FirmwareVersion, InvalidVersion};
