//! HTTP/1.1 over one connection that stays open, as little as is needed, so that the server is what is measured.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest answer that is understood, bytes.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// A connection.
pub(crate) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> std::io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4_096) })
    }

    /// Sends a request and reads its answer; gives the status.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> std::io::Result<u16> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let mut whole = None;
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 || self.answer.len() > ANSWER_BYTES_MAX {
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            if whole.is_none() {
                whole = head(&self.answer)?;
            }
            if let Some((status, length)) = whole.filter(|(_, length)| self.answer.len() >= *length) {
                debug_assert_eq!(self.answer.len(), length);
                return Ok(status);
            }
        }
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        let end = self.answer.windows(4).position(|w| w == b"\r\n\r\n").map_or(0, |at| at + 4);
        &self.answer[end..]
    }
}

/// Status of an answer and its length with its body; `None` until its headers are there.
fn head(bytes: &[u8]) -> std::io::Result<Option<(u16, usize)>> {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else { return Ok(None) };
    let invalid = |_| std::io::Error::from(std::io::ErrorKind::InvalidData);
    let text = std::str::from_utf8(&bytes[..end]).map_err(|_| std::io::ErrorKind::InvalidData)?;
    let status = text.get(9..12).unwrap_or_default().parse().map_err(invalid)?;
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .unwrap_or_default()
        .parse::<usize>()
        .map_err(invalid)?;
    Ok(Some((status, end + 4 + length)))
}

/// A GET.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: nightshift\r\n\r\n").into_bytes()
}

/// A GET by the bearer of `token`.
pub(crate) fn get_as(path: &str, token: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: nightshift\r\nauthorization: Bearer {token}\r\n\r\n").into_bytes()
}

/// A POST of JSON, by the bearer of `token`.
pub(crate) fn post(path: &str, token: &str, json: &str) -> Vec<u8> {
    let length = json.len();
    format!(
        "POST {path} HTTP/1.1\r\nhost: nightshift\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: {length}\r\n\r\n{json}"
    )
    .into_bytes()
}
