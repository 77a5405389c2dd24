//! Plans the roadblocks of one map and sends the cars.
//!
//! Owned by `fleet`, one for each map. Takes the word that a runner moved, at most the newest for each; works its plan out again at
//! most five times a second, on a thread where that may take its time. Orders go to cars of version 2, plans to dashboards.
//! After a crash it plans anew; its numbers go on above all that were given out, which the store knows in blocks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use nightshift_domain::fleet::map::RoadMap;
use nightshift_domain::fleet::plan::{Dispatch, Order, Plan, PlanError, Planner, Seen, TravelModel};
use nightshift_domain::fleet::wire::{Command, ToVehicleV2};
use nightshift_domain::fleet::{CarId, Kind, MapId};
use nightshift_domain::{NewEvent, Timestamp};
use nightshift_kernel::{Actor, Context, Fault};
use nightshift_store::system::{setting_get, setting_set};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use super::board::Placed;
use super::registry::takes_orders;
use super::shared::{BACKGROUND_WRITE, Shared, lock};

/// Plan numbers that are set aside in the store at once.
const NUMBERS: u32 = 1_000;
/// The next block is set aside when so many are left.
const NUMBERS_LOW: u32 = 100;
/// Dashboards hear of a plan that changed in nothing but its times this often.
const REFRESH: Duration = Duration::from_secs(1);
/// Time between two looks at plans whose runners say nothing.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// What a dispatcher takes.
pub(super) enum DispatcherMessage {
    /// A runner moved.
    Runner(CarId),
    /// A plan that was put off is due.
    Due(CarId),
    /// A runner was caught or is gone; of any other vehicle it says nothing here.
    Ended(CarId),
    /// A car has begun a new session: it may have missed its orders.
    Rejoined(CarId),
    /// End what stands for runners that are gone, whoever forgot to say so.
    Look,
}

impl DispatcherMessage {
    /// Of a runner's moves only the newest has to wait.
    pub(super) fn key(&self) -> Option<u64> {
        match self {
            Self::Runner(id) => Some(u64::from(id.0)),
            _ => None,
        }
    }
}

/// A standing plan as dashboards see it.
#[derive(Debug, Clone, PartialEq)]
pub struct PlanView {
    /// The plan.
    pub plan: Plan,
    /// The cars that were sent their order. One that speaks version 1, or is not connected, has to be told by people.
    pub told: BTreeSet<CarId>,
}

impl Serialize for PlanView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.json().serialize(serializer)
    }
}

impl PlanView {
    /// The plan's own form, with `told` in each assignment and in the chaser.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut plan = serde_json::to_value(&self.plan).unwrap_or(Value::Null);
        let assignments = plan.get_mut("assignments").and_then(Value::as_array_mut);
        for (json, assignment) in assignments.into_iter().flatten().zip(&self.plan.assignments) {
            json["told"] = Value::from(self.told.contains(&assignment.id));
        }
        if let Some(chaser) = self.plan.chaser {
            plan["chaser"]["told"] = Value::from(self.told.contains(&chaser.id));
        }
        plan
    }

    /// As a dashboard's socket carries it.
    pub(super) fn message(&self) -> String {
        let mut json = self.json();
        json["type"] = Value::from("plan");
        json.to_string()
    }

    fn says_the_same(&self, other: &Self) -> bool {
        let (a, b) = (&self.plan, &other.plan);
        (a.plan_no, a.closed, &a.escapes, &self.told) == (b.plan_no, b.closed, &b.escapes, &other.told)
    }
}

/// The actor.
pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    map: Arc<RoadMap>,
    /// Away on its thread while it plans.
    dispatch: Option<Dispatch>,
    /// The highest number given out, and the highest set aside.
    numbers: (u32, u32),
    /// Runners whose plan was put off.
    put_off: BTreeSet<CarId>,
    /// What dashboards were last told, and when.
    shown: BTreeMap<CarId, (Arc<PlanView>, Timestamp)>,
}

impl Dispatcher {
    pub(super) fn new(shared: Arc<Shared>, map: Arc<RoadMap>) -> Self {
        let (put_off, shown) = (BTreeSet::new(), BTreeMap::new());
        Self { shared, map, dispatch: None, numbers: (0, 0), put_off, shown }
    }

    fn map_id(&self) -> MapId {
        self.map.about.map_id
    }

    fn setting(&self) -> String {
        format!("fleet.plan_no.{}", self.map_id())
    }

    /// Sets numbers aside, so that none is given out twice, whatever happens.
    async fn set_aside(&mut self) {
        let (setting, until) = (self.setting(), self.numbers.1.saturating_add(NUMBERS));
        let write = self.shared.writer.run(BACKGROUND_WRITE, move |tx| {
            Box::pin(async move { setting_set(tx, &setting, &until).await })
        });
        match write.await {
            Ok(()) => self.numbers.1 = until,
            Err(error) => tracing::warn!(error = %error, "plan numbers cannot be set aside"),
        }
    }

    async fn runner_moved(&mut self, ctx: &Context<DispatcherMessage>, runner: CarId) -> Result<(), Fault> {
        let now = self.shared.now();
        let due = self.dispatch.as_ref().and_then(|dispatch| dispatch.due_at(runner));
        if let Some(due) = due.filter(|due| *due > now) {
            if self.put_off.insert(runner) {
                ctx.send_after(due.since(now), DispatcherMessage::Due(runner))?;
            }
            return Ok(());
        }
        self.replan(runner, now).await
    }

    async fn replan(&mut self, runner: CarId, now: Timestamp) -> Result<(), Fault> {
        let at_large = self.shared.roster.by_id(runner).is_some_and(|seat| seat.is_at_large());
        let placed = self.shared.board.get(runner).filter(|p| at_large && p.map == self.map_id());
        let Some(placed) = placed else {
            self.end(runner);
            return Ok(());
        };
        if self.numbers.0.saturating_add(NUMBERS_LOW) >= self.numbers.1 {
            self.set_aside().await;
            if self.numbers.0 >= self.numbers.1 {
                return Ok(());
            }
        }
        let cars = self.cars(now);
        let Some(mut dispatch) = self.dispatch.take() else {
            return Err(Fault::new("the planner was lost"));
        };
        let started = self.shared.clock.monotonic();
        // It may take tens of milliseconds, which other actors' threads do not have.
        let planned = tokio::task::spawn_blocking(move || {
            let outcome = dispatch.replan(seen(&placed), placed.mps, &cars, now);
            (dispatch, outcome)
        });
        let (dispatch, outcome) = planned.await.map_err(|_| Fault::new("the planner panicked"))?;
        self.dispatch = Some(dispatch);
        let took = self.shared.clock.monotonic().saturating_sub(started);
        metrics::histogram!("nightshift_fleet_replan_duration_seconds").record(took.as_secs_f64());
        match outcome {
            Ok((plan, orders)) => self.publish(plan, &orders, now),
            Err(PlanError::OffMap) => {
                metrics::counter!("nightshift_fleet_off_map_total").increment(1);
            }
            Err(error @ PlanError::Exhausted) => return Err(Fault::new(error.to_string())),
        }
        Ok(())
    }

    /// The police cars that can be counted on.
    fn cars(&self, now: Timestamp) -> Vec<Seen> {
        let police = self.shared.board.on(self.map_id(), Kind::Police).into_iter();
        let fit = |p: &Placed| {
            let seat = self.shared.roster.by_id(p.id);
            seat.is_some_and(|seat| self.shared.is_fit(&seat, now))
        };
        police.filter(fit).map(|p| seen(&p)).collect()
    }

    /// Sends the orders and shows the plan.
    fn publish(&mut self, plan: Plan, orders: &[Order], now: Timestamp) {
        let runner = plan.runner_id;
        let before = self.shown.get(&runner);
        let is_new = before.is_none_or(|(view, _)| view.plan.plan_no != plan.plan_no);
        let mut told =
            if is_new { BTreeSet::new() } else { before.map(|(v, _)| v.told.clone()).unwrap_or_default() };
        told.extend(self.send(orders));
        self.numbers.0 = self.numbers.0.max(plan.plan_no);
        if is_new {
            metrics::counter!("nightshift_fleet_plans_total", "closed" => if plan.closed { "yes" } else { "no" })
                .increment(1);
            let cars: Vec<CarId> = plan.assignments.iter().map(|a| a.id).collect();
            let chaser = plan.chaser.map(|chaser| chaser.id);
            let data = json!({
                "runner_id": runner, "map_id": plan.map_id, "cars": cars, "chaser_id": chaser, "closed": plan.closed,
                "escapes": plan.escapes.len(), "proven": plan.proven,
            });
            self.shared.trail.note(NewEvent::new(now, "fleet.plan", &plan.plan_no.to_string(), data));
        }
        let view = Arc::new(PlanView { plan, told });
        let mut plans = self.shared.plans.write().unwrap_or_else(PoisonError::into_inner);
        plans.insert(runner, Arc::clone(&view));
        drop(plans);
        let shown = self.shown.get(&runner);
        if shown.is_none_or(|(last, at)| !last.says_the_same(&view) || now.since(*at) >= REFRESH) {
            self.shared.air.json_to_fronts(|| view.message());
            self.shown.insert(runner, (view, now));
        }
    }

    /// Sends orders; gives the cars that got theirs.
    fn send(&self, orders: &[Order]) -> Vec<CarId> {
        let mut told = Vec::new();
        for order in orders {
            let word = match order.frame {
                ToVehicleV2::Deploy { .. } => "deploy",
                ToVehicleV2::Control { command: Command::Resume, .. } => "chase",
                _ => "control",
            };
            let reached = self.reach(order);
            let outcome = if reached { "sent" } else { "unreachable" };
            metrics::counter!("nightshift_fleet_orders_total", "order" => word, "outcome" => outcome)
                .increment(1);
            if reached && word != "control" {
                told.push(order.car);
            }
        }
        told
    }

    /// Sends an order on every connection that carries the car's session.
    fn reach(&self, order: &Order) -> bool {
        let Some(seat) = self.shared.roster.by_id(order.car) else { return false };
        let Some(speaker) = self.shared.speakers.get(order.vehicle_id) else { return false };
        let conns = seat.conns();
        let mut speech = lock(&speaker);
        let conns = conns.iter().filter(|conn| takes_orders(conn));
        let mut reached = false;
        for conn in conns {
            reached |= conn.say_to(&mut speech, &order.frame).is_ok();
        }
        reached
    }

    /// Ends a runner's plan.
    fn end(&mut self, runner: CarId) {
        let Some(dispatch) = &mut self.dispatch else { return };
        let orders = dispatch.end(runner);
        self.send(&orders);
        self.put_off.remove(&runner);
        let Some((view, _)) = self.shown.remove(&runner) else { return };
        self.shared.plans.write().unwrap_or_else(PoisonError::into_inner).remove(&runner);
        let ended = json!({ "type": "plan_ended", "runner_id": runner, "plan_no": view.plan.plan_no });
        self.shared.air.json_to_fronts(|| ended.to_string());
    }

    /// Ends plans for runners that are no longer heard, or no longer here, and gives cars their orders that have missed them:
    /// what said so may have found the mailbox full.
    fn look(&mut self) {
        let now = self.shared.now();
        let here = |id: CarId| {
            let seat = self.shared.roster.by_id(id).filter(|s| s.is_at_large() && self.shared.is_fit(s, now));
            seat.is_some() && self.shared.board.get(id).is_some_and(|p| p.map == self.map_id())
        };
        let gone: Vec<CarId> = self.shown.keys().copied().filter(|id| !here(*id)).collect();
        gone.into_iter().for_each(|id| self.end(id));
        let plans = self.dispatch.iter().flat_map(Dispatch::plans);
        let parts = plans.flat_map(|plan| plan.cars().map(move |car| (plan.runner_id, car)));
        let told = |(runner, car): &(CarId, CarId)| {
            self.shown.get(runner).is_none_or(|(view, _)| view.told.contains(car))
        };
        let missed: Vec<CarId> =
            parts.filter(|part| !told(part) && self.hears(part.1)).map(|(_, car)| car).collect();
        missed.into_iter().for_each(|car| self.remind(car));
    }

    /// Whether a car is connected and in an open session.
    fn hears(&self, car: CarId) -> bool {
        let Some(seat) = self.shared.roster.by_id(car) else { return false };
        let Some(speaker) = self.shared.speakers.get(seat.vehicle_id) else { return false };
        let in_session = lock(&speaker).outbox.is_some();
        in_session && seat.conns().iter().any(|conn| takes_orders(conn))
    }

    /// Says a car's order once more.
    fn remind(&mut self, car: CarId) {
        let Some(dispatch) = &self.dispatch else { return };
        let in_it = |plan: &&Plan| plan.involves(car);
        let Some(runner) = dispatch.plans().find(in_it).map(|plan| plan.runner_id) else { return };
        let orders: Vec<Order> = dispatch.repeat(runner).into_iter().filter(|o| o.car == car).collect();
        let told = self.send(&orders);
        if let Some((view, at)) = self.shown.get(&runner).filter(|_| !told.is_empty()) {
            let mut view = PlanView::clone(view);
            view.told.extend(told);
            let view = Arc::new(view);
            self.shared.air.json_to_fronts(|| view.message());
            self.shared
                .plans
                .write()
                .unwrap_or_else(PoisonError::into_inner)
                .insert(runner, Arc::clone(&view));
            let at = *at;
            self.shown.insert(runner, (view, at));
        }
    }
}

fn seen(placed: &Placed) -> Seen {
    Seen { id: placed.id, vehicle_id: placed.vehicle_id, at_m: placed.at_m() }
}

impl Actor for Dispatcher {
    type Message = DispatcherMessage;

    async fn start(&mut self, ctx: &Context<DispatcherMessage>) -> Result<(), Fault> {
        ctx.send_every(LOOK_INTERVAL, || DispatcherMessage::Look)?;
        // What an earlier life had shown is over: its cars get new orders with higher numbers.
        let own = self.map_id();
        self.shared
            .plans
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|_, view| view.plan.map_id != own);
        let planner = Planner::new(Arc::clone(&self.map), TravelModel::default());
        let planner = planner.map_err(|error| Fault::new(error.to_string()))?;
        let known = setting_get::<u32>(&self.shared.db, &self.setting()).await;
        let known = known.map_err(|error| Fault::new(format!("plan numbers cannot be read: {error}")))?;
        let last = known.unwrap_or(0);
        self.numbers = (last, last);
        self.dispatch = Some(Dispatch::new(planner, last));
        Ok(())
    }

    async fn handle(
        &mut self,
        ctx: &Context<DispatcherMessage>,
        message: DispatcherMessage,
    ) -> Result<(), Fault> {
        match message {
            DispatcherMessage::Runner(runner) => self.runner_moved(ctx, runner).await?,
            DispatcherMessage::Due(runner) => {
                if self.put_off.remove(&runner) {
                    self.runner_moved(ctx, runner).await?;
                }
            }
            DispatcherMessage::Ended(runner) => self.end(runner),
            DispatcherMessage::Rejoined(car) => self.remind(car),
            DispatcherMessage::Look => self.look(),
        }
        Ok(())
    }
}
