//! The dispatch between the engines: one statement text, one list of binds, two drivers.
//!
//! `read_*` run on the pool of readers and see what is committed; `write_*` run inside a [`crate::Tx`].

/// All rows of a statement, as `Vec<$row>`.
macro_rules! read_all {
    ($db:expr, $what:literal, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $db {
            $crate::Db::Sqlite(d) => {
                sqlx::query_as::<sqlx::Sqlite, $row>($sql)$(.bind($bind))*.fetch_all(&d.readers).await
            }
            $crate::Db::Postgres(d) => match d.readers.acquire().await {
                Ok(mut conn) => {
                    sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($bind))*.fetch_all(&mut *conn).await
                }
                Err(away) => Err(away),
            },
        }
        .map_err(|e| $crate::StoreError::query($what, e))
    };
}

/// The first row of a statement, as `Option<$row>`.
macro_rules! read_one {
    ($db:expr, $what:literal, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $db {
            $crate::Db::Sqlite(d) => {
                sqlx::query_as::<sqlx::Sqlite, $row>($sql)$(.bind($bind))*.fetch_optional(&d.readers).await
            }
            $crate::Db::Postgres(d) => match d.readers.acquire().await {
                Ok(mut conn) => {
                    sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($bind))*.fetch_optional(&mut *conn).await
                }
                Err(away) => Err(away),
            },
        }
        .map_err(|e| $crate::StoreError::query($what, e))
    };
}

/// Runs a statement in a transaction and says how many rows it touched.
macro_rules! write_exec {
    ($tx:expr, $what:literal, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let tx: &mut $crate::Tx = $tx;
        tx.enter($what)?;
        let done = match &mut tx.conn {
            $crate::tx::TxConn::Sqlite(t) => sqlx::query::<sqlx::Sqlite>($sql)$(.bind($bind))*
                .execute(&mut **t).await.map(|r| r.rows_affected()),
            $crate::tx::TxConn::Postgres(t) => sqlx::query::<sqlx::Postgres>($sql)$(.bind($bind))*
                .execute(&mut **t).await.map(|r| r.rows_affected()),
        };
        tx.leave($what, done)
    }};
}

/// All rows of a statement in a transaction, as `Vec<$row>`.
macro_rules! write_all {
    ($tx:expr, $what:literal, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {{
        let tx: &mut $crate::Tx = $tx;
        tx.enter($what)?;
        let done = match &mut tx.conn {
            $crate::tx::TxConn::Sqlite(t) => sqlx::query_as::<sqlx::Sqlite, $row>($sql)$(.bind($bind))*
                .fetch_all(&mut **t).await,
            $crate::tx::TxConn::Postgres(t) => sqlx::query_as::<sqlx::Postgres, $row>($sql)$(.bind($bind))*
                .fetch_all(&mut **t).await,
        };
        tx.leave($what, done)
    }};
}

/// Runs a statement over many rows in a transaction, cut into the sizes of its [`crate::dialect::Ladder`]. Gives what
/// the statement returns, as `Vec<$row>`.
macro_rules! write_rows {
    ($tx:expr, $what:literal, $row:ty, $ladder:expr, $items:expr, |$item:ident| $($bind:expr),+ $(,)?) => {{
        let tx: &mut $crate::Tx = $tx;
        let engine = tx.engine();
        let mut all: Vec<$row> = Vec::new();
        for (chunk, sql) in $ladder.chunks(engine, $items) {
            tx.enter($what)?;
            let done = match &mut tx.conn {
                $crate::tx::TxConn::Sqlite(t) => {
                    let mut query = sqlx::query_as::<sqlx::Sqlite, $row>(sql);
                    for $item in chunk {
                        query = query$(.bind($bind))+;
                    }
                    query.fetch_all(&mut **t).await
                }
                $crate::tx::TxConn::Postgres(t) => {
                    let mut query = sqlx::query_as::<sqlx::Postgres, $row>(sql);
                    for $item in chunk {
                        query = query$(.bind($bind))+;
                    }
                    query.fetch_all(&mut **t).await
                }
            };
            all.extend(tx.leave($what, done)?);
        }
        Ok::<Vec<$row>, $crate::StoreError>(all)
    }};
}
