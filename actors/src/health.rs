//! How the plant's parts are, in words that a person can act on.

use std::time::Duration;

use nightshift_kernel::{BreakerSnapshot, BreakerState, Supervisor};
use nightshift_store::Db;
use serde::Serialize;

use crate::cache::Cache;
use crate::fleet::Fleet;
use crate::inference::{DeviceState, Inference};
use crate::sensing::Sensing;
use crate::storage::Storage;
use crate::system::{HostView, Ledger};
use crate::writer::Writer;

/// How a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ComponentState {
    /// It works.
    Ok,
    /// It works, and will not for ever.
    Warning,
    /// It works with less than it should have.
    Degraded,
    /// It does not work.
    Down,
}

/// One part of the plant.
#[derive(Debug, Clone, Serialize)]
pub struct Component {
    /// Its name: `database`, `writer`, `schedule`, `inference`, `supervision`, `account`,
    /// `breakers`, `audit`, `memory`, `disk`, `storage`, `fleet`, `cache`.
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

/// What a look at the plant looks at.
pub(crate) struct Parts<'a> {
    pub(crate) db: &'a Db,
    pub(crate) writer: &'a Writer,
    pub(crate) root: &'a Supervisor,
    pub(crate) inference: &'a Inference,
    pub(crate) sensing: &'a Sensing,
    pub(crate) ledger: &'a Ledger,
    pub(crate) host: &'a HostView,
    pub(crate) breakers: &'a [BreakerSnapshot],
    pub(crate) fleet: &'a Fleet,
    pub(crate) audit_fault: Option<String>,
    pub(crate) storage: &'a Storage,
    pub(crate) cache: &'a Cache,
}

/// Looks at every part.
pub(crate) async fn look(parts: Parts<'_>) -> Health {
    let (database, overdue, storage) =
        tokio::join!(database(parts.db), parts.sensing.overdue(), storage(parts.storage));
    Health::new(vec![
        database,
        writer(parts.writer.is_failing()),
        schedule(overdue),
        scorer(parts.inference),
        supervision(parts.root),
        account(&parts.ledger.unaccounted()),
        breaker_states(parts.breakers),
        audit(parts.audit_fault),
        storage,
        cache(parts.cache),
        fleet(parts.fleet),
        room("memory", parts.host.memory_warning()),
        room("disk", parts.host.disk_warning()),
    ])
}

fn room(name: &'static str, warning: Option<String>) -> Component {
    let state = if warning.is_some() { ComponentState::Warning } else { ComponentState::Ok };
    component(name, state, warning.unwrap_or_default())
}

fn writer(failing: bool) -> Component {
    match failing {
        false => component("writer", ComponentState::Ok, ""),
        true => component(
            "writer",
            ComponentState::Degraded,
            "the last commit failed, nothing new may be stored: see the log, look for a full disk, run `nightshift doctor`",
        ),
    }
}

fn schedule(overdue: Option<String>) -> Component {
    match overdue {
        None => component("schedule", ComponentState::Ok, ""),
        Some(why) => component("schedule", ComponentState::Degraded, why),
    }
}

/// A plant without vehicles is well; one whose maps cannot be read is not.
fn fleet(fleet: &Fleet) -> Component {
    match fleet.why_off() {
        None => component("fleet", ComponentState::Ok, ""),
        Some((why, false)) => component("fleet", ComponentState::Ok, format!("it does not run: {why}")),
        Some((why, true)) => component("fleet", ComponentState::Degraded, why),
    }
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

fn account(unaccounted: &[(&str, i64)]) -> Component {
    if unaccounted.is_empty() {
        return component("account", ComponentState::Ok, "");
    }
    let domains: Vec<String> = unaccounted.iter().map(|(domain, n)| format!("{domain} {n}")).collect();
    let detail = format!("not everything is accounted for ({}): see the log", domains.join(", "));
    component("account", ComponentState::Degraded, detail)
}

fn audit(fault: Option<String>) -> Component {
    match fault {
        None => component("audit", ComponentState::Ok, ""),
        Some(fault) => {
            let detail = format!("{fault}: run `nightshift audit verify`");
            component("audit", ComponentState::Degraded, detail)
        }
    }
}

async fn storage(storage: &Storage) -> Component {
    match storage.fault().await {
        None => component("storage", ComponentState::Ok, ""),
        Some(fault) => {
            let detail = format!("objects cannot be kept at {}: {fault}", storage.blobs().location());
            component("storage", ComponentState::Degraded, detail)
        }
    }
}

/// A plant does without its shared cache, with more work for the database and limits for each node.
fn cache(cache: &Cache) -> Component {
    match cache.place().zip(cache.fault()) {
        None => component("cache", ComponentState::Ok, ""),
        Some((place, fault)) => component(
            "cache",
            ComponentState::Degraded,
            format!(
                "the shared cache at {place} is away, requests are counted by each node alone: {fault}; look at that Redis, or \
                 at cache.url"
            ),
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
