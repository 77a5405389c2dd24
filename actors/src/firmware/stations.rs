//! Stations and deployments, from outside.

use std::sync::Arc;
use std::time::Duration;

use nightshift_domain::audit::Action;
use nightshift_domain::firmware::{
    Deployment, DeploymentId, FirmwareVersion, Heartbeat, NewDeployment, NewRollout, Report, Rollout,
    RolloutId, RolloutState, RolloutStatus, Station, StationId, TROUBLES_MAX,
};
use nightshift_domain::production::{FieldFault, ProductModelId, Refusal};
use nightshift_kernel::{Breaker, BreakerSnapshot, ChildSpec, Mailbox, SpawnError};
use nightshift_store::firmware::{self as store, DeploymentQuery};
use nightshift_store::production::{lot_find, serial_find_number};
use nightshift_store::{Page, Slice};
use tokio::sync::Mutex;

use super::error::FirmwareError;
use super::station::{AgentWork, MAILBOX, StationActor, StationMessage, breaker_config, note, shown};
use super::{Firmware, Seat, WRITE_DEADLINE};
use crate::identity::By;
use crate::labels::who;
use crate::production::ProductionError;
use crate::setback::Setback;

/// Most stations.
const STATIONS_MAX: u32 = 2_000;
/// How long a request to a station's actor may take.
const ASK_DEADLINE: Duration = Duration::from_secs(10);
/// How long a handler of a station's actor may run without progress.
const BUDGET: Duration = Duration::from_secs(60);
/// Longest version that an agent says of itself, characters.
const AGENT_VERSION_CHARS_MAX: usize = 40;
/// Farthest that a clock can be ahead or behind, milliseconds: a century.
const CLOCK_AHEAD_MS_MAX: i64 = 100 * 366 * 86_400_000;

/// A station with how it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StationView {
    /// The station.
    pub station: Station,
    /// Whether its agent was heard of lately.
    pub online: bool,
    /// Its breaker.
    pub breaker: Option<BreakerSnapshot>,
}

impl Firmware {
    /// An agent says how it is and asks for work. A station that is not known is from now on.
    ///
    /// # Errors
    /// `Invalid`, or a part is away.
    pub async fn poll(
        &self,
        station: &StationId,
        mut heartbeat: Heartbeat,
        clock_ahead_ms: i64,
    ) -> Result<AgentWork, FirmwareError> {
        heartbeat.agent_version = heartbeat
            .agent_version
            .chars()
            .filter(|c| !c.is_control())
            .take(AGENT_VERSION_CHARS_MAX)
            .collect();
        heartbeat.troubles.truncate(TROUBLES_MAX);
        // Counts beyond what the store keeps are a mistake of the agent.
        for count in [&mut heartbeat.pending, &mut heartbeat.completed, &mut heartbeat.refused] {
            *count = (*count).min(1 << 53);
        }
        let clock_ahead_ms = clock_ahead_ms.clamp(-CLOCK_AHEAD_MS_MAX, CLOCK_AHEAD_MS_MAX);
        let seat = match self.shared.seat(station) {
            Some(seat) => seat,
            None => self.admit(station, &heartbeat, clock_ahead_ms).await?,
        };
        let heartbeat = Box::new(heartbeat);
        let poll = |reply| StationMessage::Poll { heartbeat, clock_ahead_ms, reply };
        seat.address.ask(poll, ASK_DEADLINE).await?
    }

    /// A station that is heard of for the first time.
    async fn admit(
        &self,
        station: &StationId,
        heartbeat: &Heartbeat,
        clock_ahead_ms: i64,
    ) -> Result<Seat, FirmwareError> {
        if store::station_list(&self.shared.db, Slice::first(1)).await?.total >= u64::from(STATIONS_MAX) {
            let fault = FieldFault::new("station_id", format!("there are {STATIONS_MAX} stations already"));
            return Err(ProductionError::Invalid(vec![fault]).into());
        }
        let (id, heartbeat, now) = (station.clone(), heartbeat.clone(), self.shared.now());
        let kept = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move { store::station_save(tx, &id, &heartbeat, clock_ahead_ms, now).await })
        });
        kept.await?;
        self.settle().await?;
        self.shared.seat(station).ok_or_else(|| FirmwareError::NoStation(station.to_string()))
    }

    /// An agent says how far a deployment is.
    ///
    /// # Errors
    /// `NoStation`, `Missing`, `Ended` when it has ended otherwise, or a part is away.
    pub async fn report(
        &self,
        station: &StationId,
        id: DeploymentId,
        report: Report,
    ) -> Result<Deployment, FirmwareError> {
        let seat = self.shared.seat(station).ok_or_else(|| FirmwareError::NoStation(station.to_string()))?;
        seat.address.ask(|reply| StationMessage::Report { id, report, reply }, ASK_DEADLINE).await?
    }

    /// Sends a version to a station, for a unit.
    ///
    /// # Errors
    /// No such unit, version or station; `Ambiguous`; `StationAway` while its breaker is open; a part is away.
    pub async fn deploy(
        &self,
        by: &By,
        station: &StationId,
        version: FirmwareVersion,
        serial_number: Option<String>,
    ) -> Result<Deployment, FirmwareError> {
        let model = match &serial_number {
            None => None,
            Some(number) => Some(self.model_of(number).await?),
        };
        let firmware = self.find_version(version, model).await?;
        let seat = self.shared.seat(station).ok_or_else(|| FirmwareError::NoStation(station.to_string()))?;
        let order = NewDeployment {
            firmware_id: firmware.id,
            station_id: station.clone(),
            serial_number,
            rollout_id: None,
            requested_by: who(by),
        };
        let by = by.clone();
        seat.address.ask(|reply| StationMessage::Deploy { order, version, by, reply }, ASK_DEADLINE).await?
    }

    /// The product model of a unit.
    async fn model_of(&self, serial_number: &str) -> Result<ProductModelId, FirmwareError> {
        let missing = || {
            ProductionError::Refused(Refusal::SerialNotFound {
                number: serial_number.chars().take(80).collect(),
            })
        };
        let serial = serial_find_number(&self.shared.db, serial_number).await?.ok_or_else(missing)?;
        let lot = lot_find(&self.shared.db, serial.serial.lot_id).await?.ok_or_else(missing)?;
        Ok(lot.lot.product_model_id)
    }

    /// The deployment with `id`.
    ///
    /// # Errors
    /// `Missing`, or the database is away.
    pub async fn deployment(&self, id: DeploymentId) -> Result<Deployment, FirmwareError> {
        let found = store::deployment_find(&self.shared.db, id).await?;
        found.ok_or(FirmwareError::Missing { what: "deployment", id: id.0 })
    }

    /// A part of the deployments, those ordered last first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn deployments(
        &self,
        query: &DeploymentQuery,
        slice: Slice,
    ) -> Result<Page<Deployment>, FirmwareError> {
        Ok(store::deployment_list(&self.shared.db, query, slice).await?)
    }

    /// Calls a deployment off that has not ended.
    ///
    /// # Errors
    /// `Missing`, `Ended`, or a part is away.
    pub async fn cancel_deployment(&self, by: &By, id: DeploymentId) -> Result<Deployment, FirmwareError> {
        let before = self.deployment(id).await?;
        let (by, now) = (by.clone(), self.shared.now());
        let after = Deployment { state: before.state.cancel(now)?, updated_at: now, ..before.clone() };
        let moved = after.clone();
        let saved = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let saved = store::deployment_save(tx, &moved, before.state.status()).await?;
                if saved {
                    let entry = by.entry(now, Action::Update, "firmware_deployment").on(id);
                    tx.audit(entry.before(&shown(&before)).after(&shown(&moved)))?;
                    note(tx, &moved, now).await?;
                }
                Ok(saved)
            })
        });
        if !saved.await? {
            return Err(FirmwareError::Ended("it has moved on meanwhile: look at it again".to_owned()));
        }
        self.shared.ring_rollouts();
        Ok(after)
    }

    /// Begins a staged roll-out.
    ///
    /// # Errors
    /// `Invalid`, no such version or station, or a part is away.
    pub async fn begin_rollout(&self, by: &By, mut plan: NewRollout) -> Result<Rollout, FirmwareError> {
        plan.requested_by = who(by);
        let plan = plan.validated().map_err(ProductionError::Invalid)?;
        self.version(plan.firmware_id).await?;
        if let Some(unknown) = plan.stations.iter().find(|station| self.shared.seat(station).is_none()) {
            return Err(FirmwareError::NoStation(unknown.to_string()));
        }
        let (by, now) = (by.clone(), self.shared.now());
        let begun = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let rollout = store::rollout_insert(tx, plan, now).await?;
                let entry = by.entry(now, Action::Create, "firmware_rollout").on(rollout.id);
                tx.audit(entry.after(&super::rollout::shown(&rollout)))?;
                super::rollout::note(tx, &rollout, now).await?;
                Ok(rollout)
            })
        });
        let rollout = begun.await?;
        self.shared.ring_rollouts();
        Ok(rollout)
    }

    /// The roll-out with `id`, and what became of its stations so far.
    ///
    /// # Errors
    /// `Missing`, or the database is away.
    pub async fn rollout(&self, id: RolloutId) -> Result<(Rollout, Vec<Deployment>), FirmwareError> {
        let found = store::rollout_find(&self.shared.db, id).await?;
        let rollout = found.ok_or(FirmwareError::Missing { what: "roll-out", id: id.0 })?;
        let query = DeploymentQuery { rollout_id: Some(id), ..DeploymentQuery::default() };
        let most = u32::try_from(nightshift_domain::firmware::STATIONS_MAX).unwrap_or(u32::MAX);
        let mut parts = store::deployment_list(&self.shared.db, &query, Slice::first(most)).await?.items;
        parts.reverse();
        Ok((rollout, parts))
    }

    /// A part of the roll-outs, those begun last first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn rollouts(&self, slice: Slice) -> Result<Page<Rollout>, FirmwareError> {
        Ok(store::rollout_list(&self.shared.db, slice).await?)
    }

    /// Calls a roll-out off: nothing more is started, what is under way goes on.
    ///
    /// # Errors
    /// `Missing`, `Ended`, or a part is away.
    pub async fn cancel_rollout(&self, by: &By, id: RolloutId) -> Result<Rollout, FirmwareError> {
        let (before, _) = self.rollout(id).await?;
        let ended = |status: RolloutStatus| {
            FirmwareError::Ended(format!("the roll-out is {} already", status.as_str()))
        };
        if before.state.status() != RolloutStatus::Running {
            return Err(ended(before.state.status()));
        }
        let (by, now) = (by.clone(), self.shared.now());
        let after = Rollout { state: RolloutState::Cancelled { at: now }, ..before.clone() };
        let moved = after.clone();
        let saved = self.shared.writer.run(WRITE_DEADLINE, move |tx| {
            Box::pin(async move {
                let saved = store::rollout_save(tx, &moved).await?;
                if saved {
                    let entry = by.entry(now, Action::Update, "firmware_rollout").on(id);
                    let (old, new) = (super::rollout::shown(&before), super::rollout::shown(&moved));
                    tx.audit(entry.before(&old).after(&new))?;
                    super::rollout::note(tx, &moved, now).await?;
                }
                Ok(saved)
            })
        });
        if saved.await? { Ok(after) } else { Err(ended(self.rollout(id).await?.0.state.status())) }
    }

    /// The station of that id.
    ///
    /// # Errors
    /// `NoStation`, or the database is away.
    pub async fn station(&self, id: &StationId) -> Result<StationView, FirmwareError> {
        let found = store::station_find(&self.shared.db, id).await?;
        found.map(|s| self.viewed(s)).ok_or_else(|| FirmwareError::NoStation(id.to_string()))
    }

    /// A part of the stations.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn station_list(&self, slice: Slice) -> Result<Page<StationView>, FirmwareError> {
        let page = store::station_list(&self.shared.db, slice).await?;
        Ok(Page { items: page.items.into_iter().map(|s| self.viewed(s)).collect(), total: page.total })
    }

    fn viewed(&self, station: Station) -> StationView {
        let silent_us = u128::from(self.shared.now().us_since(station.seen_at).max(0).unsigned_abs());
        let online = silent_us < self.shared.config.station_away.as_micros();
        let breaker = self.shared.seat(&station.station_id).map(|seat| seat.breaker.snapshot());
        StationView { station, online, breaker }
    }

    /// Gives every station its actor.
    pub(super) async fn settle(&self) -> Result<(), FirmwareError> {
        let _alone = self.shared.changing.lock().await;
        for station in store::station_list(&self.shared.db, Slice::first(STATIONS_MAX)).await?.items {
            if self.shared.seat(&station.station_id).is_none() {
                let seated = self.seat_for(station.station_id);
                seated.map_err(|error| ProductionError::from(Setback::failed(error)))?;
            }
        }
        Ok(())
    }

    fn seat_for(&self, id: StationId) -> Result<(), SpawnError> {
        let breaker = Breaker::new(
            format!("firmware-{id}"),
            breaker_config(self.shared.config.breaker_open),
            self.shared.clock.clone(),
        );
        let (view, breaker) = (breaker.view(), Arc::new(Mutex::new(breaker)));
        let spec = ChildSpec::new(id.as_str()).mailbox(Mailbox::reject(MAILBOX)).budget(BUDGET);
        let (shared, own) = (Arc::clone(&self.shared), id.clone());
        let make = move || StationActor::new(Arc::clone(&shared), own.clone(), Arc::clone(&breaker));
        let address = self.stations.spawn(spec, make)?;
        let mut seats = self.shared.seats.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        seats.insert(id, Seat { address, breaker: view });
        Ok(())
    }
}
