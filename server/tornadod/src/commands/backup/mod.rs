//! `tornadod backup` and `tornadod restore`

mod collect;
mod database;
mod elsewhere;
mod known;
mod place;
mod restore;
mod review;
mod swap;

pub(super) use database::{ask as ask_database, snapshot as snapshot_database};
pub(super) use place::owner_of;
#[cfg(feature = "fuzzing")]
pub use place::target;
pub(super) use restore::require_stopped;
pub use restore::restore;
pub(super) use swap::sync_parent;

use super::machine;
use super::password;
use super::say_json;
use crate::config::Config;
use crate::failure::Failure;
use crate::output::{bytes, say};
use anyhow::{Context as _, anyhow, bail};
use collect::Skipped;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tornado_backup::{Cost, EntryPath, Manifest, Profile};
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::{Owner, claim};
use tornado_shared::model::Secret;

/// Names of entries outside the services' directories.
const CONFIG: &str = "config/tornado.toml";
const CERTIFICATE: &str = "tls/certificate.pem";
const CERTIFICATE_KEY: &str = "tls/key.pem";
/// The pools that were chosen for this server; the leases in the backup are addresses of them.
const POOLS: &str = "config/pools.toml";
/// The file without which a server cannot be restored.
const IDENTITY: &str = "state/auth/keys/identity.json";
/// Password files of the profile `cluster`, below `secrets/`.
const SECRETS: [&str; 4] = ["owner.postgres", "auth.postgres", "session.postgres", "session.redis"];
/// Maximum number of skipped files that are printed.
const MOST_NAMED: usize = 20;

/// The output with `--json`.
#[derive(serde::Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    manifest: &'a Manifest,
    skipped: &'a [Skipped],
}

/// Writes a backup while the server runs.
pub fn backup(config: &Config, config_path: &Path, args: &machine::Backup) -> Result<(), Failure> {
    must_be_root("back up")?;
    if args.file.exists() {
        return Err(Failure::usage(format!("{} already exists; choose another name", args.file.display())));
    }
    if !config.paths.state.join(ServiceName::Auth.as_str()).is_dir() {
        let why = format!("{} has no state; start the server at least once", config.paths.state.display());
        return Err(Failure::failed(why));
    }
    let passphrase = if args.unsealed { None } else { Some(password::passphrase(args.passphrase_stdin, true)?) };
    let (manifest, skipped) = written(config, config_path, &args.file, passphrase.as_ref())?;
    let missed = skipped.iter().filter(|skipped| skipped.is_missed).count();
    let outcome = if missed == 0 {
        Ok(())
    } else {
        let hint = "see `tornadod doctor`; a service that creates links or other files there may be compromised";
        Err(Failure::failed(format!("the backup was written without {missed} of the server's files; {hint}")))
    };
    if args.json {
        return say_json(&Report { manifest: &manifest, skipped: &skipped }).and(outcome);
    }
    let total = manifest.files.iter().map(|entry| entry.size).sum();
    say(&format!("Saved {} files, {}, to {}", manifest.files.len(), bytes(total), args.file.display()));
    for Skipped { path, why, .. } in skipped.iter().take(MOST_NAMED) {
        say(&format!("Left out: {path}: {why}"));
    }
    if let Some(more) = skipped.len().checked_sub(MOST_NAMED).filter(|more| *more > 0) {
        say(&format!("Left out: {more} more; --json lists them"));
    }
    if args.unsealed {
        say("The backup is not encrypted: anyone with this file can impersonate the server to its devices.");
    }
    if manifest.profile == Profile::Cluster {
        say(
            "The profile is cluster: accounts and sessions are in PostgreSQL. Save them with pg_dump right after this.",
        );
    }
    outcome
}

fn written(
    config: &Config,
    config_path: &Path,
    file: &Path,
    passphrase: Option<&Secret>,
) -> Result<(Manifest, Vec<Skipped>), anyhow::Error> {
    let staging = Staging::new(&config.paths.state, ".backup", "backup")?;
    let profile = if config.store.url.is_some() { Profile::Cluster } else { Profile::Embedded };
    let manifest = Manifest::new(tornado_runtime::clock::unix_now(), env!("CARGO_PKG_VERSION"), profile);
    let collected = collect::collect(config, config_path, &staging.path)?;
    if !collected.sources.iter().any(|source| source.path.as_str() == IDENTITY) {
        bail!("cannot save {IDENTITY}, without which a server cannot be restored; see `tornadod doctor`");
    }
    let sources = collected.sources;
    let written = new_file(file, |to| {
        let passphrase = passphrase.map(|passphrase| (passphrase, Cost::default()));
        let (mut to, manifest) = tornado_backup::write(BufWriter::new(to), manifest, &sources, passphrase)
            // The error text already contains its source.
            .map_err(|error| anyhow!("{error}"))?;
        to.flush()?;
        to.get_ref().sync_all()?;
        Ok(manifest)
    });
    let manifest = written.with_context(|| format!("cannot write {}", file.display()))?;
    Ok((manifest, collected.skipped))
}

/// Creates a file that only root can read, under a name that is not in use. Removes it if `fill` fails. Does not use a
/// hard link, because some file systems of portable disks do not support links.
fn new_file<T>(path: &Path, fill: impl FnOnce(File) -> anyhow::Result<T>) -> anyhow::Result<T> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    let done = fill(file).and_then(|filled| sync_parent(path).map(|()| filled));
    if done.is_err() {
        drop(std::fs::remove_file(path));
    }
    done
}

/// A directory for copies, each as private as its original. Its lock allows one command at a time. Services pass
/// through it to the directories in which their databases are copied.
pub(super) struct Staging {
    pub(super) path: PathBuf,
    _lock: Flock<File>,
}

impl Staging {
    /// Creates the directory `name` for a `command`.
    pub(super) fn new(state: &Path, name: &str, command: &str) -> anyhow::Result<Self> {
        let path = state.join(name);
        let failed = || format!("cannot use {}", path.display());
        claim(&path, Owner { uid: 0, gid: 0 }, 0o711).with_context(failed)?;
        let directory = File::open(&path).with_context(failed)?;
        let Ok(lock) = Flock::lock(directory, FlockArg::LockExclusiveNonblock) else {
            bail!("another {command} is running");
        };
        // Leftovers of a command that was killed.
        for entry in std::fs::read_dir(&path).with_context(failed)? {
            let entry = entry?;
            let is_directory = entry.file_type().with_context(failed)?.is_dir();
            let remove = if is_directory { std::fs::remove_dir_all } else { std::fs::remove_file };
            remove(entry.path()).with_context(failed)?;
        }
        Ok(Self { path, _lock: lock })
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // A failure here does not matter: the next command cleans up as well.
        drop(std::fs::remove_dir_all(&self.path));
    }
}

pub(super) fn must_be_root(doing: &str) -> Result<(), Failure> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    Err(Failure::usage(format!("only root can {doing} a server; use sudo")))
}

fn entry_path(text: String) -> anyhow::Result<EntryPath> {
    EntryPath::try_from(text.clone()).with_context(|| format!("cannot save a file with the name {text}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_backup_is_whole_or_not_there_and_takes_no_name_of_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.backup");
        let write = |path: &Path, text: &str| new_file(path, |mut file| Ok(file.write_all(text.as_bytes())?));
        write(&path, "1").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write(&path, "2").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "1");
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(dir.path().join("elsewhere"), &link).unwrap();
        assert!(write(&link, "3").is_err() && !dir.path().join("elsewhere").exists());
        let failing = dir.path().join("b.backup");
        assert!(new_file::<()>(&failing, |mut file| Ok(file.write_all(b"4")?).and_then(|()| bail!("full"))).is_err());
        assert!(!failing.exists());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "no other file was created");
    }
}
