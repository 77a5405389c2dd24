//! The agent's health page, for whoever stands at the station.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::status::Facts;

/// How the agent is.
#[derive(Serialize)]
struct Health {
    /// `ok`, or `degraded` when somebody should look.
    status: &'static str,
    /// The station.
    station_id: String,
    /// The agent's version.
    version: &'static str,
    /// What to do, for people.
    advice: Vec<&'static str>,
    #[serde(flatten)]
    facts: Facts,
}

/// Serves the page until told to stop.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener, stopping: CancellationToken) {
    let router = Router::new().route("/", get(page)).route("/health", get(health)).with_state(shared);
    let ended = axum::serve(listener, router).with_graceful_shutdown(stopping.cancelled_owned()).await;
    if let Err(error) = ended {
        tracing::warn!(error = %error, "the agent's page has ended");
    }
}

fn look(shared: &Shared) -> Health {
    let facts = shared.status.facts();
    let well = facts.troubles.is_empty() && facts.server_reached;
    let mut advice: Vec<&str> = facts.troubles.iter().map(|trouble| trouble.advice()).collect();
    if !facts.server_reached {
        advice.push("the server is away: files wait and are sent later");
    }
    Health {
        status: if well { "ok" } else { "degraded" },
        station_id: shared.station.to_string(),
        version: crate::VERSION,
        advice,
        facts,
    }
}

async fn health(State(shared): State<Arc<Shared>>) -> (StatusCode, Json<Health>) {
    // Degraded is not dead: who restarts an agent because its server is away helps nobody.
    (StatusCode::OK, Json(look(&shared)))
}

async fn page(State(shared): State<Arc<Shared>>) -> Html<String> {
    let health = look(&shared);
    let facts = serde_json::to_string_pretty(&health).unwrap_or_default();
    let advice: String = health.advice.iter().map(|line| format!("<li>{}</li>", escaped(line))).collect();
    Html(format!(
        "<!doctype html><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"2\"><title>{station}</title>\
         <style>body{{font:16px sans-serif;margin:2rem}}h1{{color:{colour}}}</style>\
         <h1>{station}: {status}</h1><ul>{advice}</ul><pre>{facts}</pre>",
        station = escaped(&health.station_id),
        status = health.status,
        colour = if health.status == "ok" { "#060" } else { "#a00" },
        facts = escaped(&facts),
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
