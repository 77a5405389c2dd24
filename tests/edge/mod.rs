//! The outer wall: TLS, addresses, rates, origins, bodies, keys of repeated commands, and what attackers send.

mod attacks;
mod bodies;
mod health;
mod idempotency;
mod origins;
mod rates;
mod secrets;
mod tls;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::{DEADLINE, Server};

/// A connection on which `bytes` were sent.
async fn connect(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("connection");
    stream.write_all(bytes).await.expect("sent");
    stream
}

/// Everything that still comes until the server closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut text = Vec::new();
    let _ = timeout(DEADLINE, stream.read_to_end(&mut text)).await.expect("closed in time");
    String::from_utf8_lossy(&text).into_owned()
}

/// What the server says to `bytes` until it closes; the sending side is closed too.
async fn exchange(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect(server, bytes).await;
    let _ = stream.shutdown().await;
    rest(stream).await
}

/// A POST to `path` as `admin` whose body of `declared` bytes begins with `begun`.
fn begun_post(server: &Server, path: &str, declared: usize, begun: &str) -> Vec<u8> {
    let token = &server.token;
    format!(
        "POST {path} HTTP/1.1\r\nhost: plant\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {declared}\r\n\r\n{begun}"
    )
    .into_bytes()
}
