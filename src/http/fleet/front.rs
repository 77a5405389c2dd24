//! `/ws/front/vehicles` and `/ws/front/events`: the sockets of dashboards.

use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::response::Response;
use nightshift_actors::{Close, FleetError, Frame, Outlet, OutletLimits};
use nightshift_domain::fleet::{CarId, CarName};
use nightshift_domain::identity::{Access, Permission, Principal};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use super::views::VehicleOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::doors::Gate;
use crate::http::extract::Query;
use crate::http::identity::admit;
use crate::http::problem::{AnyError, Problem};
use crate::http::socket::{Incoming, SocketAnswers, Terms, Upgrade, accept};

/// Longest message that a dashboard may send.
const INCOMING_BYTES_MAX: usize = 4_096;
/// Frames that may wait for a dashboard: the state of ten thousand vehicles when it connects.
const OUTGOING_FRAMES_MAX: usize = 32_768;
/// Time between two looks whether a dashboard's token is still good.
const ADMIT_INTERVAL: Duration = Duration::from_secs(60);

/// The token has ended, or its owner was locked out.
const ENDED: Close = Close { code: 1008, reason: "the token is no longer good; sign in and connect again" };

/// What a dashboard takes.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Taken {
    /// Whether it takes JSON text frames about roadblocks beside its binary frames.
    #[param(default = true)]
    plans: Option<bool>,
}

/// How a dashboard got in, to be looked at again while it is connected.
pub(crate) struct Admission(Parts);

impl<S: Sync> FromRequestParts<S> for Admission {
    type Rejection = std::convert::Infallible;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, std::convert::Infallible> {
        Ok(Self(parts.clone()))
    }
}

impl Admission {
    /// Who it is now; an error once the token has ended.
    async fn again(&self, app: &App) -> Result<Caller, Problem> {
        let gate = Gate { access: Access::Needs(Permission::FleetRead), token_in_query: true };
        admit::admit(app, gate, &self.0).await
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Channel {
    Vehicles { plans: bool },
    Events,
}

/// The dashboards' socket of vehicles: the present state first, then every change.
///
/// Binary messages: `A2` and `10` for each vehicle, `11` with positions. Text messages: `{"type":"plan", …}` as in
/// `GET /api/v1/fleet/plans`, `{"type":"plan_ended", "runner_id", "plan_no"}`, `{"type":"vehicle_removed", "id", "vehicle_id"}`.
/// An ADMIN or MANAGER may send `{"action":"update_vehicle","id":…,"car_name":…}`; the answer is
/// `{"type":"answer","action","ok",…}`. Whatever else is sent is ignored.
#[utoipa::path(
    get,
    path = "/ws/front/vehicles",
    operation_id = "ws_front_vehicles",
    tag = "fleet",
    params(Taken, ("token" = Option<String>, Query, description = "The token, where no header can be set.")),
    responses(SocketAnswers, AnyError)
)]
pub(crate) async fn vehicles(
    State(app): State<App>,
    admission: Admission,
    Query(taken): Query<Taken>,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    open(app, admission, upgrade, Channel::Vehicles { plans: taken.plans.unwrap_or(true) })
}

/// The dashboards' socket of events: chases that begin, catches and failures.
///
/// Binary messages: `F0`, `FE`, `FD`. An ADMIN or MANAGER may send `{"action":"ack_event","id":…}` (the event's number of
/// `GET /vehicles/events`); the answer is `{"type":"answer","action","ok",…}`. Whatever else is sent is ignored.
#[utoipa::path(
    get,
    path = "/ws/front/events",
    operation_id = "ws_front_events",
    tag = "fleet",
    params(("token" = Option<String>, Query, description = "The token, where no header can be set.")),
    responses(SocketAnswers, AnyError)
)]
pub(crate) async fn events(
    State(app): State<App>,
    admission: Admission,
    upgrade: Upgrade,
) -> Result<Response, Problem> {
    open(app, admission, upgrade, Channel::Events)
}

fn open(app: App, admission: Admission, upgrade: Upgrade, channel: Channel) -> Result<Response, Problem> {
    let fleet = app.plant.fleet().clone();
    if let Some((why, _)) = fleet.why_off() {
        return Err(FleetError::Off(why.into()).into());
    }
    let name = if channel == Channel::Events { "front_events" } else { "front_vehicles" };
    let bytes_max = app.config.fleet.front_queue_kib * 1_024;
    let outgoing = OutletLimits { frames_max: OUTGOING_FRAMES_MAX, bytes_max };
    let terms = Terms { channel: name, incoming_bytes_max: INCOMING_BYTES_MAX, outgoing };
    let places = app.sockets.clone();
    accept(&places, upgrade, terms, move |mut socket| async move {
        let link = match channel {
            Channel::Vehicles { plans } => fleet.front_vehicles(socket.out.clone(), plans),
            Channel::Events => fleet.front_events(socket.out.clone()),
        };
        // That it runs was seen above.
        if let Ok(_link) = link {
            converse(&app, &admission, channel, &mut socket.incoming, &socket.out).await;
        }
        socket.incoming
    })
}

/// Reads what the dashboard sends, and looks now and then whether it may still listen.
async fn converse(app: &App, admission: &Admission, channel: Channel, incoming: &mut Incoming, out: &Outlet) {
    let mut look = tokio::time::interval(ADMIT_INTERVAL);
    look.tick().await;
    loop {
        let frame = tokio::select! {
            frame = incoming.next() => frame,
            _ = look.tick() => {
                if refused(admission.again(app).await.as_ref().err()) {
                    out.close(ENDED);
                }
                continue;
            }
        };
        match frame {
            None => return,
            Some(Frame::Binary(_) | Frame::Last(_)) => {}
            Some(Frame::Text(text)) => {
                let Some(request) = Request::read(&text) else { continue };
                let caller = match admission.again(app).await {
                    Ok(caller) => caller,
                    Err(problem) if refused(Some(&problem)) => {
                        out.close(ENDED);
                        continue;
                    }
                    Err(problem) => {
                        let _ = out.send(Frame::Text(request.refusal(problem.code(), "try again").into()));
                        continue;
                    }
                };
                let answer = request.answer(app, &caller, channel).await;
                let _ = out.send(Frame::Text(answer.into()));
            }
        }
    }
}

/// Whether a problem says that the token is not good, and not only that this cannot be seen at the moment.
fn refused(problem: Option<&Problem>) -> bool {
    problem.is_some_and(|p| matches!(p.code(), "NOT_AUTHENTICATED" | "TOKEN_EXPIRED" | "FORBIDDEN"))
}

/// What a dashboard asks for.
struct Request {
    action: String,
    fields: Value,
}

impl Request {
    /// Anything but a JSON object with an action is no request: older dashboards send what they like.
    fn read(text: &str) -> Option<Self> {
        let fields: Value = serde_json::from_str(text).ok()?;
        Some(Self { action: fields["action"].as_str()?.to_owned(), fields })
    }

    fn refusal(&self, code: &str, detail: &str) -> String {
        json!({ "type": "answer", "action": self.action, "ok": false, "code": code, "detail": detail })
            .to_string()
    }

    async fn answer(&self, app: &App, caller: &Caller, channel: Channel) -> String {
        if caller.expect(app, Permission::FleetManage).await.is_err() {
            return self.refusal("FORBIDDEN", "only a signed-in ADMIN or MANAGER may do that");
        }
        let done = match (self.action.as_str(), channel) {
            ("update_vehicle", Channel::Vehicles { .. }) => self.update_vehicle(app, caller).await,
            ("ack_event", Channel::Events) => self.ack_event(app, caller).await,
            _ => return self.refusal("UNKNOWN_ACTION", "this socket does not take that action"),
        };
        match done {
            Ok(mut answer) => {
                answer["type"] = "answer".into();
                answer["action"] = self.action.as_str().into();
                answer["ok"] = true.into();
                answer.to_string()
            }
            Err(error) => {
                let detail = error.to_string();
                let problem = Problem::from(error);
                // The reason of a failure here is for the log alone.
                if let Some(cause) = problem.cause() {
                    tracing::error!(cause, action = self.action, "a dashboard's request failed");
                    return self.refusal(problem.code(), "something failed here; the log has the reason");
                }
                self.refusal(problem.code(), &detail)
            }
        }
    }

    async fn update_vehicle(&self, app: &App, caller: &Caller) -> Result<Value, FleetError> {
        let invalid = |field, reason: &str| FleetError::Invalid { field, reason: reason.to_owned() };
        let id = self.fields["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let id = CarId(id.ok_or_else(|| invalid("id", "must be a vehicle's number"))?);
        let name = self.fields["car_name"].as_str().ok_or_else(|| invalid("car_name", "must be text"))?;
        let name =
            CarName::try_from(name.to_owned()).map_err(|error| invalid("car_name", &error.to_string()))?;
        let vehicle = app.plant.fleet().rename(id, name, caller.by()).await?;
        Ok(json!({ "vehicle": VehicleOut::from(vehicle) }))
    }

    async fn ack_event(&self, app: &App, caller: &Caller) -> Result<Value, FleetError> {
        let missing = || FleetError::Invalid { field: "id", reason: "must be an event's number".to_owned() };
        let id = self.fields["id"].as_i64().ok_or_else(missing)?;
        let user = match caller.principal() {
            Some(Principal::User { user_id, .. }) => Some(user_id.0),
            _ => None,
        };
        app.plant.fleet().acknowledge(id, user).await?;
        Ok(json!({ "id": id }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_objects_with_an_action_are_requests() {
        for ignored in ["ping", "", "[]", "7", "{}", r#"{"action":7}"#, r#""action""#] {
            assert!(Request::read(ignored).is_none(), "{ignored}");
        }
        assert_eq!(Request::read(r#"{"action":"ack_event","id":1}"#).expect("a request").action, "ack_event");
    }
}
