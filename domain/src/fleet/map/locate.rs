//! From a position to the road: nearest link, nearest node, and which map it is on.

use super::graph::distance_m;
use super::grid::Grid;
use super::{RoadGraph, RoadMap};
use crate::fleet::MapId;

/// How far beside a road a vehicle may be and still be on its map, in metres.
const ON_MAP_M_MAX: f64 = 50.0;

/// A place on a link.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Index of the link.
    pub link: usize,
    /// How much of the link lies behind, seen from its beginning: 0 to 1.
    pub part: f64,
    /// How far beside the road the position was, in metres.
    pub beside_m: f64,
}

/// Finds the nearest link and node of one graph.
#[derive(Debug, Clone)]
pub struct Locator {
    /// Link and piece of its shape.
    pieces: Grid<(u32, u32)>,
    nodes: Grid<u32>,
}

impl Locator {
    /// For `graph`, which all questions must be about.
    #[must_use]
    pub fn new(graph: &RoadGraph) -> Self {
        let points = || {
            let shapes = graph.links().iter().flat_map(|link| link.shape.iter().copied());
            shapes.chain(graph.nodes().iter().map(|node| node.at_m))
        };
        let low = points().fold([f64::MAX; 2], |l, p| [l[0].min(p[0]), l[1].min(p[1])]);
        let high = points().fold([f64::MIN; 2], |h, p| [h[0].max(p[0]), h[1].max(p[1])]);
        let pieces_m = |pair: &[[f64; 2]]| distance_m(pair[0], pair[1]);
        let drawn_m: f64 = graph.links().iter().flat_map(|l| l.shape.windows(2)).map(pieces_m).sum();
        let mut pieces = Grid::new(low, high, drawn_m);
        for (link, number) in graph.links().iter().zip(0..) {
            for (pair, piece) in link.shape.windows(2).zip(0..) {
                pieces.put_line(pair[0], pair[1], (number, piece));
            }
        }
        let mut nodes = Grid::new(low, high, 0.0);
        graph.nodes().iter().zip(0..).for_each(|(node, number)| nodes.put_point(node.at_m, number));
        Self { pieces, nodes }
    }

    pub(super) fn spot(&self, graph: &RoadGraph, at_m: [f64; 2]) -> Option<Spot> {
        let at_m = finite(at_m)?;
        let ends = |(link, piece): (u32, u32)| {
            let (link, piece) = (link as usize, piece as usize);
            let shape = &graph.links()[link].shape;
            (link, piece, shape[piece], shape[piece + 1])
        };
        let beside = |item| {
            let (_, _, from, to) = ends(item);
            project(at_m, from, to).1
        };
        let (item, beside_m) = self.pieces.nearest(at_m, beside)?;
        let (link, piece, from, to) = ends(item);
        let shape = &graph.links()[link].shape;
        let before_m: f64 = shape[..=piece].windows(2).map(|p| distance_m(p[0], p[1])).sum();
        let drawn_m: f64 = shape.windows(2).map(|p| distance_m(p[0], p[1])).sum();
        let on_m = before_m + project(at_m, from, to).0 * distance_m(from, to);
        let part = if drawn_m > 0.0 { (on_m / drawn_m).clamp(0.0, 1.0) } else { 0.0 };
        Some(Spot { link, part, beside_m })
    }

    pub(super) fn node(&self, graph: &RoadGraph, at_m: [f64; 2]) -> Option<(usize, f64)> {
        let at_m = finite(at_m)?;
        let far = |node: u32| distance_m(graph.nodes()[node as usize].at_m, at_m);
        self.nodes.nearest(at_m, far).map(|(node, m)| (node as usize, m))
    }
}

/// The map that a position is on: the one whose roads are nearest, the first among equals; `None` beside all roads.
#[must_use]
pub fn map_at<'a>(maps: impl IntoIterator<Item = &'a RoadMap>, at_m: [f64; 2]) -> Option<MapId> {
    maps.into_iter()
        .filter_map(|map| Some((map.nearest_spot(at_m)?.beside_m, map.about.map_id)))
        .filter(|(beside_m, _)| *beside_m <= ON_MAP_M_MAX)
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, map)| map)
}

fn finite(at_m: [f64; 2]) -> Option<[f64; 2]> {
    at_m.iter().all(|c| c.is_finite()).then_some(at_m)
}

/// How much of the way from `from` to `to` the nearest point lies, and how far `at` is from it.
fn project(at: [f64; 2], from: [f64; 2], to: [f64; 2]) -> (f64, f64) {
    let along = [to[0] - from[0], to[1] - from[1]];
    let square = along[0] * along[0] + along[1] * along[1];
    let dot = (at[0] - from[0]) * along[0] + (at[1] - from[1]) * along[1];
    let part = if square > 0.0 { (dot / square).clamp(0.0, 1.0) } else { 0.0 };
    (part, distance_m(at, [from[0] + along[0] * part, from[1] + along[1] * part]))
}

#[cfg(test)]
mod tests {
    use super::super::{LinkGraph, LinkId, LinkSpec, NodeId, NodeSpec};
    use super::*;
    use proptest::prelude::*;

    fn graph(points: &[[f64; 2]], links: &[(usize, usize, [f64; 2])]) -> RoadGraph {
        let number = |n: usize| NodeId(u32::try_from(n).expect("small"));
        let nodes =
            points.iter().enumerate().map(|(n, p)| NodeSpec { id: number(n), x: p[0], y: p[1], exit: true });
        let spec = |(n, (from, to, bend)): (usize, &(usize, usize, [f64; 2]))| LinkSpec {
            id: LinkId(number(n).0),
            from: number(*from),
            to: number(*to),
            length_m: None,
            lanes: 1,
            one_way: false,
            speed_limit_kmh: 50.0,
            shape: vec![*bend],
        };
        let links = links.iter().enumerate().map(spec).collect();
        RoadGraph::new(&LinkGraph { nodes: nodes.collect(), links }).expect("a graph")
    }

    #[test]
    fn a_bend_counts_along_its_shape() {
        let graph = graph(&[[0.0, 0.0], [100.0, 100.0]], &[(0, 1, [100.0, 0.0])]);
        let locator = Locator::new(&graph);
        let spot = locator.spot(&graph, [105.0, 50.0]).expect("finite");
        assert_eq!(spot, Spot { link: 0, part: 0.75, beside_m: 5.0 });
        assert_eq!(locator.spot(&graph, [f64::NAN, 0.0]), None);
    }

    fn point(range_m: f64) -> impl Strategy<Value = [f64; 2]> {
        [-range_m..range_m, -range_m..range_m]
    }

    proptest! {
        #[test]
        fn nothing_is_nearer_than_the_nearest(
            points in prop::collection::vec(point(3_000.0), 2..30),
            bends in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), point(3_000.0)), 1..20),
            at in prop_oneof![point(3_500.0), point(90_000.0)],
        ) {
            let links: Vec<_> = bends.iter()
                .map(|(a, b, bend)| (a.index(points.len()), b.index(points.len()), *bend))
                .filter(|(a, b, _)| a != b)
                .collect();
            prop_assume!(!links.is_empty());
            let graph = graph(&points, &links);
            let locator = Locator::new(&graph);
            let pieces = graph.links().iter().flat_map(|l| l.shape.windows(2)).map(|p| project(at, p[0], p[1]).1);
            let want = pieces.fold(f64::MAX, f64::min);
            let spot = locator.spot(&graph, at).expect("finite");
            prop_assert_eq!(spot.beside_m, want);
            let want = points.iter().map(|p| distance_m(*p, at)).fold(f64::MAX, f64::min);
            prop_assert_eq!(locator.node(&graph, at).expect("finite").1, want);
        }
    }
}
