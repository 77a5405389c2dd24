//! How the plant's parts are, in words that a person can act on.

use std::time::Duration;

use nightshift_kernel::{BreakerSnapshot, BreakerState, Supervisor};
use nightshift_store::Db;
use serde::Serialize;

use crate::inference::{DeviceState, Inference};
use crate::system::Ledger;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentState {
    /// It works.
    Ok,
    /// It works with less than it should have.
    Degraded,
    /// It does not work.
    Down,
}

/// One part of the plant.
#[derive(Debug, Clone, Serialize)]
pub struct Component {
    /// Its name: `database`, `inference`, `supervision`, `account`, `breakers`.
    pub name: &'static str,
    /// How it is.
    pub state: ComponentState,
    /// Why, and what to do; empty when it is well.
    pub detail: String,
}

/// The plant's health.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// The worst of its parts.
    pub state: ComponentState,
    /// Its parts.
    pub components: Vec<Component>,
}

impl Health {
    pub(crate) fn new(components: Vec<Component>) -> Self {
        let state = components.iter().map(|c| c.state).max().unwrap_or(ComponentState::Ok);
        Self { state, components }
    }
}

/// How long the database may take to answer a health check.
const PING_DEADLINE: Duration = Duration::from_secs(2);

/// Looks at every part.
pub(crate) async fn look(
    db: &Db,
    root: &Supervisor,
    inference: &Inference,
    ledger: &Ledger,
    breakers: &[BreakerSnapshot],
) -> Health {
    Health::new(vec![
        database(db).await,
        scorer(inference),
        supervision(root),
        account(ledger.unaccounted()),
        breaker_states(breakers),
    ])
}

fn component(name: &'static str, state: ComponentState, detail: impl Into<String>) -> Component {
    Component { name, state, detail: detail.into() }
}

async fn database(db: &Db) -> Component {
    let answer = tokio::time::timeout(PING_DEADLINE, db.ping()).await;
    match answer {
        Ok(Ok(())) => component("database", ComponentState::Ok, ""),
        Ok(Err(error)) => {
            tracing::warn!(error = %error, "the database does not answer a health check");
            component(
                "database",
                ComponentState::Down,
                "the database refuses: see the log, or run `nightshift doctor`",
            )
        }
        Err(_) => component("database", ComponentState::Down, "the database does not answer within 2 s"),
    }
}

fn scorer(inference: &Inference) -> Component {
    let view = inference.view();
    let down: Vec<String> = view
        .devices
        .iter()
        .filter(|d| d.state == DeviceState::Down)
        .map(|d| format!("{}: {}", d.label, d.last_failure.as_deref().unwrap_or("failed")))
        .collect();
    let works = inference.ready();
    let starting = view.devices.iter().any(|d| d.state == DeviceState::Starting);
    match (works, down.is_empty()) {
        (true, true) => component("inference", ComponentState::Ok, ""),
        (true, false) => component("inference", ComponentState::Degraded, down.join("; ")),
        (false, _) if starting => component("inference", ComponentState::Degraded, "devices are warming up"),
        (false, _) => {
            let detail =
                format!("no device works, windows stay unscored until one does: {}", down.join("; "));
            component("inference", ComponentState::Degraded, detail)
        }
    }
}

fn supervision(root: &Supervisor) -> Component {
    match root.counts().quarantined {
        0 => component("supervision", ComponentState::Ok, ""),
        n => {
            let detail = format!("{n} actors are in quarantine: GET /api/v1/system/tree says which and why");
            component("supervision", ComponentState::Degraded, detail)
        }
    }
}

fn account(unaccounted: i64) -> Component {
    match unaccounted {
        0 => component("account", ComponentState::Ok, ""),
        n => component(
            "account",
            ComponentState::Degraded,
            format!("{n} readings are unaccounted for: see the log"),
        ),
    }
}

fn breaker_states(breakers: &[BreakerSnapshot]) -> Component {
    let open: Vec<&str> =
        breakers.iter().filter(|b| b.state != BreakerState::Closed).map(|b| b.name.as_str()).collect();
    match open.as_slice() {
        [] => component("breakers", ComponentState::Ok, ""),
        names => component("breakers", ComponentState::Degraded, format!("open: {}", names.join(", "))),
    }
}
