//! What is kept: every SQL statement, migrations, and units of work on SQLite and PostgreSQL.
