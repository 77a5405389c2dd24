//! Neighbours of the plant that do what neighbours do: answer late, wrongly, half, or not at all.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// Longest request that is read, bytes.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// A request that an HTTP neighbour got.
#[derive(Debug, Clone)]
pub(super) struct Got {
    pub(super) head: String,
    pub(super) body: String,
}

impl Got {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What an HTTP neighbour answers.
pub(super) enum Say {
    /// A status and a body.
    Answer(u16, String),
    /// Half an answer, and the connection ends.
    Cut,
    /// Nothing, for ever.
    Silence,
}

/// An HTTP neighbour on loopback.
pub(super) struct Neighbour {
    pub(super) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Neighbour {
    /// Answers the `n`th request, from 0, with what `say` says.
    pub(super) async fn new(say: impl Fn(usize, &Got) -> Say + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let got: Arc<Mutex<Vec<Got>>> = Arc::default();
        let (kept, say) = (Arc::clone(&got), Arc::new(say));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&kept), Arc::clone(&say)));
            }
        });
        Self { address, got }
    }

    pub(super) fn got(&self) -> Vec<Got> {
        self.got.lock().expect("requests").clone()
    }
}

async fn serve(stream: TcpStream, kept: Arc<Mutex<Vec<Got>>>, say: Arc<impl Fn(usize, &Got) -> Say>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        match stream.read_line(&mut head).await {
            Ok(n) if n > 0 && head.len() < REQUEST_BYTES_MAX => {}
            _ => return,
        }
    }
    let mut got = Got { head, body: String::new() };
    let length: usize = got.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length.min(REQUEST_BYTES_MAX)];
    if stream.read_exact(&mut body).await.is_err() {
        return;
    }
    got.body = String::from_utf8(body).expect("text");
    let n = {
        let mut kept = kept.lock().expect("requests");
        kept.push(got.clone());
        kept.len() - 1
    };
    let answer = match say(n, &got) {
        Say::Answer(status, body) => format!(
            "HTTP/1.1 {status} said\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
            body.len()
        ),
        Say::Cut => "HTTP/1.1 200 said\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n{\"choices\":[{\"mess".to_owned(),
        Say::Silence => return std::future::pending().await,
    };
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// A completion as an OpenAI-compatible endpoint gives it.
pub(super) fn completion(text: &str) -> Say {
    Say::Answer(
        200,
        json!({ "choices": [{ "message": { "role": "assistant", "content": text } }] }).to_string(),
    )
}

/// The note that a model was asked to reword.
pub(super) fn note(got: &Got) -> String {
    let body: Value = serde_json::from_str(&got.body).expect("json");
    let user = body["messages"][1]["content"].as_str().expect("a prompt");
    user.split_once("The note:\n").expect("a note").1.to_owned()
}

/// A mail server on loopback that takes mail after having refused the first.
pub(super) struct Post {
    pub(super) address: SocketAddr,
    mail: Arc<Mutex<Vec<String>>>,
}

impl Post {
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let mail: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&mail);
        tokio::spawn(async move {
            let mut refuses = true;
            while let Ok((stream, _)) = listener.accept().await {
                if let Some(mail) = take_mail(stream, refuses).await {
                    kept.lock().expect("mail").push(mail);
                }
                refuses = false;
            }
        });
        Self { address, mail }
    }

    pub(super) fn mail(&self) -> Vec<String> {
        self.mail.lock().expect("mail").clone()
    }
}

/// Speaks as much SMTP as a sender needs. Gives what was sent, envelope and all.
async fn take_mail(stream: TcpStream, refuses: bool) -> Option<String> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 stub\r\n").await.ok()?;
    let (mut taken, mut in_data) = (String::new(), false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 || taken.len() > REQUEST_BYTES_MAX {
            return None;
        }
        let word = line.trim_end().to_ascii_uppercase();
        let answer = match word.as_str() {
            "." if in_data => {
                in_data = false;
                "250 taken"
            }
            _ if in_data => {
                taken.push_str(&line);
                continue;
            }
            "DATA" => {
                in_data = true;
                "354 go on"
            }
            "QUIT" => {
                let _ = stream.write_all(b"221 bye\r\n").await;
                return (!taken.is_empty()).then_some(taken);
            }
            word if word.starts_with("MAIL") && refuses => "451 not now",
            word if word.starts_with("MAIL") || word.starts_with("RCPT") => {
                taken.push_str(&line);
                "250 well"
            }
            _ => "250 well",
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
        if !in_data && answer == "250 taken" {
            // Some senders keep the connection; what was sent is sent.
            return Some(taken);
        }
    }
}
