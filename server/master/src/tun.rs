//! Passes `/dev/net/tun` to service `wg`, which cannot open it on machines where it belongs to root with mode 0600.
//!
//! Uses a socket with a path instead of an inherited descriptor: `wg` outlives this process and finds the next one at
//! the same path. File mode and `SO_PEERCRED` both admit only the user of `wg`.

use crate::Error;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tornado_runtime::beneath::Owner;

/// Pause after a failed accept(2), for example when descriptors run out.
const PAUSE: Duration = Duration::from_millis(50);

/// The listening socket. Dropping it removes its file.
pub struct TunSocket {
    listener: UnixListener,
    path: PathBuf,
    wg: Owner,
}

impl TunSocket {
    /// Opens the socket and replaces one that an earlier supervisor left.
    pub fn open(path: PathBuf, wg: Owner) -> Result<Self, Error> {
        match listen(&path, wg) {
            Ok(listener) => Ok(Self { listener, path, wg }),
            Err(source) => Err(Error::Prepare { path, source }),
        }
    }

    /// Serves requests until `shutdown` is cancelled.
    pub async fn serve(self, shutdown: CancellationToken) {
        while let Some(accepted) = shutdown.run_until_cancelled(self.listener.accept()).await {
            let passed = match accepted {
                Ok((peer, _)) => self.answer(&peer),
                Err(error) => {
                    tokio::time::sleep(PAUSE).await;
                    Err(error)
                }
            };
            match passed {
                Ok(()) => tracing::debug!("passed /dev/net/tun to wg"),
                Err(error) => tracing::warn!(%error, "cannot pass /dev/net/tun"),
            }
        }
    }

    fn answer(&self, peer: &UnixStream) -> io::Result<()> {
        if peer.peer_cred()?.uid() != self.wg.uid {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        tornado_tun_node::hand_over(peer)
    }
}

impl Drop for TunSocket {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}

fn listen(path: &Path, wg: Owner) -> io::Result<UnixListener> {
    tornado_runtime::files::optional(std::fs::remove_file(path))?;
    let listener = UnixListener::bind(path)?;
    std::os::unix::fs::lchown(path, Some(wg.uid), None)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}
