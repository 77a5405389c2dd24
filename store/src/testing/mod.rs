//! Databases for tests: a fresh, migrated one per test, on either engine. Only with the feature `testing`.
//!
//! PostgreSQL comes from `TEST_DATABASE_URL`, else from a throw-away cluster of local binaries. Where there is neither,
//! [`postgres`] says so and gives nothing, unless `NIGHTSHIFT_REQUIRE_POSTGRES=1` makes that a failure.

mod bare;
mod cluster;
mod fill;
mod integrity;
mod raw;
mod redis;
mod schema;
mod watch;

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nightshift_domain::audit::ChainKey;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _};

use crate::{Db, DbOptions};
pub use bare::BareLine;
pub use cluster::Cluster;
pub use fill::{Filled, fill};
pub use integrity::integrity;
pub use raw::RawReadings;
pub use redis::RedisServer;
pub use schema::Column;
pub(crate) use watch::record;
pub use watch::{Watch, scanned_since, watch_statements};

/// Connections that read in a test's database: a server takes a hundred in all.
const MAX_READERS: u32 = 3;

/// The key of the audit in every test's database.
pub const AUDIT_KEY: ChainKey = ChainKey::new([7; 32]);

static NEXT_NUMBER: AtomicU32 = AtomicU32::new(0);

/// A database that goes away when it is dropped.
#[derive(Debug)]
pub struct TestDb {
    /// The database, migrated.
    pub db: Db,
    /// How it was connected to, to connect once more.
    pub options: DbOptions,
    home: Home,
}

impl TestDb {
    /// Url of the server's administrative database and the name of this one.
    fn server(&self) -> Option<(&str, &str)> {
        match &self.home {
            Home::Folder { .. } => None,
            Home::Server { admin_url, name, .. } => Some((admin_url, name)),
        }
    }
}

#[derive(Debug)]
enum Home {
    Folder { _folder: tempfile::TempDir },
    Server { admin_url: String, name: String, _cluster: Option<Arc<Cluster>> },
}

impl Drop for Home {
    fn drop(&mut self) {
        let Self::Server { admin_url, name, .. } = self else { return };
        let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let admin_url = admin_url.clone();
        // A drop cannot wait in the runtime it may run on. A database that stays behind is only untidy.
        let _ = std::thread::spawn(move || block_on(admin(&admin_url, sql))).join();
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime for a moment")
        .block_on(future)
}

async fn admin(url: &str, sql: String) -> Result<(), sqlx::Error> {
    let mut conn = PgConnection::connect(url).await?;
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await?;
    conn.close().await
}

async fn migrated(options: DbOptions, home: Home) -> TestDb {
    let db = Db::connect(&options).await.expect("connect to a test database");
    db.migrate().await.expect("migrate a test database");
    TestDb { db, options, home }
}

/// A fresh SQLite database in a folder of its own.
pub async fn sqlite() -> TestDb {
    let folder = tempfile::tempdir().expect("a folder for a test database");
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    migrated(options(url), Home::Folder { _folder: folder }).await
}

/// A fresh PostgreSQL database, if there is a server.
///
/// # Panics
/// When there is none and `NIGHTSHIFT_REQUIRE_POSTGRES=1`, or when the server that `TEST_DATABASE_URL` names fails.
pub async fn postgres() -> Option<TestDb> {
    let Some((admin_url, cluster)) = server().await else {
        assert!(!postgres_required(), "NIGHTSHIFT_REQUIRE_POSTGRES=1, but there is no PostgreSQL");
        eprintln!("skipped: no PostgreSQL");
        return None;
    };
    let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("nightshift_test_{}_{number}", std::process::id());
    let fresh = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
    admin(&admin_url, fresh).await.expect("reach the test server");
    admin(&admin_url, format!("CREATE DATABASE {name}")).await.expect("create a test database");
    let url = PgConnectOptions::from_str(&admin_url)
        .expect("the test server's url")
        .database(&name)
        .to_url_lossy()
        .to_string();
    Some(migrated(options(url), Home::Server { admin_url, name, _cluster: cluster }).await)
}

/// Whether a test must fail, rather than say that it is skipped, where there is no PostgreSQL.
#[must_use]
pub fn postgres_required() -> bool {
    std::env::var("NIGHTSHIFT_REQUIRE_POSTGRES").is_ok_and(|v| v == "1")
}

async fn server() -> Option<(String, Option<Arc<Cluster>>)> {
    if let Some(url) = std::env::var("TEST_DATABASE_URL").ok().filter(|url| !url.is_empty()) {
        return Some((url, None));
    }
    let cluster = Cluster::shared().await?;
    Some((cluster.url().to_owned(), Some(cluster)))
}

/// How the databases of tests are opened.
#[must_use]
pub fn options(url: String) -> DbOptions {
    DbOptions { max_readers: MAX_READERS, audit_key: Some(AUDIT_KEY), ..DbOptions::new(url) }
}

/// Makes two tests of each named `async fn(&TestDb)`: one in `sqlite`, one in `postgres`.
#[macro_export]
macro_rules! on_both_engines {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let home = $crate::testing::sqlite().await;
                    super::$name(&home).await;
                    home.db.close().await;
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    let Some(home) = $crate::testing::postgres().await else { return };
                    super::$name(&home).await;
                    home.db.close().await;
                }
            )+
        }
    };
}
