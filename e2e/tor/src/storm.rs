//! A device that uses its connection in every way at once, and the outcome of each flow.

use crate::load::{self, Outcome};
use crate::steady;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tornado_e2e_harness::{Host, patient};

/// Time limit of a flow in an open lane, longer on a busy machine.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes that a download reads between two pauses: the pace of a browser, not of a benchmark.
const BITE: usize = 32 << 10;
const REST: Duration = Duration::from_millis(15);

/// A kind of flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page on port 80.
    Page,
    /// A connection that stays open and is used.
    Kept,
    /// A connection whose response never comes.
    Waiting,
    /// An endless download.
    Download,
}

/// How a flow ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With a page, which contains the client's address.
    Page(String),
    /// With the maintenance page.
    Maintenance,
    /// Rejected, reset or closed.
    Cut,
    /// Timed out without any data.
    Hung,
    /// Ended by the test, because the load is stopped.
    Over,
    /// With an unexpected response.
    Odd(String),
}

/// One TCP flow.
#[derive(Debug, Clone)]
pub struct Flow {
    /// Its kind.
    pub kind: Kind,
    /// When it started to connect.
    pub began: Instant,
    /// When it ended.
    pub ended: Instant,
    /// How it ended.
    pub end: End,
    /// True if it carried data other than maintenance pages.
    pub carried: bool,
}

/// Threads of a device that run until they are stopped.
#[derive(Debug)]
pub struct Storm {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Flow>>>,
}

impl Storm {
    /// Starts two threads per kind, to the web server and to the server that keeps connections open at `to`.
    #[must_use]
    pub fn start(host: &Host, to: IpAddr) -> Self {
        let stop = Arc::<AtomicBool>::default();
        let kinds = [Kind::Page, Kind::Page, Kind::Kept, Kind::Kept, Kind::Waiting, Kind::Waiting, Kind::Download];
        let one = |kind| {
            let (host, stop) = (host.clone(), Arc::clone(&stop));
            std::thread::spawn(move || host.enter(|| rage(kind, to, &stop)).unwrap_or_default())
        };
        Self { threads: kinds.into_iter().map(one).collect(), stop }
    }

    /// Stops the threads and returns all flows.
    ///
    /// # Panics
    /// Panics if a thread panicked.
    #[must_use]
    pub fn stop(self) -> Vec<Flow> {
        self.stop.store(true, Ordering::Relaxed);
        let join = |thread: JoinHandle<Vec<Flow>>| match thread.join() {
            Ok(flows) => flows,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        self.threads.into_iter().flat_map(join).collect()
    }
}

fn rage(kind: Kind, to: IpAddr, stop: &AtomicBool) -> Vec<Flow> {
    let mut flows = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        let began = Instant::now();
        let mut carried = false;
        let end = match kind {
            Kind::Page => page(SocketAddr::new(to, 80)),
            Kind::Kept | Kind::Waiting | Kind::Download => match flow(kind, to, stop, &mut carried) {
                Ok(end) => end,
                Err(error) => judge(&error),
            },
        };
        carried |= matches!(end, End::Page(_));
        flows.push(Flow { kind, began, ended: Instant::now(), end, carried });
        // Retries like a program that tries again immediately, not like a flood.
        std::thread::sleep(Duration::from_millis(20));
    }
    flows
}

fn page(to: SocketAddr) -> End {
    match load::ask(to, patient(PATIENCE)) {
        Outcome::Page(from) => End::Page(from),
        Outcome::Maintenance => End::Maintenance,
        Outcome::Cut => End::Cut,
        Outcome::Hung => End::Hung,
        Outcome::Odd(what) => End::Odd(what),
    }
}

fn judge(error: &std::io::Error) -> End {
    if load::HUNG.contains(&error.kind()) {
        return End::Hung;
    }
    if load::CUT.contains(&error.kind()) { End::Cut } else { End::Odd(error.to_string()) }
}

fn flow(kind: Kind, to: IpAddr, stop: &AtomicBool, carried: &mut bool) -> std::io::Result<End> {
    let port = if kind == Kind::Download { 80 } else { steady::PORT };
    let mut stream = TcpStream::connect_timeout(&SocketAddr::new(to, port), patient(PATIENCE))?;
    stream.set_read_timeout(Some(patient(PATIENCE)))?;
    stream.set_write_timeout(Some(patient(PATIENCE)))?;
    // Data the kernel has received is read to its end even after a reset. A small buffer makes the reset visible in
    // time.
    nix::sys::socket::setsockopt(&stream, nix::sys::socket::sockopt::RcvBuf, &BITE)?;
    match kind {
        Kind::Page | Kind::Download => download(&mut stream, stop, carried),
        Kind::Kept => keep(&mut stream, stop, carried),
        Kind::Waiting => wait(&mut stream, stop, carried),
    }
}

fn download(stream: &mut TcpStream, stop: &AtomicBool, carried: &mut bool) -> std::io::Result<End> {
    stream.write_all(b"GET /bytes/1000000000 HTTP/1.1\r\nHost: site.test\r\nConnection: close\r\n\r\n")?;
    let mut buffer = vec![0; BITE];
    let mut first = true;
    while !stop.load(Ordering::Relaxed) {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            return Ok(End::Cut);
        }
        if std::mem::take(&mut first) && buffer.starts_with(b"HTTP/1.1 503 ") {
            return Ok(End::Maintenance);
        }
        *carried = true;
        std::thread::sleep(REST);
    }
    Ok(End::Over)
}

fn keep(stream: &mut TcpStream, stop: &AtomicBool, carried: &mut bool) -> std::io::Result<End> {
    let (words, mut buffer) = ([b'k'; 200], [0; 200]);
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&words)?;
        match stream.read_exact(&mut buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(End::Cut),
            other => other?,
        }
        if buffer != words {
            return Ok(End::Odd("the echo differs from the sent data".to_owned()));
        }
        *carried = true;
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(End::Over)
}

/// Waits without sending, so that no sent packet can be answered with a reset.
fn wait(stream: &mut TcpStream, stop: &AtomicBool, carried: &mut bool) -> std::io::Result<End> {
    stream.write_all(&[steady::SILENCE])?;
    *carried = true;
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    while !stop.load(Ordering::Relaxed) {
        match stream.read(&mut [0; 16]) {
            Ok(0) => return Ok(End::Cut),
            Ok(_) => return Ok(End::Odd("data on a connection that is never answered".to_owned())),
            Err(error) if load::HUNG.contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(End::Over)
}

/// Summarises the flows by kind and end as text.
#[must_use]
pub fn summary(flows: &[Flow]) -> String {
    let count = |kind: Kind, is_it: fn(&Flow) -> bool| flows.iter().filter(|f| f.kind == kind && is_it(f)).count();
    let of = |kind| {
        format!(
            "{kind:?} {} (carried {}, pages {}, maintenance {}, cut {}, hung {})",
            count(kind, |_| true),
            count(kind, |flow| flow.carried),
            count(kind, |flow| matches!(flow.end, End::Page(_))),
            count(kind, |flow| flow.end == End::Maintenance),
            count(kind, |flow| flow.end == End::Cut),
            count(kind, |flow| flow.end == End::Hung),
        )
    };
    [Kind::Page, Kind::Kept, Kind::Waiting, Kind::Download].map(of).join("; ")
}
