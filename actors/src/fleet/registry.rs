//! Who belongs to the fleet: registrations, names and removals, one at a time.
//!
//! Owned by `fleet`. Names are unique over all vehicles, so whoever gives one out must know them all: this actor alone does.
//! Registrations that arrive while a commit is under way are decided and stored together. It keeps nothing of its own: what
//! it knows is in the seats, and the store refuses what it should have refused.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nightshift_domain::audit::Action;
use nightshift_domain::fleet::wire::{ErrorCode, Guard, Outbox, Stamp, ToVehicleV2};
use nightshift_domain::fleet::{
    CarId, CarName, Chase, ChaseEvent, Kind, Outcome, Registration, Request, Side, Vehicle, VehicleId,
    register, rename,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Backoff, ChildSpec, Context, Fault, Mailbox, Reply, SpawnError, Supervisor};
use nightshift_store::fleet as store;
use nightshift_store::{StoreError, Tx};
use serde_json::json;

use super::air::{Conn, WireVersion};
use super::dispatcher::DispatcherMessage;
use super::error::FleetError;
use super::roster::{Seat, Speaker, View};
use super::shared::{Shared, lock};
use super::vehicle::{VehicleActor, VehicleMessage, journal_entry, tell};
use crate::identity::By;
use crate::setback::Setback;

/// Messages that may wait for one vehicle. Of positions, only the newest waits.
const VEHICLE_MAILBOX: u32 = 64;
/// First pause before a crashed vehicle's actor lives again.
const RESTART_FIRST: Duration = Duration::from_millis(5);
/// Most registrations in one unit of work.
const BATCH_MAX: usize = 256;
/// How long the ordered end of a removed vehicle's actor may take.
const REMOVE_DEADLINE: Duration = Duration::from_secs(5);

/// Who registers, and where the answer goes.
pub(super) struct Applicant {
    pub(super) request: Request,
    pub(super) conn: Arc<Conn>,
    /// In version 2: whose speech, and the registration's stamp.
    pub(super) question: Option<(Speaker, Stamp)>,
}

/// The answer to a registration: what to refuse it with; nothing for a replay, which is not answered.
type Registered = Result<(), Option<ErrorCode>>;

/// What the registry takes.
pub(super) enum RegistryMessage {
    /// A vehicle introduces itself.
    Register { applicant: Applicant, reply: Reply<Registered> },
    /// A person gives a vehicle a name.
    Rename { id: CarId, name: CarName, by: Box<By>, reply: Reply<Result<(), FleetError>> },
    /// A person takes a vehicle out.
    Remove { id: CarId, by: Box<By>, reply: Reply<Result<(), FleetError>> },
    /// Do the registrations that have gathered.
    Flush,
}

struct Waiting {
    applicant: Applicant,
    reply: Reply<Registered>,
}

/// What a registration comes to.
#[derive(Clone)]
enum Step {
    New(Request),
    Attach(CarId),
    Rename(CarId, CarName),
}

/// A registration that was decided.
struct Decided {
    waiting: Waiting,
    step: Step,
    /// In version 2: what forbids replays from now on, and the session that begins.
    opened: Option<(Guard, u32)>,
}

/// The actor.
pub(super) struct Registry {
    shared: Arc<Shared>,
    vehicles: Supervisor,
    waiting: Vec<Waiting>,
    /// Whether a `Flush` is in the mailbox.
    flushing: bool,
}

impl Registry {
    pub(super) fn new(shared: Arc<Shared>, vehicles: Supervisor) -> Self {
        Self { shared, vehicles, waiting: Vec::new(), flushing: false }
    }

    async fn take(&mut self, ctx: &Context<RegistryMessage>, waiting: Waiting) {
        self.waiting.push(waiting);
        let full = self.waiting.len() >= BATCH_MAX;
        if !full && (self.flushing || ctx.address().try_send(RegistryMessage::Flush).is_ok()) {
            self.flushing = true;
            return;
        }
        self.flush(ctx).await;
    }

    async fn flush(&mut self, ctx: &Context<RegistryMessage>) {
        while !self.waiting.is_empty() {
            ctx.progress();
            let batch = self.decide();
            self.store(batch).await;
        }
    }

    /// Decides on those that wait; a second word of a vehicle waits until the first one is stored.
    fn decide(&mut self) -> Vec<Decided> {
        let mut known: Vec<Vehicle> =
            self.shared.roster.all().iter().map(|seat| seat.view().vehicle.clone()).collect();
        let (mut decided, mut later) = (Vec::<Decided>::new(), Vec::new());
        for waiting in std::mem::take(&mut self.waiting) {
            let request = &waiting.applicant.request;
            let twice = |d: &Decided| d.waiting.applicant.request.vehicle_id == request.vehicle_id;
            if decided.iter().any(twice) {
                later.push(waiting);
                continue;
            }
            let opened = match &waiting.applicant.question {
                None => None,
                Some((speaker, stamp)) => match lock(speaker).guard.register(*stamp) {
                    Ok(opened) => Some(opened),
                    Err(_) => {
                        waiting.reply.send(Err(None));
                        continue;
                    }
                },
            };
            let step = match register(&known, request) {
                Ok(Registration::New) if known.len() >= self.shared.config.vehicles_max => {
                    tracing::warn!(vehicle = %request.vehicle_id, "the fleet is full: raise fleet.vehicles_max");
                    waiting.reply.send(Err(Some(ErrorCode::Internal)));
                    continue;
                }
                Ok(Registration::New) => {
                    known.push(provisional(request));
                    Step::New(request.clone())
                }
                Ok(Registration::Attach(id)) => Step::Attach(id),
                Ok(Registration::Rename(id, name)) => {
                    let own = known.iter_mut().find(|vehicle| vehicle.id == id);
                    own.into_iter().for_each(|vehicle| take_name(vehicle, &name));
                    Step::Rename(id, name)
                }
                Err(refusal) => {
                    waiting.reply.send(Err(Some(refusal.code())));
                    continue;
                }
            };
            decided.push(Decided { waiting, step, opened });
        }
        self.waiting = later;
        decided
    }

    /// Stores what was decided, in one unit, and answers.
    async fn store(&self, batch: Vec<Decided>) {
        let now = self.shared.now();
        let steps: Vec<(Step, VehicleId, Option<Guard>)> = batch
            .iter()
            .map(|d| (d.step.clone(), d.waiting.applicant.request.vehicle_id, d.opened.map(|(g, _)| g)))
            .collect();
        let idle = steps.iter().all(|(step, _, guard)| matches!(step, Step::Attach(_)) && guard.is_none());
        let stored = if idle {
            Ok(Vec::new())
        } else {
            let deadline = self.shared.config.command_deadline;
            let unit = self
                .shared
                .writer
                .run(deadline, move |tx| Box::pin(async move { write(tx, &steps, now).await }));
            unit.await
        };
        let mut made = match stored {
            Ok(made) => made.into_iter(),
            Err(error) => {
                tracing::warn!(error = %error, count = batch.len(), "registrations could not be stored");
                for decided in batch {
                    decided.waiting.reply.send(Err(Some(ErrorCode::Database)));
                }
                return;
            }
        };
        for decided in batch {
            let seat = match &decided.step {
                Step::New(_) => made.next().and_then(|vehicle| self.settle_new(vehicle, now)),
                Step::Attach(id) => self.shared.roster.by_id(*id),
                Step::Rename(id, name) => {
                    let seat = self.shared.roster.by_id(*id);
                    if let Some(seat) = &seat {
                        seat.change(|view| take_name(&mut view.vehicle, name));
                    }
                    seat
                }
            };
            let answer = match seat {
                Some(seat) => {
                    self.welcome(&decided, &seat);
                    Ok(())
                }
                None => Err(Some(ErrorCode::Internal)),
            };
            decided.waiting.reply.send(answer);
        }
    }

    fn settle_new(&self, vehicle: Vehicle, now: Timestamp) -> Option<Arc<Seat>> {
        let runs = vehicle.side.kind() == Kind::Runner;
        let chase = runs.then_some(Chase::Running { since: now });
        let seated = seat(&self.shared, &self.vehicles, View { vehicle, chase });
        seated.map_err(|error| tracing::error!(error = %error, "a vehicle has no actor")).ok()
    }

    /// Opens the session of a vehicle that registered, and tells everybody.
    fn welcome(&self, decided: &Decided, seat: &Arc<Seat>) {
        let Applicant { conn, question, .. } = &decided.waiting.applicant;
        let version = if question.is_some() { "2" } else { "1" };
        metrics::counter!("nightshift_fleet_registrations_total", "version" => version).increment(1);
        seat.heard(self.shared.now());
        seat.attach(conn);
        if let (Some((speaker, stamp)), Some((guard, session))) = (question, decided.opened) {
            let mut speech = lock(speaker);
            speech.guard = guard;
            speech.outbox = Some(Outbox::new(session));
            let packet = ToVehicleV2::Registered { vehicle: seat.vehicle_id, id: seat.id, session };
            conn.answer(&speech.key, *stamp, &packet);
            drop(speech);
            conn.listens(speaker);
            self.shared.dispatch_all(|| DispatcherMessage::Rejoined(seat.id));
        }
        let introduction = seat.view().vehicle.introduction();
        self.shared.air.to_front_vehicles(&introduction, &self.shared.key);
        if matches!(decided.step, Step::New(_)) {
            if seat.kind == Kind::Runner {
                let at = seat.view().vehicle.created_at;
                tell(&self.shared, &ChaseEvent { runner: seat.id, outcome: Outcome::Run, at }, seat, None);
            }
        } else if seat.address.try_send(VehicleMessage::Registered).is_err() {
            tracing::warn!(vehicle = %seat.vehicle_id, "a vehicle's actor did not hear that it registered");
        }
    }

    async fn rename(&self, id: CarId, name: CarName, by: Box<By>) -> Result<(), FleetError> {
        let seat = self.shared.roster.by_id(id).ok_or_else(|| FleetError::no_vehicle(id.0))?;
        let known: Vec<Vehicle> =
            self.shared.roster.all().iter().map(|seat| seat.view().vehicle.clone()).collect();
        rename(&known, id, &name).map_err(|refusal| match refusal {
            nightshift_domain::fleet::RegistrationRefusal::NameInUse(holder) => {
                FleetError::NameInUse(holder.0)
            }
            other => Setback::failed(other).into(),
        })?;
        let before = seat.view().vehicle.car_name.clone();
        let (now, stored) = (self.shared.now(), name.clone());
        let unit = self.shared.writer.run(self.shared.config.command_deadline, move |tx| {
            Box::pin(async move {
                store::vehicle_rename(tx, id, &stored, now).await?;
                let entry = by.entry(now, Action::Update, "vehicle").on(i64::from(id.0));
                tx.audit(entry.before(&json!({ "car_name": before })).after(&json!({ "car_name": stored })))?;
                let data = json!({ "id": id, "car_name": stored });
                tx.journal(NewEvent::new(now, "fleet.renamed", &id.to_string(), data)).await.map(|_| ())
            })
        });
        unit.await?;
        seat.change(|view| view.vehicle.car_name = name);
        let introduction = seat.view().vehicle.introduction();
        self.shared.air.to_front_vehicles(&introduction, &self.shared.key);
        Ok(())
    }

    async fn remove(&self, id: CarId, by: Box<By>) -> Result<(), FleetError> {
        let seat = self.shared.roster.by_id(id).ok_or_else(|| FleetError::no_vehicle(id.0))?;
        let (now, name) = (self.shared.now(), seat.view().vehicle.car_name.clone());
        let number = seat.vehicle_id;
        let unit = self.shared.writer.run(self.shared.config.command_deadline, move |tx| {
            Box::pin(async move {
                store::vehicle_remove(tx, id, now).await?;
                let before = json!({ "vehicle_id": number, "car_name": name });
                tx.audit(by.entry(now, Action::Delete, "vehicle").on(i64::from(id.0)).before(&before))?;
                let data = json!({ "id": id, "vehicle_id": number, "car_name": name });
                tx.journal(NewEvent::new(now, "fleet.removed", &id.to_string(), data)).await.map(|_| ())
            })
        });
        unit.await?;
        self.shared.roster.take(id);
        if let Err(error) = self.vehicles.remove(&id.to_string(), REMOVE_DEADLINE).await {
            tracing::warn!(error = %error, vehicle = %number, "the actor of a removed vehicle did not end in order");
        }
        self.shared.board.remove(id);
        self.shared.dispatch_all(|| DispatcherMessage::Ended(id));
        let gone = json!({ "type": "vehicle_removed", "id": id, "vehicle_id": number });
        self.shared.air.json_to_fronts(|| gone.to_string());
        metrics::gauge!("nightshift_fleet_vehicles").set(self.shared.roster.count() as f64);
        Ok(())
    }
}

/// A vehicle that will have its number when it is stored; its name counts already.
fn provisional(request: &Request) -> Vehicle {
    Vehicle {
        id: CarId(0),
        vehicle_id: request.vehicle_id,
        registered_name: request.name.clone(),
        car_name: request.name.clone(),
        side: Side::new(request.kind),
        created_at: Timestamp::Y2000,
    }
}

fn take_name(vehicle: &mut Vehicle, name: &CarName) {
    vehicle.registered_name = name.clone();
    vehicle.car_name = name.clone();
}

/// The unit of work; gives the new vehicles in their order.
async fn write(
    tx: &mut Tx,
    steps: &[(Step, VehicleId, Option<Guard>)],
    now: Timestamp,
) -> Result<Vec<Vehicle>, StoreError> {
    let mut made: HashMap<VehicleId, Vehicle> = HashMap::new();
    let mut order = Vec::new();
    let mut notes = Vec::new();
    for (step, number, guard) in steps {
        match step {
            Step::Attach(_) => {}
            Step::Rename(id, name) => {
                store::vehicle_rename_self(tx, *id, name, now).await?;
                let data = json!({ "id": id, "car_name": name });
                notes.push(NewEvent::new(now, "fleet.renamed", &id.to_string(), data));
            }
            Step::New(request) => {
                let vehicle = store::vehicle_insert(tx, request, now).await?;
                let data = json!({
                    "id": vehicle.id, "vehicle_id": number, "car_name": vehicle.car_name, "vehicle_type": request.kind,
                });
                notes.push(NewEvent::new(now, "fleet.registered", &vehicle.id.to_string(), data));
                if request.kind == Kind::Runner {
                    let event = ChaseEvent { runner: vehicle.id, outcome: Outcome::Run, at: now };
                    store::event_insert(tx, &event).await?;
                    notes.push(journal_entry(&event, vehicle.car_name.as_str()));
                }
                order.push(*number);
                made.insert(*number, vehicle);
            }
        }
        if let Some(guard) = guard {
            store::guard_set(tx, *number, guard).await?;
        }
    }
    tx.journal_many(notes).await?;
    Ok(order.iter().filter_map(|number| made.remove(number)).collect())
}

/// Gives a vehicle its seat and its actor.
pub(super) fn seat(shared: &Arc<Shared>, vehicles: &Supervisor, view: View) -> Result<Arc<Seat>, SpawnError> {
    let place = Arc::new(OnceLock::new());
    let spec = ChildSpec::new(view.vehicle.id.to_string())
        .mailbox(Mailbox::latest(VEHICLE_MAILBOX, VehicleMessage::key))
        .budget(shared.config.command_deadline * 2)
        .backoff(Backoff { first: RESTART_FIRST, max: Duration::from_secs(30) });
    let (own, own_place) = (Arc::clone(shared), Arc::clone(&place));
    let address =
        vehicles.spawn(spec, move || VehicleActor::new(Arc::clone(&own), Arc::clone(&own_place)))?;
    let seat = Arc::new(Seat::new(view, address));
    // Nobody else knows the place yet.
    let _ = place.set(Arc::clone(&seat));
    shared.roster.put(Arc::clone(&seat));
    metrics::gauge!("nightshift_fleet_vehicles").set(shared.roster.count() as f64);
    Ok(seat)
}

/// Whether orders reach a car: one of its connections speaks version 2 on the vehicles' channel.
pub(super) fn takes_orders(conn: &Conn) -> bool {
    conn.version == WireVersion::V2 && conn.channel == nightshift_domain::fleet::wire::Channel::Vehicles
}

impl Actor for Registry {
    type Message = RegistryMessage;

    async fn handle(
        &mut self,
        ctx: &Context<RegistryMessage>,
        message: RegistryMessage,
    ) -> Result<(), Fault> {
        match message {
            RegistryMessage::Register { applicant, reply } => {
                self.take(ctx, Waiting { applicant, reply }).await;
            }
            RegistryMessage::Flush => {
                self.flushing = false;
                self.flush(ctx).await;
            }
            RegistryMessage::Rename { id, name, by, reply } => {
                self.flush(ctx).await;
                reply.send(self.rename(id, name, by).await);
            }
            RegistryMessage::Remove { id, by, reply } => {
                self.flush(ctx).await;
                reply.send(self.remove(id, by).await);
            }
        }
        Ok(())
    }

    async fn stop(&mut self, ctx: &Context<RegistryMessage>) {
        self.flush(ctx).await;
    }
}
