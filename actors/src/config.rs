//! What the tree needs to know. The facade fills these from files and the environment; the defaults are the product's.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_domain::alerts::ARCHIVE_DAYS_DEFAULT;
use nightshift_domain::briefing::{Channel, Custom, DailyTime};
use nightshift_domain::fleet::{MapId, VehicleId};
use nightshift_domain::labels::PrinterId;
use nightshift_domain::production::{AbnormalRule, TARGET_QUANTITY_MAX_DEFAULT};
use nightshift_domain::system::DrillPlan;
use nightshift_models::DeviceChoice;
use nightshift_store::blobs::BlobsConfig;
use secrecy::SecretString;

use crate::cache::CacheConfig;
use crate::identity::IdentityConfig;

/// A bank takes up to 0.78 MB: together less than 200 MB.
const BANK_SENSORS_MAX_DEFAULT: usize = 200;

/// Settings of the whole tree.
#[derive(Debug, Clone, Default)]
pub struct PlantConfig {
    /// Where objects too large for the database are kept.
    pub storage: BlobsConfig,
    /// What nodes share.
    pub cache: CacheConfig,
    /// Who gets in.
    pub identity: IdentityConfig,
    /// The pool that scores windows.
    pub inference: InferenceConfig,
    /// Sensors, their schedule and their vendor.
    pub sensing: SensingConfig,
    /// Lots, processes and their consequences.
    pub production: ProductionConfig,
    /// Labels and their printers.
    pub labels: LabelsConfig,
    /// Firmware and stations.
    pub firmware: FirmwareConfig,
    /// Vehicles and roadblocks.
    pub fleet: FleetConfig,
    /// Headsets and their sessions.
    pub diagnosis: DiagnosisConfig,
    /// Alerts.
    pub alerts: AlertsConfig,
    /// Briefings, and where the day's is brought.
    pub briefing: BriefingConfig,
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
    /// Most sensors whose windows are compared with a bank of their own past; 0 turns banks off.
    pub bank_sensors_max: usize,
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
            bank_sensors_max: BANK_SENSORS_MAX_DEFAULT,
        }
    }
}

/// Settings of the sensing domain.
#[derive(Debug, Clone)]
pub struct SensingConfig {
    /// Model for sensors that name none.
    pub default_model: String,
    /// Model that is tried on the windows of those sensors, without consequences.
    pub shadow_model: Option<String>,
    /// Days that its verdicts are kept.
    pub shadow_days: u32,
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
            shadow_model: None,
            shadow_days: 90,
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

/// Settings of the production domain.
#[derive(Debug, Clone)]
pub struct ProductionConfig {
    /// IANA name of the plant's time zone: dates and shifts are its.
    pub time_zone: String,
    /// Country in lot numbers.
    pub country: String,
    /// Most units of a lot.
    pub target_quantity_max: u16,
    /// How long a command of a station, or a change, may wait for its commit.
    pub command_deadline: Duration,
    /// How long the store may take for one batch of commands before it counts as away.
    pub store_deadline: Duration,
    /// Time between two looks at delays and targets.
    pub watch_interval: Duration,
    /// Time between two looks at what sensors said.
    pub look_interval: Duration,
    /// When abnormal verdicts have consequences.
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
            target_quantity_max: TARGET_QUANTITY_MAX_DEFAULT,
            command_deadline: Duration::from_secs(10),
            store_deadline: Duration::from_secs(2),
            watch_interval: Duration::from_secs(15),
            look_interval: Duration::from_secs(1),
            rules: vec![rule],
        }
    }
}

/// Settings of labels.
#[derive(Debug, Clone)]
pub struct LabelsConfig {
    /// Folder of users' templates.
    pub templates_dir: Option<PathBuf>,
    /// Printer of the labels that are made with lots; none are made when absent.
    pub auto_lot_printer: Option<PrinterId>,
    /// Printer of the labels that are made with units; none are made when absent.
    pub auto_serial_printer: Option<PrinterId>,
    /// How long a connection to a printer may take to come about.
    pub connect_deadline: Duration,
    /// How long a printer may take to say how it is.
    pub status_deadline: Duration,
    /// How long a printer that lacks nothing may take to print a label that it has.
    pub confirm_deadline: Duration,
    /// How long a printer that failed three times is left alone.
    pub breaker_open: Duration,
}

impl Default for LabelsConfig {
    fn default() -> Self {
        Self {
            templates_dir: None,
            auto_lot_printer: None,
            auto_serial_printer: None,
            connect_deadline: Duration::from_secs(3),
            status_deadline: Duration::from_millis(1_500),
            confirm_deadline: Duration::from_secs(60),
            breaker_open: Duration::from_secs(30),
        }
    }
}

/// Settings of firmware.
#[derive(Debug, Clone)]
pub struct FirmwareConfig {
    /// How long a deployment may take before it counts as failed.
    pub deploy_deadline: Duration,
    /// How long a station may be silent before it counts as away.
    pub station_away: Duration,
    /// How long a station is left alone to which five deployments failed.
    pub breaker_open: Duration,
}

impl Default for FirmwareConfig {
    fn default() -> Self {
        Self {
            deploy_deadline: Duration::from_secs(900),
            station_away: Duration::from_secs(30),
            breaker_open: Duration::from_secs(60),
        }
    }
}

/// Settings of the fleet domain.
#[derive(Debug, Clone)]
pub struct FleetConfig {
    /// The secret that frames are signed with; the domain does not run without it.
    pub secret: Option<SecretString>,
    /// Folder with maps of people's own.
    pub maps_dir: Option<PathBuf>,
    /// The map that every vehicle is on; found by position when absent.
    pub map_id: Option<MapId>,
    /// Maps of single vehicles.
    pub vehicle_maps: Vec<(VehicleId, MapId)>,
    /// A police car this near to a runner has caught it.
    pub capture_radius_m: Option<f64>,
    /// Most vehicles.
    pub vehicles_max: usize,
    /// How long positions are kept.
    pub positions_kept: Duration,
    /// Silence after which a vehicle is stale.
    pub stale_after: Duration,
    /// Silence after which a vehicle is offline.
    pub offline_after: Duration,
    /// How long what a vehicle or a person says may wait for its commit.
    pub command_deadline: Duration,
}

impl Default for FleetConfig {
    fn default() -> Self {
        Self {
            secret: None,
            maps_dir: None,
            map_id: None,
            vehicle_maps: Vec::new(),
            capture_radius_m: None,
            vehicles_max: 10_000,
            positions_kept: Duration::from_secs(72 * 3_600),
            stale_after: Duration::from_secs(3),
            offline_after: Duration::from_secs(15),
            command_deadline: Duration::from_secs(5),
        }
    }
}

impl FleetConfig {
    /// The map that the configuration puts a vehicle on.
    pub(crate) fn map_of(&self, vehicle: VehicleId) -> Option<MapId> {
        let own = self.vehicle_maps.iter().find(|(id, _)| *id == vehicle).map(|(_, map)| *map);
        own.or(self.map_id)
    }

    /// Every map that is named.
    pub(crate) fn maps_named(&self) -> impl Iterator<Item = MapId> {
        self.vehicle_maps.iter().map(|(_, map)| *map).chain(self.map_id)
    }
}

/// Settings of the diagnosis domain.
#[derive(Debug, Clone)]
pub struct DiagnosisConfig {
    /// Whether a headset needs its patient's token beside the code.
    pub device_tokens: bool,
    /// How long the object store may take for one file before it counts as away.
    pub storage_deadline: Duration,
}

impl Default for DiagnosisConfig {
    fn default() -> Self {
        Self { device_tokens: false, storage_deadline: Duration::from_secs(10) }
    }
}

/// Settings of alerts.
#[derive(Debug, Clone)]
pub struct AlertsConfig {
    /// Days after which an alert that was read is put away.
    pub archive_days: u32,
}

impl Default for AlertsConfig {
    fn default() -> Self {
        Self { archive_days: ARCHIVE_DAYS_DEFAULT }
    }
}

/// Settings of the briefing domain.
#[derive(Debug, Clone)]
pub struct BriefingConfig {
    /// Most briefings that run at once.
    pub running_max: usize,
    /// Days that requests, texts and the days' briefings are kept after their end.
    pub keep_days: u32,
    /// When the day's briefing is due, in the plant's time.
    pub daily_at: DailyTime,
    /// How the day's briefing is written. Both languages are made; the first is that of mail.
    pub daily_custom: Custom,
    /// The language model that rewords texts, if there is one.
    pub llm: Option<LlmConfig>,
    /// Where the day's briefing is posted, if anywhere.
    pub webhook: Option<WebhookConfig>,
    /// To whom the day's briefing is mailed, if to anybody.
    pub mail: Option<MailConfig>,
}

impl BriefingConfig {
    /// How the day's briefing is brought.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let webhook = self.webhook.is_some().then_some(Channel::Webhook);
        webhook.into_iter().chain(self.mail.is_some().then_some(Channel::Mail)).collect()
    }
}

impl Default for BriefingConfig {
    fn default() -> Self {
        Self {
            running_max: 5_000,
            keep_days: 90,
            daily_at: DailyTime::default(),
            daily_custom: Custom::new(Vec::new()).unwrap_or_default(),
            llm: None,
            webhook: None,
            mail: None,
        }
    }
}

/// A language model that speaks as OpenAI's does.
#[derive(Debug, Clone)]
pub struct LlmConfig {
    /// Its base URL, or that of its chat completions.
    pub url: String,
    /// The model's name.
    pub model: String,
    /// Its key. It never leaves this process but to `url`.
    pub key: Option<SecretString>,
    /// How long one rewording may take.
    pub deadline: Duration,
    /// Rewordings asked for at once.
    pub concurrency: usize,
}

/// Where the day's briefing is posted.
#[derive(Debug, Clone)]
pub struct WebhookConfig {
    /// The URL.
    pub url: String,
    /// What it is signed with.
    pub secret: SecretString,
}

/// To whom the day's briefing is mailed.
#[derive(Debug, Clone)]
pub struct MailConfig {
    /// The server: `smtps://USER:PASSWORD@HOST`, or `smtp://HOST:PORT?tls=required`.
    pub smtp_url: SecretString,
    /// Who sends.
    pub from: String,
    /// Who receives.
    pub to: Vec<String>,
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
    /// The data directory: its file system is watched.
    pub data_dir: PathBuf,
    /// Free space in it below which health warns, bytes.
    pub disk_free_min_bytes: u64,
    /// Drills, if there are to be any.
    pub drills: Option<DrillPlan>,
}

impl Default for SystemConfig {
    fn default() -> Self {
        Self {
            event_days: 90,
            events_max: 5_000_000,
            round_interval: Duration::from_secs(60),
            data_dir: PathBuf::from("data"),
            disk_free_min_bytes: 1 << 30,
            drills: None,
        }
    }
}
