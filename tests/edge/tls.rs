use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{connect, exchange, rest};
use crate::common::{DEADLINE, Server, run};

const NAME: &str = "plant.example";
const ASK: &[u8] = b"GET /api/health HTTP/1.1\r\nhost: plant.example\r\n\r\n";

/// Writes a new certificate for the plant into `dir` and gives what a client must trust.
fn certify(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("certificate");
    std::fs::write(dir.join("tls.pem"), made.cert.pem()).expect("written");
    std::fs::write(dir.join("tls.key"), made.signing_key.serialize_pem()).expect("written");
    CertificateDer::from_pem_slice(made.cert.pem().as_bytes()).expect("certificate")
}

async fn start(dir: &Arc<TempDir>, settings: &[(&str, &str)]) -> Server {
    let path = |name: &str| dir.path().join(name).to_str().expect("utf-8").to_owned();
    let (certificate, key) = (path("tls.pem"), path("tls.key"));
    let mut all = vec![("HTTP__TLS__CERTIFICATE", certificate.as_str()), ("HTTP__TLS__KEY", key.as_str())];
    all.extend_from_slice(settings);
    Server::start_in(Arc::clone(dir), &all).await
}

/// Shakes hands, trusting `root` alone.
async fn shake(
    server: &Server,
    root: &CertificateDer<'static>,
    protocol: &[u8],
) -> Option<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![protocol.to_vec()];
    let stream = TcpStream::connect(server.address).await.expect("connection");
    let name = ServerName::try_from(NAME).expect("name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    stream.write_all(ASK).await.expect("sent");
    let mut text = String::new();
    while !text.contains("\"status\"") {
        let mut bytes = [0; 4_096];
        let read = timeout(DEADLINE, stream.read(&mut bytes)).await.expect("in time").expect("readable");
        assert!(read > 0, "closed after {text}");
        text.push_str(&String::from_utf8_lossy(&bytes[..read]));
    }
    text
}

fn hang_up(server: &Server) {
    rustix::process::kill_process(server.pid(), rustix::process::Signal::HUP).expect("signal");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plant_speaks_tls_1_3_and_says_so_to_browsers() {
    let dir = Arc::new(TempDir::new().expect("directory"));
    let root = certify(dir.path());
    let server = start(&dir, &[]).await;
    let mut stream = shake(&server, &root, b"http/1.1").await.expect("a handshake");
    let (_, session) = stream.get_ref();
    assert_eq!(session.protocol_version(), Some(rustls::ProtocolVersion::TLSv1_3));
    assert_eq!(session.alpn_protocol(), Some(&b"http/1.1"[..]));
    let said = ask(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
    assert!(said.contains("strict-transport-security: max-age=31536000"), "{said}");
    let two = shake(&server, &root, b"h2").await.expect("a handshake");
    assert_eq!(two.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    assert!(shake(&server, &root, b"spdy/3").await.is_none(), "no protocol in common");
    // In the clear there is nothing, and the next client is served nevertheless.
    let said = exchange(&server, ASK).await;
    assert!(!said.contains("HTTP/1.1"), "{said}");
    assert_eq!(server.get("/api/sensors").await.status, 200);
    let output = {
        let (dir, address) = (Arc::clone(&dir), server.address.to_string());
        let args = ["health", "--listen"].map(str::to_owned);
        tokio::task::spawn_blocking(move || {
            let mut command = crate::common::program(dir.path(), &[&args[0], &args[1], &address]);
            command.env("NIGHTSHIFT__HTTP__TLS__CERTIFICATE", dir.path().join("tls.pem"));
            command.env("NIGHTSHIFT__HTTP__TLS__KEY", dir.path().join("tls.key"));
            command.output().expect("the program starts")
        })
        .await
        .expect("ran")
    };
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_certificate_is_taken_without_dropping_anybody() {
    let dir = Arc::new(TempDir::new().expect("directory"));
    let first = certify(dir.path());
    let server = start(&dir, &[("HTTP__TLS__RELOAD_INTERVAL_S", "86400")]).await;
    let mut early = shake(&server, &first, b"http/1.1").await.expect("a handshake");
    ask(&mut early).await;

    // Half written: the old one stays, and the log says why.
    std::fs::write(dir.path().join("tls.pem"), "-----BEGIN CERTIFICATE-----\nMIIB").expect("written");
    hang_up(&server);
    server.until("it is refused", async || server.log().contains("the new certificate cannot be used")).await;
    assert!(shake(&server, &first, b"http/1.1").await.is_some());

    let second = certify(dir.path());
    hang_up(&server);
    server.until("it is in use", async || shake(&server, &second, b"http/1.1").await.is_some()).await;
    assert!(shake(&server, &first, b"http/1.1").await.is_none(), "the old one is gone");
    ask(&mut early).await;

    let (status, _) = server.stop().await;
    assert!(status.success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_is_taken_when_its_time_comes() {
    let dir = Arc::new(TempDir::new().expect("directory"));
    certify(dir.path());
    let server = start(&dir, &[("HTTP__TLS__RELOAD_INTERVAL_S", "1")]).await;
    let second = certify(dir.path());
    server.until("it is in use", async || shake(&server, &second, b"http/1.1").await.is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_shake_hands_is_cut() {
    let dir = Arc::new(TempDir::new().expect("directory"));
    let root = certify(dir.path());
    let server = start(&dir, &[("HTTP__HEADER_TIMEOUT_S", "1")]).await;
    let mut idle = Vec::new();
    for bytes in [
        &b""[..],
        b"\x16\x03\x01\x02\x00",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    ] {
        for _ in 0..100 {
            idle.push(connect(&server, bytes).await);
        }
    }
    let mut stream = shake(&server, &root, b"http/1.1").await.expect("a handshake beside them");
    ask(&mut stream).await;
    let silent = shake(&server, &root, b"http/1.1").await.expect("a handshake");
    for stream in idle {
        rest(stream).await;
    }
    // Who has shaken hands and then says nothing is cut as well.
    let mut silent = silent;
    let mut bytes = Vec::new();
    let _ = timeout(DEADLINE, silent.read_to_end(&mut bytes)).await.expect("closed in time");
}

#[test]
fn listening_beyond_this_machine_in_the_clear_warns() {
    let dir = TempDir::new().expect("directory");
    let mut command = crate::common::program(dir.path(), &["--listen", "0.0.0.0:0", "--data-dir", "data"]);
    let mut child = command.stderr(std::process::Stdio::piped()).spawn().expect("the program starts");
    let log = std::io::BufReader::new(child.stderr.take().expect("piped"));
    let warned = log.lines().map_while(Result::ok).any(|line| line.contains("in the clear"));
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(warned);
}

#[test]
fn a_certificate_that_cannot_be_used_stops_the_start() {
    let dir = TempDir::new().expect("directory");
    certify(dir.path());
    let key = std::fs::read(dir.path().join("tls.key")).expect("key");
    certify(dir.path());
    std::fs::write(dir.path().join("tls.key"), key).expect("written");
    std::fs::write(
        dir.path().join("plant.toml"),
        "[http]\nlisten = '127.0.0.1:0'\n[http.tls]\ncertificate = 'tls.pem'\nkey = 'tls.key'\n",
    )
    .expect("written");
    let output = run(dir.path(), &["serve", "--config", "plant.toml", "--data-dir", "data"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("http.tls: the certificate and the key cannot be used together"), "{said}");
}
