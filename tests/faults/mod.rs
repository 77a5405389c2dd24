//! What is left of every acknowledged reading when the program is killed, or when what it stands on fails.

mod crash;
mod database;
mod disk;
mod printer;
mod resources;
mod shift;

use nightshift_domain::sensing::Reading;
use nightshift_store::sensing::{account_audit, sensor_all};
use nightshift_store::testing::{TestDb, integrity};
use nightshift_store::{Db, Engine};

use crate::common::Server;

/// Readings asked for in one request when all are read back.
const PAGE: usize = 50_000;

/// Everything that is stored of a sensor, oldest first.
async fn stored(server: &Server, id: &str) -> Vec<Reading> {
    let mut all: Vec<Reading> = Vec::new();
    loop {
        let start = all.last().map_or(String::new(), |r| format!("&start={}", r.at.us() / 1_000 + 1));
        let answer = server.get(&format!("/api/sensors/{id}/readings?limit={PAGE}{start}")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let page: Vec<Reading> = serde_json::from_str(&answer.text).expect("readings");
        let last = page.len() < PAGE;
        all.extend(page);
        if last {
            return all;
        }
    }
}

/// The account that a sensor shows balances, and counts as stored what is there. Gives its number of duplicates.
async fn assert_balanced(server: &Server, id: &str, rows: usize) -> i64 {
    let shown = server.get(&format!("/api/sensors/{id}")).await.json();
    let account = &shown["state"]["account"];
    let count = |name: &str| account[name].as_i64().expect(name);
    let outcomes = ["stored", "duplicate", "late", "rejected"].map(count).iter().sum::<i64>();
    assert_eq!(count("offered"), outcomes, "{id}: {account}");
    assert_eq!(usize::try_from(count("stored")), Ok(rows), "{id}: {account}");
    assert_eq!((count("late"), count("rejected"), count("unaccounted")), (0, 0, 0), "{id}: {account}");
    count("duplicate")
}

/// The database itself, with no program on it: sound, and every account equal to its rows.
async fn assert_sound(home: &TestDb) {
    let db = Db::connect(&home.options).await.expect("open the database");
    if db.engine() == Engine::Sqlite {
        assert_eq!(integrity(&db).await, ["ok"]);
    }
    let sensors = sensor_all(&db).await.expect("sensors");
    assert!(!sensors.is_empty());
    for sensor in sensors {
        let (account, kept, expired) = account_audit(&db, sensor.key).await.expect("account");
        account.check(kept, expired).expect("the account balances");
    }
    db.close().await;
}
