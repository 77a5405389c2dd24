//! What labels of lots and units say, and the jobs that are queued with them.

use nightshift_domain::Timestamp;
use nightshift_domain::audit::Actor;
use nightshift_domain::labels::{Label, LabelData, LabelError, LabelType, NewPrintJob, PrinterId};
use nightshift_domain::production::{Lot, ProductModel, Serial};
use nightshift_store::{StoreError, Tx, labels as store};

use super::desk::Desk;
use crate::identity::By;

/// Who asked, in a word.
pub(crate) fn who(by: &By) -> String {
    match &by.actor {
        Actor::User { id, name } => format!("{name} (user {id})"),
        Actor::Machine { id, name } => format!("{name} (token {})", id.0),
        Actor::System => "system".to_owned(),
        Actor::Anonymous => "anonymous".to_owned(),
    }
}

fn of_lot(lot: &Lot, product: &str) -> Vec<(&'static str, String)> {
    vec![
        ("product", product.to_owned()),
        ("date", lot.production_date.to_string()),
        ("shift", lot.shift.as_str().to_owned()),
        ("lot", lot.lot_number.to_string()),
        ("work_order", lot.work_order.clone().unwrap_or_default()),
    ]
}

/// What a lot's label says.
pub(super) fn lot_data(lot: &Lot, product: &str) -> Result<LabelData, LabelError> {
    let mut fields = of_lot(lot, product);
    fields.push(("title", "LOT".to_owned()));
    fields.push(("number", lot.lot_number.to_string()));
    fields.push(("quantity", lot.target_quantity.to_string()));
    LabelData::new(fields.into_iter().map(printable))
}

/// What a unit's label says.
pub(super) fn serial_data(serial: &Serial, lot: &Lot, product: &str) -> Result<LabelData, LabelError> {
    let mut fields = of_lot(lot, product);
    fields.push(("title", "S/N".to_owned()));
    fields.push(("number", serial.serial_number.to_string()));
    fields.push(("quantity", "1".to_owned()));
    fields.push(("sequence", serial.sequence_in_lot.to_string()));
    LabelData::new(fields.into_iter().map(printable))
}

/// Names of the catalogue may hold what cannot be printed.
fn printable((name, value): (&'static str, String)) -> (&'static str, String) {
    (name, value.chars().filter(|c| !c.is_control()).take(200).collect())
}

/// Queues the label of a lot that was just made, when that is configured.
pub(crate) async fn queue_for_lot(
    desk: &Desk,
    tx: &mut Tx,
    lot: &Lot,
    model: Option<&ProductModel>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(printer) = &desk.config.auto_lot_printer else { return Ok(()) };
    let product = model.map_or("", |model| model.spec.model_name.as_str());
    let data = lot_data(lot, product);
    let job = automatic(desk, printer, LabelType::lot(), lot.lot_number.as_str(), data);
    queue(tx, vec![job], now).await
}

/// Queues the labels of units that were just made, when that is configured.
pub(crate) async fn queue_for_serials(
    desk: &Desk,
    tx: &mut Tx,
    lot: &Lot,
    serials: &[Serial],
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(printer) = &desk.config.auto_serial_printer else { return Ok(()) };
    let model = nightshift_store::production::product_model_read(tx, lot.product_model_id).await?;
    let product = model.map_or_else(String::new, |model| model.spec.model_name);
    let jobs = serials.iter().map(|serial| {
        let data = serial_data(serial, lot, &product);
        automatic(desk, printer, LabelType::serial(), serial.serial_number.as_str(), data)
    });
    queue(tx, jobs.collect(), now).await
}

/// A label that is made by itself: one that cannot be laid out is kept with the reason, and the lot or unit is made
/// nevertheless.
fn automatic(
    desk: &Desk,
    printer: &PrinterId,
    label_type: LabelType,
    number: &str,
    data: Result<LabelData, LabelError>,
) -> (NewPrintJob, Option<LabelError>) {
    let laid_out = data.and_then(|data| {
        let zpl = Label::new(desk.templates.get(&label_type)?, &data)?.zpl(1);
        Ok((data, zpl))
    });
    let ((data, zpl), fault) = match laid_out {
        Ok(done) => (done, None),
        Err(error) => ((LabelData::default(), String::new()), Some(error)),
    };
    let job = NewPrintJob {
        printer_id: printer.clone(),
        label_type,
        number: number.to_owned(),
        copies: 1,
        data,
        zpl,
        may_wait: true,
        automatic: true,
        reprint: None,
        requested_by: "system".to_owned(),
    };
    (job, fault)
}

async fn queue(
    tx: &mut Tx,
    jobs: Vec<(NewPrintJob, Option<LabelError>)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (job, fault) in jobs {
        let queued = store::jobs_insert(tx, std::slice::from_ref(&job), now).await?;
        let Some((mut queued, fault)) = queued.into_iter().next().zip(fault) else { continue };
        tracing::warn!(number = %job.number, error = %fault, "a label cannot be made; the job says why");
        let from = queued.state.status();
        if let Ok(failed) = queued.state.fail(&fault.to_string(), now) {
            queued.state = failed;
            store::job_save(tx, &queued, from).await?;
        }
    }
    Ok(())
}
