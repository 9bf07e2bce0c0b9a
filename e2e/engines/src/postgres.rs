//! A PostgreSQL server.

use crate::EngineError;
use crate::child::{Server, as_user, run};
use crate::engine::Engine;
use crate::place::Place;
use parking_lot::Mutex;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};

/// User of the server, which refuses to run as root.
const USER: &str = "postgres";
/// Debian's installation directory, with a directory for each major version.
const VERSIONS: &str = "/usr/lib/postgresql";
/// Test data need not survive a crash of the machine, so there is no fsync. Committed data survive `kill -9`.
const QUICK: [&str; 7] = [
    "fsync=off",
    "full_page_writes=off",
    "shared_buffers=32MB",
    "max_connections=200",
    "autovacuum=off",
    "unix_socket_permissions=0777",
    "log_min_messages=warning",
];

/// Options of a server besides its Unix socket.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Text of `pg_hba.conf`. `None`: every user may log in as any role without a password.
    pub hba: Option<String>,
    /// Certificate and key in PEM, to listen on 127.0.0.1 with TLS as well.
    pub tls: Option<(String, String)>,
}

/// A running PostgreSQL server with a new data directory. Its superuser is `postgres`.
#[derive(Debug)]
pub struct Postgres {
    engine: Engine,
    port: u16,
    databases: AtomicU32,
}

impl Deref for Postgres {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

impl Postgres {
    /// The shared server of this process. It ends with the last reference.
    ///
    /// # Errors
    /// The server does not start.
    pub fn shared() -> Result<Arc<Self>, EngineError> {
        static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock();
        if let Some(server) = shared.upgrade() {
            return Ok(server);
        }
        let server = Arc::new(Self::start(&PostgresOptions::default())?);
        *shared = Arc::downgrade(&server);
        Ok(server)
    }

    /// Starts a separate server.
    ///
    /// # Errors
    /// The server does not start.
    pub fn start(options: &PostgresOptions) -> Result<Self, EngineError> {
        let template = template()?;
        let place = Place::new()?;
        let data = place.path().join("data");
        let mut copy = Command::new("cp");
        copy.args(["--archive", "--reflink=auto"]).arg(&template).arg(&data);
        run(copy, "")?;
        let port = if options.tls.is_some() { free_port()? } else { 5432 };
        let mut words = vec!["-D".to_owned(), data.display().to_string()];
        let mut set = |setting: String| words.extend(["-c".to_owned(), setting]);
        QUICK.iter().for_each(|setting| set((*setting).to_owned()));
        set(format!("unix_socket_directories={}", place.path().display()));
        set(format!("port={port}"));
        match &options.tls {
            Some((certificate, key)) => {
                owned_file(&data.join("server.crt"), certificate)?;
                owned_file(&data.join("server.key"), key)?;
                set("listen_addresses=127.0.0.1".into());
                set("ssl=on".into());
            }
            None => set("listen_addresses=".into()),
        }
        if let Some(hba) = &options.hba {
            owned_file(&data.join("pg_hba.conf"), hba)?;
        }
        let chown = format!("{USER}:{USER}");
        if nix::unistd::geteuid().is_root() {
            // The server creates the socket and its lock file in this directory.
            let mut command = Command::new("chown");
            command.arg(&chown).arg(place.path());
            run(command, "")?;
        }
        let engine = Engine::start(place, move |place| Self::launch(&words, place.path(), port))?;
        Ok(Self { engine, port, databases: AtomicU32::new(0) })
    }

    /// Creates an empty database. Returns its URL.
    ///
    /// # Errors
    /// The server rejects the statement.
    pub fn database(&self) -> Result<String, EngineError> {
        let name = format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name}"))?;
        Ok(self.url(&name))
    }

    /// Copies a database that is not in use, with its tables, rows and rights. Returns the URL of the copy.
    ///
    /// # Errors
    /// The server rejects the statement.
    pub fn copy(&self, of: &str) -> Result<String, EngineError> {
        let name = format!("copy_{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE {of}"))?;
        Ok(self.url(&name))
    }

    /// URL of a database over the Unix socket, without a user.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&port={}", self.engine.place.path().display(), self.port)
    }

    /// TCP port on 127.0.0.1 if the server has TLS.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Runs SQL as the superuser. Returns the unaligned output.
    ///
    /// # Errors
    /// psql(1) fails, or the server rejects the statement.
    pub fn sql(&self, database: &str, sql: &str) -> Result<String, EngineError> {
        self.sql_as(USER, database, sql)
    }

    /// Runs SQL as any role that needs no password.
    ///
    /// # Errors
    /// psql(1) fails, or the server rejects the statement.
    pub fn sql_as(&self, role: &str, database: &str, sql: &str) -> Result<String, EngineError> {
        self.sql_with(role, "", database, sql)
    }

    /// Runs SQL as any role with a password.
    ///
    /// # Errors
    /// psql(1) fails, or the server rejects the statement.
    pub fn sql_with(&self, role: &str, password: &str, database: &str, sql: &str) -> Result<String, EngineError> {
        let mut command = Command::new("psql");
        command.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set", "ON_ERROR_STOP=1"]);
        command.arg("--host").arg(self.engine.place.path()).args(["--port", &self.port.to_string()]);
        command.env("PGPASSWORD", password).arg("--no-password");
        command.args(["--username", role, "--dbname", database, "--file", "-"]);
        run(command, sql)
    }

    /// Dumps a database with `pg_dump`: SQL that replaces the database of that name, with owner and rights.
    ///
    /// # Errors
    /// pg_dump(1) fails.
    pub fn dump(&self, database: &str) -> Result<String, EngineError> {
        let mut command = Command::new(programs()?.join("pg_dump"));
        command.args(["--create", "--clean", "--if-exists", "--no-password", "--username", USER]);
        command.arg("--host").arg(self.engine.place.path()).args(["--port", &self.port.to_string(), database]);
        run(command, "")
    }

    fn launch(words: &[String], place: &Path, port: u16) -> Result<Server, EngineError> {
        let bin = programs()?;
        let log = place.join("log");
        let mut server = Server::start(Some(USER), &bin.join("postgres"), words, &log)?;
        server.wait(&log, || {
            let mut ask = Command::new(bin.join("pg_isready"));
            ask.arg("--quiet").arg("--host").arg(place).args(["--port", &port.to_string()]);
            run(ask, "").is_ok()
        })?;
        Ok(server)
    }
}

/// The programs of the newest installed version.
fn programs() -> Result<PathBuf, EngineError> {
    let versions = std::fs::read_dir(VERSIONS).map_err(|_| EngineError::Missing("postgresql"))?;
    let numbers = versions.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let with_server = |version: &u32| Path::new(VERSIONS).join(version.to_string()).join("bin/postgres").exists();
    let newest = numbers.filter(with_server).max().ok_or(EngineError::Missing("postgresql"))?;
    Ok(Path::new(VERSIONS).join(newest.to_string()).join("bin"))
}

/// A template of a new data directory, created once on a machine: creating it takes a second, copying it a tenth of
/// that.
fn template() -> Result<PathBuf, EngineError> {
    let bin = programs()?;
    let version = bin.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let user = nix::unistd::geteuid();
    let path = std::env::temp_dir().join(format!("tornado-postgres-template-{version}-{user}"));
    if path.join("PG_VERSION").exists() {
        return Ok(path);
    }
    let place = Place::new()?;
    let fresh = place.path().join("data");
    if user.is_root() {
        let mut command = Command::new("chown");
        command.arg(format!("{USER}:{USER}")).arg(place.path());
        run(command, "")?;
    }
    let mut command = as_user(Some(USER), &bin.join("initdb"), &[]);
    command.arg("-D").arg(&fresh).args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"]);
    command.args(["--no-sync", "--no-instructions", "--wal-segsize", "1"]);
    run(command, "")?;
    // Fails if another process was faster, whose template is equivalent.
    drop(std::fs::rename(&fresh, &path));
    Ok(path)
}

/// Writes a file that only the server can read.
fn owned_file(path: &Path, text: &str) -> Result<(), EngineError> {
    use std::os::unix::fs::PermissionsExt as _;
    let failed = |source| EngineError::File { what: "write", path: path.into(), source };
    std::fs::write(path, text).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    if nix::unistd::geteuid().is_root() {
        let mut command = Command::new("chown");
        command.arg(format!("{USER}:{USER}")).arg(path);
        run(command, "")?;
    }
    Ok(())
}

pub(crate) fn free_port() -> Result<u16, EngineError> {
    let failed = |source| EngineError::Process { what: "cannot find a free port".into(), source };
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
    Ok(listener.local_addr().map_err(failed)?.port())
}
