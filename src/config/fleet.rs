//! The section `[fleet]`: vehicles, their secret, maps and the roadblock.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_actors as actors;
use nightshift_domain::fleet::{CaptureRule, MapId, VehicleId};
use serde::{Deserialize, Serialize};

use super::check::between;
use super::{ConfigError, Secret};

/// Longest that positions may be kept, hours: ten years.
const POSITIONS_HOURS_MAX: u32 = 87_600;

/// Vehicles, their secret, maps and the roadblock. The domain does not run without a secret.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FleetConfig {
    /// The secret that all frames are signed with (`HMAC_SECRET_KEY`).
    pub secret: Option<Secret>,
    /// File that holds the secret.
    pub secret_file: Option<PathBuf>,
    /// Whether dashboards' sockets and the fleet's routes answer without a token, for a network that is closed by other means.
    pub open_fronts: bool,
    /// Whether vehicles may speak version 1, which has no defence against replays.
    pub v1: bool,
    /// Folder with maps of your own, each a folder of `map.json`, `surface.geojson` and `links.json`.
    pub maps_dir: Option<PathBuf>,
    /// The map that every vehicle is on; found by position when absent.
    pub map_id: Option<u32>,
    /// Maps of single vehicles, as `vehicle_id:map_id`.
    pub vehicle_maps: Vec<String>,
    /// A police car this near to a runner has caught it, metres; off when absent.
    pub capture_radius_m: Option<f64>,
    /// Most vehicles.
    pub vehicles_max: usize,
    /// Most connections of vehicles open at once.
    pub connections_max: usize,
    /// How much may wait to be sent to one dashboard before it counts as too slow, KiB.
    pub front_queue_kib: usize,
    /// Hours that positions are kept.
    pub positions_hours: u32,
    /// Milliseconds of silence after which a vehicle is STALE.
    pub stale_after_ms: u64,
    /// Milliseconds of silence after which a vehicle is OFFLINE.
    pub offline_after_ms: u64,
    /// Milliseconds that what a vehicle or a person says may wait for its commit.
    pub command_deadline_ms: u64,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            secret: None,
            secret_file: None,
            open_fronts: false,
            v1: true,
            maps_dir: None,
            map_id: None,
            vehicle_maps: Vec::new(),
            capture_radius_m: None,
            vehicles_max: 10_000,
            connections_max: 4_096,
            front_queue_kib: 8_192,
            positions_hours: 72,
            stale_after_ms: 3_000,
            offline_after_ms: 15_000,
            command_deadline_ms: 5_000,
        }
    }
}

impl FleetConfig {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("fleet.vehicles_max", self.vehicles_max, 1, 1_000_000)?;
        between("fleet.connections_max", self.connections_max, 1, 1_000_000)?;
        between("fleet.front_queue_kib", self.front_queue_kib, 1, 1_048_576)?;
        between("fleet.positions_hours", self.positions_hours, 1, POSITIONS_HOURS_MAX)?;
        between("fleet.stale_after_ms", self.stale_after_ms, 1, 86_400_000)?;
        between("fleet.offline_after_ms", self.offline_after_ms, self.stale_after_ms, 86_400_000)?;
        between("fleet.command_deadline_ms", self.command_deadline_ms, 1, 600_000)?;
        if let Some(radius) = self.capture_radius_m {
            CaptureRule::new(radius)
                .map_err(|e| ConfigError::Range { key: "fleet.capture_radius_m", reason: e.to_string() })?;
        }
        self.own_maps().map(|_| ())
    }

    fn own_maps(&self) -> Result<Vec<(VehicleId, MapId)>, ConfigError> {
        let pair = |text: &String| {
            let (vehicle, map) = text.split_once(':')?;
            Some((VehicleId(vehicle.trim().parse().ok()?), MapId(map.trim().parse().ok()?)))
        };
        let read = |text: &String| {
            pair(text).ok_or_else(|| ConfigError::Range {
                key: "fleet.vehicle_maps",
                reason: format!("`{text}` is not of the form vehicle_id:map_id, such as 3:1"),
            })
        };
        self.vehicle_maps.iter().map(read).collect()
    }

    /// What the tree needs of it.
    pub(super) fn for_plant(&self) -> Result<actors::FleetConfig, ConfigError> {
        Ok(actors::FleetConfig {
            secret: self.secret.clone().map(Secret::into_inner),
            maps_dir: self.maps_dir.clone(),
            map_id: self.map_id.map(MapId),
            vehicle_maps: self.own_maps()?,
            capture_radius_m: self.capture_radius_m,
            vehicles_max: self.vehicles_max,
            positions_kept: Duration::from_secs(u64::from(self.positions_hours) * 3_600),
            stale_after: Duration::from_millis(self.stale_after_ms),
            offline_after: Duration::from_millis(self.offline_after_ms),
            command_deadline: Duration::from_millis(self.command_deadline_ms),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};
    use super::*;

    fn loaded(pairs: &[(&str, &str)]) -> Result<FleetConfig, String> {
        let environment: Environment =
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load(None, &environment).map(|config| config.fleet).map_err(|e| e.to_string())
    }

    #[test]
    fn the_secret_comes_by_its_old_name_too() {
        let fleet = loaded(&[("HMAC_SECRET_KEY", "0012")]).expect("config");
        assert_eq!(fleet.secret.expect("secret").expose(), "0012");
    }

    #[test]
    fn maps_of_vehicles_are_pairs_and_limits_hold() {
        let fleet = loaded(&[("NIGHTSHIFT__FLEET__VEHICLE_MAPS", "2:1, 3:6")]).expect("config");
        let want = [(VehicleId(2), MapId(1)), (VehicleId(3), MapId(6))];
        assert_eq!(fleet.for_plant().expect("plant").vehicle_maps, want);
        for (name, value) in [
            ("VEHICLE_MAPS", "3=1"),
            ("VEHICLE_MAPS", "3:one"),
            ("CAPTURE_RADIUS_M", "0"),
            ("OFFLINE_AFTER_MS", "1"),
            ("POSITIONS_HOURS", "0"),
        ] {
            let key = format!("NIGHTSHIFT__FLEET__{name}");
            let refused = loaded(&[(key.as_str(), value)]).expect_err(name);
            assert!(refused.starts_with(&format!("fleet.{}", name.to_lowercase())), "{refused}");
        }
        assert_eq!(
            loaded(&[("NIGHTSHIFT__FLEET__CAPTURE_RADIUS_M", "7.5")]).expect("config").capture_radius_m,
            Some(7.5)
        );
    }
}
