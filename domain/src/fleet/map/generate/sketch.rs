//! A map being drawn: streets, ovals and exits, until [`Sketch::finish`] keeps what hangs together.

use std::f64::consts::{PI, TAU};

use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

use super::seed::Seed;
use crate::fleet::map::{LinkGraph, LinkId, LinkSpec, NodeId, NodeSpec};

/// Metres from an edge of a map to the exit that lies outside it.
const EXIT_STUB_M: f64 = 60.0;
/// Radians between two points of a bend.
const BEND_STEP_RAD: f64 = PI / 24.0;

/// What a road is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Road {
    pub(super) lanes: u8,
    pub(super) limit_kmh: f64,
    pub(super) one_way: bool,
}

impl Road {
    pub(super) const fn new(lanes: u8, limit_kmh: f64) -> Self {
        Self { lanes, limit_kmh, one_way: false }
    }

    pub(super) const fn one_way(lanes: u8, limit_kmh: f64) -> Self {
        Self { lanes, limit_kmh, one_way: true }
    }
}

/// A town of streets at right angles.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streets {
    /// South-west corner, in metres.
    pub(super) corner_m: [f64; 2],
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// Metres between two junctions, east and north.
    pub(super) block_m: [f64; 2],
    /// How far a junction may lie beside its place, in metres.
    pub(super) jitter_m: f64,
    /// Every so many streets one is an arterial.
    pub(super) arterial_every: usize,
    pub(super) arterial: Road,
    pub(super) street: Road,
    /// Part of the minor blocks without a street.
    pub(super) missing: f64,
    /// Part of the minor streets that are one-way.
    pub(super) one_way: f64,
}

/// An oval: two straights and two half circles, driven counter-clockwise when it is one-way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Oval {
    pub(super) centre_m: [f64; 2],
    pub(super) straight_m: f64,
    pub(super) radius_m: f64,
    /// Nodes on each straight and on each half circle.
    pub(super) nodes_each: usize,
    pub(super) road: Road,
}

#[derive(Debug, Default)]
pub(super) struct Sketch {
    nodes: Vec<([f64; 2], bool)>,
    links: Vec<(usize, usize, Road, Vec<[f64; 2]>)>,
}

impl Sketch {
    pub(super) fn node(&mut self, at_m: [f64; 2]) -> usize {
        self.nodes.push((at_m, false));
        self.nodes.len() - 1
    }

    pub(super) fn at(&self, node: usize) -> [f64; 2] {
        self.nodes[node].0
    }

    pub(super) fn link(&mut self, from: usize, to: usize, road: Road) {
        self.links.push((from, to, road, Vec::new()));
    }

    /// An exit beyond `node`, away from `centre_m`.
    pub(super) fn exit(&mut self, node: usize, centre_m: [f64; 2], road: Road) {
        let [x, y] = self.at(node);
        let away = (y - centre_m[1]).atan2(x - centre_m[0]);
        let out = self.node([x + EXIT_STUB_M * away.cos(), y + EXIT_STUB_M * away.sin()]);
        self.nodes[out].1 = true;
        self.link(node, out, Road { one_way: false, ..road });
    }

    /// The node nearest to a place.
    pub(super) fn nearest(&self, at_m: [f64; 2]) -> usize {
        let far = |(p, _): &([f64; 2], bool)| (p[0] - at_m[0]).hypot(p[1] - at_m[1]);
        let nearest =
            (0..self.nodes.len()).min_by(|a, b| far(&self.nodes[*a]).total_cmp(&far(&self.nodes[*b])));
        nearest.expect("a sketch that is asked has nodes")
    }

    /// Draws a town; its junctions by row and column.
    pub(super) fn streets(&mut self, town: &Streets, seed: &mut Seed) -> Vec<Vec<usize>> {
        let place = |axis: usize, n: usize| town.corner_m[axis] + n as f64 * town.block_m[axis];
        let junctions: Vec<Vec<usize>> = (0..town.rows)
            .map(|row| {
                let mut at = |column| {
                    let (x, y) = (seed.around(town.jitter_m), seed.around(town.jitter_m));
                    [place(0, column) + x, place(1, row) + y]
                };
                (0..town.columns).map(|column| self.node(at(column))).collect()
            })
            .collect();
        for row in 0..town.rows {
            for column in 0..town.columns {
                if column + 1 < town.columns {
                    self.block(town, seed, row, junctions[row][column], junctions[row][column + 1]);
                }
                if row + 1 < town.rows {
                    self.block(town, seed, column, junctions[row][column], junctions[row + 1][column]);
                }
            }
        }
        junctions
    }

    /// One block of street number `street`: an arterial is whole; a minor one may be missing or one-way, the odd ones backwards.
    fn block(&mut self, town: &Streets, seed: &mut Seed, street: usize, from: usize, to: usize) {
        let (gone, one_way) = (seed.chance(town.missing), seed.chance(town.one_way));
        if street.is_multiple_of(town.arterial_every) {
            self.link(from, to, town.arterial);
        } else if !gone {
            let (from, to) = if one_way && street % 2 == 1 { (to, from) } else { (from, to) };
            self.link(from, to, Road { one_way, ..town.street });
        }
    }

    /// Exits at both ends of every arterial of a town.
    pub(super) fn arterial_exits(&mut self, town: &Streets, junctions: &[Vec<usize>]) {
        let (top, right) = (town.rows - 1, town.columns - 1);
        for row in (0..town.rows).step_by(town.arterial_every) {
            for (column, inward) in [(0, 1.0), (right, -1.0)] {
                let node = junctions[row][column];
                let [x, y] = self.at(node);
                self.exit(node, [x + inward, y], town.arterial);
            }
        }
        for column in (town.arterial_every..right).step_by(town.arterial_every) {
            for (row, inward) in [(0, 1.0), (top, -1.0)] {
                let node = junctions[row][column];
                let [x, y] = self.at(node);
                self.exit(node, [x, y + inward], town.arterial);
            }
        }
    }

    /// Draws an oval; its nodes counter-clockwise from the south-west end of the southern straight.
    pub(super) fn oval(&mut self, oval: &Oval) -> Vec<usize> {
        let (n, [x, y]) = (oval.nodes_each, oval.centre_m);
        let (half, radius) = (oval.straight_m / 2.0, oval.radius_m);
        let bend = |middle_x: f64, angle: f64| [middle_x + radius * angle.cos(), y + radius * angle.sin()];
        let part = |k: usize| k as f64 / n as f64;
        let mut around = Vec::new();
        around.extend((0..n).map(|k| [x - half + oval.straight_m * part(k), y - radius]));
        around.extend((0..n).map(|k| bend(x + half, PI * part(k) - PI / 2.0)));
        around.extend((0..n).map(|k| [x + half - oval.straight_m * part(k), y + radius]));
        around.extend((0..n).map(|k| bend(x - half, PI * part(k) + PI / 2.0)));
        let nodes: Vec<usize> = around.into_iter().map(|at| self.node(at)).collect();
        for (k, node) in nodes.iter().enumerate() {
            let next = nodes[(k + 1) % nodes.len()];
            let middle_x = if k / n == 1 { x + half } else { x - half };
            let shape = if (k / n) % 2 == 1 { self.bend([middle_x, y], *node, next) } else { Vec::new() };
            self.links.push((*node, next, oval.road, shape));
        }
        nodes
    }

    /// Points of the circle around `centre_m` between two of its points, counter-clockwise.
    fn bend(&self, centre_m: [f64; 2], from: usize, to: usize) -> Vec<[f64; 2]> {
        let polar = |[x, y]: [f64; 2]| {
            ((y - centre_m[1]).atan2(x - centre_m[0]), (x - centre_m[0]).hypot(y - centre_m[1]))
        };
        let ((begin, radius), (end, _)) = (polar(self.at(from)), polar(self.at(to)));
        let sweep = (end - begin).rem_euclid(TAU);
        let pieces = (sweep / BEND_STEP_RAD).ceil().max(1.0);
        (1..)
            .map(f64::from)
            .take_while(|k| *k < pieces)
            .map(|k| begin + sweep * k / pieces)
            .map(|a| [centre_m[0] + radius * a.cos(), centre_m[1] + radius * a.sin()])
            .collect()
    }

    /// The largest part in which every place can be reached from every other, numbered from 1, in centimetres.
    pub(super) fn finish(self) -> LinkGraph {
        let mut ways = DiGraph::<(), ()>::with_capacity(self.nodes.len(), 2 * self.links.len());
        let vertices: Vec<_> = self.nodes.iter().map(|_| ways.add_node(())).collect();
        for (from, to, road, _) in &self.links {
            ways.add_edge(vertices[*from], vertices[*to], ());
            if !road.one_way {
                ways.add_edge(vertices[*to], vertices[*from], ());
            }
        }
        let whole = kosaraju_scc(&ways).into_iter().max_by_key(Vec::len).unwrap_or_default();
        let mut number = vec![None; self.nodes.len()];
        let mut kept: Vec<usize> = whole.into_iter().map(petgraph::graph::NodeIndex::index).collect();
        kept.sort_unstable();
        for (node, id) in kept.iter().zip(1..) {
            number[*node] = Some(NodeId(id));
        }
        let nodes = kept.iter().map(|node| {
            let ([x, y], exit) = self.nodes[*node];
            NodeSpec { id: number[*node].expect("just numbered"), x: cm(x), y: cm(y), exit }
        });
        let links = self.links.iter().filter_map(|(from, to, road, shape)| {
            let (from, to) = (number[*from]?, number[*to]?);
            Some((from, to, road, shape.iter().map(|[x, y]| [cm(*x), cm(*y)]).collect()))
        });
        let links = links.zip(1..).map(|((from, to, road, shape), id)| LinkSpec {
            id: LinkId(id),
            from,
            to,
            length_m: None,
            lanes: road.lanes,
            one_way: road.one_way,
            speed_limit_kmh: road.limit_kmh,
            shape,
        });
        LinkGraph { nodes: nodes.collect(), links: links.collect() }
    }
}

fn cm(metres: f64) -> f64 {
    (metres * 100.0).round() / 100.0
}
