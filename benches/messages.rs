//! Positions of a thousand vehicles to twenty dashboards over Nightshift, NATS and Mosquitto, in alternating rounds: processor time of
//! the server, and the time until a dashboard has a position.
//!
//! `benches/peers/messages/run.sh` starts the brokers and this. A broker hands on each position as a message of its own and looks into none.
//! Nightshift checks each position's tag, knows the vehicle, keeps where it is, and tells a dashboard all that moved in 20 ms at once.

mod support;

use std::net::SocketAddr;
use std::ops::Range;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::{Buf, BytesMut};
use nightshift_domain::fleet::wire::{FrameKey, FromVehicle, decode};
use support::figures::{Figure, Target, hold, say, show};
use support::positions::{Carrier, FRONTS, Front, HZ, Plant, Played, VEHICLES, Vehicle, key, play};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Rounds that count; one more goes before them.
const ROUNDS: usize = 3;
const SECONDS: u32 = 10;

/// A broker that is asked in its own protocol, as few bytes of it as this takes.
#[derive(Clone, Copy)]
enum Protocol {
    Nats,
    /// MQTT 3.1.1, at most once (`QoS` 0).
    Mqtt,
}

#[derive(Clone)]
struct Broker {
    name: &'static str,
    protocol: Protocol,
    address: SocketAddr,
    process: u32,
}

impl Broker {
    /// The one that `variable` names as `ADDRESS PROCESS`.
    fn named(name: &'static str, protocol: Protocol, variable: &str) -> Option<Self> {
        let value = std::env::var(variable).ok()?;
        let (address, process) = value.split_once(' ').expect("an address and a process");
        let address = address.parse().expect("an address");
        Some(Self { name, protocol, address, process: process.parse().expect("a process") })
    }

    /// A connection on which `client` is known and has asked for `topic`.
    async fn connect(&self, client: &str, topic: Option<&str>) -> Wire {
        let mut stream = TcpStream::connect(self.address).await.expect("a broker listens");
        stream.set_nodelay(true).expect("no delay");
        let mut hello = Vec::new();
        let answer: &[u8] = match self.protocol {
            Protocol::Nats => {
                hello.extend(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\n");
                topic.inspect(|topic| hello.extend(format!("SUB {topic} 1\r\n").as_bytes()));
                hello.extend(b"PING\r\n");
                b"PONG\r\n"
            }
            Protocol::Mqtt => {
                // Version 4, a clean session, no keep-alive.
                let about = [&[0, 4][..], b"MQTT", &[4, 2, 0, 0], &mqtt_text(client)].concat();
                hello.extend(mqtt_packet(0x10, &about));
                let wanted = topic.map(|topic| [&[0, 1][..], &mqtt_text(topic), &[0]].concat());
                wanted.iter().for_each(|wanted| hello.extend(mqtt_packet(0x82, wanted)));
                if topic.is_some() { &[0x90, 3, 0, 1, 0] } else { &[0x20, 2, 0, 0] }
            }
        };
        stream.write_all(&hello).await.expect("a broker is heard");
        let mut unread = BytesMut::new();
        while !unread.ends_with(answer) {
            assert_ne!(stream.read_buf(&mut unread).await.expect("an answer"), 0, "the broker refuses");
        }
        unread.clear();
        Wire { stream, protocol: self.protocol, topic: String::new(), unread, key: key() }
    }
}

fn mqtt_text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

fn mqtt_packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u8::try_from(body.len()).expect("a short packet");
    assert!(length < 128, "the length is one byte");
    [&[kind, length], body].concat()
}

impl Carrier for Broker {
    type Vehicle = Wire;
    type Front = Wire;

    async fn vehicle(&self, id: u32) -> Wire {
        let topic = match self.protocol {
            Protocol::Nats => format!("positions.{id}"),
            Protocol::Mqtt => format!("positions/{id}"),
        };
        Wire { topic, ..self.connect(&format!("v{id}"), None).await }
    }

    async fn front(&self) -> Wire {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let client = format!("f{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let all = match self.protocol {
            Protocol::Nats => "positions.*",
            Protocol::Mqtt => "positions/+",
        };
        self.connect(&client, Some(all)).await
    }
}

/// A connection to a broker. A round is shorter than a broker's patience: nobody answers its pings.
struct Wire {
    stream: TcpStream,
    protocol: Protocol,
    topic: String,
    unread: BytesMut,
    key: FrameKey,
}

impl Vehicle for Wire {
    async fn send(&mut self, frame: Vec<u8>) {
        let message = match self.protocol {
            Protocol::Nats => {
                let head = format!("PUB {} {}\r\n", self.topic, frame.len());
                [head.as_bytes(), &frame, b"\r\n"].concat()
            }
            Protocol::Mqtt => mqtt_packet(0x30, &[mqtt_text(&self.topic), frame].concat()),
        };
        self.stream.write_all(&message).await.expect("a vehicle is heard");
    }
}

impl Front for Wire {
    async fn take(&mut self, into: &mut Vec<(u32, u32)>) -> bool {
        self.unread.reserve(64 * 1_024);
        if self.stream.read_buf(&mut self.unread).await.expect("the broker goes on") == 0 {
            return false;
        }
        while let Some((payload, all)) = match self.protocol {
            Protocol::Nats => nats_message(&self.unread),
            Protocol::Mqtt => mqtt_message(&self.unread),
        } {
            if let Ok(FromVehicle::Position { vehicle, x, .. }) = decode(&self.unread[payload], &self.key) {
                into.push((vehicle.0, x as u32));
            }
            self.unread.advance(all);
        }
        true
    }
}

/// Where the first message's payload lies and where the message ends; none before all of it is there.
///
/// `MSG positions.7 1 29\r\n…\r\n`; other lines have no payload.
fn nats_message(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let line = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let Some(head) = bytes[..line].strip_prefix(b"MSG ") else { return Some((0..0, line)) };
    let head = std::str::from_utf8(head).expect("text");
    let length: usize = head.trim_end().rsplit(' ').next()?.parse().expect("a length");
    let end = line + length + 2;
    (end <= bytes.len()).then_some((line..line + length, end))
}

/// As [`nats_message`]: `30`, the length in one byte, the topic with its length, the payload.
fn mqtt_message(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let [_, length, topic_high, topic_low, ..] = *bytes else { return None };
    let end = 2 + usize::from(length);
    let payload = 4 + usize::from(u16::from_be_bytes([topic_high, topic_low]));
    (end <= bytes.len()).then_some((payload..end, end))
}

/// What the rounds of one carrier came to.
#[derive(Default)]
struct Rounds {
    processor_s: Vec<f64>,
    median_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    arrived: Vec<f64>,
    mib: Vec<f64>,
}

impl Rounds {
    fn add(&mut self, played: &Played) {
        self.processor_s.push(played.processor_s);
        self.median_ms.push(played.delay_ms(0.5));
        self.p99_ms.push(played.delay_ms(0.99));
        self.arrived.extend(&played.arrived);
        self.mib.push(played.late_mib);
    }

    fn show(&self, name: &str) {
        let figure = |values: &[f64]| Figure::of(values.iter().copied());
        show(&format!("{name}: its processor time"), figure(&self.processor_s), "s");
        show(&format!("{name}: sent to taken, median"), figure(&self.median_ms), "ms");
        show(&format!("{name}: sent to taken, p99"), figure(&self.p99_ms), "ms");
        show(&format!("{name}: positions that reached a dashboard"), figure(&self.arrived), "%");
        show(&format!("{name}: resident memory"), figure(&self.mib), "MiB");
    }
}

fn ratio(ours: &[f64], theirs: &[f64]) -> Figure {
    Figure::of(ours.iter().zip(theirs).map(|(ours, theirs)| ours / theirs))
}

#[tokio::main]
async fn main() {
    let brokers: Vec<Broker> = [
        Broker::named("nats", Protocol::Nats, "NIGHTSHIFT_BENCH_NATS"),
        Broker::named("mosquitto", Protocol::Mqtt, "NIGHTSHIFT_BENCH_MQTT"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if brokers.is_empty() {
        say("skipped: benches/peers/messages/run.sh starts the brokers");
        return;
    }
    let dir = tempfile::TempDir::new().expect("directory");
    let (server, plant) = Plant::start(dir.path()).await;
    let mut ours = Rounds::default();
    let mut theirs: Vec<Rounds> = brokers.iter().map(|_| Rounds::default()).collect();
    for n in 0..=ROUNDS {
        let played = play(&plant, server.id(), SECONDS).await;
        if n > 0 {
            ours.add(&played);
        }
        for (broker, rounds) in brokers.iter().zip(&mut theirs) {
            let played = play(broker, broker.process, SECONDS).await;
            if n > 0 {
                rounds.add(&played);
            }
        }
    }
    say(&format!(
        "{VEHICLES} vehicles at {HZ} Hz, {FRONTS} dashboards, {SECONDS} s a round, one machine for all"
    ));
    ours.show("nightshift");
    for (broker, rounds) in brokers.iter().zip(&theirs) {
        rounds.show(broker.name);
        let name = broker.name;
        let processor = ratio(&ours.processor_s, &rounds.processor_s);
        hold(&format!("processor time, nightshift / {name}"), processor, "", Target::AtMost(1.0));
        show(&format!("p99, nightshift / {name}"), ratio(&ours.p99_ms, &rounds.p99_ms), "");
    }
}
