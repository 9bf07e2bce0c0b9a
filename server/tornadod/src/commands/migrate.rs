//! `tornadod migrate`: updates the tables, returns to those of the former version, or moves the state of a stopped
//! server from one profile to the other.
//!
//! Only the databases move. Keys, the signature over the newest audit row, the lanes' keys and the desired states are
//! files of this machine in both profiles and stay in place. The next heartbeats rebuild the content of Redis.

use super::args::Format;
use super::backup::{Staging, ask_database, must_be_root, owner_of, require_stopped, snapshot_database};
use super::{blocking, show};
use crate::cli::Migrate;
use crate::cluster;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{say, table};
use anyhow::Context as _;
use serde::Serialize;
use std::fs::File;
use std::os::unix::fs::lchown;
use std::path::{Path, PathBuf};
use tornado_contracts::ServiceName;
use tornado_runtime::clock::unix_now;
use tornado_runtime::files::{beside, sync_directory};
use tornado_store::identity::SqlIdentityStore;
use tornado_store::sessions::SqlSessions;
use tornado_store::{KnownSchema, Moved, SqliteFiles, TransferError};

/// The result of a move.
#[derive(Serialize)]
struct Report {
    tables: Vec<Row>,
    rows: u64,
    /// Current paths of the embedded databases.
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Row {
    table: String,
    rows: u64,
}

/// Paths of both databases of an embedded server.
struct Embedded {
    identity: PathBuf,
    sessions: PathBuf,
}

impl Embedded {
    /// The databases in a state directory.
    fn of(state: &Path) -> Self {
        Self { identity: state.join("auth/identity.db"), sessions: state.join("session/session.db") }
    }

    /// Both databases in one directory.
    fn within(directory: &Path) -> Self {
        Self { identity: directory.join("identity.db"), sessions: directory.join("session.db") }
    }

    fn files(&self) -> SqliteFiles<'_> {
        SqliteFiles { identity: &self.identity, sessions: &self.sessions }
    }

    /// Each database with the service that owns it.
    fn each(&self) -> [(&Path, ServiceName); 2] {
        [(&self.identity, ServiceName::Auth), (&self.sessions, ServiceName::Session)]
    }
}

/// `tornadod migrate …`
pub fn run(command: Migrate, config: &Config) -> Result<(), Failure> {
    match command {
        Migrate::Schema => schema(config),
        Migrate::Undo(Format { json }) => undo(config, json),
        Migrate::ToCluster(Format { json }) => to_cluster(config, json),
        Migrate::ToEmbedded(Format { json }) => to_embedded(config, json),
    }
}

fn schema(config: &Config) -> Result<(), Failure> {
    if config.store.url.is_none() && config.live.url.is_none() {
        return Err(Failure::usage("the profile is embedded: services migrate their files when they start"));
    }
    let owner = cluster::owner(config)?;
    let copies = blocking(async {
        let auth = SqlIdentityStore::migrate_postgres(&owner).await.context("cannot migrate the tables of auth")?;
        let session = SqlSessions::migrate_postgres(&owner).await.context("cannot migrate the tables of session")?;
        anyhow::Ok([auth, session])
    })??;
    for copy in copies.iter().flatten() {
        say(&format!(
            "Copied the former tables to schema {copy}; `tornadod migrate undo` of the former version uses it."
        ));
    }
    say("The tables of auth and session are up to date.");
    Ok(())
}

/// A database that was replaced by its copy.
#[derive(Serialize)]
struct Undone {
    /// Path of the file, or name of the schema.
    database: String,
    /// Where the newer database is now; absent in PostgreSQL.
    kept: Option<PathBuf>,
}

fn undo(config: &Config, json: bool) -> Result<(), Failure> {
    must_be_root("undo a migration of")?;
    let undone = if config.store.url.is_some() || config.live.url.is_some() {
        let owner = cluster::owner(config)?;
        let _lock = require_stopped(&config.paths.run)?;
        let schemas = blocking(tornado_store::undo_postgres(&owner))?.map_err(failed)?;
        schemas.iter().map(|schema| Undone { database: format!("schema {schema}"), kept: None }).collect()
    } else {
        let _lock = require_stopped(&config.paths.run)?;
        undo_files(&Embedded::of(&config.paths.state))?
    };
    show(json, &undone, |undone: &Vec<Undone>| {
        for Undone { database, kept } in undone {
            say(&format!("{database} is the copy from before its migration."));
            if let Some(kept) = kept {
                say(&format!("The newer database is in {}; remove it when you no longer need it.", kept.display()));
            }
        }
        say(match undone.is_empty() {
            true => "No database has a newer schema; nothing was changed.",
            false => "Start the server: `systemctl start tornado`. Devices that logged in since must do so again.",
        });
    })
}

/// Finds all copies before the first file is renamed, so that both databases are replaced or neither.
fn undo_files(here: &Embedded) -> Result<Vec<Undone>, Failure> {
    let schemas = [KnownSchema::Identity, KnownSchema::Sessions];
    let mut found = Vec::new();
    for ((path, service), schema) in here.each().into_iter().zip(schemas) {
        if path.exists()
            && let Some(copy) = ask_database(service, || tornado_store::former_sqlite(path, schema))?
        {
            let unusable = |why: &str| {
                let copy = copy.display();
                Failure::refused(format!("the copy {copy} is damaged ({why}); nothing was changed; restore a backup"))
            };
            match ask_database(service, || tornado_store::check_sqlite(&copy)) {
                Ok(wrong) if wrong.is_empty() => {}
                Ok(wrong) => return Err(unusable(&wrong.join("; "))),
                Err(error) => return Err(unusable(&format!("{error:#}"))),
            }
            found.push((path, copy));
        }
    }
    let mut undone = Vec::new();
    for (path, copy) in found {
        let kept = beside(path, &format!("undone-{}", unix_now()));
        let keep = |from: &Path, to: &Path| {
            std::fs::hard_link(from, to)
                .with_context(|| format!("cannot keep {} as {}; nothing was changed", from.display(), to.display()))
        };
        // The database has its name all the time: after a crash in between, a server that found none would create an
        // empty one.
        let logs = ["-wal", "-shm"].map(|end| (with_end(path, end), with_end(&kept, end)));
        let logs: Vec<_> = logs.into_iter().filter(|(log, _)| log.exists()).collect();
        keep(path, &kept)?;
        for (log, kept) in &logs {
            keep(log, kept)?;
        }
        // The log of the newer database must not be applied to the copy.
        for (log, _) in &logs {
            std::fs::remove_file(log).with_context(|| format!("cannot remove {}", log.display()))?;
        }
        std::fs::rename(&copy, path)
            .with_context(|| format!("cannot rename {} to {}", copy.display(), path.display()))?;
        sync_directory(path.parent().context("the path has no parent directory")?).context("cannot sync it")?;
        undone.push(Undone { database: path.display().to_string(), kept: Some(kept) });
    }
    Ok(undone)
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Moves the databases from the files of this machine to PostgreSQL.
fn to_cluster(config: &Config, json: bool) -> Result<(), Failure> {
    must_be_root("move")?;
    let owner = cluster::owner(config)?;
    let _lock = require_stopped(&config.paths.run)?;
    let here = Embedded::of(&config.paths.state);
    for (path, _) in here.each() {
        if !path.exists() {
            let hint = "a server that never ran in the profile embedded needs only `tornadod migrate schema`";
            return Err(Failure::refused(format!("{} does not exist; {hint}", path.display())));
        }
    }
    let staging = Staging::new(&config.paths.state, ".migrate", "move")?;
    let copies = Embedded::within(&staging.path);
    // Work on copies, so that the files stay intact in any case.
    for (to, service) in copies.each() {
        let name = to.file_name().and_then(|name| name.to_str()).context("a database has no name")?;
        snapshot_database(&config.paths.state, service, name, to)?;
    }
    let moved = blocking(tornado_store::to_postgres(copies.files(), &owner))?.map_err(failed)?;
    // PostgreSQL has the state from here on. Files with their old names would look like a state in use.
    let now = unix_now();
    let mut kept = Vec::new();
    for (path, _) in here.each() {
        let to = beside(path, &format!("moved-{now}"));
        std::fs::rename(path, &to)
            .with_context(|| format!("the state was moved to PostgreSQL, but {} cannot be renamed", path.display()))?;
        kept.push(to);
    }
    tell(moved, kept, json)?;
    if !json {
        say("The state is now in PostgreSQL. The files above are the former databases and no longer used.");
        say("Start the server: `systemctl start tornado`. Devices reconnect automatically.");
    }
    Ok(())
}

/// Moves the databases from PostgreSQL to files on this machine.
fn to_embedded(config: &Config, json: bool) -> Result<(), Failure> {
    must_be_root("move")?;
    let owner = cluster::owner(config)?;
    let _lock = require_stopped(&config.paths.run)?;
    let here = Embedded::of(&config.paths.state);
    for (path, service) in here.each() {
        if path.exists() {
            let why = format!("the target is not empty: {} exists; move it away", path.display());
            return Err(Failure::refused(why));
        }
        owner_of(service)?;
    }
    if !config.paths.state.join("auth/keys").is_dir() {
        let hint = "each gateway keeps them in files; restore them with `tornadod restore` first";
        return Err(Failure::refused(format!("this machine does not have the server's keys; {hint}")));
    }
    let staging = Staging::new(&config.paths.state, ".migrate", "move")?;
    let made = Embedded::within(&staging.path);
    let moved = blocking(tornado_store::to_sqlite(&owner, made.files(), &config.session.node_id))?.map_err(failed)?;
    for (path, service) in made.each() {
        let owner = owner_of(service)?;
        lchown(path, Some(owner.uid), Some(owner.gid))
            .and_then(|()| File::open(path)?.sync_all())
            .with_context(|| format!("cannot finish {}", path.display()))?;
    }
    place(&made, &here)?;
    let files = here.each().map(|(path, _)| path.to_owned()).to_vec();
    tell(moved, files, json)?;
    if !json {
        say("The rows in PostgreSQL are unchanged; drop the database when you no longer need it.");
        say("Remove both URLs ([store] and [live]) from the configuration, then run `systemctl start tornado`.");
        say("Until you remove them, the server continues to use PostgreSQL and these files become outdated.");
    }
    Ok(())
}

/// Puts both files in place, or neither.
fn place(made: &Embedded, here: &Embedded) -> anyhow::Result<()> {
    let mut placed: Vec<&Path> = Vec::new();
    for ((from, _), (to, _)) in made.each().into_iter().zip(here.each()) {
        // `link` fails if the name was taken in between; `rename` would replace that file.
        if let Err(error) = std::fs::hard_link(from, to) {
            for path in placed {
                drop(std::fs::remove_file(path));
            }
            return Err(error).with_context(|| format!("cannot create {}; nothing was changed", to.display()));
        }
        placed.push(to);
    }
    for (path, _) in here.each() {
        let directory = path.parent().context("the path has no parent directory")?;
        sync_directory(directory).context("cannot sync the directory")?;
    }
    Ok(())
}

fn failed(error: TransferError) -> Failure {
    let refused = match &error {
        TransferError::NotEmpty(_) => Some("nothing was changed; `psql` shows what is there"),
        TransferError::Exists(_) | TransferError::InUse(_) | TransferError::OtherGateway(_) => {
            Some("nothing was changed")
        }
        TransferError::Store(_) | TransferError::Differs { .. } | TransferError::Column(_) => None,
    };
    match refused {
        Some(hint) => Failure::refused(format!("{error}; {hint}")),
        None => Failure::failed(format!("{error}; nothing was changed")),
    }
}

fn tell(moved: Vec<Moved>, files: Vec<PathBuf>, json: bool) -> Result<(), Failure> {
    let rows = moved.iter().map(|moved| moved.rows).sum();
    let tables = moved.into_iter().map(|moved| Row { table: moved.table, rows: moved.rows }).collect();
    show(json, &Report { tables, rows, files }, |report| {
        table(["TABLE", "ROWS"], report.tables.iter().map(|row| [row.table.clone(), row.rows.to_string()]));
        say(&format!("Moved {rows} rows, read them back and compared them."));
        report.files.iter().for_each(|file| say(&file.display().to_string()));
    })
}
