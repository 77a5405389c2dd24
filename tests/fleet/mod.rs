//! Vehicles and dashboards over real sockets.

mod chase;
mod fronts;
mod life;
mod maps;
mod overload;
mod roadblock;
mod simulate;
mod stamped;
mod wire;

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use nightshift_domain::fleet::wire::{
    FrameKey, FromVehicle, PacketV1, Secret, ToFront, ToVehicle, WireName, decode, encode,
};
use nightshift_domain::fleet::{Kind, VehicleId};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::common::{DEADLINE, Server};

/// The key of the test vectors.
pub(crate) const SECRET: &str = "testkey";

/// A server whose fleet runs.
pub(crate) async fn fleet(settings: &[(&str, &str)]) -> Server {
    let all: Vec<(&str, &str)> = [("FLEET__SECRET", SECRET)].iter().chain(settings).copied().collect();
    Server::start_with(&all).await
}

pub(crate) fn secret() -> Secret {
    Secret::new(SECRET).expect("not empty")
}

pub(crate) fn key() -> FrameKey {
    secret().shared()
}

/// A socket to the server.
pub(crate) struct Wire(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Wire {
    /// Opens a socket without a token.
    pub(crate) async fn open(server: &Server, path: &str) -> Self {
        Self::try_open(server, path, "").await.unwrap_or_else(|status| panic!("{path}: {status}"))
    }

    /// Opens a dashboard's socket as `admin`.
    pub(crate) async fn front(server: &Server, path: &str) -> Self {
        let opened = Self::try_open(server, path, &server.token).await;
        opened.unwrap_or_else(|status| panic!("{path}: {status}"))
    }

    /// Opens a socket; the HTTP status when it is refused.
    pub(crate) async fn try_open(server: &Server, path: &str, token: &str) -> Result<Self, u16> {
        let mut request = format!("ws://{}{path}", server.address).into_client_request().expect("a request");
        if !token.is_empty() {
            let bearer = format!("Bearer {token}").parse().expect("a header");
            request.headers_mut().insert("authorization", bearer);
        }
        match connect_async(request).await {
            Ok((stream, _)) => Ok(Self(stream)),
            Err(tokio_tungstenite::tungstenite::Error::Http(answer)) => Err(answer.status().as_u16()),
            Err(error) => panic!("{path}: {error}"),
        }
    }

    pub(crate) async fn send(&mut self, frame: impl Into<Vec<u8>>) {
        self.0.send(Message::Binary(frame.into().into())).await.expect("sent");
    }

    pub(crate) async fn text(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.expect("sent");
    }

    pub(crate) async fn say(&mut self, packet: &FromVehicle) {
        self.send(encode(packet, &key())).await;
    }

    /// Says much in one go.
    pub(crate) async fn say_all(&mut self, packets: impl IntoIterator<Item = FromVehicle>) {
        for packet in packets {
            self.0.feed(Message::Binary(encode(&packet, &key()).into())).await.expect("sent");
        }
        self.0.flush().await.expect("sent");
    }

    /// The next message that is no ping; nothing at the end, whose close code is given.
    pub(crate) async fn next(&mut self) -> Result<Message, Option<u16>> {
        // Pings do not put the end of patience off.
        let message = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(frame))) => return Err(frame.map(|f| f.code.into())),
                    Some(Ok(message)) => return Ok(message),
                    Some(Err(_)) | None => return Err(None),
                }
            }
        };
        timeout(DEADLINE, message).await.expect("a message in time")
    }

    /// The next binary message.
    pub(crate) async fn frame(&mut self) -> Vec<u8> {
        loop {
            match self.next().await.expect("still open") {
                Message::Binary(bytes) => return bytes.to_vec(),
                Message::Text(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// The next text message of a type, as JSON.
    pub(crate) async fn json(&mut self, kind: &str) -> serde_json::Value {
        loop {
            if let Message::Text(text) = self.next().await.expect("still open") {
                let json: serde_json::Value = serde_json::from_str(text.as_str()).expect("json");
                if json["type"] == kind {
                    return json;
                }
            }
        }
    }

    /// The next frame to vehicles, by its tag.
    pub(crate) async fn heard(&mut self) -> ToVehicle {
        decode(&self.frame().await, &key()).expect("signed")
    }

    /// The next frame to dashboards, by its tag.
    pub(crate) async fn shown(&mut self) -> ToFront {
        decode(&self.frame().await, &key()).expect("signed")
    }

    /// Reads until a frame comes that is wanted.
    pub(crate) async fn until<P: PacketV1>(&mut self, wanted: impl Fn(&P) -> bool) -> P {
        loop {
            let packet: P = decode(&self.frame().await, &key()).expect("signed");
            if wanted(&packet) {
                return packet;
            }
        }
    }

    pub(crate) async fn close(mut self) {
        let _ = self.0.close(None).await;
        let rest = async { while let Some(Ok(_)) = self.0.next().await {} };
        timeout(DEADLINE, rest).await.expect("closed in time");
    }
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
}

pub(crate) fn name(text: &str) -> WireName {
    WireName::cut(text).expect("a name")
}

pub(crate) fn register(id: u32, kind: Kind, text: &str) -> FromVehicle {
    FromVehicle::Register { vehicle: VehicleId(id), kind, name: name(text) }
}

pub(crate) fn position(id: u32, x: f32, y: f32) -> FromVehicle {
    FromVehicle::Position { vehicle: VehicleId(id), x, y }
}

/// Waits until the server knows a vehicle, and gives the plant's number of it.
pub(crate) async fn number(server: &Server, vehicle_id: u32) -> u32 {
    let wait = async {
        loop {
            let list = server.get("/vehicles").await.json();
            let vehicles = list["vehicles"].as_array().expect("vehicles").clone();
            if let Some(known) = vehicles.iter().find(|v| v["vehicle_id"] == vehicle_id) {
                return u32::try_from(known["id"].as_u64().expect("id")).expect("small");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, wait).await.expect("registered in time")
}

/// Registers a vehicle over a connection of its own, as short as any.
pub(crate) async fn registered(server: &Server, id: u32, kind: Kind, text: &str) -> u32 {
    let mut wire = Wire::open(server, "/ws/vehicles").await;
    wire.say(&register(id, kind, text)).await;
    let number = number(server, id).await;
    wire.close().await;
    number
}

/// A counter with one label.
pub(crate) async fn counted(server: &Server, name: &str, label: &str) -> f64 {
    server.metric(&format!("{name}{{{label}}}")).await
}
