//! A resolver in `internet` that knows one name, whose addresses can change while it runs.

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use tornado_e2e_harness::{Host, INTERNET};

/// Answers each A and AAAA query with the addresses of that family. Stopped on drop.
#[derive(Debug)]
pub struct Upstream {
    addresses: Arc<Mutex<Vec<IpAddr>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// Listens in `host` on port 53 of [`INTERNET`].
    ///
    /// # Errors
    ///
    /// Fails if the namespace cannot be entered or the port is in use.
    pub fn start(host: &Host, addresses: &[IpAddr]) -> Result<Self> {
        let at = SocketAddr::from((INTERNET.v4, 53));
        let socket = host.enter(|| UdpSocket::bind(at))?.context("cannot bind port 53")?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let (addresses, stop) = (Arc::new(Mutex::new(addresses.to_vec())), Arc::new(AtomicBool::new(false)));
        let (known, end) = (addresses.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let known = known.lock().clone();
                if let Some(answer) = buffer.get(..length).and_then(|question| answer(question, &known)) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Ok(Self { addresses, stop, thread: Some(thread) })
    }

    /// Sets the addresses of the name.
    pub fn set(&self, addresses: &[IpAddr]) {
        *self.addresses.lock() = addresses.to_vec();
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Builds the response (RFC 1035 §4.1): the question, and the addresses of the queried family.
fn answer(question: &[u8], known: &[IpAddr]) -> Option<Vec<u8>> {
    let name = question.get(12..)?.iter().position(|byte| *byte == 0)? + 13;
    let kind = question.get(name..name + 2)?;
    let fitting: Vec<&IpAddr> =
        known.iter().filter(|address| kind == if address.is_ipv4() { [0, 1] } else { [0, 28] }).collect();
    let mut bytes = question.get(..2)?.to_vec();
    bytes.extend([0x81, 0x80, 0, 1, 0, u8::try_from(fitting.len()).ok()?, 0, 0, 0, 0]);
    bytes.extend(question.get(12..name + 4)?);
    for address in fitting {
        bytes.extend([0xc0, 12]);
        bytes.extend(kind);
        bytes.extend([0, 1, 0, 0, 0, 1]);
        match address {
            IpAddr::V4(v4) => bytes.extend([&[0, 4], v4.octets().as_slice()].concat()),
            IpAddr::V6(v6) => bytes.extend([&[0, 16], v6.octets().as_slice()].concat()),
        }
    }
    Some(bytes)
}
