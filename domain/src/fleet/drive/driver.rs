//! A vehicle on the road: where it is on its link, and the way that it goes.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use crate::fleet::map::{Link, RoadMap};

/// A place that cannot be reached.
const NEVER: u64 = u64::MAX;

/// A vehicle that drives the speed limit times a factor.
#[derive(Debug, Clone)]
pub struct Driver {
    map: Arc<RoadMap>,
    over_limit: f64,
    /// Index of the link that it is on.
    link: usize,
    /// Whether it drives from the link's beginning to its end.
    forward: bool,
    /// Metres of the link behind it, in the direction that it drives.
    on_m: f64,
    /// Links that come next, each with its direction.
    way: VecDeque<(usize, bool)>,
    standing: bool,
}

/// The quickest ways from a driver to every node.
#[derive(Debug, Clone)]
pub struct Ways {
    /// Microseconds to each node.
    us: Vec<u64>,
    /// The node and the link by which each is reached; nothing for those at the ends of the driver's own link.
    via: Vec<Option<(usize, usize)>>,
}

impl Ways {
    /// Seconds to a node; nothing when it cannot be reached.
    #[must_use]
    pub fn seconds(&self, node: usize) -> Option<f64> {
        let us = self.us[node];
        (us != NEVER).then(|| us as f64 / 1e6)
    }
}

impl Driver {
    /// Stands at a node; `None` when no link begins or ends there.
    #[must_use]
    pub fn at_node(map: Arc<RoadMap>, node: usize, over_limit: f64) -> Option<Self> {
        let beside = |l: &Link| l.from == node || l.to == node;
        let link = map.graph.links().iter().position(beside)?;
        let road = &map.graph.links()[link];
        let on_m = if road.from == node { 0.0 } else { road.length_m };
        Some(Self { map, over_limit, link, forward: true, on_m, way: VecDeque::new(), standing: true })
    }

    /// The map that it drives on.
    #[must_use]
    pub fn map(&self) -> &Arc<RoadMap> {
        &self.map
    }

    fn road(&self) -> &Link {
        &self.map.graph.links()[self.link]
    }

    fn mps(&self, link: &Link) -> f64 {
        link.speed_limit_kmh * self.over_limit / 3.6
    }

    /// Where it is, in metres.
    #[must_use]
    pub fn at_m(&self) -> [f64; 2] {
        let link = self.road();
        let part = if link.length_m > 0.0 { (self.on_m / link.length_m).clamp(0.0, 1.0) } else { 0.0 };
        along(&link.shape, if self.forward { part } else { 1.0 - part })
    }

    /// The node that it stands on, if it does.
    #[must_use]
    pub fn node(&self) -> Option<usize> {
        let link = self.road();
        let (behind, ahead) = self.ends();
        if self.on_m <= 0.0 {
            Some(behind)
        } else if self.on_m >= link.length_m {
            Some(ahead)
        } else {
            None
        }
    }

    /// The nodes behind and ahead.
    fn ends(&self) -> (usize, usize) {
        let link = self.road();
        if self.forward { (link.from, link.to) } else { (link.to, link.from) }
    }

    /// The quickest ways to every node, without the nodes and links, by index, that are shut.
    #[must_use]
    pub fn ways(&self, node_shut: impl Fn(usize) -> bool, link_shut: impl Fn(usize) -> bool) -> Ways {
        let graph = &self.map.graph;
        let us = |link: &Link, m: f64| (m.max(0.0) / self.mps(link) * 1e6) as u64;
        let mut ways = Ways { us: vec![NEVER; graph.nodes().len()], via: vec![None; graph.nodes().len()] };
        let mut queue = BinaryHeap::new();
        let link = self.road();
        let (behind, ahead) = self.ends();
        let mut starts = vec![(ahead, us(link, link.length_m - self.on_m))];
        if !link.one_way || self.on_m <= 0.0 {
            starts.push((behind, us(link, self.on_m)));
        }
        for (node, at) in starts {
            if !node_shut(node) && at < ways.us[node] {
                ways.us[node] = at;
                queue.push(Reverse((at, node)));
            }
        }
        while let Some(Reverse((at, node))) = queue.pop() {
            if at > ways.us[node] {
                continue;
            }
            for arc in graph.leaving(node) {
                let (to, number) = (arc.to as usize, arc.link as usize);
                if node_shut(to) || link_shut(number) {
                    continue;
                }
                let road = &graph.links()[number];
                let then = at.saturating_add(us(road, road.length_m));
                if then < ways.us[to] {
                    ways.us[to] = then;
                    ways.via[to] = Some((node, number));
                    queue.push(Reverse((then, to)));
                }
            }
        }
        ways
    }

    /// Sets out for a node along `ways`, which must be this driver's own; whether it can be reached.
    pub fn follow(&mut self, ways: &Ways, node: usize) -> bool {
        if ways.us[node] == NEVER {
            return false;
        }
        let mut way = VecDeque::new();
        let mut at = node;
        while let Some((before, link)) = ways.via[at] {
            way.push_front((link, self.map.graph.links()[link].from == before));
            at = before;
        }
        if at != self.ends().1 {
            // The way begins behind: turn round.
            self.forward = !self.forward;
            self.on_m = (self.road().length_m - self.on_m).max(0.0);
        }
        self.way = way;
        self.standing = false;
        true
    }

    /// Sets out for a node by the quickest way; whether it can be reached.
    pub fn head_for(&mut self, node: usize) -> bool {
        let ways = self.ways(|_| false, |_| false);
        self.follow(&ways, node)
    }

    /// Stands where it is until it sets out again.
    pub fn stand(&mut self) {
        self.standing = true;
    }

    /// Drives for so many seconds, or to the end of its way.
    pub fn advance(&mut self, seconds: f64) {
        let mut left_s = seconds;
        // Each turn passes a link, and no way has more links than the map.
        for _ in 0..=self.map.graph.links().len() {
            if self.standing || left_s <= 0.0 {
                return;
            }
            let mps = self.mps(self.road());
            let rest_m = self.road().length_m - self.on_m;
            if rest_m > mps * left_s {
                self.on_m += mps * left_s;
                return;
            }
            self.on_m = self.road().length_m;
            left_s -= rest_m.max(0.0) / mps;
            let Some((link, forward)) = self.way.pop_front() else {
                self.standing = true;
                return;
            };
            (self.link, self.forward, self.on_m) = (link, forward, 0.0);
        }
    }
}

/// The point at a part of a line's length.
fn along(shape: &[[f64; 2]], part: f64) -> [f64; 2] {
    let lengths = || shape.windows(2).map(|p| (p[1][0] - p[0][0]).hypot(p[1][1] - p[0][1]));
    let mut left_m = lengths().sum::<f64>() * part;
    for (pair, length_m) in shape.windows(2).zip(lengths()) {
        if left_m <= length_m && length_m > 0.0 {
            let share = left_m / length_m;
            let point = |axis: usize| pair[0][axis] + (pair[1][axis] - pair[0][axis]) * share;
            return [point(0), point(1)];
        }
        left_m -= length_m;
    }
    shape.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::fleet::map::generated_maps;

    fn map(number: usize) -> Arc<RoadMap> {
        Arc::new(generated_maps(1).swap_remove(number))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn a_driver_arrives_when_it_said_it_would(
            number in 0usize..6, from in any::<prop::sample::Index>(), to in any::<prop::sample::Index>(), late in 0.0f64..20.0,
        ) {
            let map = map(number);
            let nodes = map.graph.nodes().len();
            let mut driver = Driver::at_node(Arc::clone(&map), from.index(nodes), 1.3).expect("every node has a link");
            prop_assert_eq!(driver.node(), Some(from.index(nodes)));
            // From anywhere on the way, too.
            driver.head_for(to.index(nodes) / 2);
            driver.advance(late);
            let ways = driver.ways(|_| false, |_| false);
            let needs = ways.seconds(to.index(nodes)).expect("generated maps are connected");
            prop_assert!(driver.follow(&ways, to.index(nodes)));
            driver.advance((needs - 0.1).max(0.0));
            driver.advance(0.2);
            prop_assert_eq!(driver.node(), Some(to.index(nodes)));
            let at = map.graph.nodes()[to.index(nodes)].at_m;
            let here = driver.at_m();
            prop_assert!((at[0] - here[0]).hypot(at[1] - here[1]) < 0.01);
        }
    }

    #[test]
    fn what_is_shut_is_gone_round() {
        let map = map(3);
        let driver = Driver::at_node(Arc::clone(&map), 0, 1.0).expect("a link");
        let free = driver.ways(|_| false, |_| false);
        let far = (0..map.graph.nodes().len()).max_by_key(|n| free.us[*n]).expect("nodes");
        let (before, link) = free.via[far].expect("it is not beside the start");
        let round = driver.ways(|node| node == before, |l| l == link);
        assert!(round.us[far] > free.us[far]);
    }
}
