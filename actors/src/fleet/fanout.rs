//! Tells dashboards and vehicles where everybody is: all that moved within a moment share one frame, the newest place wins.
//!
//! Owned by `fleet`. Takes only its own ticks, and keeps nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::fleet::wire::{CarPosition, Positions, ToVehicle};
use nightshift_domain::fleet::{Kind, MapId};
use nightshift_kernel::{Actor, Context, Fault};

use super::shared::Shared;

/// The moment: what a position waits for others to share its frame.
const TICK: Duration = Duration::from_millis(20);
/// Ticks between two counts of what is connected and fresh.
const COUNT_EVERY: u32 = 50;

/// What the fan-out takes.
pub(super) enum FanoutMessage {
    Tick,
}

/// The actor.
pub(super) struct Fanout {
    shared: Arc<Shared>,
    ticks: u32,
}

impl Fanout {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, ticks: 0 }
    }

    fn tell(&self) {
        let moved = self.shared.board.take_moved();
        if moved.is_empty() {
            return;
        }
        let mut by_map: BTreeMap<MapId, Vec<CarPosition>> = BTreeMap::new();
        for placed in &moved {
            let position = CarPosition { id: placed.id, x: placed.x, y: placed.y };
            by_map.entry(placed.map).or_default().push(position);
        }
        for (map, cars) in by_map {
            for frame in Positions::frames(map, &cars) {
                self.shared.air.to_front_vehicles(&frame, &self.shared.key);
            }
        }
        for runner in moved.iter().filter(|placed| placed.kind == Kind::Runner) {
            let packet = ToVehicle::Target { runner: runner.vehicle_id, x: runner.x, y: runner.y };
            self.shared.air.to_vehicles(&packet, &self.shared.key);
        }
        let now = self.shared.clock.monotonic();
        let delay = metrics::histogram!("nightshift_fleet_fanout_delay_seconds");
        moved.iter().for_each(|placed| delay.record(now.saturating_sub(placed.since).as_secs_f64()));
    }

    /// How fresh the fleet is, for dashboards of figures.
    fn count(&self) {
        use nightshift_domain::fleet::Freshness;
        let now = self.shared.now();
        let (mut online, mut stale, mut offline) = (0_u32, 0_u32, 0_u32);
        for seat in self.shared.roster.all() {
            match self.shared.freshness.judge(seat.heard_at(), seat.link(), now) {
                Freshness::Online { .. } => online += 1,
                Freshness::Stale { .. } => stale += 1,
                Freshness::Offline { .. } => offline += 1,
            }
        }
        for (word, count) in [("online", online), ("stale", stale), ("offline", offline)] {
            metrics::gauge!("nightshift_fleet_freshness_vehicles", "state" => word).set(f64::from(count));
        }
        let standing = self.shared.standing();
        let open = standing.iter().filter(|view| !view.plan.closed).count();
        metrics::gauge!("nightshift_fleet_standing_plans").set(standing.len() as f64);
        metrics::gauge!("nightshift_fleet_open_plans").set(open as f64);
    }
}

impl Actor for Fanout {
    type Message = FanoutMessage;

    async fn start(&mut self, ctx: &Context<FanoutMessage>) -> Result<(), Fault> {
        ctx.send_every(TICK, || FanoutMessage::Tick)
    }

    async fn handle(
        &mut self,
        _: &Context<FanoutMessage>,
        FanoutMessage::Tick: FanoutMessage,
    ) -> Result<(), Fault> {
        self.tell();
        self.ticks = self.ticks.wrapping_add(1);
        if self.ticks.is_multiple_of(COUNT_EVERY) {
            self.count();
        }
        Ok(())
    }
}
