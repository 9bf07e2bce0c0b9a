//! DNS queries (RFC 1035), as a device's resolver sends them.

use anyhow::{Context as _, Result};
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

/// An address without a resolver: queries sent to it never arrive there.
pub const RESOLVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99)), 53);

/// Record types.
pub mod kind {
    /// IPv4 address.
    pub const A: u16 = 1;
    /// Name of an address.
    pub const PTR: u16 = 12;
    /// Mail server.
    pub const MX: u16 = 15;
    /// Text.
    pub const TXT: u16 = 16;
    /// IPv6 address.
    pub const AAAA: u16 = 28;
    /// Service (RFC 9460): browsers query it with each name.
    pub const HTTPS: u16 = 65;
    /// An unassigned type.
    pub const UNKNOWN: u16 = 65_280;
}

/// Response codes.
pub mod code {
    /// The name exists.
    pub const NO_ERROR: u8 = 0;
    /// Temporary failure.
    pub const FAILED: u8 = 2;
    /// The name does not exist.
    pub const NO_NAME: u8 = 3;
    /// The server does not support the query.
    pub const NOT_IMPLEMENTED: u8 = 4;
}

/// The outcome of a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// A DNS response.
    Answer {
        /// Of [`code`].
        code: u8,
        /// Type and data of each record.
        records: Vec<(u16, Vec<u8>)>,
    },
    /// An ICMP error: no resolver is reachable.
    Refused,
    /// No response.
    Silence,
}

impl Reply {
    /// Returns the addresses in a response.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        let Self::Answer { records, .. } = self else { return Vec::new() };
        let address = |(of, data): &(u16, Vec<u8>)| match *of {
            kind::A => <[u8; 4]>::try_from(data.as_slice()).ok().map(IpAddr::from),
            kind::AAAA => <[u8; 16]>::try_from(data.as_slice()).ok().map(IpAddr::from),
            _ => None,
        };
        records.iter().filter_map(address).collect()
    }

    /// Returns the response code, if there is a response.
    #[must_use]
    pub const fn code(&self) -> Option<u8> {
        match self {
            Self::Answer { code, .. } => Some(*code),
            Self::Refused | Self::Silence => None,
        }
    }
}

/// Sends a query from the calling thread's network namespace; returns the outcome and its duration.
///
/// # Errors
///
/// Fails if the query cannot be sent or the response violates RFC 1035.
pub fn ask(name: &str, of: u16, within: Duration) -> Result<(Reply, Duration)> {
    let began = Instant::now();
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.set_read_timeout(Some(within))?;
    socket.connect(RESOLVER)?;
    let mut buffer = [0; 1_500];
    let reply = match socket.send(&question(name, of)).and_then(|_| socket.recv(&mut buffer)) {
        Ok(length) => read(buffer.get(..length).unwrap_or_default()).context("the response violates RFC 1035")?,
        Err(error) if [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()) => Reply::Silence,
        // ICMP errors, and errors for a missing route.
        Err(_) => Reply::Refused,
    };
    Ok((reply, began.elapsed()))
}

/// Builds a recursive query.
#[must_use]
pub fn question(name: &str, of: u16) -> Vec<u8> {
    let mut bytes = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in name.split('.') {
        bytes.push(u8::try_from(label.len()).unwrap_or(u8::MAX));
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes.extend(of.to_be_bytes());
    bytes.extend([0, 1]);
    bytes
}

fn read(bytes: &[u8]) -> Option<Reply> {
    let number = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let (is_answer, code) = (bytes.get(2)? & 0x80 != 0, bytes.get(3)? & 0x0f);
    if !is_answer || number(0)? != 0x1234 {
        return None;
    }
    let mut at = 12;
    for _ in 0..number(4)? {
        at = skip_name(bytes, at)? + 4;
    }
    let mut records = Vec::new();
    for _ in 0..number(6)? {
        at = skip_name(bytes, at)?;
        let (of, length) = (number(at)?, usize::from(number(at + 8)?));
        records.push((of, bytes.get(at + 10..at + 10 + length)?.to_vec()));
        at += 10 + length;
    }
    Some(Reply::Answer { code, records })
}

fn skip_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *bytes.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
}

/// Returns the reverse name of an IPv4 address.
#[must_use]
pub fn reverse(address: Ipv4Addr) -> String {
    let [a, b, c, d] = address.octets();
    format!("{d}.{c}.{b}.{a}.in-addr.arpa")
}
