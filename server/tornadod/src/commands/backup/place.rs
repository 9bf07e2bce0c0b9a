//! Where a file of a backup belongs on this machine, who owns it and who may read it.

use super::known::{Treatment, treatment};
use crate::config::Config;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use tornado_contracts::ServiceName;
use tornado_runtime::beneath::Owner;

pub(super) const ROOT: Owner = Owner { uid: 0, gid: 0 };

/// The Unix user of a service.
///
/// # Errors
///
/// Fails if the user does not exist.
pub(in crate::commands) fn owner_of(service: ServiceName) -> anyhow::Result<Owner> {
    let (name, user) = crate::commands::unix_user(service);
    let user = user.with_context(|| {
        format!(
            "the Unix user '{name}' does not exist; install the file sysusers.d/tornado.conf and run `systemd-sysusers`"
        )
    })?;
    Ok(Owner { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
}

/// The target of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// The new state directory.
    State {
        /// The service whose directory contains it.
        service: ServiceName,
        /// Path in that directory.
        rest: PathBuf,
    },
    /// The configuration, which is read before all other files.
    Config,
    /// The chosen pools, beside the services' directories.
    Pools,
    /// Another path.
    Elsewhere {
        /// The absolute path.
        path: PathBuf,
        /// Permission bits.
        mode: u32,
        /// The service whose group may read it; `None`: only root.
        reader: Option<ServiceName>,
    },
    /// This machine has no place for it; the text is the reason.
    Nowhere(String),
}

/// The target of `name` under `config`, which is this machine's own. A backup never determines a target.
pub(super) fn place(name: &str, config: &Config) -> anyhow::Result<Place> {
    if let Some(path) = name.strip_prefix("state/") {
        let (service, rest) = path.split_once('/').context("a file of the state has no service")?;
        let service = service.parse::<ServiceName>();
        let service = service.with_context(|| format!("{name} belongs to an unknown service"))?;
        return Ok(match treatment(path) {
            Treatment::Copy | Treatment::Snapshot => Place::State { service, rest: rest.into() },
            // These include files with which SQLite would modify other files.
            Treatment::Skip | Treatment::Unknown => {
                Place::Nowhere(format!("{name}: not a file that a backup contains"))
            }
        });
    }
    if let Some(file) = name.strip_prefix("secrets/") {
        let reader = file.split_once('.').and_then(|(service, _)| service.parse().ok());
        if !super::SECRETS.contains(&file) {
            bail!("the backup contains {name}, which this program does not know");
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
        other => bail!("the backup contains {other}, which this program does not know"),
    }
}

#[cfg(feature = "fuzzing")]
/// The path to which `name` would be restored. `None` if there is no place or it is the configuration.
pub fn target(name: &str, config: &Config) -> Option<PathBuf> {
    match place(name, config).ok()? {
        Place::State { service, rest } => Some(config.paths.state.join(service.as_str()).join(rest)),
        Place::Elsewhere { path, .. } => Some(path),
        Place::Pools => Some(config.paths.state.join(crate::config::pools::FILE)),
        Place::Config | Place::Nowhere(_) => None,
    }
}

/// Returns true if a directory tree contains no files. Empty directories do not count.
pub(super) fn is_empty(directory: &Path) -> std::io::Result<bool> {
    let Some(entries) = tornado_runtime::files::optional(std::fs::read_dir(directory))? else { return Ok(true) };
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
        // A hot journal contains the name of a file that SQLite deletes.
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
