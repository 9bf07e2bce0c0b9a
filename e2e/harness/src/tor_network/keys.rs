//! Identity keys of relays. Their generation takes seconds, so they are cached until the next boot. They have no value
//! outside of a lab.

use super::plan::{DIR_PORT, Relay, RelayKind};
use crate::HarnessError;
use crate::lab::record::dir_of;
use crate::process::command;
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Time limit of a program that generates keys on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name is not a valid lab name, so no sweep removes it.
const CACHE: &str = ".tor-keys";

/// Fills in fingerprints and vote identities. Generates missing keys.
pub(super) fn provide(relays: &mut [Relay]) -> Result<(), HarnessError> {
    let cache = dir_of(CACHE);
    make_private(&cache)?;
    let path = cache.join("lock");
    let lock = File::create(&path).map_err(HarnessError::file("open", &path))?;
    lock.lock().map_err(HarnessError::file("lock", &path))?;
    // Each generation uses one core, so there are as many threads as cores.
    let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let share = relays.len().div_ceil(cores).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = relays
            .chunks_mut(share)
            .map(|some| scope.spawn(|| some.iter_mut().try_for_each(|relay| provide_one(relay, &cache))))
            .collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

/// Copies a relay's keys to its data directory, which is created.
pub(super) fn install(relay: &Relay, data: &Path) -> Result<(), HarnessError> {
    let (from, to) = (kept(relay, &dir_of(CACHE)).join("keys"), data.join("keys"));
    make_private(data)?;
    make_private(&to)?;
    for entry in std::fs::read_dir(&from).map_err(HarnessError::file("read", &from))? {
        let entry = entry.map_err(HarnessError::file("read", &from))?;
        // This also copies the mode.
        std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(HarnessError::file("copy", &entry.path()))?;
    }
    Ok(())
}

/// Creates a directory with mode 0700, which tor requires.
pub(super) fn make_private(path: &Path) -> Result<(), HarnessError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).map_err(HarnessError::file("create", path))
}

fn provide_one(relay: &mut Relay, cache: &Path) -> Result<(), HarnessError> {
    let dir = kept(relay, cache);
    if !dir.is_dir() {
        make(relay, &dir)?;
    }
    let read = |name: &str| {
        let path = dir.join(name);
        std::fs::read_to_string(&path).map_err(HarnessError::file("read", &path))
    };
    relay.fingerprint = second_word(&read("fingerprint")?, "the fingerprint of a relay")?;
    if relay.kind == RelayKind::Authority {
        let certificate = read("keys/authority_certificate")?;
        let line = certificate.lines().find(|line| line.starts_with("fingerprint ")).unwrap_or_default();
        relay.vote_identity = Some(second_word(line, "the certificate of an authority")?);
    }
    Ok(())
}

/// Generates the keys in another directory and renames it, so that cached keys are always complete.
fn make(relay: &Relay, dir: &Path) -> Result<(), HarnessError> {
    let draft = dir.with_extension("draft");
    match std::fs::remove_dir_all(&draft) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(HarnessError::file("remove", &draft)(e)),
        Ok(()) | Err(_) => {}
    }
    let keys = draft.join("keys");
    make_private(&keys)?;
    if relay.kind == RelayKind::Authority {
        let mut gencert = Command::new("tor-gencert");
        gencert.args(["--create-identity-key", "--passphrase-fd", "0", "-m", "12"]);
        gencert.arg("-a").arg(format!("{}:{DIR_PORT}", relay.addresses.v4));
        gencert.arg("-i").arg(keys.join("authority_identity_key"));
        gencert.arg("-s").arg(keys.join("authority_signing_key"));
        gencert.arg("-c").arg(keys.join("authority_certificate"));
        command::run(gencert, Some("\n"), PATIENCE)?.success()?;
    }
    let mut tor = Command::new("tor");
    tor.args(["--list-fingerprint", "--quiet", "--ignore-missing-torrc", "-f", "/nonexistent"]);
    tor.args(["--defaults-torrc", "/nonexistent", "--orport", "1", "--nickname", &relay.name]);
    // A dummy authority instead of the public ones; tor makes no connection.
    tor.args(["--dirserver", &format!("none 127.0.0.1:1 {}", "f".repeat(40))]);
    tor.arg("--datadirectory").arg(&draft);
    command::run(tor, None, PATIENCE)?.success()?;
    std::fs::rename(&draft, dir).map_err(HarnessError::file("rename", &draft))
}

/// Cache directory of a relay. The certificate contains the address, so the name contains it as well.
fn kept(relay: &Relay, cache: &Path) -> PathBuf {
    cache.join(format!("{}-{}", relay.name, relay.addresses.v4).replace('.', "-"))
}

/// The second word of a line, which must have forty hexadecimal digits.
fn second_word(line: &str, what: &str) -> Result<String, HarnessError> {
    let word = line.split_whitespace().nth(1).unwrap_or_default();
    if word.len() == 40 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(word.to_uppercase());
    }
    Err(HarnessError::answer(what, line.trim()))
}
