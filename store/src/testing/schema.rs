//! What a test may look at and do beneath the store's functions.

use sqlx::AssertSqlSafe;

use crate::testing::TestDb;
use crate::{Db, Engine};

/// A column of the migrated schema, in words that both engines share.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// The table.
    pub table: String,
    /// The column.
    pub name: String,
    /// `integer`, `real`, `boolean`, `text`, `bytes` or `json`; the engine's own word when it is none of these.
    pub family: String,
    /// Whether it may be absent.
    pub nullable: bool,
}

impl TestDb {
    /// All columns of the schema, sorted.
    ///
    /// # Panics
    /// When the database fails.
    pub async fn columns(&self) -> Vec<Column> {
        let sql = match self.db.engine() {
            Engine::Sqlite => {
                "SELECT m.name, c.name, c.type, c.\"notnull\" = 0 AND c.pk = 0 \
                 FROM sqlite_master m JOIN pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations'"
            }
            Engine::Postgres => {
                "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), \
                 is_nullable = 'YES' FROM information_schema.columns \
                 WHERE table_schema = 'public' AND table_name <> '_sqlx_migrations'"
            }
        };
        let rows = async { read_all!(&self.db, "columns", (String, String, String, bool), sql) }.await;
        let mut columns: Vec<Column> = rows
            .expect("read the schema")
            .into_iter()
            .map(|(table, name, kind, nullable)| Column { table, name, family: family(&kind), nullable })
            .collect();
        columns.sort_unstable();
        columns
    }

    /// Runs statements as they are, for instance to spoil a row.
    ///
    /// # Panics
    /// When they fail.
    pub async fn run_sql(&self, sql: &str) {
        self.try_sql(sql).await.expect("run the test's own statements");
    }

    /// As [`TestDb::run_sql`], for statements that are to be refused.
    ///
    /// # Errors
    /// Why the engine refused them.
    pub async fn try_sql(&self, sql: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.db {
            Db::Sqlite(d) => d.writer.run_between(sql).await,
            Db::Postgres(d) => match d.writer.connect().await {
                Ok(mut conn) => sqlx::raw_sql(sql).execute(&mut conn).await.map(|_| ()),
                Err(away) => Err(away),
            },
        }
        .map_err(Into::into)
    }

    /// Ends all connections of a PostgreSQL database, as a server does that restarts.
    ///
    /// # Panics
    /// When the server does not do it.
    pub async fn cut_connections(&self) {
        let Some((admin_url, name)) = self.server() else { return };
        let sql = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'");
        super::admin(admin_url, sql).await.expect("end the connections");
    }
}

fn family(kind: &str) -> String {
    match kind.to_ascii_lowercase().as_str() {
        "bigint" | "integer" => "integer",
        "double precision" => "real",
        "boolean" => "boolean",
        "text" => "text",
        "blob" | "bytea" => "bytes",
        "json text" | "jsonb" => "json",
        other => other,
    }
    .to_owned()
}
