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
        let quiet = quiet.as_micros() as u64;
        loop {
            let last = self.shared.last.load(Ordering::SeqCst);
            if self.shared.now().saturating_sub(last.max(from)) >= quiet {
                return Ok(last.saturating_sub(from) as f64 / 1e3);
            }
            if instant.elapsed() > within {
                bail!("packets still come out of the tunnel after {within:?}");
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// How many came past the tunnel so far.
    pub fn clear(&self) -> u64 {
        self.shared.clear.load(Ordering::SeqCst)
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

    /// A pulse without a network; packets come when [`Shared::note`] says so.
    fn pulse() -> Pulse {
        Pulse { shared: Arc::new(Shared::new()), threads: Vec::new() }
    }

    const QUIET: Duration = Duration::from_millis(80);

    #[test]
    fn a_silence_that_comes_late_is_told_as_late() {
        let pulse = pulse();
        let called = Instant::now();
        let shared = pulse.shared.clone();
        let packets = std::thread::spawn(move || {
            while called.elapsed() < Duration::from_millis(300) {
                shared.note((SERVER.v4, PORT).into());
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        let after = pulse.silent_after_ms(called, QUIET, Duration::from_secs(20)).unwrap();
        packets.join().unwrap();
        assert!(after >= 250.0, "{after}");
    }

    #[test]
    fn packets_without_an_end_are_an_error() {
        let pulse = pulse();
        let (called, stop) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let (shared, end) = (pulse.shared.clone(), stop.clone());
        let packets = std::thread::spawn(move || {
            while !end.load(Ordering::SeqCst) {
                shared.note((SERVER.v4, PORT).into());
            }
        });
        let answer = pulse.silent_after_ms(called, Duration::from_secs(5), Duration::from_millis(100));
        stop.store(true, Ordering::SeqCst);
        packets.join().unwrap();
        assert!(answer.is_err(), "{answer:?}");
    }

    #[test]
    fn what_was_silent_before_was_silent_at_once() {
        let pulse = pulse();
        pulse.shared.note((SERVER.v4, PORT).into());
        std::thread::sleep(Duration::from_millis(5));
        assert_eq!(pulse.silent_after_ms(Instant::now(), QUIET, Duration::from_secs(20)).unwrap(), 0.0);
    }
}
