//! What is stored adds up; and what does not shows, where it is and how much.

use nightshift_domain::production::StartCommand;
use nightshift_store::labels::{jobs_insert, printer_insert};
use nightshift_store::system::{Astray, completions_astray, print_jobs_astray, records_astray, texts_astray};
use nightshift_store::testing::TestDb;

use crate::production::{at, plant, unit};
use crate::{NOW, briefing, diagnosis, labels, s};

nightshift_store::on_both_engines!(
    lots_count_what_is_there,
    jobs_have_their_printer,
    texts_follow_one_another,
    what_is_completed_has_its_record,
);

const PAGE: u32 = 100;

/// What a whole walk finds.
macro_rules! found {
    ($astray:ident, $home:expr) => {{
        let page = $astray(&$home.db, 0, PAGE).await.unwrap();
        let rest = $astray(&$home.db, page.last.unwrap_or(0), PAGE).await.unwrap();
        assert_eq!(rest, Astray { last: None, count: 0 }, "one page holds all");
        page.count
    }};
}

async fn lots_count_what_is_there(home: &TestDb) {
    assert_eq!(completions_astray(&home.db, 0, PAGE).await.unwrap(), Astray { last: None, count: 0 });
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(3, at(0)).await;
    plant.lot(2, at(1)).await;
    let starts: Vec<StartCommand> = serials.iter().map(|s| plant.start_command(&lot, Some(s), 1)).collect();
    plant.start(&starts, at(5)).await;
    assert_eq!(found!(completions_astray, home), 0);
    let first = completions_astray(&home.db, 0, 1).await.unwrap();
    assert_eq!(first.last, Some(lot.id.0), "page by page");

    home.run_sql(&format!("UPDATE lot SET passed_quantity = 2 WHERE id = {}", lot.id.0)).await;
    assert_eq!(found!(completions_astray, home), 2);
    home.run_sql("DELETE FROM run_open WHERE run_id = (SELECT min(run_id) FROM run_open)").await;
    assert_eq!(found!(completions_astray, home), 3);
    home.run_sql("UPDATE process_run SET completed_at = 1 WHERE id = (SELECT max(id) FROM process_run)")
        .await;
    assert_eq!(found!(completions_astray, home), 4);
}

async fn jobs_have_their_printer(home: &TestDb) {
    unit(&home.db, async |tx| {
        printer_insert(tx, &labels::printer("A"), NOW).await?;
        jobs_insert(tx, &[labels::job("A", "L-1"), labels::job("A", "L-2")], NOW).await
    })
    .await;
    assert_eq!(found!(print_jobs_astray, home), 0);
    home.run_sql("DELETE FROM printer").await;
    assert_eq!(found!(print_jobs_astray, home), 2);
}

async fn texts_follow_one_another(home: &TestDb) {
    let (request, _) = briefing::start(&home.db, "kim", s(0)).await;
    briefing::start(&home.db, "lee", s(0)).await;
    let texts: Vec<_> = (1..=5).map(|n| briefing::text(request.id, n)).collect();
    briefing::tell(&home.db, &texts).await;
    assert_eq!(found!(texts_astray, home), 0);
    home.run_sql("DELETE FROM briefing_text WHERE n IN (2, 4)").await;
    assert_eq!(found!(texts_astray, home), 2);
}

async fn what_is_completed_has_its_record(home: &TestDb) {
    let doctor = diagnosis::doctor(&home.db, "lee").await;
    let patient = diagnosis::patient(&home.db, doctor.id, "007-000").await;
    let first = diagnosis::completed(&home.db, &patient, s(1)).await;
    let second = diagnosis::completed(&home.db, &patient, s(2)).await;
    assert_eq!(found!(records_astray, home), 0);
    home.run_sql(&format!("DELETE FROM diagnosis_record WHERE diagnosis_id = {}", first.id.0)).await;
    assert_eq!(found!(records_astray, home), 1);
    home.run_sql(&format!("UPDATE diagnosis SET state = 'FAILED' WHERE id = {}", second.id.0)).await;
    assert_eq!(found!(records_astray, home), 2);
}
