//! What the operator wants, kept on disk. Nothing but an order changes it (defect_053).

use crate::files;
use std::io;
use std::path::Path;
use tornado_mesh::tor::{TorOrder, TorWanted};

const MAX_FILE: u64 = 4096;

/// Before the first order: Tor runs and the lane opens as soon as it can.
const FIRST: TorWanted = TorWanted { process: true, lane: true };

/// Reads the wish. `None`: there is one and it cannot be read, so nothing may be opened before the next order.
pub(crate) fn load(path: &Path) -> Option<TorWanted> {
    let text = match files::read_text(path, MAX_FILE) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(FIRST),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "the wanted state cannot be read; the tor lane stays closed");
            return None;
        }
    };
    match serde_json::from_str(&text) {
        Ok(wanted) => Some(wanted),
        Err(error) => {
            tracing::error!(%error, path = %path.display(), "the wanted state makes no sense; the tor lane stays closed");
            None
        }
    }
}

/// Writes the wish down for good.
pub(crate) fn save(path: &Path, wanted: TorWanted) -> io::Result<()> {
    let text = serde_json::to_vec(&wanted).map_err(io::Error::other)?;
    files::replace(path, &text)
}

/// The wish after an order. Where the former one could not be read only what the order says is taken as wanted,
/// and the lane stays down until `up`.
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
    fn orders_are_idempotent_and_touch_one_thing() {
        for order in [TorOrder::Start, TorOrder::Stop, TorOrder::Up, TorOrder::Down] {
            let once = after(Some(FIRST), order);
            assert_eq!(after(Some(once), order), once);
        }
        let down_stopped = after(Some(after(Some(FIRST), TorOrder::Down)), TorOrder::Stop);
        assert_eq!(after(Some(down_stopped), TorOrder::Start), TorWanted { process: true, lane: false });
    }
}
