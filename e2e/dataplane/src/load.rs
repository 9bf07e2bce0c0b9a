//! The load: TCP streams with small requests in between, and datagrams at a fixed rate.

use anyhow::Context as _;
use nix::sys::socket::{setsockopt, sockopt};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// Ports of the sink.
const STREAM: u16 = 5001;
const ECHO: u16 = 5002;
const DATAGRAM: u16 = 5003;
const COUNT: u16 = 5004;
/// Bytes: several seconds of datagrams, so that a busy machine loses none because this program does not run.
const BUFFER: usize = 16 * 1024 * 1024;
/// Pause between two small requests.
const ASK: Duration = Duration::from_millis(5);

/// Arguments of `sink`.
#[derive(clap::Args)]
pub struct SinkWords {
    /// Address to listen on
    #[arg(long)]
    bind: IpAddr,
}

impl SinkWords {
    /// Runs until killed.
    pub fn run(self) -> anyhow::Result<()> {
        let listen = |port| TcpListener::bind((self.bind, port)).context("cannot listen");
        let (streams, echoes, counts) = (listen(STREAM)?, listen(ECHO)?, listen(COUNT)?);
        let datagrams = UdpSocket::bind((self.bind, DATAGRAM))?;
        setsockopt(&datagrams, sockopt::RcvBufForce, &BUFFER).context("cannot enlarge the receive buffer")?;
        let seen = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&seen);
        spawn(move || {
            let mut buffer = [0; 2048];
            while datagrams.recv(&mut buffer).is_ok() {
                count.fetch_add(1, Ordering::Relaxed);
            }
        });
        serve(echoes, |mut stream| {
            stream.set_nodelay(true)?;
            let mut question = [0; 64];
            loop {
                stream.read_exact(&mut question)?;
                stream.write_all(&question)?;
            }
        });
        serve(counts, move |mut stream| stream.write_all(&seen.load(Ordering::Relaxed).to_le_bytes()));
        let all = serve(streams, |mut stream| {
            let (mut buffer, mut total) = (vec![0; 1 << 18], 0_u64);
            loop {
                match stream.read(&mut buffer)? {
                    0 => return stream.write_all(&total.to_le_bytes()),
                    n => total += n as u64,
                }
            }
        });
        drop(all.join());
        Ok(())
    }
}

fn serve(
    listener: TcpListener,
    answer: impl Fn(TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> std::thread::JoinHandle<()> {
    let answer = Arc::new(answer);
    spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            // An error means that the caller has closed the connection.
            spawn(move || drop(answer(stream)));
        }
    })
}

/// Arguments of `stream`.
#[derive(clap::Args)]
pub struct StreamWords {
    /// Address of the sink
    #[arg(long)]
    to: IpAddr,
    /// Number of parallel connections
    #[arg(long, default_value_t = 1)]
    streams: usize,
    /// Duration in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u32,
}

fn connect(to: IpAddr, port: u16) -> anyhow::Result<TcpStream> {
    let address = SocketAddr::new(to, port);
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).context("cannot connect to the sink")?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    Ok(stream)
}

impl StreamWords {
    /// Returns the bytes that arrived, the seconds, and the round-trip times of the small requests in microseconds.
    pub fn run(self) -> anyhow::Result<Value> {
        let connections = (0..self.streams).map(|_| connect(self.to, STREAM)).collect::<anyhow::Result<Vec<_>>>()?;
        let asking = connect(self.to, ECHO)?;
        let (stop, begun) = (Arc::new(AtomicBool::new(false)), Instant::now());
        let senders: Vec<_> = connections
            .into_iter()
            .map(|stream| {
                let stop = Arc::clone(&stop);
                spawn(move || send(stream, &stop))
            })
            .collect();
        let asked = Arc::clone(&stop);
        let asker = spawn(move || ask(asking, &asked));
        sleep(Duration::from_secs(self.seconds.into()));
        stop.store(true, Ordering::Relaxed);
        let mut bytes = 0;
        for sender in senders {
            bytes += sender.join().map_err(|_| anyhow::anyhow!("a sender panicked"))??;
        }
        let seconds = begun.elapsed().as_secs_f64();
        let mut trips = asker.join().map_err(|_| anyhow::anyhow!("the thread with the small requests panicked"))??;
        trips.sort_unstable();
        let at = |part: usize| trips.get((trips.len() * part / 100).min(trips.len().saturating_sub(1))).copied();
        Ok(json!({ "bytes": bytes, "seconds": seconds, "trips": trips.len(), "p50_us": at(50), "p99_us": at(99) }))
    }
}

/// Sends until `stop` is set. Returns the number of bytes that arrived.
fn send(mut stream: TcpStream, stop: &AtomicBool) -> anyhow::Result<u64> {
    let data = vec![0x5a; 1 << 17];
    while !stop.load(Ordering::Relaxed) {
        stream.write_all(&data)?;
    }
    stream.shutdown(std::net::Shutdown::Write)?;
    let mut total = [0; 8];
    stream.read_exact(&mut total)?;
    Ok(u64::from_le_bytes(total))
}

fn ask(mut stream: TcpStream, stop: &AtomicBool) -> anyhow::Result<Vec<u64>> {
    stream.set_nodelay(true)?;
    let (mut trips, mut question) = (Vec::new(), [0; 64]);
    while !stop.load(Ordering::Relaxed) {
        let begun = Instant::now();
        stream.write_all(&question)?;
        stream.read_exact(&mut question)?;
        trips.push(u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX));
        sleep(ASK);
    }
    Ok(trips)
}

/// Arguments of `datagrams`.
#[derive(clap::Args)]
pub struct DatagramWords {
    /// Address of the sink
    #[arg(long)]
    to: IpAddr,
    /// Datagrams per second; an unlimited flood would measure the scheduler
    #[arg(long, default_value_t = 20_000)]
    rate: u32,
    /// Size of a datagram in bytes
    #[arg(long, default_value_t = 200)]
    size: usize,
    /// Duration in seconds
    #[arg(long, default_value_t = 4)]
    seconds: u32,
}

impl DatagramWords {
    /// Returns the numbers of sent and received datagrams.
    pub fn run(self) -> anyhow::Result<Value> {
        let count = || -> anyhow::Result<u64> {
            let mut total = [0; 8];
            connect(self.to, COUNT)?.read_exact(&mut total)?;
            Ok(u64::from_le_bytes(total))
        };
        let before = count()?;
        let socket =
            UdpSocket::bind(SocketAddr::new(if self.to.is_ipv4() { [0; 4].into() } else { [0; 16].into() }, 0))?;
        socket.connect((self.to, DATAGRAM))?;
        let (data, begun, wanted) =
            (vec![0x5a; self.size], Instant::now(), u64::from(self.rate) * u64::from(self.seconds));
        let mut sent = 0_u64;
        while sent < wanted {
            let due = (begun.elapsed().as_secs_f64() * f64::from(self.rate)) as u64;
            while sent < due.min(wanted) {
                // Datagrams that the kernel rejects count as lost, as on any link.
                drop(socket.send(&data));
                sent += 1;
            }
            sleep(Duration::from_micros(500));
        }
        let seconds = begun.elapsed().as_secs_f64();
        sleep(Duration::from_millis(200));
        Ok(json!({ "sent": sent, "came": count()?.saturating_sub(before), "seconds": seconds }))
    }
}
