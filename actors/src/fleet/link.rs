//! A vehicle's connection: frames are authenticated here and become messages to their vehicles.
//!
//! Nothing assumes one connection for each vehicle: one may carry many, and a vehicle may open one for every frame. What
//! cannot be read is dropped or refused exactly as `docs/fleet.md` says, and counted.

use std::sync::Arc;

use nightshift_domain::fleet::wire::{
    Answer, Channel, ErrorCode, FrameError, FromVehicle, Replay, Stamp, ToVehicle, ToVehicleV2,
    claimed_sender, decode, decode_v2,
};
use nightshift_domain::fleet::{Details, Kind, Link, Outcome, Request, VehicleId};
use nightshift_kernel::Address;

use super::air::{Conn, WireVersion};
use super::registry::{Applicant, RegistryMessage};
use super::roster::{Seat, Speaker};
use super::shared::{Shared, lock};
use super::vehicle::VehicleMessage;
use crate::outlet::{Close, Outlet};
use crate::writer::WriteError;

/// Frames that were not authentic, one after the other, after which a connection is closed.
const FORGERIES_MAX: u32 = 64;
/// Vehicles that one connection is remembered for.
const SEATS_PER_LINK_MAX: usize = 256;

/// The sender of a frame gave up pretending.
const FORGED: Close = Close { code: 1008, reason: "too many frames that are not authentic" };

/// Answers the sender of one frame.
#[derive(Clone)]
pub(super) struct Answerer {
    conn: Arc<Conn>,
    shared: Arc<Shared>,
    /// In version 2: who asked, and with which stamp.
    question: Option<(Speaker, Stamp)>,
}

impl Answerer {
    /// Refuses the frame.
    pub(super) fn nack(&self, code: ErrorCode) {
        count_nack(code);
        self.say(ToVehicle::Nack(code));
    }

    /// It could not be stored.
    pub(super) fn failed(&self, error: &WriteError) {
        tracing::warn!(error = %error, "what a vehicle said could not be stored");
        self.nack(ErrorCode::Database);
    }

    /// Says again that a catch is confirmed.
    pub(super) fn confirm(&self, catcher: VehicleId, runner: VehicleId) {
        self.say(ToVehicle::Catch { catcher, runner });
    }

    fn say(&self, packet: ToVehicle) {
        let Some((speaker, question)) = &self.question else {
            self.conn.say(&packet, &self.shared.key);
            return;
        };
        let mut speech = lock(speaker);
        let packet = ToVehicleV2::Plain(packet);
        if speech.guard.open_session().is_some() && speech.outbox.is_some() {
            let _ = self.conn.say_to(&mut speech, &packet);
        } else {
            self.conn.answer(&speech.key, *question, &packet);
        }
    }
}

/// A connection on `/ws/vehicles` or `/ws/events`.
pub struct VehicleLink {
    shared: Arc<Shared>,
    registry: Address<RegistryMessage>,
    conn: Arc<Conn>,
    /// Those that it has spoken for.
    seats: Vec<Arc<Seat>>,
    forgeries: u32,
    /// How it ends, unless it says otherwise before.
    how: Link,
}

impl VehicleLink {
    pub(super) fn open(
        shared: Arc<Shared>,
        registry: Address<RegistryMessage>,
        out: Outlet,
        version: WireVersion,
        channel: Channel,
    ) -> Self {
        let conn = Arc::new(Conn::new(out, version, channel));
        shared.air.join(&conn);
        Self { shared, registry, conn, seats: Vec::new(), forgeries: 0, how: Link::Broken }
    }

    /// Takes a frame. Never waits for the store: who has to be answered is answered when there is an answer.
    pub async fn receive(&mut self, bytes: &[u8]) {
        match self.conn.version {
            WireVersion::V1 => self.receive_v1(bytes).await,
            WireVersion::V2 => self.receive_v2(bytes).await,
        }
    }

    /// The connection has ended; `broken` when not in good order.
    pub fn end(mut self, broken: bool) {
        self.how = if broken { Link::Broken } else { Link::Closed };
    }

    async fn receive_v1(&mut self, bytes: &[u8]) {
        let packet = match decode::<FromVehicle>(bytes, &self.shared.key) {
            Ok(packet) => packet,
            Err(error) => {
                if let Answer::Nack(code) = self.refused(bytes, error) {
                    count_nack(code);
                    self.conn.say(&ToVehicle::Nack(code), &self.shared.key);
                }
                return;
            }
        };
        self.forgeries = 0;
        self.take(packet, None).await;
    }

    async fn receive_v2(&mut self, bytes: &[u8]) {
        let Some(sender) = claimed_sender(bytes) else {
            self.refused(bytes, FrameError::Short(bytes.len()));
            return;
        };
        let known = self.shared.speakers.get(sender);
        let key = match &known {
            Some(speaker) => lock(speaker).key.clone(),
            None => self.shared.secret.of_vehicle(sender),
        };
        let (packet, stamp) = match decode_v2::<FromVehicle>(bytes, &key) {
            Ok(read) => read,
            Err(error) => {
                // Version 2 answers no frame that it could not authenticate.
                self.refused(bytes, error);
                return;
            }
        };
        self.forgeries = 0;
        let speaker = known.unwrap_or_else(|| self.shared.speakers.get_or_make(&self.shared.secret, sender));
        if !matches!(packet, FromVehicle::Register { .. }) {
            let accepted = {
                let mut speech = lock(&speaker);
                speech.guard.accept(stamp).map(|guard| speech.guard = guard)
            };
            match accepted {
                Ok(()) => {
                    self.conn.listens(&speaker);
                }
                Err(Replay::NoSession) => {
                    count_dropped("no_session");
                    self.answerer(Some((speaker, stamp))).nack(ErrorCode::InvalidData);
                    return;
                }
                Err(_) => {
                    count_dropped("replay");
                    return;
                }
            }
        }
        self.take(packet, Some((speaker, stamp))).await;
    }

    /// Counts a frame that could not be read, and says what its sender hears.
    fn refused(&mut self, bytes: &[u8], error: FrameError) -> Answer {
        count_dropped(match error {
            FrameError::Short(_) | FrameError::Size(_) => "size",
            FrameError::Tag => "tag",
            FrameError::Type(_) => "type",
            FrameError::Name | FrameError::Word { .. } => "content",
        });
        if matches!(error, FrameError::Tag | FrameError::Short(_)) {
            self.forgeries += 1;
            if self.forgeries >= FORGERIES_MAX {
                self.conn.out.close(FORGED);
            }
        }
        Answer::to_bad_frame(self.conn.channel, bytes)
    }

    async fn take(&mut self, packet: FromVehicle, question: Option<(Speaker, Stamp)>) {
        if packet.channel() != self.conn.channel {
            count_dropped("channel");
            if self.conn.channel == Channel::Events {
                self.answerer(question).nack(ErrorCode::InvalidFormat);
            }
            return;
        }
        metrics::counter!("nightshift_fleet_frames_total").increment(1);
        let (now, since) = (self.shared.now(), self.shared.clock.monotonic());
        if let FromVehicle::Register { vehicle, kind, name } = &packet {
            match Request::new(*vehicle, *kind, name) {
                Ok(request) => self.register(request, question).await,
                Err(_) => count_dropped("content"),
            }
            return;
        }
        let answer = self.answerer(question);
        let Some(seat) = self.shared.roster.by_number(packet.sender()) else {
            answer.nack(ErrorCode::InvalidData);
            return;
        };
        self.speaks(&seat);
        match packet {
            FromVehicle::Register { .. } => {}
            FromVehicle::Position { x, y, .. } => {
                if !(x.is_finite() && y.is_finite()) {
                    answer.nack(ErrorCode::InvalidCoordinate);
                    return;
                }
                if seat.address.try_send(VehicleMessage::Position { x, y, at: now, since }).is_err() {
                    count_dropped("overload");
                }
            }
            FromVehicle::Status { fuel, collision_count, status, .. } => {
                let details = Details { fuel, collision_count, status };
                hand_over(&seat, VehicleMessage::Status { details, answer: answer.clone() }, &answer);
            }
            FromVehicle::Catch { runner, .. } => {
                let outcome = Outcome::Catch { catcher_id: seat.id };
                self.report(seat, runner, outcome, answer);
            }
            FromVehicle::CatchFailed { runner, .. } => {
                let outcome = Outcome::Failed { catcher_id: seat.id };
                self.report(seat, runner, outcome, answer);
            }
        }
    }

    /// A police car's word about a runner.
    fn report(&self, catcher: Arc<Seat>, runner: VehicleId, outcome: Outcome, answer: Answerer) {
        let runner = self.shared.roster.by_number(runner).filter(|seat| seat.kind == Kind::Runner);
        match runner {
            Some(runner) if catcher.kind == Kind::Police => {
                let message = VehicleMessage::Chased { outcome, catcher, answer: Some(answer.clone()) };
                hand_over(&runner, message, &answer);
            }
            _ => answer.nack(ErrorCode::InvalidData),
        }
    }

    /// Asks the registry; the answer comes back on this connection when the vehicle is stored. The next frame of this
    /// connection waits for it: it may well be the vehicle's first position.
    async fn register(&mut self, request: Request, question: Option<(Speaker, Stamp)>) {
        let vehicle = request.vehicle_id;
        let deadline = self.shared.config.command_deadline;
        let applicant = Applicant { request, conn: Arc::clone(&self.conn), question: question.clone() };
        let asked = self.registry.ask(|reply| RegistryMessage::Register { applicant, reply }, deadline).await;
        match asked {
            Ok(Ok(())) => {
                if let Some(seat) = self.shared.roster.by_number(vehicle) {
                    self.speaks(&seat);
                }
            }
            // A replay is not answered.
            Ok(Err(None)) => count_dropped("replay"),
            Ok(Err(Some(code))) => self.answerer(question).nack(code),
            Err(error) => {
                tracing::warn!(error = %error, %vehicle, "a registration could not be taken");
                self.answerer(question).nack(ErrorCode::Internal);
            }
        }
    }

    /// Notes that a vehicle has spoken here.
    fn speaks(&mut self, seat: &Arc<Seat>) {
        seat.heard(self.shared.now());
        if self.seats.iter().any(|known| Arc::ptr_eq(known, seat)) || self.seats.len() >= SEATS_PER_LINK_MAX {
            return;
        }
        seat.attach(&self.conn);
        self.seats.push(Arc::clone(seat));
    }

    fn answerer(&self, question: Option<(Speaker, Stamp)>) -> Answerer {
        Answerer { conn: Arc::clone(&self.conn), shared: Arc::clone(&self.shared), question }
    }
}

impl Drop for VehicleLink {
    fn drop(&mut self) {
        self.shared.air.leave(&self.conn);
        self.seats.iter().for_each(|seat| seat.detach(&self.conn, self.how));
    }
}

/// Hands over what must be answered: when its actor has no room, the sender is told at once.
fn hand_over(seat: &Seat, message: VehicleMessage, answer: &Answerer) {
    if let Err(error) = seat.address.try_send(message) {
        tracing::debug!(error = %error, vehicle = %seat.vehicle_id, "a vehicle's actor took no message");
        count_dropped("overload");
        answer.nack(ErrorCode::Internal);
    }
}

fn count_dropped(reason: &'static str) {
    metrics::counter!("nightshift_fleet_dropped_frames_total", "reason" => reason).increment(1);
}

fn count_nack(code: ErrorCode) {
    let word = match code {
        ErrorCode::InvalidFormat => "invalid_format",
        ErrorCode::DuplicateName => "duplicate_name",
        ErrorCode::InvalidCoordinate => "invalid_coordinate",
        ErrorCode::InvalidData => "invalid_data",
        ErrorCode::Internal => "internal",
        ErrorCode::Database => "database",
    };
    metrics::counter!("nightshift_fleet_nacks_total", "code" => word).increment(1);
}
