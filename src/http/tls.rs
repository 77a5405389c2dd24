//! TLS 1.3 with a certificate from files, exchanged under way when the files change.
//!
//! A connection keeps the certificate that it began with. Files that cannot be used (half written, a key that belongs to
//! another certificate) are reported once and change nothing: the old certificate stays.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nightshift_kernel::Clock;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::timed_io::TimedIo;
use crate::config::TlsConfig;

/// Largest PEM file, bytes.
const PEM_BYTES_MAX: u64 = 1_024 * 1_024;
/// Handshakes at once: each costs a signature, and a flood of them must leave the processor to the plant.
const HANDSHAKES_MAX: usize = 128;
/// Protocols that a client may choose from, the better one first.
const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The certificate and the key make no pair that can be used.
    #[error("the certificate and the key cannot be used together")]
    Pair(#[source] rustls::Error),
}

/// What the two files hold.
#[derive(PartialEq, Eq)]
struct Pems {
    certificate: Vec<u8>,
    key: Vec<u8>,
}

/// What a look at the files found.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    Unchanged,
    Exchanged,
}

/// The certificate in use.
pub(crate) struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    handshakes: Semaphore,
    state: Mutex<State>,
}

struct State {
    config: Arc<ServerConfig>,
    /// What was last tried, so that files that cannot be used are reported once.
    seen: Pems,
}

impl Tls {
    /// Reads the files; `None` when TLS is off.
    ///
    /// # Errors
    /// [`TlsError`] when they cannot be used.
    pub(crate) fn load(config: &TlsConfig) -> Result<Option<Arc<Self>>, TlsError> {
        let Some((certificate, key)) = config.files() else { return Ok(None) };
        let (certificate, key) = (certificate.clone(), key.clone());
        let seen = read_pems(&certificate, &key)?;
        let config = server_config(&certificate, &key, &seen)?;
        let state = Mutex::new(State { config, seen });
        Ok(Some(Arc::new(Self { certificate, key, handshakes: Semaphore::new(HANDSHAKES_MAX), state })))
    }

    /// Speaks TLS with a client that has just connected. Its deadline is the caller's; waiting for a turn is part of it.
    pub(crate) async fn accept(
        &self,
        stream: TimedIo<TcpStream>,
    ) -> std::io::Result<TlsStream<TimedIo<TcpStream>>> {
        let _turn = self.handshakes.acquire().await.map_err(std::io::Error::other)?;
        let config = Arc::clone(&self.lock().config);
        TlsAcceptor::from(config).accept(stream).await
    }

    /// Looks at the files now and then, and whenever the process is sent SIGHUP; for ever.
    pub(crate) async fn keep_fresh(self: Arc<Self>, interval: Duration, clock: Clock) {
        let mut hangups = signal(SignalKind::hangup())
            .map_err(|error| tracing::warn!(error = %error, "SIGHUP will not reload the certificate"))
            .ok();
        loop {
            let asked = async {
                match &mut hangups {
                    Some(hangups) => drop(hangups.recv().await),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = clock.sleep(interval) => {}
                () = asked => {}
            }
            let tls = Arc::clone(&self);
            match tokio::task::spawn_blocking(move || tls.look()).await {
                Ok(Ok(Look::Exchanged)) => {
                    tracing::info!(certificate = %self.certificate.display(), "a new certificate is in use");
                }
                Ok(Ok(Look::Unchanged)) | Err(_) => {}
                Ok(Err(error)) => {
                    let error = crate::serve::chain(&error);
                    tracing::error!(error, "the new certificate cannot be used; the old one stays");
                }
            }
        }
    }

    fn look(&self) -> Result<Look, TlsError> {
        let pems = read_pems(&self.certificate, &self.key)?;
        if self.lock().seen == pems {
            return Ok(Look::Unchanged);
        }
        let config = server_config(&self.certificate, &self.key, &pems);
        let mut state = self.lock();
        state.seen = pems;
        state.config = config?;
        Ok(Look::Exchanged)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_pems(certificate: &Path, key: &Path) -> Result<Pems, TlsError> {
    Ok(Pems { certificate: read(certificate)?, key: read(key)? })
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let refused = |reason: String| TlsError::File { path: path.to_owned(), reason };
    let file = std::fs::File::open(path).map_err(|e| refused(e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(PEM_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|e| refused(e.to_string()))?;
    if bytes.len() as u64 > PEM_BYTES_MAX {
        return Err(refused(format!("holds more than {PEM_BYTES_MAX} bytes")));
    }
    Ok(bytes)
}

fn server_config(certificate: &Path, key: &Path, pems: &Pems) -> Result<Arc<ServerConfig>, TlsError> {
    let refused = |path: &Path, e: &dyn std::fmt::Display| TlsError::File {
        path: path.to_owned(),
        reason: e.to_string(),
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pems.certificate)
        .collect::<Result<_, _>>()
        .map_err(|e| refused(certificate, &e))?;
    if chain.is_empty() {
        return Err(refused(certificate, &"holds no certificate in PEM form"));
    }
    let private = PrivateKeyDer::from_pem_slice(&pems.key).map_err(|e| refused(key, &e))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(TlsError::Pair)?
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(TlsError::Pair)?;
    config.alpn_protocols = PROTOCOLS.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(config: &TlsConfig, certificate: &str, key: &str) {
        let (certificate_path, key_path) = config.files().expect("files");
        std::fs::write(certificate_path, certificate).expect("written");
        std::fs::write(key_path, key).expect("written");
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(["plant.example".to_owned()]).expect("certificate");
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    #[test]
    fn files_that_cannot_be_used_change_nothing() {
        let dir = tempfile::tempdir().expect("directory");
        let path = |name| Some(dir.path().join(name));
        let files = TlsConfig { certificate: path("a.pem"), key: path("a.key"), ..TlsConfig::default() };
        assert!(Tls::load(&TlsConfig::default()).expect("off").is_none());
        assert!(Tls::load(&files).is_err(), "no files");
        let ((one, one_key), (two, two_key)) = (pair(), pair());
        write(&files, &one, &one_key);
        let tls = Tls::load(&files).expect("loaded").expect("on");
        let first = Arc::clone(&tls.lock().config);
        assert_eq!(tls.look().expect("looked"), Look::Unchanged);

        for (certificate, key) in [(&two, &one_key), (&two, &String::new()), (&String::new(), &two_key)] {
            write(&files, certificate, key);
            assert!(tls.look().is_err());
            assert_eq!(tls.look().expect("reported once"), Look::Unchanged);
            assert!(Arc::ptr_eq(&first, &tls.lock().config), "the old one stays");
        }
        write(&files, &two, &two_key);
        assert_eq!(tls.look().expect("exchanged"), Look::Exchanged);
        assert!(!Arc::ptr_eq(&first, &tls.lock().config));
    }
}
