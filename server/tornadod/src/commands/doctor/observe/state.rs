//! Facts about passwords, certificate, sockets, and the databases of the profile `cluster`.

use super::super::facts::{Certificate, SecretFact, Socket};
use crate::cluster;
use crate::commands::unix_user;
use crate::config::Config;
use nix::unistd::User;
use std::fs::Metadata;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Instant;
use tornado_contracts::engines::{EngineKind, EnginePart, EngineStatus};
use tornado_contracts::{ServiceName, master};
use tornado_runtime::clock::{unix_now, wall_clock};
use tornado_runtime::socket_path;

/// Returns true if the mode grants `user` the permission `bit` (4: read, 1: enter).
fn may(user: &User, found: &Metadata, bit: u32) -> bool {
    let shift = if found.uid() == user.uid.as_raw() {
        6
    } else if found.gid() == user.gid.as_raw() {
        3
    } else {
        0
    };
    user.uid.is_root() || found.mode() >> shift & bit != 0
}

/// The reason why `user` cannot read an existing file.
fn barred(path: &Path, user: &User) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    let path = std::path::absolute(path).ok()?;
    let shut = |directory: &&Path| std::fs::metadata(directory).is_ok_and(|found| !may(user, &found, 1));
    if let Some(directory) = path.ancestors().skip(1).find(shut) {
        return Some(format!("{} may not enter {}", user.name, directory.display()));
    }
    (!may(user, &found, 4))
        .then(|| format!("{} may not read {} (mode {:04o})", user.name, path.display(), found.mode() & 0o777))
}

/// The configuration and the reason, if a service cannot read it. Each service reads it as its own Unix user.
pub(super) fn unreadable(path: &Path) -> Option<(PathBuf, String)> {
    let barred_of = |service| unix_user(service).1.and_then(|user| barred(path, &user));
    ServiceName::ALL.into_iter().find_map(barred_of).map(|why| (path.to_owned(), why))
}

/// Password files that exist but are not usable.
pub(super) fn secrets(config: &Config) -> Vec<SecretFact> {
    if config.store.url.is_none() {
        return Vec::new();
    }
    let readers = [
        ("owner.postgres", None),
        ("auth.postgres", Some(ServiceName::Auth)),
        ("session.postgres", Some(ServiceName::Session)),
        ("session.redis", Some(ServiceName::Session)),
    ];
    let wrong = |(file, reader): (&str, Option<ServiceName>)| {
        let path = config.paths.secrets.join(file);
        let (group, user) = reader.map_or(("root", None), unix_user);
        let why = match tornado_store::read_secret(&path) {
            Err(error) => error.to_string(),
            Ok(Some(password)) if password.is_empty() => "its first line is empty".to_owned(),
            Ok(_) => user.and_then(|user| barred(&path, &user))?,
        };
        Some(SecretFact { path, group, why })
    };
    readers.into_iter().filter_map(wrong).collect()
}

/// The configured certificate.
pub(super) fn certificate(config: &Config) -> Option<Certificate> {
    let path = config.client_api.certificate.clone()?;
    let key = config.client_api.key.clone();
    let of_service = unix_user(ServiceName::ClientApi).1;
    let barred = of_service.and_then(|user| barred(&path, &user).or_else(|| barred(&key?, &user)));
    // Loads the files as the service does. The empty directory prevents that a certificate is created.
    let loaded = tornado_client_api::load_tls(&config.client_api, Path::new(""), wall_clock())
        .map_err(|error| error.to_string());
    let validity = loaded.and_then(|_| barred.map_or(Ok(()), Err)).and_then(|()| tornado_client_api::validity(&path));
    Some(Certificate { path, validity })
}

/// The sockets of the supervisor and of every service.
pub(super) fn sockets(run: &Path) -> Vec<(PathBuf, Socket)> {
    let names = std::iter::once(master::SOCKET).chain(ServiceName::ALL.into_iter().map(ServiceName::as_str));
    let look = |name: &str| {
        let path = socket_path(run, name);
        let kind = std::fs::symlink_metadata(&path).ok()?.file_type();
        let state = match UnixStream::connect(&path) {
            Ok(_) => Socket::Answers,
            Err(_) if kind.is_dir() => Socket::Foreign,
            Err(error) if kind.is_socket() && error.kind() == std::io::ErrorKind::PermissionDenied => return None,
            Err(_) => Socket::Stale,
        };
        Some((path, state))
    };
    names.filter_map(look).collect()
}

/// Probes the databases of the profile `cluster` as services would at their start. Called only if no service runs.
pub(super) async fn engines(config: &Config) -> Vec<EngineStatus> {
    let (postgres, redis) = (EngineKind::Postgres, EngineKind::Redis);
    let parts = [(EnginePart::Identity, postgres), (EnginePart::Sessions, postgres), (EnginePart::Live, redis)];
    let mut all = Vec::new();
    for (part, engine) in parts.into_iter().filter(|_| config.store.url.is_some()) {
        let asked = Instant::now();
        let answer = cluster::probe(config, part).await;
        let mut status = EngineStatus::unknown(part, engine, unix_now());
        status.note(answer, asked.elapsed(), unix_now());
        all.push(status);
    }
    all
}
