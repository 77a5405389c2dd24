//! Entries of the catalogues, all served in the same way: handlers say which kind, and these turn requests into calls.

use axum::Json as JsonBody;
use axum::http::{StatusCode, Uri};
use axum::response::Response;
use nightshift_actors::Catalogued;
use serde::Serialize;

use super::bodies::Fields;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::identity::users::created;
use crate::http::paging::{Page, listed, slice};
use crate::http::problem::Problem;

/// An entry as answers show it.
pub(super) trait Shown: Catalogued {
    /// The answer's type.
    type Out: Serialize;
    /// Where entries of the kind are.
    const PATH: &'static str;

    fn shown(self, app: &App) -> Self::Out;
}

/// A part of the entries that `query` lets through.
pub(super) async fn page<T: Shown>(
    app: &App,
    uri: &Uri,
    query: T::Query,
    page: Page,
) -> Result<Response, Problem> {
    let part = page.checked()?;
    let found = app.plant.production().list::<T>(&query, slice(part)).await?;
    let entries: Vec<T::Out> = found.items.into_iter().map(|entry| entry.shown(app)).collect();
    Ok(listed(uri, &entries, found.total, part))
}

/// An entry.
pub(super) async fn show<T: Shown>(app: &App, id: T::Id) -> Result<JsonBody<T::Out>, Problem> {
    Ok(JsonBody(app.plant.production().get::<T>(id).await?.shown(app)))
}

/// An entry by its code.
pub(super) async fn by_code<T: Shown>(app: &App, code: &str) -> Result<JsonBody<T::Out>, Problem> {
    Ok(JsonBody(app.plant.production().get_by_code::<T>(code).await?.shown(app)))
}

/// Registers an entry.
pub(super) async fn create<T: Shown>(app: &App, caller: &Caller, spec: T::Spec) -> Result<Response, Problem> {
    let made = app.plant.production().create::<T>(&caller.by(), spec).await?;
    Ok(created(format!("{}/{}", T::PATH, made.id()), made.shown(app)))
}

/// Changes the fields of an entry that `change` names.
pub(super) async fn change<T: Shown>(
    app: &App,
    caller: &Caller,
    id: T::Id,
    change: Fields,
) -> Result<JsonBody<T::Out>, Problem> {
    Ok(JsonBody(app.plant.production().change::<T>(&caller.by(), id, change).await?.shown(app)))
}

/// Removes an entry that nothing refers to.
pub(super) async fn remove<T: Shown>(app: &App, caller: &Caller, id: T::Id) -> Result<StatusCode, Problem> {
    app.plant.production().remove::<T>(&caller.by(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
