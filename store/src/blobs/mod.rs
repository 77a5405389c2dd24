//! Objects that are too large for a row: firmware images, folders of recordings.
//!
//! [`Blobs`] keeps them in a local folder or in an S3 bucket, behind one set of functions. An object is whole or not
//! there: a put that is cut short leaves nothing, and overwriting replaces all of it at once. What an object *is* stands
//! in a row of the database that names its key; objects are written before that row and removed after it, so that a row
//! never names what is not there.

mod config;
mod error;
mod key;
mod place;
mod sweep;
mod writer;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use nightshift_domain::Timestamp;
use object_store::aws::AmazonS3Builder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::prefix::PrefixStore;
use object_store::{ClientOptions, GetOptions, ObjectMeta, ObjectStore, ObjectStoreExt, RetryConfig};

pub use self::config::{BlobsConfig, S3Config, S3Credentials};
pub use self::error::BlobError;
pub use self::key::BlobKey;
pub use self::sweep::Swept;
pub use self::writer::BlobWriter;

/// Largest object that is read or written in one piece, bytes; larger ones are streamed.
pub const WHOLE_BYTES_MAX: u64 = 64 * 1_024 * 1_024;
/// Times a request to a bucket is repeated by itself.
const RETRIES_MAX: usize = 3;
/// Longest that a connection to a bucket may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Where a health check writes.
const PROBE_KEY: &str = "health/probe";

/// What is known of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobInfo {
    /// Its size, bytes.
    pub size: u64,
    /// When it was last written.
    pub written_at: Timestamp,
    /// The store's own mark of this version, if it has one.
    pub e_tag: Option<String>,
}

/// An object, or a part of one, on its way.
pub struct BlobStream {
    /// What is known of the whole object.
    pub info: BlobInfo,
    /// The bytes that come, of the whole.
    pub range: Range<u64>,
    /// They, in order. After an error nothing comes any more.
    pub chunks: BoxStream<'static, Result<Bytes, BlobError>>,
}

/// Where objects are kept. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    location: Arc<str>,
    /// The folder, where it is one.
    folder: Option<Arc<PathBuf>>,
}

impl Blobs {
    /// Opens the place that `config` names. A folder is made if need be; a bucket is not asked, so that a plant starts
    /// while its bucket is away.
    ///
    /// # Errors
    /// [`BlobError::Open`] when the folder cannot be made or the bucket's settings cannot be used.
    pub fn open(config: &BlobsConfig) -> Result<Self, BlobError> {
        let location: Arc<str> = config.location().into();
        let store: Arc<dyn ObjectStore> = match config {
            BlobsConfig::Memory => Arc::new(InMemory::new()),
            BlobsConfig::Local { dir } => {
                let refused = |reason: String| BlobError::Open { location: location.to_string(), reason };
                std::fs::create_dir_all(dir).map_err(|e| refused(e.to_string()))?;
                let local = LocalFileSystem::new_with_prefix(dir).map_err(|e| refused(e.to_string()))?;
                Arc::new(local.with_automatic_cleanup(true).with_fsync(true))
            }
            BlobsConfig::S3(s3) => open_s3(s3, &location)?,
        };
        let folder = match config {
            BlobsConfig::Local { dir } => Some(Arc::new(dir.clone())),
            BlobsConfig::Memory | BlobsConfig::S3(_) => None,
        };
        Ok(Self { store, location, folder })
    }

    /// Where they are, for people; without secrets.
    #[must_use]
    pub fn location(&self) -> &str {
        &self.location
    }

    /// Keeps `bytes` under `key`, in place of what was there.
    ///
    /// # Errors
    /// [`BlobError::TooLarge`] above [`WHOLE_BYTES_MAX`]; [`BlobError::Failed`].
    pub async fn put(&self, key: &BlobKey, bytes: Bytes) -> Result<(), BlobError> {
        let size = bytes.len() as u64;
        if size > WHOLE_BYTES_MAX {
            return Err(BlobError::TooLarge { key: key.clone(), size, most: WHOLE_BYTES_MAX });
        }
        self.store.put(key.path(), bytes.into()).await.map_err(|e| BlobError::of("put", key, e))?;
        Ok(())
    }

    /// Starts an object that comes piece by piece. It is there once [`BlobWriter::finish`] has returned, not before.
    ///
    /// # Errors
    /// [`BlobError::Failed`].
    pub async fn writer(&self, key: &BlobKey) -> Result<BlobWriter, BlobError> {
        let upload = self.store.put_multipart(key.path()).await;
        Ok(BlobWriter::new(key.clone(), upload.map_err(|e| BlobError::of("start", key, e))?))
    }

    /// The whole object, when it is no larger than `most` bytes.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], [`BlobError::TooLarge`], [`BlobError::Failed`].
    pub async fn get(&self, key: &BlobKey, most: u64) -> Result<Bytes, BlobError> {
        let most = most.min(WHOLE_BYTES_MAX);
        let found = self.store.get(key.path()).await.map_err(|e| BlobError::of("get", key, e))?;
        if found.meta.size > most {
            return Err(BlobError::TooLarge { key: key.clone(), size: found.meta.size, most });
        }
        found.bytes().await.map_err(|e| BlobError::of("get", key, e))
    }

    /// Bytes `range` of an object; fewer when it ends before.
    ///
    /// # Errors
    /// [`BlobError::NotFound`]; [`BlobError::Range`] when the range is empty or begins after the end;
    /// [`BlobError::TooLarge`] above [`WHOLE_BYTES_MAX`]; [`BlobError::Failed`].
    pub async fn range(&self, key: &BlobKey, range: Range<u64>) -> Result<Bytes, BlobError> {
        let asked = range.end.saturating_sub(range.start);
        if asked > WHOLE_BYTES_MAX {
            return Err(BlobError::TooLarge { key: key.clone(), size: asked, most: WHOLE_BYTES_MAX });
        }
        let info = self.head(key).await?;
        let range = within(key, range, info.size)?;
        self.store.get_range(key.path(), range).await.map_err(|e| BlobError::of("range", key, e))
    }

    /// An object, or bytes `range` of it, piece by piece.
    ///
    /// # Errors
    /// As [`Blobs::range`], without its limit. What fails later comes in the stream.
    pub async fn stream(&self, key: &BlobKey, range: Option<Range<u64>>) -> Result<BlobStream, BlobError> {
        let range = match range {
            None => None,
            Some(range) => Some(within(key, range, self.head(key).await?.size)?),
        };
        let options = GetOptions::new().with_range(range);
        let found = self.store.get_opts(key.path(), options).await;
        let found = found.map_err(|e| BlobError::of("stream", key, e))?;
        let (info, range) = (BlobInfo::from(&found.meta), found.range.clone());
        let named = key.clone();
        let chunks = found.into_stream().map(move |c| c.map_err(|e| BlobError::of("stream", &named, e)));
        Ok(BlobStream { info, range, chunks: chunks.boxed() })
    }

    /// What is known of an object.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], [`BlobError::Failed`].
    pub async fn head(&self, key: &BlobKey) -> Result<BlobInfo, BlobError> {
        let meta = self.store.head(key.path()).await.map_err(|e| BlobError::of("head", key, e))?;
        Ok(BlobInfo::from(&meta))
    }

    /// Removes an object. One that is not there is no error: a removal may be repeated.
    ///
    /// # Errors
    /// [`BlobError::Failed`].
    pub async fn delete(&self, key: &BlobKey) -> Result<(), BlobError> {
        match self.store.delete(key.path()).await.map_err(|e| BlobError::of("delete", key, e)) {
            Err(BlobError::NotFound { .. }) | Ok(()) => Ok(()),
            Err(other) => Err(other),
        }
    }

    /// The keys below `prefix`, at most `most`, in no order; with their sizes.
    ///
    /// # Errors
    /// [`BlobError::Failed`].
    pub async fn list(&self, prefix: &BlobKey, most: usize) -> Result<Vec<(BlobKey, BlobInfo)>, BlobError> {
        let mut found = self.each(prefix).take(most);
        let mut listed = Vec::new();
        while let Some(object) = found.next().await {
            listed.push(object?);
        }
        Ok(listed)
    }

    /// Every object below `prefix`, one by one. What is no key of ours is left out.
    fn each(&self, prefix: &BlobKey) -> BoxStream<'static, Result<(BlobKey, BlobInfo), BlobError>> {
        let named = prefix.clone();
        let found = self.store.list(Some(prefix.path())).filter_map(move |meta| {
            let object = match meta {
                Ok(meta) => {
                    BlobKey::new(meta.location.as_ref()).ok().map(|key| Ok((key, BlobInfo::from(&meta))))
                }
                Err(error) => Some(Err(BlobError::of("list", &named, error))),
            };
            std::future::ready(object)
        });
        found.boxed()
    }

    /// Whether objects can be written and read: a byte is, under a key of its own.
    ///
    /// # Errors
    /// [`BlobError`], as the step that failed.
    pub async fn check(&self) -> Result<(), BlobError> {
        let key = BlobKey::new(PROBE_KEY).expect("the probe's key is well formed");
        self.put(&key, Bytes::from_static(b"1")).await?;
        self.head(&key).await.map(|_| ())
    }
}

impl From<&ObjectMeta> for BlobInfo {
    fn from(meta: &ObjectMeta) -> Self {
        let written_at = Timestamp::from_us(meta.last_modified.timestamp_micros());
        Self { size: meta.size, written_at, e_tag: meta.e_tag.clone() }
    }
}

/// `range`, cut at the end of an object of `size` bytes.
fn within(key: &BlobKey, range: Range<u64>, size: u64) -> Result<Range<u64>, BlobError> {
    if range.start >= range.end || range.start >= size {
        return Err(BlobError::Range { key: key.clone(), size });
    }
    Ok(range.start..range.end.min(size))
}

fn open_s3(s3: &S3Config, location: &str) -> Result<Arc<dyn ObjectStore>, BlobError> {
    let retry = RetryConfig { max_retries: RETRIES_MAX, retry_timeout: s3.timeout, ..RetryConfig::default() };
    let client = ClientOptions::new()
        .with_timeout(s3.timeout)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_allow_http(s3.allow_http);
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&s3.bucket)
        .with_region(&s3.region)
        .with_retry(retry)
        .with_client_options(client);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(given) = &s3.credentials {
        builder =
            builder.with_access_key_id(&given.access_key_id).with_secret_access_key(&given.secret_access_key);
    }
    let store = builder
        .build()
        .map_err(|e| BlobError::Open { location: location.to_owned(), reason: e.to_string() })?;
    Ok(match s3.prefix.as_str() {
        "" => Arc::new(store),
        prefix => Arc::new(PrefixStore::new(store, prefix)),
    })
}
