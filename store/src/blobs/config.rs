//! Where objects are to be kept.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where objects are to be kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BlobsConfig {
    /// In memory, for plants that last no longer than a test.
    #[default]
    Memory,
    /// In a folder of this machine.
    Local {
        /// The folder; it is made if need be.
        dir: PathBuf,
    },
    /// In a bucket of S3, or of what speaks its language.
    S3(S3Config),
}

/// A bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Config {
    /// Its name.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// Where the service is, when it is not Amazon's.
    pub endpoint: Option<String>,
    /// What stands before every key; empty for nothing.
    pub prefix: String,
    /// Who asks; the machine's own role when absent.
    pub credentials: Option<S3Credentials>,
    /// Whether the endpoint may be spoken to without TLS.
    pub allow_http: bool,
    /// How long one request may take, with its repeats.
    pub timeout: Duration,
}

/// Who asks a bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Credentials {
    /// The key's name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: String,
}

impl fmt::Debug for S3Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Credentials({}, …)", self.access_key_id)
    }
}

impl BlobsConfig {
    /// The place, for people; without secrets.
    pub(super) fn location(&self) -> String {
        match self {
            Self::Memory => "memory".to_owned(),
            Self::Local { dir } => dir.display().to_string(),
            Self::S3(s3) => format!("s3://{}/{}", s3.bucket, s3.prefix),
        }
    }
}
