//! Maximum flow and minimum cut: Dinic's algorithm (1970), and the strongly connected parts of what is left (Tarjan, 1972).
//!
//! Both run on their own stacks: a map may have ways of twenty thousand nodes.

/// A capacity that no cut pays.
pub(super) const ENDLESS: u64 = 1 << 60;
const UNSEEN: u32 = u32::MAX;

/// Arcs by the vertex that they leave. Each arc has a twin in the other direction, which carries what may be taken back.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    first: Vec<u32>,
    to: Vec<u32>,
    twin: Vec<u32>,
    forward: Vec<bool>,
}

impl Topology {
    /// From arcs as pairs of vertices; also the place of each of them.
    pub(super) fn new(vertices: usize, arcs: &[(u32, u32)]) -> (Self, Vec<u32>) {
        let mut first = vec![0u32; vertices + 1];
        for (from, to) in arcs {
            first[*from as usize + 1] += 1;
            first[*to as usize + 1] += 1;
        }
        (0..vertices).for_each(|v| first[v + 1] += first[v]);
        let mut next = first.clone();
        let mut take = |vertex: u32| {
            let place = next[vertex as usize];
            next[vertex as usize] += 1;
            place
        };
        let (mut to_of, mut twin, mut forward) =
            (vec![0; 2 * arcs.len()], vec![0; 2 * arcs.len()], vec![false; 2 * arcs.len()]);
        let places = arcs.iter().map(|(from, to)| {
            let (there, back) = (take(*from), take(*to));
            (to_of[there as usize], to_of[back as usize]) = (*to, *from);
            (twin[there as usize], twin[back as usize]) = (back, there);
            forward[there as usize] = true;
            there
        });
        let places = places.collect();
        (Self { first, to: to_of, twin, forward }, places)
    }

    pub(super) fn vertices(&self) -> usize {
        self.first.len() - 1
    }

    pub(super) fn arcs(&self) -> usize {
        self.to.len()
    }

    /// Where an arc leads to.
    pub(super) fn head(&self, arc: u32) -> u32 {
        self.to[arc as usize]
    }

    /// Where an arc comes from.
    pub(super) fn tail(&self, arc: u32) -> u32 {
        self.to[self.twin[arc as usize] as usize]
    }

    pub(super) fn leaving(&self, vertex: u32) -> std::ops::Range<u32> {
        self.first[vertex as usize]..self.first[vertex as usize + 1]
    }

    /// Pushes up to `limit` from `source` to `sink`, and says how much went through.
    pub(super) fn push(&self, left: &mut [u64], source: u32, sink: u32, limit: u64) -> u64 {
        let mut total = 0;
        while total < limit {
            let mut level = self.levels(left, source, sink);
            if level[sink as usize] == UNSEEN {
                break;
            }
            total += self.block(left, &mut level, (source, sink), limit - total);
        }
        total
    }

    fn levels(&self, left: &[u64], source: u32, sink: u32) -> Vec<u32> {
        let mut level = vec![UNSEEN; self.vertices()];
        level[source as usize] = 0;
        let mut queue = vec![source];
        let mut seen = 0;
        while seen < queue.len() && level[sink as usize] == UNSEEN {
            let vertex = queue[seen];
            seen += 1;
            for arc in self.leaving(vertex) {
                let head = self.head(arc);
                if left[arc as usize] > 0 && level[head as usize] == UNSEEN {
                    level[head as usize] = level[vertex as usize] + 1;
                    queue.push(head);
                }
            }
        }
        level
    }

    /// Fills the shortest ways until each of them has a full arc.
    fn block(&self, left: &mut [u64], level: &mut [u32], (source, sink): (u32, u32), limit: u64) -> u64 {
        let (mut total, mut way, mut at) = (0, Vec::<u32>::new(), source);
        let mut cursor: Vec<u32> = self.first[..self.vertices()].to_vec();
        while total < limit {
            if at == sink {
                let narrowest =
                    way.iter().map(|arc| left[*arc as usize]).min().unwrap_or(0).min(limit - total);
                total += narrowest;
                for arc in &way {
                    left[*arc as usize] -= narrowest;
                    left[self.twin[*arc as usize] as usize] += narrowest;
                }
                let full = way.iter().position(|arc| left[*arc as usize] == 0).unwrap_or(0);
                at = self.tail(way[full]);
                way.truncate(full);
                continue;
            }
            let onward = (cursor[at as usize]..self.first[at as usize + 1]).find(|arc| {
                left[*arc as usize] > 0
                    && level[self.head(*arc) as usize] == level[at as usize].wrapping_add(1)
            });
            if let Some(arc) = onward {
                cursor[at as usize] = arc;
                way.push(arc);
                at = self.head(arc);
            } else {
                level[at as usize] = UNSEEN - 1;
                let Some(arc) = way.pop() else { break };
                at = self.tail(arc);
                cursor[at as usize] += 1;
            }
        }
        total
    }

    /// Which vertices can still be reached from `source`: the source's side of a minimum cut.
    pub(super) fn reached(&self, left: &[u64], source: u32) -> Vec<bool> {
        let mut reached = vec![false; self.vertices()];
        reached[source as usize] = true;
        let mut queue = vec![source];
        while let Some(vertex) = queue.pop() {
            for arc in self.leaving(vertex) {
                let head = self.head(arc);
                if left[arc as usize] > 0 && !std::mem::replace(&mut reached[head as usize], true) {
                    queue.push(head);
                }
            }
        }
        reached
    }

    /// Takes the flow apart into as many walks from `source` to `sink` as units go through; each walk as its arcs.
    pub(super) fn walks(&self, left: &[u64], source: u32, sink: u32, units: u64) -> Vec<Vec<u32>> {
        let mut flow: Vec<u64> = self.twin.iter().map(|twin| left[*twin as usize]).collect();
        let walk = |_| {
            let (mut at, mut walk) = (source, Vec::new());
            while at != sink {
                let used = |arc: &u32| self.forward[*arc as usize] && flow[*arc as usize] > 0;
                let arc = self.leaving(at).find(used).expect("what flows in flows out");
                flow[arc as usize] -= 1;
                walk.push(arc);
                at = self.head(arc);
            }
            walk
        };
        (0..units).map(walk).collect()
    }

    /// The number of the strongly connected part of each vertex, over arcs that have capacity left.
    pub(super) fn parts(&self, left: &[u64]) -> (Vec<u32>, usize) {
        let n = self.vertices();
        let (mut part, mut parts) = (vec![UNSEEN; n], 0u32);
        let (mut order, mut low, mut next_order) = (vec![UNSEEN; n], vec![0u32; n], 0u32);
        let mut cursor: Vec<u32> = self.first[..n].to_vec();
        let (mut open, mut trail) = (Vec::<u32>::new(), Vec::<u32>::new());
        for root in (0..n).map(|v| u32::try_from(v).expect("limits are far below")) {
            if order[root as usize] != UNSEEN {
                continue;
            }
            trail.push(root);
            while let Some(&vertex) = trail.last() {
                let v = vertex as usize;
                if order[v] == UNSEEN {
                    (order[v], low[v]) = (next_order, next_order);
                    next_order += 1;
                    open.push(vertex);
                }
                let mut deeper = None;
                while cursor[v] < self.first[v + 1] && deeper.is_none() {
                    let arc = cursor[v];
                    let head = self.head(arc) as usize;
                    if left[arc as usize] > 0 && order[head] == UNSEEN {
                        // The arc is looked at again when its head is done.
                        deeper = Some(self.head(arc));
                        continue;
                    }
                    if left[arc as usize] > 0 && part[head] == UNSEEN {
                        low[v] = low[v].min(low[head]);
                    }
                    cursor[v] += 1;
                }
                if let Some(head) = deeper {
                    trail.push(head);
                    continue;
                }
                trail.pop();
                if low[v] == order[v] {
                    while let Some(member) = open.pop() {
                        part[member as usize] = parts;
                        if member == vertex {
                            break;
                        }
                    }
                    parts += 1;
                }
            }
        }
        (part, parts as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A flow is as large as the smallest cut, found by trying all of them; parts are those who reach each other.
        #[test]
        fn flow_is_cut(arcs in prop::collection::vec((0u32..7, 0u32..7, 0u64..5), 0..25)) {
            let arcs: Vec<_> = arcs.into_iter().filter(|(a, b, _)| a != b).collect();
            let pairs: Vec<(u32, u32)> = arcs.iter().map(|(a, b, _)| (*a, *b)).collect();
            let (topology, places) = Topology::new(7, &pairs);
            let mut left = vec![0; topology.arcs()];
            places.iter().zip(&arcs).for_each(|(place, (_, _, capacity))| left[*place as usize] = *capacity);
            let fresh = left.clone();
            let flow = topology.push(&mut left, 0, 6, ENDLESS);
            let side = |set: u32, v: u32| set >> v & 1 == 1;
            let cut = |set: u32| arcs.iter().filter(|(a, b, _)| side(set, *a) && !side(set, *b)).map(|(_, _, c)| c).sum::<u64>();
            let smallest = (0u32..128).filter(|set| side(*set, 0) && !side(*set, 6)).map(cut).min().expect("some");
            prop_assert_eq!(flow, smallest);
            let reached = topology.reached(&left, 0);
            let set = (0u32..7).filter(|v| reached[*v as usize]).map(|v| 1 << v).sum::<u32>();
            prop_assert_eq!(cut(set), smallest);
            for walk in topology.walks(&left, 0, 6, flow) {
                prop_assert_eq!(topology.head(*walk.last().expect("not empty")), 6);
            }
            let (part, _) = topology.parts(&fresh);
            for a in 0..7u32 {
                for b in 0..7u32 {
                    let mutual = topology.reached(&fresh, a)[b as usize] && topology.reached(&fresh, b)[a as usize];
                    prop_assert_eq!(part[a as usize] == part[b as usize], mutual);
                }
            }
        }
    }
}
