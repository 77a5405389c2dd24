//! Firmware: versions, stations, deployments and roll-outs. The bytes are in the object store.

mod deployment;
mod image;
mod rollout;
mod station;

pub use deployment::{
    DeploymentQuery, deployment_find, deployment_insert, deployment_list, deployment_read, deployment_save,
    deployments_of_rollout, deployments_open, deployments_open_of,
};
pub use image::{
    FirmwareAt, FirmwareQuery, firmware_find, firmware_find_version, firmware_insert, firmware_keys,
    firmware_latest, firmware_list, firmware_read, firmware_read_latest, firmware_remove,
};
pub use rollout::{rollout_find, rollout_insert, rollout_list, rollout_read, rollout_save, rollouts_running};
pub use station::{station_find, station_list, station_read, station_save, stations_silent};
