//! A vehicle: where it is, how it is, how its chase stands, and whether its last word still counts.
//!
//! Owned by `fleet/vehicle`, one for each registered vehicle. Takes what its frames say, which were authenticated at the
//! door. Positions wait by the latest-wins rule: a vehicle that sends faster than the plant can keep up is heard with its
//! newest word. What has to be stored is stored before anybody hears of it, but positions, which are told at once and
//! stored in the background. After a crash the next life reads the vehicle and its chase from the store.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use nightshift_domain::fleet::wire::ErrorCode;
use nightshift_domain::fleet::{
    Chase, ChaseEvent, Details, Freshness, Kind, Outcome, Side, breaks_down, nearest_runner,
};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::StoreError;
use nightshift_store::fleet as store;
use nightshift_store::fleet::PositionRow;
use serde_json::json;

use super::board::{Fix, Placed};
use super::dispatcher::DispatcherMessage;
use super::link::Answerer;
use super::roster::Seat;
use super::shared::{BACKGROUND_WRITE, Shared};
use crate::writer::WriteError;

/// Time between two looks at how fresh it is.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What a vehicle takes.
pub(super) enum VehicleMessage {
    /// It said where it is.
    Position {
        /// Metres east.
        x: f32,
        /// Metres north.
        y: f32,
        /// When the frame came.
        at: Timestamp,
        /// The same by the monotonic clock.
        since: Duration,
    },
    /// It said how it is.
    Status { details: Details, answer: Answerer },
    /// It registered again: a runner's chase may begin anew.
    Registered,
    /// A police car caught it, or failed to, says `answer`'s sender or a rule.
    Chased { outcome: Outcome, catcher: Arc<Seat>, answer: Option<Answerer> },
    /// Look how fresh it is.
    Look,
}

impl VehicleMessage {
    /// Of positions only the newest has to wait.
    pub(super) fn key(&self) -> Option<u64> {
        matches!(self, Self::Position { .. }).then_some(0)
    }
}

/// The actor.
pub(super) struct VehicleActor {
    shared: Arc<Shared>,
    /// Filled once the vehicle has its seat, which is right after its actor was made.
    seat: Arc<OnceLock<Arc<Seat>>>,
    /// What the journal was last told of its freshness.
    told_online: bool,
}

impl VehicleActor {
    pub(super) fn new(shared: Arc<Shared>, seat: Arc<OnceLock<Arc<Seat>>>) -> Self {
        Self { shared, seat, told_online: false }
    }

    async fn seat(&self) -> Arc<Seat> {
        loop {
            match self.seat.get() {
                Some(seat) => return Arc::clone(seat),
                None => tokio::task::yield_now().await,
            }
        }
    }

    /// Reads the vehicle as it is stored: what an earlier life had in memory may be newer than what it stored, or older.
    async fn read_back(&self, seat: &Seat) -> Result<(), Fault> {
        let gone = |error| Fault::new(format!("the vehicle cannot be read: {error}"));
        let vehicle = store::vehicle_find(&self.shared.db, seat.id).await.map_err(gone)?;
        let chase = match seat.kind {
            Kind::Runner => store::chase_of(&self.shared.db, seat.id).await.map_err(gone)?,
            Kind::Police => None,
        };
        // A removed one is about to be stopped.
        let Some(vehicle) = vehicle else { return Ok(()) };
        seat.change(|view| {
            view.vehicle.side = vehicle.side;
            view.chase = chase;
        });
        if self.shared.board.get(seat.id).is_none()
            && let Some(row) = store::position_latest(&self.shared.db, seat.id).await.map_err(gone)?
        {
            #[expect(clippy::cast_possible_truncation, reason = "it came as f32")]
            let (x, y) = (row.x as f32, row.y as f32);
            let since = self.shared.clock.monotonic();
            let fix =
                Fix { id: seat.id, vehicle_id: seat.vehicle_id, kind: seat.kind, x, y, at: row.at, since };
            self.shared.board.recall(fix, row.map);
        }
        Ok(())
    }

    fn moved(&self, seat: &Arc<Seat>, x: f32, y: f32, at: Timestamp, since: Duration) {
        let fixed = self.shared.config.map_of(seat.vehicle_id);
        let fix = Fix { id: seat.id, vehicle_id: seat.vehicle_id, kind: seat.kind, x, y, at, since };
        let placed = self.shared.board.put(&self.shared.maps, fixed, fix);
        let [x, y] = placed.at_m();
        self.shared.trail.push(PositionRow { car: seat.id, at, map: placed.map, x, y });
        metrics::counter!("nightshift_fleet_positions_total").increment(1);
        if seat.is_at_large() {
            self.shared.dispatch(placed.map, DispatcherMessage::Runner(seat.id));
        }
        self.capture(seat, &placed);
    }

    /// The rule that a police car near enough has caught the runner, when the configuration sets it.
    fn capture(&self, seat: &Arc<Seat>, placed: &Placed) {
        let Some(rule) = self.shared.capture else { return };
        let others = |kind| self.shared.board.on(placed.map, kind).into_iter();
        let runners: Vec<Placed> = match seat.kind {
            Kind::Runner => vec![*placed],
            Kind::Police => others(Kind::Runner).collect(),
        };
        let now = self.shared.now();
        for runner in runners {
            let Some(runner_seat) = self.shared.roster.by_id(runner.id).filter(|s| s.is_at_large()) else {
                continue;
            };
            let police: Vec<Placed> = match seat.kind {
                Kind::Police => vec![*placed],
                Kind::Runner => others(Kind::Police).collect(),
            };
            let fit =
                |p: &Placed| self.shared.roster.by_id(p.id).is_some_and(|s| self.shared.is_fit(&s, now));
            let police = police.into_iter().filter(fit).map(|p| (p.id, p.at_m()));
            if let Some(catcher_id) = rule.catcher(runner.at_m(), police)
                && let Some(catcher) = self.shared.roster.by_id(catcher_id)
            {
                let outcome = Outcome::Catch { catcher_id };
                let message = VehicleMessage::Chased { outcome, catcher, answer: None };
                let _ = runner_seat.address.try_send(message);
            }
        }
    }

    /// A police car's report.
    async fn reported(&self, seat: &Arc<Seat>, details: Details, answer: &Answerer) {
        let Some(before) = seat.view().vehicle.details() else {
            answer.nack(ErrorCode::InvalidData);
            return;
        };
        let (now, id) = (self.shared.now(), seat.id);
        let dented = before.status != details.status;
        let name = seat.view().vehicle.car_name.as_str().to_owned();
        let write = self.shared.writer.run(self.shared.config.command_deadline, move |tx| {
            Box::pin(async move {
                store::vehicle_status(tx, id, details, now).await?;
                if dented {
                    let data = json!({ "id": id, "car_name": name, "status": details.status });
                    tx.journal(NewEvent::new(now, "fleet.damaged", &id.to_string(), data)).await?;
                }
                Ok::<_, StoreError>(())
            })
        });
        if let Err(error) = write.await {
            answer.failed(&error);
            return;
        }
        seat.change(|view| view.vehicle.side = Side::Police(details));
        metrics::counter!("nightshift_fleet_statuses_total").increment(1);
        let state = seat.view().vehicle.state();
        if let Some(state) = state {
            self.shared.air.to_front_vehicles(&state, &self.shared.key);
        }
        if self.shared.capture.is_some() && breaks_down(&before, &details) {
            self.broke_down(seat);
        }
    }

    /// A car that breaks down fails the chase that it is in: that of its order, else of the nearest runner.
    fn broke_down(&self, seat: &Arc<Seat>) {
        let nearest = || {
            let own = self.shared.board.get(seat.id)?;
            let at_large = |p: &Placed| self.shared.roster.by_id(p.id).is_some_and(|s| s.is_at_large());
            let runners = self.shared.board.on(own.map, Kind::Runner).into_iter().filter(at_large);
            nearest_runner(own.at_m(), runners.map(|p| (p.id, p.at_m())))
        };
        let runner = self.shared.chased_by(seat.id).or_else(nearest);
        if let Some(runner) = runner.and_then(|id| self.shared.roster.by_id(id)) {
            let outcome = Outcome::Failed { catcher_id: seat.id };
            let message = VehicleMessage::Chased { outcome, catcher: Arc::clone(seat), answer: None };
            let _ = runner.address.try_send(message);
        }
    }

    /// A runner registered: its chase begins unless it is under way.
    async fn registered(&self, seat: &Arc<Seat>) -> Result<(), WriteError> {
        if seat.kind != Kind::Runner {
            return Ok(());
        }
        let now = self.shared.now();
        let (chase, begins) = Chase::registered(seat.view().chase, now);
        if begins {
            let event = ChaseEvent { runner: seat.id, outcome: Outcome::Run, at: now };
            keep(&self.shared, &event, seat, BACKGROUND_WRITE).await?;
            seat.change(|view| view.chase = Some(chase));
            tell(&self.shared, &event, seat, None);
        }
        Ok(())
    }

    /// Somebody says that it was caught, or that it got away.
    async fn chased(
        &self,
        seat: &Arc<Seat>,
        outcome: Outcome,
        catcher: &Arc<Seat>,
        answer: Option<&Answerer>,
    ) {
        let chase = seat.view().chase;
        let event = ChaseEvent { runner: seat.id, outcome, at: self.shared.now() };
        let Some(chase) = chase.filter(Chase::is_running) else {
            // The first report counts. Whoever reports again is told again what was confirmed.
            if let (Some(answer), Some(Chase::Caught { catcher_id, .. })) = (answer, chase) {
                let known = self.shared.roster.by_id(catcher_id);
                answer.confirm(known.map_or(catcher.vehicle_id, |c| c.vehicle_id), seat.vehicle_id);
            }
            return;
        };
        let kept = keep(&self.shared, &event, seat, self.shared.config.command_deadline).await;
        if let Err(error) = kept {
            match answer {
                Some(answer) => answer.failed(&error),
                None => {
                    tracing::warn!(error = %error, "a capture could not be stored; the next position tries again")
                }
            }
            return;
        }
        seat.change(|view| view.chase = Some(chase.after(&event)));
        tell(&self.shared, &event, seat, Some(catcher));
        if matches!(outcome, Outcome::Catch { .. }) {
            self.shared.dispatch_all(|| DispatcherMessage::Ended(seat.id));
        }
    }

    /// Journals when the vehicle is lost and found again.
    fn look(&mut self, seat: &Seat) {
        let now = self.shared.now();
        let (online, reason) = match self.shared.freshness.judge(seat.heard_at(), seat.link(), now) {
            Freshness::Online { .. } => (true, None),
            // Being late is shown, but no event: it comes and goes.
            Freshness::Stale { .. } => return,
            Freshness::Offline { reason, .. } => (false, Some(reason)),
        };
        if online == self.told_online {
            return;
        }
        self.told_online = online;
        let kind = if online { "fleet.online" } else { "fleet.offline" };
        let name = seat.view().vehicle.car_name.as_str().to_owned();
        let data =
            json!({ "id": seat.id, "vehicle_id": seat.vehicle_id, "car_name": name, "reason": reason });
        self.shared.trail.note(NewEvent::new(now, kind, &seat.id.to_string(), data));
        if !online {
            self.shared.dispatch_all(|| DispatcherMessage::Ended(seat.id));
        }
    }
}

/// Keeps an event of a chase and journals it.
pub(super) async fn keep(
    shared: &Shared,
    event: &ChaseEvent,
    runner: &Seat,
    deadline: Duration,
) -> Result<(), WriteError> {
    let (event, name) = (*event, runner.view().vehicle.car_name.as_str().to_owned());
    let write = shared.writer.run(deadline, move |tx| {
        Box::pin(async move {
            store::event_insert(tx, &event).await?;
            tx.journal(journal_entry(&event, &name)).await.map(|_| ())
        })
    });
    write.await
}

/// An event of a chase as the journal has it.
pub(super) fn journal_entry(event: &ChaseEvent, runner_name: &str) -> NewEvent {
    let kind = match event.outcome {
        Outcome::Run => "fleet.run",
        Outcome::Catch { .. } => "fleet.catch",
        Outcome::Failed { .. } => "fleet.failed",
    };
    let data = json!({ "runner_id": event.runner, "car_name": runner_name, "catcher_id": event.catcher() });
    NewEvent::new(event.at, kind, &event.runner.to_string(), data)
}

/// Tells dashboards and vehicles of an event that was stored.
pub(super) fn tell(shared: &Shared, event: &ChaseEvent, runner: &Seat, catcher: Option<&Arc<Seat>>) {
    let word = match event.outcome {
        Outcome::Run => "run",
        Outcome::Catch { .. } => "catch",
        Outcome::Failed { .. } => "failed",
    };
    metrics::counter!("nightshift_fleet_events_total", "status" => word).increment(1);
    shared.air.to_front_events(&event.to_front(), &shared.key);
    if let Some(packet) = event.to_vehicles(runner.vehicle_id, catcher.map(|c| c.vehicle_id)) {
        shared.air.to_vehicles(&packet, &shared.key);
    }
}

impl Actor for VehicleActor {
    type Message = VehicleMessage;

    async fn start(&mut self, ctx: &Context<VehicleMessage>) -> Result<(), Fault> {
        let seat = self.seat().await;
        self.read_back(&seat).await?;
        self.told_online = false;
        ctx.send_every(LOOK_INTERVAL, || VehicleMessage::Look)
    }

    async fn handle(&mut self, _: &Context<VehicleMessage>, message: VehicleMessage) -> Result<(), Fault> {
        let seat = self.seat().await;
        match message {
            VehicleMessage::Position { x, y, at, since } => self.moved(&seat, x, y, at, since),
            VehicleMessage::Status { details, answer } => self.reported(&seat, details, &answer).await,
            VehicleMessage::Registered => {
                if let Err(error) = self.registered(&seat).await {
                    tracing::warn!(error = %error, "a chase could not begin; the next registration tries again");
                }
            }
            VehicleMessage::Chased { outcome, catcher, answer } => {
                self.chased(&seat, outcome, &catcher, answer.as_ref()).await;
            }
            VehicleMessage::Look => self.look(&seat),
        }
        Ok(())
    }
}
