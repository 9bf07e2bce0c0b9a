//! The operator's desired state, stored on disk. Only an order changes it.

use crate::files;
use std::io;
use std::path::{Path, PathBuf};
use tornado_contracts::tor::{TorDesired, TorOrder};
use tornado_runtime::files::{Durability, replace};

const MAX_FILE: u64 = 4096;

/// The desired state before the first order: Tor runs, and the lane opens as soon as it can.
const FIRST: TorDesired = TorDesired { process: true, lane: true };

/// Loads the desired state. `None` if the file exists but cannot be read: nothing may open before the next order.
pub(crate) fn load(path: &Path) -> Option<TorDesired> {
    let text = match files::read_text(path, MAX_FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(FIRST),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "cannot read the desired state; the tor lane stays closed");
            return None;
        }
    };
    match serde_json::from_str(&text) {
        Ok(desired) => Some(desired),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "cannot parse the desired state; the tor lane stays closed");
            None
        }
    }
}

/// Minimum size of the file, so that another state fits into it on a full disk.
const ROOM: usize = 64;

/// Stores the desired state after an order. An order that closes something is also stored on a full disk, because a
/// lost `down` would open the lane at the next start.
pub(crate) async fn store(path: PathBuf, desired: TorDesired, order: TorOrder) -> Result<(), String> {
    let store = move || match save(&path, desired) {
        Err(_) if !opens(order) => save_without_room(&path, desired),
        saved => saved,
    };
    let stored = tokio::task::spawn_blocking(store).await.map_err(|error| error.to_string())?;
    stored.map_err(|error| error.to_string())
}

/// Returns true for an order that opens or starts something.
pub(crate) const fn opens(order: TorOrder) -> bool {
    match order {
        TorOrder::Start | TorOrder::Up => true,
        TorOrder::Stop | TorOrder::Down => false,
    }
}

/// Stores the desired state durably.
fn save(path: &Path, desired: TorDesired) -> io::Result<()> {
    replace(path, &text(desired)?, Durability::Synced)
}

/// Stores a state that closes something if [`save`] failed, because it must outlive this process. It overwrites the
/// former state in place and needs no disk space. A write that a crash cut short is unreadable, which opens nothing.
fn save_without_room(path: &Path, desired: TorDesired) -> io::Result<()> {
    files::overwrite(path, &text(desired)?)
}

fn text(desired: TorDesired) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(&desired).map_err(io::Error::other)?;
    text.resize(text.len().max(ROOM), b' ');
    Ok(text)
}

/// The desired state after an order. If the former state could not be read, the process runs and the lane stays down
/// until `up`.
pub(crate) fn after(former: Option<TorDesired>, order: TorOrder) -> TorDesired {
    let former = former.unwrap_or(TorDesired { process: true, lane: false });
    match order {
        TorOrder::Start => TorDesired { process: true, ..former },
        TorOrder::Stop => TorDesired { process: false, ..former },
        TorOrder::Up => TorDesired { lane: true, ..former },
        TorOrder::Down => TorDesired { lane: false, ..former },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_state_is_loaded_and_an_unreadable_one_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wanted.json");
        assert_eq!(load(&path), Some(FIRST));
        let down = after(Some(FIRST), TorOrder::Down);
        save(&path, down).unwrap();
        assert_eq!(load(&path), Some(TorDesired { process: true, lane: false }));
        for text in ["", "{}", "{\"process\":true", "{\"process\":true,\"lane\":1}", "\u{0}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(load(&path), None, "{text}");
        }
        std::fs::write(&path, vec![b' '; 5000]).unwrap();
        assert_eq!(load(&path), None);
        assert!(!after(None, TorOrder::Start).lane);
    }

    #[test]
    fn a_state_overwrites_any_former_one_in_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wanted.json");
        let (up, down) = (FIRST, after(Some(FIRST), TorOrder::Down));
        save(&path, up).unwrap();
        let blocks = std::fs::metadata(&path).unwrap().len();
        save_without_room(&path, down).unwrap();
        assert_eq!(load(&path), Some(down));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), blocks, "the file took more space");
        std::fs::write(&path, vec![b'x'; 1_000]).unwrap();
        save_without_room(&path, down).unwrap();
        assert_eq!(load(&path), Some(down));
        // A torn write leaves the old state, the new one or an unreadable file.
        let whole = std::fs::read(&path).unwrap();
        for torn in 1..29 {
            let mut mixture = text(up).unwrap();
            mixture[..torn].copy_from_slice(&whole[..torn]);
            std::fs::write(&path, &mixture).unwrap();
            assert!(load(&path).is_none_or(|state| state == up || state == down), "{torn}");
        }
    }

    #[test]
    fn orders_are_idempotent_and_change_one_field() {
        for order in [TorOrder::Start, TorOrder::Stop, TorOrder::Up, TorOrder::Down] {
            let once = after(Some(FIRST), order);
            assert_eq!(after(Some(once), order), once);
        }
        let down_stopped = after(Some(after(Some(FIRST), TorOrder::Down)), TorOrder::Stop);
        assert_eq!(after(Some(down_stopped), TorOrder::Start), TorDesired { process: true, lane: false });
    }
}
