//! How long a car or the runner takes to each node, in whole milliseconds, so that sums and comparisons are exact.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::fleet::map::{RoadGraph, RoadMap, Spot};

/// Milliseconds.
pub(super) type Ms = u32;
/// A node that is never reached.
pub(super) const NEVER: Ms = Ms::MAX;
/// No node: the way begins here.
pub(super) const NOWHERE: u32 = u32::MAX;
/// How fast a car comes back to the road, in metres a second.
const OFF_ROAD_MPS: f64 = 5.0;
/// Fastest runner that is believed, in metres a second.
const RUNNER_MPS_MAX: f64 = 100.0;

/// How fast both sides are taken to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TravelModel {
    /// A police car drives the speed limit times this.
    pub police_over_limit: f64,
    /// A runner drives the speed limit times this, or as fast as it was seen, whichever is more.
    pub runner_over_limit: f64,
    /// How much earlier than the runner a car must be, in milliseconds; a car that stands in its place already needs no lead.
    pub lead_ms: u32,
    /// A car this near to a node stands on it, in metres.
    pub arrived_m: f64,
}

impl Default for TravelModel {
    fn default() -> Self {
        Self { police_over_limit: 1.3, runner_over_limit: 1.3, lead_ms: 1_000, arrived_m: 10.0 }
    }
}

/// A number of the travel model is out of its range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} must be {allowed}")]
pub struct TravelModelError {
    /// Which number.
    pub field: &'static str,
    /// What it may be.
    pub allowed: &'static str,
}

impl TravelModel {
    /// Refuses what no traffic does.
    ///
    /// # Errors
    /// The first number that is out of its range.
    pub fn validated(self) -> Result<Self, TravelModelError> {
        let check =
            |field, holds, allowed| if holds { Ok(()) } else { Err(TravelModelError { field, allowed }) };
        let factor = |value: f64| (0.1..=10.0).contains(&value);
        check("police_over_limit", factor(self.police_over_limit), "0.1 to 10")?;
        check("runner_over_limit", factor(self.runner_over_limit), "0.1 to 10")?;
        check("lead_ms", (1..=60_000).contains(&self.lead_ms), "1 to 60000")?;
        check("arrived_m", (0.0..=100.0).contains(&self.arrived_m), "0 to 100")?;
        Ok(self)
    }

    /// Milliseconds of a police car on each link, rounded up.
    pub(super) fn police_ms(&self, graph: &RoadGraph) -> Vec<Ms> {
        let mps = |limit_kmh: f64| limit_kmh * self.police_over_limit / 3.6;
        let ms = |link: &crate::fleet::map::Link| {
            whole((link.length_m / mps(link.speed_limit_kmh) * 1_000.0).ceil())
        };
        graph.links().iter().map(ms).collect()
    }

    /// Milliseconds of a runner on each link, rounded down.
    pub(super) fn runner_ms(&self, graph: &RoadGraph, seen_mps: f64) -> Vec<Ms> {
        let seen_mps = if seen_mps.is_nan() { 0.0 } else { seen_mps.clamp(0.0, RUNNER_MPS_MAX) };
        let mps = |limit_kmh: f64| (limit_kmh * self.runner_over_limit / 3.6).max(seen_mps);
        let ms = |link: &crate::fleet::map::Link| {
            whole((link.length_m / mps(link.speed_limit_kmh) * 1_000.0).floor())
        };
        graph.links().iter().map(ms).collect()
    }

    /// Whether a car that needs `car` milliseconds holds a node that the runner needs `runner` milliseconds to.
    pub(super) fn holds(&self, car: Ms, runner: Ms) -> bool {
        if car == 0 { runner > 0 } else { car != NEVER && car.saturating_add(self.lead_ms) <= runner }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a positive number, saturating")]
fn whole(ms: f64) -> Ms {
    (ms.max(0.0) as Ms).min(NEVER - 1)
}

/// When each node is reached, and from which one.
#[derive(Debug, Clone)]
pub(super) struct Arrivals {
    pub(super) ms: Vec<Ms>,
    pub(super) from: Vec<u32>,
}

/// When a runner at `spot` reaches each node. What lies beside the road is no hindrance to it.
pub(super) fn runner_arrivals(graph: &RoadGraph, spot: Spot, link_ms: &[Ms]) -> Arrivals {
    let ms = |part: f64| whole((f64::from(link_ms[spot.link]) * part).floor());
    dijkstra(graph, &ends(graph, spot, ms), link_ms)
}

/// When a police car at `spot` reaches each node.
pub(super) fn police_arrivals(map: &RoadMap, spot: Spot, link_ms: &[Ms], arrived_m: f64) -> Vec<Ms> {
    let beside_ms = spot.beside_m / OFF_ROAD_MPS * 1_000.0;
    let ms = |part: f64| whole((f64::from(link_ms[spot.link]) * part + beside_ms).ceil());
    let starts = ends(&map.graph, spot, ms);
    let mut arrivals = dijkstra(&map.graph, &starts, link_ms).ms;
    let link = &map.graph.links()[spot.link];
    for (node, part) in [(link.from, spot.part), (link.to, 1.0 - spot.part)] {
        if part * link.length_m + spot.beside_m <= arrived_m {
            arrivals[node] = 0;
        }
    }
    arrivals
}

/// The ends of the link that can be driven to from `spot`, and how long that takes.
fn ends(graph: &RoadGraph, spot: Spot, ms: impl Fn(f64) -> Ms) -> Vec<(usize, Ms)> {
    let link = &graph.links()[spot.link];
    let back = (!link.one_way || spot.part == 0.0).then(|| (link.from, ms(spot.part)));
    std::iter::once((link.to, ms(1.0 - spot.part))).chain(back).collect()
}

fn dijkstra(graph: &RoadGraph, starts: &[(usize, Ms)], link_ms: &[Ms]) -> Arrivals {
    let mut ms = vec![NEVER; graph.nodes().len()];
    let mut from = vec![NOWHERE; graph.nodes().len()];
    let mut queue = BinaryHeap::new();
    for (node, at) in starts {
        if *at < ms[*node] {
            ms[*node] = *at;
            queue.push(Reverse((*at, u32::try_from(*node).expect("limits are far below"))));
        }
    }
    while let Some(Reverse((at, node))) = queue.pop() {
        if at > ms[node as usize] {
            continue;
        }
        for arc in graph.leaving(node as usize) {
            let then = at.saturating_add(link_ms[arc.link as usize]);
            if then < ms[arc.to as usize] {
                ms[arc.to as usize] = then;
                from[arc.to as usize] = node;
                queue.push(Reverse((then, arc.to)));
            }
        }
    }
    Arrivals { ms, from }
}
