//! What the tree needs to know. The facade fills these from files and the environment; the defaults are the product's.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_models::DeviceChoice;
use secrecy::SecretString;

/// Settings of the whole tree.
#[derive(Debug, Clone, Default)]
pub struct PlantConfig {
    /// The pool that scores windows.
    pub inference: InferenceConfig,
    /// Sensors, their schedule and their vendor.
    pub sensing: SensingConfig,
    /// House-keeping.
    pub system: SystemConfig,
}

/// Settings of the inference pool.
#[derive(Debug, Clone)]
pub struct InferenceConfig {
    /// Which device scores.
    pub device: DeviceChoice,
    /// Model files beside the built-in detector; a model's id is its file's stem.
    pub models: Vec<PathBuf>,
    /// Most windows in one batch.
    pub batch_max: usize,
    /// How long a window waits for others to share its batch.
    pub batch_wait: Duration,
    /// Most windows waiting; more are answered as overloaded.
    pub queue_max: usize,
    /// How long a device may take for one batch before it counts as hung.
    pub batch_deadline: Duration,
    /// How long a window may wait and be scored, in all.
    pub job_deadline: Duration,
    /// Time between two canary checks of a device.
    pub canary_interval: Duration,
}

impl Default for InferenceConfig {
    fn default() -> Self {
        Self {
            device: DeviceChoice::Auto,
            models: Vec::new(),
            batch_max: 256,
            batch_wait: Duration::from_millis(2),
            queue_max: 20_000,
            batch_deadline: Duration::from_secs(10),
            job_deadline: Duration::from_secs(15),
            canary_interval: Duration::from_secs(3_600),
        }
    }
}

/// Settings of the sensing domain.
#[derive(Debug, Clone)]
pub struct SensingConfig {
    /// Model for sensors that name none.
    pub default_model: String,
    /// The share of usual windows that may be called abnormal, once a sensor's own past says what is usual.
    pub false_alarm_rate: f64,
    /// Most readings in one push.
    pub push_readings_max: usize,
    /// Most registered sensors.
    pub sensors_max: usize,
    /// How long a push may wait for its commit.
    pub push_deadline: Duration,
    /// How long scoring every sensor on request may take; a longer one is given up, with what was scored by then stored.
    pub run_deadline: Duration,
    /// The vendor service, if the plant has one.
    pub oden: Option<OdenConfig>,
    /// The read-only door to the vendor service.
    pub proxy: ProxyConfig,
}

impl Default for SensingConfig {
    fn default() -> Self {
        Self {
            default_model: "detector".to_owned(),
            false_alarm_rate: 0.02,
            push_readings_max: 100_000,
            sensors_max: 200_000,
            push_deadline: Duration::from_secs(10),
            run_deadline: Duration::from_secs(120),
            oden: None,
            proxy: ProxyConfig::default(),
        }
    }
}

/// The first site's vendor service.
#[derive(Debug, Clone)]
pub struct OdenConfig {
    /// Base URL of the data service.
    pub base_url: String,
    /// URL of the sign-in.
    pub auth_url: String,
    /// User of the sign-in.
    pub username: String,
    /// Its password. It never leaves this process but to `auth_url`.
    pub password: SecretString,
    /// Time between two pulls of one sensor.
    pub poll_interval: Duration,
    /// How long one request may take.
    pub timeout: Duration,
}

/// Settings of the proxy to the vendor service.
#[derive(Debug, Clone)]
pub struct ProxyConfig {
    /// Path patterns that may be read; `*` stands for one path segment.
    pub allow: Vec<String>,
    /// How long an answer is served again.
    pub cache: Duration,
}

impl Default for ProxyConfig {
    fn default() -> Self {
        Self { allow: vec!["devices".into(), "devices/*/sensors/*".into()], cache: Duration::from_secs(30) }
    }
}

/// Settings of house-keeping.
#[derive(Debug, Clone)]
pub struct SystemConfig {
    /// Days that journalled events are kept.
    pub event_days: u32,
    /// Most journalled events kept.
    pub events_max: u64,
    /// Time between two house-keeping rounds (retention, account check, window checkpoints).
    pub round_interval: Duration,
}

impl Default for SystemConfig {
    fn default() -> Self {
        Self { event_days: 90, events_max: 5_000_000, round_interval: Duration::from_secs(60) }
    }
}
