//! The maps of the plant: six generated ones, and those that people put into a folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use nightshift_domain::fleet::MapId;
use nightshift_domain::fleet::map::{
    ABOUT_BYTES_MAX, LINKS_BYTES_MAX, MapFiles, RoadMap, SURFACE_BYTES_MAX, generated_maps,
};

/// Most folders that are read.
const FOLDERS_MAX: usize = 256;

/// The seed of the generated maps: changing it changes every plant's maps.
const SEED: u64 = 1;

/// All maps by number. One of the folder takes the place of a generated one with the same number.
///
/// # Errors
/// The first file that cannot be read, or is no part of a map, by name.
pub fn load(folder: Option<&Path>) -> Result<BTreeMap<MapId, Arc<RoadMap>>, String> {
    let mut maps: BTreeMap<MapId, Arc<RoadMap>> =
        generated_maps(SEED).into_iter().map(|map| (map.about.map_id, Arc::new(map))).collect();
    let Some(folder) = folder else { return Ok(maps) };
    let named = |path: &Path, reason: String| format!("{}: {reason}", path.display());
    let entries = std::fs::read_dir(folder).map_err(|error| named(folder, error.to_string()))?;
    let mut own: BTreeMap<MapId, std::path::PathBuf> = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(|error| named(folder, error.to_string()))?.path();
        if !path.join("map.json").is_file() {
            continue;
        }
        if own.len() >= FOLDERS_MAX {
            return Err(named(folder, format!("holds more than {FOLDERS_MAX} maps")));
        }
        let map = read(&path)?;
        if let Some(other) = own.insert(map.about.map_id, path.clone()) {
            return Err(named(&path, format!("has the same map_id as {}", other.display())));
        }
        tracing::info!(map = %map.about.map_id, name = map.about.map_name, folder = %path.display(), "a map of your own");
        maps.insert(map.about.map_id, Arc::new(map));
    }
    Ok(maps)
}

fn read(folder: &Path) -> Result<RoadMap, String> {
    let file = |name: &str, bytes_max: usize| {
        let path = folder.join(name);
        let failed = |reason: String| format!("{}: {reason}", path.display());
        let bytes = std::fs::metadata(&path).map_err(|error| failed(error.to_string()))?.len();
        if bytes > bytes_max as u64 {
            return Err(failed(format!("has {bytes} bytes, at most {bytes_max} are read")));
        }
        std::fs::read_to_string(&path).map_err(|error| failed(error.to_string()))
    };
    let about = file("map.json", ABOUT_BYTES_MAX)?;
    let surface = file("surface.geojson", SURFACE_BYTES_MAX)?;
    let links = file("links.json", LINKS_BYTES_MAX)?;
    let files = MapFiles { about: &about, surface: &surface, links: &links };
    RoadMap::load(files).map_err(|error| format!("{}: {error}", folder.display()))
}
