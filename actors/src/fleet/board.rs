//! Where every vehicle is now, on which map, and which of them dashboards have not been told of yet.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::fleet::map::RoadMap;
use nightshift_domain::fleet::{CarId, Kind, MapId, VehicleId};

use super::shared::lock;

/// How far beside a map's roads a vehicle may be and still be on it, in metres.
const ON_MAP_M_MAX: f64 = 50.0;
/// A runner's speed is that of its way over at least so long.
const SPEED_OVER_MIN: Duration = Duration::from_millis(300);
/// Beyond this pause the last position says nothing about speed.
const SPEED_OVER_MAX: Duration = Duration::from_secs(5);
/// Fastest that is believed, in metres a second: a faster one was put somewhere else.
const SPEED_MPS_MAX: f64 = 100.0;

/// Where a vehicle is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Placed {
    pub(super) id: CarId,
    pub(super) vehicle_id: VehicleId,
    pub(super) kind: Kind,
    pub(super) map: MapId,
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) at: Timestamp,
    /// Metres a second, as seen lately.
    pub(super) mps: f64,
    /// When its frame came in, by the monotonic clock.
    pub(super) since: Duration,
    /// Where and when its speed was last measured from.
    from: ([f64; 2], Timestamp),
}

impl Placed {
    pub(super) fn at_m(&self) -> [f64; 2] {
        [f64::from(self.x), f64::from(self.y)]
    }
}

/// A position as it came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fix {
    pub(super) id: CarId,
    pub(super) vehicle_id: VehicleId,
    pub(super) kind: Kind,
    pub(super) x: f32,
    pub(super) y: f32,
    pub(super) at: Timestamp,
    pub(super) since: Duration,
}

/// All positions.
#[derive(Default)]
pub(super) struct Board(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    places: BTreeMap<CarId, Placed>,
    /// Those that moved since dashboards were last told.
    moved: BTreeSet<CarId>,
    /// How many vehicles are on each map.
    on_map: BTreeMap<MapId, usize>,
}

impl Board {
    /// Puts a vehicle where it says it is, on `fixed` map if the configuration names one, and gives its place.
    pub(super) fn put(&self, maps: &BTreeMap<MapId, Arc<RoadMap>>, fixed: Option<MapId>, fix: Fix) -> Placed {
        let mut inner = lock(&self.0);
        let before = inner.places.get(&fix.id).copied();
        let at_m = [f64::from(fix.x), f64::from(fix.y)];
        let map = fixed.unwrap_or_else(|| choose(maps, &inner.on_map, before.map(|b| b.map), at_m));
        let (mps, from) = speed(before.as_ref(), at_m, fix.at);
        let Fix { id, vehicle_id, kind, x, y, at, since } = fix;
        let placed = Placed { id, vehicle_id, kind, map, x, y, at, mps, since, from };
        if before.is_none_or(|b| b.map != map) {
            if let Some(before) = before {
                inner.left(before.map);
            }
            *inner.on_map.entry(map).or_default() += 1;
        }
        inner.places.insert(id, placed);
        if !inner.moved.insert(id) {
            metrics::counter!("nightshift_fleet_superseded_positions_total").increment(1);
        }
        placed
    }

    /// Puts a vehicle where it was when the plant last knew; dashboards hear of it when they connect.
    pub(super) fn recall(&self, fix: Fix, map: MapId) {
        let mut inner = lock(&self.0);
        if inner.places.contains_key(&fix.id) {
            return;
        }
        let Fix { id, vehicle_id, kind, x, y, at, since } = fix;
        let from = ([f64::from(x), f64::from(y)], at);
        inner.places.insert(id, Placed { id, vehicle_id, kind, map, x, y, at, mps: 0.0, since, from });
        *inner.on_map.entry(map).or_default() += 1;
    }

    pub(super) fn remove(&self, id: CarId) {
        let mut inner = lock(&self.0);
        inner.moved.remove(&id);
        if let Some(placed) = inner.places.remove(&id) {
            inner.left(placed.map);
        }
    }

    pub(super) fn get(&self, id: CarId) -> Option<Placed> {
        lock(&self.0).places.get(&id).copied()
    }

    /// All of them, by id.
    pub(super) fn all(&self) -> Vec<Placed> {
        lock(&self.0).places.values().copied().collect()
    }

    /// Those of one side on a map.
    pub(super) fn on(&self, map: MapId, kind: Kind) -> Vec<Placed> {
        let inner = lock(&self.0);
        inner.places.values().filter(|p| p.map == map && p.kind == kind).copied().collect()
    }

    /// Those that moved since the last call.
    pub(super) fn take_moved(&self) -> Vec<Placed> {
        let mut inner = lock(&self.0);
        let moved = std::mem::take(&mut inner.moved);
        moved.iter().filter_map(|id| inner.places.get(id).copied()).collect()
    }
}

impl Inner {
    fn left(&mut self, map: MapId) {
        if let Some(count) = self.on_map.get_mut(&map) {
            *count -= 1;
            if *count == 0 {
                self.on_map.remove(&map);
            }
        }
    }
}

/// The map of a position. All maps begin near the same origin, so the place alone does not tell: a vehicle stays on its map
/// while it is near that map's roads; else it joins the map with the most vehicles among those whose roads are near; else the
/// one whose roads are nearest. Beside all roads it stays where it was, at first on the first map.
fn choose(
    maps: &BTreeMap<MapId, Arc<RoadMap>>,
    on_map: &BTreeMap<MapId, usize>,
    before: Option<MapId>,
    at_m: [f64; 2],
) -> MapId {
    let beside = |map: &RoadMap| map.nearest_spot(at_m).map_or(f64::MAX, |spot| spot.beside_m);
    let near = |id: &MapId| maps.get(id).is_some_and(|map| beside(map) <= ON_MAP_M_MAX);
    if let Some(map) = before.filter(near) {
        return map;
    }
    let crowded =
        on_map.iter().filter(|(id, _)| near(id)).max_by_key(|(id, count)| (**count, u32::MAX - id.0));
    if let Some((map, _)) = crowded {
        return *map;
    }
    let by_road = maps.iter().map(|(id, map)| (beside(map), *id)).filter(|(m, _)| *m <= ON_MAP_M_MAX);
    let nearest = by_road.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, id)| id);
    nearest.or(before).or_else(|| maps.keys().next().copied()).unwrap_or(MapId(0))
}

/// The speed at a new position, and where the next one is measured from.
fn speed(before: Option<&Placed>, at_m: [f64; 2], at: Timestamp) -> (f64, ([f64; 2], Timestamp)) {
    let Some(before) = before else { return (0.0, (at_m, at)) };
    let (from_m, from_at) = before.from;
    let over = at.since(from_at);
    if over < SPEED_OVER_MIN {
        return (before.mps, before.from);
    }
    let mps = (at_m[0] - from_m[0]).hypot(at_m[1] - from_m[1]) / over.as_secs_f64();
    let believed = over <= SPEED_OVER_MAX && mps <= SPEED_MPS_MAX;
    (if believed { mps } else { 0.0 }, (at_m, at))
}

#[cfg(test)]
mod tests {
    use nightshift_domain::fleet::map::generated_maps;

    use super::*;

    fn fix(id: u32, at_m: [f64; 2], ms: u64) -> Fix {
        let at = Timestamp::Y2000 + Duration::from_millis(ms);
        #[expect(clippy::cast_possible_truncation, reason = "a test's own small numbers")]
        let (x, y) = (at_m[0] as f32, at_m[1] as f32);
        Fix { id: CarId(id), vehicle_id: VehicleId(id), kind: Kind::Police, x, y, at, since: Duration::ZERO }
    }

    fn maps() -> BTreeMap<MapId, Arc<RoadMap>> {
        generated_maps(1).into_iter().map(|map| (map.about.map_id, Arc::new(map))).collect()
    }

    #[test]
    fn vehicles_that_can_be_together_are_on_one_map() {
        let (maps, board) = (maps(), Board::default());
        let third = &maps[&MapId(3)].graph.nodes()[0].at_m;
        let first = board.put(&maps, Some(MapId(3)), fix(1, *third, 0));
        assert_eq!(first.map, MapId(3));
        assert_eq!(board.put(&maps, None, fix(2, *third, 0)).map, MapId(3), "where the others are");
        let far = [90_000.0, 90_000.0];
        assert_eq!(board.put(&maps, None, fix(2, far, 100)).map, MapId(3), "beside all roads it stays");
        assert_eq!(board.put(&maps, None, fix(3, far, 100)).map, MapId(1), "or is on the first");
    }

    #[test]
    fn the_newest_place_wins_and_is_told_once() {
        let (maps, board) = (maps(), Board::default());
        board.put(&maps, Some(MapId(1)), fix(1, [0.0, 0.0], 0));
        board.put(&maps, Some(MapId(1)), fix(1, [5.0, 0.0], 10));
        let moved = board.take_moved();
        assert_eq!(moved.iter().map(|p| p.x).collect::<Vec<_>>(), [5.0]);
        assert!(board.take_moved().is_empty());
        board.remove(CarId(1));
        assert!(board.all().is_empty() && board.get(CarId(1)).is_none());
    }

    #[test]
    fn speed_is_measured_over_a_while_and_jumps_are_not_believed() {
        let (maps, board) = (maps(), Board::default());
        let at = |m: f64, ms| board.put(&maps, Some(MapId(1)), fix(1, [m, 0.0], ms)).mps;
        assert_eq!(at(0.0, 0), 0.0);
        assert_eq!(at(1.0, 100), 0.0, "too soon to tell");
        assert_eq!(at(10.0, 500), 20.0);
        assert_eq!(at(20.0, 1_000), 20.0);
        assert_eq!(at(5_000.0, 2_000), 0.0, "it was put there");
    }
}
