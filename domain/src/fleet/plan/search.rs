//! Which nodes to block, and by which car: branch and bound over who may hold what.
//!
//! If one car could hold many nodes, a minimum cut with each node's price at its quickest car would be the answer. So that
//! cut is the bound; where it names one car twice, two cases are tried: the car is not for the one node, or for no other. A second bound
//! are disjoint ways of escape: each needs a car of its own somewhere on it, which is a matching. Both together leave few cases.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::effort::Effort;
use super::flow::{ENDLESS, Topology};
use super::matching::cheapest;
use super::travel::Ms;

/// The price of a node beside that of its car. Larger than all cars' times together, so that fewer nodes always win.
pub(super) const NODE_PRICE: u64 = 1 << 40;
/// How often each arc is looked at to bound one case, as measured.
const LOOK_PASSES: u64 = 8;

/// A node that may be blocked.
#[derive(Debug, Clone)]
pub(super) struct Slot<'a> {
    /// Its index in the road graph.
    pub(super) node: u32,
    /// The arc whose cutting blocks it.
    pub(super) arc: u32,
    /// Who can hold it, quickest first.
    pub(super) holders: &'a [(u16, Ms)],
}

/// A network whose cheapest cut is looked for.
pub(super) struct Arena<'a> {
    pub(super) topology: &'a Topology,
    /// Capacities; those of the slots' arcs are set here.
    pub(super) left: Vec<u64>,
    pub(super) source: u32,
    pub(super) sink: u32,
    pub(super) slots: Vec<Slot<'a>>,
    /// Disjoint ways of escape, each as the slots on it.
    pub(super) ways: Vec<Vec<usize>>,
    /// What each node costs beside its car; 0 where all cuts have the same size.
    pub(super) node_price: u64,
    /// How many cars there are.
    pub(super) cars: usize,
}

/// A cut and its holders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Node and car.
    pub(super) places: Vec<(u32, u16)>,
    /// Travel time of all together.
    pub(super) cost_ms: u64,
}

/// `car` is only for `slot`, or not for it.
#[derive(Debug, Clone, Copy)]
struct Choice {
    car: u16,
    slot: usize,
    only: bool,
}

struct Open {
    choices: Vec<Choice>,
    conflict: (u16, usize),
}

/// Looks for the cheapest cut with a car for each node. False when the effort was spent before it was proven to be that.
pub(super) fn search(arena: &Arena<'_>, effort: &mut Effort) -> (Option<Found>, bool) {
    let mut best: Option<(u64, Found)> = None;
    let mut open = Vec::<Open>::new();
    let mut queue = BinaryHeap::new();
    let mut cases = vec![Vec::new()];
    loop {
        for choices in cases.drain(..) {
            let looks = arena.topology.arcs() + arena.slots.len() * (arena.cars + Vec::len(&choices));
            if !effort.spend(looks, LOOK_PASSES) {
                return (best.map(|(_, found)| found), false);
            }
            if let Some((bound, conflict)) = arena.look(&choices, &mut best) {
                open.push(Open { choices, conflict });
                queue.push(Reverse((bound, open.len() - 1)));
            }
        }
        let Some(Reverse((bound, number))) = queue.pop() else { break };
        if best.as_ref().is_some_and(|(total, _)| *total <= bound) {
            break;
        }
        let Open { choices, conflict: (car, slot) } = &open[number];
        cases.extend([true, false].map(|only| {
            let choice = Choice { car: *car, slot: *slot, only };
            choices.iter().copied().chain([choice]).collect()
        }));
    }
    (best.map(|(_, found)| found), true)
}

impl Arena<'_> {
    /// Bounds one case from below. `None` when nothing better than `best` can be in it, or when it was solved on the spot.
    fn look(&self, choices: &[Choice], best: &mut Option<(u64, Found)>) -> Option<(u64, (u16, usize))> {
        let limit = best.as_ref().map_or(ENDLESS, |(total, _)| *total);
        let allowed = self.allowed(choices);
        let ways = self.ways_bound(&allowed)?;
        let quickest: Vec<Option<(u16, Ms)>> =
            (0..self.slots.len()).map(|slot| self.holders(slot, &allowed).next()).collect();
        let mut left = self.left.clone();
        for (slot, holder) in self.slots.iter().zip(&quickest) {
            left[slot.arc as usize] = holder.map_or(ENDLESS, |(_, ms)| self.node_price + u64::from(ms));
        }
        let bound = self.topology.push(&mut left, self.source, self.sink, limit);
        if bound >= limit || ways >= limit {
            return None;
        }
        let reached = self.topology.reached(&left, self.source);
        let crossed = |slot: &usize| {
            let arc = self.slots[*slot].arc;
            reached[self.topology.tail(arc) as usize] && !reached[self.topology.head(arc) as usize]
        };
        let cut: Vec<usize> = (0..self.slots.len()).filter(crossed).collect();
        self.try_cut(&cut, best);
        let limit = best.as_ref().map_or(ENDLESS, |(total, _)| *total);
        let conflict = self.conflict(&cut, &quickest, &allowed)?;
        let bound = bound.max(ways);
        (bound < limit).then_some((bound, conflict))
    }

    /// The cars that may hold each slot in one case, as bits.
    fn allowed(&self, choices: &[Choice]) -> Vec<u32> {
        let mut allowed = vec![u32::MAX; self.slots.len()];
        for Choice { car, slot, only } in choices {
            let (others, before) = (!(1 << car), allowed[*slot]);
            if *only {
                allowed.iter_mut().for_each(|cars| *cars &= others);
                allowed[*slot] = before;
            } else {
                allowed[*slot] = before & others;
            }
        }
        allowed
    }

    fn holders(&self, slot: usize, allowed: &[u32]) -> impl Iterator<Item = (u16, Ms)> {
        let cars = allowed[slot];
        self.slots[slot].holders.iter().copied().filter(move |(car, _)| cars >> car & 1 == 1)
    }

    /// Each way needs a car of its own: the cheapest such choice costs no more than any cut.
    fn ways_bound(&self, allowed: &[u32]) -> Option<u64> {
        let quickest = |way: &Vec<usize>| {
            let mut ms = vec![None; self.cars];
            for (car, then) in way.iter().flat_map(|slot| self.holders(*slot, allowed)) {
                let present: &mut Option<Ms> = &mut ms[usize::from(car)];
                *present = Some(present.map_or(then, |best| best.min(then)));
            }
            ms
        };
        let prices: Vec<Vec<Option<Ms>>> = self.ways.iter().map(quickest).collect();
        let (_, cost) = cheapest(prices.len(), self.cars, |way, car| prices[way][car].map(u64::from))?;
        Some(cost + self.node_price * prices.len() as u64)
    }

    /// A cut that all cars may hold together is an answer, whatever the case at hand; perhaps the best so far.
    fn try_cut(&self, cut: &[usize], best: &mut Option<(u64, Found)>) {
        let price = |row: usize, car: usize| {
            let holder = self.slots[cut[row]].holders.iter().find(|(holder, _)| usize::from(*holder) == car);
            holder.map(|(_, ms)| u64::from(*ms))
        };
        let Some((chosen, cost_ms)) = cheapest(cut.len(), self.cars, price) else { return };
        let total = cost_ms + self.node_price * cut.len() as u64;
        if best.as_ref().is_none_or(|(least, _)| total < *least) {
            let car = |car: usize| u16::try_from(car).expect("few cars");
            let places = cut.iter().zip(chosen).map(|(slot, c)| (self.slots[*slot].node, car(c)));
            *best = Some((total, Found { places: places.collect(), cost_ms }));
        }
    }

    /// A car that is the quickest to two nodes of the cut, and the node that would lose most without it.
    fn conflict(
        &self,
        cut: &[usize],
        quickest: &[Option<(u16, Ms)>],
        allowed: &[u32],
    ) -> Option<(u16, usize)> {
        let holder = |slot: &usize| quickest[*slot].map(|(car, _)| car);
        let twice = |slot: &&usize| cut.iter().filter(|other| holder(other) == holder(slot)).count() > 1;
        let loss = |slot: &usize| {
            let mut ms = self.holders(*slot, allowed).map(|(_, ms)| ms);
            let first = ms.next().unwrap_or(0);
            ms.next().map_or(Ms::MAX, |second| second - first)
        };
        let slot = *cut.iter().filter(twice).max_by_key(|slot| (loss(slot), Reverse(**slot)))?;
        Some((holder(&slot)?, slot))
    }
}
