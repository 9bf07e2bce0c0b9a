//! The parts of DHCP (RFC 2131) that one client and one server need.

use super::{LEASED, ROUTER};
use crate::{HarnessError, Host};
use parking_lot::Mutex;
use socket2::{Domain, Protocol, Socket, Type};
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Number of bytes before the options, including the cookie.
const FIXED: usize = 240;
const SERVER: u16 = 67;
const CLIENT: u16 = 68;
const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const ACK: u8 = 5;

/// A route of option 121 (RFC 3442).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StaticRoute {
    /// Destination network.
    pub to: Ipv4Addr,
    /// Prefix length.
    pub length: u8,
    /// Gateway.
    pub via: Ipv4Addr,
}

/// The configuration that a client received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The client's address.
    pub address: Ipv4Addr,
    /// The default router.
    pub router: Ipv4Addr,
    /// Additional routes.
    pub routes: Vec<StaticRoute>,
}

/// A server that assigns one address and the configured routes. Ends on drop.
#[derive(Debug)]
pub(super) struct Server {
    routes: Arc<Mutex<Vec<StaticRoute>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(super) fn start(router: &Host) -> Result<Self, HarnessError> {
        let socket = router.enter(|| open("br0", SERVER))??;
        let (routes, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (given, end) = (routes.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 1500];
            while !end.load(Ordering::Relaxed) {
                let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
                let routes = given.lock().clone();
                if let Some(reply) = buffer.get(..length).and_then(|request| answer(request, &routes)) {
                    let _ = socket.send_to(&reply, (Ipv4Addr::BROADCAST, CLIENT));
                }
            }
        });
        Ok(Self { routes, stop, thread: Some(thread) })
    }

    pub(super) fn offer(&self, routes: &[StaticRoute]) {
        *self.routes.lock() = routes.to_vec();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Requests an address on `eth0`.
pub(super) fn ask(host: &Host) -> Result<Lease, HarnessError> {
    let socket = host.enter(|| open("eth0", CLIENT))??;
    let begun = Instant::now();
    let mut kind = DISCOVER;
    let mut buffer = [0; 1500];
    while begun.elapsed() < Duration::from_secs(10) {
        let mut request = vec![1, 1, 6, 0];
        request.extend([7; 4]);
        // Requests broadcast responses, because the client has no address yet.
        request.extend([0, 0, 0x80, 0]);
        request.resize(FIXED - COOKIE.len(), 0);
        request.extend(COOKIE);
        request.extend([53, 1, kind, 255]);
        let _ = socket.send_to(&request, (Ipv4Addr::BROADCAST, SERVER));
        let Ok((length, _)) = socket.recv_from(&mut buffer) else { continue };
        let Some(reply) = buffer.get(..length) else { continue };
        match option(reply, 53).and_then(|kind| kind.first().copied()) {
            Some(OFFER) => kind = REQUEST,
            Some(ACK) if kind == REQUEST => {
                return lease(reply)
                    .ok_or_else(|| HarnessError::answer("a DHCP acknowledgement", "the message is truncated"));
            }
            _ => {}
        }
    }
    Err(HarnessError::Timeout { what: "a DHCP server".into(), after: Duration::from_secs(10) })
}

fn open(interface: &str, port: u16) -> Result<UdpSocket, HarnessError> {
    let open = || -> std::io::Result<UdpSocket> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_broadcast(true)?;
        socket.bind_device(Some(interface.as_bytes()))?;
        socket.set_read_timeout(Some(Duration::from_millis(300)))?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
        Ok(socket.into())
    };
    open().map_err(HarnessError::io("cannot open a DHCP socket"))
}

fn answer(request: &[u8], routes: &[StaticRoute]) -> Option<Vec<u8>> {
    let kind = match *option(request, 53)?.first()? {
        DISCOVER => OFFER,
        REQUEST => ACK,
        _ => return None,
    };
    let mut reply = vec![2, 1, 6, 0];
    reply.extend(request.get(4..16)?);
    reply.extend(LEASED.octets());
    reply.extend(ROUTER.octets());
    reply.resize(FIXED - COOKIE.len(), 0);
    reply.extend(COOKIE);
    reply.extend([53, 1, kind, 54, 4]);
    reply.extend(ROUTER.octets());
    reply.extend([51, 4, 0, 0, 14, 16, 1, 4, 255, 255, 255, 0, 3, 4]);
    reply.extend(ROUTER.octets());
    let mut option = Vec::new();
    for StaticRoute { to, length, via } in routes {
        option.push(*length);
        option.extend(to.octets().iter().take(usize::from(length.div_ceil(8))));
        option.extend(via.octets());
    }
    if !option.is_empty() {
        reply.extend([121, u8::try_from(option.len()).ok()?]);
        reply.extend(option);
    }
    reply.push(255);
    Some(reply)
}

fn lease(reply: &[u8]) -> Option<Lease> {
    let address = <[u8; 4]>::try_from(reply.get(16..20)?).ok()?.into();
    let router = <[u8; 4]>::try_from(option(reply, 3)?).ok()?.into();
    let mut routes = Vec::new();
    let mut rest = option(reply, 121).unwrap_or_default();
    while let Some((length, more)) = rest.split_first() {
        let significant = usize::from(length.div_ceil(8));
        let mut to = [0; 4];
        to.get_mut(..significant)?.copy_from_slice(more.get(..significant)?);
        let via = <[u8; 4]>::try_from(more.get(significant..significant + 4)?).ok()?;
        routes.push(StaticRoute { to: to.into(), length: *length, via: via.into() });
        rest = more.get(significant + 4..)?;
    }
    Some(Lease { address, router, routes })
}

/// The value of an option (RFC 2132 §2).
fn option(message: &[u8], wanted: u8) -> Option<&[u8]> {
    let mut rest = message.get(FIXED..)?;
    loop {
        let (code, more) = rest.split_first()?;
        match code {
            0 => rest = more,
            255 => return None,
            _ => {
                let (length, more) = more.split_first()?;
                let (value, more) = more.split_at_checked(usize::from(*length))?;
                if *code == wanted {
                    return Some(value);
                }
                rest = more;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_of_a_lease_are_those_of_the_server() {
        let routes = [
            StaticRoute { to: Ipv4Addr::UNSPECIFIED, length: 1, via: ROUTER },
            StaticRoute { to: Ipv4Addr::new(192, 0, 2, 80), length: 32, via: ROUTER },
        ];
        let mut request = vec![0; FIXED];
        request.extend([53, 1, REQUEST, 255]);
        let reply = answer(&request, &routes).unwrap();
        assert_eq!(lease(&reply), Some(Lease { address: LEASED, router: ROUTER, routes: routes.to_vec() }));
    }
}
