//! Printers, firmware, and the station's own program.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use nightshift_actors as actors;
use nightshift_domain::firmware::StationId;
use nightshift_domain::labels::PrinterId;
use serde::{Deserialize, Serialize};

use super::check::between;
use super::{ConfigError, Secret};

/// Labels and their printers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelsConfig {
    /// Folder of users' templates.
    pub templates_dir: Option<PathBuf>,
    /// Printer of the labels that are made with lots.
    pub auto_lot_printer: Option<String>,
    /// Printer of the labels that are made with units.
    pub auto_serial_printer: Option<String>,
    /// Milliseconds a connection to a printer may take to come about.
    pub connect_ms: u64,
    /// Milliseconds a printer may take to say how it is.
    pub status_ms: u64,
    /// Seconds a printer that lacks nothing may take to print a label that it has.
    pub confirm_s: u64,
    /// Seconds for which a printer that failed three times is left alone.
    pub breaker_open_s: u64,
}

impl Default for LabelsConfig {
    fn default() -> Self {
        Self {
            templates_dir: None,
            auto_lot_printer: None,
            auto_serial_printer: None,
            connect_ms: 3_000,
            status_ms: 1_500,
            confirm_s: 60,
            breaker_open_s: 30,
        }
    }
}

impl LabelsConfig {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("labels.connect_ms", self.connect_ms, 10, 10_000)?;
        between("labels.status_ms", self.status_ms, 10, 10_000)?;
        between("labels.confirm_s", self.confirm_s, 1, 86_400)?;
        between("labels.breaker_open_s", self.breaker_open_s, 1, 3_600)?;
        self.plant().map(|_| ())
    }

    /// What the tree needs of it.
    pub(super) fn plant(&self) -> Result<actors::LabelsConfig, ConfigError> {
        let printer = |key: &'static str, text: &Option<String>| {
            let parsed = text.as_deref().map(str::parse::<PrinterId>).transpose();
            parsed.map_err(|e| ConfigError::Range { key, reason: e.to_string() })
        };
        Ok(actors::LabelsConfig {
            templates_dir: self.templates_dir.clone(),
            auto_lot_printer: printer("labels.auto_lot_printer", &self.auto_lot_printer)?,
            auto_serial_printer: printer("labels.auto_serial_printer", &self.auto_serial_printer)?,
            connect_deadline: Duration::from_millis(self.connect_ms),
            status_deadline: Duration::from_millis(self.status_ms),
            confirm_deadline: Duration::from_secs(self.confirm_s),
            breaker_open: Duration::from_secs(self.breaker_open_s),
        })
    }
}

/// Firmware and the stations that run it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirmwareConfig {
    /// Seconds within which something must be heard of a deployment.
    pub deploy_s: u64,
    /// Seconds after which a silent station counts as away.
    pub station_away_s: u64,
    /// Seconds for which a station is left alone to which five deployments failed.
    pub breaker_open_s: u64,
}

impl Default for FirmwareConfig {
    fn default() -> Self {
        Self { deploy_s: 900, station_away_s: 30, breaker_open_s: 60 }
    }
}

impl FirmwareConfig {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("firmware.deploy_s", self.deploy_s, 1, 86_400)?;
        between("firmware.station_away_s", self.station_away_s, 1, 86_400)?;
        between("firmware.breaker_open_s", self.breaker_open_s, 1, 3_600)
    }

    /// What the tree needs of it.
    pub(super) fn plant(&self) -> actors::FirmwareConfig {
        actors::FirmwareConfig {
            deploy_deadline: Duration::from_secs(self.deploy_s),
            station_away: Duration::from_secs(self.station_away_s),
            breaker_open: Duration::from_secs(self.breaker_open_s),
        }
    }
}

/// The station's own program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AgentConfig {
    /// URL of the server.
    pub server: Option<String>,
    /// As which station it speaks.
    pub station_id: Option<String>,
    /// Its token.
    pub token: Option<Secret>,
    /// File that holds the token.
    pub token_file: Option<PathBuf>,
    /// The folder in which `pending`, `completed`, `error` and `firmware` are.
    pub work_dir: PathBuf,
    /// Where it keeps what it must not forget; `agent` in the data directory when absent.
    pub state_dir: Option<PathBuf>,
    /// Address of its health page.
    pub listen: SocketAddr,
    /// Milliseconds between two looks into `pending`.
    pub scan_ms: u64,
    /// Milliseconds for which a file must not have changed before it is read.
    pub settle_ms: u64,
    /// Milliseconds between two questions for work.
    pub poll_ms: u64,
    /// Seconds a request may take.
    pub timeout_s: u64,
    /// Largest completion file, bytes.
    pub file_bytes_max: u64,
    /// Whether a completion of a process that was not started is preceded by its start.
    pub start_missing: bool,
    /// Seconds by which the station's clock may be wrong.
    pub clock_off_s: u64,
    /// Product model whose newest firmware is kept in the folder.
    pub firmware_model: Option<i64>,
}

impl Default for AgentConfig {
    fn default() -> Self {
        Self {
            server: None,
            station_id: None,
            token: None,
            token_file: None,
            work_dir: PathBuf::from("work"),
            state_dir: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8_765)),
            scan_ms: 500,
            settle_ms: 1_000,
            poll_ms: 2_000,
            timeout_s: 15,
            file_bytes_max: 1_024 * 1_024,
            start_missing: false,
            clock_off_s: 5,
            firmware_model: None,
        }
    }
}

impl AgentConfig {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        between("agent.scan_ms", self.scan_ms, 10, 3_600_000)?;
        between("agent.settle_ms", self.settle_ms, 0, 3_600_000)?;
        between("agent.poll_ms", self.poll_ms, 100, 3_600_000)?;
        between("agent.timeout_s", self.timeout_s, 1, 600)?;
        between("agent.file_bytes_max", self.file_bytes_max, 1_024, 1_024 * 1_024)?;
        between("agent.clock_off_s", self.clock_off_s, 1, 86_400)?;
        if let Some(server) = &self.server
            && !["http://", "https://"].iter().any(|scheme| server.starts_with(scheme))
        {
            let reason = "must begin with https:// (or http://)".to_owned();
            return Err(ConfigError::Range { key: "agent.server", reason });
        }
        self.station().map(|_| ())
    }

    /// As which station it speaks.
    ///
    /// # Errors
    /// When the id cannot be one.
    pub fn station(&self) -> Result<Option<StationId>, ConfigError> {
        let parsed = self.station_id.as_deref().map(str::parse).transpose();
        parsed.map_err(|e: nightshift_domain::firmware::InvalidStationId| ConfigError::Range {
            key: "agent.station_id",
            reason: e.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};

    fn refused(name: &str, value: &str) -> String {
        let environment = Environment::from([(format!("NIGHTSHIFT__{name}"), value.to_owned())]);
        load(None, &environment).expect_err(name).to_string()
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(refused("LABELS__AUTO_LOT_PRINTER", "^XA").starts_with("labels.auto_lot_printer"));
        assert!(refused("LABELS__STATUS_MS", "0").contains("between"));
        assert!(refused("FIRMWARE__DEPLOY_S", "9000000000000000000").contains("between"));
        assert!(refused("AGENT__SERVER", "plant").starts_with("agent.server"));
        assert!(refused("AGENT__STATION_ID", "../x").starts_with("agent.station_id"));
    }
}
