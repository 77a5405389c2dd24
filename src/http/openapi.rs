//! `/openapi.json`: the description of every route, made from the routes themselves.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn, PathItem};
use utoipa::openapi::schema::{ObjectBuilder, SchemaType, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{OpenApi as Document, Required};

use super::problem::{Answers, FieldError, ProblemBody, keyed_answers, rate_answers};
use super::{App, diagnosis, doors, router};

/// What stands at the head of the description.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Nightshift",
        description = "Keeps a plant running while nobody watches.\n\nErrors are RFC 9457 problems: `detail`, `code`, `title`, \
                       `status`, `request_id`. Every path answers with and without a trailing slash. Lists take `skip` and \
                       `limit` and answer arrays with `X-Total-Count` and `Link`. 503 and 504 may be tried again; 503 says when. \
                       Every answer may be 429: then a client has asked more than its rate.\n\n\
                       `x-permission`, `x-roles` and `x-scopes` of a route say who may use it.",
    ),
    components(schemas(ProblemBody<'static>, FieldError)),
    tags(
        (name = "identity", description = "Who gets in: sign-in, people, machine tokens, and the audit of what was done."),
        (name = "sensing", description = "Sensors send readings; windows of readings become verdicts."),
        (name = "models", description = "Which model judges windows, and how the one that is tried beside it compares."),
        (name = "production", description = "What is made, where, in which steps; lots, units, runs, figures."),
        (name = "labels", description = "Printers, what they print, and what became of it."),
        (name = "firmware", description = "Versions, stations, deployments and roll-outs."),
        (name = "fleet", description = "Vehicles, their maps, chases and roadblocks; `docs/fleet.md` has the frames."),
        (name = "alerts", description = "What people must hear of."),
        (name = "diagnosis", description = "Patients, VR diagnoses live to their doctor, and what came of them. All paths also under `/api`."),
        (name = "briefing", description = "The plant tells people how it is: on their phones every few seconds, and to everybody each day."),
        (name = "system", description = "Whether the plant works, and what happens in it."),
    )
)]
struct Head;

/// The OpenAPI 3.1 document of this build.
#[must_use]
pub fn document() -> Document {
    let mut document = Head::openapi();
    document.merge(router::described().into_openapi());
    let bearer = Http::builder()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("The access token of a sign-in (a JWT), or a machine token (`nsm_…`)."))
        .build();
    let components = document.components.get_or_insert_default();
    components.add_security_scheme(doors::SCHEME, SecurityScheme::Http(bearer));
    document.info.description.get_or_insert_default().push_str(&diagnosis::protocol::description());
    // A path parameter that takes the rest of the path is written `{*name}` for the router alone.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document.paths.paths.values_mut().for_each(describe_common);
    document
}

/// Adds what the layers around all routes read and answer.
fn describe_common(item: &mut PathItem) {
    if let Some(post) = &mut item.post {
        let text = SchemaType::Type(Type::String);
        let key = ObjectBuilder::new().schema_type(text).min_length(Some(1)).max_length(Some(255));
        let key = ParameterBuilder::new()
            .name("Idempotency-Key")
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(
                "Sent again under its key, the command takes effect once and is answered as before.",
            ))
            .schema(Some(key.pattern(Some("^[ -~]+$"))))
            .build();
        post.parameters.get_or_insert_default().push(key.into());
        add(post, keyed_answers());
    }
    let operations =
        [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete, &mut item.head];
    operations.into_iter().flatten().for_each(|operation| add(operation, rate_answers()));
}

fn add(operation: &mut Operation, answers: Answers) {
    for (status, answer) in answers {
        operation.responses.responses.entry(status).or_insert(answer);
    }
}

async fn served() -> impl IntoResponse {
    static TEXT: OnceLock<Bytes> = OnceLock::new();
    let text = TEXT.get_or_init(|| document().to_json().unwrap_or_default().into());
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], text.clone())
}

pub(super) fn routes() -> Router<App> {
    Router::new().route("/openapi.json", get(served))
}
