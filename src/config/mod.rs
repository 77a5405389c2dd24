//! Configuration: defaults ← `--config FILE` (TOML) ← documented environment names ← `NIGHTSHIFT__SECTION__KEY`.
//!
//! A key that nobody knows is an error that names the nearest one: a typo must never silently mean "default".

mod briefing;
mod cache;
mod check;
mod devices;
mod diagnosis;
mod fleet;
mod http;
mod identity;
mod keys;
mod load;
mod secret;
mod sections;
mod storage;

pub use briefing::{BriefingConfig, LlmConfig, MailConfig, WebhookConfig};
pub use cache::CacheConfig;
pub use check::plant_config;
pub use devices::{AgentConfig, FirmwareConfig, LabelsConfig};
pub use diagnosis::DiagnosisConfig;
pub use fleet::FleetConfig;
pub use http::{HttpConfig, RateLimitConfig, TlsConfig};
pub use identity::{IdentityConfig, identity_config};
pub use load::{ConfigError, Environment, load};
pub use secret::Secret;
pub use sections::{
    AlertsConfig, Config, DatabaseConfig, InferenceConfig, LogConfig, LogFormat, OdenConfig,
    ProductionConfig, ProxyConfig, SensingConfig, SystemConfig, VendorConfig,
};
pub use storage::{S3Config, StorageConfig};

/// The commented reference: what `config/nightshift.toml` says is what the defaults are.
pub const REFERENCE: &str = include_str!("../../config/nightshift.toml");
