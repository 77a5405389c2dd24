//! Models, lines, equipment and processes.

use nightshift_domain::production::{
    EquipmentId, EquipmentSpec, LineId, ModelStatus, ProcessId, ProcessNumber, ProductModelId,
    ProductModelSpec, seed_processes,
};
use nightshift_store::production::*;
use nightshift_store::testing::TestDb;
use nightshift_store::{Slice, StoreError};
use serde_json::json;

use super::{MORNING, at, line_spec, model_spec, plant, unit};

nightshift_store::on_both_engines!(
    a_new_plant_has_the_seeded_processes,
    product_models_are_kept,
    lines_are_kept,
    equipment_is_kept,
    processes_are_kept,
    what_is_in_use_stays,
);

const ALL: Slice = Slice { skip: 0, limit: 100 };

fn equipment(code: &str) -> EquipmentSpec {
    serde_json::from_value(json!({"equipment_code": code, "equipment_name": "Checker"})).unwrap()
}

async fn a_new_plant_has_the_seeded_processes(home: &TestDb) {
    let specs: Vec<_> = process_all(&home.db).await.unwrap().into_iter().map(|p| p.spec).collect();
    assert_eq!(specs, seed_processes());
}

async fn product_models_are_kept(home: &TestDb) {
    let full = ProductModelSpec {
        version: Some("2".to_owned()),
        description: Some("허리 보조 🤖".to_owned()),
        category: Some("robot".to_owned()),
        production_cycle_days: Some(3),
        specifications: json!({"weight": 1.5, "deep": [1, {"a": null}]}).as_object().cloned().unwrap(),
        status: ModelStatus::Inactive,
        ..model_spec("B")
    };
    let (a, b) = unit(&home.db, async |tx| {
        let a = product_model_insert(tx, &model_spec("A"), MORNING).await?;
        let again = product_model_insert(tx, &model_spec("A"), MORNING).await;
        assert!(matches!(again, Err(StoreError::Conflict { .. })), "{again:?}");
        let nul = ProductModelSpec { category: Some("\0".to_owned()), ..model_spec("C") };
        assert!(matches!(product_model_insert(tx, &nul, MORNING).await, Err(StoreError::Nul { .. })));
        Ok((a, product_model_insert(tx, &full, MORNING).await?))
    })
    .await;
    assert_eq!(b.spec, full);
    assert_eq!(product_model_find(&home.db, b.id).await.unwrap().as_ref(), Some(&b));
    assert_eq!(product_model_find_code(&home.db, "A").await.unwrap().as_ref(), Some(&a));
    assert_eq!(product_model_find_code(&home.db, "a\0").await.unwrap(), None);
    let changed = ProductModelSpec { model_name: "New".to_owned(), ..model_spec("A2") };
    unit(&home.db, async |tx| {
        product_model_update(tx, a.id, &changed, at(1)).await?;
        let taken = product_model_update(tx, a.id, &model_spec("B"), at(1)).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        let missing = product_model_update(tx, ProductModelId(4_711), &model_spec("Z"), at(1)).await;
        assert!(matches!(missing, Err(StoreError::Missing { .. })), "{missing:?}");
        assert_eq!(product_model_read(tx, a.id).await?.map(|m| m.spec), Some(changed.clone()));
        Ok(())
    })
    .await;
    let list = async |query: ProductModelQuery, slice| {
        let page = product_model_list(&home.db, &query, slice).await.unwrap();
        (page.items.into_iter().map(|m| m.spec.model_code).collect::<Vec<_>>(), page.total)
    };
    let query = ProductModelQuery::default;
    assert_eq!(list(query(), ALL).await, (vec!["A2".to_owned(), "B".to_owned()], 2));
    assert_eq!(list(query(), Slice { skip: 1, limit: 1 }).await, (vec!["B".to_owned()], 2));
    assert_eq!(list(query(), Slice { skip: 9, limit: 1 }).await, (vec![], 2));
    let active = ProductModelQuery { is_active: Some(true), ..query() };
    assert_eq!(list(active, ALL).await, (vec!["A2".to_owned()], 1));
    let inactive = ProductModelQuery { is_active: Some(false), ..query() };
    assert_eq!(list(inactive, ALL).await, (vec!["B".to_owned()], 1));
    let of = ProductModelQuery {
        status: Some(ModelStatus::Inactive),
        category: Some("robot".to_owned()),
        ..query()
    };
    assert_eq!(list(of, ALL).await, (vec!["B".to_owned()], 1));
    unit(&home.db, async |tx| {
        product_model_delete(tx, a.id).await?;
        assert!(matches!(product_model_delete(tx, a.id).await, Err(StoreError::Missing { .. })));
        Ok(())
    })
    .await;
}

async fn lines_are_kept(home: &TestDb) {
    let line = unit(&home.db, async |tx| {
        let line = line_insert(tx, &line_spec("A"), MORNING).await?;
        assert!(matches!(line_insert(tx, &line_spec("A"), MORNING).await, Err(StoreError::Conflict { .. })));
        line_insert(tx, &line_spec("B"), MORNING).await?;
        let spec = nightshift_domain::production::LineSpec { is_active: false, ..line_spec("A1") };
        line_update(tx, line.id, &spec, at(1)).await?;
        assert!(matches!(
            line_update(tx, line.id, &line_spec("B"), at(1)).await,
            Err(StoreError::Conflict { .. })
        ));
        assert!(matches!(
            line_update(tx, LineId(99), &line_spec("Q"), at(1)).await,
            Err(StoreError::Missing { .. })
        ));
        Ok(line_read(tx, line.id).await?.unwrap())
    })
    .await;
    assert_eq!((line.spec.line_code.as_str(), line.updated_at), ("A1", at(1)));
    assert_eq!(line_find(&home.db, line.id).await.unwrap().as_ref(), Some(&line));
    assert_eq!(line_find_code(&home.db, "A1").await.unwrap().as_ref(), Some(&line));
    assert_eq!(line_list(&home.db, Some(false), ALL).await.unwrap().items, [line]);
    assert_eq!(line_list(&home.db, None, Slice::first(1)).await.unwrap().total, 2);
}

async fn equipment_is_kept(home: &TestDb) {
    let line = unit(&home.db, async |tx| line_insert(tx, &line_spec("A"), MORNING).await).await;
    let spec = EquipmentSpec {
        equipment_type: Some("laser".to_owned()),
        process_id: Some(ProcessId(1)),
        production_line_id: Some(line.id),
        last_maintenance_date: Some("2026-02-20".parse().unwrap()),
        maintenance_interval_days: Some(10),
        ..equipment("EQ-1")
    };
    let one = unit(&home.db, async |tx| {
        let one = equipment_insert(tx, &spec, MORNING).await?;
        assert!(matches!(equipment_insert(tx, &spec, MORNING).await, Err(StoreError::Conflict { .. })));
        for bad in [
            EquipmentSpec { process_id: Some(ProcessId(99)), ..equipment("X") },
            EquipmentSpec { production_line_id: Some(LineId(99)), ..equipment("X") },
        ] {
            assert!(matches!(equipment_insert(tx, &bad, MORNING).await, Err(StoreError::Missing { .. })));
        }
        equipment_insert(tx, &equipment("EQ-2"), MORNING).await?;
        let codes: Vec<_> =
            equipment_read_codes(tx, &["EQ-2", "none", "EQ-1"]).await?.into_iter().map(|e| e.id).collect();
        assert_eq!(codes.len(), 2);
        Ok(one)
    })
    .await;
    assert_eq!(equipment_find(&home.db, one.id).await.unwrap().as_ref(), Some(&one));
    assert_eq!(equipment_find_code(&home.db, "EQ-1").await.unwrap().as_ref(), Some(&one));
    let list = async |query: EquipmentQuery| equipment_list(&home.db, &query, ALL).await.unwrap();
    let query = EquipmentQuery::default;
    let due = |day: &str| EquipmentQuery { due_by: Some(day.parse().unwrap()), ..query() };
    assert_eq!(list(due("2026-03-01")).await.total, 0);
    assert_eq!(list(due("2026-03-02")).await.items, std::slice::from_ref(&one));
    for query in [
        EquipmentQuery { process_id: Some(ProcessId(1)), ..query() },
        EquipmentQuery { production_line_id: Some(line.id), ..query() },
        EquipmentQuery { equipment_type: Some("laser".to_owned()), is_active: Some(true), ..query() },
    ] {
        assert_eq!(list(query).await.items, std::slice::from_ref(&one));
    }
    assert_eq!(list(query()).await.total, 2);
    unit(&home.db, async |tx| {
        let taken = equipment_update(tx, one.id, &equipment("EQ-2"), at(1)).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        equipment_update(tx, one.id, &EquipmentSpec { is_active: false, ..spec.clone() }, at(1)).await?;
        assert!(!equipment_read(tx, one.id).await?.unwrap().spec.is_active);
        equipment_delete(tx, one.id).await?;
        assert!(matches!(equipment_delete(tx, EquipmentId(99)).await, Err(StoreError::Missing { .. })));
        Ok(())
    })
    .await;
}

async fn processes_are_kept(home: &TestDb) {
    let first = process_find_number(&home.db, ProcessNumber(1)).await.unwrap().unwrap();
    assert_eq!(process_find(&home.db, first.id).await.unwrap().as_ref(), Some(&first));
    assert_eq!(process_find_code(&home.db, "LASER_MARKING").await.unwrap().as_ref(), Some(&first));
    let mut ninth = first.spec.clone();
    ninth.process_number = ProcessNumber(9);
    ninth.sort_order = Some(0);
    ninth.is_active = false;
    let ninth = unit(&home.db, async |tx| {
        assert!(matches!(process_insert(tx, &ninth, MORNING).await, Err(StoreError::Conflict { .. })));
        ninth.process_code = "NINTH".to_owned();
        let ninth = process_insert(tx, &ninth, MORNING).await?;
        let taken = process_update(tx, ninth.id, &first.spec, at(1)).await;
        assert!(matches!(taken, Err(StoreError::Conflict { .. })), "{taken:?}");
        process_update(tx, ninth.id, &ninth.spec, MORNING).await?;
        assert_eq!(process_read_all(tx).await?[0], ninth);
        Ok(ninth)
    })
    .await;
    assert_eq!(process_list(&home.db, Some(false), ALL).await.unwrap().items, std::slice::from_ref(&ninth));
    assert_eq!(process_list(&home.db, Some(true), ALL).await.unwrap().total, 8);
    unit(&home.db, async |tx| {
        process_delete(tx, ninth.id).await?;
        assert!(matches!(process_delete(tx, ninth.id).await, Err(StoreError::Missing { .. })));
        Ok(())
    })
    .await;
}

async fn what_is_in_use_stays(home: &TestDb) {
    let plant = plant(&home.db).await;
    let (lot, serials) = plant.lot(1, MORNING).await;
    let machine = unit(&home.db, async |tx| {
        let spec = EquipmentSpec { process_id: Some(ProcessId(3)), ..equipment("EQ-1") };
        equipment_insert(tx, &spec, MORNING).await
    })
    .await;
    let mut command = plant.start_command(&lot, Some(&serials[0]), 1);
    command.equipment = Some("EQ-1".to_owned());
    plant.start(&[command], MORNING).await.pop().unwrap().unwrap().unwrap();
    unit(&home.db, async |tx| {
        let refused = [
            product_model_delete(tx, plant.model.id).await,
            line_delete(tx, plant.line).await,
            process_delete(tx, ProcessId(1)).await,
            process_delete(tx, ProcessId(3)).await,
            equipment_delete(tx, machine.id).await,
            lot_delete(tx, lot.id).await,
            serial_delete(tx, &plant.calendar, &lot, &serials[0]).await,
        ];
        let by: Vec<String> = refused
            .into_iter()
            .map(|r| match r {
                Err(StoreError::InUse { by, .. }) => by,
                other => panic!("not refused: {other:?}"),
            })
            .collect();
        assert_eq!(
            by,
            ["lots", "lots", "process runs", "equipment", "process runs", "serials", "process runs"]
        );
        Ok(())
    })
    .await;
}
