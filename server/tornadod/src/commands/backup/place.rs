//! Where a file of a backup belongs on this machine, whose it is, and who may read it.

use super::known::{Treatment, treatment};
use crate::config::Config;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::Owner;

/// Root.
pub(super) const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// The Unix user of a service.
pub(in crate::commands) fn owner_of(service: ServiceName) -> anyhow::Result<Owner> {
    let (name, user) = crate::commands::unix_user(service);
    let user = user.with_context(|| {
        format!("there is no Unix user '{name}'; install the file sysusers.d/tornado.conf and run `systemd-sysusers`")
    })?;
    Ok(Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
}

/// Where a file goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the new state directory.
    State {
        /// Whose directory it is in.
        service: ServiceName,
        /// In that directory.
        rest: PathBuf,
    },
    /// The configuration, which is read before all else.
    Config,
    /// The chosen pools, beside the services' directories.
    Pools,
    /// Anywhere else.
    Elsewhere {
        /// Where.
        path: PathBuf,
        /// Mode bits.
        mode: u32,
        /// The service that reads it, by its group; none: root alone.
        reader: Option<ServiceName>,
    },
    /// Nowhere: this machine has no place for it.
    Nowhere(String),
}

/// Where `name` goes under `config`, which is this machine's own: nothing in a backup names a place.
pub(super) fn place(name: &str, config: &Config) -> anyhow::Result<Place> {
    if let Some(path) = name.strip_prefix("state/") {
        let (service, rest) = path.split_once('/').context("a file of the state belongs to no service")?;
        let service = service.parse::<ServiceName>();
        let service = service.with_context(|| format!("{name} belongs to a service this program does not have"))?;
        return Ok(match treatment(path) {
            Treatment::Copy | Treatment::Snapshot => Place::State { service, rest: rest.into() },
            // Among these are files by which SQLite would change others.
            Treatment::Skip | Treatment::Unknown => Place::Nowhere(format!("{name}: no backup of this program has it")),
        });
    }
    if let Some(file) = name.strip_prefix("secrets/") {
        let reader = file.split_once('.').and_then(|(service, _)| service.parse().ok());
        if !super::SECRETS.contains(&file) {
            bail!("{name} is in the backup, and this program does not know where it belongs");
        }
        return Ok(Place::Elsewhere { path: config.paths.secrets.join(file), mode: 0o640, reader });
    }
    let named = |path: &Option<PathBuf>, key, mode, reader| match path {
        Some(path) => Place::Elsewhere { path: path.clone(), mode, reader },
        None => Place::Nowhere(format!("{name}: [client_api] {key} is not set")),
    };
    match name {
        super::CONFIG => Ok(Place::Config),
        super::POOLS => Ok(Place::Pools),
        super::CERTIFICATE => Ok(named(&config.client_api.certificate, "certificate", 0o644, None)),
        super::CERTIFICATE_KEY => Ok(named(&config.client_api.key, "key", 0o640, Some(ServiceName::ClientApi))),
        other => bail!("{other} is in the backup, and this program does not know where it belongs"),
    }
}

#[cfg(feature = "fuzzing")]
/// The path at which `name` would be put; `None`: none, or the configuration's.
pub fn target(name: &str, config: &Config) -> Option<PathBuf> {
    match place(name, config).ok()? {
        Place::State { service, rest } => Some(config.paths.state.join(service.as_str()).join(rest)),
        Place::Elsewhere { path, .. } => Some(path),
        Place::Pools => Some(config.paths.state.join(crate::pools::FILE)),
        Place::Config | Place::Nowhere(_) => None,
    }
}

/// True when a directory holds no file, however many directories it holds.
pub(super) fn is_empty(directory: &Path) -> std::io::Result<bool> {
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(true),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if !entry.file_type()?.is_dir() || !is_empty(&entry.path())? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_one_place() {
        let mut config = Config::default();
        let of = |name: &str, config: &Config| place(name, config).ok();
        let key = Place::State { service: ServiceName::Auth, rest: "keys/at-rest.json".into() };
        assert_eq!(of("state/auth/keys/at-rest.json", &config), Some(key));
        let path = "/etc/tornado/secrets/session.redis".into();
        let secret = Place::Elsewhere { path, mode: 0o640, reader: Some(ServiceName::Session) };
        assert_eq!(of("secrets/session.redis", &config), Some(secret));
        assert_eq!(of(super::super::CONFIG, &config), Some(Place::Config));
        for bad in ["state/auth", "state/nobody/x", "etc/passwd", "secrets/x", "secrets/auth.postgres/x", "secrets/a/b"]
        {
            assert_eq!(of(bad, &config), None, "{bad}");
        }
        // A hot journal names a file that SQLite removes.
        for odd in ["state/auth/identity.db-journal", "state/tor/torrc", "state/wg/x.sh", "state/auth/keys/a/b.json"] {
            assert!(matches!(of(odd, &config), Some(Place::Nowhere(_))), "{odd}");
        }
        assert!(matches!(of("tls/key.pem", &config), Some(Place::Nowhere(_))));
        config.client_api.key = Some("/etc/ssl/k.pem".into());
        assert!(matches!(of("tls/key.pem", &config), Some(Place::Elsewhere { .. })));
    }

    #[test]
    fn empty_is_without_files() {
        let dir = tempfile::tempdir().unwrap();
        assert!(is_empty(&dir.path().join("none")).unwrap());
        std::fs::create_dir_all(dir.path().join("auth/keys")).unwrap();
        assert!(is_empty(dir.path()).unwrap());
        std::fs::write(dir.path().join("auth/keys/x"), "").unwrap();
        assert!(!is_empty(dir.path()).unwrap());
    }
}
