//! Collects the files of a backup: the known files of every service, consistent copies of its databases, and the files
//! that the configuration names.
//!
//! Services own their directories, so nothing in them is trusted. Only names from [`super::known`] are accepted, files
//! are opened by [`Beneath`], and every file that fails a check is left out and reported.

use super::known::{Treatment, is_directory, rank, treatment};
use super::{CERTIFICATE, CERTIFICATE_KEY, CONFIG, database, entry_path, place::owner_of};
use crate::config::Config;
use anyhow::Context as _;
use serde::Serialize;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use tornado_backup::Source;
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::Beneath;

/// Maximum number of names that are read in one directory.
const MOST_NAMES: usize = 4096;
/// Maximum size in bytes of a file that is not a database.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A file that is not in the backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Skipped {
    /// Path relative to the state directory, with special characters escaped.
    pub(super) path: String,
    /// The reason.
    pub(super) why: String,
    /// Backups normally contain this file, so this one is incomplete.
    pub(super) is_missed: bool,
}

/// The files in a backup and the files that were left out.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) sources: Vec<Source>,
    pub(super) skipped: Vec<Skipped>,
}

impl Collected {
    fn skip(&mut self, path: &str, why: impl ToString, is_missed: bool) {
        let path = path.escape_debug().to_string();
        self.skipped.push(Skipped { path, why: why.to_string(), is_missed });
    }
}

/// Copies all files to `staging` and returns the list of them.
pub(super) fn collect(config: &Config, config_path: &Path, staging: &Path) -> anyhow::Result<Collected> {
    let state = &config.paths.state;
    let mut all = Collected::default();
    let mut found = Vec::new();
    for service in ServiceName::ALL {
        let uid = owner_of(service)?.uid;
        match Beneath::new(&state.join(service.as_str()), Some(uid)) {
            Ok(directory) => walk(&directory, service.as_str(), &mut found, &mut all)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read the directory of {service}")),
        }
    }
    found.sort_by_key(|(path, ..)| (rank(path), path.clone()));
    for (path, treatment) in found {
        let to = staging.join(all.sources.len().to_string());
        let saved = save(state, &path, treatment, &to).with_context(|| format!("cannot save {path}"))?;
        match saved {
            Saved::Whole => all.sources.push(Source { path: entry_path(format!("state/{path}"))?, file: to }),
            Saved::Gone => {}
            Saved::Refused(why) => all.skip(&path, why, true),
        }
    }
    let mut extra = vec![(CONFIG.to_owned(), config_path.to_owned())];
    extra.push((super::POOLS.to_owned(), state.join(crate::config::pools::FILE)));
    if let (Some(certificate), Some(key)) = (&config.client_api.certificate, &config.client_api.key) {
        extra.push((CERTIFICATE.to_owned(), certificate.clone()));
        extra.push((CERTIFICATE_KEY.to_owned(), key.clone()));
    }
    if config.store.url.is_some() {
        let secret = |file: &&str| (format!("secrets/{file}"), config.paths.secrets.join(file));
        extra.extend(super::SECRETS.iter().map(secret));
    }
    for (name, from) in extra {
        let to = staging.join(all.sources.len().to_string());
        // The operator's own file may be anywhere; only its type is checked.
        let opened = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(&from);
        match copy(opened, &to).with_context(|| format!("cannot save {}", from.display()))? {
            Saved::Whole => all.sources.push(Source { path: entry_path(name)?, file: to }),
            Saved::Gone => {}
            Saved::Refused(why) => all.skip(&from.to_string_lossy(), why, true),
        }
    }
    Ok(all)
}

enum Saved {
    Whole,
    /// The file does not exist, or was removed in between.
    Gone,
    /// The file is not as a service's file must be.
    Refused(String),
}

fn save(state: &Path, path: &str, treatment: Treatment, to: &Path) -> anyhow::Result<Saved> {
    let (service, rest) = path.split_once('/').context("the path has no service")?;
    let service: ServiceName = service.parse()?;
    if treatment == Treatment::Snapshot {
        database::snapshot(state, service, rest, to)?;
        return Ok(Saved::Whole);
    }
    let directory = Beneath::new(&state.join(service.as_str()), Some(owner_of(service)?.uid))?;
    copy(directory.file(Path::new(rest)), to)
}

/// Errors of the source are caused by its owner and are reported as `Refused`. Errors of the target fail the backup.
fn copy(opened: io::Result<File>, to: &Path) -> anyhow::Result<Saved> {
    let from = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Saved::Gone),
        Err(error) => return Ok(Saved::Refused(error.to_string())),
    };
    let found = from.metadata()?;
    if !found.is_file() {
        return Ok(Saved::Refused("not a regular file".into()));
    }
    let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    let copied = if found.len() > LARGEST { found.len() } else { io::copy(&mut from.take(LARGEST + 1), &mut target)? };
    if copied > LARGEST {
        std::fs::remove_file(to)?;
        return Ok(Saved::Refused(format!("larger than {LARGEST} bytes")));
    }
    Ok(Saved::Whole)
}

/// Finds known files below a directory `at` of a service. `under` is its path relative to the state directory.
fn walk(at: &Beneath, under: &str, found: &mut Vec<(String, Treatment)>, all: &mut Collected) -> anyhow::Result<()> {
    let (names, more) = at.names(MOST_NAMES).with_context(|| format!("cannot read {under}"))?;
    if more {
        all.skip(under, format!("the directory has more than {MOST_NAMES} files; the rest was not read"), true);
    }
    for name in names {
        let Some(plain) = name.to_str() else {
            all.skip(&format!("{under}/{}", name.display()), "the name is not UTF-8", false);
            continue;
        };
        let path = format!("{under}/{plain}");
        let kind = match at.metadata(Path::new(&name)) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error).with_context(|| format!("cannot read {path}")),
        };
        match treatment(&path) {
            Treatment::Skip => {}
            _ if kind.is_dir() && is_directory(&path) => match at.directory(Path::new(&name)) {
                Ok(below) => walk(&below, &path, found, all)?,
                Err(error) => all.skip(&path, error, true),
            },
            treatment @ (Treatment::Copy | Treatment::Snapshot) => found.push((path, treatment)),
            Treatment::Unknown => all.skip(&path, "no service creates a file with this name", false),
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
