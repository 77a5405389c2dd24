//! Reads the layers and puts them together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::builder::DefaultState;
use config::{ConfigBuilder, File, FileFormat};
use serde_json::Value;

use super::{Config, Secret, keys};

/// Prefix of the environment names of all keys.
const PREFIX: &str = "NIGHTSHIFT__";
/// Largest file that may hold a secret, bytes.
const SECRET_BYTES_MAX: u64 = 64 * 1_024;
/// Environment names that documents give, and the keys they stand for.
const DOCUMENTED_NAMES: [(&str, &str); 11] = [
    ("HMAC_SECRET_KEY", "fleet.secret"),
    ("NIGHTSHIFT_ADMIN_PASSWORD", "identity.admin_password"),
    ("VR_CLIENT_USER_AGENTS", "diagnosis.user_agents_allow"),
    ("API_BASE_URL", "sensing.vendor.oden.base_url"),
    ("API_AUTH_URL", "sensing.vendor.oden.auth_url"),
    ("API_USERNAME", "sensing.vendor.oden.username"),
    ("API_PASSWORD", "sensing.vendor.oden.password"),
    ("S3_BUCKET_NAME", "storage.s3.bucket"),
    ("AWS_REGION", "storage.s3.region"),
    ("AWS_ACCESS_KEY_ID", "storage.s3.access_key_id"),
    ("AWS_SECRET_ACCESS_KEY", "storage.s3.secret_access_key"),
];

/// The environment, given so that tests need not change the process's own.
pub type Environment = BTreeMap<String, String>;

/// Why there is no configuration to start with. Exit code 78.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read or is no TOML.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A key that nobody knows.
    #[error("unknown key `{key}` in {origin}; the nearest one is `{nearest}`")]
    UnknownKey {
        /// The key, dotted.
        key: String,
        /// The file or the environment name.
        origin: String,
        /// The known key most like it.
        nearest: String,
    },
    /// A value of the wrong type.
    #[error("{0}")]
    Value(String),
    /// A value outside what is allowed.
    #[error("{key}: {reason}")]
    Range {
        /// The key, dotted.
        key: &'static str,
        /// What is allowed and what to do.
        reason: String,
    },
    /// A secret's file cannot be used.
    #[error("{key}: {reason}")]
    SecretFile {
        /// The key, dotted.
        key: &'static str,
        /// What is wrong.
        reason: String,
    },
}

/// The configuration of `file` and `environment` over the defaults, with secrets read from their files, checked.
///
/// # Errors
/// The first key that is unknown, of the wrong type or out of range, and where it stands.
pub fn load(file: Option<&Path>, environment: &Environment) -> Result<Config, ConfigError> {
    let mut builder = config::Config::builder();
    if let Some(path) = file {
        builder = add_file(builder, path)?;
    }
    let defaults: BTreeMap<String, Value> = keys::known().into_iter().collect();
    for (name, key) in DOCUMENTED_NAMES {
        if let Some(text) = environment.get(name) {
            builder = set(builder, key, text, &defaults)?;
        }
    }
    for (name, text) in environment {
        let Some(rest) = name.strip_prefix(PREFIX) else { continue };
        let key = rest.to_lowercase().replace("__", ".");
        if !defaults.contains_key(&key) {
            return Err(unknown(key, format!("the environment ({name})")));
        }
        builder = set(builder, &key, text, &defaults)?;
    }
    let merged = builder.build().map_err(|e| ConfigError::Value(e.to_string()))?;
    let mut config: Config = merged.try_deserialize().map_err(|e| ConfigError::Value(e.to_string()))?;
    read_secret("database.url", &mut config.database.url, config.database.url_file.as_deref())?;
    let cache = &mut config.cache;
    read_secret("cache.url", &mut cache.url, cache.url_file.as_deref())?;
    let identity = &mut config.identity;
    read_secret(
        "identity.admin_password",
        &mut identity.admin_password,
        identity.admin_password_file.as_deref(),
    )?;
    read_secret("identity.admin_code", &mut identity.admin_code, identity.admin_code_file.as_deref())?;
    read_secret("identity.jwt_key", &mut identity.jwt_key, identity.jwt_key_file.as_deref())?;
    read_secret("identity.audit_key", &mut identity.audit_key, identity.audit_key_file.as_deref())?;
    let oden = &mut config.sensing.vendor.oden;
    read_secret("sensing.vendor.oden.password", &mut oden.password, oden.password_file.as_deref())?;
    let s3 = &mut config.storage.s3;
    read_secret(
        "storage.s3.secret_access_key",
        &mut s3.secret_access_key,
        s3.secret_access_key_file.as_deref(),
    )?;
    let agent = &mut config.agent;
    read_secret("agent.token", &mut agent.token, agent.token_file.as_deref())?;
    let fleet = &mut config.fleet;
    read_secret("fleet.secret", &mut fleet.secret, fleet.secret_file.as_deref())?;
    let briefing = &mut config.briefing;
    read_secret("briefing.llm.key", &mut briefing.llm.key, briefing.llm.key_file.as_deref())?;
    let webhook = &mut briefing.webhook;
    read_secret("briefing.webhook.secret", &mut webhook.secret, webhook.secret_file.as_deref())?;
    let mail = &mut briefing.mail;
    read_secret("briefing.mail.smtp_url", &mut mail.smtp_url, mail.smtp_url_file.as_deref())?;
    config.check()?;
    Ok(config)
}

type Builder = ConfigBuilder<DefaultState>;

fn add_file(builder: Builder, path: &Path) -> Result<Builder, ConfigError> {
    let refused = |reason: String| ConfigError::File { path: path.to_owned(), reason };
    let text = std::fs::read_to_string(path).map_err(|e| refused(e.to_string()))?;
    let parsed = parse_toml(&text).map_err(&refused)?;
    let known = keys::known();
    let mut present = Vec::new();
    keys::flatten("", &parsed, &mut present);
    for (key, _) in present {
        // An empty section is no key of its own.
        let is_section =
            known.iter().any(|(k, _)| k.strip_prefix(&key).is_some_and(|rest| rest.starts_with('.')));
        if !key.is_empty() && !is_section && !known.iter().any(|(k, _)| *k == key) {
            return Err(unknown(key, path.display().to_string()));
        }
    }
    Ok(builder.add_source(File::from_str(&text, FileFormat::Toml)))
}

/// A TOML text as JSON, for looking at its keys.
pub(super) fn parse_toml(text: &str) -> Result<Value, String> {
    let parsed = config::Config::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .build()
        .map_err(|e| e.to_string())?;
    parsed.try_deserialize().map_err(|e| e.to_string())
}

/// Sets `key` from text; a key whose default is a list takes values separated by commas.
fn set(
    builder: Builder,
    key: &str,
    text: &str,
    defaults: &BTreeMap<String, Value>,
) -> Result<Builder, ConfigError> {
    let value = if defaults.get(key).is_some_and(Value::is_array) {
        let items: Vec<String> =
            text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect();
        config::Value::from(items)
    } else {
        config::Value::from(text)
    };
    builder.set_override(key, value).map_err(|e| ConfigError::Value(format!("{key}: {e}")))
}

fn unknown(key: String, origin: String) -> ConfigError {
    let nearest = keys::nearest(&key);
    ConfigError::UnknownKey { key, origin, nearest }
}

fn read_secret(
    key: &'static str,
    secret: &mut Option<Secret>,
    file: Option<&Path>,
) -> Result<(), ConfigError> {
    let Some(path) = file else { return Ok(()) };
    let refused = |reason: String| ConfigError::SecretFile { key, reason };
    if secret.is_some() {
        return Err(refused(format!("set either `{key}` or `{key}_file`, not both")));
    }
    let size = std::fs::metadata(path).map_err(|e| refused(format!("{}: {e}", path.display())))?.len();
    if size > SECRET_BYTES_MAX {
        return Err(refused(format!("{} holds more than {SECRET_BYTES_MAX} bytes", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(|e| refused(format!("{}: {e}", path.display())))?;
    *secret = Some(Secret::new(text.trim_end_matches(['\r', '\n'])));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().expect("file");
        std::fs::write(file.path(), text).expect("write");
        file
    }

    #[test]
    fn nothing_given_means_the_defaults() {
        assert_eq!(load(None, &env(&[])).expect("defaults"), Config::default());
    }

    #[test]
    fn the_reference_is_the_defaults_and_names_every_key() {
        let path = file(super::super::REFERENCE);
        assert_eq!(load(Some(path.path()), &env(&[])).expect("reference"), Config::default());
        for (key, default) in keys::known() {
            let name = key.rsplit('.').next().expect("a key has a name");
            // TOML has no null: keys without a default stand as comments.
            let written = if default.is_null() { format!("#{name} =") } else { format!("{name} =") };
            assert!(super::super::REFERENCE.contains(&written), "{key} is missing: expected `{written}`");
        }
    }

    #[test]
    fn later_layers_win_and_text_becomes_numbers() {
        let path = file("data_dir = 'a'\n[http]\nlisten = '127.0.0.1:1'\nbody_bytes_max = 5000\n[sensing]\n");
        let environment = env(&[
            ("NIGHTSHIFT__HTTP__LISTEN", "127.0.0.1:2"),
            ("NIGHTSHIFT__HTTP__REQUEST_TIMEOUT_S", "7"),
            ("NIGHTSHIFT__DATABASE__AUTO_MIGRATE", "false"),
            ("NIGHTSHIFT__SENSING__PROXY__ALLOW", "devices, devices/*"),
            ("NIGHTSHIFT_ADMIN_PASSWORD", "not a key"),
        ]);
        let config = load(Some(path.path()), &environment).expect("config");
        assert_eq!(config.http.listen.port(), 2);
        assert_eq!((config.http.body_bytes_max, config.http.request_timeout_s), (5_000, 7));
        assert_eq!(config.data_dir, PathBuf::from("a"));
        assert!(!config.database.auto_migrate);
        assert_eq!(config.sensing.proxy.allow, ["devices", "devices/*"]);
    }

    #[test]
    fn documented_names_work_and_a_password_keeps_its_zeros() {
        let environment = env(&[
            ("API_BASE_URL", "https://oden.example/api"),
            ("API_AUTH_URL", "https://oden.example/token"),
            ("API_USERNAME", "plant"),
            ("API_PASSWORD", "0012"),
        ]);
        let oden = load(None, &environment).expect("config").sensing.vendor.oden;
        assert_eq!(oden.base_url.as_deref(), Some("https://oden.example/api"));
        assert_eq!(oden.password.expect("password").expose(), "0012");
    }

    #[test]
    fn typos_name_the_nearest_key() {
        let path = file("[http]\nlisen = '127.0.0.1:1'\n");
        let refused = load(Some(path.path()), &env(&[])).expect_err("typo").to_string();
        assert!(refused.contains("`http.lisen`") && refused.contains("`http.listen`"), "{refused}");
        let refused =
            load(None, &env(&[("NIGHTSHIFT__INFERENCE__DEVISE", "cpu")])).expect_err("typo").to_string();
        assert!(refused.contains("NIGHTSHIFT__INFERENCE__DEVISE"), "{refused}");
        assert!(refused.contains("`inference.device`"), "{refused}");
        let path = file("[http.rate]\nx = 1\n");
        assert!(load(Some(path.path()), &env(&[])).is_err());
    }

    #[test]
    fn wrong_values_are_named() {
        let refused = load(None, &env(&[("NIGHTSHIFT__HTTP__BODY_BYTES_MAX", "many")])).expect_err("text");
        assert!(refused.to_string().contains("body_bytes_max"), "{refused}");
        assert!(load(Some(Path::new("/nonexistent.toml")), &env(&[])).is_err());
        assert!(load(Some(file("[http\n").path()), &env(&[])).is_err());
    }

    #[test]
    fn secrets_come_from_files_but_not_from_both() {
        let secret = file("s3cret\n");
        let path = secret.path().to_str().expect("utf-8");
        let mut environment = env(&[("NIGHTSHIFT__DATABASE__URL_FILE", path)]);
        let config = load(None, &environment).expect("config");
        assert_eq!(config.database.url.expect("url").expose(), "s3cret");
        environment.insert("NIGHTSHIFT__DATABASE__URL".to_owned(), "sqlite::memory:".to_owned());
        assert!(load(None, &environment).expect_err("both").to_string().contains("not both"));
    }
}
