//! Network adapters of the Wintun driver.

use sha2::{Digest as _, Sha256};
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::Notify;
use wintun_bindings::Session;

/// File name of the library.
pub const LIBRARY: &str = "wintun.dll";
/// SHA-256 of version 0.14.1 for amd64, which WireGuard LLC signed. It is in the package `wintun-bindings` of
/// crates.io, as `wintun/bin/amd64/wintun.dll`.
pub const LIBRARY_SHA256: &str = "e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce";
/// Kind of the adapters, as the driver shows it.
const KIND: &str = "Tornado";
/// Size of each ring of packets, bytes.
const RING: u32 = 0x40_0000;

/// An adapter. It is removed on drop.
pub struct Adapter {
    session: Arc<Session>,
    luid: u64,
    readable: Arc<Notify>,
    waiter: Option<JoinHandle<()>>,
}

impl Adapter {
    /// Creates the adapter `name`, with the library in `directory`. `guid` makes Windows recognise the adapter, and its
    /// settings, when it is created again.
    ///
    /// # Errors
    /// `NotFound` if the library is not there; `InvalidData` if it is another one; those of the driver.
    pub fn create(directory: &Path, name: &str, guid: u128) -> io::Result<Self> {
        let library = directory.join(LIBRARY);
        check(&library)?;
        #[expect(unsafe_code, reason = "the library runs in this process")]
        // SAFETY: it is the library whose hash is known; only administrators can change the directory.
        let wintun = unsafe { wintun_bindings::load_from_path(&library) }.map_err(io::Error::other)?;
        let adapter = wintun_bindings::Adapter::create(&wintun, name, KIND, Some(guid)).map_err(io::Error::other)?;
        #[expect(unsafe_code, reason = "a union")]
        // SAFETY: any bits are a valid number.
        let luid = unsafe { adapter.get_luid().Value };
        let session = adapter.start_session(RING).map_err(io::Error::other)?;
        let readable = Arc::new(Notify::new());
        let (waiting, notify) = (Arc::clone(&session), Arc::clone(&readable));
        // The wait ends with an error as soon as the session is shut down.
        let wait = move || {
            while waiting.wait_read().is_ok() {
                notify.notify_one();
            }
            notify.notify_one();
        };
        let waiter = std::thread::Builder::new().name(name.to_owned()).spawn(wait)?;
        Ok(Self { session, luid, readable, waiter: Some(waiter) })
    }

    /// Locally unique ID of the interface (`NET_LUID`).
    #[must_use]
    pub const fn luid(&self) -> u64 {
        self.luid
    }

    /// Waits until a packet may be available.
    ///
    /// # Cancel safety
    /// A notification during a dropped call is received by the next one.
    pub async fn readable(&self) {
        self.readable.notified().await;
    }

    /// Reads one packet, of at most 65,535 bytes.
    ///
    /// # Errors
    /// `WouldBlock` if no packet waits; those of the driver.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.session.try_recv(buffer)
    }

    /// Writes one packet.
    ///
    /// # Errors
    /// `InvalidInput` if it is longer than 65,535 bytes; those of the driver, also if it has no room.
    pub fn write(&self, packet: &[u8]) -> io::Result<()> {
        let length = u16::try_from(packet.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        // `Session::send` of version 0.7 writes to a null pointer if there is no room.
        let mut room = self.session.allocate_send_packet(length).map_err(io::Error::other)?;
        room.bytes_mut().copy_from_slice(packet);
        self.session.send_packet(room);
        Ok(())
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        // An error means that the thread ends with the process.
        if self.session.shutdown().is_ok()
            && let Some(waiter) = self.waiter.take()
        {
            drop(waiter.join());
        }
    }
}

/// Compares the library with the known one.
fn check(library: &Path) -> io::Result<()> {
    let bytes = std::fs::read(library)
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", library.display())))?;
    let found: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    if found == LIBRARY_SHA256 {
        return Ok(());
    }
    let text = format!("{} is not the library of this version; install Tornado VPN again", library.display());
    Err(io::Error::new(io::ErrorKind::InvalidData, text))
}
