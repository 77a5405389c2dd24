//! How a simulated runner flees and a simulated police car chases.

use super::Driver;

/// A police car this near has caught the runner, in metres.
pub const CAPTURE_M: f64 = 12.0;
/// How far a runner sees police, in metres.
const SIGHT_M: f64 = 150.0;
/// Junctions this near to a car that it sees are not for it, in metres.
const SHY_M: f64 = 40.0;
/// A runner on an exit's node is away.
const EXIT_M: f64 = 5.0;

pub(super) fn apart_m(a: [f64; 2], b: [f64; 2]) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

/// Sends the runner to the exit that it reaches soonest past the police that it sees; when there is none, as far away from them
/// as it can get.
pub fn evade(runner: &mut Driver, police_m: &[[f64; 2]]) {
    let here = runner.at_m();
    let seen: Vec<[f64; 2]> = police_m.iter().copied().filter(|p| apart_m(*p, here) <= SIGHT_M).collect();
    let map = std::sync::Arc::clone(runner.map());
    let nodes = map.graph.nodes();
    let shut_links: Vec<usize> =
        seen.iter().filter_map(|p| map.nearest_spot(*p)).map(|spot| spot.link).collect();
    let near = |node: usize| seen.iter().any(|p| apart_m(*p, nodes[node].at_m) <= SHY_M);
    let ways = runner.ways(near, |link| shut_links.contains(&link));
    let reached = (0..nodes.len()).filter_map(|node| Some((ways.seconds(node)?, node)));
    let exit = reached.clone().filter(|(_, node)| nodes[*node].exit).min_by(|a, b| a.0.total_cmp(&b.0));
    let away = |node: usize| seen.iter().map(|p| apart_m(*p, nodes[node].at_m)).fold(f64::MAX, f64::min);
    // The fewest seconds for each metre that it gets away from the nearest car.
    let refuge = || reached.clone().max_by(|a, b| (away(a.1) - a.0).total_cmp(&(away(b.1) - b.0)));
    match exit.or_else(refuge) {
        Some((_, node)) => {
            runner.follow(&ways, node);
        }
        None => runner.stand(),
    }
}

/// Sends a police car to where the runner is.
pub fn pursue(car: &mut Driver, runner_m: [f64; 2]) {
    let map = std::sync::Arc::clone(car.map());
    let Some(spot) = map.nearest_spot(runner_m) else { return };
    let link = &map.graph.links()[spot.link];
    let ways = car.ways(|_| false, |_| false);
    // Through the runner's link, by its far end: a car that stops at the near end never meets it.
    let ends = [link.from, link.to].map(|node| (ways.seconds(node).unwrap_or(f64::MAX), node));
    let far = if ends[0].0 > ends[1].0 { ends[0].1 } else { ends[1].1 };
    if !car.follow(&ways, far) {
        car.head_for(ends[0].1.min(ends[1].1));
    }
}

/// Whether the runner has left the map.
#[must_use]
pub fn has_escaped(runner: &Driver) -> bool {
    let here = runner.at_m();
    let near = runner.map().nearest_node(here);
    near.is_some_and(|(node, m)| m <= EXIT_M && runner.map().graph.nodes()[node].exit)
}
