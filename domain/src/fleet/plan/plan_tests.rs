//! The planner against brute force: every set of nodes, every choice of cars.

use std::collections::HashSet;
use std::sync::Arc;

use proptest::prelude::*;

use super::cover::{Cover, best_cover};
use super::situation::{Planner, Seen, Situation};
use super::travel::{Ms, NEVER, TravelModel};
use crate::fleet::map::{
    CityRecipe, LinkGraph, LinkId, LinkSpec, MapFiles, NodeId, NodeSpec, RoadMap, generate_city,
    generated_maps,
};
use crate::fleet::{CarId, MapId, VehicleId};

pub(super) fn road_map(links: &LinkGraph) -> Arc<RoadMap> {
    let links = serde_json::to_string(links).expect("json");
    let about = r#"{"map_id":1,"map_name":"Test"}"#;
    let surface = r#"{"type":"FeatureCollection","features":[]}"#;
    Arc::new(RoadMap::load(MapFiles { about, surface, links: &links }).expect("a map"))
}

pub(super) fn seen(id: u32, at_m: [f64; 2]) -> Seen {
    Seen { id: CarId(id), vehicle_id: VehicleId(id + 100), at_m }
}

/// What is best: most exits closed, fewest nodes, least time.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Clone, Copy)]
struct Worth {
    escapes: usize,
    nodes: usize,
    cost_ms: u64,
}

struct Brute<'a> {
    map: &'a RoadMap,
    runner: Vec<Ms>,
    police: Vec<Vec<Ms>>,
    starts: Vec<usize>,
    lead_ms: Ms,
}

impl Brute<'_> {
    /// Exits that the runner reaches when it cannot pass the nodes of `blocked`.
    fn escapes(&self, blocked: u32) -> usize {
        let nodes = self.map.graph.nodes();
        let (mut seen, mut queue) = (HashSet::new(), self.starts.clone());
        while let Some(node) = queue.pop() {
            if blocked >> node & 1 == 0 && seen.insert(node) && !nodes[node].exit {
                queue.extend(self.map.graph.leaving(node).iter().map(|arc| arc.to as usize));
            }
        }
        seen.iter().filter(|node| nodes[**node].exit).count()
    }

    fn cheapest(&self, nodes: &[usize], used: u32) -> Option<u64> {
        let Some((node, rest)) = nodes.split_first() else { return Some(0) };
        let free = (0..self.police.len()).filter(|car| used >> car & 1 == 0);
        free.filter_map(|car| {
            let (ms, runner) = (self.police[car][*node], self.runner[*node]);
            let in_time =
                if ms == 0 { runner > 0 } else { ms != NEVER && ms.saturating_add(self.lead_ms) <= runner };
            let others = in_time.then(|| self.cheapest(rest, used | 1 << car))??;
            Some(u64::from(ms) + others)
        })
        .min()
    }

    fn best(&self) -> Worth {
        let count = self.map.graph.nodes().len();
        let reached = |set: &u32| (0..count).all(|n| set >> n & 1 == 0 || self.runner[n] != NEVER);
        (0u32..1 << count)
            .filter(|set| set.count_ones() as usize <= self.police.len())
            .filter(reached)
            .filter_map(|set| {
                let nodes: Vec<usize> = (0..count).filter(|n| set >> n & 1 == 1).collect();
                let cost_ms = self.cheapest(&nodes, 0)?;
                Some(Worth { escapes: self.escapes(set), nodes: nodes.len(), cost_ms })
            })
            .min()
            .expect("no car at all is a placement")
    }
}

/// Arrivals by relaxing every link until nothing changes: slower than Dijkstra's way, and not the same code.
fn relax(map: &RoadMap, starts: &[(usize, Ms)], link_ms: &[Ms]) -> Vec<Ms> {
    let mut ms = vec![NEVER; map.graph.nodes().len()];
    starts.iter().for_each(|(node, at)| ms[*node] = ms[*node].min(*at));
    for _ in 0..ms.len() {
        for (link, cost) in map.graph.links().iter().zip(link_ms) {
            ms[link.to] = ms[link.to].min(ms[link.from].saturating_add(*cost));
            if !link.one_way {
                ms[link.from] = ms[link.from].min(ms[link.to].saturating_add(*cost));
            }
        }
    }
    ms
}

/// What must hold for every placement, on any map.
fn check(situation: &Situation<'_>, cover: &Cover, model: &TravelModel) {
    let cars: HashSet<u16> = cover.places.iter().map(|(_, car)| *car).collect();
    let nodes: HashSet<u32> = cover.places.iter().map(|(node, _)| *node).collect();
    assert_eq!(cars.len(), cover.places.len(), "one car in two places");
    assert_eq!(nodes.len(), cover.places.len(), "two cars in one place");
    let mut cost_ms = 0;
    for (node, car) in &cover.places {
        let (ms, runner) =
            (situation.police()[usize::from(*car)][*node as usize], situation.runner.ms[*node as usize]);
        assert!(ms < runner && model.holds(ms, runner), "the runner is there first");
        cost_ms += u64::from(ms);
    }
    assert_eq!(cost_ms, cover.cost_ms);
    let places: Vec<_> = cover.places.iter().map(|(n, c)| (*n, situation.cars[usize::from(*c)].id)).collect();
    let again = situation.still_holds(&situation.network(), &places).expect("it was just found");
    assert_eq!((again.escapes, again.cost_ms), (cover.escapes.clone(), cover.cost_ms));
}

fn point() -> impl Strategy<Value = [f64; 2]> {
    [0.0..600.0, 0.0..600.0]
}

fn graph() -> impl Strategy<Value = LinkGraph> {
    let node = (point(), prop::bool::weighted(0.2));
    let link =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), prop::bool::weighted(0.25), 20.0..90.0);
    (prop::collection::vec(node, 4..12), prop::collection::vec(link, 3..16)).prop_map(|(nodes, links)| {
        let count = nodes.len();
        let id = |n: usize| NodeId(u32::try_from(n).expect("small"));
        let mut nodes: Vec<NodeSpec> =
            (0..).zip(nodes).map(|(n, ([x, y], exit))| NodeSpec { id: NodeId(n), x, y, exit }).collect();
        nodes[count - 1].exit = true;
        let chain = (1..count).map(|n| (n - 1, n, false, 50.0));
        let extra =
            links.into_iter().map(|(a, b, one_way, limit)| (a.index(count), b.index(count), one_way, limit));
        let pairs: Vec<_> = chain.chain(extra).filter(|(a, b, ..)| a != b).collect();
        let link = |((from, to, one_way, speed_limit_kmh), n): ((usize, usize, bool, f64), u32)| LinkSpec {
            id: LinkId(n),
            from: id(from),
            to: id(to),
            length_m: None,
            lanes: 2,
            one_way,
            speed_limit_kmh,
            shape: Vec::new(),
        };
        LinkGraph { nodes, links: pairs.into_iter().zip(0..).map(link).collect() }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn no_placement_is_better(
        links in graph(), start in any::<prop::sample::Index>(), seen_mps in 0.0..15.0,
        // Few places for many cars: they get into each other's way.
        garages in prop::collection::vec(any::<prop::sample::Index>(), 1..4),
        cars_m in prop::collection::vec((any::<prop::sample::Index>(), [-40.0..40.0, -40.0..40.0]), 1..6),
        lead_ms in 1u32..2_000, police_over_limit in 0.8..3.0, runner_over_limit in 0.3..1.2,
    ) {
        let map = road_map(&links);
        let model = TravelModel { lead_ms, police_over_limit, runner_over_limit, ..TravelModel::default() };
        let planner = Planner::new(Arc::clone(&map), model).expect("a model");
        let place = |index: &prop::sample::Index| map.graph.nodes()[index.index(map.graph.nodes().len())].at_m;
        let runner_m = place(&start);
        let car = |(id, (garage, [x, y])): (u32, &(prop::sample::Index, [f64; 2]))| {
            let at = place(garage.get(&garages));
            seen(id, [at[0] + x, at[1] + y])
        };
        let cars: Vec<Seen> = (0..).zip(&cars_m).map(car).collect();
        let situation = planner.situation(runner_m, seen_mps, &cars).expect("a node is on the map");
        let cover = best_cover(&situation.network());
        check(&situation, &cover, &model);

        let begin: Vec<(usize, Ms)> = situation.starts().iter().map(|n| (*n, situation.runner.ms[*n])).collect();
        let runner = relax(&map, &begin, &model.runner_ms(&map.graph, seen_mps));
        prop_assert_eq!(&runner, &situation.runner.ms);
        let brute = Brute {
            map: &map,
            runner,
            police: situation.police().to_vec(),
            starts: situation.starts().to_vec(),
            lead_ms,
        };
        let found = Worth { escapes: cover.escapes.len(), nodes: cover.places.len(), cost_ms: cover.cost_ms };
        prop_assert_eq!(found, brute.best());
        prop_assert!(cover.proven);
    }
}

/// On whole maps: whatever is planned can be held, and what is called closed is closed.
#[test]
fn plans_on_real_sizes_hold() {
    let mut maps: Vec<Arc<RoadMap>> = generated_maps(5).into_iter().map(Arc::new).collect();
    maps.push(Arc::new(generate_city(MapId(9), CityRecipe { columns: 25, rows: 20, block_m: 120.0 }, 5)));
    let mut closed = 0;
    for map in maps {
        let model = TravelModel::default();
        let planner = Planner::new(Arc::clone(&map), model).expect("a model");
        let nodes = map.graph.nodes();
        for chase in 0..4usize {
            let at = |k: usize| nodes[(chase * 131 + k * 37) % nodes.len()].at_m;
            let cars: Vec<Seen> = (0..10).zip(1..).map(|(id, k)| seen(id, at(k))).collect();
            let situation = planner.situation(at(0), 10.0, &cars).expect("on the map");
            let cover = best_cover(&situation.network());
            check(&situation, &cover, &model);
            assert_eq!(cover, best_cover(&situation.network()), "the same question has the same answer");
            closed += usize::from(cover.escapes.is_empty());
        }
    }
    assert!(closed > 5, "{closed} of 28 chases were closed off");
}
