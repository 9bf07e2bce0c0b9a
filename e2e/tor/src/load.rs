//! Devices that request pages continuously, and the outcome of each request.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tornado_e2e_harness::Host;

/// The outcome of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A page from beyond Tor.
    Page(String),
    /// The maintenance page.
    Maintenance,
    /// Rejected, reset or closed.
    Cut,
    /// No response within the time limit.
    Hung,
    /// An unexpected response.
    Odd(String),
}

/// Errors that mean a timeout.
pub(crate) const HUNG: [ErrorKind; 2] = [ErrorKind::TimedOut, ErrorKind::WouldBlock];
/// Errors that are reported immediately. The last two mean that there is no route, because the device's own interface
/// is missing.
pub(crate) const CUT: [ErrorKind; 7] = [
    ErrorKind::ConnectionRefused,
    ErrorKind::ConnectionReset,
    ErrorKind::ConnectionAborted,
    ErrorKind::BrokenPipe,
    ErrorKind::NotConnected,
    ErrorKind::NetworkUnreachable,
    ErrorKind::HostUnreachable,
];

/// Sends one `GET /` from the calling thread's network namespace.
#[must_use]
pub fn ask(to: SocketAddr, within: Duration) -> Outcome {
    match exchange(to, within) {
        Ok(bytes) => judge(&bytes),
        Err(error) if HUNG.contains(&error.kind()) => Outcome::Hung,
        Err(error) if CUT.contains(&error.kind()) => Outcome::Cut,
        Err(error) => Outcome::Odd(error.to_string()),
    }
}

fn exchange(to: SocketAddr, within: Duration) -> std::io::Result<Vec<u8>> {
    let until = Instant::now() + within;
    let mut stream = TcpStream::connect_timeout(&to, within)?;
    stream.set_write_timeout(Some(within))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")?;
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => return Ok(bytes),
            read => bytes.extend_from_slice(&buffer[..read]),
        }
    }
}

fn judge(bytes: &[u8]) -> Outcome {
    let text = String::from_utf8_lossy(bytes);
    if text.starts_with("HTTP/1.1 200 ") {
        let body = text.split_once("\r\n\r\n").map(|(_, body)| body.trim().to_owned());
        return body.map_or(Outcome::Cut, Outcome::Page);
    }
    if text.starts_with("HTTP/1.1 503 ") {
        return Outcome::Maintenance;
    }
    if text.is_empty() { Outcome::Cut } else { Outcome::Odd(text.into_owned()) }
}

/// A request's outcome, start and duration.
#[derive(Debug, Clone)]
pub struct Request {
    /// The start.
    pub began: Instant,
    /// The time until the outcome.
    pub took: Duration,
    /// The outcome.
    pub outcome: Outcome,
}

/// Threads that send requests until they are stopped.
#[derive(Debug)]
pub struct Hammer {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Request>>>,
}

impl Hammer {
    /// Starts `threads` threads in a host; a request that takes longer than `patience` counts as hung.
    #[must_use]
    pub fn start(host: &Host, to: SocketAddr, threads: usize, patience: Duration) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let one = |_| {
            let (host, stop) = (host.clone(), Arc::clone(&stop));
            std::thread::spawn(move || host.enter(|| hammer(to, patience, &stop)).unwrap_or_default())
        };
        let threads = (0..threads).map(one).collect();
        Self { stop, threads }
    }

    /// Stops the threads and returns all requests.
    ///
    /// # Panics
    /// Panics if a thread panicked.
    #[must_use]
    pub fn stop(self) -> Vec<Request> {
        self.stop.store(true, Ordering::Relaxed);
        let join = |thread: JoinHandle<Vec<Request>>| match thread.join() {
            Ok(requests) => requests,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        self.threads.into_iter().flat_map(join).collect()
    }
}

fn hammer(to: SocketAddr, patience: Duration, stop: &AtomicBool) -> Vec<Request> {
    let mut requests = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let outcome = ask(to, patience);
        requests.push(Request { began, took: began.elapsed(), outcome });
        // Retries like a program that tries again immediately, not like a flood.
        std::thread::sleep(Duration::from_millis(20));
    }
    requests
}

/// Summarises the outcomes and the longest time as text.
#[must_use]
pub fn summary(requests: &[Request]) -> String {
    let count = |is_it: fn(&Outcome) -> bool| requests.iter().filter(|request| is_it(&request.outcome)).count();
    let longest = requests.iter().map(|request| request.took).max().unwrap_or_default();
    format!(
        "{} requests: {} pages, {} maintenance, {} cut, {} hung, {} odd; longest {longest:?}",
        requests.len(),
        count(|outcome| matches!(outcome, Outcome::Page(_))),
        count(|outcome| matches!(outcome, Outcome::Maintenance)),
        count(|outcome| matches!(outcome, Outcome::Cut)),
        count(|outcome| matches!(outcome, Outcome::Hung)),
        count(|outcome| matches!(outcome, Outcome::Odd(_))),
    )
}
