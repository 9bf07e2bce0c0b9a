//! Connects to a PostgreSQL database: address, role and schema version.

use crate::db::{Database, Engine};
use crate::{KnownSchema, PostgresUrl, StoreError, upgrade};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::migrate::Migrator;
use sqlx::{AnyConnection, ConnectOptions as _, Connection as _, Executor as _, Row as _};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// Connections per service. Each one is a process on the server.
const CONNECTIONS: u32 = 10;
/// Number of callers that may wait for or open a connection at the same time. Password verification costs both sides
/// several milliseconds, so a small number becomes ready sooner.
const OPENING: usize = 4;
/// Longest wait for a working connection. An outage is detected within this time.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// Longest wait at start for a database that is just starting.
const START_WAIT: Duration = Duration::from_secs(30);
/// Longest password in bytes.
const PASSWORD_BYTES: u64 = 1024;
/// The server ends transactions of a service that is gone, so that its locks do not block others.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];

/// Address of a database, and the role of this process.
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
    /// Uses `role` with the password in the first line of `password_file`. If the file does not exist, the server must
    /// accept the role without a password, as `peer` does on its Unix socket.
    ///
    /// # Errors
    /// When the file cannot be read, or when all users may read it.
    pub fn new(url: PostgresUrl, role: &str, password_file: &Path) -> Result<Self, StoreError> {
        let password = read_secret(password_file)
            .map_err(|source| StoreError::Input { path: password_file.to_owned(), source })?;
        Ok(Self { url, role: role.to_owned(), password })
    }

    /// Uses a role that needs no password.
    #[must_use]
    pub fn trusted(url: PostgresUrl, role: &str) -> Self {
        Self { url, role: role.to_owned(), password: None }
    }

    /// Turns errors that an operator can fix into their own variants.
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
        sqlx::any::install_default_drivers();
        let mut url = self.url.0.clone();
        // A missing socket may appear later; a missing certificate is an error now.
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

/// True for a failed connection, except for a rejection by TLS, which a retry does not fix.
fn is_io(error: &sqlx::Error) -> bool {
    matches!(error, sqlx::Error::Io(why) if tls_failure(why).is_none())
}

/// Message of the TLS library, which arrives wrapped in an I/O error.
fn tls_failure(error: &std::io::Error) -> Option<String> {
    error.get_ref().filter(|inner| inner.is::<rustls::Error>()).map(ToString::to_string)
}

/// Reads the first line of a file that other users cannot read. `None` if the file does not exist.
///
/// # Errors
/// When the file cannot be read, or when all users may read or write it.
pub fn read_secret(path: &Path) -> std::io::Result<Option<Zeroizing<String>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    if file.metadata()?.mode() & 0o007 != 0 {
        return Err(std::io::Error::other("all users may read or write this password; run `chmod o=` on the file"));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(PASSWORD_BYTES).read_to_string(&mut text)?;
    Ok(text.lines().next().map(|line| Zeroizing::new(line.to_owned())))
}

impl Database {
    /// Opens a schema of a PostgreSQL database without changing it. Tables are created by [`migrate`] with their
    /// owner's role; a service whose role could create tables could also drop them.
    ///
    /// # Errors
    /// When the database is unavailable, rejects the login, or has another schema version.
    pub async fn open_postgres(login: &PostgresLogin, schema: &str, wanted: &Migrator) -> Result<Self, StoreError> {
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

/// Checks once whether a login works with a schema, without waiting for a server that is down. Returns the server's
/// version.
///
/// # Errors
/// When a service could not work with this login and schema.
pub async fn probe_postgres(login: &PostgresLogin, schema: KnownSchema) -> Result<String, StoreError> {
    let options = login.options(schema.name(), &LIMITS)?;
    let mut db = connect_once(login, &options).await?;
    check(&mut db, schema.name(), &schema.postgres()).await?;
    let row = sqlx::query(Engine::Postgres.version()).fetch_one(&mut db).await?;
    db.close().await?;
    Ok(row.try_get("version")?)
}

/// Updates a schema with its owner's role, and returns the name of the copy of the former one. `service` is the role
/// that uses the tables.
pub async fn migrate(
    login: &PostgresLogin,
    schema: &str,
    service: &str,
    wanted: &Migrator,
) -> Result<Option<String>, StoreError> {
    let mut owner = connect(login, &login.options(schema, &[])?).await?;
    // The name is a constant of ours, made of letters and underscores.
    let make = format!("CREATE SCHEMA IF NOT EXISTS {schema}");
    owner.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(make))).await?;
    let copy = upgrade::postgres::migrate(&mut owner, schema, wanted).await?;
    protect_record(&mut owner, schema, service, wanted).await?;
    owner.close().await?;
    Ok(copy)
}

/// Revokes the right to change the record of migrations from the role `service`.
pub async fn protect_record(
    owner: &mut AnyConnection,
    schema: &str,
    service: &str,
    wanted: &Migrator,
) -> Result<(), StoreError> {
    if sqlx::query("SELECT 1 AS one FROM pg_roles WHERE rolname = $1")
        .bind(service)
        .fetch_optional(&mut *owner)
        .await?
        .is_some()
    {
        let table = &wanted.table_name;
        let rights = format!("REVOKE INSERT, UPDATE, DELETE ON {schema}.{table} FROM {service}");
        owner.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(rights))).await?;
    }
    Ok(())
}

/// One connection without timeouts, for the owner of the tables.
pub async fn writer(login: &PostgresLogin) -> Result<AnyConnection, StoreError> {
    connect(login, &login.options("public", &[])?).await
}

/// One read-only connection, without retries, for a command of an operator.
pub async fn reader(login: &PostgresLogin, schema: &str) -> Result<AnyConnection, StoreError> {
    connect_once(login, &login.options(schema, &[("default_transaction_read_only", "on")])?).await
}

async fn connect_once(login: &PostgresLogin, options: &AnyConnectOptions) -> Result<AnyConnection, StoreError> {
    let connecting = tokio::time::timeout(ACQUIRE_TIMEOUT, AnyConnection::connect_with(options)).await;
    connecting.map_err(|_| StoreError::Late)?.map_err(|error| login.explain(error))
}

/// Retries while the server is starting or unreachable; other errors are final.
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

/// Compares versions and checksums of the migrations. A database of another version is rejected.
pub async fn check(db: &mut AnyConnection, schema: &str, wanted: &Migrator) -> Result<(), StoreError> {
    let applied = match upgrade::applied(db, &format!("{schema}.{}", wanted.table_name)).await {
        Ok(applied) => applied,
        // undefined_table, SQLSTATE 42P01: the table does not exist.
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| code == "42P01") => {
            return Err(StoreError::SchemaMissing);
        }
        Err(error) => return Err(error.into()),
    };
    match upgrade::compare(&applied, wanted)? {
        Some(version) => Err(StoreError::SchemaOld(version)),
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
        assert!(!format!("{login:?}").contains("a b"), "the output must not contain the password");
    }
}
