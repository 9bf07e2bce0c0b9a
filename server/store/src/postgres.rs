//! Reaching a PostgreSQL database: where it is, as whom, and with which schema.

use crate::db::{Database, Engine};
use crate::{KnownSchema, PostgresUrl, StoreError};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Connections of one service. Each is a process of the server.
const CONNECTIONS: u32 = 10;
/// Callers that may wait for a connection, or make one, at once. Each proof of a password costs both sides some
/// milliseconds, so that few at a time are ready sooner.
const OPENING: usize = 4;
/// Longest wait for a connection that answers: a database that is away is known within this time.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// At start a database that is just coming up is waited for.
const START_WAIT: Duration = Duration::from_secs(30);
/// The longest password that is read.
const PASSWORD_BYTES: u64 = 1024;
/// The server ends what a service that is gone left open, so nobody waits for its locks.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];

/// Where a database is and as whom this process uses it.
#[derive(Clone)]
pub struct PostgresLogin {
    url: PostgresUrl,
    role: String,
    password: Option<Zeroizing<String>>,
}

impl fmt::Debug for PostgresLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresLogin")
            .field("url", &self.url.0.as_str())
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

impl PostgresLogin {
    /// As `role`, with the password in the first line of `password_file`. A file that does not exist means that the
    /// server knows the role without one, as it does over its Unix socket (`peer`).
    pub fn new(url: PostgresUrl, role: &str, password_file: &Path) -> Result<Self, StoreError> {
        let password = read_secret(password_file)
            .map_err(|source| StoreError::Input { path: password_file.to_owned(), source })?;
        Ok(Self { url, role: role.to_owned(), password })
    }

    /// As a role that needs no password.
    #[must_use]
    pub fn trusted(url: PostgresUrl, role: &str) -> Self {
        Self { url, role: role.to_owned(), password: None }
    }

    /// What an operator can do something about, in words that say what.
    fn explain(&self, error: sqlx::Error) -> StoreError {
        if let sqlx::Error::Tls(why) = &error {
            return StoreError::Untrusted(why.to_string());
        }
        if let sqlx::Error::Io(failure) = &error
            && let Some(why) = tls_failure(failure)
        {
            return StoreError::Untrusted(why);
        }
        // invalid_authorization_specification and invalid_password (PostgreSQL manual, appendix A).
        match error.as_database_error().filter(|said| said.code().is_some_and(|code| code.starts_with("28"))) {
            Some(said) => StoreError::NotLetIn { role: self.role.clone(), said: said.message().to_owned() },
            None => error.into(),
        }
    }

    fn options(&self, schema: &str, limits: &[(&str, &str)]) -> Result<AnyConnectOptions, StoreError> {
        let mut url = self.url.0.clone();
        // A socket that is missing may come; a certificate that is missing here does not.
        for (_, path) in url.query_pairs().filter(|(name, _)| name.starts_with("ssl") && name != "sslmode") {
            let path = std::path::PathBuf::from(path.as_ref());
            File::open(&path).map_err(|source| StoreError::Input { path, source })?;
        }
        {
            let mut pairs = url.query_pairs_mut();
            pairs.append_pair("user", &self.role).append_pair("application_name", "tornado");
            pairs.append_pair("options[search_path]", schema);
            for (name, value) in limits {
                pairs.append_pair(&format!("options[{name}]"), value);
            }
            if let Some(password) = &self.password {
                pairs.append_pair("password", password);
            }
        }
        let text = Zeroizing::new(String::from(url));
        Ok(AnyConnectOptions::from_str(&text)?.disable_statement_logging())
    }
}

/// A connection that failed on its way. Not what TLS refused, which does not change by waiting.
fn is_io(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(why) if tls_failure(why).is_none())
}

/// The words of the TLS library, which come as a failure of input or output.
fn tls_failure(error: &std::io::Error) -> Option<String> {
    error.get_ref().filter(|inner| inner.is::<rustls::Error>()).map(ToString::to_string)
}

/// The first line of a file that others cannot read. None: there is no such file.
///
/// # Errors
/// When it cannot be read, or everybody can.
pub fn read_secret(path: &Path) -> std::io::Result<Option<Zeroizing<String>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.mode() & 0o007 != 0 {
        return Err(std::io::Error::other("everybody may read or write this password: chmod o= it"));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(PASSWORD_BYTES).read_to_string(&mut text)?;
    Ok(text.lines().next().map(|line| Zeroizing::new(line.to_owned())))
}

impl Database {
    /// Opens a schema of a PostgreSQL database. Changes nothing in it: tables are made by [`migrate`] as their owner,
    /// and a service whose role could make some could also remove them.
    pub async fn open_postgres(login: &PostgresLogin, schema: &str, wanted: &Migrator) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let options = login.options(schema, &LIMITS)?;
        let mut probe = connect(login, &options).await?;
        check(&mut probe, schema, wanted).await?;
        probe.close().await?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(|connection, _| Box::pin(crate::db::left_clean(connection)))
            .connect_lazy_with(options);
        Ok(Self::shared(&pool, OPENING, Engine::Postgres))
    }
}

/// Looks once whether a login can work with a schema, without waiting for a server that is away: its version.
///
/// # Errors
/// What keeps a service from working with it.
pub async fn probe_postgres(login: &PostgresLogin, schema: KnownSchema) -> Result<String, StoreError> {
    sqlx::any::install_default_drivers();
    let options = login.options(schema.name(), &LIMITS)?;
    let mut db = connect_once(login, &options).await?;
    check(&mut db, schema.name(), &schema.postgres()).await?;
    let row = sqlx::query(Engine::Postgres.version()).fetch_one(&mut db).await?;
    db.close().await?;
    Ok(row.try_get("version")?)
}

/// Brings a schema up to date as its owner. `service` is the role that works with its tables; from it the right to
/// change the record of migrations is taken.
pub async fn migrate(login: &PostgresLogin, schema: &str, service: &str, wanted: &Migrator) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    let mut owner = connect(login, &login.options(schema, &[])?).await?;
    // Names of ours, in letters and underscores: no value from outside.
    let make = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
    owner.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(make))).await?;
    let pool = AnyPoolOptions::new().max_connections(1).connect_with(login.options(schema, &[])?).await?;
    wanted.run(&pool).await?;
    pool.close().await;
    if sqlx::query("SELECT 1 AS one FROM pg_roles WHERE rolname = $1")
        .bind(service)
        .fetch_optional(&mut owner)
        .await?
        .is_some()
    {
        let table = &wanted.table_name;
        let rights = format!("REVOKE INSERT, UPDATE, DELETE ON {table} FROM {service}");
        owner.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(rights))).await?;
    }
    owner.close().await?;
    Ok(())
}

/// One connection without limits of time, for the owner of the tables.
pub async fn writer(login: &PostgresLogin) -> Result<AnyConnection, StoreError> {
    sqlx::any::install_default_drivers();
    connect(login, &login.options("public", &[])?).await
}

/// One connection that only reads, for an operator who sees when there is none.
pub async fn reader(login: &PostgresLogin, schema: &str) -> Result<AnyConnection, StoreError> {
    sqlx::any::install_default_drivers();
    connect_once(login, &login.options(schema, &[("default_transaction_read_only", "on")])?).await
}

async fn connect_once(login: &PostgresLogin, options: &AnyConnectOptions) -> Result<AnyConnection, StoreError> {
    let connecting = tokio::time::timeout(ACQUIRE_TIMEOUT, AnyConnection::connect_with(options)).await;
    connecting.map_err(|_| StoreError::Late)?.map_err(|error| login.explain(error))
}

/// Waits for a server that is just starting; any other refusal is final.
async fn connect(login: &PostgresLogin, options: &AnyConnectOptions) -> Result<AnyConnection, StoreError> {
    let until = Instant::now() + START_WAIT;
    loop {
        let error = match tokio::time::timeout(ACQUIRE_TIMEOUT, AnyConnection::connect_with(options)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        let starting = matches!(&error, sqlx::Error::Database(said) if said.is_transient_in_connect_phase());
        let away = starting || is_io(&error) || matches!(error, sqlx::Error::PoolTimedOut);
        if !away || Instant::now() > until {
            return Err(login.explain(error));
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// True versions and contents: a database of another version of the program is refused, not guessed at.
pub async fn check(db: &mut AnyConnection, schema: &str, wanted: &Migrator) -> Result<(), StoreError> {
    let record = &wanted.table_name;
    let query = format!("SELECT version, checksum FROM {schema}.{record} WHERE success ORDER BY version");
    let rows = match sqlx::query(sqlx::AssertSqlSafe(query)).fetch_all(db).await {
        Ok(rows) => rows,
        // No such table (SQLSTATE 42P01).
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42P01") => {
            return Err(StoreError::SchemaMissing);
        }
        Err(error) => return Err(error.into()),
    };
    let mut applied = HashMap::new();
    for row in rows {
        applied.insert(row.try_get::<i64, _>("version")?, row.try_get::<Vec<u8>, _>("checksum")?);
    }
    for migration in wanted.iter() {
        match applied.remove(&migration.version) {
            Some(checksum) if checksum == *migration.checksum => {}
            Some(_) => return Err(sqlx::migrate::MigrateError::VersionMismatch(migration.version).into()),
            None => return Err(StoreError::SchemaOld(migration.version)),
        }
    }
    match applied.into_keys().max() {
        Some(version) => Err(sqlx::migrate::MigrateError::VersionMissing(version).into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_password_that_everybody_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p");
        assert!(read_secret(&path).unwrap().is_none());
        std::fs::write(&path, "a b%:c\nmore").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read_secret(&path).is_err());
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(read_secret(&path).unwrap().unwrap().as_str(), "a b%:c");
        let login = PostgresLogin::new("postgres://localhost/x".parse().unwrap(), "r", &path).unwrap();
        assert!(!format!("{login:?}").contains("a b"), "a password is not shown");
    }
}
