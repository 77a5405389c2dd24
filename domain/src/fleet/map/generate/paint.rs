//! The road surface of a link graph: a ribbon for each link, an octagon for each junction.

use std::f64::consts::TAU;

use serde_json::{Value, json};

use crate::fleet::map::RoadGraph;

/// Width of a lane, in metres: the Korean standard for urban arterials is 3.25, for motorways 3.6.
const LANE_M: f64 = 3.5;
/// Corners of a junction.
const CORNERS: u32 = 8;

/// GeoJSON text with one feature for each link and junction.
pub(super) fn surface(graph: &RoadGraph) -> String {
    let mut widest_m = vec![0.0_f64; graph.nodes().len()];
    let mut features = Vec::with_capacity(graph.links().len() + graph.nodes().len());
    for link in graph.links() {
        let half_m = f64::from(link.lanes) * LANE_M / 2.0;
        for end in [link.from, link.to] {
            widest_m[end] = widest_m[end].max(half_m);
        }
        let properties =
            json!({"kind": "link", "link_id": link.id, "lanes": link.lanes, "one_way": link.one_way});
        features.push(feature(properties, ribbon(&link.shape, half_m)));
    }
    for (node, half_m) in graph.nodes().iter().zip(widest_m) {
        let corner = |k: u32| {
            let angle = (f64::from(k % CORNERS) + 0.5) * TAU / f64::from(CORNERS);
            [node.at_m[0] + half_m * angle.cos(), node.at_m[1] + half_m * angle.sin()]
        };
        let properties = json!({"kind": "junction", "node_id": node.id, "exit": node.exit});
        features.push(feature(properties, (0..=CORNERS).map(corner).collect()));
    }
    json!({"type": "FeatureCollection", "features": features}).to_string()
}

fn feature(properties: Value, ring: Vec<[f64; 2]>) -> Value {
    let cm = |metres: f64| (metres * 100.0).round() / 100.0;
    let ring: Vec<[f64; 2]> = ring.into_iter().map(|[x, y]| [cm(x), cm(y)]).collect();
    json!({"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [ring]}})
}

/// A closed ring around a line, counter-clockwise: along its right side, and back along its left.
fn ribbon(line: &[[f64; 2]], half_m: f64) -> Vec<[f64; 2]> {
    let right = |k: usize| {
        let (before, after) = (line[k.saturating_sub(1)], line[(k + 1).min(line.len() - 1)]);
        let along = [after[0] - before[0], after[1] - before[1]];
        let length = along[0].hypot(along[1]).max(f64::MIN_POSITIVE);
        [along[1] / length * half_m, -along[0] / length * half_m]
    };
    let side = |sign: f64| {
        (0..line.len()).map(move |k| {
            let [x, y] = right(k);
            [line[k][0] + sign * x, line[k][1] + sign * y]
        })
    };
    let mut ring: Vec<[f64; 2]> = side(1.0).collect();
    ring.extend(side(-1.0).collect::<Vec<_>>().into_iter().rev());
    ring.push(ring[0]);
    ring
}
