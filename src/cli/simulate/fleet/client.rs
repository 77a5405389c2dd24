//! A vehicle's end of the wire, in either version: it signs and stamps what it says, and believes only what is signed and new.

use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use nightshift_domain::fleet::VehicleId;
use nightshift_domain::fleet::wire::{
    Channel, FrameKey, FromVehicle, Outbox, REGISTERING, Secret, Stamp, ToVehicle, ToVehicleV2, decode,
    decode_v2, encode, encode_v2,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::cli::wire;

/// Frames that may wait to be looked at; more are let go, as a car's radio would.
const INBOX: usize = 256;

/// One socket.
struct Wire {
    sink: SplitSink<wire::Wire, Message>,
    inbox: mpsc::Receiver<Bytes>,
    reader: JoinHandle<()>,
}

impl Wire {
    async fn open(base: &str, channel: Channel, stamped: bool) -> Result<Self, String> {
        let path = match channel {
            Channel::Vehicles => "vehicles",
            Channel::Events => "events",
        };
        let version = if stamped { "?v=2" } else { "" };
        let url = format!("{base}/ws/{path}{version}");
        let stream = wire::open(&url).await.map_err(|error| format!("{url}: {error}"))?;
        let (sink, stream) = stream.split();
        let (sender, inbox) = mpsc::channel(INBOX);
        Ok(Self { sink, inbox, reader: tokio::spawn(read(stream, sender)) })
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(mut stream: SplitStream<wire::Wire>, inbox: mpsc::Sender<Bytes>) {
    while let Some(Ok(message)) = stream.next().await {
        if let Message::Binary(bytes) = message {
            // A full inbox loses the frame.
            let _ = inbox.try_send(bytes);
        }
    }
}

/// What a vehicle of version 2 believes of stamps.
#[derive(Default)]
struct Session {
    /// Counter of the last registration.
    asked: u32,
    /// The open session, and what is said next in it.
    open: Option<(u32, Outbox)>,
    /// The highest counter heard from the plant in it.
    heard: u32,
}

/// A vehicle that is connected on both channels.
pub(super) struct Client {
    /// In version 2, the vehicle's own; in version 1, everybody's.
    key: FrameKey,
    stamped: bool,
    session: Session,
    vehicles: Wire,
    events: Wire,
}

impl Client {
    /// Connects to `base`, such as `ws://127.0.0.1:8000`.
    pub(super) async fn connect(
        base: &str,
        vehicle: VehicleId,
        secret: &Secret,
        stamped: bool,
    ) -> Result<Self, String> {
        let key = if stamped { secret.of_vehicle(vehicle) } else { secret.shared() };
        let vehicles = Wire::open(base, Channel::Vehicles, stamped).await?;
        let events = Wire::open(base, Channel::Events, stamped).await?;
        Ok(Self { key, stamped, session: Session::default(), vehicles, events })
    }

    /// Registers, with a counter that rises over the vehicle's whole life.
    pub(super) async fn register(&mut self, packet: &FromVehicle, counter: u32) -> Result<(), String> {
        self.session = Session { asked: counter, ..Session::default() };
        self.send(packet, Stamp { session: REGISTERING, counter }).await
    }

    /// Whether it may speak: in version 2, whether a session is open.
    pub(super) fn may_speak(&self) -> bool {
        !self.stamped || self.session.open.is_some()
    }

    /// Says something, on the channel that it belongs on.
    pub(super) async fn say(&mut self, packet: &FromVehicle) -> Result<(), String> {
        let stamp = self.session.open.as_mut().and_then(|(_, outbox)| outbox.next_stamp());
        if self.stamped && stamp.is_none() {
            return Err("no session is open".to_owned());
        }
        self.send(packet, stamp.unwrap_or_default()).await
    }

    async fn send(&mut self, packet: &FromVehicle, stamp: Stamp) -> Result<(), String> {
        let frame =
            if self.stamped { encode_v2(packet, stamp, &self.key) } else { encode(packet, &self.key) };
        let wire = match packet.channel() {
            Channel::Vehicles => &mut self.vehicles,
            Channel::Events => &mut self.events,
        };
        wire.sink.send(Message::Binary(frame.into())).await.map_err(|error| error.to_string())
    }

    /// The next thing that the plant said and that can be believed, if one waits.
    pub(super) fn hear(&mut self) -> Option<ToVehicleV2> {
        loop {
            let bytes = self.vehicles.inbox.try_recv().or_else(|_| self.events.inbox.try_recv()).ok()?;
            let heard = if self.stamped {
                let heard = decode_v2::<ToVehicleV2>(&bytes, &self.key).ok();
                heard.filter(|(packet, stamp)| self.believes(packet, *stamp)).map(|(packet, _)| packet)
            } else {
                decode::<ToVehicle>(&bytes, &self.key).ok().map(ToVehicleV2::Plain)
            };
            if heard.is_some() {
                return heard;
            }
        }
    }

    fn believes(&mut self, packet: &ToVehicleV2, stamp: Stamp) -> bool {
        if stamp.session != REGISTERING {
            let open = self.session.open.as_ref().is_some_and(|(session, _)| *session == stamp.session);
            let newer = open && stamp.counter > self.session.heard;
            if newer {
                self.session.heard = stamp.counter;
            }
            return newer;
        }
        if let ToVehicleV2::Registered { session, .. } = packet {
            // An answer repeats the question's counter: one that does not is a recording.
            if stamp.counter != self.session.asked {
                return false;
            }
            self.session.open = Some((*session, Outbox::new(*session)));
            self.session.heard = 0;
        }
        true
    }

    /// Whether the plant's end is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.vehicles.reader.is_finished() || self.events.reader.is_finished()
    }
}
