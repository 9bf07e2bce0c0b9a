//! A server in the internet that keeps connections open: it echoes what it receives, except on connections it never
//! answers.

use anyhow::Result;
use parking_lot::Mutex;
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, Ipv6Addr, TcpListener, TcpStream};
use std::sync::Arc;
use tornado_e2e_harness::Lab;

/// Its port, as of many services that keep connections open.
pub const PORT: u16 = 443;
/// A connection that starts with this byte is never answered.
pub const SILENCE: u8 = b'w';

/// The client addresses, oldest first. The server ends with the test's process.
#[derive(Debug, Clone, Default)]
pub struct Steady(Arc<Mutex<Vec<IpAddr>>>);

impl Steady {
    /// Starts it in the lab's host `internet`.
    ///
    /// # Errors
    ///
    /// Fails if it cannot listen.
    pub fn start(lab: &Lab) -> Result<Self> {
        // A socket stays in the namespace in which it was created, whichever thread uses it.
        let listener = lab.host("internet")?.enter(|| TcpListener::bind((Ipv6Addr::UNSPECIFIED, PORT)))??;
        let steady = Self::default();
        let log = steady.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if let Ok(from) = stream.peer_addr() {
                    log.0.lock().push(from.ip().to_canonical());
                }
                std::thread::spawn(move || answer(stream));
            }
        });
        Ok(steady)
    }

    /// Returns the client addresses so far.
    #[must_use]
    pub fn seen(&self) -> Vec<IpAddr> {
        self.0.lock().clone()
    }
}

fn answer(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        let Some(bytes) = buffer.get(..read) else { return };
        if bytes.first() != Some(&SILENCE) && stream.write_all(bytes).is_err() {
            return;
        }
    }
}
