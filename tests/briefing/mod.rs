//! Briefings as the mobile clients of today have them, over real HTTP and real sockets, with misbehaving neighbours.

mod clients;
mod daily;
mod doors;
mod llm;
mod restart;
mod stub;

use futures::StreamExt;
use nightshift_store::{Db, DbOptions};
use reqwest::Client;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::common::{Answer, DEADLINE, Server, client_with, read};

/// A closed network, as today's clients need it.
const OPEN: [(&str, &str); 1] = [("BRIEFING__OPEN_LOGIN", "true")];

/// A form, sent without a token.
async fn form(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    form_by(&client_with(""), server, path, fields).await
}

async fn form_by(client: &Client, server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    read(client.post(server.url(path)).form(fields).send().await.expect(path)).await
}

/// A listening client.
struct Ear(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// What a client hears.
#[derive(Debug, PartialEq)]
enum Heard {
    Text(String),
    Closed(u16),
}

impl Ear {
    async fn open(server: &Server, path: &str) -> Self {
        Self::try_open(server, path).await.expect(path)
    }

    /// The status with which a socket is refused.
    async fn refused(server: &Server, path: &str) -> u16 {
        Self::try_open(server, path).await.err().unwrap_or_else(|| panic!("{path} opened"))
    }

    async fn try_open(server: &Server, path: &str) -> Result<Self, u16> {
        let request = format!("ws://{}{path}", server.address).into_client_request().expect("a request");
        match timeout(DEADLINE, connect_async(request)).await.expect("in time") {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    async fn hear(&mut self) -> Heard {
        loop {
            match timeout(DEADLINE, self.0.next()).await.expect("in time") {
                Some(Ok(Message::Text(text))) => return Heard::Text(text.to_string()),
                Some(Ok(Message::Close(frame))) => return Heard::Closed(frame.map_or(0, |f| f.code.into())),
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    async fn text(&mut self) -> String {
        match self.hear().await {
            Heard::Text(text) => text,
            Heard::Closed(code) => panic!("closed with {code}"),
        }
    }

    /// The first text that says so.
    async fn text_with(&mut self, what: &str) -> String {
        for _ in 0..60 {
            let text = self.text().await;
            if text.contains(what) {
                return text;
            }
        }
        panic!("never heard: {what}")
    }

    async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    }

    /// Everything until the end: the texts, the last frame and the code.
    async fn rest(mut self) -> (Vec<String>, Value, u16) {
        let mut texts = Vec::new();
        loop {
            match self.hear().await {
                Heard::Text(text) => texts.push(text),
                Heard::Closed(code) => {
                    let last = texts.pop().unwrap_or_default();
                    return (texts, serde_json::from_str(&last).unwrap_or(Value::Null), code);
                }
            }
        }
    }
}

/// An hour from now that is well ahead, as clients write it.
pub(crate) fn ahead() -> String {
    let hours = (crate::common::now_ms() / 3_600_000 + 9 + 6) % 24;
    format!("{}:30%20{}", (hours + 11) % 12 + 1, if hours < 12 { "AM" } else { "PM" })
}

/// The database of a server that stands still.
async fn database(dir: &std::path::Path) -> Db {
    let path = dir.join("data/nightshift.db");
    Db::connect(&DbOptions::new(format!("sqlite:{}", path.display()))).await.expect("the database")
}
