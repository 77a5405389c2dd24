//! The road graph as a network for cuts: each node that the runner can reach is an arc, which costs one car if a car can hold the
//! node, and cannot be cut otherwise.
//!
//! For a set of exits to close, the size of the smallest cut comes from a plain flow. All cuts of that size are the closed sets of
//! its residual network (Picard and Queyranne, 1980); contracted to its strongly connected parts it is small, and the cheapest cut
//! with a car for each node is searched there. Only if no cut of that size can be held is the whole network searched.

use super::effort::Effort;
use super::flow::{ENDLESS, Topology};
use super::search::{Arena, Found, NODE_PRICE, Slot, search};
use super::travel::{Arrivals, Ms, NEVER};
use crate::fleet::map::RoadGraph;

const ABSENT: u32 = u32::MAX;
/// How often each arc is looked at to close an exit, as measured.
pub(super) const CLOSE_PASSES: u64 = 4;
/// How often each arc is looked at to contract a network.
const CONTRACT_PASSES: u64 = 8;

/// Who can hold each node of the road graph, quickest first.
pub(super) type Holders = Vec<Vec<(u16, Ms)>>;

/// A flow so far: what is left of each arc's capacity, and how much flows.
#[derive(Debug, Clone)]
pub(super) struct Stream {
    left: Vec<u64>,
    pub(super) units: u64,
}

/// What closing some exits takes.
pub(super) struct Closing {
    pub(super) found: Option<Found>,
    /// Whether there is nothing better.
    pub(super) proven: bool,
}

pub(super) struct Network<'a> {
    holders: &'a Holders,
    cars: usize,
    topology: Topology,
    /// Capacities without any exit to close.
    dry: Vec<u64>,
    source: u32,
    sink: u32,
    /// Road node of each pair of vertices.
    nodes: Vec<u32>,
    /// The arc of each pair of vertices.
    split: Vec<u32>,
    /// Exits that the runner can reach: their pair, and their arc to the sink.
    exits: Vec<(u32, u32)>,
}

impl<'a> Network<'a> {
    /// For a runner that begins at `starts`. An exit has no way on: who gets there is away.
    pub(super) fn new(
        graph: &RoadGraph,
        runner: &Arrivals,
        starts: &[usize],
        holders: &'a Holders,
        cars: usize,
    ) -> Self {
        let index = |n: usize| u32::try_from(n).expect("limits are far below");
        let mut pair_of = vec![ABSENT; graph.nodes().len()];
        let mut nodes = Vec::new();
        for node in (0..graph.nodes().len()).filter(|n| runner.ms[*n] != NEVER) {
            pair_of[node] = index(nodes.len());
            nodes.push(index(node));
        }
        let (source, sink) = (index(2 * nodes.len()), index(2 * nodes.len() + 1));
        let mut arcs: Vec<(u32, u32)> =
            (0..index(nodes.len())).map(|pair| (2 * pair, 2 * pair + 1)).collect();
        let mut exit_pairs = Vec::new();
        for (node, pair) in nodes.iter().zip(0..) {
            if graph.nodes()[*node as usize].exit {
                exit_pairs.push((pair, arcs.len()));
                arcs.push((2 * pair + 1, sink));
            } else {
                let onward = graph.leaving(*node as usize).iter();
                arcs.extend(onward.map(|arc| (2 * pair + 1, 2 * pair_of[arc.to as usize])));
            }
        }
        arcs.extend(starts.iter().map(|node| (source, 2 * pair_of[*node])));
        let (topology, places) = Topology::new(2 * nodes.len() + 2, &arcs);
        let mut dry = vec![0; topology.arcs()];
        places.iter().for_each(|place| dry[*place as usize] = ENDLESS);
        let exits: Vec<(u32, u32)> = exit_pairs.into_iter().map(|(pair, arc)| (pair, places[arc])).collect();
        exits.iter().for_each(|(_, arc)| dry[*arc as usize] = 0);
        let split = places[..nodes.len()].to_vec();
        for (node, arc) in nodes.iter().zip(&split) {
            if !holders[*node as usize].is_empty() {
                dry[*arc as usize] = 1;
            }
        }
        Self { holders, cars, topology, dry, source, sink, nodes, split, exits }
    }

    /// How many exits the runner can reach when nobody stands in its way.
    pub(super) fn exits(&self) -> usize {
        self.exits.len()
    }

    /// The exit's index in the road graph.
    pub(super) fn exit_node(&self, exit: usize) -> u32 {
        self.nodes[self.exits[exit].0 as usize]
    }

    pub(super) fn cars(&self) -> usize {
        self.cars
    }

    /// Who can hold a node of the road graph, quickest first.
    pub(super) fn holders(&self, node: u32) -> &'a [(u16, Ms)] {
        &self.holders[node as usize]
    }

    /// Arcs of the whole network.
    pub(super) fn arcs(&self) -> usize {
        self.topology.arcs()
    }

    pub(super) fn stream(&self) -> Stream {
        Stream { left: self.dry.clone(), units: 0 }
    }

    /// Demands that another exit be closed, and says whether the cars are enough for that, as far as their number and a place for
    /// each on disjoint ways tell; `None` when the effort is spent.
    pub(super) fn close(&self, stream: &mut Stream, exit: usize, effort: &mut Effort) -> Option<bool> {
        if !effort.spend(self.topology.arcs(), CLOSE_PASSES) {
            return None;
        }
        Some(self.close_all(stream, &[exit]) && self.ways_price(stream).is_some())
    }

    /// Demands that all of `exits` be closed, and says whether the cars are enough for that by their number alone.
    pub(super) fn close_all(&self, stream: &mut Stream, exits: &[usize]) -> bool {
        exits.iter().for_each(|exit| stream.left[self.exits[*exit].1 as usize] = ENDLESS);
        let enough = (self.cars as u64 + 1).saturating_sub(stream.units);
        stream.units += self.topology.push(&mut stream.left, self.source, self.sink, enough);
        stream.units <= self.cars as u64
    }

    /// Time that the cars need at least to close what is demanded; `None` when there is a way that no car is left for.
    pub(super) fn ways_price(&self, stream: &Stream) -> Option<u64> {
        let quickest = |way: Vec<u32>| {
            let mut ms: Vec<Option<Ms>> = vec![None; self.cars];
            for (car, then) in way.iter().flat_map(|pair| self.holders_of(*pair)) {
                let present = &mut ms[usize::from(*car)];
                *present = Some(present.map_or(*then, |best| best.min(*then)));
            }
            ms
        };
        let prices: Vec<_> = self.ways(stream).into_iter().map(quickest).collect();
        super::matching::cheapest(prices.len(), self.cars, |way, car| prices[way][car].map(u64::from))
            .map(|(_, price)| price)
    }

    fn holders_of(&self, pair: u32) -> &'a [(u16, Ms)] {
        self.holders(self.nodes[pair as usize])
    }

    /// Disjoint ways of escape, each as the pairs on it that may be blocked.
    fn ways(&self, stream: &Stream) -> Vec<Vec<u32>> {
        let walks = self.topology.walks(&stream.left, self.source, self.sink, stream.units);
        let pair = |arc: u32| {
            let pair = self.topology.tail(arc) / 2;
            (self.split.get(pair as usize) == Some(&arc) && !self.holders_of(pair).is_empty()).then_some(pair)
        };
        walks.into_iter().map(|walk| walk.into_iter().filter_map(pair).collect()).collect()
    }

    /// The smallest cut for what is demanded that can be held, and of these the one with the least travel time.
    pub(super) fn solve(&self, stream: &Stream, effort: &mut Effort) -> Closing {
        let (found, proven) = self.search_smallest(stream, effort);
        if found.is_some() || !proven || stream.units >= self.cars as u64 {
            return Closing { found, proven };
        }
        let (found, proven) = self.search_all(stream, effort);
        Closing { found, proven }
    }

    fn search_smallest(&self, stream: &Stream, effort: &mut Effort) -> (Option<Found>, bool) {
        if !effort.spend(self.topology.arcs(), CONTRACT_PASSES) {
            return (None, false);
        }
        let (part, parts) = self.topology.parts(&stream.left);
        let mut arcs: Vec<(u32, u32)> = (0..self.topology.vertices())
            .flat_map(|v| {
                let vertex = u32::try_from(v).expect("limits are far below");
                self.topology.leaving(vertex)
            })
            .filter(|arc| stream.left[*arc as usize] > 0)
            .map(|arc| (part[self.topology.tail(arc) as usize], part[self.topology.head(arc) as usize]))
            .filter(|(from, to)| from != to)
            .collect();
        arcs.sort_unstable();
        arcs.dedup();
        let plain = arcs.len();
        let across = |pair: &u32| part[2 * *pair as usize] != part[2 * *pair as usize + 1];
        let ways: Vec<Vec<u32>> =
            self.ways(stream).into_iter().map(|way| way.into_iter().filter(across).collect()).collect();
        let pairs: Vec<u32> = ways.iter().flatten().copied().collect();
        arcs.extend(pairs.iter().map(|pair| (part[2 * *pair as usize], part[2 * *pair as usize + 1])));
        let (topology, places) = Topology::new(parts, &arcs);
        let mut left = vec![0; topology.arcs()];
        places[..plain].iter().for_each(|place| left[*place as usize] = ENDLESS);
        let slot = |(pair, arc): (&u32, &u32)| self.slot(*pair, *arc);
        let slots: Vec<Slot<'_>> = pairs.iter().zip(&places[plain..]).map(slot).collect();
        let mut next = 0..slots.len();
        let ways = ways.iter().map(|way| next.by_ref().take(way.len()).collect()).collect();
        let arena = Arena {
            topology: &topology,
            left,
            source: part[self.source as usize],
            sink: part[self.sink as usize],
            slots,
            ways,
            node_price: 0,
            cars: self.cars,
        };
        search(&arena, effort)
    }

    fn search_all(&self, stream: &Stream, effort: &mut Effort) -> (Option<Found>, bool) {
        let mut left = self.dry.clone();
        for (_, arc) in &self.exits {
            // Full or not, an arc to the sink that is demanded has endless capacity on both sides together.
            let demanded = stream.left[*arc as usize] > 0;
            left[*arc as usize] = if demanded { ENDLESS } else { 0 };
        }
        let mut number = vec![usize::MAX; self.nodes.len()];
        let mut slots = Vec::new();
        for (arc, pair) in self.split.iter().zip(0..) {
            if !self.holders_of(pair).is_empty() {
                number[pair as usize] = slots.len();
                slots.push(self.slot(pair, *arc));
            }
        }
        let way = |way: Vec<u32>| way.into_iter().map(|pair| number[pair as usize]).collect();
        let arena = Arena {
            topology: &self.topology,
            left,
            source: self.source,
            sink: self.sink,
            slots,
            ways: self.ways(stream).into_iter().map(way).collect(),
            node_price: NODE_PRICE,
            cars: self.cars,
        };
        search(&arena, effort)
    }

    fn slot(&self, pair: u32, arc: u32) -> Slot<'a> {
        Slot { node: self.nodes[pair as usize], arc, holders: self.holders_of(pair) }
    }

    /// The exits that the runner can still reach when `blocked` says which road nodes it cannot pass.
    pub(super) fn escapes(&self, blocked: impl Fn(u32) -> bool) -> Vec<u32> {
        let mut left = self.dry.clone();
        for (node, arc) in self.nodes.iter().zip(&self.split) {
            if blocked(*node) {
                left[*arc as usize] = 0;
            }
        }
        let reached = self.topology.reached(&left, self.source);
        let away = |exit: &usize| reached[2 * self.exits[*exit].0 as usize + 1];
        (0..self.exits.len()).filter(away).map(|exit| self.exit_node(exit)).collect()
    }
}
