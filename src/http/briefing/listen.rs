//! `WS /ws` and `WS /reloadBriefing`: the plant speaks, plain text by plain text, until the end.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use nightshift_actors::{Close, Frame, Listening, OutletLimits, Reloaded, Told};
use nightshift_domain::briefing::{EndTime, Interval, RequestId};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::broadcast::{self, error::RecvError};
use utoipa::IntoParams;

use super::asker::asker;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::Query;
use crate::http::problem::{AnyError, Problem};
use crate::http::socket::{Incoming, Socket, SocketAnswers, Terms, Upgrade, accept};

/// What the detail of an error begins with.
const WHERE: &str = "WebSocket Error";
/// Clients have nothing to say here; what they send is read and left.
const INCOMING_BYTES_MAX: usize = 4 * 1_024;
/// A day of texts, one a second, may be the first frame.
const OUTGOING: OutletLimits = OutletLimits { frames_max: 256, bytes_max: 64 * 1_024 * 1_024 };

/// What is asked for.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct StartQuery {
    /// For whom; the one who is signed in when absent.
    #[param(example = "kim", max_length = 50)]
    username: Option<String>,
    /// Seconds between two texts, 1 to 86400.
    #[param(example = "30")]
    interval: String,
    /// When it ends, in the plant's time: `h:mm AM`, `h:mm PM` or `HH:MM`. What is past today means tomorrow.
    #[param(example = "10:30 PM")]
    endtime: String,
}

/// Who comes back.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReloadQuery {
    /// For whom; the one who is signed in when absent.
    #[param(example = "kim", max_length = 50)]
    username: Option<String>,
}

/// A socket that starts a briefing. Also at `/websocket/ws`.
///
/// The first text comes after one interval; each is a frame of plain text. The last frame is
/// `{"event":"ended","request_id":"17"}`, and the socket closes with 1000. A briefing that the same person has running ends.
/// The client's going away ends nothing: the texts are kept, and `/reloadBriefing` gives them.
#[utoipa::path(
    get,
    path = "/ws",
    operation_id = "briefing_ws",
    tag = "briefing",
    params(StartQuery),
    responses(SocketAnswers, AnyError)
)]
pub(crate) async fn start(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<StartQuery>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let refused =
        |name: &str, text: String| Problem::field(vec!["query".into(), name.into()], text, "value_error");
    let name = asker(&caller, query.username.as_deref(), "query").map_err(|p| p.within(WHERE))?;
    let interval: Interval = query.interval.parse().map_err(|e| refused("interval", format!("{e}")))?;
    let end: EndTime = query.endtime.parse().map_err(|e| refused("endtime", format!("{e}")))?;
    let begun = app.plant.briefing().begin(&name, interval, &end).await;
    let listening = begun.map_err(|error| Problem::from(error).within(WHERE))?;
    accept(&app.sockets, upgrade, terms("briefing"), move |socket| talk(socket, Some(listening), None))
}

/// A socket that goes on with a person's newest briefing. Also at `/websocket/reloadBriefing`.
///
/// The first frame is `{"briefing_data":["…", …]}`, everything told so far; then each text as it comes, and the end as at `/ws`.
#[utoipa::path(
    get,
    path = "/reloadBriefing",
    operation_id = "briefing_reload",
    tag = "briefing",
    params(ReloadQuery),
    responses(SocketAnswers, AnyError)
)]
pub(crate) async fn reload(
    State(app): State<App>,
    caller: Caller,
    Query(query): Query<ReloadQuery>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let name = asker(&caller, query.username.as_deref(), "query").map_err(|p| p.within(WHERE))?;
    let found = app.plant.briefing().reload(&name).await;
    let found = found.map_err(|error| Problem::from(error).within(WHERE))?;
    accept(&app.sockets, upgrade, terms("briefing"), move |socket| {
        let Reloaded { request_id, texts, listening } = found;
        let first = json!({ "briefing_data": texts }).to_string();
        talk(socket, listening, Some((first, request_id)))
    })
}

fn terms(channel: &'static str) -> Terms {
    Terms { channel, incoming_bytes_max: INCOMING_BYTES_MAX, outgoing: OUTGOING }
}

/// Speaks until the briefing ends or the client goes.
async fn talk(
    mut socket: Socket,
    listening: Option<Listening>,
    first: Option<(String, Option<RequestId>)>,
) -> Incoming {
    let mut id = listening.as_ref().map(|listening| listening.request_id);
    if let Some((first, known)) = first {
        id = id.or(known);
        if socket.out.send(Frame::Text(first.into())).is_err() {
            return socket.incoming;
        }
    }
    let mut told = listening.map(|listening| listening.told);
    loop {
        tokio::select! {
            told = next(told.as_mut()) => match told {
                Ok(Told::Text(text)) => {
                    if socket.out.send(Frame::Text(text)).is_err() {
                        return socket.incoming;
                    }
                }
                Ok(Told::Ended) | Err(RecvError::Closed) => return goodbye(socket, id).await,
                // Texts went by unheard: they are stored, and a client that connects again gets them.
                Err(RecvError::Lagged(_)) => {
                    socket.out.close(Close::TOO_SLOW);
                    return socket.incoming;
                }
            },
            heard = socket.incoming.next() => if heard.is_none() {
                return socket.incoming;
            },
        }
    }
}

/// What is told next; the end when nobody tells.
async fn next(told: Option<&mut broadcast::Receiver<Told>>) -> Result<Told, RecvError> {
    match told {
        Some(told) => told.recv().await,
        None => Ok(Told::Ended),
    }
}

/// Says that it has ended, and waits until that has left.
async fn goodbye(mut socket: Socket, id: Option<RequestId>) -> Incoming {
    if let Some(id) = id {
        let ended = json!({ "event": "ended", "request_id": id.to_string() }).to_string();
        let _ = socket.out.send(Frame::Text(Arc::from(ended)));
    }
    let _ = socket.out.send(Frame::Last(Close::DONE));
    while socket.incoming.next().await.is_some() {}
    socket.incoming
}
