//! Maps: road surface for the eye, a graph of links for the planner, in local metres (x east, y north).

mod generate;
mod graph;
mod grid;
mod limits;
mod locate;
mod surface;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(in crate::fleet) use generate::Seed;
pub use generate::{CityRecipe, generate_city, generated_maps};
pub use graph::{Arc, GraphError, Link, LinkGraph, LinkId, LinkSpec, Node, NodeId, NodeSpec, RoadGraph};
pub use limits::*;
pub use locate::{Locator, Spot, map_at};
pub use surface::{Surface, SurfaceError};

use super::MapId;

/// What a map says of itself: `map.json` in a map folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapAbout {
    /// Its number.
    pub map_id: MapId,
    /// Its name, 1 to 50 characters.
    pub map_name: String,
    /// What it shows, at most 500 characters.
    #[serde(default)]
    pub description: String,
}

/// The texts of a map folder.
#[derive(Clone, Copy)]
pub struct MapFiles<'a> {
    /// `map.json`: [`MapAbout`].
    pub about: &'a str,
    /// `surface.geojson`: the road surface.
    pub surface: &'a str,
    /// `links.json`: [`LinkGraph`].
    pub links: &'a str,
}

/// Why a map folder is no map.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// A file is larger than any map needs.
    #[error("{file} has {bytes} bytes, at most {max} are read")]
    TooLarge {
        /// Which file.
        file: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A file is not JSON, or not of the expected form.
    #[error("{file} cannot be read: {reason}")]
    Json {
        /// Which file.
        file: &'static str,
        /// Where and why, as the JSON reader says it.
        reason: String,
    },
    /// Name or description does not fit.
    #[error("map.json: {0}")]
    About(&'static str),
    /// The graph is impossible.
    #[error("links.json: {0}")]
    Graph(#[from] GraphError),
    /// The surface is impossible.
    #[error("surface.geojson: {0}")]
    Surface(#[from] SurfaceError),
}

/// A map that was checked and can be planned on.
#[derive(Clone)]
pub struct RoadMap {
    /// What it says of itself.
    pub about: MapAbout,
    /// Where one can drive.
    pub graph: RoadGraph,
    /// The GeoJSON that people look at.
    pub surface: Surface,
    locator: Locator,
}

impl RoadMap {
    /// Reads and checks a map folder.
    ///
    /// # Errors
    /// The first thing that is wrong, with file, and number of the node, link or feature.
    pub fn load(files: MapFiles<'_>) -> Result<Self, MapError> {
        let about: MapAbout = read("map.json", files.about, ABOUT_BYTES_MAX)?;
        about.check()?;
        let links: LinkGraph = read("links.json", files.links, LINKS_BYTES_MAX)?;
        if files.surface.len() > SURFACE_BYTES_MAX {
            let bytes = files.surface.len();
            return Err(MapError::TooLarge { file: "surface.geojson", bytes, max: SURFACE_BYTES_MAX });
        }
        Ok(Self::new(about, RoadGraph::new(&links)?, Surface::parse(files.surface)?))
    }

    fn new(about: MapAbout, graph: RoadGraph, surface: Surface) -> Self {
        Self { about, locator: Locator::new(&graph), graph, surface }
    }

    /// The place on the nearest road; `None` when a coordinate is no number.
    #[must_use]
    pub fn nearest_spot(&self, at_m: [f64; 2]) -> Option<Spot> {
        self.locator.spot(&self.graph, at_m)
    }

    /// Index and distance in metres of the nearest node; `None` when a coordinate is no number.
    #[must_use]
    pub fn nearest_node(&self, at_m: [f64; 2]) -> Option<(usize, f64)> {
        self.locator.node(&self.graph, at_m)
    }
}

impl fmt::Debug for RoadMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (nodes, links) = (self.graph.nodes().len(), self.graph.links().len());
        write!(f, "RoadMap({}, {nodes} nodes, {links} links)", self.about.map_name)
    }
}

impl MapAbout {
    fn check(&self) -> Result<(), MapError> {
        if !(1..=MAP_NAME_CHARS_MAX).contains(&self.map_name.trim().chars().count()) {
            return Err(MapError::About("map_name must be 1 to 50 characters"));
        }
        if self.description.chars().count() > DESCRIPTION_CHARS_MAX {
            return Err(MapError::About("description must be at most 500 characters"));
        }
        Ok(())
    }
}

fn read<T: serde::de::DeserializeOwned>(
    file: &'static str,
    text: &str,
    bytes_max: usize,
) -> Result<T, MapError> {
    if text.len() > bytes_max {
        return Err(MapError::TooLarge { file, bytes: text.len(), max: bytes_max });
    }
    serde_json::from_str(text).map_err(|error| MapError::Json { file, reason: error.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABOUT: &str = r#"{"map_id":9,"map_name":"Yard"}"#;
    const SURFACE: &str = r#"{"type":"FeatureCollection","features":[]}"#;
    const LINKS: &str = r#"{"nodes":[{"id":1,"x":0,"y":0},{"id":2,"x":100,"y":0,"exit":true}],
        "links":[{"id":5,"from":1,"to":2,"speed_limit_kmh":50}]}"#;

    fn fault(about: &str, surface: &str, links: &str) -> String {
        RoadMap::load(MapFiles { about, surface, links }).expect_err("bad").to_string()
    }

    #[test]
    fn a_small_folder_is_a_map() {
        let map = RoadMap::load(MapFiles { about: ABOUT, surface: SURFACE, links: LINKS }).expect("a map");
        assert_eq!(map.about.map_id, MapId(9));
        let link = &map.graph.links()[0];
        assert_eq!((link.length_m, link.lanes, link.one_way), (100.0, 1, false));
        assert_eq!(map.surface.as_str(), SURFACE);
        assert_eq!(map.nearest_node([70.0, 5.0]).expect("finite").0, 1);
    }

    #[test]
    fn a_bad_folder_says_what_is_wrong_where() {
        assert_eq!(
            fault(r#"{"map_id":9,"map_name":" "}"#, SURFACE, LINKS),
            "map.json: map_name must be 1 to 50 characters"
        );
        assert!(fault(ABOUT, SURFACE, "{").starts_with("links.json cannot be read: EOF"));
        assert!(fault(ABOUT, SURFACE, r#"{"nodes":[],"links":[],"extra":1}"#).contains("extra"));
        let missing = LINKS.replace(r#""to":2"#, r#""to":7"#);
        assert_eq!(fault(ABOUT, SURFACE, &missing), "links.json: link 5: there is no node 7");
        let degrees = r#"{"type":"Feature"}"#;
        assert!(fault(ABOUT, degrees, LINKS).starts_with("surface.geojson: "));
        let huge = " ".repeat(ABOUT_BYTES_MAX + 1);
        assert!(fault(&huge, SURFACE, LINKS).contains("at most"));
    }
}
