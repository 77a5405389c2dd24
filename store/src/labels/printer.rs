//! Printers.

use nightshift_domain::Timestamp;
use nightshift_domain::labels::{Printer, PrinterId, PrinterRowId, PrinterSpec};

use crate::listing::{self, Filter};
use crate::{Db, Page, Slice, StoreError, Tx, text};

const TABLE: &str = "printer";

const SELECT: &str = "SELECT id, printer_id, name, host, port, enabled, created_at, updated_at FROM printer";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    printer_id: String,
    name: String,
    host: String,
    port: i64,
    enabled: bool,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Printer {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let wrong = |column, reason: String| StoreError::row(TABLE, column, row.id, reason);
        let printer_id = row.printer_id.parse();
        let spec = PrinterSpec {
            printer_id: printer_id.map_err(|e| wrong("printer_id", format!("{e}")))?,
            name: row.name,
            host: row.host,
            port: u16::try_from(row.port).map_err(|e| wrong("port", e.to_string()))?,
            enabled: row.enabled,
        };
        Ok(Self {
            id: PrinterRowId(row.id),
            spec,
            created_at: Timestamp::from_us(row.created_at),
            updated_at: Timestamp::from_us(row.updated_at),
        })
    }
}

fn named(id: &PrinterId) -> Filter {
    Filter::default().and("printer_id = ?", id.as_str())
}

fn first(rows: Vec<Row>) -> Result<Option<Printer>, StoreError> {
    rows.into_iter().next().map(Printer::try_from).transpose()
}

/// Registers a printer.
///
/// # Errors
/// [`StoreError::Conflict`] when the id is taken; the transaction is then usable as before.
pub async fn printer_insert(tx: &mut Tx, spec: &PrinterSpec, now: Timestamp) -> Result<Printer, StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "INSERT INTO printer (printer_id, name, host, port, enabled, created_at, updated_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (printer_id) DO NOTHING RETURNING id";
    let rows = write_all!(
        tx,
        "printer_insert",
        (i64,),
        sql,
        spec.printer_id.as_str(),
        spec.name.as_str(),
        spec.host.as_str(),
        i64::from(spec.port),
        spec.enabled,
        now.us(),
    )?;
    let Some((id,)) = rows.first() else {
        return Err(StoreError::Conflict { what: format!("printer {}", spec.printer_id) });
    };
    Ok(Printer { id: PrinterRowId(*id), spec: spec.clone(), created_at: now, updated_at: now })
}

/// Changes a printer; its id stays.
///
/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn printer_update(tx: &mut Tx, spec: &PrinterSpec, now: Timestamp) -> Result<(), StoreError> {
    text::check_all(TABLE, spec)?;
    let sql = "UPDATE printer SET name = $2, host = $3, port = $4, enabled = $5, updated_at = $6 WHERE printer_id = $1";
    let changed = write_exec!(
        tx,
        "printer_update",
        sql,
        spec.printer_id.as_str(),
        spec.name.as_str(),
        spec.host.as_str(),
        i64::from(spec.port),
        spec.enabled,
        now.us(),
    )?;
    present(changed, &spec.printer_id)
}

/// Removes a printer that has nothing to do.
///
/// # Errors
/// [`StoreError::InUse`] when labels wait for it, [`StoreError::Missing`] when there is none.
pub async fn printer_delete(tx: &mut Tx, id: &PrinterId) -> Result<(), StoreError> {
    let sql = "SELECT id FROM label_job WHERE printer_id = $1 AND (state = 'pending' OR state = 'printing') LIMIT 1";
    let waiting = write_all!(tx, "printer_delete", (i64,), sql, id.as_str())?;
    if !waiting.is_empty() {
        return Err(StoreError::InUse {
            what: format!("printer {id}"),
            by: "labels that wait for it".to_owned(),
        });
    }
    let changed =
        write_exec!(tx, "printer_delete", "DELETE FROM printer WHERE printer_id = $1", id.as_str())?;
    present(changed, id)
}

/// A printer as the unit sees it.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`], [`StoreError::Aborted`].
pub async fn printer_read(tx: &mut Tx, id: &PrinterId) -> Result<Option<Printer>, StoreError> {
    first(listing::tx_rows::<Row>(tx, "printer_read", SELECT, &named(id), "").await?)
}

/// The printer of that id.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn printer_find(db: &Db, id: &PrinterId) -> Result<Option<Printer>, StoreError> {
    first(listing::rows::<Row>(db, "printer_find", SELECT, &named(id), "").await?)
}

/// The printers, in the order in which they were registered.
///
/// # Errors
/// [`StoreError::Query`], [`StoreError::Row`].
pub async fn printer_list(db: &Db, slice: Slice) -> Result<Page<Printer>, StoreError> {
    listing::page::<Row, _>(db, "printer_list", (SELECT, TABLE), &Filter::default(), "id", slice).await
}

fn present(changed: u64, id: &PrinterId) -> Result<(), StoreError> {
    if changed == 0 { Err(StoreError::Missing { what: format!("printer {id}") }) } else { Ok(()) }
}
