//! Printers and print jobs.

use nightshift_domain::labels::{
    JobState, JobStatus, LabelData, LabelJobId, NewPrintJob, PrinterId, PrinterSpec, Reprint,
};
use nightshift_store::labels::*;
use nightshift_store::testing::TestDb;
use nightshift_store::{Slice, StoreError};

use crate::production::unit;
use crate::{NOW, s};

nightshift_store::on_both_engines!(
    printers_are_kept,
    a_printer_with_work_stays,
    jobs_wait_in_their_order,
    a_job_moves_from_where_it_is_and_nowhere_else,
    jobs_are_listed,
    what_waits_is_measured,
    what_no_engine_keeps_is_refused,
);

const ALL: Slice = Slice { skip: 0, limit: 100 };

fn id(text: &str) -> PrinterId {
    text.parse().unwrap()
}

pub(crate) fn printer(name: &str) -> PrinterSpec {
    let (printer_id, name) = (id(name), format!("라인 {name}"));
    PrinterSpec { printer_id, name, host: "10.0.0.7".to_owned(), port: 9100, enabled: true }
}

pub(crate) fn job(printer: &str, number: &str) -> NewPrintJob {
    NewPrintJob {
        printer_id: id(printer),
        label_type: "LOT".parse().unwrap(),
        number: number.to_owned(),
        copies: 2,
        data: LabelData::new([("number", number), ("product", "허리보조 로봇 😀")]).unwrap(),
        zpl: "^XA^XZ".to_owned(),
        may_wait: true,
        automatic: false,
        reprint: None,
        requested_by: "user 1".to_owned(),
    }
}

async fn printers_are_kept(home: &TestDb) {
    let a = unit(&home.db, async |tx| {
        let a = printer_insert(tx, &printer("A"), NOW).await?;
        let again = printer_insert(tx, &printer("A"), NOW).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
        printer_insert(tx, &printer("B"), NOW).await?;
        Ok(a)
    })
    .await;
    assert_eq!(printer_find(&home.db, &id("A")).await.unwrap(), Some(a.clone()));
    assert_eq!(printer_find(&home.db, &id("C")).await.unwrap(), None);
    let changed = PrinterSpec { enabled: false, port: 6101, ..printer("A") };
    unit(&home.db, async |tx| {
        printer_update(tx, &changed, s(5)).await?;
        let missing = printer_update(tx, &printer("C"), NOW).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
        assert_eq!(
            printer_read(tx, &id("A")).await?.map(|p| (p.spec, p.updated_at)),
            Some((changed.clone(), s(5)))
        );
        printer_delete(tx, &id("B")).await?;
        let missing = printer_delete(tx, &id("B")).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
        Ok(())
    })
    .await;
    let listed = printer_list(&home.db, ALL).await.unwrap();
    assert_eq!((listed.items.len(), listed.total), (1, 1));
}

async fn a_printer_with_work_stays(home: &TestDb) {
    unit(&home.db, async |tx| {
        printer_insert(tx, &printer("A"), NOW).await?;
        let mut queued = jobs_insert(tx, &[job("A", "L-1")], NOW).await?.remove(0);
        let in_use = printer_delete(tx, &id("A")).await;
        assert!(matches!(in_use, Err(StoreError::InUse { .. })), "{in_use:?}");
        queued.state = queued.state.fail("called off", s(1)).unwrap();
        assert!(job_save(tx, &queued, JobStatus::Pending).await?);
        printer_delete(tx, &id("A")).await
    })
    .await;
}

async fn jobs_wait_in_their_order(home: &TestDb) {
    let jobs = unit(&home.db, async |tx| {
        jobs_insert(tx, &[job("A", "L-1"), job("B", "L-2"), job("A", "L-3")], NOW).await
    })
    .await;
    assert_eq!(job_next(&home.db, &id("A")).await.unwrap().as_ref(), Some(&jobs[0]));
    assert_eq!(job_next(&home.db, &id("C")).await.unwrap(), None);
    assert_eq!(jobs_open(&home.db).await.unwrap(), 3);
    assert_eq!(jobs_open_of(&home.db, &id("A")).await.unwrap(), 2);
    let mut first = jobs[0].clone();
    first.state = first.state.begin(s(1)).unwrap();
    unit(&home.db, async |tx| job_save(tx, &first, JobStatus::Pending).await).await;
    assert_eq!(job_next(&home.db, &id("A")).await.unwrap().as_ref(), Some(&jobs[2]));
    let under_way = jobs_of_printer(&home.db, &id("A"), JobStatus::Printing, 10).await.unwrap();
    assert_eq!(under_way, [first.clone()]);
    assert_eq!(jobs_open_of(&home.db, &id("A")).await.unwrap(), 2, "what is under way is open");
    first.state = first.state.printed(s(2)).unwrap();
    unit(&home.db, async |tx| job_save(tx, &first, JobStatus::Printing).await).await;
    assert_eq!(jobs_open_of(&home.db, &id("A")).await.unwrap(), 1);
}

async fn a_job_moves_from_where_it_is_and_nowhere_else(home: &TestDb) {
    let mut job = unit(&home.db, async |tx| jobs_insert(tx, &[job("A", "L-1")], NOW).await).await.remove(0);
    let states = [
        (JobStatus::Pending, job.state.begin(s(1)).unwrap()),
        (JobStatus::Printing, JobState::Unknown { at: s(2), reason: "끊김 / broke off".to_owned() }),
        (JobStatus::Unknown, JobState::Printed { at: s(3) }),
    ];
    for (from, state) in states {
        job.state = state;
        assert!(unit(&home.db, async |tx| job_save(tx, &job, from).await).await);
        assert!(!unit(&home.db, async |tx| job_save(tx, &job, from).await).await, "it is not there any more");
        assert_eq!(job_find(&home.db, job.id).await.unwrap().as_ref(), Some(&job));
        assert_eq!(unit(&home.db, async |tx| job_read(tx, job.id).await).await.as_ref(), Some(&job));
    }
    assert_eq!(job_find(&home.db, LabelJobId(4_711)).await.unwrap(), None);
}

async fn what_waits_is_measured(home: &TestDb) {
    let db = &home.db;
    assert_eq!(jobs_open_since(db).await.unwrap(), None);
    let mut first = unit(db, async |tx| jobs_insert(tx, &[job("A", "L-1")], s(3)).await).await.remove(0);
    unit(db, async |tx| jobs_insert(tx, &[job("B", "L-2")], s(7)).await).await;
    assert_eq!(jobs_open_since(db).await.unwrap(), Some(s(3)));
    first.state = JobState::Unknown { at: s(8), reason: "cut off".to_owned() };
    assert!(unit(db, async |tx| job_save(tx, &first, JobStatus::Pending).await).await);
    assert_eq!(jobs_open_since(db).await.unwrap(), Some(s(7)));
    let counts = [JobStatus::Unknown, JobStatus::Pending, JobStatus::Printed];
    let counts = counts.map(|status| jobs_count(db, status));
    for (count, wanted) in counts.into_iter().zip([1, 1, 0]) {
        assert_eq!(count.await.unwrap(), wanted);
    }
}

async fn jobs_are_listed(home: &TestDb) {
    let first = unit(&home.db, async |tx| jobs_insert(tx, &[job("A", "L-1"), job("B", "L-2")], NOW).await)
        .await
        .remove(0);
    let reprint = Reprint { of: first.id, reason: "젖음".to_owned(), worker: "W001".to_owned() };
    let again = NewPrintJob { reprint: Some(reprint), ..job("A", "L-1") };
    let again = unit(&home.db, async |tx| jobs_insert(tx, &[again], s(1)).await).await.remove(0);
    let list = async |query: JobQuery| {
        let page = job_list(&home.db, &query, ALL).await.unwrap();
        assert_eq!(page.total, page.items.len() as u64);
        page.items
    };
    assert_eq!(list(JobQuery::default()).await.len(), 3);
    assert_eq!(
        list(JobQuery { reprints: Some(true), ..JobQuery::default() }).await,
        std::slice::from_ref(&again)
    );
    assert_eq!(
        list(JobQuery { number: Some("L-1".to_owned()), ..JobQuery::default() }).await,
        [again, first]
    );
    assert_eq!(list(JobQuery { printer_id: Some(id("B")), ..JobQuery::default() }).await.len(), 1);
    assert!(list(JobQuery { status: Some(JobStatus::Printed), ..JobQuery::default() }).await.is_empty());
    assert!(
        list(JobQuery { label_type: Some("BOX".parse().unwrap()), ..JobQuery::default() }).await.is_empty()
    );
    let one = job_list(&home.db, &JobQuery::default(), Slice { skip: 1, limit: 1 }).await.unwrap();
    assert_eq!((one.items.len(), one.total), (1, 3));
}

async fn what_no_engine_keeps_is_refused(home: &TestDb) {
    let mut tx = home.db.begin().await.unwrap();
    let nul = NewPrintJob { number: "a\0".to_owned(), ..job("A", "L-1") };
    assert!(matches!(jobs_insert(&mut tx, &[nul], NOW).await, Err(StoreError::Nul { .. })));
    let nul = PrinterSpec { name: "a\0".to_owned(), ..printer("A") };
    assert!(matches!(printer_insert(&mut tx, &nul, NOW).await, Err(StoreError::Nul { .. })));
}
