//! Reaching a PostgreSQL database: where it is, as whom, and with which schema.

use crate::StoreError;
use crate::db::Database;
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
use url::{Host, Url};
use zeroize::Zeroizing;

/// Connections of one service. Each is a process of the server.
const CONNECTIONS: u32 = 10;
/// Longest wait for a connection that answers: a database that is away is known within this time.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// At start a database that is just coming up is waited for.
const START_WAIT: Duration = Duration::from_secs(30);
/// The longest password that is read.
const PASSWORD_BYTES: u64 = 1024;
/// The server ends what a service that is gone left open, so nobody waits for its locks.
const LIMITS: [(&str, &str); 3] =
    [("statement_timeout", "10s"), ("lock_timeout", "5s"), ("idle_in_transaction_session_timeout", "15s")];

/// Where a PostgreSQL database is, as `postgres://host[:port]/database` or `postgres:///database?host=/directory` of
/// its Unix socket. Says neither who nor with which password: each service has a role of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostgresUrl(Url);

/// Why a URL of a database was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PostgresUrlError {
    /// Not such a URL.
    #[error("it must look like postgres://host/database: {0}")]
    Malformed(String),
    /// Somebody's name or password is in it.
    #[error("it must not name a user or a password: each service has a role of its own and reads a password file")]
    Credentials,
    /// Passwords and keys would cross a network in the clear, or to anybody.
    #[error("a database on another machine needs sslmode=verify-full")]
    Clear,
    /// A parameter that is not known here.
    #[error("the parameter '{0}' is not known; there are host, port, sslmode, sslrootcert, sslcert, sslkey")]
    Parameter(String),
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let url = Url::parse(text).map_err(|error| PostgresUrlError::Malformed(error.to_string()))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(PostgresUrlError::Malformed(format!("its scheme is {}", url.scheme())));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(PostgresUrlError::Credentials);
        }
        if url.path().trim_matches('/').is_empty() {
            return Err(PostgresUrlError::Malformed("it names no database".into()));
        }
        let pairs: HashMap<_, _> = url.query_pairs().collect();
        for name in pairs.keys() {
            match name.as_ref() {
                "host" | "port" | "sslmode" | "sslrootcert" | "sslcert" | "sslkey" => {}
                "user" | "password" => return Err(PostgresUrlError::Credentials),
                other => return Err(PostgresUrlError::Parameter(other.to_owned())),
            }
        }
        let local = match (pairs.get("host"), url.host()) {
            (Some(host), _) => host.starts_with('/'),
            (None, Some(Host::Ipv4(address))) => address.is_loopback(),
            (None, Some(Host::Ipv6(address))) => address.is_loopback(),
            // A scheme that is not the web's leaves addresses as names.
            (None, Some(Host::Domain(name))) => {
                name == "localhost" || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
            }
            (None, None) => return Err(PostgresUrlError::Malformed("it names no host".into())),
        };
        if !local && pairs.get("sslmode").is_none_or(|mode| mode != "verify-full") {
            return Err(PostgresUrlError::Clear);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

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
        let password =
            read_secret(password_file).map_err(|source| StoreError::File { path: password_file.to_owned(), source })?;
        Ok(Self { url, role: role.to_owned(), password })
    }

    /// As a role that needs no password.
    #[must_use]
    pub fn trusted(url: PostgresUrl, role: &str) -> Self {
        Self { url, role: role.to_owned(), password: None }
    }

    fn options(&self, schema: &str, limits: &[(&str, &str)]) -> Result<AnyConnectOptions, StoreError> {
        let mut url = self.url.0.clone();
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
        let mut probe = connect(&options).await?;
        check(&mut probe, schema, wanted).await?;
        probe.close().await?;
        let pool = AnyPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .after_release(|connection, _| Box::pin(crate::db::left_clean(connection)))
            .connect_lazy_with(options);
        // Each statement sees what was committed before it; races are decided by constraints, by conditional updates
        // and by locks on rows, all of which look again after they waited (PostgreSQL manual, 13.2.1).
        Ok(Self::new(pool.clone(), pool, "BEGIN ISOLATION LEVEL READ COMMITTED"))
    }
}

/// Brings a schema up to date as its owner. `service` is the role that works with its tables; from it the right to
/// change the record of migrations is taken.
pub async fn migrate(login: &PostgresLogin, schema: &str, service: &str, wanted: &Migrator) -> Result<(), StoreError> {
    sqlx::any::install_default_drivers();
    let mut owner = connect(&login.options(schema, &[])?).await?;
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
    connect(&login.options("public", &[])?).await
}

/// One connection that only reads.
pub async fn reader(login: &PostgresLogin, schema: &str) -> Result<AnyConnection, StoreError> {
    sqlx::any::install_default_drivers();
    connect(&login.options(schema, &[("default_transaction_read_only", "on")])?).await
}

/// Waits for a server that is just starting; any other refusal is final.
async fn connect(options: &AnyConnectOptions) -> Result<AnyConnection, StoreError> {
    let until = Instant::now() + START_WAIT;
    loop {
        let error = match tokio::time::timeout(ACQUIRE_TIMEOUT, AnyConnection::connect_with(options)).await {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) => error,
            Err(_) => sqlx::Error::PoolTimedOut,
        };
        let starting = matches!(&error, sqlx::Error::Database(said) if said.is_transient_in_connect_phase());
        let away = starting || matches!(error, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut);
        if !away || Instant::now() > until {
            return Err(error.into());
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
    fn urls_without_names_and_with_tls_are_taken() {
        for good in [
            "postgres:///tornado?host=/var/run/postgresql",
            "postgres://127.0.0.1:5433/tornado",
            "postgres://[::1]/tornado",
            "postgresql://localhost/tornado?sslmode=disable",
            "postgres://db.example.org/tornado?sslmode=verify-full&sslrootcert=/etc/tornado/ca.pem",
        ] {
            assert!(good.parse::<PostgresUrl>().is_ok(), "{good}");
        }
        for (bad, why) in [
            ("mysql://db/x", PostgresUrlError::Malformed("its scheme is mysql".into())),
            ("postgres://db.example.org", PostgresUrlError::Malformed("it names no database".into())),
            ("postgres:///tornado", PostgresUrlError::Malformed("it names no host".into())),
            ("postgres://me@localhost/x", PostgresUrlError::Credentials),
            ("postgres://localhost/x?password=y", PostgresUrlError::Credentials),
            ("postgres://db.example.org/x", PostgresUrlError::Clear),
            ("postgres://db.example.org/x?sslmode=require", PostgresUrlError::Clear),
            ("postgres:///x?host=db.example.org", PostgresUrlError::Clear),
            ("postgres://localhost/x?optoins=1", PostgresUrlError::Parameter("optoins".into())),
        ] {
            assert_eq!(bad.parse::<PostgresUrl>().unwrap_err(), why, "{bad}");
        }
    }

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
