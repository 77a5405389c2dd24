//! The link graph: where one can drive, how fast, and where the map ends.

use std::collections::HashMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{COORDINATE_M_MAX, LANES_MAX, LINK_M_MAX, LINKS_MAX, NODES_MAX, SHAPE_POINTS_MAX, SPEED_KMH_MAX};

/// How much shorter than the straight line a link may claim to be, for coordinates that were rounded.
const LENGTH_TOLERANCE: f64 = 0.98;
/// Shortest link, in metres.
const LINK_M_MIN: f64 = 0.1;

/// A node's number in its map's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeId(pub u32);

/// A link's number in its map's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LinkId(pub u32);

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for LinkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A junction, a bend, or an exit, as a file gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeSpec {
    /// Its number.
    pub id: NodeId,
    /// Metres east.
    pub x: f64,
    /// Metres north.
    pub y: f64,
    /// Whether a runner that gets here is away.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exit: bool,
}

/// A road between two nodes, as a file gives it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkSpec {
    /// Its number.
    pub id: LinkId,
    /// The node where it begins.
    pub from: NodeId,
    /// The node where it ends.
    pub to: NodeId,
    /// Its length in metres; that of its shape when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length_m: Option<f64>,
    /// Lanes, both directions together.
    #[serde(default = "one")]
    pub lanes: u8,
    /// Whether it may only be driven from `from` to `to`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub one_way: bool,
    /// Speed limit in km/h.
    pub speed_limit_kmh: f64,
    /// Points between its ends, where it is not straight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shape: Vec<[f64; 2]>,
}

fn one() -> u8 {
    1
}

/// `links.json`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LinkGraph {
    /// All nodes; at least one is an exit.
    pub nodes: Vec<NodeSpec>,
    /// All links.
    pub links: Vec<LinkSpec>,
}

/// Why a link graph is impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Too much of something, or nothing.
    #[error("{what}: {count}, but it must be 1 to {max}")]
    Count {
        /// What there is too much of.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// No node is an exit, so that nobody can flee and nothing can be planned.
    #[error("no node is an exit")]
    NoExit,
    /// Two nodes have the same number.
    #[error("node {0}: the number is there twice")]
    NodeTwice(NodeId),
    /// Two links have the same number.
    #[error("link {0}: the number is there twice")]
    LinkTwice(LinkId),
    /// A node lies nowhere.
    #[error("node {0}: x and y must be finite and within 100 km of the origin")]
    NodePlace(NodeId),
    /// A link's end is missing.
    #[error("link {link}: there is no node {node}")]
    NoNode {
        /// The link.
        link: LinkId,
        /// What it names.
        node: NodeId,
    },
    /// A field of a link is out of its range.
    #[error("link {link}: {rule}")]
    Link {
        /// The link.
        link: LinkId,
        /// What must hold.
        rule: &'static str,
    },
}

/// A node of a checked graph.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Node {
    /// Its number in the file.
    pub id: NodeId,
    /// Where it lies, in metres.
    pub at_m: [f64; 2],
    /// Whether a runner that gets here is away.
    pub exit: bool,
}

/// A link of a checked graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Link {
    /// Its number in the file.
    pub id: LinkId,
    /// Index of the node where it begins.
    pub from: usize,
    /// Index of the node where it ends.
    pub to: usize,
    /// Its length in metres.
    pub length_m: f64,
    /// Lanes, both directions together.
    pub lanes: u8,
    /// Whether it may only be driven from `from` to `to`.
    pub one_way: bool,
    /// Speed limit in km/h.
    pub speed_limit_kmh: f64,
    /// All its points, ends included.
    pub shape: Vec<[f64; 2]>,
}

/// One way to leave a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arc {
    /// Index of the node at the other end.
    pub to: u32,
    /// Index of the link.
    pub link: u32,
}

/// A graph that was checked, with nodes and links by index and the ways out of each node at hand.
#[derive(Debug, Clone, PartialEq)]
pub struct RoadGraph {
    nodes: Vec<Node>,
    links: Vec<Link>,
    /// Where each node's arcs begin in `arcs`; one more than nodes.
    first: Vec<usize>,
    arcs: Vec<Arc>,
}

impl RoadGraph {
    /// Checks a graph.
    ///
    /// # Errors
    /// The first thing that is wrong, with the number of the node or link.
    pub fn new(spec: &LinkGraph) -> Result<Self, GraphError> {
        count("nodes", spec.nodes.len(), NODES_MAX)?;
        count("links", spec.links.len(), LINKS_MAX)?;
        let mut index = HashMap::with_capacity(spec.nodes.len());
        let mut nodes = Vec::with_capacity(spec.nodes.len());
        for node in &spec.nodes {
            if !placed([node.x, node.y]) {
                return Err(GraphError::NodePlace(node.id));
            }
            if index.insert(node.id, nodes.len()).is_some() {
                return Err(GraphError::NodeTwice(node.id));
            }
            nodes.push(Node { id: node.id, at_m: [node.x, node.y], exit: node.exit });
        }
        if !nodes.iter().any(|node| node.exit) {
            return Err(GraphError::NoExit);
        }
        let mut seen = std::collections::HashSet::with_capacity(spec.links.len());
        let mut links = Vec::with_capacity(spec.links.len());
        for link in &spec.links {
            if !seen.insert(link.id) {
                return Err(GraphError::LinkTwice(link.id));
            }
            links.push(check_link(link, &nodes, &index)?);
        }
        Ok(Self::with_arcs(nodes, links))
    }

    fn with_arcs(nodes: Vec<Node>, links: Vec<Link>) -> Self {
        let ways = || {
            links.iter().enumerate().flat_map(|(link, l)| {
                let there = (l.from, l.to, link);
                let back = (!l.one_way).then_some((l.to, l.from, link));
                [Some(there), back].into_iter().flatten()
            })
        };
        let mut first = vec![0; nodes.len() + 1];
        ways().for_each(|(from, _, _)| first[from + 1] += 1);
        (0..nodes.len()).for_each(|node| first[node + 1] += first[node]);
        let mut next = first.clone();
        let mut arcs = vec![Arc { to: 0, link: 0 }; first[nodes.len()]];
        let small = |index: usize| u32::try_from(index).expect("limits are far below");
        for (from, to, link) in ways() {
            arcs[next[from]] = Arc { to: small(to), link: small(link) };
            next[from] += 1;
        }
        Self { nodes, links, first, arcs }
    }

    /// All nodes.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// All links.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The ways out of a node.
    #[must_use]
    pub fn leaving(&self, node: usize) -> &[Arc] {
        &self.arcs[self.first[node]..self.first[node + 1]]
    }
}

fn count(what: &'static str, count: usize, max: usize) -> Result<(), GraphError> {
    if (1..=max).contains(&count) { Ok(()) } else { Err(GraphError::Count { what, count, max }) }
}

pub(super) fn placed(at_m: [f64; 2]) -> bool {
    at_m.iter().all(|c| c.is_finite() && c.abs() <= COORDINATE_M_MAX)
}

fn check_link(spec: &LinkSpec, nodes: &[Node], index: &HashMap<NodeId, usize>) -> Result<Link, GraphError> {
    let link = spec.id;
    let end = |node: NodeId| index.get(&node).copied().ok_or(GraphError::NoNode { link, node });
    let rule = |holds: bool, rule| if holds { Ok(()) } else { Err(GraphError::Link { link, rule }) };
    let (from, to) = (end(spec.from)?, end(spec.to)?);
    rule(from != to, "it must join two different nodes")?;
    rule((1..=LANES_MAX).contains(&spec.lanes), "lanes must be 1 to 16")?;
    let limit = spec.speed_limit_kmh;
    rule((1.0..=SPEED_KMH_MAX).contains(&limit), "speed_limit_kmh must be 1 to 300")?;
    rule(spec.shape.len() <= SHAPE_POINTS_MAX, "shape must have at most 1000 points")?;
    rule(spec.shape.iter().all(|p| placed(*p)), "shape must be finite and within 100 km of the origin")?;
    let ends = [nodes[from].at_m, nodes[to].at_m];
    let shape: Vec<[f64; 2]> =
        std::iter::once(ends[0]).chain(spec.shape.iter().copied()).chain([ends[1]]).collect();
    let drawn_m: f64 = shape.windows(2).map(|pair| distance_m(pair[0], pair[1])).sum();
    let length_m = spec.length_m.unwrap_or(drawn_m.max(LINK_M_MIN));
    rule((LINK_M_MIN..=LINK_M_MAX).contains(&length_m), "length_m must be 0.1 to 50000")?;
    let straight_m = distance_m(ends[0], ends[1]);
    rule(length_m >= straight_m * LENGTH_TOLERANCE, "length_m must not be below the straight line")?;
    Ok(Link {
        id: link,
        from,
        to,
        length_m,
        lanes: spec.lanes,
        one_way: spec.one_way,
        speed_limit_kmh: limit,
        shape,
    })
}

pub(super) fn distance_m(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u32, x: f64, exit: bool) -> NodeSpec {
        NodeSpec { id: NodeId(id), x, y: 0.0, exit }
    }

    fn link(id: u32, from: u32, to: u32) -> LinkSpec {
        let (from, to) = (NodeId(from), NodeId(to));
        LinkSpec {
            id: LinkId(id),
            from,
            to,
            length_m: None,
            lanes: 2,
            one_way: false,
            speed_limit_kmh: 50.0,
            shape: Vec::new(),
        }
    }

    fn graph() -> LinkGraph {
        let one_way = LinkSpec { one_way: true, ..link(2, 20, 30) };
        LinkGraph {
            nodes: vec![node(10, 0.0, false), node(20, 50.0, false), node(30, 90.0, true)],
            links: vec![link(1, 10, 20), one_way],
        }
    }

    #[test]
    fn ways_follow_the_signs() {
        let graph = RoadGraph::new(&graph()).expect("a graph");
        let ways = |n: usize| graph.leaving(n).iter().map(|a| a.to).collect::<Vec<_>>();
        assert_eq!((ways(0), ways(1), ways(2)), (vec![1], vec![0, 2], vec![]));
    }

    #[test]
    fn the_impossible_is_named() {
        let fault = |change: &dyn Fn(&mut LinkGraph)| {
            let mut spec = graph();
            change(&mut spec);
            RoadGraph::new(&spec).expect_err("bad").to_string()
        };
        assert_eq!(fault(&|g| g.nodes.clear()), "nodes: 0, but it must be 1 to 20000");
        assert_eq!(fault(&|g| g.nodes[2].exit = false), "no node is an exit");
        assert_eq!(fault(&|g| g.nodes[1].id = NodeId(10)), "node 10: the number is there twice");
        assert!(fault(&|g| g.nodes[1].x = f64::NAN).starts_with("node 20: x and y"));
        assert_eq!(fault(&|g| g.links[1].id = LinkId(1)), "link 1: the number is there twice");
        assert_eq!(fault(&|g| g.links[1].to = NodeId(20)), "link 2: it must join two different nodes");
        assert_eq!(fault(&|g| g.links[1].lanes = 0), "link 2: lanes must be 1 to 16");
        assert_eq!(
            fault(&|g| g.links[0].speed_limit_kmh = f64::NAN),
            "link 1: speed_limit_kmh must be 1 to 300"
        );
        assert_eq!(
            fault(&|g| g.links[0].length_m = Some(40.0)),
            "link 1: length_m must not be below the straight line"
        );
        assert_eq!(
            fault(&|g| g.links[0].length_m = Some(f64::INFINITY)),
            "link 1: length_m must be 0.1 to 50000"
        );
        assert!(fault(&|g| g.links[0].shape = vec![[0.0, 1e9]]).contains("shape"));
    }
}
