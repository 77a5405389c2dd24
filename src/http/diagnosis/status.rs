//! `GET /diagnosis/{id}/status`: a session's states as server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event as SseEvent, Sse};
use axum::response::{IntoResponse, Response};
use futures::{Stream, StreamExt, stream};
use nightshift_actors::Follow;
use nightshift_domain::diagnosis::StateEvent;
use serde::Deserialize;
use utoipa::IntoParams;

use super::views::StateOut;
use super::{asker, diagnosis_id};
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::events::{Open, last_event_id_of};
use crate::http::extract::Query;
use crate::http::problem::{AnyError, NotFoundError, Problem};

/// Longest silence: the state is told again then.
const REPEAT: Duration = Duration::from_secs(5);
/// Pause that a browser makes before it connects again.
const RETRY: Duration = Duration::from_secs(3);

/// From where on to listen.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Since {
    /// Id of the last event seen, for clients that cannot set `Last-Event-ID`.
    last_event_id: Option<String>,
}

/// The states of a diagnosis as unnamed server-sent events, `data: {"id", "state", "timestamp"}`, and `reason` with FAILED.
///
/// The state it is in is told at once, every other one when it is entered, and the newest again after 5 s of silence. The
/// stream ends after COMPLETED, FAILED, CANCELLED or EXPIRED. `Last-Event-ID` takes up after the last state seen: none is
/// missed. Whoever has seen the last one is answered 204, at which browsers stop to connect again.
#[utoipa::path(
    get, path = "/diagnosis/{diagnosis_id}/status",
    operation_id = "diagnosis_status", tag = "diagnosis",
    params(
        ("diagnosis_id" = i64, Path, example = 5), Since,
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event seen.")
    ),
    responses(
        (status = 200, description = "The stream.", body = String, content_type = "text/event-stream"),
        (status = 204, description = "There is nothing after the last event seen."),
        NotFoundError, AnyError,
    )
)]
pub(crate) async fn follow(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    Query(since): Query<Since>,
) -> Result<Response, Problem> {
    let id = diagnosis_id(&id)?;
    let after = last_event_id_of(&headers, since.last_event_id.as_deref())?;
    let open = Open::new(app.stream_permit()?);
    let follow = app.plant.diagnosis().follow(&asker(&caller)?, id, after).await?;
    if after.is_some_and(|after| follow.is_over_after(after)) {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let listener = Listener { app, id: id.0, follow, _open: open };
    let greeting = SseEvent::default().retry(RETRY).comment("nightshift");
    let events = stream::once(async { Ok::<_, Infallible>(greeting) }).chain(listener.into_stream());
    Ok(([("x-accel-buffering", "no")], Sse::new(events)).into_response())
}

struct Listener {
    app: App,
    id: i64,
    follow: Follow,
    _open: Open,
}

impl Listener {
    fn into_stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> {
        stream::unfold(self, |mut listener| async {
            let event = listener.next().await?;
            Some((Ok(event), listener))
        })
    }

    /// The next event; `None` after the last state, and when the plant stops.
    async fn next(&mut self) -> Option<SseEvent> {
        let (stopping, clock) = (self.app.stopping.clone(), self.app.clock.clone());
        let state = tokio::select! {
            biased;
            () = stopping.cancelled() => return None,
            state = self.follow.next() => state?,
            () = clock.sleep(REPEAT) => self.follow.newest()?.clone(),
        };
        Some(self.event(&state))
    }

    fn event(&self, state: &StateEvent) -> SseEvent {
        let data = serde_json::to_string(&StateOut::new(self.id, state)).unwrap_or_default();
        SseEvent::default().id(state.seq.to_string()).data(data)
    }
}
