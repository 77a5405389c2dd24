//! Holds, abnormal spans, marks for review, targets, alerts.

use nightshift_domain::alerts::{
    AlertState, AlertStatus, AlertType, Raise, Severity, firmware_update, manual,
};
use nightshift_domain::identity::AlertReach;
use nightshift_domain::production::{
    AbnormalSpan, EquipmentId, HoldState, LineId, NewHold, OperatorId, TargetSpec,
};
use nightshift_store::alerts::*;
use nightshift_store::production::*;
use nightshift_store::testing::TestDb;
use nightshift_store::{Slice, StoreError};
use serde_json::json;

use super::{MORNING, at, plant, unit};

nightshift_store::on_both_engines!(
    equipment_is_held_and_released,
    runs_of_an_abnormal_span_are_marked,
    targets_are_set_and_met,
    repeats_count_up_in_one_alert,
    alerts_are_read_and_archived,
    an_operator_is_given_his_own_alerts,
);

async fn machine(home: &TestDb) -> EquipmentId {
    let spec =
        serde_json::from_value(json!({"equipment_code": "EQ-1", "equipment_name": "Checker"})).unwrap();
    unit(&home.db, async |tx| equipment_insert(tx, &spec, MORNING).await).await.id
}

async fn equipment_is_held_and_released(home: &TestDb) {
    let plant = plant(&home.db).await;
    let equipment_id = machine(home).await;
    let hold = |event: &str| NewHold {
        equipment_id,
        reason: "이상".to_owned(),
        event_id: event.to_owned(),
        since: at(1),
    };
    let (first, again) = unit(&home.db, async |tx| {
        Ok((hold_place(tx, &hold("e1")).await?, hold_place(tx, &hold("e2")).await?))
    })
    .await;
    assert_eq!((&first, first.event_id.as_str()), (&again, "e1"));
    let (lot, serials) = plant.lot(1, MORNING).await;
    let mut command = plant.start_command(&lot, Some(&serials[0]), 1);
    command.equipment = Some("EQ-1".to_owned());
    let refused = plant.start(&[command.clone()], at(2)).await.pop().unwrap().unwrap();
    assert!(
        matches!(refused, Err(nightshift_domain::production::Refusal::EquipmentOnHold { .. })),
        "{refused:?}"
    );
    let active = hold_list(&home.db, Some(equipment_id), true, Slice::first(9)).await.unwrap();
    assert_eq!(active.items, std::slice::from_ref(&first));
    unit(&home.db, async |tx| {
        hold_release(tx, first.id, OperatorId(5), Some("ok"), at(9)).await?;
        let twice = hold_release(tx, first.id, OperatorId(5), None, at(9)).await;
        assert!(matches!(twice, Err(StoreError::Missing { .. })), "{twice:?}");
        let released = hold_read(tx, first.id).await?.unwrap().state;
        assert!(matches!(released, HoldState::Released { by: OperatorId(5), .. }), "{released:?}");
        Ok(())
    })
    .await;
    assert_eq!(hold_list(&home.db, None, true, Slice::first(9)).await.unwrap().total, 0);
    plant.start(&[command], at(10)).await.pop().unwrap().unwrap().expect("free again");
    let used = unit(&home.db, async |tx| Ok(equipment_delete(tx, equipment_id).await)).await;
    assert!(matches!(used, Err(StoreError::InUse { .. })), "{used:?}");
}

async fn runs_of_an_abnormal_span_are_marked(home: &TestDb) {
    let plant = plant(&home.db).await;
    let equipment_id = machine(home).await;
    let (lot, serials) = plant.lot(3, MORNING).await;
    let on_machine = |n: usize| {
        let mut command = plant.start_command(&lot, Some(&serials[n]), 1);
        command.equipment = Some("EQ-1".to_owned());
        command
    };
    plant.start(&[on_machine(0)], at(0)).await;
    plant.complete(&lot, Some(&serials[0]), 1, true, at(100)).await.unwrap();
    let second = plant.start(&[on_machine(1)], at(150)).await.pop().unwrap().unwrap().unwrap();
    let span = AbnormalSpan { event_id: "e9".to_owned(), from: at(120), rule: "3 of 5".to_owned() };
    let marked = unit(&home.db, async |tx| {
        assert_eq!(span_begin(tx, equipment_id, &span).await?, "e9");
        let other = AbnormalSpan { event_id: "e10".to_owned(), ..span.clone() };
        assert_eq!(span_begin(tx, equipment_id, &other).await?, "e9", "one at a time");
        runs_mark(tx, equipment_id, "e9", at(120), at(200)).await
    })
    .await;
    assert_eq!(marked, [second.id]);
    let third = plant.start(&[on_machine(2)], at(210)).await.pop().unwrap().unwrap().unwrap();
    assert_eq!(third.run.review.as_ref().unwrap().event_id, "e9", "started in the span");
    let query = RunQuery { review_event: Some("e9".to_owned()), ..RunQuery::default() };
    assert_eq!(run_list(&home.db, &query, Slice::first(1)).await.unwrap().total, 2);
    let ended = unit(&home.db, async |tx| {
        assert_eq!(runs_reviewed(tx, "e9", OperatorId(3), at(400)).await?, 2);
        assert_eq!(runs_reviewed(tx, "e9", OperatorId(3), at(401)).await?, 0);
        let ended = span_end(tx, equipment_id, at(300)).await?;
        assert_eq!(span_end(tx, equipment_id, at(301)).await?, None);
        Ok(ended.unwrap())
    })
    .await;
    assert_eq!(ended, StoredSpan { equipment_id, span, ended_at: Some(at(300)) });
    assert_eq!(span_list(&home.db, equipment_id, 9).await.unwrap(), [ended]);
    let view = run_find(&home.db, second.id).await.unwrap().unwrap();
    assert_eq!(view.run.run.review.unwrap().reviewed, Some((OperatorId(3), at(400))));
    assert_eq!(view.equipment.unwrap().equipment_code, "EQ-1");
}

async fn targets_are_set_and_met(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    for process in 1..=8 {
        plant.work(&lot, &serials[0], process, true, at(100 * process as u64)).await;
    }
    let day = plant.calendar.production_date(MORNING);
    let spec = |line: Option<LineId>, quantity| TargetSpec {
        date: day,
        production_line_id: line,
        product_model_id: None,
        quantity,
    };
    let (plant_wide, replaced) = unit(&home.db, async |tx| {
        let first = target_set(tx, &spec(None, 50), at(1)).await?;
        target_set(tx, &spec(Some(plant.line), 1), at(1)).await?;
        let missing = target_set(tx, &spec(Some(LineId(99)), 1), at(1)).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
        Ok((first, target_set(tx, &spec(None, 60), at(2)).await?))
    })
    .await;
    assert_eq!((replaced.id, replaced.spec.quantity, replaced.created_at), (plant_wide.id, 60, at(1)));
    assert_eq!(target_find(&home.db, replaced.id).await.unwrap().as_ref(), Some(&replaced));
    let progress = target_progress(&home.db, day).await.unwrap();
    let made: Vec<_> = progress.iter().map(|p| (p.target, p.passed, p.is_missed())).collect();
    assert_eq!(made, [(60, 1, true), (1, 1, false)]);
    assert_eq!(target_list(&home.db, Some(day), Slice::first(1)).await.unwrap().total, 2);
    unit(&home.db, async |tx| {
        target_delete(tx, replaced.id).await?;
        let used = line_delete(tx, plant.line).await;
        assert!(matches!(used, Err(StoreError::InUse { .. })), "{used:?}");
        assert!(matches!(target_delete(tx, replaced.id).await, Err(StoreError::Missing { .. })));
        Ok(())
    })
    .await;
}

fn abnormal(n: u64) -> Raise {
    nightshift_domain::alerts::equipment_abnormal(EquipmentId(1), "EQ-1", &format!("time {n}"), "e1", at(n))
}

async fn repeats_count_up_in_one_alert(home: &TestDb) {
    let first = unit(&home.db, async |tx| {
        let raises = vec![abnormal(1), manual("u1", "점검", "", at(1)), abnormal(2)];
        alerts_raise(tx, raises).await
    })
    .await;
    assert_eq!(first.iter().map(|a| a.alert.count).collect::<Vec<_>>(), [2, 1]);
    let id = first[0].id;
    unit(&home.db, async |tx| {
        assert_eq!(alerts_read(tx, Some(&[id]), AlertReach::All, OperatorId(4), at(3)).await?, 1);
        Ok(())
    })
    .await;
    let again = unit(&home.db, async |tx| {
        alerts_raise(tx, vec![abnormal(5), firmware_update("WF", "v1.0.0", at(5))]).await
    })
    .await;
    assert_eq!((again[0].id, again[0].alert.count, again[0].alert.first_at), (id, 3, at(1)));
    assert_eq!(again[0].alert.state, AlertState::Unread, "it happened again since");
    assert_eq!(alert_find(&home.db, id).await.unwrap().as_ref(), Some(&again[0]));
    let known =
        unit(&home.db, async |tx| alerts_raise(tx, vec![firmware_update("WF", "v1.0.0", at(6))]).await).await;
    assert!(known.is_empty());
    unit(&home.db, async |tx| alert_archive(tx, id, None, at(7)).await).await;
    let anew = unit(&home.db, async |tx| alerts_raise(tx, vec![abnormal(8)]).await).await;
    assert!(anew[0].id != id && anew[0].alert.count == 1);
    assert_eq!(alert_last_high(&home.db, AlertReach::All).await.unwrap(), Some(at(8)));
}

async fn alerts_are_read_and_archived(home: &TestDb) {
    let raised = unit(&home.db, async |tx| {
        let raises = (0..5).map(|n| manual(&format!("u{n}"), "제목", "text", at(n))).collect();
        alerts_raise(tx, raises).await
    })
    .await;
    let ids: Vec<_> = raised.iter().map(|a| a.id).collect();
    let list = async |query: AlertQuery, slice| {
        let page = alert_list(&home.db, &query, slice).await.unwrap();
        (page.items.into_iter().map(|a| a.id).collect::<Vec<_>>(), page.total)
    };
    let query = AlertQuery::default;
    assert_eq!(list(query(), Slice { skip: 1, limit: 2 }).await, (vec![ids[3], ids[2]], 5));
    unit(&home.db, async |tx| {
        assert_eq!(alerts_read(tx, Some(&ids[..2]), AlertReach::All, OperatorId(4), at(9)).await?, 2);
        assert_eq!(alerts_read(tx, Some(&ids[..2]), AlertReach::All, OperatorId(5), at(10)).await?, 0);
        Ok(())
    })
    .await;
    let read = AlertQuery { status: Some(AlertStatus::Read), ..query() };
    assert_eq!(list(read.clone(), Slice::first(9)).await, (vec![ids[1], ids[0]], 2));
    let state = alert_find(&home.db, ids[0]).await.unwrap().unwrap().alert.state;
    assert_eq!(state, AlertState::Read { at: at(9), by: OperatorId(4) });
    let counts = alert_counts(&home.db, &read).await.unwrap();
    assert_eq!((counts.total, counts.unread, counts.unread_high), (2, 3, 0));
    let of = AlertQuery {
        alert_type: Some(AlertType::Manual),
        severity: Some(Severity::Medium),
        from: Some(at(3)),
        to: Some(at(4)),
        ..query()
    };
    assert_eq!(list(of, Slice::first(9)).await.0, [ids[3]]);
    let archived = unit(&home.db, async |tx| {
        assert_eq!(alerts_read(tx, None, AlertReach::All, OperatorId(4), at(20)).await?, 3);
        let archived = alerts_archive_before(tx, at(15), at(30), 10).await?;
        alert_delete(tx, ids[4]).await?;
        assert!(matches!(alert_delete(tx, ids[4]).await, Err(StoreError::Missing { .. })));
        assert!(matches!(alert_archive(tx, ids[4], None, at(1)).await, Err(StoreError::Missing { .. })));
        Ok(archived)
    })
    .await;
    assert_eq!(archived, 2);
    let gone = AlertQuery { status: Some(AlertStatus::Archived), ..query() };
    assert_eq!(list(gone, Slice::first(9)).await.0, [ids[1], ids[0]]);
}

async fn an_operator_is_given_his_own_alerts(home: &TestDb) {
    let of = |unique: &str, operator: Option<i64>| Raise {
        operator_id: operator.map(OperatorId),
        ..manual(unique, "제목", "", at(1))
    };
    let raised = unit(&home.db, async |tx| {
        alerts_raise(tx, vec![of("a", Some(4)), of("b", Some(5)), of("c", None)]).await
    })
    .await;
    let ids: Vec<_> = raised.iter().map(|a| a.id).collect();
    let (mine, all) = (AlertReach::Own(OperatorId(4)), AlertReach::All);
    let seen = async |reach| {
        let query = AlertQuery { reach, ..AlertQuery::default() };
        let mut seen: Vec<_> =
            alert_list(&home.db, &query, Slice::first(9)).await.unwrap().items.iter().map(|a| a.id).collect();
        seen.sort_unstable();
        let counts = alert_counts(&home.db, &query).await.unwrap();
        (seen, counts.total, counts.unread)
    };
    assert_eq!(seen(mine).await, (vec![ids[0], ids[2]], 2, 2));
    assert_eq!(seen(all).await, (ids.clone(), 3, 3));
    unit(&home.db, async |tx| {
        assert_eq!(alerts_read(tx, Some(&ids[1..2]), mine, OperatorId(4), at(2)).await?, 0);
        assert_eq!(alerts_read(tx, None, mine, OperatorId(4), at(2)).await?, 2);
        Ok(())
    })
    .await;
    assert_eq!(alert_find(&home.db, ids[1]).await.unwrap().unwrap().alert.state, AlertState::Unread);
    // It happens again, to somebody else: it is his now.
    let again = Raise { operator_id: Some(OperatorId(5)), ..abnormal(3) };
    unit(&home.db, async |tx| {
        alerts_raise(tx, vec![Raise { operator_id: Some(OperatorId(4)), ..abnormal(2) }]).await?;
        alerts_raise(tx, vec![again]).await
    })
    .await;
    assert_eq!(seen(mine).await.1, 2);
}
