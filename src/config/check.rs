//! What a configuration must satisfy, and how it becomes the plant's own.

use std::path::PathBuf;
use std::time::Duration;

use nightshift_actors as actors;
use nightshift_domain::production::SEQUENCE_MAX;

use super::http::REQUEST_TIMEOUT_S_MAX;
use super::{Config, ConfigError, OdenConfig, Secret};

/// Longest deadline, milliseconds.
const DEADLINE_MS_MAX: u64 = 600_000;
/// Most rules about abnormal verdicts.
const RULES_MAX: usize = 1_000;
/// Longest that anything is kept, days: a century.
const DAYS_MAX: u32 = 36_525;

impl Config {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.http.check()?;
        between("database.readers_max", self.database.readers_max, 1, 256)?;
        self.storage.check()?;
        self.cache.check()?;
        self.identity.check()?;
        between("inference.batch_max", self.inference.batch_max, 1, 4_096)?;
        between("inference.batch_wait_ms", self.inference.batch_wait_ms, 0, 10_000)?;
        between("inference.batch_deadline_ms", self.inference.batch_deadline_ms, 1, DEADLINE_MS_MAX)?;
        between("inference.job_deadline_ms", self.inference.job_deadline_ms, 1, DEADLINE_MS_MAX)?;
        between("inference.canary_interval_s", self.inference.canary_interval_s, 1, 30 * 86_400)?;
        between("inference.queue_max", self.inference.queue_max, 1, 10_000_000)?;
        between("inference.bank_sensors_max", self.inference.bank_sensors_max, 0, 100_000)?;
        between("sensing.shadow_days", self.sensing.shadow_days, 1, 3_650)?;
        between("sensing.push_readings_max", self.sensing.push_readings_max, 1, 1_000_000)?;
        between("sensing.push_deadline_ms", self.sensing.push_deadline_ms, 1, DEADLINE_MS_MAX)?;
        between("sensing.run_deadline_s", self.sensing.run_deadline_s, 1, 86_400)?;
        between("sensing.sensors_max", self.sensing.sensors_max, 1, 10_000_000)?;
        between("sensing.proxy.cache_s", self.sensing.proxy.cache_s, 0, 86_400)?;
        let rate = self.sensing.false_alarm_rate;
        if !(0.005..=0.5).contains(&rate) {
            let reason = format!("{rate} is not between 0.005 and 0.5");
            return Err(ConfigError::Range { key: "sensing.false_alarm_rate", reason });
        }
        between("sensing.vendor.oden.poll_interval_s", self.sensing.vendor.oden.poll_interval_s, 1, 86_400)?;
        between(
            "sensing.vendor.oden.timeout_s",
            self.sensing.vendor.oden.timeout_s,
            1,
            REQUEST_TIMEOUT_S_MAX,
        )?;
        between("log.days_kept", self.log.days_kept, 0, DAYS_MAX as usize)?;
        between("system.event_days", self.system.event_days, 1, DAYS_MAX)?;
        between("system.events_max", self.system.events_max, 1, 1_000_000_000)?;
        between("system.drain_s", self.system.drain_s, 1, 600)?;
        self.system.drill_plan()?;
        between("system.drill_interval_s", self.system.drill_interval_s, 1, 31_536_000)?;
        between("system.round_interval_s", self.system.round_interval_s, 1, 86_400)?;
        tracing_subscriber::EnvFilter::try_new(&self.log.level)
            .map_err(|e| ConfigError::Range { key: "log.level", reason: e.to_string() })?;
        self.production.check()?;
        self.fleet.check()?;
        self.labels.check()?;
        self.firmware.check()?;
        self.agent.check()?;
        self.diagnosis.check()?;
        between("alerts.archive_days", self.alerts.archive_days, 1, DAYS_MAX)?;
        self.briefing.check()?;
        self.inference.device_choice()?;
        self.sensing.vendor.oden.complete().map(|_| ())
    }

    /// Where the database is.
    #[must_use]
    pub fn database_url(&self) -> Secret {
        let in_data_dir = || Secret::new(format!("sqlite:{}", self.data_dir.join("nightshift.db").display()));
        self.database.url.clone().unwrap_or_else(in_data_dir)
    }

    /// Where the daily log files go; `None` when none are written.
    #[must_use]
    pub fn log_dir(&self) -> Option<PathBuf> {
        (self.log.days_kept > 0).then(|| self.log.dir.clone().unwrap_or_else(|| self.data_dir.join("logs")))
    }
}

pub(super) fn between<T: PartialOrd + std::fmt::Display>(
    key: &'static str,
    value: T,
    min: T,
    max: T,
) -> Result<(), ConfigError> {
    if value < min || value > max {
        return Err(ConfigError::Range { key, reason: format!("{value} is not between {min} and {max}") });
    }
    Ok(())
}

impl super::ProductionConfig {
    fn check(&self) -> Result<(), ConfigError> {
        let zone = self.time_zone.parse::<nightshift_domain::production::Calendar>();
        zone.map_err(|e| ConfigError::Range { key: "production.time_zone", reason: e.to_string() })?;
        if self.country.len() != 2 || !self.country.bytes().all(|b| b.is_ascii_uppercase()) {
            let reason = format!("`{}` must be two letters A-Z", self.country);
            return Err(ConfigError::Range { key: "production.country", reason });
        }
        between("production.target_quantity_max", self.target_quantity_max, 1, SEQUENCE_MAX)?;
        between("production.command_deadline_ms", self.command_deadline_ms, 1, DEADLINE_MS_MAX)?;
        between("production.store_deadline_ms", self.store_deadline_ms, 1, DEADLINE_MS_MAX)?;
        between("production.watch_interval_s", self.watch_interval_s, 1, 3_600)?;
        between("production.look_interval_ms", self.look_interval_ms, 10, 3_600_000)?;
        between("production.rules", self.rules.len(), 0, RULES_MAX)?;
        for rule in &self.rules {
            rule.clone().validated().map_err(|faults| {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                ConfigError::Range { key: "production.rules", reason: faults.join("; ") }
            })?;
        }
        Ok(())
    }
}

impl super::InferenceConfig {
    /// The device that `device` names.
    ///
    /// # Errors
    /// When it names none.
    pub fn device_choice(&self) -> Result<nightshift_models::DeviceChoice, ConfigError> {
        self.device
            .parse()
            .map_err(|e| ConfigError::Range { key: "inference.device", reason: format!("{e}") })
    }
}

impl OdenConfig {
    /// The vendor's settings; `None` when nothing of it is set.
    fn complete(&self) -> Result<Option<actors::OdenConfig>, ConfigError> {
        if self.base_url.is_none() && self.auth_url.is_none() {
            return Ok(None);
        }
        let missing = |key: &'static str| ConfigError::Range {
            key,
            reason: "is needed once the vendor's base_url or auth_url is set".to_owned(),
        };
        Ok(Some(actors::OdenConfig {
            base_url: self.base_url.clone().ok_or_else(|| missing("sensing.vendor.oden.base_url"))?,
            auth_url: self.auth_url.clone().ok_or_else(|| missing("sensing.vendor.oden.auth_url"))?,
            username: self.username.clone().ok_or_else(|| missing("sensing.vendor.oden.username"))?,
            password: self
                .password
                .clone()
                .ok_or_else(|| missing("sensing.vendor.oden.password"))?
                .into_inner(),
            poll_interval: Duration::from_secs(self.poll_interval_s),
            timeout: Duration::from_secs(self.timeout_s),
        }))
    }
}

/// What the tree needs of a configuration.
///
/// # Errors
/// When the vendor's settings are incomplete or the device has no name known here.
pub fn plant_config(config: &Config) -> Result<actors::PlantConfig, ConfigError> {
    let (inference, sensing, system) = (&config.inference, &config.sensing, &config.system);
    let production = &config.production;
    Ok(actors::PlantConfig {
        storage: config.storage.place(&config.data_dir),
        cache: config.cache.for_plant(),
        identity: super::identity_config(config),
        inference: actors::InferenceConfig {
            device: inference.device_choice()?,
            models: inference.models.clone(),
            batch_max: inference.batch_max,
            batch_wait: Duration::from_millis(inference.batch_wait_ms),
            queue_max: inference.queue_max,
            batch_deadline: Duration::from_millis(inference.batch_deadline_ms),
            job_deadline: Duration::from_millis(inference.job_deadline_ms),
            canary_interval: Duration::from_secs(inference.canary_interval_s),
            bank_sensors_max: inference.bank_sensors_max,
        },
        sensing: actors::SensingConfig {
            default_model: sensing.default_model.clone(),
            shadow_model: sensing.shadow_model.clone().filter(|id| !id.is_empty()),
            shadow_days: sensing.shadow_days,
            false_alarm_rate: sensing.false_alarm_rate,
            push_readings_max: sensing.push_readings_max,
            sensors_max: sensing.sensors_max,
            push_deadline: Duration::from_millis(sensing.push_deadline_ms),
            run_deadline: Duration::from_secs(sensing.run_deadline_s),
            oden: sensing.vendor.oden.complete()?,
            proxy: actors::ProxyConfig {
                allow: sensing.proxy.allow.clone(),
                cache: Duration::from_secs(sensing.proxy.cache_s),
            },
        },
        production: actors::ProductionConfig {
            time_zone: production.time_zone.clone(),
            country: production.country.clone(),
            target_quantity_max: production.target_quantity_max,
            command_deadline: Duration::from_millis(production.command_deadline_ms),
            store_deadline: Duration::from_millis(production.store_deadline_ms),
            watch_interval: Duration::from_secs(production.watch_interval_s),
            look_interval: Duration::from_millis(production.look_interval_ms),
            rules: production.rules.clone(),
        },
        labels: config.labels.plant()?,
        firmware: config.firmware.plant(),
        fleet: config.fleet.for_plant()?,
        diagnosis: config.diagnosis.for_plant(),
        alerts: actors::AlertsConfig { archive_days: config.alerts.archive_days },
        briefing: config.briefing.plant()?,
        system: actors::SystemConfig {
            event_days: system.event_days,
            events_max: system.events_max,
            round_interval: Duration::from_secs(system.round_interval_s),
            data_dir: config.data_dir.clone(),
            disk_free_min_bytes: system.disk_free_mib_min.saturating_mul(1 << 20),
            drills: system.drills.then(|| system.drill_plan()).transpose()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};

    fn refused(name: &str, value: &str) -> String {
        let environment = Environment::from([(name.to_owned(), value.to_owned())]);
        load(None, &environment).expect_err(name).to_string()
    }

    #[test]
    fn limits_have_limits() {
        assert!(refused("NIGHTSHIFT__HTTP__REQUEST_TIMEOUT_S", "0").contains("between 1 and 600"));
        // Durations are added up: what could overflow there is refused here.
        for name in [
            "INFERENCE__BATCH_WAIT_MS",
            "INFERENCE__BATCH_DEADLINE_MS",
            "INFERENCE__JOB_DEADLINE_MS",
            "INFERENCE__CANARY_INTERVAL_S",
            "SENSING__PUSH_DEADLINE_MS",
            "SENSING__RUN_DEADLINE_S",
            "SENSING__PROXY__CACHE_S",
            "SENSING__VENDOR__ODEN__TIMEOUT_S",
            "SYSTEM__EVENTS_MAX",
        ] {
            assert!(
                refused(&format!("NIGHTSHIFT__{name}"), "9000000000000000000").contains("between"),
                "{name}"
            );
        }
        assert!(refused("NIGHTSHIFT__INFERENCE__DEVICE", "quantum").starts_with("inference.device"));
        assert!(refused("NIGHTSHIFT__LOG__LEVEL", "loud=very=much").starts_with("log.level"));
        assert!(refused("API_BASE_URL", "https://x").starts_with("sensing.vendor.oden.auth_url"));
    }

    #[test]
    fn defaults_agree_with_the_plant() {
        let mut ours = super::plant_config(&super::Config::default()).expect("plant");
        // A plant without a directory of its own keeps no file of keys.
        ours.identity.keys = super::actors::Keys::Fresh;
        ours.storage = nightshift_store::blobs::BlobsConfig::Memory;
        assert_eq!(format!("{ours:?}"), format!("{:?}", super::actors::PlantConfig::default()));
    }
}
