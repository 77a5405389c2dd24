//! `GET /maps` and `GET /maps/{map_id}`.

use axum::Json as JsonBody;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use nightshift_domain::fleet::MapId;
use serde::Serialize;
use utoipa::ToSchema;

use super::id;
use crate::http::App;
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// What a map says of itself.
#[derive(Serialize, ToSchema)]
pub(crate) struct MapOut {
    /// Its number.
    #[schema(example = 1)]
    map_id: u32,
    /// Its name.
    #[schema(example = "K-City")]
    map_name: String,
    /// What it shows.
    description: String,
    /// When the plant took it in.
    created_at: String,
}

/// All maps.
#[derive(Serialize, ToSchema)]
pub(crate) struct MapList {
    /// By number.
    maps: Vec<MapOut>,
}

/// The maps of the plant: six generated ones, and those of the folder that the configuration names.
#[utoipa::path(
    get, path = "/maps",
    operation_id = "maps_list", tag = "fleet",
    responses((status = 200, description = "The maps.", body = MapList), AnyError)
)]
pub(crate) async fn list(State(app): State<App>) -> Result<JsonBody<MapList>, Problem> {
    let (maps, since) = app.plant.fleet().maps()?;
    let out = maps.into_iter().map(|about| MapOut {
        map_id: about.map_id.0,
        map_name: about.map_name,
        description: about.description,
        created_at: since.to_string(),
    });
    Ok(JsonBody(MapList { maps: out.collect() }))
}

/// A map's road surface: GeoJSON polygons in local metres, not in degrees.
#[utoipa::path(
    get, path = "/maps/{map_id}",
    operation_id = "maps_show", tag = "fleet",
    params(("map_id" = u32, Path, example = 1)),
    responses(
        (status = 200, description = "A GeoJSON FeatureCollection.", body = serde_json::Value, content_type = "application/geo+json"),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn show(
    State(app): State<App>,
    Path(text): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    let map = app.plant.fleet().map(MapId(id("map_id", &text)?))?;
    Ok(([(header::CONTENT_TYPE, "application/geo+json")], map.surface.as_str().to_owned()))
}
