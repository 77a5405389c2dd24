//! VR diagnoses: headsets over real sockets, doctors over real HTTP.

mod bucket;
mod erd;
mod faults;
mod flow;
mod handover;
mod privacy;
mod refusals;
mod restart;
mod simulate;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use nightshift_domain::diagnosis::{DiagnosisId, FromHeadset, Kind, Sample};
use reqwest::{Client, Method};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::common::{Answer, DEADLINE, Server, client_with, read};
use crate::identity::{token, user};

/// Pause between two looks at a condition.
const POLL: Duration = Duration::from_millis(20);

/// A doctor who is signed in.
pub(crate) struct Doctor {
    pub(crate) client: Client,
}

impl Doctor {
    pub(crate) async fn new(server: &Server, name: &str) -> Self {
        user(server, name, "DOCTOR").await;
        Self { client: client_with(&token(server, name).await) }
    }

    pub(crate) async fn ask(
        &self,
        server: &Server,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Answer {
        let mut request = self.client.request(method, server.url(path));
        if let Some(body) = body {
            request = request.json(&body);
        }
        read(request.send().await.expect(path)).await
    }

    pub(crate) async fn get(&self, server: &Server, path: &str) -> Answer {
        self.ask(server, Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, server: &Server, path: &str, body: Value) -> Answer {
        self.ask(server, Method::POST, path, Some(body)).await
    }

    /// Makes a patient: its number and its code.
    pub(crate) async fn patient(&self, server: &Server, name: &str) -> (i64, String) {
        let made = self.post(server, "/patients", json!({ "name": name })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let made = made.json();
        (made["id"].as_i64().expect("id"), made["code"].as_str().expect("code").to_owned())
    }

    /// Starts a session of a patient whose headset has connected: the headset knows that a moment before the server does.
    pub(crate) async fn start(&self, server: &Server, patient: i64, kind: Kind) -> i64 {
        let body = json!({ "patient_id": patient, "type": kind, "level": 2 });
        let starting = async {
            loop {
                let made = self.post(server, "/diagnosis/start", body.clone()).await;
                if made.status != 400 || made.code() != "HEADSET_NOT_CONNECTED" {
                    return made;
                }
                sleep(POLL).await;
            }
        };
        let made = timeout(DEADLINE, starting).await.expect("started in time");
        assert_eq!(made.status, 201, "{}", made.text);
        made.json()["id"].as_i64().expect("id")
    }

    /// The state that a session is in, and why.
    pub(crate) async fn state(&self, server: &Server, id: i64) -> (String, String) {
        let found = self.get(server, &format!("/diagnosis/{id}")).await;
        assert_eq!(found.status, 200, "{}", found.text);
        let found = found.json();
        let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
        (text("state"), text("reason"))
    }

    /// Waits until a session is in a state; why, if there is a reason.
    pub(crate) async fn until(&self, server: &Server, id: i64, state: &str) -> String {
        let is = async || self.state(server, id).await.0 == state;
        server.until(&format!("diagnosis {id} is {state}"), is).await;
        self.state(server, id).await.1
    }

    pub(crate) async fn follow(&self, server: &Server, id: i64, last: Option<i64>) -> States {
        let mut request = self.client.get(server.url(&format!("/api/diagnosis/{id}/status")));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let answer = request.send().await.expect("stream");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["x-accel-buffering"], "no");
        let body = answer.bytes_stream().map(|chunk| chunk.map(|b| b.to_vec()).unwrap_or_default()).boxed();
        States { body, text: String::new(), seen: 0 }
    }
}

/// A stream of states, read one by one.
pub(crate) struct States {
    body: futures::stream::BoxStream<'static, Vec<u8>>,
    text: String,
    /// Id of the last event.
    pub(crate) seen: i64,
}

impl States {
    /// The next event; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        timeout(DEADLINE, async {
            loop {
                while let Some(end) = self.text.find("\n\n") {
                    let block: String = self.text.drain(..end + 2).collect();
                    assert!(!block.contains("event:"), "unnamed: {block}");
                    let field = |name: &str| block.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
                    if let Some(data) = field("data:") {
                        self.seen = field("id:").expect("an id").parse().expect("a number");
                        return Some(serde_json::from_str(data).expect("json"));
                    }
                }
                let more = self.body.next().await?;
                if more.is_empty() {
                    return None;
                }
                self.text.push_str(&String::from_utf8(more).expect("utf-8"));
            }
        })
        .await
        .expect("an event in time")
    }

    /// The next state that differs from `known`, with its event.
    pub(crate) async fn after(&mut self, known: &str) -> Value {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event["state"] != known {
                return event;
            }
        }
    }
}

type Wire = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A headset.
pub(crate) struct Headset {
    pub(crate) wire: Wire,
}

impl Headset {
    pub(crate) async fn connect(server: &Server, code: &str) -> Self {
        Self::at(server, &format!("/ws/diagnosis/{code}"), &[]).await.expect("a handshake")
    }

    pub(crate) async fn at(
        server: &Server,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let mut request = format!("ws://{}{path}", server.address).into_client_request().expect("url");
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().expect("header"));
        }
        let (wire, _) = timeout(DEADLINE, connect_async(request)).await.expect("in time")?;
        Ok(Self { wire })
    }

    /// The next order.
    pub(crate) async fn order(&mut self) -> Value {
        timeout(DEADLINE, async {
            loop {
                match self.wire.next().await.expect("an order, not an end").expect("a frame") {
                    Message::Text(text) => return serde_json::from_str(&text).expect("json"),
                    Message::Close(frame) => panic!("closed: {frame:?}"),
                    _ => {}
                }
            }
        })
        .await
        .expect("an order in time")
    }

    /// Expects the order to begin a session.
    pub(crate) async fn begins(&mut self, id: i64) {
        let order = self.order().await;
        assert_eq!(
            (&order["action"], &order["data"]["diagnosis_id"]),
            (&json!("s_start_diagnosis"), &json!(id))
        );
    }

    pub(crate) async fn say(&mut self, said: FromHeadset<'_>) {
        self.send(said.frame()).await;
    }

    pub(crate) async fn send(&mut self, text: String) {
        timeout(DEADLINE, self.wire.send(Message::text(text))).await.expect("in time").expect("sent");
    }

    pub(crate) async fn started(&mut self, id: i64) {
        self.say(FromHeadset::Started(DiagnosisId(id))).await;
    }

    pub(crate) async fn upload(&mut self, id: i64, text: &str) {
        self.say(FromHeadset::Upload(DiagnosisId(id), text.into())).await;
    }

    /// Reads on until the server closes; with which code.
    pub(crate) async fn closed(&mut self) -> Option<u16> {
        timeout(DEADLINE, async {
            loop {
                match self.wire.next().await {
                    Some(Ok(Message::Close(frame))) => return frame.map(|f| f.code.into()),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return None,
                }
            }
        })
        .await
        .expect("an end in time")
    }
}

/// The known file of a kind.
pub(crate) fn known(kind: Kind) -> String {
    Sample::known(kind).text()
}
