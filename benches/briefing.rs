//! Briefings: composing over many events, and many people who each get a text every second.
//!
//! `cargo bench --bench briefing`. Server and listeners share the machine. `NIGHTSHIFT_BENCH_LISTENERS=N` asks for another
//! number of listeners than 2,000.

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use futures::StreamExt;
use nightshift_domain::briefing::{Carry, Note, Style, Teller, Watch};
use nightshift_domain::production::Calendar;
use nightshift_domain::{Event, NewEvent, Timestamp};
use nightshift_kernel::Clock;
use serde_json::json;
use support::figures::{Figure, Target, hold, quantile, show};
use support::process::Server;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const EVENTS: usize = 100_000;
const ROUNDS: usize = 7;
const LISTENERS: usize = 2_000;
/// Sockets that are opened at once.
const OPENING: usize = 32;
/// Texts of each listener.
const TEXTS: usize = 20;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// A busy plant's journal: verdicts of a thousand sensors, runs of eight processes, a camera.
fn events() -> Vec<Event> {
    let at = Timestamp::from_s(1_800_000_000);
    (0..EVENTS)
        .map(|n| {
            let (kind, subject, data) = match n % 10 {
                0..=5 => {
                    let verdict = if n % 997 == 0 { "abnormal" } else { "normal" };
                    let data = json!({ "verdict": verdict, "score": 1.5, "threshold": 2.0, "device": "cpu" });
                    ("sensing.verdict", format!("sensor-{}", n % 1_000), data)
                }
                6..=8 => {
                    let result = if n % 101 == 0 { "FAIL" } else { "PASS" };
                    let defects = if n % 101 == 0 { json!(["FORCE_OUT"]) } else { json!([]) };
                    let data = json!({ "process": n % 8 + 1, "result": result, "defects": defects, "serial_status": "IN_PROGRESS" });
                    ("production.completed", format!("WF-KR-270115D-001-{n}"), data)
                }
                _ => ("briefing.observed", "gate-camera".to_owned(), json!({ "counts": { "person": n % 7, "car": n % 3 } })),
            };
            Event { seq: n as i64 + 1, event: NewEvent::new(at, kind, &subject, data) }
        })
        .collect()
}

fn composing() {
    let (clock, events, calendar) = (Clock::system(), events(), Calendar::default());
    let until = Timestamp::from_s(1_800_003_600);
    let (mut all, mut folded) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let begun = clock.monotonic();
        let notes: Vec<Note> = events.iter().filter_map(Note::of).collect();
        let read = clock.monotonic();
        let mut teller = Teller::new(Carry::default(), Timestamp::from_s(1_800_000_000));
        let mut watch = Watch::default();
        notes.iter().for_each(|note| {
            watch.take(note);
            teller.take(note);
        });
        let text = teller.text(until, &watch.watched(), &calendar, Style::default()).text();
        let done = clock.monotonic();
        assert!(text.contains("300") || text.len() > 100, "{text}");
        all.push((done - begun).as_secs_f64() * 1e3);
        folded.push((done - read).as_secs_f64() * 1e3);
    }
    hold("composing over 100,000 events", Figure::of(all), "ms", Target::AtMost(50.0));
    show("of which folding notes that the book has", Figure::of(folded), "ms");
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn open(address: SocketAddr, name: &str) -> Socket {
    let end = (Clock::system().now_us() / 3_600_000_000 + 9 + 6) % 24;
    let request = format!("ws://{address}/ws?username={name}&interval=1&endtime={end:02}:30");
    connect_async(request.into_client_request().expect("a request")).await.expect("opens").0
}

/// One listener's texts: how late each comes, microseconds, against the seconds that begin with its own earliest one.
async fn listen(mut socket: Socket) -> Vec<u32> {
    let clock = Clock::system();
    let mut arrivals: Vec<Duration> = Vec::with_capacity(TEXTS);
    while arrivals.len() < TEXTS {
        match socket.next().await.expect("goes on").expect("whole") {
            Message::Text(_) => arrivals.push(clock.monotonic()),
            Message::Close(frame) => panic!("{frame:?}"),
            _ => {}
        }
    }
    let offset = |(n, at): (usize, &Duration)| at.as_micros() as i128 - n as i128 * 1_000_000;
    let offsets: Vec<i128> = arrivals.iter().enumerate().map(offset).collect();
    let earliest = offsets.iter().min().copied().unwrap_or(0);
    offsets.iter().map(|offset| u32::try_from(offset - earliest).unwrap_or(u32::MAX)).collect()
}

async fn listening(listeners: usize) {
    let dir = tempfile::tempdir().expect("a directory");
    let settings = [("NIGHTSHIFT__BRIEFING__OPEN_LOGIN", "true"), ("NIGHTSHIFT__HTTP__SOCKETS_MAX", "20000")];
    let server = Server::start_with(dir.path(), None, &settings).await;
    let names: Vec<String> = (0..listeners).map(|n| format!("worker{n}")).collect();
    let sockets: Vec<Socket> = futures::stream::iter(&names)
        .map(|name| open(server.address, name))
        .buffer_unordered(OPENING)
        .collect()
        .await;
    let before = server.resident_mib();
    let tasks: Vec<_> = sockets.into_iter().map(|socket| tokio::spawn(listen(socket))).collect();
    let mut late = Vec::new();
    for task in tasks {
        late.extend(task.await.expect("a listener"));
    }
    let p50 = quantile(&mut late, 0.5) / 1e3;
    let p99 = quantile(&mut late, 0.99) / 1e3;
    show(&format!("{listeners} briefings a second: lateness, median"), Figure::of([p50]), "ms");
    hold(
        &format!("{listeners} briefings a second: lateness, p99"),
        Figure::of([p99]),
        "ms",
        Target::AtMost(250.0),
    );
    show("resident memory when all listen", Figure::of([before]), "MiB");
    show("resident memory after their texts", Figure::of([server.resident_mib()]), "MiB");
}

#[tokio::main]
async fn main() {
    composing();
    let listeners = std::env::var("NIGHTSHIFT_BENCH_LISTENERS").ok().and_then(|n| n.parse().ok());
    let listening = listening(listeners.unwrap_or(LISTENERS));
    tokio::time::timeout(PATIENCE, listening).await.expect("done in time");
}
