//! `/ws/vehicles` and `/ws/events`: the sockets of vehicles. `docs/fleet.md` describes their frames to the byte.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use nightshift_actors::{FleetError, Frame, OutletLimits, WireVersion};
use nightshift_domain::fleet::wire::Channel;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::App;
use crate::http::extract::Query;
use crate::http::problem::{AnyError, Problem};
use crate::http::socket::{Ending, SocketAnswers, Terms, Upgrade, accept};

/// Longest message that is read; what is longer than a frame is dropped and counted, what is longer than this ends the
/// connection.
const INCOMING_BYTES_MAX: usize = 4_096;
/// How much may wait for a vehicle: a minute of a busy chase.
const OUTGOING: OutletLimits = OutletLimits { frames_max: 2_048, bytes_max: 256 * 1_024 };

/// How the vehicle speaks.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Spoken {
    /// `2` for stamped frames with a key for each vehicle; version 1 when absent.
    #[param(example = "2")]
    v: Option<String>,
}

/// The socket of vehicles: they register, say where and how they are, and hear where runners are and what to do.
///
/// Binary messages, one frame each: `A0`, `13`, `12` in, `02`, `FF`, `14` out; in version 2 also `A1`, `20`, `21` out. Frames are
/// authenticated by their tags; no token is asked for. Other messages are ignored.
#[utoipa::path(
    get, path = "/ws/vehicles",
    operation_id = "ws_vehicles", tag = "fleet", params(Spoken),
    responses(
        SocketAnswers,
        (status = 403, description = "Version 1 is turned off (`fleet.v1`)."),
        AnyError,
    )
)]
pub(crate) async fn vehicles(
    State(app): State<App>,
    Query(spoken): Query<Spoken>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    open(&app, &spoken, upgrade, Channel::Vehicles)
}

/// The socket of vehicles' events: they report catches and failures, and hear those that are confirmed.
///
/// Binary messages, one frame each: `FE`, `FD` in, `02`, `FC`, `FB` out.
#[utoipa::path(
    get, path = "/ws/events",
    operation_id = "ws_events", tag = "fleet", params(Spoken),
    responses(
        SocketAnswers,
        (status = 403, description = "Version 1 is turned off (`fleet.v1`)."),
        AnyError,
    )
)]
pub(crate) async fn events(
    State(app): State<App>,
    Query(spoken): Query<Spoken>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    open(&app, &spoken, upgrade, Channel::Events)
}

fn open(app: &App, spoken: &Spoken, upgrade: Upgrade, channel: Channel) -> Result<Response, Problem> {
    let version = match spoken.v.as_deref() {
        None | Some("" | "1") => WireVersion::V1,
        Some("2") => WireVersion::V2,
        Some(_) => {
            return Err(Problem::field(vec!["query".into(), "v".into()], "must be 1 or 2", "value_error"));
        }
    };
    if version == WireVersion::V1 && !app.config.fleet.v1 {
        let text = "version 1 is turned off here (fleet.v1): open the socket with ?v=2";
        return Err(Problem::new(StatusCode::FORBIDDEN, "VERSION_OFF", text));
    }
    let fleet = app.plant.fleet().clone();
    if let Some((why, _)) = fleet.why_off() {
        return Err(FleetError::Off(why.into()).into());
    }
    let name = match channel {
        Channel::Vehicles => "vehicles",
        Channel::Events => "events",
    };
    let terms = Terms { channel: name, incoming_bytes_max: INCOMING_BYTES_MAX, outgoing: OUTGOING };
    accept(&app.vehicle_sockets, upgrade, terms, move |mut socket| async move {
        // That it runs was seen above.
        let Ok(mut link) = fleet.vehicle_link(socket.out.clone(), version, channel) else {
            return socket.incoming;
        };
        while let Some(frame) = socket.incoming.next().await {
            if let Frame::Binary(bytes) = frame {
                link.receive(&bytes).await;
            }
        }
        link.end(matches!(socket.incoming.ending(), Ending::Broken | Ending::TooLong));
        socket.incoming
    })
}
