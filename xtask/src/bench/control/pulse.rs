//! A datagram each millisecond through a device's tunnel, and when one came out of the server last.

use anyhow::{Context as _, bail};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Host, INTERNET, SERVER};

/// Where they go.
const PORT: u16 = 9_999;

/// Runs until it is dropped.
pub struct Pulse {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    begun: Instant,
    stop: AtomicBool,
    /// Microseconds since `begun`: the last that came under the server's address.
    last: AtomicU64,
    /// Microseconds: the longest pause between two of them.
    longest: AtomicU64,
    /// Those that came under another address: they did not go through the tunnel.
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
    /// From a device to the lab's internet.
    pub fn start(device: &Host, internet: &Host) -> anyhow::Result<Self> {
        let shared = Arc::new(Shared::new());
        let (ready, is_ready) = mpsc::channel();
        let threads = vec![
            thread(internet.clone(), shared.clone(), move |shared| receive(shared, &ready)),
            thread(device.clone(), shared.clone(), send),
        ];
        is_ready.recv_timeout(Duration::from_secs(5)).context("nobody listens for the pulse")?;
        Ok(Self { shared, threads })
    }

    /// Waits until one comes that was sent from now on, and then a little, so that there is a row of them.
    pub fn wait(&self, within: Duration) -> anyhow::Result<()> {
        let (from, started) = (self.shared.now() + 100_000, Instant::now());
        while self.shared.last.load(Ordering::SeqCst) < from {
            if started.elapsed() > within {
                bail!("nothing came out of the tunnel within {within:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// The longest silence since it was asked last, also one that goes on, in milliseconds.
    pub fn longest_ms(&self) -> f64 {
        let still = self.shared.now().saturating_sub(self.shared.last.load(Ordering::SeqCst));
        self.shared.longest.swap(0, Ordering::SeqCst).max(still) as f64 / 1e3
    }

    /// Milliseconds from an instant to the last that came, once none has come for `quiet`; zero when none came since.
    ///
    /// # Errors
    /// When they still come after `within`.
    pub fn silent_after_ms(&self, instant: Instant, quiet: Duration, within: Duration) -> anyhow::Result<f64> {
        let from = instant.saturating_duration_since(self.shared.begun).as_micros() as u64;
        let (quiet, within) = (quiet.as_micros() as u64, within.as_micros() as u64);
        loop {
            let last = self.shared.last.load(Ordering::SeqCst);
            match silence(self.shared.now(), from, last, quiet, within) {
                Silence::Since(ms) => return Ok(ms),
                Silence::NotYet => std::thread::sleep(Duration::from_millis(1)),
                Silence::Never => bail!("packets still come out of the tunnel"),
            }
        }
    }

    /// How many came past the tunnel so far.
    pub fn clear(&self) -> u64 {
        self.shared.clear.load(Ordering::SeqCst)
    }
}

/// What can be said now.
#[derive(Debug, PartialEq)]
enum Silence {
    /// Milliseconds from the instant to the last packet.
    Since(f64),
    NotYet,
    /// Packets came for longer than they may.
    Never,
}

/// The silence after `from`, as of `now`, where the last packet came at `last`; all in microseconds.
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
            eprintln!("no pulse: {error}");
        }
    })
}

fn receive(shared: &Shared, ready: &mpsc::Sender<()>) {
    let Ok(socket) = UdpSocket::bind((INTERNET.v4, PORT)) else { return };
    drop(socket.set_read_timeout(Some(Duration::from_millis(100))));
    // Whoever waits has given up: then it is dropped soon.
    let _ = ready.send(());
    let mut buffer = [0; 64];
    while !shared.stop.load(Ordering::SeqCst) {
        if let Ok((_, from)) = socket.recv_from(&mut buffer) {
            shared.note(from);
        }
    }
}

/// Not connected: routes and source addresses are chosen anew each time.
fn send(shared: &Shared) {
    let Ok(socket) = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)) else { return };
    while !shared.stop.load(Ordering::SeqCst) {
        // What cannot leave is what is looked for.
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
