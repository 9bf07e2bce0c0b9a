//! The operator's desired state, stored on disk. Only an order changes it (defect_053).

use crate::files;
use std::io;
use std::path::Path;
use tornado_contracts::tor::{TorOrder, TorWanted};

const MAX_FILE: u64 = 4096;

/// The desired state before the first order: Tor runs, and the lane opens as soon as it can.
const FIRST: TorWanted = TorWanted { process: true, lane: true };

/// Loads the desired state. `None` if the file exists but cannot be read: nothing may open before the next order.
pub(crate) fn load(path: &Path) -> Option<TorWanted> {
    let text = match files::read_text(path, MAX_FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(FIRST),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "cannot read the desired state; the tor lane stays closed");
            return None;
        }
    };
    match serde_json::from_str(&text) {
        Ok(wanted) => Some(wanted),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "cannot parse the desired state; the tor lane stays closed");
            None
        }
    }
}

/// Minimum size of the file, so that another state fits into it on a full disk.
const ROOM: usize = 64;

/// Stores the desired state durably.
pub(crate) fn save(path: &Path, wanted: TorWanted) -> io::Result<()> {
    files::replace(path, &text(wanted)?)
}

/// Stores a state that closes something if [`save`] failed, because it must outlive this process. It overwrites the
/// former state in place and needs no disk space. A write that a crash cut short is unreadable, which opens nothing.
pub(crate) fn save_without_room(path: &Path, wanted: TorWanted) -> io::Result<()> {
    files::overwrite(path, &text(wanted)?)
}

fn text(wanted: TorWanted) -> io::Result<Vec<u8>> {
    let mut text = serde_json::to_vec(&wanted).map_err(io::Error::other)?;
    text.resize(text.len().max(ROOM), b' ');
    Ok(text)
}

/// The desired state after an order. If the former state could not be read, the process runs and the lane stays down
/// until `up`.
pub(crate) fn after(former: Option<TorWanted>, order: TorOrder) -> TorWanted {
    let former = former.unwrap_or(TorWanted { process: true, lane: false });
    match order {
        TorOrder::Start => TorWanted { process: true, ..former },
        TorOrder::Stop => TorWanted { process: false, ..former },
        TorOrder::Up => TorWanted { lane: true, ..former },
        TorOrder::Down => TorWanted { lane: false, ..former },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wish_survives_and_an_unreadable_one_opens_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wanted.json");
        assert_eq!(load(&path), Some(FIRST));
        let down = after(Some(FIRST), TorOrder::Down);
        save(&path, down).unwrap();
        assert_eq!(load(&path), Some(TorWanted { process: true, lane: false }));
        for text in ["", "{}", "{\"process\":true", "{\"process\":true,\"lane\":1}", "\u{0}"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(load(&path), None, "{text}");
        }
        std::fs::write(&path, vec![b' '; 5000]).unwrap();
        assert_eq!(load(&path), None);
        assert!(!after(None, TorOrder::Start).lane);
    }

    #[test]
    fn a_wish_fits_over_any_former_one() {
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
            assert!(load(&path).is_none_or(|wish| wish == up || wish == down), "{torn}");
        }
    }

    #[test]
    fn orders_are_idempotent_and_touch_one_thing() {
        for order in [TorOrder::Start, TorOrder::Stop, TorOrder::Up, TorOrder::Down] {
            let once = after(Some(FIRST), order);
            assert_eq!(after(Some(once), order), once);
        }
        let down_stopped = after(Some(after(Some(FIRST), TorOrder::Down)), TorOrder::Stop);
        assert_eq!(after(Some(down_stopped), TorOrder::Start), TorWanted { process: true, lane: false });
    }
}
