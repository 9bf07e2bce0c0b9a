//! Identity keys of relays. Making them takes seconds, so they are kept until the machine starts again; they are
//! worth nothing outside of a lab.

use super::plan::{DIR_PORT, Relay, RelayKind};
use crate::record::dir_of;
use crate::{HarnessError, command};
use std::fs::File;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// One program making keys on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name is no name of a lab, so no sweep takes it for one.
const CACHE: &str = ".tor-keys";

/// Fills in fingerprints and vote identities, making keys where none are kept.
pub(super) fn provide(relays: &mut [Relay]) -> Result<(), HarnessError> {
    let cache = dir_of(CACHE);
    make_private(&cache)?;
    let path = cache.join("lock");
    let lock = File::create(&path).map_err(HarnessError::file("open", &path))?;
    lock.lock().map_err(HarnessError::file("lock", &path))?;
    // Each works on one core; more at once than cores gains nothing.
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

/// Copies a relay's keys into its data directory, which is made.
pub(super) fn install(relay: &Relay, data: &Path) -> Result<(), HarnessError> {
    let (from, to) = (kept(relay, &dir_of(CACHE)).join("keys"), data.join("keys"));
    make_private(data)?;
    make_private(&to)?;
    for entry in std::fs::read_dir(&from).map_err(HarnessError::file("read", &from))? {
        let entry = entry.map_err(HarnessError::file("read", &from))?;
        // Copies the mode too.
        std::fs::copy(entry.path(), to.join(entry.file_name())).map_err(HarnessError::file("copy", &entry.path()))?;
    }
    Ok(())
}

/// Makes a directory that only its owner may enter, as tor demands.
pub(super) fn make_private(path: &Path) -> Result<(), HarnessError> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700).create(path).map_err(HarnessError::file("make", path))
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

/// Made under another name and moved when whole, so that what is kept is whole.
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
    // Any authority but the public ones: nothing is asked, and nothing shall be.
    tor.args(["--dirserver", &format!("none 127.0.0.1:1 {}", "f".repeat(40))]);
    tor.arg("--datadirectory").arg(&draft);
    command::run(tor, None, PATIENCE)?.success()?;
    std::fs::rename(&draft, dir).map_err(HarnessError::file("rename", &draft))
}

/// The address is in the certificate, so it is in the name.
fn kept(relay: &Relay, cache: &Path) -> PathBuf {
    cache.join(format!("{}-{}", relay.name, relay.addresses.v4).replace('.', "-"))
}

/// Forty hexadecimal digits.
fn second_word(line: &str, what: &str) -> Result<String, HarnessError> {
    let word = line.split_whitespace().nth(1).unwrap_or_default();
    if word.len() == 40 && word.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(word.to_uppercase());
    }
    Err(HarnessError::answer(what, line.trim()))
}
