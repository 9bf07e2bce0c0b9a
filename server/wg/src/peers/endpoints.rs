//! Latest endpoint of each peer, kept across a crash of this process.
//!
//! With it the server can start the handshakes after a restart, so that traffic resumes before a device notices the
//! interruption. An endpoint is a person's IP address: only the latest one is kept, the file is private, an entry is
//! deleted with its peer, and the file is deleted with its last entry.

use crate::model::PerLane;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use tornado_runtime::files::{Access, Durability, optional, replace};
use tornado_shared::model::{Lane, PublicKey};

pub(crate) type LaneEndpoints = BTreeMap<PublicKey, SocketAddr>;

/// The file `endpoints.json` and its desired content.
pub(crate) struct Endpoints {
    path: PathBuf,
    current: PerLane<LaneEndpoints>,
    saved: Option<PerLane<LaneEndpoints>>,
}

impl Endpoints {
    /// Reads the file. A file that cannot be read is ignored, because endpoints are only hints.
    pub(crate) fn load(directory: &Path) -> Self {
        let path = directory.join("endpoints.json");
        let current = match std::fs::read(&path).map(|bytes| serde_json::from_slice(&bytes)) {
            Ok(Ok(found)) => found,
            Ok(Err(_)) => {
                tracing::warn!("discarded the corrupt file of endpoints");
                PerLane::default()
            }
            Err(_) => PerLane::default(),
        };
        Self { path, current, saved: None }
    }

    pub(crate) const fn of(&self, lane: Lane) -> &LaneEndpoints {
        self.current.of(lane)
    }

    /// Merges the endpoints that an interface reports. Peers that it does not report keep their endpoint; peers that
    /// are not `desired` are dropped.
    pub(crate) fn update(
        &mut self,
        lane: Lane,
        reported: impl IntoIterator<Item = (PublicKey, SocketAddr)>,
        desired: impl Fn(&PublicKey) -> bool,
    ) {
        let mine = self.current.of_mut(lane);
        mine.extend(reported);
        mine.retain(|key, _| desired(key));
    }

    /// Drops a peer's endpoints on both lanes.
    pub(crate) fn remove(&mut self, key: &PublicKey) {
        for lane in Lane::ALL {
            self.current.of_mut(lane).remove(key);
        }
    }

    /// Writes the file if its content has changed; deletes it if no endpoint is left.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        if self.saved.as_ref() == Some(&self.current) {
            return Ok(());
        }
        if self.current == PerLane::default() {
            optional(std::fs::remove_file(&self.path))?;
        } else {
            replace(&self.path, &serde_json::to_vec(&self.current)?, Access::PRIVATE, Durability::Unsynced)?;
        }
        self.saved = Some(self.current.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tornado_shared::model::PrivateKey;

    #[test]
    fn an_endpoint_is_kept_and_removed_with_its_peer() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (PrivateKey::random().public_key(), PrivateKey::random().public_key());
        let at = |port| SocketAddr::from(([192, 0, 2, 1], port));
        let mut endpoints = Endpoints::load(dir.path());
        endpoints.update(Lane::Direct, [(a, at(1)), (b, at(2))], |_| true);
        endpoints.update(Lane::Direct, [(a, at(3))], |_| true);
        endpoints.save().unwrap();
        let mut again = Endpoints::load(dir.path());
        assert_eq!(again.of(Lane::Direct).get(&a), Some(&at(3)));
        assert_eq!(again.of(Lane::Direct).get(&b), Some(&at(2)));
        again.update(Lane::Direct, [], |key| *key == a);
        again.remove(&a);
        again.save().unwrap();
        assert!(!dir.path().join("endpoints.json").exists());
    }

    #[test]
    fn a_corrupt_file_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("endpoints.json"), "{").unwrap();
        assert!(Endpoints::load(dir.path()).of(Lane::Tor).is_empty());
    }
}
