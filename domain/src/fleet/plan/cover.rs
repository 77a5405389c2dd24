//! Which exits to close: all of them if that is possible, otherwise as many as possible, with as few cars as possible, in as little time
//! as possible.
//!
//! What closes an exit set closes each of its subsets, so exits are added one by one and a set that cannot be closed is not
//! extended. A good placement is gathered first; then, as far as the effort goes, every set that could be better is tried.

use super::effort::Effort;
use super::matching::cheapest;
use super::network::{CLOSE_PASSES, Network, Stream};
use super::search::{Found, NODE_PRICE};

/// Arcs that may be looked at to close all exits.
const CLOSE_ARCS: u64 = 400_000;
/// Arcs that may be looked at to gather a placement that closes many.
const GATHER_ARCS: u64 = 500_000;
/// Arcs that may be looked at to find a better one, or to prove that there is none.
const IMPROVE_ARCS: u64 = 200_000;

/// Exits that are offered to single cars.
const EXITS_BLOCKED_MAX: usize = 256;

/// A placement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cover {
    /// Road node and car.
    pub(super) places: Vec<(u32, u16)>,
    /// Exits that the runner can still reach.
    pub(super) escapes: Vec<u32>,
    /// Travel time of all cars together, in milliseconds.
    pub(super) cost_ms: u64,
    /// Whether nothing better exists; false when a limit on the search was met.
    pub(super) proven: bool,
}

struct Quest<'n, 'a> {
    network: &'n Network<'a>,
    effort: Effort,
    /// Exits closed, and how.
    best: Option<(usize, Found)>,
    /// Whether every search so far went to its end.
    proven: bool,
}

/// The best placement.
pub(super) fn best_cover(network: &Network<'_>) -> Cover {
    let lost = network.escapes(|node| !network.holders(node).is_empty());
    let exits: Vec<usize> =
        (0..network.exits()).filter(|exit| !lost.contains(&network.exit_node(*exit))).collect();
    let mut quest = Quest { network, effort: Effort::new(CLOSE_ARCS), best: None, proven: true };
    let mut all = network.stream();
    if network.close_all(&mut all, &exits) {
        quest.settle(&all);
    }
    if quest.best.is_none() {
        quest.block_exits(&exits);
        let exits = easiest_first(network, exits);
        quest.effort = Effort::new(GATHER_ARCS);
        quest.gather(exits.clone());
        quest.effort = Effort::new(IMPROVE_ARCS);
        quest.proven = true;
        quest.improve(&network.stream(), 0, &exits);
    }
    let (places, cost_ms) = quest.best.map(|(_, found)| (found.places, found.cost_ms)).unwrap_or_default();
    let escapes = network.escapes(|node| places.iter().any(|(place, _)| *place == node));
    Cover { places, escapes, cost_ms, proven: quest.proven }
}

/// By how many cars each exit needs for itself, and then, to be the same every time, by number. Of a map with very many exits the
/// later ones are not looked at.
fn easiest_first(network: &Network<'_>, mut exits: Vec<usize>) -> Vec<usize> {
    let mut effort = Effort::new(GATHER_ARCS);
    exits.sort_by_cached_key(|exit| {
        let mut stream = network.stream();
        if !effort.spend(network.arcs(), CLOSE_PASSES) {
            return (u64::MAX, *exit);
        }
        network.close_all(&mut stream, &[*exit]);
        (stream.units, *exit)
    });
    exits
}

impl Quest<'_, '_> {
    /// Stands in as many exits as there are cars for: never the worst answer, and found at once.
    fn block_exits(&mut self, exits: &[usize]) {
        let (exits, cars) = (&exits[..exits.len().min(EXITS_BLOCKED_MAX)], self.network.cars());
        let mut price = vec![vec![None; exits.len()]; cars];
        for (column, exit) in exits.iter().enumerate() {
            for (car, ms) in self.network.holders(self.network.exit_node(*exit)) {
                price[usize::from(*car)][column] = Some(u64::from(*ms));
            }
        }
        // A car without an exit stands in a column of its own, at a price that only an exit too few is worth.
        let column = |car: usize, column: usize| match column.checked_sub(exits.len()) {
            None => price[car][column],
            Some(idle) => (idle == car).then_some(NODE_PRICE),
        };
        let Some((chosen, _)) = cheapest(cars, exits.len() + cars, column) else { return };
        let blocked = (0..).zip(chosen).filter_map(|(car, column)| Some((car, *exits.get(column)?)));
        let places: Vec<(u32, u16)> =
            blocked.map(|(car, exit)| (self.network.exit_node(exit), car)).collect();
        let ms = |(node, car): &(u32, u16)| {
            let holder = self.network.holders(*node).iter().find(|(holder, _)| holder == car);
            holder.map_or(0, |(_, ms)| u64::from(*ms))
        };
        let cost_ms = places.iter().map(ms).sum();
        self.offer(Found { places, cost_ms });
    }

    /// Closes exit after exit, in their order, leaving out those that cannot be closed together with the ones before.
    fn gather(&mut self, mut rest: Vec<usize>) {
        let (mut held, mut closed) = (self.network.stream(), 0);
        loop {
            // As far as numbers tell, these can be closed together. Whether each place has a car is known only when it is solved:
            // of half as many it is likelier.
            let mut steps: Vec<(usize, Stream)> = Vec::new();
            for (place, exit) in rest.iter().enumerate() {
                let mut more = steps.last().map_or(&held, |(_, stream)| stream).clone();
                match self.network.close(&mut more, *exit, &mut self.effort) {
                    Some(true) => steps.push((place, more)),
                    Some(false) => {}
                    None => return,
                }
            }
            let Some((first, _)) = steps.first() else { return };
            let first = *first;
            let mut count = steps.len();
            while count > 0 && !self.settle(&steps[count - 1].1) {
                count /= 2;
            }
            if count == 0 {
                rest.drain(..=first);
                continue;
            }
            closed += count;
            let (place, stream) = steps.swap_remove(count - 1);
            held = stream;
            rest.drain(..=place);
            debug_assert!(self.best.as_ref().is_some_and(|(most, _)| *most >= closed));
        }
    }

    /// Tries every set that has the `closed` exits of `stream` and any of `rest`, unless it cannot be better than the best.
    fn improve(&mut self, stream: &Stream, closed: usize, rest: &[usize]) {
        if self.cannot_improve(stream, closed + rest.len()) {
            return;
        }
        let Some((exit, rest)) = rest.split_first() else {
            self.settle(stream);
            return;
        };
        let mut more = stream.clone();
        match self.network.close(&mut more, *exit, &mut self.effort) {
            Some(true) => self.improve(&more, closed + 1, rest),
            Some(false) => {}
            None => {
                self.proven = false;
                return;
            }
        }
        if self.proven {
            self.improve(stream, closed, rest);
        }
    }

    /// Whether even `possible` closed exits, with all that closing those so far takes, are no better than the best.
    fn cannot_improve(&self, stream: &Stream, possible: usize) -> bool {
        let Some((closed, best)) = &self.best else { return false };
        if possible != *closed {
            return possible < *closed;
        }
        let price = |units: u64| (units, self.network.ways_price(stream).unwrap_or(u64::MAX));
        price(stream.units) >= (best.places.len() as u64, best.cost_ms)
    }

    /// Solves what is demanded, and says whether that was possible.
    fn settle(&mut self, stream: &Stream) -> bool {
        let closing = self.network.solve(stream, &mut self.effort);
        self.proven &= closing.proven;
        let Some(found) = closing.found else { return false };
        self.offer(found);
        true
    }

    fn offer(&mut self, found: Found) {
        // Places that close some exits may close others beside.
        let escapes = self.network.escapes(|node| found.places.iter().any(|(place, _)| *place == node));
        let closed = self.network.exits() - escapes.len();
        let key = |closed: usize, found: &Found| (usize::MAX - closed, found.places.len(), found.cost_ms);
        if self.best.as_ref().is_none_or(|(most, best)| key(closed, &found) < key(*most, best)) {
            self.best = Some((closed, found));
        }
    }
}
