//! The road surface: GeoJSON polygons in local metres, checked once and then passed on as it came.

use std::fmt;

use serde::Deserialize;

use super::SURFACE_POINTS_MAX;
use super::graph::placed;

/// Fewest positions of a closed ring.
const RING_POINTS_MIN: usize = 4;

/// Why a text is no road surface.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SurfaceError {
    /// It is no GeoJSON feature collection of polygons.
    #[error("it must be a GeoJSON FeatureCollection of Polygon and MultiPolygon features: {0}")]
    Form(String),
    /// A ring is not closed, or too short.
    #[error("feature {0}: a ring must have at least 4 positions, the last equal to the first")]
    Ring(usize),
    /// A position lies nowhere.
    #[error("feature {0}: positions are local metres, finite and within 100 km of the origin")]
    Position(usize),
    /// There are too many positions.
    #[error("it has more than {SURFACE_POINTS_MAX} positions")]
    TooManyPoints,
}

/// A checked GeoJSON text.
#[derive(Clone, PartialEq, Eq)]
pub struct Surface(String);

#[derive(Deserialize)]
enum CollectionTag {
    FeatureCollection,
}

#[derive(Deserialize)]
enum FeatureTag {
    Feature,
}

#[derive(Deserialize)]
struct Collection {
    #[serde(rename = "type")]
    _tag: CollectionTag,
    features: Vec<Feature>,
}

#[derive(Deserialize)]
struct Feature {
    #[serde(rename = "type")]
    _tag: FeatureTag,
    geometry: Geometry,
}

type Ring = Vec<Vec<f64>>;

#[derive(Deserialize)]
#[serde(tag = "type", content = "coordinates")]
enum Geometry {
    Polygon(Vec<Ring>),
    MultiPolygon(Vec<Vec<Ring>>),
}

impl Surface {
    /// Checks a text. Properties and members that GeoJSON allows beside these are kept as they are.
    ///
    /// # Errors
    /// The first thing that is wrong, with the number of the feature, from 0.
    pub fn parse(text: &str) -> Result<Self, SurfaceError> {
        let collection: Collection =
            serde_json::from_str(text).map_err(|error| SurfaceError::Form(error.to_string()))?;
        let mut points = 0;
        for (number, feature) in collection.features.iter().enumerate() {
            let rings: Vec<&Ring> = match &feature.geometry {
                Geometry::Polygon(rings) => rings.iter().collect(),
                Geometry::MultiPolygon(polygons) => polygons.iter().flatten().collect(),
            };
            for ring in rings {
                points += ring.len();
                if points > SURFACE_POINTS_MAX {
                    return Err(SurfaceError::TooManyPoints);
                }
                check_ring(ring, number)?;
            }
        }
        Ok(Self(text.to_owned()))
    }

    /// The GeoJSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_ring(ring: &Ring, feature: usize) -> Result<(), SurfaceError> {
    let lies_somewhere = |p: &Vec<f64>| matches!(p[..], [x, y] | [x, y, _] if placed([x, y]));
    if !ring.iter().all(lies_somewhere) {
        return Err(SurfaceError::Position(feature));
    }
    let closed = ring.len() >= RING_POINTS_MIN && ring.first() == ring.last();
    if closed { Ok(()) } else { Err(SurfaceError::Ring(feature)) }
}

impl fmt::Debug for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Surface({} bytes)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feature(kind: &str, coordinates: &str) -> String {
        format!(
            r#"{{"type":"FeatureCollection","name":"x","features":[{{"type":"Feature","properties":{{"lanes":2}},
            "geometry":{{"type":"{kind}","coordinates":{coordinates}}}}}]}}"#
        )
    }

    #[test]
    fn polygons_pass_as_they_are() {
        for text in [
            feature("Polygon", "[[[0,0],[1,0],[1,1],[0,0]]]"),
            feature("MultiPolygon", "[[[[0,0,5],[1,0,5],[1,1,5],[0,0,5]]]]"),
        ] {
            assert_eq!(Surface::parse(&text).expect("polygons").as_str(), text);
        }
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let fault = |text: &str| Surface::parse(text).expect_err("bad");
        assert!(matches!(fault(&feature("Point", "[0,0]")), SurfaceError::Form(_)));
        assert!(matches!(fault(r#"{"type":"Feature","features":[]}"#), SurfaceError::Form(_)));
        assert_eq!(fault(&feature("Polygon", "[[[0,0],[1,0],[0,0]]]")), SurfaceError::Ring(0));
        assert_eq!(fault(&feature("Polygon", "[[[0,0],[1,0],[1,1],[0,1]]]")), SurfaceError::Ring(0));
        assert_eq!(fault(&feature("Polygon", "[[[0],[1,0],[1,1],[0]]]")), SurfaceError::Position(0));
        assert_eq!(fault(&feature("Polygon", "[[[0,0],[1e9,0],[1,1],[0,0]]]")), SurfaceError::Position(0));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[\\[\\]{}\":,0-9a-zA-Z.-]{0,80}") {
            let _ = Surface::parse(&text);
            let _ = Surface::parse(&feature("Polygon", &text));
        }
    }
}
