//! Deployments.

use nightshift_domain::Timestamp;
use nightshift_domain::firmware::{
    Deployment, DeploymentId, DeploymentState, DeploymentStatus, FirmwareId, FirmwareVersion, NewDeployment,
    RolloutId, StationId,
};

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "firmware_deployment";
const OPEN: &str = "d.state IN ('waiting', 'offered', 'ready', 'uploading')";

const SELECT: &str = "SELECT d.id, d.firmware_id, f.version, d.station_id, d.serial_number, d.rollout_id, d.requested_by, \
     d.state, d.reason, d.created_at, d.moved_at FROM firmware_deployment d JOIN firmware f ON f.id = d.firmware_id";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    firmware_id: i64,
    version: String,
    station_id: String,
    serial_number: Option<String>,
    rollout_id: Option<i64>,
    requested_by: String,
    state: String,
    reason: Option<String>,
    created_at: i64,
    moved_at: i64,
}

impl TryFrom<Row> for Deployment {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let wrong = |column, reason: String| StoreError::row(TABLE, column, row.id, reason);
        let at = Timestamp::from_us(row.moved_at);
        let status = DeploymentStatus::from_word(&row.state);
        let state = match status.ok_or_else(|| wrong("state", format!("`{}` is no state", row.state)))? {
            DeploymentStatus::Waiting => DeploymentState::Waiting,
            DeploymentStatus::Offered => DeploymentState::Offered,
            DeploymentStatus::Ready => DeploymentState::Ready,
            DeploymentStatus::Uploading => DeploymentState::Uploading,
            DeploymentStatus::Succeeded => DeploymentState::Succeeded { at },
            DeploymentStatus::Failed => {
                DeploymentState::Failed { at, reason: row.reason.unwrap_or_default() }
            }
            DeploymentStatus::Cancelled => DeploymentState::Cancelled { at },
        };
        let order = NewDeployment {
            firmware_id: FirmwareId(row.firmware_id),
            station_id: row.station_id.parse().map_err(|e| wrong("station_id", format!("{e}")))?,
            serial_number: row.serial_number,
            rollout_id: row.rollout_id.map(RolloutId),
            requested_by: row.requested_by,
        };
        let version = row.version.parse().map_err(|e| wrong("firmware_id", format!("{e}")))?;
        let created_at = Timestamp::from_us(row.created_at);
        Ok(Self { id: DeploymentId(row.id), order, version, state, created_at, updated_at: at })
    }
}

/// Which deployments a list is to have.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeploymentQuery {
    /// To this station.
    pub station_id: Option<StationId>,
    /// In this state.
    pub status: Option<DeploymentStatus>,
    /// For this unit.
    pub serial_number: Option<String>,
    /// Of this roll-out.
    pub rollout_id: Option<RolloutId>,
}

impl DeploymentQuery {
    fn filter(&self) -> Filter {
        Filter::default()
            .maybe("d.station_id = ?", self.station_id.as_ref().map(StationId::as_str))
            .maybe("d.state = ?", self.status.map(DeploymentStatus::as_str))
            .maybe("d.serial_number = ?", self.serial_number.as_deref())
            .maybe("d.rollout_id = ?", self.rollout_id.map(|id| id.0))
    }
}

fn all(rows: Vec<Row>) -> Result<Vec<Deployment>, StoreError> {
    rows.into_iter().map(Deployment::try_from).collect()
}

/// Orders a deployment.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn deployment_insert(
    tx: &mut Tx,
    order: NewDeployment,
    version: FirmwareVersion,
    now: Timestamp,
) -> Result<Deployment, StoreError> {
    text::check("firmware_deployment.serial_number", order.serial_number.as_deref().unwrap_or_default())?;
    text::check("firmware_deployment.requested_by", &order.requested_by)?;
    let sql = "INSERT INTO firmware_deployment (firmware_id, station_id, serial_number, rollout_id, requested_by, state, \
               created_at, moved_at) VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $6) RETURNING id";
    let rows = write_all!(
        tx,
        "deployment_insert",
        (i64,),
        sql,
        order.firmware_id.0,
        order.station_id.as_str(),
        order.serial_number.as_deref(),
        order.rollout_id.map(|id| id.0),
        order.requested_by.as_str(),
        now.us(),
    )?;
    let id = DeploymentId(rows.first().map_or(0, |(id,)| *id));
    Ok(Deployment { id, order, version, state: DeploymentState::Waiting, created_at: now, updated_at: now })
}

/// Moves a deployment that is still in state `from`; whether it was.
///
/// # Errors
/// [`StoreError::Nul`], [`StoreError::Query`], [`StoreError::Aborted`].
pub async fn deployment_save(
    tx: &mut Tx,
    moved: &Deployment,
    from: DeploymentStatus,
) -> Result<bool, StoreError> {
    let reason = match &moved.state {
        DeploymentState::Failed { reason, .. } => Some(reason.as_str()),
        _ => None,
    };
    text::check("firmware_deployment.reason", reason.unwrap_or_default())?;
    let sql =
        "UPDATE firmware_deployment SET state = $3, reason = $4, moved_at = $5 WHERE id = $1 AND state = $2";
    let (id, state) = (moved.id.0, moved.state.status().as_str());
    let changed =
        write_exec!(tx, "deployment_save", sql, id, from.as_str(), state, reason, moved.updated_at.us())?;
    Ok(changed == 1)
}

/// A deployment as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn deployment_read(tx: &mut Tx, id: DeploymentId) -> Result<Option<Deployment>, StoreError> {
    let filter = Filter::default().and("d.id = ?", id.0);
    let rows = listing::tx_rows::<Row>(tx, "deployment_read", SELECT, &filter, "").await?;
    Ok(all(rows)?.into_iter().next())
}

/// The deployments of a roll-out, as the unit sees them.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn deployments_of_rollout(tx: &mut Tx, id: RolloutId) -> Result<Vec<Deployment>, StoreError> {
    let filter = Filter::default().and("d.rollout_id = ?", id.0);
    all(listing::tx_rows::<Row>(tx, "deployments_of_rollout", SELECT, &filter, "ORDER BY d.id").await?)
}

/// The deployment with `id`.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn deployment_find(db: &Db, id: DeploymentId) -> Result<Option<Deployment>, StoreError> {
    let filter = Filter::default().and("d.id = ?", id.0);
    Ok(all(listing::rows::<Row>(db, "deployment_find", SELECT, &filter, "").await?)?.into_iter().next())
}

/// What is under way to a station, that ordered first first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn deployments_open_of(
    db: &Db,
    station: &StationId,
    most: u32,
) -> Result<Vec<Deployment>, StoreError> {
    let filter = Filter::default().and("d.station_id = ?", station.as_str()).fixed(OPEN);
    let slice = Slice::first(most);
    all(listing::slice_rows(db, "deployments_open_of", SELECT, &filter, "d.id", slice).await?)
}

/// What is under way, that ordered first first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn deployments_open(db: &Db, most: u32) -> Result<Vec<Deployment>, StoreError> {
    let filter = Filter::default().fixed(OPEN);
    all(listing::slice_rows(db, "deployments_open", SELECT, &filter, "d.id", Slice::first(most)).await?)
}

/// The deployments that `query` lets through, those ordered last first.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn deployment_list(
    db: &Db,
    query: &DeploymentQuery,
    slice: Slice,
) -> Result<Page<Deployment>, StoreError> {
    let from = "firmware_deployment d";
    listing::page::<Row, _>(db, "deployment_list", (SELECT, from), &query.filter(), "d.id DESC", slice).await
}
