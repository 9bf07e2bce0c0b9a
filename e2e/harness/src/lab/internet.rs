//! The servers of `internet`: a web server on port 80 and a UDP echo on port 7, for IPv4 and IPv6.
//!
//! | request | response |
//! |---|---|
//! | `/` | the client's address |
//! | `/bytes/N` | N bytes |
//! | `POST` to any path | the number of body bytes that arrived |

use crate::lab::topology;
use crate::{Addresses, HarnessError, host::enter_namespace};
use nix::sys::socket::{setsockopt, sockopt};
use parking_lot::Mutex;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::oneshot;

const HTTP: u16 = 80;
const ECHO: u16 = 7;
const HEAD_MAX: u64 = 8_192;
const BYTES_MAX: u64 = 1 << 30;

/// A request that arrived in `internet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Source address.
    pub from: IpAddr,
    /// Method and path, or `UDP`.
    pub what: String,
}

/// The servers of `internet`. They end on drop, with all connections.
#[derive(Debug)]
pub struct Internet {
    seen: Log,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<Seen>>>);

impl Log {
    fn push(&self, from: SocketAddr, what: &str) {
        let seen = Seen { from: from.ip().to_canonical(), what: what.to_owned() };
        self.0.lock().push(seen);
    }
}

impl Internet {
    pub(crate) fn start(namespace: &str) -> Result<Self, HarnessError> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, is_ready) = mpsc::channel();
        let (seen, namespace) = (Log::default(), namespace.to_owned());
        let log = seen.clone();
        let thread = std::thread::spawn(move || {
            let result = run_in(&namespace, log, || ready.send(Ok(())), async {
                // The channel also closes if the owner is dropped.
                let _ = stopped.await;
            });
            if let Err(error) = result {
                // After the start no receiver waits for an error.
                let _ = ready.send(Err(error));
            }
        });
        is_ready.recv_timeout(Duration::from_secs(10)).map_err(|_| HarnessError::Timeout {
            what: "the internet's servers".into(),
            after: Duration::from_secs(10),
        })??;
        Ok(Self { seen, stop: Some(stop), thread: Some(thread) })
    }

    /// The addresses of `internet`.
    #[must_use]
    pub const fn addresses(&self) -> Addresses {
        topology::INTERNET
    }

    /// The web server over IPv4.
    #[must_use]
    pub fn http_v4(&self) -> SocketAddr {
        (topology::INTERNET.v4, HTTP).into()
    }

    /// The web server over IPv6.
    #[must_use]
    pub fn http_v6(&self) -> SocketAddr {
        (topology::INTERNET.v6, HTTP).into()
    }

    /// The UDP echo over IPv4.
    #[must_use]
    pub fn echo_v4(&self) -> SocketAddr {
        (topology::INTERNET.v4, ECHO).into()
    }

    /// The UDP echo over IPv6.
    #[must_use]
    pub fn echo_v6(&self) -> SocketAddr {
        (topology::INTERNET.v6, ECHO).into()
    }

    /// All requests so far, oldest first.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.0.lock().clone()
    }
}

impl Drop for Internet {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves in this process until it is killed, for a permanent lab. The process must already be in the namespace, for
/// example with `ip netns exec`.
///
/// # Errors
///
/// Fails if the ports are in use.
pub fn serve_internet() -> Result<(), HarnessError> {
    run(Log::default(), || (), std::future::pending::<()>())
}

fn run_in<R>(namespace: &str, log: Log, ready: impl FnOnce() -> R, end: impl Future) -> Result<(), HarnessError> {
    enter_namespace(namespace)?;
    run(log, ready, end)
}

/// Runs on a separate runtime, so that all sockets are closed when this returns.
fn run<R>(log: Log, ready: impl FnOnce() -> R, end: impl Future) -> Result<(), HarnessError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(HarnessError::io("cannot create a runtime"))?;
    runtime.block_on(async {
        let bound = HarnessError::io("cannot listen in the internet");
        let listen = async {
            let web = TcpListener::bind((Ipv6Addr::UNSPECIFIED, HTTP)).await?;
            let echo = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, ECHO)).await?;
            // Many devices' datagrams of seconds in which this thread does not run.
            setsockopt(&echo, sockopt::RcvBufForce, &ECHO_BUFFER)?;
            Ok((web, echo))
        };
        let (web, echo) = listen.await.map_err(bound)?;
        ready();
        tokio::select! {
            () = serve_web(web, log.clone()) => {}
            () = serve_echo(echo, log) => {}
            _ = end => {}
        }
        Ok(())
    })
}

async fn serve_web(listener: TcpListener, log: Log) {
    loop {
        match listener.accept().await {
            Ok((stream, from)) => {
                let log = log.clone();
                tokio::spawn(async move {
                    if let Err(error) = answer(stream, from, &log).await {
                        tracing::debug!(%error, "a connection closed early");
                    }
                });
            }
            // Out of file descriptors: wait until other connections close.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

async fn answer(stream: TcpStream, from: SocketAddr, log: &Log) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let line_start = head.len();
        if (&mut reader).take(HEAD_MAX).read_line(&mut head).await? == 0 {
            return Ok(());
        }
        if head.get(line_start..).is_some_and(|line| line.trim().is_empty()) {
            break;
        }
        if head.len() as u64 > HEAD_MAX {
            return Ok(());
        }
    }
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    log.push(from, &format!("{method} {path}"));
    let body_length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<u64>().ok())
        .unwrap_or(0);
    let received = tokio::io::copy(&mut (&mut reader).take(body_length), &mut tokio::io::sink()).await?;
    let mut stream = reader.into_inner();
    if method == "POST" {
        return send(&mut stream, "200 OK", format!("{received}\n").as_bytes()).await;
    }
    if let Some(count) = path.strip_prefix("/bytes/").and_then(|n| n.parse::<u64>().ok()).filter(|n| *n <= BYTES_MAX) {
        return send_bytes(&mut stream, count).await;
    }
    match path {
        "/" => send(&mut stream, "200 OK", format!("{}\n", from.ip().to_canonical()).as_bytes()).await,
        _ => send(&mut stream, "404 Not Found", b"no such page\n").await,
    }
}

async fn send(stream: &mut TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    stream.write_all(head(status, body.len() as u64).as_bytes()).await?;
    stream.write_all(body).await?;
    stream.shutdown().await
}

async fn send_bytes(stream: &mut TcpStream, count: u64) -> std::io::Result<()> {
    stream.write_all(head("200 OK", count).as_bytes()).await?;
    tokio::io::copy(&mut tokio::io::repeat(b'.').take(count), stream).await?;
    stream.shutdown().await
}

fn head(status: &str, length: u64) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
}

/// Bytes.
const ECHO_BUFFER: usize = 8 * 1024 * 1024;

async fn serve_echo(socket: UdpSocket, log: Log) {
    let mut data = vec![0; 65_535];
    loop {
        // Errors belong to earlier responses to a closed port.
        let Ok((length, from)) = socket.recv_from(&mut data).await else { continue };
        log.push(from, "UDP");
        let _ = socket.send_to(data.get(..length).unwrap_or_default(), from).await;
    }
}
