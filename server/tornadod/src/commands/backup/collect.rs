//! What is saved: every service's directory, its databases as consistent copies, and what the configuration names.

use super::{CERTIFICATE, CERTIFICATE_KEY, CONFIG, entry_path};
use crate::config::Config;
use anyhow::Context as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use tornado_backup::Source;
use tornado_mesh::master::ServiceName;

/// What becomes of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Treatment {
    /// A database in use: a consistent copy.
    Snapshot,
    /// A file that is replaced whole or never changed.
    Copy,
    /// Made anew by itself.
    Skip,
}

/// Of a file of a service, by its path in the state directory.
fn treatment(path: &str) -> Treatment {
    let (service, rest) = path.split_once('/').unwrap_or((path, ""));
    let name = rest.rsplit('/').next().unwrap_or(rest);
    let unfinished = name.starts_with('.') || name.ends_with(".new") || name == "lock";
    // What a database was before it moved to PostgreSQL is no state either.
    let of_engine = ["-wal", "-shm", "-journal"].iter().any(|end| name.ends_with(end)) || name.contains(".db.moved-");
    // The consensus is fetched anew; the guards and Tor's own keys stay.
    let of_tor = service == "tor"
        && (name.starts_with("cached-")
            || name.starts_with("torrc")
            || rest.starts_with("sockets/")
            || rest.starts_with("exits/")
            || rest.contains("/diff-cache/"));
    match (unfinished || of_engine || of_tor, name.ends_with(".db")) {
        (true, _) => Treatment::Skip,
        (false, true) => Treatment::Snapshot,
        (false, false) => Treatment::Copy,
    }
}

/// Which comes first. The word about the newest audit row must not be newer than the rows; tokens and sessions must
/// not be newer than the accounts they belong to, or keys older than what they sealed.
fn rank(path: &str) -> u8 {
    match path {
        "auth/audit-head.json" => 0,
        "auth/identity.db" => 1,
        _ => 2,
    }
}

/// Puts copies of everything into `staging`, and says what they are.
pub(super) fn collect(config: &Config, config_path: &Path, staging: &Path) -> anyhow::Result<Vec<Source>> {
    let state = &config.paths.state;
    let mut names = Vec::new();
    for service in ServiceName::ALL {
        walk(state, &PathBuf::from(service.as_str()), &mut names)?;
    }
    names.sort_by_key(|name| (rank(name), name.clone()));
    let mut wanted: Vec<(String, PathBuf, Treatment)> = names
        .into_iter()
        .map(|name| (format!("state/{name}"), state.join(&name), treatment(&name)))
        .filter(|(_, _, treatment)| *treatment != Treatment::Skip)
        .collect();
    let mut extra = |name: &str, path: &Path| wanted.push((name.to_owned(), path.to_owned(), Treatment::Copy));
    extra(CONFIG, config_path);
    if let (Some(certificate), Some(key)) = (&config.client_api.certificate, &config.client_api.key) {
        extra(CERTIFICATE, certificate);
        extra(CERTIFICATE_KEY, key);
    }
    if config.store.url.is_some() {
        for file in ["owner.postgres", "auth.postgres", "session.postgres", "session.redis"] {
            extra(&format!("secrets/{file}"), &config.paths.secrets.join(file));
        }
    }
    let mut sources = Vec::with_capacity(wanted.len());
    for (number, (name, from, treatment)) in wanted.into_iter().enumerate() {
        let file = staging.join(number.to_string());
        if copy(&from, &file, treatment).with_context(|| format!("cannot save {}", from.display()))? {
            sources.push(Source { path: entry_path(name)?, file });
        }
    }
    Ok(sources)
}

/// False: there is no such file (any more).
fn copy(from: &Path, to: &Path, treatment: Treatment) -> anyhow::Result<bool> {
    if treatment == Treatment::Snapshot {
        super::super::blocking(tornado_store::snapshot_sqlite(from, to))??;
        return Ok(true);
    }
    match std::fs::copy(from, to) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Names of all regular files below `base/under`, relative to `base`. Follows no link.
fn walk(base: &Path, under: &Path, names: &mut Vec<String>) -> anyhow::Result<()> {
    let directory = base.join(under);
    let entries = match std::fs::read_dir(&directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.with_context(|| format!("cannot read {}", directory.display()))?,
    };
    for entry in entries {
        let entry = entry?;
        let path = under.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(base, &path, names)?;
        } else if kind.is_file() {
            names.push(path.to_str().context("a file name is not UTF-8")?.to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_and_how() {
        for (path, wanted) in [
            ("auth/identity.db", Treatment::Snapshot),
            ("auth/identity.db-wal", Treatment::Skip),
            ("auth/identity.db.moved-1800000000", Treatment::Skip),
            ("auth/keys/identity.json", Treatment::Copy),
            ("auth/keys/.unfinished-identity.json", Treatment::Skip),
            ("auth/restored.json", Treatment::Copy),
            ("session/session.db", Treatment::Snapshot),
            ("wg/direct.key", Treatment::Copy),
            ("wg/tor.new", Treatment::Skip),
            ("client-api/tls.key", Treatment::Copy),
            ("tor/wanted.json", Treatment::Copy),
            ("tor/data/state", Treatment::Copy),
            ("tor/data/keys/x", Treatment::Copy),
            ("tor/data/cached-microdescs.new", Treatment::Skip),
            ("tor/data/cached-certs", Treatment::Skip),
            ("tor/data/lock", Treatment::Skip),
            ("tor/sockets/cookie", Treatment::Skip),
            ("tor/torrc", Treatment::Skip),
            ("tor/exits/de/data/state", Treatment::Skip),
        ] {
            assert_eq!(treatment(path), wanted, "{path}");
        }
        assert!(rank("auth/audit-head.json") < rank("auth/identity.db"));
        assert!(rank("auth/identity.db") < rank("auth/keys/at-rest.json"));
        assert!(rank("auth/identity.db") < rank("session/session.db"));
    }
}
