//! The generated maps are real: of size, whole, reproducible, and readable as any user's map.

use crate::fleet::MapId;
use crate::fleet::map::{CityRecipe, RoadMap, generate_city, generated_maps};
use petgraph::algo::kosaraju_scc;
use petgraph::graph::DiGraph;

fn is_whole(map: &RoadMap) -> bool {
    let mut ways = DiGraph::<(), ()>::new();
    let nodes: Vec<_> = map.graph.nodes().iter().map(|_| ways.add_node(())).collect();
    for (node, vertex) in nodes.iter().enumerate() {
        for arc in map.graph.leaving(node) {
            ways.add_edge(*vertex, nodes[arc.to as usize], ());
        }
    }
    kosaraju_scc(&ways).len() == 1
}

/// Nodes, kilometres of road, exits.
fn size(map: &RoadMap) -> (usize, f64, usize) {
    let km = map.graph.links().iter().map(|l| l.length_m).sum::<f64>() / 1_000.0;
    (map.graph.nodes().len(), km, map.graph.nodes().iter().filter(|n| n.exit).count())
}

#[test]
fn six_sites_of_real_size() {
    let maps = generated_maps(1);
    let names: Vec<_> = maps.iter().map(|m| (m.about.map_id.0, m.about.map_name.as_str())).collect();
    let want = ["K-City", "KATRI", "KIAPI", "상암 (건물 없음)", "세종 BRT", "라스베가스 컨벤션 센터"];
    assert_eq!(names, (1..).zip(want).collect::<Vec<_>>());
    let limits = [
        (50..90, 5.0..12.0, 3),
        (70..110, 12.0..25.0, 3),
        (50..80, 6.0..15.0, 2),
        (300..400, 45.0..80.0, 14),
        (280..360, 80.0..140.0, 8),
        (140..200, 25.0..45.0, 12),
    ];
    for (map, (nodes, km, exits)) in maps.iter().zip(limits) {
        let found = size(map);
        assert!(nodes.contains(&found.0) && km.contains(&found.1) && found.2 == exits, "{map:?}: {found:?}");
        assert!(is_whole(map), "{map:?}");
        assert!(map.graph.links().iter().any(|l| l.one_way), "{map:?} has one-way roads");
    }
}

#[test]
fn the_seed_decides() {
    let surfaces =
        |seed| generated_maps(seed).iter().map(|m| m.surface.as_str().to_owned()).collect::<Vec<_>>();
    assert_eq!(surfaces(7), surfaces(7));
    assert!(surfaces(7).iter().zip(surfaces(8)).all(|(a, b)| *a != b));
    for seed in 0..4 {
        assert!(generated_maps(seed).iter().all(is_whole), "seed {seed}");
    }
}

#[test]
fn a_city_grows_to_order() {
    let city = generate_city(MapId(9), CityRecipe { columns: 50, rows: 40, block_m: 100.0 }, 3);
    let (nodes, _, exits) = size(&city);
    assert!((1_900..2_060).contains(&nodes) && exits > 20, "{nodes} nodes, {exits} exits");
    assert!(is_whole(&city));
}

#[test]
fn roads_are_where_the_surface_is() {
    for map in generated_maps(1) {
        let document: serde_json::Value = serde_json::from_str(map.surface.as_str()).expect("json");
        let features = document["features"].as_array().expect("a collection").len();
        assert_eq!(features, map.graph.nodes().len() + map.graph.links().len());
        for link in map.graph.links() {
            let middle = link.shape[link.shape.len() / 2];
            assert!(map.nearest_spot(middle).expect("finite").beside_m < 0.01, "{map:?} link {}", link.id);
        }
    }
}
