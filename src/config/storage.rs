//! Where objects too large for the database are kept.

use std::path::{Path, PathBuf};
use std::time::Duration;

use nightshift_store::blobs::{self, BlobsConfig, S3Credentials};
use serde::{Deserialize, Serialize};

use super::check::between;
use super::{ConfigError, Secret};

/// Where objects too large for the database are kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StorageConfig {
    /// Folder; `objects` in the data directory when absent.
    pub dir: Option<PathBuf>,
    /// A bucket in place of the folder.
    pub s3: S3Config,
}

/// A bucket; unused until it is named.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Config {
    /// Its name (`S3_BUCKET_NAME`).
    pub bucket: Option<String>,
    /// Its region (`AWS_REGION`).
    pub region: String,
    /// Where the service is, when it is not Amazon's.
    pub endpoint: Option<String>,
    /// What stands before every key.
    pub prefix: String,
    /// Who asks (`AWS_ACCESS_KEY_ID`); the machine's own role when absent.
    pub access_key_id: Option<String>,
    /// Its secret (`AWS_SECRET_ACCESS_KEY`).
    pub secret_access_key: Option<Secret>,
    /// File that holds the secret.
    pub secret_access_key_file: Option<PathBuf>,
    /// Whether the endpoint may be spoken to without TLS.
    pub allow_http: bool,
    /// Seconds one request may take, with its repeats.
    pub timeout_s: u64,
}

impl Default for S3Config {
    fn default() -> Self {
        Self {
            bucket: None,
            region: "us-east-1".to_owned(),
            endpoint: None,
            prefix: String::new(),
            access_key_id: None,
            secret_access_key: None,
            secret_access_key_file: None,
            allow_http: false,
            timeout_s: 30,
        }
    }
}

impl StorageConfig {
    /// Refuses values that could not work.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let s3 = &self.s3;
        between("storage.s3.timeout_s", s3.timeout_s, 1, 600)?;
        let refused =
            |key: &'static str, reason: &str| Err(ConfigError::Range { key, reason: reason.to_owned() });
        if s3.bucket.as_deref().is_some_and(|bucket| !is_bucket(bucket)) {
            return refused("storage.s3.bucket", "must be 3 to 63 of a-z 0-9 . -");
        }
        if !s3.prefix.is_empty() && s3.prefix.parse::<blobs::BlobKey>().is_err() {
            return refused("storage.s3.prefix", "must be A-Z a-z 0-9 . _ - between slashes");
        }
        if s3.bucket.is_some() && s3.access_key_id.is_some() != s3.secret_access_key.is_some() {
            return refused(
                "storage.s3.access_key_id",
                "goes with storage.s3.secret_access_key: give both or neither",
            );
        }
        match s3.endpoint.as_deref() {
            Some(endpoint) if endpoint.starts_with("http://") && !s3.allow_http => refused(
                "storage.s3.endpoint",
                "speaks no TLS: use https, or set storage.s3.allow_http if the network may be trusted",
            ),
            Some(endpoint) if !endpoint.starts_with("http") => {
                refused("storage.s3.endpoint", "must begin with https:// (or http://)")
            }
            _ => Ok(()),
        }
    }

    /// The place that is meant.
    pub(super) fn place(&self, data_dir: &Path) -> BlobsConfig {
        let s3 = &self.s3;
        let Some(bucket) = s3.bucket.clone() else {
            let dir = self.dir.clone().unwrap_or_else(|| data_dir.join("objects"));
            return BlobsConfig::Local { dir };
        };
        let secret = |secret: &Secret| secret.expose().to_owned();
        let credentials = s3
            .access_key_id
            .clone()
            .zip(s3.secret_access_key.as_ref().map(secret))
            .map(|(id, secret)| S3Credentials { access_key_id: id, secret_access_key: secret });
        BlobsConfig::S3(blobs::S3Config {
            bucket,
            region: s3.region.clone(),
            endpoint: s3.endpoint.clone(),
            prefix: s3.prefix.clone(),
            credentials,
            allow_http: s3.allow_http,
            timeout: Duration::from_secs(s3.timeout_s),
        })
    }
}

fn is_bucket(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    (3..=63).contains(&name.len()) && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::super::{Environment, load};
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<BlobsConfig, String> {
        let environment: Environment =
            pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let config = load(None, &environment).map_err(|e| e.to_string())?;
        Ok(config.storage.place(&config.data_dir))
    }

    #[test]
    fn a_folder_unless_a_bucket_is_named() {
        let folder = BlobsConfig::Local { dir: PathBuf::from("data/objects") };
        assert_eq!(with(&[]), Ok(folder.clone()));
        assert_eq!(with(&[("AWS_REGION", "eu-north-1"), ("AWS_ACCESS_KEY_ID", "x")]), Ok(folder));
        let documented = [
            ("S3_BUCKET_NAME", "plant"),
            ("AWS_REGION", "ap-northeast-2"),
            ("AWS_ACCESS_KEY_ID", "id"),
            ("AWS_SECRET_ACCESS_KEY", "0012"),
        ];
        let Ok(BlobsConfig::S3(s3)) = with(&documented) else { panic!("a bucket") };
        assert_eq!(
            (s3.bucket.as_str(), s3.region.as_str(), s3.timeout.as_secs()),
            ("plant", "ap-northeast-2", 30)
        );
        assert_eq!(s3.credentials.expect("given").secret_access_key, "0012");
    }

    #[test]
    fn what_cannot_work_is_refused() {
        let refused = |pairs: &[(&str, &str)]| with(pairs).expect_err("refused");
        assert!(refused(&[("S3_BUCKET_NAME", "No_Bucket")]).starts_with("storage.s3.bucket"));
        let half = refused(&[("S3_BUCKET_NAME", "plant"), ("AWS_ACCESS_KEY_ID", "id")]);
        assert!(half.contains("secret_access_key"), "{half}");
        let clear = refused(&[("NIGHTSHIFT__STORAGE__S3__ENDPOINT", "http://minio")]);
        assert!(clear.contains("allow_http"), "{clear}");
        assert!(refused(&[("NIGHTSHIFT__STORAGE__S3__ENDPOINT", "minio")]).contains("https://"));
        assert!(refused(&[("NIGHTSHIFT__STORAGE__S3__PREFIX", "../x")]).starts_with("storage.s3.prefix"));
    }
}
