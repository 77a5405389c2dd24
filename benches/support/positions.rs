//! Positions on their way: a thousand vehicles that send them, twenty dashboards that each take all of them.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures::stream::SplitSink;
use futures::{SinkExt, StreamExt};
use nightshift_domain::fleet::wire::{FrameKey, FromVehicle, Secret, ToFront, WireName, decode, encode};
use nightshift_domain::fleet::{Kind, VehicleId};
use nightshift_kernel::Clock;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::figures::quantile;
use super::process::{Server, processor_s, resident_mib};

pub(crate) const VEHICLES: u32 = 1_000;
pub(crate) const FRONTS: usize = 20;
/// Positions of a vehicle in a second.
pub(crate) const HZ: u32 = 10;
const SECRET: &str = "bench";
/// How long vehicles and dashboards may take to connect before the first position.
const GATHER: Duration = Duration::from_secs(10);
/// How long what is under way at the end may take.
const TAIL: Duration = Duration::from_secs(2);

/// What takes positions from vehicles to dashboards. A vehicle's x is the number of the position, its y the vehicle.
pub(crate) trait Carrier: Clone + Send + 'static {
    type Vehicle: Vehicle;
    type Front: Front;
    fn vehicle(&self, id: u32) -> impl Future<Output = Self::Vehicle> + Send;
    fn front(&self) -> impl Future<Output = Self::Front> + Send;
}

/// A vehicle's own connection.
pub(crate) trait Vehicle: Send {
    fn send(&mut self, frame: Vec<u8>) -> impl Future<Output = ()> + Send;
}

/// A dashboard's own connection.
pub(crate) trait Front: Send {
    /// Appends the vehicle and number of each position that comes next; false at the end of the connection. May be dropped while it waits.
    fn take(&mut self, into: &mut Vec<(u32, u32)>) -> impl Future<Output = bool> + Send;
}

/// When each position was sent, microseconds by the clock: one row for each vehicle, one place for each position.
struct Sent {
    clock: Clock,
    per_vehicle: usize,
    at_us: Vec<AtomicU64>,
}

impl Sent {
    fn new(clock: Clock, positions: u32) -> Self {
        let per_vehicle = positions as usize;
        let places = per_vehicle * VEHICLES as usize;
        Self { clock, per_vehicle, at_us: (0..places).map(|_| AtomicU64::new(0)).collect() }
    }

    fn now_us(&self) -> u64 {
        self.clock.monotonic().as_micros() as u64
    }

    fn index(&self, vehicle: u32, number: u32) -> usize {
        vehicle as usize * self.per_vehicle + number as usize
    }

    fn place(&self, vehicle: u32, number: u32) -> &AtomicU64 {
        &self.at_us[self.index(vehicle, number)]
    }
}

/// What a play came to.
pub(crate) struct Played {
    delays_us: Vec<u32>,
    /// Of all positions, each counted once, for each dashboard, percent.
    pub(crate) arrived: Vec<f64>,
    /// The carrier's processor time from the first position until the last has had time to arrive, seconds.
    pub(crate) processor_s: f64,
    /// The carrier's resident memory after a quarter and at the end, MiB.
    pub(crate) early_mib: f64,
    pub(crate) late_mib: f64,
}

impl Played {
    /// Time from a position's sending until one dashboard, always the same, has it, ms; `share` of them were no later.
    pub(crate) fn delay_ms(&self, share: f64) -> f64 {
        delay_ms(&self.delays_us, share)
    }
}

pub(crate) fn delay_ms(delays_us: &[u32], share: f64) -> f64 {
    quantile(&mut delays_us.to_vec(), share) / 1e3
}

/// All vehicles and dashboards at work for `seconds`; `process` is the carrier's.
pub(crate) async fn play(carrier: &impl Carrier, process: u32, seconds: u32) -> Played {
    let clock = Clock::system();
    let positions = seconds * HZ;
    let sent = Arc::new(Sent::new(clock.clone(), positions));
    let seen: Vec<Arc<AtomicU32>> = (0..FRONTS).map(|_| Arc::default()).collect();
    let (end, ended) = watch::channel(());
    let fronts: Vec<_> = seen
        .iter()
        .enumerate()
        .map(|(n, seen)| {
            let until = ended.clone();
            tokio::spawn(front(carrier.clone(), Arc::clone(&sent), Arc::clone(seen), until, n == 0))
        })
        .collect();
    let start = clock.monotonic() + GATHER;
    let vehicles: Vec<_> = (0..VEHICLES)
        .map(|id| tokio::spawn(vehicle(carrier.clone(), id, positions, Arc::clone(&sent), start)))
        .collect();
    let all = Duration::from_secs(u64::from(seconds));
    clock.sleep_until(start).await;
    let begun_s = processor_s(process);
    clock.sleep_until(start + all / 4).await;
    let early_mib = resident_mib(&process.to_string());
    clock.sleep_until(start + all).await;
    let late_mib = resident_mib(&process.to_string());
    for vehicle in vehicles {
        vehicle.await.expect("a vehicle ends");
    }
    let processor_s = processor_s(process) - begun_s;
    drop(end);
    let mut delays_us = Vec::new();
    for front in fronts {
        delays_us.extend(front.await.expect("a dashboard ends"));
    }
    let of_all = |seen: &Arc<AtomicU32>| {
        f64::from(seen.load(Ordering::Relaxed)) / f64::from(VEHICLES * positions) * 100.0
    };
    let arrived = seen.iter().map(of_all).collect();
    Played { delays_us, arrived, processor_s, early_mib, late_mib }
}

/// One vehicle: sends `positions` at its rate.
async fn vehicle(carrier: impl Carrier, id: u32, positions: u32, sent: Arc<Sent>, start: Duration) {
    let key = key();
    let mut wire = carrier.vehicle(id).await;
    assert!(sent.clock.monotonic() < start, "a vehicle connects before the play");
    // Not all at the same moment.
    let offset = Duration::from_millis(u64::from(id % 100));
    for number in 0..positions {
        sent.clock.sleep_until(start + offset + Duration::from_secs(1) / HZ * number).await;
        let packet = FromVehicle::Position { vehicle: VehicleId(id), x: number as f32, y: id as f32 };
        sent.place(id, number).store(sent.now_us(), Ordering::Release);
        wire.send(encode(&packet, &key)).await;
    }
    // It stays until everybody is done: a closed socket is another load.
    sent.clock.sleep(TAIL).await;
}

/// A dashboard: counts positions, and measures their delay.
async fn front(
    carrier: impl Carrier,
    sent: Arc<Sent>,
    seen: Arc<AtomicU32>,
    mut until: watch::Receiver<()>,
    measures: bool,
) -> Vec<u32> {
    let mut wire = carrier.front().await;
    let mut ended = pin!(until.changed());
    let (mut delays_us, mut taken) = (Vec::new(), Vec::new());
    let mut has = vec![false; sent.at_us.len()];
    loop {
        tokio::select! {
            _ = &mut ended => return delays_us,
            more = wire.take(&mut taken) => assert!(more, "a dashboard's connection stays open"),
        }
        let now = sent.now_us();
        for (vehicle, number) in taken.drain(..) {
            let at = sent.place(vehicle, number).load(Ordering::Acquire);
            // Where a vehicle was last, before this play: a dashboard is told that first. What comes twice counts once.
            if at == 0 || std::mem::replace(&mut has[sent.index(vehicle, number)], true) {
                continue;
            }
            seen.fetch_add(1, Ordering::Relaxed);
            if measures {
                delays_us.push(u32::try_from(now.saturating_sub(at)).unwrap_or(u32::MAX));
            }
        }
    }
}

/// What all frames of this module are signed with.
pub(crate) fn key() -> FrameKey {
    Secret::new(SECRET).expect("not empty").shared()
}

/// Nightshift.
#[derive(Clone)]
pub(crate) struct Plant {
    url: String,
}

impl Plant {
    /// A server that takes the vehicles and dashboards of this module.
    pub(crate) async fn start(dir: &Path) -> (Server, Self) {
        let open = [
            ("HMAC_SECRET_KEY", SECRET),
            ("NIGHTSHIFT__FLEET__OPEN_FRONTS", "true"),
            ("NIGHTSHIFT__FLEET__MAP_ID", "1"),
        ];
        let server = Server::start_with(dir, None, &open).await;
        let url = format!("ws://{}", server.address);
        (server, Self { url })
    }
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Sends, and reads away what the plant tells vehicles.
pub(crate) struct PlantVehicle {
    sink: SplitSink<Socket, Message>,
    listening: tokio::task::JoinHandle<()>,
}

pub(crate) struct PlantFront {
    wire: Socket,
    key: FrameKey,
}

impl Carrier for Plant {
    type Vehicle = PlantVehicle;
    type Front = PlantFront;

    async fn vehicle(&self, id: u32) -> PlantVehicle {
        let (wire, _) = connect_async(format!("{}/ws/vehicles", self.url)).await.expect("a vehicle connects");
        let (sink, mut stream) = wire.split();
        let listening = tokio::spawn(async move { while let Some(Ok(_)) = stream.next().await {} });
        let mut vehicle = PlantVehicle { sink, listening };
        let name = WireName::cut(&format!("V{id}")).expect("a name");
        let me = FromVehicle::Register { vehicle: VehicleId(id), kind: Kind::Police, name };
        vehicle.send(encode(&me, &key())).await;
        vehicle
    }

    async fn front(&self) -> PlantFront {
        let (wire, _) =
            connect_async(format!("{}/ws/front/vehicles", self.url)).await.expect("a dashboard connects");
        PlantFront { wire, key: key() }
    }
}

impl Vehicle for PlantVehicle {
    async fn send(&mut self, frame: Vec<u8>) {
        self.sink.send(Message::binary(frame)).await.expect("a vehicle is heard");
    }
}

impl Drop for PlantVehicle {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Front for PlantFront {
    async fn take(&mut self, into: &mut Vec<(u32, u32)>) -> bool {
        let Some(Ok(message)) = self.wire.next().await else { return false };
        if let Message::Binary(bytes) = message
            && let Ok(ToFront::Positions(positions)) = decode(&bytes, &self.key)
        {
            into.extend(positions.cars().iter().map(|car| (car.y as u32, car.x as u32)));
        }
        true
    }
}
