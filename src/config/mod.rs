//! Configuration: defaults ← `--config FILE` (TOML) ← documented environment names ← `NIGHTSHIFT__SECTION__KEY`.
//!
//! A key that nobody knows is an error that names the nearest one: a typo must never silently mean "default".

mod check;
mod keys;
mod load;
mod secret;
mod sections;

pub use check::plant_config;
pub use load::{ConfigError, Environment, load};
pub use secret::Secret;
pub use sections::{
    Config, DatabaseConfig, HttpConfig, InferenceConfig, LogConfig, LogFormat, OdenConfig, ProxyConfig,
    SensingConfig, SystemConfig, VendorConfig,
};

/// The commented reference: what `config/nightshift.toml` says is what the defaults are.
pub const REFERENCE: &str = include_str!("../../config/nightshift.toml");
