//! `tornadod migrate to-cluster|to-embedded`: the state of a server that does not run, from one profile to the other.
//!
//! Only the databases move. Keys, the signed word about the newest audit row, lanes' keys and wishes are files of this
//! machine in both profiles and stay where they are; what is in Redis is rebuilt by the next heartbeats.

use super::backup::{beside, must_be_root, nobody_runs, owner_of, snapshot_database};
use super::{blocking, say_json, unix_now};
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
use tornado_runtime::beneath::{Owner, claim};
use tornado_store::{Moved, SqliteFiles, TransferError};

/// What was moved.
#[derive(Serialize)]
struct Report {
    tables: Vec<Row>,
    rows: u64,
    /// Where the embedded databases are now.
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Row {
    table: String,
    rows: u64,
}

/// Both databases of an embedded server.
struct Embedded {
    identity: PathBuf,
    sessions: PathBuf,
}

impl Embedded {
    /// In a state directory.
    fn of(state: &Path) -> Self {
        Self { identity: state.join("auth/identity.db"), sessions: state.join("session/session.db") }
    }

    /// Side by side in one directory.
    fn within(directory: &Path) -> Self {
        Self { identity: directory.join("identity.db"), sessions: directory.join("session.db") }
    }

    fn files(&self) -> SqliteFiles<'_> {
        SqliteFiles { identity: &self.identity, sessions: &self.sessions }
    }

    /// Each with the service it belongs to.
    fn each(&self) -> [(&Path, ServiceName); 2] {
        [(&self.identity, ServiceName::Auth), (&self.sessions, ServiceName::Session)]
    }
}

/// Fills PostgreSQL with what is in the files of this machine.
pub fn to_cluster(config: &Config, json: bool) -> Result<(), Failure> {
    must_be_root("move")?;
    let owner = cluster::owner(config)?;
    let _lock = nobody_runs(&config.paths.run)?;
    let here = Embedded::of(&config.paths.state);
    for (path, _) in here.each() {
        if !path.exists() {
            let hint = "a server that never ran in the profile embedded needs `tornadod migrate schema` only";
            return Err(Failure::refused(format!("there is no {}; {hint}", path.display())));
        }
    }
    let staging = Staging::new(&config.paths.state)?;
    let copies = Embedded::within(&staging.0);
    // Copies: whatever happens, the files stay as they are.
    for (to, service) in copies.each() {
        let name = to.file_name().and_then(|name| name.to_str()).context("a database without a name")?;
        snapshot_database(&config.paths.state, service, name, to)?;
    }
    let moved = blocking(tornado_store::to_postgres(copies.files(), &owner))?.map_err(failed)?;
    // From here on PostgreSQL has it. Files that kept their names would look like a state in use.
    let now = unix_now();
    let mut kept = Vec::new();
    for (path, _) in here.each() {
        let to = beside(path, &format!("moved-{now}"));
        std::fs::rename(path, &to).with_context(|| format!("all is moved, but {} is still there", path.display()))?;
        kept.push(to);
    }
    tell(moved, kept, json)?;
    if !json {
        say("PostgreSQL has it all; the files above are what was here, and are not used any more.");
        say("Start the server: `systemctl start tornado`. Devices go on by themselves.");
    }
    Ok(())
}

/// Fills files on this machine with what is in PostgreSQL.
pub fn to_embedded(config: &Config, json: bool) -> Result<(), Failure> {
    must_be_root("move")?;
    let owner = cluster::owner(config)?;
    let _lock = nobody_runs(&config.paths.run)?;
    let here = Embedded::of(&config.paths.state);
    for (path, service) in here.each() {
        if path.exists() {
            let why = format!("the target is not empty: there is {}; move it away", path.display());
            return Err(Failure::refused(why));
        }
        owner_of(service)?;
    }
    if !config.paths.state.join("auth/keys").is_dir() {
        let hint = "they are files of each gateway; restore them with `tornadod restore` first";
        return Err(Failure::refused(format!("this machine has no keys of the server; {hint}")));
    }
    let staging = Staging::new(&config.paths.state)?;
    let made = Embedded::within(&staging.0);
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
        say("The rows in PostgreSQL stay as they are; drop its database when you no longer need it.");
        say("Take both URLs ([store] and [live]) out of the configuration, then `systemctl start tornado`.");
        say("Until they are out, the server goes on with PostgreSQL and these files grow old.");
    }
    Ok(())
}

/// Puts both in place, or none.
fn place(made: &Embedded, here: &Embedded) -> anyhow::Result<()> {
    let mut placed: Vec<&Path> = Vec::new();
    for ((from, _), (to, _)) in made.each().into_iter().zip(here.each()) {
        // `link` fails when the name was taken meanwhile, where `rename` would replace the file.
        if let Err(error) = std::fs::hard_link(from, to) {
            for path in placed {
                drop(std::fs::remove_file(path));
            }
            return Err(error).with_context(|| format!("cannot make {}; nothing was changed", to.display()));
        }
        placed.push(to);
    }
    for (path, _) in here.each() {
        let directory = path.parent().context("it has no parent directory")?;
        File::open(directory).and_then(|directory| directory.sync_all()).context("cannot flush the directory")?;
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
    let report = Report { tables, rows, files };
    if json {
        return say_json(&report);
    }
    let mut lines = vec![vec!["TABLE".to_owned(), "ROWS".to_owned()]];
    lines.extend(report.tables.iter().map(|row| vec![row.table.clone(), row.rows.to_string()]));
    table(&lines);
    say(&format!("{rows} rows were moved, read back and compared."));
    for file in &report.files {
        say(&file.display().to_string());
    }
    Ok(())
}

/// A directory for copies, each as private as what it is a copy of.
struct Staging(PathBuf);

impl Staging {
    fn new(state: &Path) -> anyhow::Result<Self> {
        let path = state.join(".migrate");
        let failed = || format!("cannot use {}", path.display());
        // What a killed move left; the supervisor's lock says that no other one runs.
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error).with_context(failed),
            Ok(()) | Err(_) => {}
        }
        // Services pass through it to the rooms in which their databases are copied.
        claim(&path, Owner { uid: 0, gid: 0 }, 0o711).with_context(failed)?;
        Ok(Self(path))
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // Nothing in it is worth a failure; the next move clears it as well.
        drop(std::fs::remove_dir_all(&self.0));
    }
}
