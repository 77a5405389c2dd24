//! The protocol that Redis speaks (RESP2), as far as a handful of commands needs it, over one connection that all share.
//!
//! A [`Link`] is a handle to the task that owns the connection. Commands are written as they come, and answered in their order. What
//! goes wrong ends the connection: every caller that waits is told so, and the link says nothing any more.

use std::time::Duration;

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, BufWriter,
};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

/// Commands that may wait for the connection, and as many for their answers.
const WAITING_MAX: usize = 1_024;
/// Longest line of an answer, bytes.
const LINE_BYTES_MAX: u64 = 64 * 1_024;
/// Largest text of an answer, bytes.
const BULK_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// Most parts of an answer.
const PARTS_MAX: usize = 1_024;
const DEFAULT_PORT: u16 = 6_379;

/// Why a command has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RespError {
    /// The connection could not be made, or broke.
    #[error("the connection: {0}")]
    Io(#[from] std::io::Error),
    /// TLS cannot be spoken.
    #[error("TLS: {0}")]
    Tls(String),
    /// What came is no answer.
    #[error("it does not speak as Redis does")]
    Protocol,
    /// Redis refuses.
    #[error("it refuses: {0}")]
    Refused(String),
    /// The connection is gone.
    #[error("the connection was cut")]
    Cut,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// There is none.
    Nil,
    /// A number.
    Int(i64),
    /// A word or bytes.
    Bytes(Vec<u8>),
    /// Several.
    Array(Vec<Value>),
    /// A refusal.
    Error(String),
}

impl Value {
    /// A number, also one that is written as text; nothing for what is none.
    pub(super) fn as_u64(&self) -> Option<u64> {
        match self {
            Self::Int(number) => u64::try_from(*number).ok(),
            Self::Bytes(text) => std::str::from_utf8(text).ok()?.parse().ok(),
            _ => None,
        }
    }
}

/// Where a Redis is, and how to get in.
pub(super) struct Place {
    host: String,
    port: u16,
    tls: bool,
    user: Option<String>,
    password: Option<SecretString>,
    database: u32,
}

impl Place {
    /// Reads `redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://…` for TLS.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub(super) fn parse(url: &SecretString) -> Result<Self, String> {
        let url = Url::parse(url.expose_secret()).map_err(|error| error.to_string())?;
        let tls = match url.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err("must begin with redis:// or rediss://".to_owned()),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or("names no host")?;
        let database = match url.path().trim_matches('/') {
            "" => 0,
            number => number.parse().map_err(|_| "its path must be the number of a database")?,
        };
        let word =
            |text: &str| decoded(text).ok_or("its user or password cannot be read: encode them with %");
        let user = (!url.username().is_empty()).then(|| word(url.username())).transpose()?;
        let password = url.password().map(word).transpose()?.map(SecretString::from);
        if user.is_some() && password.is_none() {
            return Err("names a user without a password".to_owned());
        }
        let host = host.trim_matches(['[', ']']).to_owned();
        Ok(Self { host, port: url.port().unwrap_or(DEFAULT_PORT), tls, user, password, database })
    }

    /// Host and port, for people.
    pub(super) fn shown(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// A connection that is let in.
    pub(super) async fn connect(&self) -> Result<Link, RespError> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        let link = if self.tls { Link::over(self.shake_hands(stream).await?) } else { Link::over(stream) };
        if let Some(password) = &self.password {
            let words = self.user.iter().map(String::as_bytes).chain([password.expose_secret().as_bytes()]);
            let auth: Vec<&[u8]> = std::iter::once(b"AUTH".as_slice()).chain(words).collect();
            link.ask(&auth).await?;
        }
        if self.database != 0 {
            link.ask(&[b"SELECT", self.database.to_string().as_bytes()]).await?;
        }
        Ok(link)
    }

    async fn shake_hands(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, RespError> {
        use rustls_platform_verifier::ConfigVerifierExt;
        let config = rustls::ClientConfig::with_platform_verifier()
            .map_err(|error| RespError::Tls(error.to_string()))?;
        let name = rustls::pki_types::ServerName::try_from(self.host.clone())
            .map_err(|error| RespError::Tls(error.to_string()))?;
        let connector = tokio_rustls::TlsConnector::from(std::sync::Arc::new(config));
        connector.connect(name, stream).await.map_err(|error| RespError::Tls(error.to_string()))
    }
}

/// Text whose `%` escapes are read; nothing when they are none, or no text.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

/// A command that waits, and where its answer goes.
struct Call {
    command: Vec<u8>,
    answer: oneshot::Sender<Value>,
}

/// A handle to a connection. Cheap to clone; the connection is closed with the last one.
#[derive(Debug, Clone)]
pub(super) struct Link(mpsc::Sender<Call>);

impl Link {
    fn over(stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        let (calls, waiting) = mpsc::channel(WAITING_MAX);
        tokio::spawn(async move {
            let (read, write) = tokio::io::split(stream);
            let (sent, answered) = mpsc::channel(WAITING_MAX);
            // Whichever ends first ends the other: a connection of which one half is broken is broken.
            tokio::select! {
                () = write_all(BufWriter::new(write), waiting, sent) => {}
                () = read_all(BufReader::new(read), answered) => {}
            }
        });
        Self(calls)
    }

    /// The answer to a command.
    ///
    /// # Errors
    /// `Refused` with Redis's own words; `Cut` when the connection ended.
    pub(super) async fn ask(&self, words: &[&[u8]]) -> Result<Value, RespError> {
        let (answer, answered) = oneshot::channel();
        let call = Call { command: encoded(words), answer };
        self.0.send(call).await.map_err(|_| RespError::Cut)?;
        match answered.await {
            Ok(Value::Error(text)) => Err(RespError::Refused(text)),
            Ok(value) => Ok(value),
            Err(_) => Err(RespError::Cut),
        }
    }
}

fn encoded(words: &[&[u8]]) -> Vec<u8> {
    let mut command = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        command.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        command.extend_from_slice(word);
        command.extend_from_slice(b"\r\n");
    }
    command
}

/// Writes commands until nobody has any more, or the connection breaks.
async fn write_all(
    mut write: BufWriter<impl AsyncWrite + Unpin>,
    mut waiting: mpsc::Receiver<Call>,
    sent: mpsc::Sender<oneshot::Sender<Value>>,
) {
    while let Some(call) = waiting.recv().await {
        let mut next = Some(call);
        // What waits already goes out together.
        while let Some(Call { command, answer }) = next {
            if sent.send(answer).await.is_err() || write.write_all(&command).await.is_err() {
                return;
            }
            next = waiting.try_recv().ok();
        }
        if write.flush().await.is_err() {
            return;
        }
    }
}

/// Gives each answer to whoever asked, in their order, until the connection ends.
async fn read_all(
    mut read: BufReader<impl AsyncRead + Unpin>,
    mut answered: mpsc::Receiver<oneshot::Sender<Value>>,
) {
    while let Some(asker) = answered.recv().await {
        match value(&mut read).await {
            // Whoever has given up does not hear it.
            Ok(value) => drop(asker.send(value)),
            Err(_) => return,
        }
    }
}

/// Reads one answer. No command that is asked here has answers within the parts of its answer.
async fn value(read: &mut (impl AsyncBufRead + Unpin)) -> Result<Value, RespError> {
    let head = line(read).await?;
    let Some(count) = head.strip_prefix(b"*") else { return scalar(read, &head).await };
    let Some(count) = length(count, PARTS_MAX)? else { return Ok(Value::Nil) };
    let mut parts = Vec::new();
    for _ in 0..count {
        let head = line(read).await?;
        parts.push(scalar(read, &head).await?);
    }
    Ok(Value::Array(parts))
}

/// Reads an answer that is no array and begins with `head`.
async fn scalar(read: &mut (impl AsyncBufRead + Unpin), head: &[u8]) -> Result<Value, RespError> {
    let (kind, rest) = head.split_first().ok_or(RespError::Protocol)?;
    match *kind {
        b'+' => Ok(Value::Bytes(rest.to_vec())),
        b'-' => Ok(Value::Error(String::from_utf8_lossy(rest).into_owned())),
        b':' => number(rest).map(Value::Int),
        b'$' => {
            let Some(size) = length(rest, BULK_BYTES_MAX)? else { return Ok(Value::Nil) };
            let mut bytes = vec![0; size + 2];
            read.read_exact(&mut bytes).await?;
            if !bytes.ends_with(b"\r\n") {
                return Err(RespError::Protocol);
            }
            bytes.truncate(size);
            Ok(Value::Bytes(bytes))
        }
        _ => Err(RespError::Protocol),
    }
}

async fn line(read: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>, RespError> {
    let mut text = Vec::new();
    read.take(LINE_BYTES_MAX).read_until(b'\n', &mut text).await?;
    text.strip_suffix(b"\r\n").map(<[u8]>::to_vec).ok_or(RespError::Protocol)
}

fn number(text: &[u8]) -> Result<i64, RespError> {
    let text = std::str::from_utf8(text).map_err(|_| RespError::Protocol)?;
    text.parse().map_err(|_| RespError::Protocol)
}

/// A length within its limit; nothing for -1, which says that there is no value.
fn length(text: &[u8], max: usize) -> Result<Option<usize>, RespError> {
    match number(text)? {
        -1 => Ok(None),
        length => usize::try_from(length).ok().filter(|l| *l <= max).map(Some).ok_or(RespError::Protocol),
    }
}

/// `duration` as Redis is told it: at least a millisecond.
pub(super) fn millis(duration: Duration) -> String {
    duration.as_millis().max(1).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(text: &[u8]) -> Result<Value, RespError> {
        value(&mut BufReader::new(text)).await
    }

    #[tokio::test]
    async fn answers_of_every_kind_are_read() {
        let bytes = |text: &str| Value::Bytes(text.as_bytes().to_vec());
        for (text, expected) in [
            ("+OK\r\n", bytes("OK")),
            (":-7\r\n", Value::Int(-7)),
            ("$4\r\na\r\nb\r\n", bytes("a\r\nb")),
            ("$0\r\n\r\n", bytes("")),
            ("$-1\r\n", Value::Nil),
            ("*-1\r\n", Value::Nil),
            ("-ERR no\r\n", Value::Error("ERR no".to_owned())),
            ("*2\r\n$-1\r\n:1\r\n", Value::Array(vec![Value::Nil, Value::Int(1)])),
        ] {
            assert_eq!(read(text.as_bytes()).await.expect(text), expected);
        }
        assert_eq!((Value::Int(-1).as_u64(), bytes("18446744073709551615").as_u64()), (None, Some(u64::MAX)));
    }

    #[tokio::test]
    async fn what_is_no_answer_or_too_large_is_refused() {
        let long = format!("+{}\r\n", "x".repeat(LINE_BYTES_MAX as usize));
        for text in [
            "",
            "OK\r\n",
            "+OK",
            "+OK\n",
            ":x\r\n",
            "$-2\r\n",
            "$5\r\nab\r\n",
            "$1\r\nabc",
            "$99999999999\r\n",
            "*1025\r\n",
            "*1\r\n",
            "HTTP/1.1 400 Bad Request\r\n",
            "*1\r\n*1\r\n:1\r\n",
            &long,
        ] {
            assert!(read(text.as_bytes()).await.is_err(), "{text:.40}");
        }
    }

    #[tokio::test]
    async fn commands_that_wait_are_answered_in_their_order() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        let link = Link::over(ours);
        // Fewer than a task of the runtime may do in one turn: in the next nothing says who comes first.
        let asked = futures::future::join_all((0..100).map(|n| {
            let link = link.clone();
            async move { link.ask(&[b"ECHO", n.to_string().as_bytes()]).await.ok() }
        }));
        let told = async {
            let mut read = Vec::new();
            for n in 0..100 {
                let expected = encoded(&[b"ECHO", n.to_string().as_bytes()]);
                read.resize(expected.len(), 0);
                theirs.read_exact(&mut read).await.expect("a command");
                assert_eq!(read, expected);
                theirs.write_all(format!(":{n}\r\n").as_bytes()).await.expect("an answer");
            }
        };
        let (answers, ()) = tokio::join!(asked, told);
        assert!(answers.iter().enumerate().all(|(n, answer)| *answer == Some(Value::Int(n as i64))));
        drop(theirs);
        assert!(matches!(link.ask(&[b"PING"]).await, Err(RespError::Cut)));
    }

    #[test]
    fn a_place_is_read_from_its_url() {
        let place = |url: &str| Place::parse(&url.into());
        let all = place("rediss://plant:p%40ss%2Fw@cache.plant:7000/3").expect("all");
        assert_eq!((all.shown().as_str(), all.tls, all.database), ("cache.plant:7000", true, 3));
        assert_eq!(all.user.as_deref(), Some("plant"));
        assert_eq!(all.password.expect("given").expose_secret(), "p@ss/w");
        let least = place("redis://[::1]").expect("least");
        assert_eq!((least.shown().as_str(), least.tls, least.database), ("::1:6379", false, 0));
        assert!(least.user.is_none() && least.password.is_none());
        assert!(place("redis://:secret@h").is_ok_and(|p| p.user.is_none() && p.password.is_some()));
        for bad in ["http://h", "redis://", "redis://h/x", "redis://u@h", "redis://:%zz@h", "h:6379", ""] {
            let refused = place(bad).err().expect(bad);
            assert!(!refused.is_empty() && !refused.contains("secret"), "{bad}: {refused}");
        }
    }
}
