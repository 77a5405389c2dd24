//! `/api/v1/components/…`: from a lot of parts to every unit that holds one.

use axum::extract::{Path, State};
use axum::http::Uri;
use axum::response::Response;
use nightshift_store::production::serials_with_part;
use serde::Deserialize;
use utoipa::IntoParams;

use super::find::stored;
use super::views::SerialOut;
use crate::http::App;
use crate::http::extract::Query;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::{AnyError, Problem};

/// Which parts of the lot.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Which {
    /// Only parts of this kind: `BUSBAR`, `SMA_SPRING`.
    #[param(example = "BUSBAR")]
    kind: Option<String>,
}

/// Every unit that holds a part of a lot of parts.
#[utoipa::path(
    get, path = "/api/v1/components/{component_lot}/serials",
    operation_id = "components_serials", tag = "production",
    params(("component_lot" = String, Path, example = "BB-17"), Which, Page),
    responses(
        (status = 200, description = "The units, the oldest first.", body = Vec<SerialOut>,
         headers(("X-Total-Count" = i64, description = "Units that hold one"), ("Link" = String, description = "`next` and `prev`"))),
        AnyError,
    )
)]
pub(crate) async fn serials(
    State(app): State<App>,
    uri: Uri,
    Path(component_lot): Path<String>,
    Query(which): Query<Which>,
    Query(page): Query<Page>,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let kind = which.kind.as_deref();
    let found = stored(serials_with_part(&app.db, &component_lot, kind, slice(part)).await)?;
    let serials: Vec<SerialOut> = found.items.into_iter().map(Into::into).collect();
    Ok(listed(&uri, &serials, found.total, part))
}
