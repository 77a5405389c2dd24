//! The six sites, each of the size of the place whose name it bears, and cities of any size.
//!
//! The real geometry is not ours to give away. What is kept is the kind of place: its extent, its kinds of road, and how many ways
//! lead out.

use super::paint;
use super::seed::Seed;
use super::sketch::{Oval, Road, Sketch, Streets};
use crate::fleet::MapId;
use crate::fleet::map::{LinkGraph, MapAbout, RoadGraph, RoadMap, Surface};

const GATE: Road = Road::new(2, 30.0);
const STREET: Road = Road::new(2, 30.0);
const AVENUE: Road = Road::new(4, 50.0);
const BOULEVARD: Road = Road::new(6, 60.0);

/// Name, description, and how to draw it.
type Site = (&'static str, &'static str, fn(&mut Seed) -> Sketch);

/// The six maps of the plant.
#[must_use]
pub fn generated_maps(seed: u64) -> Vec<RoadMap> {
    let sites: [Site; 6] = [
        ("K-City", "Test city for automated driving: streets, a suburb and a motorway, 800 m across", k_city),
        ("KATRI", "Proving ground with a high-speed oval of 5 km and test tracks inside", katri),
        ("KIAPI", "Proving ground with an oval of 3.7 km and a town inside", kiapi),
        (
            "상암 (건물 없음)",
            "Sangam: a district of avenues and side streets, 2 km across, without buildings",
            sangam,
        ),
        ("세종 BRT", "Sejong: a ring of 23 km with bus lanes and six quarters on it", sejong),
        (
            "라스베가스 컨벤션 센터",
            "Las Vegas convention centre: wide arterials around halls and parking",
            las_vegas,
        ),
    ];
    let map = |((name, description, draw), id): (Site, u32)| {
        // Each site has numbers of its own, so that a change of one leaves the others as they are.
        let sketch = draw(&mut Seed::new(seed.wrapping_mul(31).wrapping_add(u64::from(id))));
        finished(MapId(id), name, description, &sketch.finish())
    };
    sites.into_iter().zip(1..).map(map).collect()
}

/// A city for load tests and figures.
#[derive(Debug, Clone, Copy)]
pub struct CityRecipe {
    /// Junctions from west to east, at least 2.
    pub columns: usize,
    /// Junctions from south to north, at least 2.
    pub rows: usize,
    /// Metres between two junctions.
    pub block_m: f64,
}

/// A city of about `columns` × `rows` nodes with an arterial every fifth street, each ending in exits.
#[must_use]
pub fn generate_city(id: MapId, recipe: CityRecipe, seed: u64) -> RoadMap {
    let mut sketch = Sketch::default();
    let town = Streets {
        corner_m: [0.0, 0.0],
        columns: recipe.columns.max(2),
        rows: recipe.rows.max(2),
        block_m: [recipe.block_m, recipe.block_m],
        jitter_m: recipe.block_m * 0.15,
        arterial_every: 5,
        arterial: AVENUE,
        street: STREET,
        missing: 0.1,
        one_way: 0.2,
    };
    let junctions = sketch.streets(&town, &mut Seed::new(seed));
    sketch.arterial_exits(&town, &junctions);
    finished(id, "City", "A generated city", &sketch.finish())
}

fn finished(map_id: MapId, name: &str, description: &str, links: &LinkGraph) -> RoadMap {
    let graph = RoadGraph::new(links).expect("every sketch is within the limits; a test draws all of them");
    let surface = Surface::parse(&paint::surface(&graph)).expect("ribbons and octagons are closed rings");
    let about = MapAbout { map_id, map_name: name.to_owned(), description: description.to_owned() };
    RoadMap::new(about, graph, surface)
}

/// A town without arterials of its own, for the inside of a proving ground.
fn test_town(corner_m: [f64; 2], columns: usize, rows: usize, block_m: f64) -> Streets {
    Streets {
        corner_m,
        columns,
        rows,
        block_m: [block_m, block_m],
        jitter_m: block_m * 0.05,
        arterial_every: 3,
        arterial: AVENUE,
        street: STREET,
        missing: 0.1,
        one_way: 0.15,
    }
}

fn k_city(seed: &mut Seed) -> Sketch {
    let mut sketch = Sketch::default();
    let town = test_town([120.0, 60.0], 7, 5, 75.0);
    sketch.streets(&town, seed);
    let suburb = Streets { jitter_m: 15.0, missing: 0.2, ..test_town([120.0, 420.0], 6, 2, 90.0) };
    sketch.streets(&suburb, seed);
    for column in [0.0, 225.0, 450.0] {
        let (south, north) =
            (sketch.nearest([120.0 + column, 360.0]), sketch.nearest([120.0 + column, 420.0]));
        sketch.link(south, north, STREET);
    }
    let motorway = Oval {
        centre_m: [390.0, 280.0],
        straight_m: 340.0,
        radius_m: 260.0,
        nodes_each: 5,
        road: Road::one_way(3, 100.0),
    };
    let ring = sketch.oval(&motorway);
    for (place, inner) in [(0, [120.0, 60.0]), (5, [570.0, 60.0]), (10, [570.0, 510.0]), (15, [120.0, 510.0])]
    {
        let junction = nearest_of(&sketch, inner, ring[0]);
        sketch.link(ring[place], junction, Road::new(2, 50.0));
    }
    for place in [2, 12, 17] {
        sketch.exit(ring[place], motorway.centre_m, GATE);
    }
    sketch
}

/// The nearest junction among those drawn before node `before`.
fn nearest_of(sketch: &Sketch, at_m: [f64; 2], before: usize) -> usize {
    let far = |node: &usize| {
        let [x, y] = sketch.at(*node);
        (x - at_m[0]).hypot(y - at_m[1])
    };
    (0..before).min_by(|a, b| far(a).total_cmp(&far(b))).expect("the town was drawn first")
}

/// A proving ground: an oval, a town inside, ramps between the two, gates outside.
fn proving_ground(oval: &Oval, town: &Streets, seed: &mut Seed, gates: &[usize]) -> Sketch {
    let mut sketch = Sketch::default();
    sketch.streets(town, seed);
    let inside = sketch.node(oval.centre_m);
    let entry = nearest_of(&sketch, oval.centre_m, inside);
    sketch.link(entry, inside, STREET);
    let ring = sketch.oval(oval);
    for place in (0..ring.len()).step_by(oval.nodes_each) {
        let junction = nearest_of(&sketch, sketch.at(ring[place]), inside + 1);
        sketch.link(ring[place], junction, Road::new(2, 60.0));
    }
    for gate in gates {
        sketch.exit(ring[*gate], oval.centre_m, GATE);
    }
    sketch
}

fn katri(seed: &mut Seed) -> Sketch {
    // 2 × 1 735 m of straights and two half circles of 250 m are the 5 040 m of the real track.
    let oval = Oval {
        centre_m: [1_150.0, 300.0],
        straight_m: 1_735.0,
        radius_m: 250.0,
        nodes_each: 10,
        road: Road::one_way(4, 200.0),
    };
    proving_ground(&oval, &test_town([420.0, 120.0], 13, 4, 120.0), seed, &[4, 14, 24])
}

fn kiapi(seed: &mut Seed) -> Sketch {
    let oval = Oval {
        centre_m: [880.0, 200.0],
        straight_m: 1_370.0,
        radius_m: 150.0,
        nodes_each: 8,
        road: Road::one_way(3, 160.0),
    };
    proving_ground(&oval, &test_town([340.0, 115.0], 12, 3, 85.0), seed, &[3, 19])
}

fn sangam(seed: &mut Seed) -> Sketch {
    let mut sketch = Sketch::default();
    let town = Streets {
        corner_m: [0.0, 0.0],
        columns: 21,
        rows: 16,
        block_m: [100.0, 95.0],
        jitter_m: 12.0,
        arterial_every: 5,
        arterial: BOULEVARD,
        street: STREET,
        missing: 0.12,
        one_way: 0.25,
    };
    let junctions = sketch.streets(&town, seed);
    sketch.arterial_exits(&town, &junctions);
    sketch
}

fn sejong(seed: &mut Seed) -> Sketch {
    let mut sketch = Sketch::default();
    // A ring of 22.9 km, as the inner bus ring is.
    let ring = Oval {
        centre_m: [4_500.0, 3_000.0],
        straight_m: 4_000.0,
        radius_m: 2_370.0,
        nodes_each: 20,
        road: Road::new(6, 50.0),
    };
    let around = sketch.oval(&ring);
    let [x, y] = ring.centre_m;
    for (column, row) in [(-1.0, -1.0), (0.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (0.0, 1.0), (1.0, 1.0)] {
        let middle = [x + column * 1_700.0, y + row * 1_350.0];
        let town = Streets {
            corner_m: [middle[0] - 600.0, middle[1] - 450.0],
            columns: 7,
            rows: 6,
            block_m: [200.0, 180.0],
            jitter_m: 20.0,
            arterial_every: 3,
            arterial: AVENUE,
            street: STREET,
            missing: 0.1,
            one_way: 0.1,
        };
        let junctions = sketch.streets(&town, seed);
        let outer = if row < 0.0 { 0 } else { town.rows - 1 };
        for column in [0, 3, 6] {
            let junction = junctions[outer][column];
            let on_ring = nearest_of(&sketch, sketch.at(junction), around.len());
            sketch.link(junction, on_ring, AVENUE);
        }
    }
    for place in (0..around.len()).step_by(10) {
        sketch.exit(around[place], ring.centre_m, BOULEVARD);
    }
    sketch
}

fn las_vegas(seed: &mut Seed) -> Sketch {
    let mut sketch = Sketch::default();
    let town = Streets {
        corner_m: [0.0, 0.0],
        columns: 13,
        rows: 13,
        block_m: [130.0, 110.0],
        jitter_m: 5.0,
        arterial_every: 4,
        arterial: Road::new(8, 56.0),
        street: Road::new(2, 24.0),
        // The halls leave few streets between the arterials.
        missing: 0.3,
        one_way: 0.3,
    };
    let junctions = sketch.streets(&town, seed);
    sketch.arterial_exits(&town, &junctions);
    sketch
}
