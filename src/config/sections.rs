//! The sections of the configuration and their defaults.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_domain::production::AbnormalRule;
use nightshift_domain::system::DrillPlan;
use serde::{Deserialize, Serialize};

use super::BriefingConfig;
use super::{
    AgentConfig, CacheConfig, ConfigError, DiagnosisConfig, FirmwareConfig, FleetConfig, HttpConfig,
    IdentityConfig, LabelsConfig, Secret, StorageConfig,
};

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where everything that is kept on disk lives.
    pub data_dir: PathBuf,
    /// The HTTP server.
    pub http: HttpConfig,
    /// Where the truth is kept.
    pub database: DatabaseConfig,
    /// Where objects too large for the database are kept.
    pub storage: StorageConfig,
    /// What nodes of one plant share.
    pub cache: CacheConfig,
    /// Who gets in.
    pub identity: IdentityConfig,
    /// The log.
    pub log: LogConfig,
    /// The pool that scores windows.
    pub inference: InferenceConfig,
    /// Sensors, their vendor and its proxy.
    pub sensing: SensingConfig,
    /// Lots, processes, and what follows from what sensors say.
    pub production: ProductionConfig,
    /// Labels and their printers.
    pub labels: LabelsConfig,
    /// Firmware and the stations that run it.
    pub firmware: FirmwareConfig,
    /// The station's own program, `nightshift agent`.
    pub agent: AgentConfig,
    /// Vehicles, their secret, maps and the roadblock.
    pub fleet: FleetConfig,
    /// Headsets, and what is asked of them.
    pub diagnosis: DiagnosisConfig,
    /// Alerts.
    pub alerts: AlertsConfig,
    /// Briefings, and where the day's is brought.
    pub briefing: BriefingConfig,
    /// House-keeping and the end of the process.
    pub system: SystemConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            http: HttpConfig::default(),
            database: DatabaseConfig::default(),
            storage: StorageConfig::default(),
            cache: CacheConfig::default(),
            identity: IdentityConfig::default(),
            log: LogConfig::default(),
            inference: InferenceConfig::default(),
            sensing: SensingConfig::default(),
            production: ProductionConfig::default(),
            labels: LabelsConfig::default(),
            firmware: FirmwareConfig::default(),
            agent: AgentConfig::default(),
            fleet: FleetConfig::default(),
            diagnosis: DiagnosisConfig::default(),
            alerts: AlertsConfig::default(),
            briefing: BriefingConfig::default(),
            system: SystemConfig::default(),
        }
    }
}

/// Where the truth is kept.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `sqlite:…` or `postgres://…`; a SQLite file in the data directory when absent.
    pub url: Option<Secret>,
    /// File that holds the URL.
    pub url_file: Option<PathBuf>,
    /// Whether `serve` brings the schema up to date before it starts.
    pub auto_migrate: bool,
    /// Most read connections.
    pub readers_max: u32,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, url_file: None, auto_migrate: true, readers_max: 8 }
    }
}

/// How a log line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// The log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// How a line on standard error is written; files are always JSON.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug`, `trace`, or directives such as `info,nightshift=debug`.
    pub level: String,
    /// Directory of the daily files; `logs` in the data directory when absent.
    pub dir: Option<PathBuf>,
    /// Days that daily files are kept; 0 writes none.
    pub days_kept: usize,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self { format: LogFormat::Auto, level: "info".to_owned(), dir: None, days_kept: 90 }
    }
}

/// The pool that scores windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferenceConfig {
    /// `auto`, `cpu`, `vulkan` or `wgpu`.
    pub device: String,
    /// Model files beside the built-in detector; a model's id is its file's stem.
    pub models: Vec<PathBuf>,
    /// Most windows in one batch.
    pub batch_max: usize,
    /// Milliseconds a window waits for others to share its batch.
    pub batch_wait_ms: u64,
    /// Most windows waiting; more are answered 503.
    pub queue_max: usize,
    /// Milliseconds a device may take for one batch before it counts as hung.
    pub batch_deadline_ms: u64,
    /// Milliseconds a window may wait and be scored, in all.
    pub job_deadline_ms: u64,
    /// Seconds between two checks of a device against known answers.
    pub canary_interval_s: u64,
    /// Most sensors whose windows are compared with a bank of their own past; 0 turns banks off.
    pub bank_sensors_max: usize,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            device: "auto".to_owned(),
            models: Vec::new(),
            batch_max: 256,
            batch_wait_ms: 2,
            queue_max: 20_000,
            batch_deadline_ms: 10_000,
            job_deadline_ms: 15_000,
            canary_interval_s: 3_600,
            bank_sensors_max: 200,
        }
    }
}

/// Sensors, their vendor and its proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensingConfig {
    /// Whether the sensing routes answer without a token, for a network that is closed by other means.
    pub open: bool,
    /// Model of sensors that name none.
    pub default_model: String,
    /// Model that is tried beside it: it scores the same windows, and its verdicts have no consequences.
    pub shadow_model: Option<String>,
    /// Days that a shadow's verdicts are kept.
    pub shadow_days: u32,
    /// The share of usual windows that may be called abnormal, once a sensor's own past says what is usual.
    pub false_alarm_rate: f64,
    /// Most readings in one push.
    pub push_readings_max: usize,
    /// Most registered sensors.
    pub sensors_max: usize,
    /// Milliseconds a push may wait for its commit.
    pub push_deadline_ms: u64,
    /// Seconds that scoring every sensor may take.
    pub run_deadline_s: u64,
    /// Services that sensors are read from.
    pub vendor: VendorConfig,
    /// The read-only door to those services.
    pub proxy: ProxyConfig,
}

impl Default for SensingConfig {
    fn default() -> Self {
        Self {
            open: false,
            default_model: "detector".to_owned(),
            shadow_model: None,
            shadow_days: 90,
            false_alarm_rate: 0.02,
            push_readings_max: 100_000,
            sensors_max: 200_000,
            push_deadline_ms: 10_000,
            run_deadline_s: 120,
            vendor: VendorConfig::default(),
            proxy: ProxyConfig::default(),
        }
    }
}

/// Services that sensors are read from.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VendorConfig {
    /// The first site's vendor.
    pub oden: OdenConfig,
}

/// The first site's vendor; unused until `base_url` is set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OdenConfig {
    /// Base URL of the data service (`API_BASE_URL`).
    pub base_url: Option<String>,
    /// URL of the sign-in (`API_AUTH_URL`).
    pub auth_url: Option<String>,
    /// User of the sign-in (`API_USERNAME`).
    pub username: Option<String>,
    /// Its password (`API_PASSWORD`).
    pub password: Option<Secret>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
    /// Seconds between two pulls of one sensor.
    pub poll_interval_s: u64,
    /// Seconds one request may take.
    pub timeout_s: u64,
}

impl Default for OdenConfig {
    fn default() -> Self {
        Self {
            base_url: None,
            auth_url: None,
            username: None,
            password: None,
            password_file: None,
            poll_interval_s: 120,
            timeout_s: 10,
        }
    }
}

/// What the proxy to a vendor passes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProxyConfig {
    /// Paths that may be read; `*` stands for one segment.
    pub allow: Vec<String>,
    /// Seconds an answer is served again.
    pub cache_s: u64,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self { allow: vec!["devices".to_owned(), "devices/*/sensors/*".to_owned()], cache_s: 30 }
    }
}

/// Lots, processes, and what follows from what sensors say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProductionConfig {
    /// IANA name of the plant's time zone.
    pub time_zone: String,
    /// Country in lot numbers, two letters.
    pub country: String,
    /// Most units of a lot.
    pub target_quantity_max: u16,
    /// Milliseconds a station's command may wait for its commit.
    pub command_deadline_ms: u64,
    /// Milliseconds the database may take for one batch of commands before it counts as away.
    pub store_deadline_ms: u64,
    /// Seconds between two looks at delays and targets.
    pub watch_interval_s: u64,
    /// Milliseconds between two looks at what sensors said.
    pub look_interval_ms: u64,
    /// When abnormal verdicts have consequences for equipment.
    pub rules: Vec<AbnormalRule>,
}

impl Default for ProductionConfig {
    fn default() -> Self {
        let rule = AbnormalRule {
            name: "default".to_owned(),
            equipment: None,
            line: None,
            abnormal: 2,
            of: 3,
            hold: false,
        };
        Self {
            time_zone: "Asia/Seoul".to_owned(),
            country: "KR".to_owned(),
            target_quantity_max: 100,
            command_deadline_ms: 10_000,
            store_deadline_ms: 2_000,
            watch_interval_s: 15,
            look_interval_ms: 1_000,
            rules: vec![rule],
        }
    }
}

/// Alerts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlertsConfig {
    /// Days after which an alert that was read is put away.
    pub archive_days: u32,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self { archive_days: 30 }
    }
}

/// House-keeping and the end of the process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SystemConfig {
    /// Seconds that requests and actors get to finish when the process is told to stop.
    pub drain_s: u64,
    /// Days that journalled events are kept.
    pub event_days: u32,
    /// Most journalled events kept.
    pub events_max: u64,
    /// Seconds between two house-keeping rounds.
    pub round_interval_s: u64,
    /// Free space in the data directory below which health and `doctor` warn, MiB.
    pub disk_free_mib_min: u64,
    /// Whether the plant practises: in a quiet hour a part of it is killed and must come back by itself.
    pub drills: bool,
    /// The first hour of the plant's time in which it may, 0 to 23.
    pub drill_from_hour: u8,
    /// The hour before which it must, 1 to 24; over midnight where it is not later than the first.
    pub drill_until_hour: u8,
    /// Seconds between two drills.
    pub drill_interval_s: u64,
}

impl SystemConfig {
    /// When there is a drill.
    pub(super) fn drill_plan(&self) -> Result<DrillPlan, ConfigError> {
        let interval = Duration::from_secs(self.drill_interval_s);
        DrillPlan::new(self.drill_from_hour, self.drill_until_hour, interval).map_err(|e| {
            ConfigError::Range { key: "system.drill_from_hour and drill_until_hour", reason: e.to_string() }
        })
    }
}

impl Default for SystemConfig {
    fn default() -> Self {
        Self {
            drain_s: 20,
            event_days: 90,
            events_max: 5_000_000,
            round_interval_s: 60,
            disk_free_mib_min: 1_024,
            drills: false,
            drill_from_hour: 2,
            drill_until_hour: 4,
            drill_interval_s: 86_400,
        }
    }
}
