//! The name server behind the exits: authoritative for `test`, UDP only. It records every query.
//!
//! The question is returned byte for byte, as resolvers that randomise the case of letters require.

use super::plan::NAME_SERVER;
use crate::host::enter_namespace;
use crate::{HarnessError, Host, INTERNET};
use parking_lot::Mutex;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// A name with both families. So are all its subdomains, for tests that need names which were never queried.
pub const SITE: &str = "site.test";
/// A name with only an IPv4 address.
pub const SITE_V4: &str = "v4.test";
/// A name with only an IPv6 address.
pub const SITE_V6: &str = "v6.test";

const PORT: u16 = 53;
/// TTL of records in seconds. It is short, so that caches hide queries from tests only briefly.
const TTL: u32 = 5;
const A: u16 = 1;
const AAAA: u16 = 28;
const TXT: u16 = 16;
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;
const REFUSED: u8 = 5;

/// A recorded query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    /// Source address: an exit, or a host that leaks.
    pub from: IpAddr,
    /// The name in lower case, without the final dot.
    pub name: String,
    /// The numeric type: 1 is A, 28 is AAAA.
    pub kind: u16,
}

/// The server in a thread of this process. Ends on drop.
#[derive(Debug)]
pub(super) struct Names {
    seen: Arc<Mutex<Vec<Query>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Names {
    pub(super) fn start(namespace: &str) -> Result<Self, HarnessError> {
        let namespace = namespace.to_owned();
        let bound = std::thread::spawn(move || {
            enter_namespace(&namespace)?;
            bind()
        });
        let socket = match bound.join() {
            Ok(socket) => socket?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        // A socket belongs to the namespace in which it was created, independent of the thread that uses it.
        socket.set_read_timeout(Some(Duration::from_millis(100))).map_err(HarnessError::io("cannot set a timeout"))?;
        let (seen, stop) = (Arc::<Mutex<Vec<Query>>>::default(), Arc::<AtomicBool>::default());
        let (log, end) = (Arc::clone(&seen), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            let note = |query| log.lock().push(query);
            while !end.load(Ordering::Relaxed) {
                serve_one(&socket, note);
            }
        });
        Ok(Self { seen, stop, thread: Some(thread) })
    }

    pub(super) fn seen(&self) -> Vec<Query> {
        self.seen.lock().clone()
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Serves in this process until it is killed, for a permanent lab. The process must already be in the namespace of
/// `internet`.
///
/// # Errors
///
/// Fails if the port is in use.
pub fn serve_names() -> Result<(), HarnessError> {
    let socket = bind()?;
    loop {
        serve_one(&socket, drop);
    }
}

/// Returns true if the server responds.
pub(super) fn answers(internet: &Host) -> Result<bool, HarnessError> {
    // A query for the root, any class, with a fixed id.
    let query = [0x74, 0x6e, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1];
    let answer = internet.udp_ask((NAME_SERVER.v4, PORT).into(), &query, Duration::from_millis(200))?;
    Ok(answer.is_some_and(|bytes| bytes.starts_with(&[0x74, 0x6e])))
}

fn bind() -> Result<UdpSocket, HarnessError> {
    let address = SocketAddr::from((NAME_SERVER.v4, PORT));
    UdpSocket::bind(address).map_err(HarnessError::io(format!("cannot listen on {address}")))
}

fn serve_one(socket: &UdpSocket, note: impl FnOnce(Query)) {
    let mut data = [0; 1_500];
    // Errors are timeouts, or ICMP errors of earlier responses.
    let Ok((length, from)) = socket.recv_from(&mut data) else { return };
    let Some((name, kind, answer)) = data.get(..length).and_then(answer) else { return };
    note(Query { from: from.ip(), name, kind });
    // The client may no longer exist.
    let _ = socket.send_to(&answer, from);
}

/// The name, type and response of a query (RFC 1035); `None` if it is not a query.
fn answer(query: &[u8]) -> Option<(String, u16, Vec<u8>)> {
    let header = query.get(..12)?;
    let (flags, questions) = (*header.get(2)?, header.get(4..6)?);
    // Ignores responses, and operations other than a standard query.
    if flags & 0xf8 != 0 || questions != [0, 1] {
        return None;
    }
    let (name, name_end) = name(query)?;
    let end = name_end + 4;
    let kind = u16::from_be_bytes(query.get(name_end..name_end + 2)?.try_into().ok()?);
    let (code, record) = look_up(&name, kind);
    let mut reply = header.get(..2)?.to_vec();
    // Flags: response, authoritative, recursion desired as in the query, recursion not available.
    reply.extend([0x84 | (flags & 1), code, 0, 1, 0, u8::from(record.is_some()), 0, 0, 0, 0]);
    reply.extend(query.get(12..end)?);
    if let Some(data) = record {
        // A pointer to the name in the question, at offset 12.
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend([0, 1]);
        reply.extend(TTL.to_be_bytes());
        reply.extend(u16::try_from(data.len()).ok()?.to_be_bytes());
        reply.extend(data);
    }
    Some((name, kind, reply))
}

/// The name in the question, and the offset of its end.
fn name(query: &[u8]) -> Option<(String, usize)> {
    let (mut labels, mut at) = (Vec::new(), 12);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        // The first name in a message cannot contain a pointer.
        if length > 63 {
            return None;
        }
        labels.push(std::str::from_utf8(query.get(at..at + length)?).ok()?.to_ascii_lowercase());
        at += length;
    }
}

fn look_up(name: &str, kind: u16) -> (u8, Option<Vec<u8>>) {
    let is_site = name == SITE || name.strip_suffix(SITE).is_some_and(|rest| rest.ends_with('.'));
    let (has_v4, has_v6) = (is_site || name == SITE_V4, is_site || name == SITE_V6);
    if !has_v4 && !has_v6 {
        let is_ours = name == "test" || name.ends_with(".test");
        return (if is_ours { NO_SUCH_NAME } else { REFUSED }, None);
    }
    let record = match kind {
        A if has_v4 => Some(INTERNET.v4.octets().to_vec()),
        AAAA if has_v6 => Some(INTERNET.v6.octets().to_vec()),
        TXT if is_site => Some(b"\x05hello".to_vec()),
        _ => None,
    };
    (NO_ERROR, record)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = vec![0xab, 0xcd, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes
    }

    #[test]
    fn the_case_of_letters_comes_back_as_it_was_sent() {
        let asked = query("sItE.TeST", A);
        let (name, kind, reply) = answer(&asked).unwrap();
        assert_eq!((name.as_str(), kind), (SITE, A));
        assert_eq!(reply[..4], [0xab, 0xcd, 0x85, NO_ERROR]);
        assert_eq!(reply[12..asked.len()], asked[12..]);
        assert_eq!(reply[reply.len() - 4..], INTERNET.v4.octets());
    }

    #[test]
    fn an_existing_name_without_the_type_is_no_error() {
        let found = |name, kind| {
            let reply = answer(&query(name, kind)).unwrap().2;
            (reply[3], reply[7])
        };
        assert_eq!(found("any.site.test", AAAA), (NO_ERROR, 1));
        assert_eq!(found(SITE_V6, A), (NO_ERROR, 0));
        assert_eq!(found(SITE_V4, AAAA), (NO_ERROR, 0));
        assert_eq!(found("notsite.test", A), (NO_SUCH_NAME, 0));
        assert_eq!(found("example.org", A), (REFUSED, 0));
    }

    #[test]
    fn broken_queries_have_no_answer() {
        let whole = query(SITE, A);
        for length in 0..whole.len() {
            assert!(answer(&whole[..length]).is_none(), "{length}");
        }
        let mut pointer = whole.clone();
        pointer[12] = 0xc0;
        assert!(answer(&pointer).is_none());
        let mut response = whole;
        response[2] |= 0x80;
        assert!(answer(&response).is_none());
    }
}
