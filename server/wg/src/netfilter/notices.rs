//! Reports changes that other programs make to our tables and to the host's routing.

use super::message::{FAMILY_HEADER, attribute, datagram, messages};
use parking_lot::Mutex;
use rtnetlink::sys::protocols::{NETLINK_NETFILTER, NETLINK_ROUTE};
use rtnetlink::sys::{AsyncSocket as _, AsyncSocketExt as _, TokioSocket};
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// `NFNLGRP_NFTABLES`.
const TABLES: u32 = 7;
/// `RTNLGRP_LINK`, `RTNLGRP_IPV4_ROUTE`, `RTNLGRP_IPV4_RULE`, `RTNLGRP_IPV6_ROUTE`, `RTNLGRP_IPV6_RULE`,
/// `RTNLGRP_IPV4_NETCONF`, `RTNLGRP_IPV6_NETCONF`.
const ROUTING: [u32; 7] = [1, 7, 8, 11, 19, 24, 25];
/// `RTM_DELROUTE` and `RTM_DELRULE`.
const REMOVED: [u16; 2] = [25, 33];
/// `RTM_NEWLINK`, which also reports a renamed interface, and `RTM_DELLINK`.
const LINK: [u16; 2] = [16, 17];
/// `RTM_NEWNETCONF`: reports forwarding, among other settings.
const SETTING: u16 = 80;
/// `RTM_NEWROUTE`
const ROUTE: u16 = 24;
/// Longest prefix of a route that counts as a default route, in either family.
const WHOLE: u8 = 3;
/// `NFNL_SUBSYS_NFTABLES`, the upper byte of a message's kind.
const NFTABLES: u16 = 10;
/// `NFT_MSG_NEWGEN`: ends a transaction.
const GENERATION: u16 = 15;
/// `NFTA_GEN_PROC_PID`: process id of the program that made the transaction.
const GENERATION_PROCESS: u16 = 2;
/// Attribute of the table's name. The number is the same for tables, chains, rules, sets, elements and objects.
const TABLE: u16 = 1;
/// Receive buffer in bytes. Every message fits: the kernel sends batches of at most a page or two, and sets in parts.
const BUFFER: usize = 1 << 18;
/// How many processes of ours are remembered.
const MAX_PROCESSES: usize = 64;
/// Pause after an error of the socket, so that the loop cannot spin.
const PAUSE: Duration = Duration::from_millis(200);

/// A change that was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Another process changed one of the tables.
    Tables,
    /// Notifications of tables were lost; changes of ours may be among them.
    Lost,
    /// A rule or a route was removed, or notifications of routing were lost.
    Routing,
    /// An interface or one of its settings changed, or the host has a new default route.
    Host,
}

/// Processes and sockets through which this service changes tables, so that it can tell its own changes from others'.
#[derive(Debug, Clone, Default)]
pub(crate) struct OwnChanges(Arc<Mutex<Own>>);

#[derive(Debug, Default)]
struct Own {
    processes: VecDeque<u32>,
    ports: Vec<u32>,
}

impl OwnChanges {
    /// Registers a process before it changes anything.
    pub(crate) fn note(&self, process: u32) {
        let runs = &mut self.0.lock().processes;
        if runs.len() == MAX_PROCESSES {
            runs.pop_front();
        }
        runs.push_back(process);
    }

    /// Registers the port of a socket that stays open as long as this process lives, so that the port cannot be reused.
    pub(super) fn note_socket(&self, port: u32) {
        self.0.lock().ports.push(port);
    }

    fn is_own(&self, process: Option<u32>, port: u32) -> bool {
        let own = self.0.lock();
        own.ports.contains(&port) || process.is_some_and(|process| own.processes.contains(&process))
    }
}

/// A subscription to changes.
///
/// Process ids are those of the initial PID namespace. In another one, our own changes look like changes by others, and
/// a check of the rules finds them unchanged.
pub(crate) struct Notices {
    tables: TokioSocket,
    routing: TokioSocket,
    listener: Listener,
}

/// Parses notifications about tables.
pub(super) struct Listener {
    names: Vec<String>,
    own: OwnChanges,
    /// True if the current transaction has changed one of our tables.
    touched: bool,
}

impl Notices {
    /// Subscribes to changes of the tables with these names, in any family.
    pub(crate) fn open(names: Vec<String>, own: OwnChanges) -> io::Result<Self> {
        let subscribe = |protocol, groups: &[u32]| -> io::Result<TokioSocket> {
            let mut socket = TokioSocket::new(protocol)?;
            socket.socket_mut().bind_auto()?;
            for group in groups {
                socket.socket_ref().add_membership(*group)?;
            }
            Ok(socket)
        };
        let (tables, routing) = (subscribe(NETLINK_NETFILTER, &[TABLES])?, subscribe(NETLINK_ROUTE, &ROUTING)?);
        Ok(Self { tables, routing, listener: Listener::new(names, own) })
    }

    /// Waits for the next change by another program. Lost notifications are reported as a change, because anything may
    /// have changed.
    ///
    /// # Cancel safety
    ///
    /// A transaction that is split over several datagrams is remembered between calls. A report of lost notifications
    /// is dropped if the call is cancelled during the pause that precedes it.
    pub(crate) async fn next(&mut self) -> Notice {
        let (mut of_tables, mut of_routing) = (Vec::with_capacity(BUFFER), Vec::with_capacity(BUFFER));
        loop {
            of_tables.clear();
            of_routing.clear();
            tokio::select! {
                received = self.tables.recv(&mut of_tables) => match received {
                    Ok(()) if !self.listener.concerns(&of_tables) => {}
                    Ok(()) => return Notice::Tables,
                    Err(error) => return lost(&error, Notice::Lost).await,
                },
                received = self.routing.recv(&mut of_routing) => match received {
                    Ok(()) => if let Some(notice) = about_routing(&of_routing) {
                        return notice;
                    },
                    Err(error) => return lost(&error, Notice::Routing).await,
                },
            }
        }
    }
}

/// The most serious change among these messages, if any concerns the lanes.
pub(super) fn about_routing(bytes: &[u8]) -> Option<Notice> {
    if messages(bytes).any(|(kind, _)| REMOVED.contains(&kind)) {
        return Some(Notice::Routing);
    }
    // The second byte of a route's header is the prefix length of its destination (rtnetlink(7)).
    let is_way = |(kind, payload): (u16, &[u8])| kind == ROUTE && payload.get(1).is_some_and(|length| *length <= WHOLE);
    let is_of_host = |message: (u16, &[u8])| LINK.contains(&message.0) || message.0 == SETTING || is_way(message);
    messages(bytes).any(is_of_host).then_some(Notice::Host)
}

impl Listener {
    pub(super) const fn new(names: Vec<String>, own: OwnChanges) -> Self {
        Self { names, own, touched: false }
    }

    /// True if these messages end a transaction of another program that changed our tables.
    pub(super) fn concerns(&mut self, bytes: &[u8]) -> bool {
        let mut concerns = false;
        for message in datagram(bytes) {
            let (kind, payload) = (message.message_type(), message.payload());
            if kind >> 8 != NFTABLES {
                continue;
            }
            let body = payload.get(FAMILY_HEADER..).unwrap_or_default();
            if kind & 0xff == GENERATION {
                let process = attribute(body, GENERATION_PROCESS).and_then(|value| value.try_into().ok());
                let is_own = self.own.is_own(process.map(u32::from_be_bytes), message.port_number());
                concerns |= std::mem::take(&mut self.touched) && !is_own;
            } else if let Some(name) = attribute(body, TABLE) {
                let name = name.strip_suffix(&[0]).unwrap_or(name);
                self.touched |= self.names.iter().any(|own| own.as_bytes() == name);
            }
        }
        concerns
    }
}

async fn lost(error: &io::Error, notice: Notice) -> Notice {
    tracing::debug!(%error, "notifications of the firewall or the routing were lost");
    tokio::time::sleep(PAUSE).await;
    notice
}

#[cfg(test)]
mod tests {
    use super::super::message::{Head, message, put};
    use super::*;

    fn about(name: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        put(&mut body, TABLE, name);
        about_nftables(6, 1, &body)
    }

    fn generation(process: u32) -> Vec<u8> {
        let mut body = Vec::new();
        put(&mut body, 1, &[0, 0, 0, 7]);
        put(&mut body, GENERATION_PROCESS, &process.to_be_bytes());
        about_nftables(GENERATION, 0, &body)
    }

    fn about_nftables(kind: u16, family: u8, body: &[u8]) -> Vec<u8> {
        message(Head { kind: NFTABLES << 8 | kind, flags: 0, family, resource: 0, sequence: 0 }, body)
    }

    /// The end of a transaction that was made over a socket.
    fn by_socket(port: u32, process: u32) -> Vec<u8> {
        let mut bytes = generation(process);
        bytes[12..16].copy_from_slice(&port.to_ne_bytes());
        bytes
    }

    #[test]
    fn only_changes_of_our_tables_by_others_are_reported() {
        let own = OwnChanges::default();
        own.note(17);
        own.note_socket(99);
        let mut notices = Listener::new(vec!["tornado".into(), "tornado_canary".into()], own);
        assert!(!notices.concerns(&[about(b"docker\0"), generation(4)].concat()));
        assert!(!notices.concerns(&[about(b"tornado\0"), generation(17)].concat()));
        assert!(notices.concerns(&[about(b"tornado\0"), generation(4)].concat()));
        assert!(notices.concerns(&[about(b"tornado_canary\0"), about(b"x\0"), generation(4)].concat()));
        // A transaction may span several datagrams.
        assert!(!notices.concerns(&about(b"tornado\0")));
        assert!(notices.concerns(&generation(4)));
        assert!(!notices.concerns(&generation(4)));
        // A change over our own socket, reported with the id of one of our threads.
        assert!(!notices.concerns(&[about(b"tornado\0"), by_socket(99, 4)].concat()));
        assert!(notices.concerns(&[about(b"tornado\0"), by_socket(98, 4)].concat()));
    }
}
