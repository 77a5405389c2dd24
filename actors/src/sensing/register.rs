//! The register of sensors: who joins, changes and leaves.
//!
//! Changes of one id come one after the other, and each runs to its end even when its client has gone: what is committed
//! and what lives must agree. Where a commit was not confirmed in time the next change of that id sets it right.

use std::time::Duration;

use nightshift_domain::Timestamp;
use nightshift_domain::sensing::{Sensor, SensorChange, SensorId, SensorSpec};
use nightshift_kernel::ControlError;
use nightshift_store::sensing as store;
use nightshift_store::{StoreError, Tx};

use super::shared::Seat;
use super::{Sensing, SensingError, SensorView, start};
use crate::writer::WriteError;

/// How long a change of a registration may wait for its commit.
const CHANGE_DEADLINE: Duration = Duration::from_secs(10);
/// How long an ordered stop of one sensor may take.
const REMOVE_DEADLINE: Duration = Duration::from_secs(10);

impl Sensing {
    /// Registers a sensor and starts its actor.
    ///
    /// # Errors
    /// `Exists`, `LimitReached`, `Invalid`, or a part is away. After `Deadline` it may be registered or not: registering
    /// it again tells, and starts it if it is.
    pub async fn register(&self, spec: SensorSpec) -> Result<SensorView, SensingError> {
        let spec = self.checked(spec.validated().map_err(|e| SensingError::Invalid(e.to_string()))?)?;
        let own = self.clone();
        let seat = to_its_end(async move { own.join(spec).await }).await?;
        self.view_of(&seat).await
    }

    /// Changes a registration.
    ///
    /// # Errors
    /// `NotFound`, `Invalid`, or a part is away.
    pub async fn change(&self, id: &SensorId, change: SensorChange) -> Result<SensorView, SensingError> {
        let (own, id) = (self.clone(), id.clone());
        let seat = to_its_end(async move { own.amend(&id, &change).await }).await?;
        self.view_of(&seat).await
    }

    /// Removes a registration. Readings that are being pushed are stored or refused first; a verdict that is being
    /// computed is not kept; what is stored stays until its retention ends; the id may be used again at once.
    ///
    /// # Errors
    /// `NotFound`, or a part is away.
    pub async fn remove(&self, id: &SensorId) -> Result<(), SensingError> {
        let (own, id) = (self.clone(), id.clone());
        to_its_end(async move { own.leave(&id).await }).await
    }

    async fn join(&self, spec: SensorSpec) -> Result<Seat, SensingError> {
        let (now, id) = (self.shared.now(), spec.sensor_id.clone());
        let _alone = self.shared.roster.changing(&id).await;
        if self.shared.roster.get(&id).is_some() {
            return Err(SensingError::Exists(id));
        }
        let limit = self.shared.config.sensors_max;
        if self.shared.roster.len() >= limit {
            return Err(SensingError::LimitReached { limit });
        }
        let write = self.shared.writer.run(CHANGE_DEADLINE, move |tx| {
            Box::pin(async move {
                let sensor = store::sensor_insert(tx, &spec, now).await?;
                let data = serde_json::json!({ "sensor_id": sensor.spec.sensor_id, "key": sensor.key });
                journal(tx, now, "sensing.registered", &sensor.spec.sensor_id, data).await?;
                Ok(sensor)
            })
        });
        match write.await {
            Ok(sensor) => Ok(start::seat(&self.shared, &self.supervisor, sensor)?),
            Err(WriteError::Store(error)) if matches!(*error, StoreError::Conflict { .. }) => {
                // Committed earlier, after its client had stopped waiting: it has no seat yet.
                if let Some(sensor) = store::sensor_find(&self.shared.db, &id).await? {
                    start::seat(&self.shared, &self.supervisor, sensor)?;
                }
                Err(SensingError::Exists(id))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn amend(&self, id: &SensorId, change: &SensorChange) -> Result<Seat, SensingError> {
        let _alone = self.shared.roster.changing(id).await;
        let seat = self.seat(id)?;
        let sensor = seat.registration.get();
        let spec = self.checked(change.apply(&sensor.spec).map_err(SensingError::Invalid)?)?;
        let (now, key) = (self.shared.now(), seat.key);
        let changed = Sensor { spec, updated_at: now, ..(*sensor).clone() };
        let stored = changed.spec.clone();
        let write = self.shared.writer.run(CHANGE_DEADLINE, move |tx| {
            Box::pin(async move {
                store::sensor_update(tx, key, &stored, now).await?;
                let data = serde_json::json!({ "sensor_id": stored.sensor_id });
                journal(tx, now, "sensing.changed", &stored.sensor_id, data).await
            })
        });
        match write.await {
            Ok(()) => {
                seat.registration.set(changed);
                Ok(seat)
            }
            Err(error) if is_missing(&error) => {
                self.unseat(id, &seat).await?;
                Err(SensingError::NotFound(id.clone()))
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn leave(&self, id: &SensorId) -> Result<(), SensingError> {
        let _alone = self.shared.roster.changing(id).await;
        let seat = self.seat(id)?;
        let (now, key, subject) = (self.shared.now(), seat.key, id.clone());
        let write = self.shared.writer.run(CHANGE_DEADLINE, move |tx| {
            Box::pin(async move {
                store::sensor_remove(tx, key, now).await?;
                let data = serde_json::json!({ "sensor_id": subject });
                journal(tx, now, "sensing.removed", &subject, data).await
            })
        });
        match write.await {
            Ok(()) => {}
            // Removed earlier, after its client had stopped waiting: only its seat is left.
            Err(error) if is_missing(&error) => {}
            Err(error) => return Err(error.into()),
        }
        self.unseat(id, &seat).await
    }

    async fn unseat(&self, id: &SensorId, seat: &Seat) -> Result<(), SensingError> {
        self.shared.roster.take(id);
        match self.supervisor.remove(&start::child_name(seat.key), REMOVE_DEADLINE).await {
            Ok(_) | Err(ControlError::NotFound) => Ok(()),
            Err(error) => Err(SensingError::Failed(error.to_string())),
        }
    }

    /// Refuses a registration that names a model which does not exist.
    fn checked(&self, spec: SensorSpec) -> Result<SensorSpec, SensingError> {
        if let Some(model) = &spec.model {
            self.shared.inference.check_model(model)?;
        }
        Ok(spec)
    }
}

/// Runs `work` to its end, whether its client waits for it or not. Every step of it has its deadline.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, SensingError>> + Send + 'static,
) -> Result<T, SensingError> {
    let ended = tokio::spawn(work).await;
    ended.unwrap_or_else(|error| Err(SensingError::Failed(format!("a change of the register: {error}"))))
}

fn is_missing(error: &WriteError) -> bool {
    matches!(error, WriteError::Store(error) if matches!(**error, StoreError::Missing { .. }))
}

async fn journal(
    tx: &mut Tx,
    now: Timestamp,
    kind: &str,
    subject: &SensorId,
    data: serde_json::Value,
) -> Result<(), StoreError> {
    tx.journal(nightshift_domain::NewEvent::new(now, kind, subject.as_str(), data)).await.map(|_| ())
}

#[cfg(test)]
#[path = "register_tests.rs"]
mod tests;
