//! Listeners in place of Tor, and a client that counts how its connections end.

use super::Ns;
use nix::sys::socket::{getsockopt, sockopt};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tornado_contracts::wg::TorLane;

pub const OPEN: TorLane = TorLane::Open { trans_port: 9040, dns_port: 9053, socks_port: 9050 };
pub const PAGE: TorLane = TorLane::Maintenance { page_port: 9041 };
pub const GATEWAY4: &str = "10.9.0.1";
pub const GATEWAY6: &str = "fd74:6f72:6e61:9::1";

/// Starts the listeners. TransPort sends the client's address and the original destination, then echoes. SOCKS and the
/// page also send their name. DNSPort answers with the client's address. The listeners run until the process ends.
pub fn fake_tor(ns: &Ns) {
    for address in [GATEWAY4, GATEWAY6] {
        let at = |port: u16| SocketAddr::new(address.parse().unwrap(), port);
        for (port, word) in [(9040, ""), (9041, "page"), (9050, "socks")] {
            let to = at(port);
            let listener = ns.run(move || TcpListener::bind(to).unwrap());
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    std::thread::spawn(move || serve(stream, word));
                }
            });
        }
        let to = at(9053);
        let udp = ns.run(move || UdpSocket::bind(to).unwrap());
        std::thread::spawn(move || {
            let mut buffer = [0; 600];
            while let Ok((_, from)) = udp.recv_from(&mut buffer) {
                let _ = udp.send_to(from.ip().to_string().as_bytes(), from);
            }
        });
    }
}

fn serve(mut stream: TcpStream, word: &str) {
    let original = match getsockopt(&stream, sockopt::OriginalDst) {
        Ok(to) => std::net::Ipv4Addr::from(u32::from_be(to.sin_addr.s_addr)).to_string(),
        Err(_) => "?".into(),
    };
    let peer = stream.peer_addr().unwrap().ip();
    let hello = format!("{peer} {original} {word}\n");
    if stream.write_all(hello.as_bytes()).is_err() {
        return;
    }
    let mut buffer = [0; 4096];
    while let Ok(n) = stream.read(&mut buffer) {
        if n == 0 || stream.write_all(&buffer[..n]).is_err() {
            return;
        }
    }
}

/// Client address and first line of a new connection.
pub fn greeting(to: &str) -> std::io::Result<(IpAddr, String)> {
    let mut stream = TcpStream::connect_timeout(&to.parse().unwrap(), super::patient(Duration::from_secs(2)))?;
    stream.set_read_timeout(Some(super::patient(Duration::from_secs(2))))?;
    let mut buffer = [0; 200];
    let n = stream.read(&mut buffer)?;
    let text = String::from_utf8_lossy(&buffer[..n]).into_owned();
    let peer = text.split(' ').next().and_then(|peer| peer.parse().ok());
    peer.map(|peer| (peer, text)).ok_or_else(|| ErrorKind::UnexpectedEof.into())
}

/// Client address as Tor's DNSPort sees it.
pub fn query_dns(server: &str) -> std::io::Result<IpAddr> {
    let any = if server.starts_with('[') { "[::]:0" } else { "0.0.0.0:0" };
    let socket = UdpSocket::bind(any)?;
    socket.set_read_timeout(Some(super::patient(Duration::from_secs(1))))?;
    socket.connect(server)?;
    // As long as the header of a query (RFC 1035 §4.1.1): shorter datagrams do not reach Tor.
    socket.send(&[0; 12])?;
    let mut buffer = [0; 100];
    let n = socket.recv(&mut buffer)?;
    String::from_utf8_lossy(&buffer[..n]).parse().map_err(|_| ErrorKind::InvalidData.into())
}

/// Counts of how connections ended.
#[derive(Default)]
pub struct Tally {
    pub answered: AtomicU64,
    pub refused: AtomicU64,
    pub cut: AtomicU64,
    pub hung: AtomicU64,
    pub slowest_us: AtomicU64,
    pub stop: AtomicBool,
}

impl Tally {
    /// Opens connections one after the other, with some exchanges on each, until `stop`.
    pub fn connect_repeatedly(self: &Arc<Self>, ns: &Ns, to: &'static str) -> std::thread::JoinHandle<()> {
        let tally = self.clone();
        ns.spawn(move || {
            while !tally.stop.load(Ordering::Relaxed) {
                tally.one_call(to);
            }
        })
    }

    fn one_call(&self, to: &str) {
        let mut stream = match self
            .timed(|| TcpStream::connect_timeout(&to.parse().unwrap(), super::patient(Duration::from_secs(3))))
        {
            Ok(stream) => stream,
            Err(error) => return self.count(&error),
        };
        stream.set_read_timeout(Some(super::patient(Duration::from_secs(3)))).unwrap();
        for _ in 0..20 {
            let exchanged = self.timed(|| {
                stream.write_all(b"x")?;
                let n = stream.read(&mut [0; 300])?;
                if n == 0 { Err(ErrorKind::ConnectionReset.into()) } else { Ok(()) }
            });
            match exchanged {
                Ok(()) => self.answered.fetch_add(1, Ordering::Relaxed),
                Err(error) => return self.count(&error),
            };
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn timed<T>(&self, call: impl FnOnce() -> std::io::Result<T>) -> std::io::Result<T> {
        let started = Instant::now();
        let result = call();
        let took = started.elapsed();
        self.slowest_us.fetch_max(took.as_micros() as u64, Ordering::Relaxed);
        if took > Duration::from_secs(1) && took > super::patient(Duration::from_secs(1)) {
            self.hung.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    fn count(&self, error: &std::io::Error) {
        let kind = error.kind();
        if kind == ErrorKind::ConnectionRefused {
            self.refused.fetch_add(1, Ordering::Relaxed);
        } else if kind == ErrorKind::ConnectionReset || kind == ErrorKind::BrokenPipe {
            self.cut.fetch_add(1, Ordering::Relaxed);
        } else {
            eprintln!("a connection failed: {error}");
            self.hung.fetch_add(1, Ordering::Relaxed);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Sends packets that no lane may let out from inside a device: raw protocols, fragments, stray segments, IPv6.
pub fn send_leak_packets(from: std::net::Ipv4Addr) {
    use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn, sendto, socket};
    use std::os::fd::AsRawFd as _;
    let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
    for port in [443, 33434, 9053] {
        let _ = udp.send_to(&[7; 3000], (super::INTERNET4, port));
    }
    let udp6 = UdpSocket::bind("[::]:0").unwrap();
    for port in [443, 9053] {
        let _ = udp6.send_to(&[7; 100], (super::INTERNET6, port));
    }
    let raw = socket(AddressFamily::Inet, SockType::Raw, SockFlag::empty(), SockProtocol::Raw).unwrap();
    let to = SockaddrIn::new(198, 51, 100, 2, 0);
    for protocol in [1u8, 2, 4, 17, 41, 47, 50, 51, 132, 136, 255] {
        for fragment in [0u8, 0x20] {
            let mut packet = vec![0x45, 0, 0, 60, 0, protocol, fragment, 0, 64, protocol, 0, 0];
            packet.extend(from.octets());
            packet.extend([198, 51, 100, 2]);
            packet.resize(60, 0x5a);
            let _ = sendto(raw.as_raw_fd(), &packet, &to, MsgFlags::empty());
        }
    }
    for flags in [0u8, 0x01, 0x04, 0x10, 0x12, 0x29, 0xff] {
        let mut packet = vec![0x45, 0, 0, 40, 0, flags, 0, 0, 64, 6, 0, 0];
        packet.extend(from.octets());
        packet.extend([198, 51, 100, 2]);
        packet.extend([0x30, 0x39, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 0x20, 0, 0, 0, 0, 0]);
        let _ = sendto(raw.as_raw_fd(), &packet, &to, MsgFlags::empty());
    }
}
