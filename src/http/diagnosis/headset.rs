//! `/ws/diagnosis/{patient_code}`: the channel of a patient's VR headset.

use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use nightshift_actors::{Close, Frame, Headset, HeadsetRefusal, OutletLimits, Said};
use nightshift_domain::diagnosis::FRAME_BYTES_MAX;
use utoipa::IntoParams;

use super::guard::HeadsetAgent;
use crate::http::App;
use crate::http::identity::admit::{bearer, token_in_query};
use crate::http::problem::Problem;
use crate::http::socket::{Ending, Incoming, Socket, SocketAnswers, Terms, Upgrade, accept};

/// What the channel allows. Orders are short, and few wait at a time.
const TERMS: Terms = Terms {
    channel: "headset",
    incoming_bytes_max: FRAME_BYTES_MAX,
    outgoing: OutletLimits { frames_max: 64, bytes_max: 64 * 1_024 },
};
/// How long a headset that was replaced may take to leave by itself.
const FAREWELL: Duration = Duration::from_secs(3);
/// Frames without effect that a headset may send in a row; each further one costs it a pause.
const IGNORED_FREE: u32 = 64;
/// That pause.
const IGNORED_PAUSE: Duration = Duration::from_millis(20);

const UNKNOWN_CODE: Close = Close { code: 4004, reason: "no patient has this code" };
const NO_TOKEN: Close = Close { code: 4001, reason: "the device token is missing or wrong" };
const REPLACED: Close = Close { code: 4009, reason: "another headset has connected" };
const AWAY: Close = Close { code: 1013, reason: "not possible at the moment; connect again" };

/// What the query of a handshake may hold.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
#[allow(dead_code, reason = "read from the query itself; this describes it")]
pub(crate) struct Handshake {
    /// The patient's device token, where the configuration asks for one; a bearer token does as well.
    token: Option<String>,
}

/// The WebSocket of a patient's VR headset. The messages are described at the head of this page.
///
/// An unknown code is closed with 4004; with `diagnosis.device_tokens` a missing or wrong token with 4001. A new headset of
/// the patient takes the place of an older one, which is told `s_force_disconnect` and closed with 4009 if it does not leave.
#[utoipa::path(
    get, path = "/ws/diagnosis/{patient_code}",
    operation_id = "diagnosis_headset", tag = "diagnosis",
    params(("patient_code" = String, Path, example = "007-000"), Handshake),
    responses(
        SocketAnswers,
        (status = 403, description = "The program's name is not one that headsets have.", body = crate::http::problem::ProblemBody<'static>),
    )
)]
pub(crate) async fn connect(
    State(app): State<App>,
    _: HeadsetAgent,
    Path(code): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    let token = bearer(&headers)?.or_else(|| token_in_query(uri.query().unwrap_or_default()));
    let places = app.headsets.clone();
    accept(&places, upgrade, TERMS, move |socket| talk(app, code, token, socket))
}

/// Speaks with a headset until either has enough.
async fn talk(app: App, code: String, token: Option<String>, mut socket: Socket) -> Incoming {
    let diagnosis = app.plant.diagnosis();
    let patient = match diagnosis.admit_headset(&code, token.as_deref()).await {
        Ok(patient) => patient,
        Err(refusal) => {
            socket.out.close(close_of(&refusal));
            return socket.incoming;
        }
    };
    let mut headset = diagnosis.connect_headset(patient, socket.out.clone()).await;
    tracing::info!(patient = patient.0, "a headset has connected");
    let replaced = listen(&app, &mut headset, &mut socket.incoming).await;
    if replaced {
        let leaving = async { while socket.incoming.next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, leaving).await.is_err() {
            socket.out.close(REPLACED);
        }
    }
    if socket.incoming.ending() == Ending::TooLong {
        headset.sent_too_much().await;
    }
    tracing::info!(patient = patient.0, replaced, "a headset has left");
    socket.incoming
}

fn close_of(refusal: &HeadsetRefusal) -> Close {
    match refusal {
        HeadsetRefusal::UnknownCode => UNKNOWN_CODE,
        HeadsetRefusal::Token => NO_TOKEN,
        HeadsetRefusal::Away(error) => {
            tracing::warn!(error = %error, "a headset could not be looked up");
            AWAY
        }
    }
}

/// Takes what a headset says until it leaves, or another takes its place; whether it is the latter. Garbage is ignored for as
/// long as it comes, and slows down nobody but its sender.
async fn listen(app: &App, headset: &mut Headset, incoming: &mut Incoming) -> bool {
    let mut ignored: u32 = 0;
    loop {
        let frame = tokio::select! {
            biased;
            () = headset.replaced() => return true,
            frame = incoming.next() => frame,
        };
        let said = match frame {
            None => return false,
            Some(Frame::Text(text)) => headset.hear(text).await,
            Some(Frame::Binary(_) | Frame::Last(_)) => headset.hear_bytes(),
        };
        ignored = match said {
            Said::Taken => 0,
            Said::Ignored(_) => ignored.saturating_add(1),
        };
        if ignored > IGNORED_FREE {
            app.clock.sleep(IGNORED_PAUSE).await;
        }
    }
}
