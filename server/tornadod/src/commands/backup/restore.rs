//! `tornadod restore`: reads and checks everything first, then puts it in place in one step.

use super::elsewhere::{Elsewhere, unpacked};
use super::place::{Place, is_empty, owner_of, place};
use super::{CONFIG, must_be_root, review, swap};
use crate::commands::{blocking, machine, password};
use crate::config::{Config, pools};
use crate::failure::Failure;
use crate::output::{is_terminal, say};
use anyhow::{Context as _, anyhow, bail};
use nix::fcntl::Flock;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufReader, Seek as _, Write};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, lchown};
use std::os::unix::net::UnixStream;
use std::path::Path;
use tornado_backup::{Archive, Entry, Error, Manifest, Profile};
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::Owner;
use tornado_runtime::clock::unix_now;
use tornado_runtime::files::{beside, optional, sync_directory};
use tornado_runtime::socket_path;
use tornado_shared::model::Secret;
use tornado_store::KnownSchema;

/// Maximum size of the configuration in bytes.
const MAX_CONFIG: u64 = 1024 * 1024;
/// How far the time of a backup may be in the future, in seconds, because clocks differ. `auth` accepts tokens that
/// were issued after that time, although its restored database does not know them.
const CLOCKS_APART: i64 = 300;

/// The archive, opened once, so that the checked file is the unpacked one even if its name changes.
struct Opened<'a> {
    path: &'a Path,
    file: File,
    /// `None`: the backup is not encrypted, and the operator passed `--unsealed`.
    passphrase: Option<Secret>,
}

impl<'a> Opened<'a> {
    fn new(args: &'a machine::Restore) -> Result<Self, Failure> {
        let path = &args.file;
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path);
        let file = opened.map_err(|error| cannot(path, &Error::Io(error)))?;
        if !file.metadata().map_err(|error| cannot(path, &Error::Io(error)))?.is_file() {
            return Err(Failure::usage(format!("{} is not a regular file", path.display())));
        }
        if args.unsealed {
            drop(Archive::open_unsealed(BufReader::new(&file)).map_err(|error| cannot(path, &error))?);
            return Ok(Self { path, file, passphrase: None });
        }
        let mut passphrase = None;
        let ask = || {
            let asked = password::passphrase(args.passphrase_stdin, false);
            let asked = asked.map_err(|failure| Error::Passphrase(failure.to_string()))?;
            passphrase = Some(asked.clone());
            Ok(asked)
        };
        drop(Archive::open(BufReader::new(&file), ask).map_err(|error| cannot(path, &error))?);
        Ok(Self { path, file, passphrase })
    }

    /// Opens the archive from its start.
    fn archive(&self) -> Result<Archive<BufReader<&File>>, Error> {
        (&self.file).rewind()?;
        let from = BufReader::new(&self.file);
        match &self.passphrase {
            Some(passphrase) => Archive::open(from, || Ok(passphrase.clone())),
            None => Archive::open_unsealed(from),
        }
    }
}

fn cannot(path: &Path, error: &Error) -> Failure {
    let text = format!("cannot restore {}: {error}", path.display());
    match error {
        Error::NotSealed => {
            Failure::refused(format!("{text}; if the file was always in your possession, add --unsealed"))
        }
        Error::Sealed => Failure::usage(format!("{text}; remove --unsealed")),
        Error::Io(_)
        | Error::NotABackup
        | Error::Version(_)
        | Error::Passphrase(_)
        | Error::Damaged(_)
        | Error::Checksum(_)
        | Error::Unsealing
        | Error::Path(_)
        | Error::Key(_)
        | Error::Changed(_) => Failure::failed(text),
    }
}

/// Restores a backup on a machine on which the server does not run.
pub fn restore(config_path: &Path, args: &machine::Restore) -> Result<(), Failure> {
    must_be_root("restore")?;
    let opened = Opened::new(args)?;
    let (manifest, saved) = look_through(&opened)?;
    if args.print_config {
        // If the output is a file, the text is written unchanged: unusual characters are visible in an editor.
        let text = saved.unwrap_or_default();
        say(if is_terminal() { review::printable(&text) } else { text }.trim_end());
        return Ok(());
    }
    if manifest.taken_at > unix_now() + CLOCKS_APART {
        let hint = "set the clock of this machine first";
        return Err(Failure::refused(format!(
            "the time of the backup is {} s in the future; {hint}",
            manifest.taken_at - unix_now()
        )));
    }
    let (config, keeps_own) = effective(config_path, saved.as_deref(), &args.file)?;
    let places = manifest.files.iter().map(|entry| place(entry.path.as_str(), &config));
    let places = places.collect::<anyhow::Result<Vec<_>>>()?;
    // If the state directory is a link, use its target.
    let state = std::fs::canonicalize(&config.paths.state).unwrap_or_else(|_| config.paths.state.clone());
    if swap::is_mount_point(&state).with_context(|| format!("cannot examine {}", state.display()))? {
        let cure = "set [paths] state to a directory below it, or unmount it, restore, and copy the files to it";
        let why = "a file system is mounted there, so the state cannot be replaced in one step";
        return Err(Failure::refused(format!("cannot restore into {}: {why}; {cure}", state.display())));
    }
    if !args.force && !is_empty(&state).with_context(|| format!("cannot read {}", state.display()))? {
        let hint = "to replace it, add --force; the former state is kept under another name";
        return Err(Failure::refused(format!("{} already contains a state; {hint}", state.display())));
    }
    let _lock = require_stopped(&config.paths.run)?;
    let new = beside(&state, "restoring");
    let written = (|| {
        drop(std::fs::remove_dir_all(&new));
        unpack(&opened, &manifest, &new, &places)?;
        prove(&new, &manifest)?;
        give(&new)?;
        Elsewhere::prepare(&new, &places, config_path, keeps_own, unix_now())
    })();
    let elsewhere = written.map_err(|error| {
        drop(std::fs::remove_dir_all(&new));
        Failure::failed(format!("{error:#}; nothing was changed"))
    })?;
    let kept = swap::swap(&new, &state, &beside(&state, &format!("before-{}", unix_now())))?;
    let finished = elsewhere.finish();
    tell(&manifest, &state, kept.as_deref(), finished.as_deref().unwrap_or_default());
    Ok(finished.map(drop)?)
}

/// Reads and checks the complete archive without changes. Returns the manifest and the configuration in it.
fn look_through(opened: &Opened<'_>) -> Result<(Manifest, Option<String>), Failure> {
    let wrong = |error: Error| cannot(opened.path, &error);
    let archive = opened.archive().map_err(wrong)?;
    let mut config = Vec::new();
    let has_config = archive.manifest().files.iter().any(|entry| entry.path.as_str() == CONFIG);
    let manifest = {
        let shared = std::cell::RefCell::new(&mut config);
        let keep = |entry: &Entry| -> io::Result<Kept<'_, '_>> {
            if entry.path.as_str() != CONFIG {
                return Ok(Kept(None));
            }
            if entry.size > MAX_CONFIG {
                return Err(io::Error::other("the configuration is too long"));
            }
            Ok(Kept(Some(&shared)))
        };
        archive.unpack(keep).map_err(wrong)?
    };
    let text =
        String::from_utf8(config).map_err(|_| Failure::failed("the configuration in the backup is not UTF-8"))?;
    Ok((manifest, has_config.then_some(text)))
}

/// A writer that keeps the bytes, or discards them if it is `None`.
struct Kept<'a, 'b>(Option<&'a std::cell::RefCell<&'b mut Vec<u8>>>);

impl Write for Kept<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(kept) = self.0 {
            kept.borrow_mut().extend_from_slice(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The configuration for the restore: this machine's own if it sets any key, else the defaults. Paths never come from
/// the backup. The configuration of the backup is put in place only if it sets no key that an operator must review. The
/// flag is true if the machine's own configuration stays.
fn effective(path: &Path, saved: Option<&str>, backup: &Path) -> Result<(Config, bool), Failure> {
    let own = optional(std::fs::read_to_string(path));
    let own = own.map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    let own = own.unwrap_or_default();
    let config = Config::parse(&own);
    let config = config.map_err(|why| Failure::usage(format!("in the configuration {}: {why}", path.display())))?;
    if toml::from_str::<toml::Table>(&own).is_ok_and(|table| !table.is_empty()) {
        return Ok((config, true));
    }
    let wrong =
        |why: String| Failure::usage(format!("in the configuration of the backup: {}", review::printable(&why)));
    let saved = saved.unwrap_or_default();
    let keys = review::to_read(saved).map_err(wrong)?;
    if !keys.is_empty() {
        let first = "these keys of the configuration in the backup set files, programs or hosts, and the configuration \
                     of this machine does not have them";
        let cure = format!(
            "print it with `tornadod restore {} --print-config`, review it, save it as {}, and restore again",
            backup.display(),
            path.display()
        );
        return Err(Failure::refused(format!("{first}:\n  {}\n{cure}", keys.join("\n  "))));
    }
    Config::parse(saved).map_err(wrong)?;
    Ok((config, false))
}

/// Takes the supervisor's lock, so that no server starts while the caller holds it.
///
/// # Errors
///
/// Fails if a supervisor or a service runs.
pub(in crate::commands) fn require_stopped(run: &Path) -> Result<Flock<File>, Failure> {
    let running = || Failure::refused("the server is running; stop it first: `systemctl stop tornado`");
    std::fs::create_dir_all(run).with_context(|| format!("cannot create {}", run.display()))?;
    let lock = match tornado_master::lock(run) {
        Err(tornado_master::Error::AlreadyRunning(_)) => return Err(running()),
        lock => lock.map_err(anyhow::Error::from)?,
    };
    // Services keep running if their supervisor is killed.
    let lives = |name: ServiceName| UnixStream::connect(socket_path(run, name.as_str())).is_ok();
    if ServiceName::ALL.into_iter().any(lives) {
        return Err(running());
    }
    Ok(lock)
}

/// Writes state files to their places in `new` and other files to numbered names in it. All belong to root and are
/// private.
fn unpack(opened: &Opened<'_>, manifest: &Manifest, new: &Path, places: &[Place]) -> anyhow::Result<()> {
    directory(new, 0o700)?;
    let archive = opened.archive()?;
    if archive.manifest() != manifest {
        bail!("the backup changed during the restore");
    }
    let mut next = places.iter().enumerate();
    let written = std::cell::RefCell::new(Vec::new());
    archive.unpack(|_| {
        let (number, place) = next.next().ok_or_else(|| io::Error::other("the backup changed during the restore"))?;
        let path = match place {
            Place::State { service, rest } => new.join(service.as_str()).join(rest),
            Place::Pools => new.join(pools::FILE),
            Place::Config | Place::Elsewhere { .. } | Place::Nowhere(_) => unpacked(new, number),
        };
        directory(path.parent().unwrap_or(new), 0o700)?;
        let to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        to.set_permissions(Permissions::from_mode(0o600))?;
        written.borrow_mut().push(to.try_clone()?);
        Ok(to)
    })?;
    written.into_inner().iter().try_for_each(File::sync_all)?;
    Ok(())
}

fn directory(path: &Path, mode: u32) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(mode).create(path)
}

/// Checks that the databases are intact and of a known version. Tells `auth` that its state comes from a backup.
fn prove(new: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let auth = new.join(ServiceName::Auth.as_str());
    if !auth.join("keys").is_dir() {
        bail!("the backup does not contain the server's keys");
    }
    let restored = tornado_auth::Restored { taken_at: manifest.taken_at, restored_at: unix_now() };
    restored.write(&auth).context("cannot write the note about the backup")?;
    let chosen = new.join(pools::FILE);
    if chosen.exists() {
        let text = std::fs::read_to_string(&chosen).context("cannot read the pools in the backup")?;
        pools::parse(&text)
            .map_err(|why| anyhow!("the pools in the backup are invalid: {}", review::printable(&why)))?;
        // Every service reads this file.
        std::fs::set_permissions(&chosen, Permissions::from_mode(0o644))?;
    }
    match manifest.profile {
        Profile::Cluster => Ok(()),
        Profile::Embedded => blocking(prove_databases(new))?,
    }
}

async fn prove_databases(new: &Path) -> anyhow::Result<()> {
    for (path, schema) in
        [(new.join("auth/identity.db"), KnownSchema::Identity), (new.join("session/session.db"), KnownSchema::Sessions)]
    {
        let name = path.file_name().unwrap_or_default().display();
        let failed = || format!("cannot check the database {name}");
        let wrong = tornado_store::check_sqlite(&path).await.with_context(failed)?;
        if let Some(first) = wrong.first() {
            bail!("the database {name} in the backup is damaged: {first}");
        }
        if tornado_store::is_newer_sqlite(&path, schema).await.with_context(failed)? {
            bail!("the backup comes from a newer version; install that version");
        }
    }
    Ok(())
}

/// Sets the owners of each service's directory and its content, as the supervisor would.
fn give(new: &Path) -> anyhow::Result<()> {
    for service in ServiceName::ALL {
        let path = new.join(service.as_str());
        directory(&path, 0o700)?;
        give_all(&path, owner_of(service)?)
            .with_context(|| format!("cannot change the owner of {}", path.display()))?;
    }
    std::fs::set_permissions(new, Permissions::from_mode(0o755))?;
    Ok(())
}

fn give_all(path: &Path, owner: Owner) -> io::Result<()> {
    lchown(path, Some(owner.uid), Some(owner.gid))?;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            give_all(&entry.path(), owner)?;
        } else {
            lchown(entry.path(), Some(owner.uid), Some(owner.gid))?;
        }
    }
    sync_directory(path)
}

fn tell(manifest: &Manifest, state: &Path, kept: Option<&Path>, elsewhere: &[String]) {
    let age = crate::output::span(unix_now() - manifest.taken_at);
    say(&format!("Restored the server's state of {age} ago to {}.", state.display()));
    if let Some(kept) = kept {
        say(&format!("The former state is in {}; remove it when you no longer need it.", kept.display()));
    }
    elsewhere.iter().for_each(|line| say(line));
    match manifest.profile {
        Profile::Embedded => {}
        Profile::Cluster => say("Restore PostgreSQL from its dump before you start the server."),
    }
    say("Accounts, devices and invitations that were removed after the backup exist again; review them.");
    say("Start the server: `systemctl start tornado`. Devices reconnect automatically if the address is the same.");
}
