//! Sends a datagram every millisecond through a device's tunnel and records when one last left the server.

use anyhow::{Context as _, bail};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Host, INTERNET, SERVER};

/// Target port.
const PORT: u16 = 9_999;

/// Runs until it is dropped.
pub struct Pulse {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    begun: Instant,
    stop: AtomicBool,
    /// Time of the latest datagram from the server's address, in microseconds since `begun`.
    last: AtomicU64,
    /// Longest interval between two of these, in microseconds.
    longest: AtomicU64,
    /// Number of datagrams from other addresses, which did not use the tunnel.
    clear: AtomicU64,
}

impl Shared {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            stop: AtomicBool::new(false),
            last: AtomicU64::new(0),
            longest: AtomicU64::new(0),
            clear: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn note(&self, from: SocketAddr) {
        if from.ip() != SERVER.v4 {
            self.clear.fetch_add(1, Ordering::SeqCst);
            return;
        }
        let now = self.now();
        let before = self.last.swap(now, Ordering::SeqCst);
        self.longest.fetch_max(now.saturating_sub(before), Ordering::SeqCst);
    }
}

impl Pulse {
    /// Starts sending from a device to the lab's internet.
    pub fn start(device: &Host, internet: &Host) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::new());
        let (ready, is_ready) = mpsc::channel();
        let threads = vec![
            thread(internet.clone(), shared.clone(), move |shared| receive(shared, &ready)),
            thread(device.clone(), shared.clone(), send),
        ];
        is_ready.recv_timeout(Duration::from_secs(5)).context("the receiver of the datagrams did not start")?;
        Ok(Self { shared, threads })
    }

    /// Waits for a datagram that arrives at least 100 ms from now, so that a series of them has arrived.
    pub fn wait(&self, within: Duration) -> anyhow::Result<()> {
        let (from, started) = (self.shared.now() + 100_000, Instant::now());
        while self.shared.last.load(Ordering::SeqCst) < from {
            if started.elapsed() > within {
                bail!("no datagram left the tunnel within {within:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The longest silence since the last call, including one that still lasts, in milliseconds.
    pub fn longest_ms(&self) -> f64 {
        let still = self.shared.now().saturating_sub(self.shared.last.load(Ordering::SeqCst));
        self.shared.longest.swap(0, Ordering::SeqCst).max(still) as f64 / 1e3
    }

    /// Waits until no datagram has arrived for `quiet`. Returns the milliseconds from `instant` to the last one; zero
    /// if none arrived since then.
    ///
    /// # Errors
    ///
    /// Fails if datagrams still arrive after `within`.
    pub fn silent_after_ms(&self, instant: Instant, quiet: Duration, within: Duration) -> anyhow::Result<f64> {
        let from = instant.saturating_duration_since(self.shared.begun).as_micros() as u64;
        let (quiet, within) = (quiet.as_micros() as u64, within.as_micros() as u64);
        loop {
            let last = self.shared.last.load(Ordering::SeqCst);
            match silence(self.shared.now(), from, last, quiet, within) {
                Silence::Since(ms) => return Ok(ms),
                Silence::NotYet => std::thread::sleep(Duration::from_millis(1)),
                Silence::Never => bail!("packets still leave the tunnel"),
            }
        }
    }

    /// Number of datagrams so far that bypassed the tunnel.
    pub fn clear(&self) -> u64 {
        self.shared.clear.load(Ordering::SeqCst)
    }
}

/// The current result.
#[derive(Debug, PartialEq)]
enum Silence {
    /// Milliseconds from the instant to the last packet.
    Since(f64),
    NotYet,
    /// Packets arrived for longer than `within`.
    Never,
}

/// Evaluates the silence after `from` at `now`; the latest packet arrived at `last`. All times are in microseconds.
fn silence(now: u64, from: u64, last: u64, quiet: u64, within: u64) -> Silence {
    if now.saturating_sub(last.max(from)) >= quiet {
        Silence::Since(last.saturating_sub(from) as f64 / 1e3)
    } else if now.saturating_sub(from) > within {
        Silence::Never
    } else {
        Silence::NotYet
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn thread(host: Host, shared: Arc<Shared>, work: impl FnOnce(&Shared) + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || {
        if let Err(error) = host.enter(|| work(&shared)) {
            eprintln!("cannot enter the namespace: {error}");
        }
    })
}

fn receive(shared: &Shared, ready: &mpsc::Sender<()>) {
    let Ok(socket) = UdpSocket::bind((INTERNET.v4, PORT)) else { return };
    drop(socket.set_read_timeout(Some(Duration::from_millis(100))));
    // If the receiver has given up, this thread is stopped soon.
    let _ = ready.send(());
    let mut buffer = [0; 64];
    while !shared.stop.load(Ordering::SeqCst) {
        if let Ok((_, from)) = socket.recv_from(&mut buffer) {
            shared.note(from);
        }
    }
}

/// The socket is not connected, so that the kernel chooses route and source address for every datagram.
fn send(shared: &Shared) {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return };
    while !shared.stop.load(Ordering::SeqCst) {
        // Errors are expected: the gap is what is measured.
        drop(socket.send_to(b"pulse", (INTERNET.v4, PORT)));
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000;

    fn after(now: u64, last: u64) -> Silence {
        silence(now * MS, 100 * MS, last * MS, 80 * MS, 20_000 * MS)
    }

    #[test]
    fn a_silence_that_comes_late_is_told_as_late() {
        assert_eq!(after(401, 400), Silence::NotYet);
        assert_eq!(after(479, 400), Silence::NotYet);
        assert_eq!(after(480, 400), Silence::Since(300.0));
    }

    #[test]
    fn packets_without_an_end_are_an_error() {
        assert_eq!(after(20_100, 20_099), Silence::NotYet);
        assert_eq!(after(20_101, 20_100), Silence::Never);
    }

    #[test]
    fn what_was_silent_before_was_silent_at_once() {
        assert_eq!(after(100, 50), Silence::NotYet);
        assert_eq!(after(180, 50), Silence::Since(0.0));
    }

    #[test]
    fn packets_past_the_tunnel_are_counted_apart() {
        let shared = Shared::new();
        shared.note((SERVER.v4, PORT).into());
        shared.note(([198, 51, 100, 1], PORT).into());
        assert_eq!(shared.clear.load(Ordering::SeqCst), 1);
        assert!(shared.last.load(Ordering::SeqCst) <= shared.now());
    }
}
