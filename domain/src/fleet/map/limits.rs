//! How large a map may be.

/// Characters in a map's name.
pub const MAP_NAME_CHARS_MAX: usize = 50;
/// Characters in a map's description.
pub const DESCRIPTION_CHARS_MAX: usize = 500;
/// Bytes of `map.json`.
pub const ABOUT_BYTES_MAX: usize = 16 * 1024;
/// Bytes of `links.json`.
pub const LINKS_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Bytes of `surface.geojson`.
pub const SURFACE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Nodes of one map.
pub const NODES_MAX: usize = 20_000;
/// Links of one map.
pub const LINKS_MAX: usize = 60_000;
/// Points between the ends of one link.
pub const SHAPE_POINTS_MAX: usize = 1_000;
/// Points in all rings of a surface.
pub const SURFACE_POINTS_MAX: usize = 2_000_000;
/// Farthest that anything may be from the origin, in metres along either axis.
pub const COORDINATE_M_MAX: f64 = 100_000.0;
/// Longest link, in metres.
pub const LINK_M_MAX: f64 = 50_000.0;
/// Most lanes of a link, both directions together.
pub const LANES_MAX: u8 = 16;
/// Highest speed limit, in km/h: a proving ground's oval has no lower one.
pub const SPEED_KMH_MAX: f64 = 300.0;
