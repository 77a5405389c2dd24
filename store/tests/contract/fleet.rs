//! Vehicles, positions, chases and guards.

use nightshift_domain::fleet::wire::{Guard, Stamp};
use nightshift_domain::fleet::{
    CarId, CarName, Chase, ChaseEvent, Damage, Details, Kind, MapId, Outcome, Request, Vehicle, VehicleId,
};
use nightshift_store::fleet::{
    PositionRow, chase_of, event_acknowledge, event_insert, event_list, guard_set, guards_all,
    position_latest, positions_expire, positions_insert, positions_range, vehicle_all, vehicle_find,
    vehicle_insert, vehicle_remove, vehicle_rename, vehicle_rename_self, vehicle_status,
};
use nightshift_store::testing::TestDb;
use nightshift_store::{Db, Slice, StoreError};

use crate::{NOW, s};

nightshift_store::on_both_engines!(
    a_vehicle_is_kept_as_it_was_and_changed,
    numbers_and_names_are_free_after_a_removal,
    a_spoilt_vehicle_is_named,
    positions_are_kept_once_and_expire_oldest_first,
    thousands_of_positions_go_in_together,
    a_chase_is_read_back_from_its_events,
    an_event_is_acknowledged_once,
    guards_outlive_their_vehicles,
);

fn name(text: &str) -> CarName {
    CarName::try_from(text.to_owned()).unwrap()
}

fn request(vehicle_id: u32, kind: Kind, text: &str) -> Request {
    Request { vehicle_id: VehicleId(vehicle_id), kind, name: name(text) }
}

async fn register(db: &Db, vehicle_id: u32, kind: Kind, text: &str) -> Vehicle {
    let mut tx = db.begin().await.unwrap();
    let vehicle = vehicle_insert(&mut tx, &request(vehicle_id, kind, text), NOW).await.unwrap();
    tx.commit().await.unwrap();
    vehicle
}

async fn a_vehicle_is_kept_as_it_was_and_changed(home: &TestDb) {
    let police = register(&home.db, u32::MAX, Kind::Police, "순찰차").await;
    let runner = register(&home.db, 0, Kind::Runner, "runner").await;
    assert_eq!(vehicle_all(&home.db).await.unwrap(), [police.clone(), runner.clone()]);
    let details = Details { fuel: 255, collision_count: 0, status: Damage::CompleteDestroyed };
    let mut tx = home.db.begin().await.unwrap();
    vehicle_status(&mut tx, police.id, details, s(1)).await.unwrap();
    let refused = vehicle_status(&mut tx, runner.id, details, s(1)).await.expect_err("a runner");
    assert!(matches!(refused, StoreError::Missing { .. }), "{refused:?}");
    vehicle_rename(&mut tx, police.id, &name("북문"), s(1)).await.unwrap();
    vehicle_rename_self(&mut tx, runner.id, &name("hare"), s(1)).await.unwrap();
    tx.commit().await.unwrap();
    let police_now = vehicle_find(&home.db, police.id).await.unwrap().unwrap();
    assert_eq!(police_now.details(), Some(details));
    assert_eq!((police_now.car_name, police_now.registered_name), (name("북문"), name("순찰차")));
    let runner_now = vehicle_find(&home.db, runner.id).await.unwrap().unwrap();
    assert_eq!((runner_now.car_name, runner_now.registered_name), (name("hare"), name("hare")));
    assert_eq!(vehicle_find(&home.db, CarId(99)).await.unwrap(), None);
}

async fn numbers_and_names_are_free_after_a_removal(home: &TestDb) {
    let first = register(&home.db, 3, Kind::Police, "A").await;
    let mut tx = home.db.begin().await.unwrap();
    for taken in [request(3, Kind::Police, "B"), request(4, Kind::Police, "A")] {
        let error = vehicle_insert(&mut tx, &taken, NOW).await.expect_err("taken");
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    }
    vehicle_remove(&mut tx, first.id, s(1)).await.unwrap();
    let again = vehicle_remove(&mut tx, first.id, s(1)).await.expect_err("gone");
    assert!(matches!(again, StoreError::Missing { .. }), "{again:?}");
    tx.commit().await.unwrap();
    assert_eq!(vehicle_find(&home.db, first.id).await.unwrap(), None);
    let second = register(&home.db, 3, Kind::Runner, "A").await;
    assert_ne!(second.id, first.id);
    assert_eq!(vehicle_all(&home.db).await.unwrap(), [second]);
}

async fn a_spoilt_vehicle_is_named(home: &TestDb) {
    register(&home.db, 3, Kind::Police, "A").await;
    for (change, column) in [
        ("damage = 'dented'", "damage"),
        ("damage = 'normal', fuel = 256", "fuel"),
        ("fuel = 1, kind = 'plane'", "kind"),
        ("kind = 'police', car_name = ''", "car_name"),
        ("car_name = 'A', vehicle_id = -1", "vehicle_id"),
    ] {
        home.run_sql(&format!("UPDATE vehicle SET {change}")).await;
        let error = vehicle_all(&home.db).await.expect_err(change).to_string();
        assert!(error.starts_with(&format!("table vehicle, row 1: column {column} ")), "{error}");
    }
}

fn position(car: CarId, second: i64, x: f64) -> PositionRow {
    PositionRow { car, at: s(second), map: MapId(2), x, y: -x }
}

async fn positions_are_kept_once_and_expire_oldest_first(home: &TestDb) {
    let one = register(&home.db, 1, Kind::Police, "A").await.id;
    let other = register(&home.db, 2, Kind::Runner, "B").await.id;
    let mut tx = home.db.begin().await.unwrap();
    let rows = [position(one, 0, 1.5), position(one, 1, 2.5), position(other, 0, 9.0), position(one, 0, 7.0)];
    positions_insert(&mut tx, &rows).await.unwrap();
    positions_insert(&mut tx, &[]).await.unwrap();
    tx.commit().await.unwrap();
    let kept = positions_range(&home.db, one, s(0), s(10), 10).await.unwrap();
    assert_eq!(kept, rows[..2]);
    assert_eq!(positions_range(&home.db, one, s(1), s(10), 10).await.unwrap(), rows[1..2]);
    assert_eq!(position_latest(&home.db, one).await.unwrap(), Some(rows[1]));
    assert_eq!(position_latest(&home.db, CarId(99)).await.unwrap(), None);
    let mut tx = home.db.begin().await.unwrap();
    vehicle_remove(&mut tx, other, s(1)).await.unwrap();
    assert_eq!(positions_expire(&mut tx, s(1), 1).await.unwrap(), 1);
    assert_eq!(positions_expire(&mut tx, s(1), 100).await.unwrap(), 1, "those of a removed vehicle too");
    assert_eq!(positions_expire(&mut tx, s(1), 100).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(positions_range(&home.db, one, s(0), s(10), 10).await.unwrap(), rows[1..2]);
}

async fn thousands_of_positions_go_in_together(home: &TestDb) {
    let car = register(&home.db, 1, Kind::Police, "A").await.id;
    let rows: Vec<PositionRow> = (0..3_001).map(|n| position(car, n, 0.1)).collect();
    let mut tx = home.db.begin().await.unwrap();
    positions_insert(&mut tx, &rows).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(positions_range(&home.db, car, s(0), s(9_999), 9_999).await.unwrap(), rows);
}

async fn a_chase_is_read_back_from_its_events(home: &TestDb) {
    let police = register(&home.db, 1, Kind::Police, "A").await.id;
    let runner = register(&home.db, 2, Kind::Runner, "B").await.id;
    assert_eq!(chase_of(&home.db, runner).await.unwrap(), None);
    let mut want = None;
    for (second, outcome) in [
        (1, Outcome::Run),
        (2, Outcome::Failed { catcher_id: police }),
        (3, Outcome::Catch { catcher_id: police }),
        (4, Outcome::Run),
    ] {
        let event = ChaseEvent { runner, outcome, at: s(second) };
        let mut tx = home.db.begin().await.unwrap();
        event_insert(&mut tx, &event).await.unwrap();
        tx.commit().await.unwrap();
        want = Some(match want {
            None => Chase::Running { since: s(1) },
            Some(chase) => Chase::after(chase, &event),
        });
        assert_eq!(chase_of(&home.db, runner).await.unwrap(), want);
    }
    let page = event_list(&home.db, Slice { skip: 1, limit: 2 }).await.unwrap();
    let outcomes: Vec<Outcome> = page.items.iter().map(|e| e.event.outcome).collect();
    assert_eq!(outcomes, [Outcome::Catch { catcher_id: police }, Outcome::Failed { catcher_id: police }]);
    assert_eq!(page.total, 4);
    let mut tx = home.db.begin().await.unwrap();
    let stray = ChaseEvent { runner: CarId(99), outcome: Outcome::Run, at: NOW };
    assert!(event_insert(&mut tx, &stray).await.is_err(), "its runner does not exist");
}

async fn an_event_is_acknowledged_once(home: &TestDb) {
    let runner = register(&home.db, 2, Kind::Runner, "B").await.id;
    let mut tx = home.db.begin().await.unwrap();
    let id = event_insert(&mut tx, &ChaseEvent { runner, outcome: Outcome::Run, at: NOW }).await.unwrap();
    event_acknowledge(&mut tx, id, Some(7), s(1)).await.unwrap();
    event_acknowledge(&mut tx, id, None, s(2)).await.unwrap();
    let missing = event_acknowledge(&mut tx, id + 1, None, s(2)).await.expect_err("none");
    assert!(matches!(missing, StoreError::Missing { .. }), "{missing:?}");
    tx.commit().await.unwrap();
    let page = event_list(&home.db, Slice::first(10)).await.unwrap();
    assert_eq!(page.items[0].acknowledged_at, Some(s(1)));
}

async fn guards_outlive_their_vehicles(home: &TestDb) {
    let car = register(&home.db, 3, Kind::Police, "A").await;
    let (guard, _) = Guard::default().register(Stamp { session: 0, counter: 9 }).unwrap();
    let mut tx = home.db.begin().await.unwrap();
    guard_set(&mut tx, VehicleId(3), &Guard::default()).await.unwrap();
    guard_set(&mut tx, VehicleId(3), &guard).await.unwrap();
    vehicle_remove(&mut tx, car.id, s(1)).await.unwrap();
    tx.commit().await.unwrap();
    let kept = guards_all(&home.db).await.unwrap();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].0, VehicleId(3));
    assert!(kept[0].1.register(Stamp { session: 0, counter: 9 }).is_err(), "a recording is refused");
    assert_eq!(kept[0].1.register(Stamp { session: 0, counter: 10 }).unwrap().1, 2);
}
