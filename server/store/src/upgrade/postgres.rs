//! Migrates a schema of a PostgreSQL database. Copies are schemas of the same database that only the owner can use.

use super::{Applied, KEPT, Plan, applied, apply, explain, plan};
use crate::StoreError;
use sqlx::migrate::{Migrate as _, Migrator};
use sqlx::{AnyConnection, AssertSqlSafe, Connection as _, Executor as _, Row as _};

/// Migrates `schema` as its owner. An existing schema is copied first; returns the name of the copy.
pub(crate) async fn migrate(
    owner: &mut AnyConnection,
    schema: &str,
    wanted: &Migrator,
) -> Result<Option<String>, StoreError> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";
    // One command at a time. The end of the connection also releases the lock.
    owner.lock().await?;
    let copy = match plan(&record(owner, schema, wanted).await?, wanted)? {
        Plan::Create => {
            apply(owner, BEGIN, wanted).await?;
            None
        }
        Plan::Current => None,
        Plan::Migrate { from, to } => {
            let copy = format!("{schema}_schema_{from}");
            let taken = take(owner, schema, &copy).await;
            taken.map_err(|error| StoreError::CopyFailed { copy: copy.clone(), source: Box::new(error) })?;
            let migrated = apply(owner, BEGIN, wanted).await;
            migrated.map_err(|error| explain(error, from, to, &format!("schema {copy} of the same database")))?;
            Some(copy)
        }
    };
    owner.unlock().await?;
    Ok(copy)
}

async fn record(owner: &mut AnyConnection, schema: &str, wanted: &Migrator) -> Result<Applied, StoreError> {
    if !tables(owner, schema).await?.iter().any(|table| *table == wanted.table_name) {
        return Ok(Applied::new());
    }
    Ok(applied(owner, &format!("{schema}.{}", wanted.table_name)).await?)
}

/// Copies the rows of all tables at one point in time. The copy has no keys, indexes and rights.
async fn take(owner: &mut AnyConnection, schema: &str, copy: &str) -> Result<(), StoreError> {
    let mut transaction = owner.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ").await?;
    run(&mut transaction, format!("DROP SCHEMA IF EXISTS {copy} CASCADE; CREATE SCHEMA {copy}")).await?;
    for table in tables(&mut transaction, schema).await? {
        run(&mut transaction, format!("CREATE TABLE {copy}.{table} AS TABLE {schema}.{table}")).await?;
    }
    for (_, old) in copies(&mut transaction, schema).await?.into_iter().skip(KEPT) {
        run(&mut transaction, format!("DROP SCHEMA {old} CASCADE")).await?;
    }
    transaction.commit().await?;
    Ok(())
}

/// Replaces the tables of `schema`, which a newer version of this program has migrated, by those of the copy that has
/// the schema of `wanted`. Returns false if the schema is not newer.
pub(crate) async fn undo(db: &mut AnyConnection, schema: &str, wanted: &Migrator) -> Result<bool, StoreError> {
    let (found, known) = match plan(&record(db, schema, wanted).await?, wanted) {
        Err(StoreError::SchemaNewer { found, known }) => (found, known),
        other => return other.map(|_| false),
    };
    let copy = format!("{schema}_schema_{known}");
    if !copies(db, schema).await?.iter().any(|(_, name)| *name == copy) {
        return Err(StoreError::NoCopy { database: format!("schema {schema}"), found, known });
    }
    run(db, format!("SET LOCAL search_path TO {schema}")).await?;
    let drop: Vec<String> = tables(db, schema).await?.iter().map(|table| format!("{schema}.{table}")).collect();
    run(db, format!("DROP TABLE {} CASCADE", drop.join(", "))).await?;
    wanted.run_direct(None, db, false).await?;
    let made = tables(db, schema).await?;
    // The copy also has the rows that the migrations insert.
    for table in made.iter().rev() {
        run(db, format!("DELETE FROM {schema}.{table}")).await?;
    }
    for table in &made {
        let columns = columns(db, &copy, table).await?.join(", ");
        run(db, format!("INSERT INTO {schema}.{table} ({columns}) SELECT {columns} FROM {copy}.{table}")).await?;
    }
    Ok(true)
}

async fn columns(db: &mut AnyConnection, schema: &str, table: &str) -> Result<Vec<String>, sqlx::Error> {
    let query = "SELECT quote_ident(column_name::text) AS name FROM information_schema.columns
                 WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position";
    let rows = sqlx::query(query).bind(schema.to_owned()).bind(table.to_owned()).fetch_all(db).await?;
    rows.iter().map(|row| row.try_get("name")).collect()
}

/// Names of the tables of a schema. A table is listed after those that existed when it was created.
async fn tables(db: &mut AnyConnection, schema: &str) -> Result<Vec<String>, sqlx::Error> {
    let query = "SELECT relname::text AS name FROM pg_class
                 WHERE relkind = 'r' AND relnamespace = to_regnamespace($1) ORDER BY oid";
    let rows = sqlx::query(query).bind(schema.to_owned()).fetch_all(db).await?;
    rows.iter().map(|row| row.try_get("name")).collect()
}

/// Versions and names of the copies of a schema, newest first.
async fn copies(db: &mut AnyConnection, schema: &str) -> Result<Vec<(i64, String)>, sqlx::Error> {
    let mark = format!("{schema}_schema_");
    let query = "SELECT nspname::text AS name FROM pg_namespace WHERE starts_with(nspname::text, $1)";
    let rows = sqlx::query(query).bind(mark.clone()).fetch_all(db).await?;
    let mut found = Vec::new();
    for row in rows {
        let name: String = row.try_get("name")?;
        if let Some(version) = name.strip_prefix(&mark).and_then(|version| version.parse().ok()) {
            found.push((version, name));
        }
    }
    found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    Ok(found)
}

/// Runs statements whose names are constants of this program or come from the catalogue of the schemas that it created.
async fn run(db: &mut AnyConnection, statements: String) -> Result<(), sqlx::Error> {
    db.execute(sqlx::raw_sql(AssertSqlSafe(statements))).await.map(|_| ())
}
