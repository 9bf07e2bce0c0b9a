//! The server's WireGuard keys: one per lane and the leak canary's. They are created once and never replaced.

use crate::error::{Error, file};
use crate::model::PerLane;
use std::path::Path;
use tornado_runtime::files::{Durability, replace};
use tornado_shared::model::{Lane, PrivateKey};
use zeroize::Zeroizing;

/// Reads both lanes' keys from `directory` and creates missing ones.
pub(crate) fn load_or_create(directory: &Path) -> Result<PerLane<PrivateKey>, Error> {
    Ok(PerLane { direct: one(directory, Lane::Direct.as_str())?, tor: one(directory, Lane::Tor.as_str())? })
}

/// Reads the leak canary's key, or creates it. It is stored so that an interface left by an earlier process already has
/// this peer.
pub(crate) fn canary(directory: &Path) -> Result<PrivateKey, Error> {
    one(directory, "canary")
}

fn one(directory: &Path, name: &str) -> Result<PrivateKey, Error> {
    let path = directory.join(format!("{name}.key"));
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let text = Zeroizing::new(text);
            text.trim_end().parse().map_err(|_| Error::KeyFile(path))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            let key = PrivateKey::random();
            let text = Zeroizing::new(format!("{}\n", *Zeroizing::new(key.expose_base64())));
            replace(&path, text.as_bytes(), Durability::Synced).map_err(file(&path))?;
            tracing::info!(name, "created a WireGuard key of the server");
            Ok(key)
        }
        Err(e) => Err(file(path)(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let first = load_or_create(dir.path()).unwrap();
        let second = load_or_create(dir.path()).unwrap();
        assert_eq!(first.direct.public_key(), second.direct.public_key());
        assert_eq!(first.tor.public_key(), second.tor.public_key());
        assert_ne!(first.direct.public_key(), first.tor.public_key());
    }

    #[test]
    fn a_corrupt_key_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("tor.key"), "not a key").unwrap();
        assert!(matches!(load_or_create(dir.path()), Err(Error::KeyFile(_))));
        assert_eq!(std::fs::read_to_string(dir.path().join("tor.key")).unwrap(), "not a key");
    }
}
