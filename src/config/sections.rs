//! The sections of the configuration and their defaults.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Secret;

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
    /// The log.
    pub log: LogConfig,
    /// The pool that scores windows.
    pub inference: InferenceConfig,
    /// Sensors, their vendor and its proxy.
    pub sensing: SensingConfig,
    /// House-keeping and the end of the process.
    pub system: SystemConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            http: HttpConfig::default(),
            database: DatabaseConfig::default(),
            log: LogConfig::default(),
            inference: InferenceConfig::default(),
            sensing: SensingConfig::default(),
            system: SystemConfig::default(),
        }
    }
}

/// The HTTP server and its limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address to listen on. Only loopback addresses are accepted while there is no sign-in.
    pub listen: SocketAddr,
    /// Largest request body, bytes.
    pub body_bytes_max: usize,
    /// Largest body of a push of readings, bytes.
    pub readings_bytes_max: usize,
    /// Seconds a request may take in all.
    pub request_timeout_s: u64,
    /// Seconds a client may take to send its headers.
    pub header_timeout_s: u64,
    /// Seconds a client may take to send its body.
    pub body_timeout_s: u64,
    /// Seconds a client may leave an answer unread before it is cut.
    pub write_stall_s: u64,
    /// Most open connections; more wait in the kernel's queue.
    pub connections_max: usize,
    /// Most requests handled at once; more are answered 503.
    pub concurrency_max: usize,
    /// Most event streams open at once.
    pub streams_max: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8_000)),
            body_bytes_max: 64 * 1_024,
            readings_bytes_max: 8 * 1_024 * 1_024,
            request_timeout_s: 30,
            header_timeout_s: 10,
            body_timeout_s: 20,
            write_stall_s: 30,
            connections_max: 12_000,
            concurrency_max: 1_024,
            streams_max: 1_000,
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
        }
    }
}

/// Sensors, their vendor and its proxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SensingConfig {
    /// Model of sensors that name none.
    pub default_model: String,
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
            default_model: "detector".to_owned(),
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
    /// Free space in the data directory below which `doctor` warns, MiB.
    pub disk_free_mib_min: u64,
}

impl Default for SystemConfig {
    fn default() -> Self {
        Self {
            drain_s: 20,
            event_days: 90,
            events_max: 5_000_000,
            round_interval_s: 60,
            disk_free_mib_min: 1_024,
        }
    }
}
