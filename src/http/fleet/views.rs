//! The fleet as JSON.

use nightshift_actors::{PlanView, VehicleView};
use nightshift_domain::fleet::Freshness;
use nightshift_domain::fleet::plan::Place;
use nightshift_store::fleet::{PositionRow, StoredEvent};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A vehicle.
#[derive(Serialize, ToSchema)]
pub(crate) struct VehicleOut {
    /// The plant's number of it: the one of dashboards' frames.
    #[schema(example = 7)]
    id: u32,
    /// Its own number: the one of vehicles' frames.
    #[schema(example = 3)]
    vehicle_id: u32,
    /// Its name.
    #[schema(example = "POLICE_2")]
    car_name: String,
    /// `police` or `runner`.
    #[schema(example = "police")]
    vehicle_type: Value,
    /// What a police car last reported; null for runners.
    #[schema(value_type = Option<DetailsOut>)]
    details: Option<DetailsOut>,
    /// How much its last word is worth.
    freshness: FreshnessOut,
    /// Connections that speak for it now.
    connections: usize,
    /// Where it was last seen, if ever.
    position: Option<PositionOut>,
    /// A runner's chase: `{state: running, since}` or `{state: caught, catcher_id, at}`.
    #[schema(value_type = Option<Value>)]
    chase: Option<Value>,
    /// When it first registered.
    #[schema(example = "2026-11-26T10:00:00Z")]
    created_at: String,
}

/// What a police car reports of itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct DetailsOut {
    /// Fuel left, percent.
    #[schema(example = 90)]
    fuel: u8,
    /// Collisions so far.
    #[schema(example = 1)]
    collision_count: u8,
    /// `normal`, `half_destroyed` or `complete_destroyed`.
    #[schema(example = "half_destroyed")]
    status: Value,
}

/// How much a vehicle's last word is worth.
#[derive(Serialize, ToSchema)]
pub(crate) struct FreshnessOut {
    /// `ONLINE`, `STALE` or `OFFLINE`.
    #[schema(example = "OFFLINE")]
    state: &'static str,
    /// When it last spoke, if ever.
    heard_at: Option<String>,
    /// `NOT_HEARD_YET`, `SILENT`, `CONNECTION_CLOSED` or `CONNECTION_BROKEN`; null while it speaks.
    #[schema(value_type = Option<String>, example = "CONNECTION_BROKEN")]
    reason: Option<Value>,
}

/// Where a vehicle was.
#[derive(Serialize, ToSchema)]
pub(crate) struct PositionOut {
    /// The map that the coordinates are of.
    #[schema(example = 1)]
    map_id: u32,
    /// Metres east.
    #[schema(example = 1.5)]
    x: f64,
    /// Metres north.
    #[schema(example = -2.25)]
    y: f64,
    /// When.
    at: String,
    /// Metres a second, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    speed_mps: Option<f64>,
}

impl From<&PositionRow> for PositionOut {
    fn from(row: &PositionRow) -> Self {
        Self { map_id: row.map.0, x: row.x, y: row.y, at: row.at.to_string(), speed_mps: None }
    }
}

impl From<Freshness> for FreshnessOut {
    fn from(freshness: Freshness) -> Self {
        let word = |reason| serde_json::to_value(reason).ok();
        let (state, heard_at, reason) = match freshness {
            Freshness::Online { heard_at } => ("ONLINE", Some(heard_at), None),
            Freshness::Stale { heard_at, reason } => ("STALE", Some(heard_at), word(reason)),
            Freshness::Offline { heard_at, reason } => ("OFFLINE", heard_at, word(reason)),
        };
        Self { state, heard_at: heard_at.map(|at| at.to_string()), reason }
    }
}

impl From<VehicleView> for VehicleOut {
    fn from(view: VehicleView) -> Self {
        let word = |value: serde_json::Result<Value>| value.unwrap_or(Value::Null);
        Self {
            id: view.id.0,
            vehicle_id: view.vehicle_id.0,
            car_name: view.car_name,
            vehicle_type: word(serde_json::to_value(view.vehicle_type)),
            details: view.details.map(|details| DetailsOut {
                fuel: details.fuel,
                collision_count: details.collision_count,
                status: word(serde_json::to_value(details.status)),
            }),
            freshness: view.freshness.into(),
            connections: view.connections,
            position: view.position.map(|p| PositionOut {
                map_id: p.map_id.0,
                x: p.x,
                y: p.y,
                at: p.at.to_string(),
                speed_mps: Some(p.speed_mps),
            }),
            chase: view.chase.and_then(|chase| serde_json::to_value(chase).ok()),
            created_at: view.created_at.to_string(),
        }
    }
}

/// An event of a chase.
#[derive(Serialize, ToSchema)]
pub(crate) struct EventOut {
    /// Its number.
    #[schema(example = 12)]
    id: i64,
    /// The police car; null for `run`.
    catcher_id: Option<u32>,
    /// The runner.
    #[schema(example = 2)]
    runner_id: u32,
    /// `run`, `catch` or `failed`.
    #[schema(example = "catch")]
    status: Value,
    /// When.
    created_at: String,
    /// When a person first said to have seen it.
    acknowledged_at: Option<String>,
}

impl From<StoredEvent> for EventOut {
    fn from(stored: StoredEvent) -> Self {
        let outcome = serde_json::to_value(stored.event.outcome).unwrap_or(Value::Null);
        Self {
            id: stored.id,
            catcher_id: stored.event.catcher().map(|id| id.0),
            runner_id: stored.event.runner.0,
            status: outcome["status"].clone(),
            created_at: stored.event.at.to_string(),
            acknowledged_at: stored.acknowledged_at.map(|at| at.to_string()),
        }
    }
}

/// A node of a map.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlaceOut {
    /// Its number on the map.
    #[schema(example = 41)]
    node_id: u32,
    /// Metres east.
    x: f64,
    /// Metres north.
    y: f64,
}

impl From<&Place> for PlaceOut {
    fn from(place: &Place) -> Self {
        Self { node_id: place.node_id.0, x: place.x, y: place.y }
    }
}

/// A car's part in a roadblock.
#[derive(Serialize, ToSchema)]
pub(crate) struct AssignmentOut {
    /// The car.
    #[schema(example = 7)]
    id: u32,
    /// Its own number.
    #[schema(example = 3)]
    vehicle_id: u32,
    /// Where it is to stand.
    #[serde(flatten)]
    place: PlaceOut,
    /// Where the runner is expected from, radians counter-clockwise from east.
    heading_rad: f64,
    /// Seconds that the car needs to get there.
    eta_s: f64,
    /// Seconds within which it must be there.
    arrive_by_s: f64,
    /// Whether its order was sent. A car that speaks version 1, or is not connected, has to be told by people.
    told: bool,
}

/// The car that drives to where the runner is.
#[derive(Serialize, ToSchema)]
pub(crate) struct ChaserOut {
    /// The car.
    #[schema(example = 4)]
    id: u32,
    /// Its own number.
    #[schema(example = 0)]
    vehicle_id: u32,
    /// Whether its order was sent. A car that speaks version 1, or is not connected, has to be told by people.
    told: bool,
}

/// A roadblock.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlanOut {
    /// Rises with every change of a placement or of the chaser.
    #[schema(example = 12)]
    plan_no: u32,
    /// The runner that it is for.
    #[schema(example = 2)]
    runner_id: u32,
    /// The map.
    #[schema(example = 1)]
    map_id: u32,
    /// When the placement was decided.
    decided_at: String,
    /// When times and exits were last worked out.
    updated_at: String,
    /// Nodes that are blocked, and by whom.
    assignments: Vec<AssignmentOut>,
    /// Who chases while a way out stays open.
    chaser: Option<ChaserOut>,
    /// Whether the runner is cut off from every exit.
    closed: bool,
    /// Exits that it can still reach.
    escapes: Vec<PlaceOut>,
    /// Travel time of all cars together, seconds.
    travel_s: f64,
    /// Whether the placement was proven to be the best one.
    proven: bool,
}

impl From<&PlanView> for PlanOut {
    fn from(view: &PlanView) -> Self {
        let plan = &view.plan;
        let assignments = plan.assignments.iter().map(|part| AssignmentOut {
            id: part.id.0,
            vehicle_id: part.vehicle_id.0,
            place: (&part.place).into(),
            heading_rad: part.heading_rad,
            eta_s: part.eta_s,
            arrive_by_s: part.arrive_by_s,
            told: view.told.contains(&part.id),
        });
        let chaser = plan.chaser.map(|chaser| ChaserOut {
            id: chaser.id.0,
            vehicle_id: chaser.vehicle_id.0,
            told: view.told.contains(&chaser.id),
        });
        Self {
            chaser,
            plan_no: plan.plan_no,
            runner_id: plan.runner_id.0,
            map_id: plan.map_id.0,
            decided_at: plan.decided_at.to_string(),
            updated_at: plan.updated_at.to_string(),
            assignments: assignments.collect(),
            closed: plan.closed,
            escapes: plan.escapes.iter().map(Into::into).collect(),
            travel_s: plan.travel_s,
            proven: plan.proven,
        }
    }
}
