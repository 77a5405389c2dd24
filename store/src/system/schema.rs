//! The schema as it is migrated: tables, columns, and what refers to what.

use std::collections::BTreeMap;

use crate::{Db, StoreError, dialect};

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name.
    pub name: String,
    /// Its columns, in their order.
    pub columns: Vec<ColumnInfo>,
    /// What its columns refer to.
    pub references: Vec<Reference>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnInfo {
    /// Its name.
    pub name: String,
    /// `integer`, `real`, `boolean`, `text`, `bytes` or `json`; the engine's own word when it is none of these.
    pub kind: String,
    /// Whether it may be absent.
    pub nullable: bool,
    /// Whether it belongs to the primary key.
    pub primary: bool,
}

/// A column that names a row of a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reference {
    /// The column.
    pub column: String,
    /// The table.
    pub table: String,
    /// The table's column.
    pub to: String,
}

const COLUMNS_SQLITE: &str = "SELECT m.name, c.name, c.type, c.\"notnull\" = 0 AND c.pk = 0, c.pk > 0 \
     FROM sqlite_master m JOIN pragma_table_info(m.name) c \
     WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' AND m.name <> '_sqlx_migrations' ORDER BY m.name, c.cid";
const COLUMNS_POSTGRES: &str = "SELECT CAST(t.relname AS TEXT), CAST(a.attname AS TEXT), \
     CAST(format_type(a.atttypid, NULL) AS TEXT), NOT a.attnotnull, \
     EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = t.oid AND i.indisprimary AND a.attnum = ANY(i.indkey)) \
     FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace JOIN pg_attribute a ON a.attrelid = t.oid \
     WHERE n.nspname = 'public' AND t.relkind = 'r' AND t.relname <> '_sqlx_migrations' AND a.attnum > 0 \
     AND NOT a.attisdropped ORDER BY t.relname COLLATE \"C\", a.attnum";
const REFERENCES_SQLITE: &str = "SELECT m.name, f.\"from\", f.\"table\", f.\"to\" \
     FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f WHERE m.type = 'table'";
const REFERENCES_POSTGRES: &str = "SELECT CAST(t.relname AS TEXT), CAST(a.attname AS TEXT), CAST(u.relname AS TEXT), \
     CAST(b.attname AS TEXT) FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid \
     JOIN pg_class u ON u.oid = c.confrelid CROSS JOIN LATERAL unnest(c.conkey, c.confkey) AS k (own, other) \
     JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.own \
     JOIN pg_attribute b ON b.attrelid = u.oid AND b.attnum = k.other WHERE c.contype = 'f'";

/// All tables, by name.
///
/// # Errors
/// [`StoreError::Query`].
pub async fn schema_read(db: &Db) -> Result<Vec<TableInfo>, StoreError> {
    let engine = db.engine();
    let sql = dialect::pick(engine, COLUMNS_SQLITE, COLUMNS_POSTGRES);
    let columns = read_all!(db, "schema_read", (String, String, String, bool, bool), sql)?;
    let sql = dialect::pick(engine, REFERENCES_SQLITE, REFERENCES_POSTGRES);
    let references = read_all!(db, "schema_read", (String, String, String, String), sql)?;
    let mut tables: BTreeMap<String, TableInfo> = BTreeMap::new();
    for (table, name, kind, nullable, primary) in columns {
        let empty = || TableInfo { name: table.clone(), columns: Vec::new(), references: Vec::new() };
        let column = ColumnInfo { name, kind: word(&kind), nullable, primary };
        tables.entry(table.clone()).or_insert_with(empty).columns.push(column);
    }
    for (table, column, other, to) in references {
        if let Some(table) = tables.get_mut(&table) {
            table.references.push(Reference { column, table: other, to });
        }
    }
    tables.values_mut().for_each(|table| table.references.sort());
    Ok(tables.into_values().collect())
}

/// The engine's word for a type in one that both share.
fn word(kind: &str) -> String {
    match kind.to_ascii_lowercase().as_str() {
        "bigint" | "integer" => "integer",
        "double precision" => "real",
        "blob" | "bytea" => "bytes",
        "json text" | "jsonb" => "json",
        other => other,
    }
    .to_owned()
}
