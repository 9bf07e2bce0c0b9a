//! Moves packets from peers to the TUN device.

use super::Ways;
use crate::device::table::{Output, Table};
use crate::device::{Kind, Verdict};
use crate::udp::{Narrow, Received};
use gotatun::packet::{Packet, WgKind};
use std::io;
use std::net::SocketAddr;
use tokio::sync::mpsc::Sender;

/// An initiation and its source address.
pub(super) type Initiation = (WgKind, SocketAddr);

/// Work after which other tasks get a turn, in packets; and the cost of a handshake message in packets.
const TURN: usize = 256;
const HANDSHAKE: usize = 64;

pub(super) async fn run(ways: Ways, initiations: Sender<Initiation>) -> io::Result<()> {
    let (mut received, mut output, mut narrow) = (Received::default(), Output::default(), Narrow::default());
    let mut datagrams = Vec::new();
    loop {
        ways.socket.receive(&mut received, &mut datagrams).await?;
        let mut rest = datagrams.drain(..);
        while rest.len() > 0 {
            turn(&ways, &initiations, &mut rest, &mut output);
            ways.carry_out(&mut output, &mut narrow).await?;
            tokio::task::yield_now().await;
        }
    }
}

/// Processes datagrams, up to a limit of work.
fn turn(
    ways: &Ways,
    initiations: &Sender<Initiation>,
    datagrams: &mut impl Iterator<Item = (Packet, SocketAddr)>,
    output: &mut Output,
) {
    let (mut table, mut work) = (ways.shared.table(), 0);
    while work < TURN
        && let Some((datagram, from)) = datagrams.next()
    {
        work += if Kind::of(&datagram) == Some(Kind::Handshake) { HANDSHAKE } else { 1 };
        take(ways, &mut table, initiations, datagram, from, output);
    }
}

fn take(
    ways: &Ways,
    table: &mut Table,
    initiations: &Sender<Initiation>,
    datagram: Packet,
    from: SocketAddr,
    output: &mut Output,
) {
    match Kind::of(&datagram) {
        Some(Kind::Data) => {
            if let Ok(message) = datagram.try_into_wg() {
                open(ways, table, message, from, output);
            }
        }
        Some(Kind::Handshake) => {
            // Copy it out of the receive buffer, which is to be reused.
            let message = Packet::copy_from(&datagram[..]);
            let is_loaded = initiations.capacity() < initiations.max_capacity() / 8 * 7;
            match ways.shared.guard.judge(message, from, is_loaded) {
                // An initiation costs as much as hundreds of packets, and anyone can send one, so it is queued.
                Verdict::Take(message @ WgKind::HandshakeInit(_)) => {
                    if initiations.try_send((message, from)).is_err() {
                        tracing::trace!("dropped an initiation: the queue is full");
                    }
                }
                // These only answer messages that we sent, and following packets may need them, so they are processed
                // at once.
                Verdict::Take(message) => open(ways, table, message, from, output),
                Verdict::Ask(cookie) => output.datagrams.push((cookie, from)),
                Verdict::Drop => {}
            }
        }
        None => {}
    }
}

fn open(ways: &Ways, table: &mut Table, message: WgKind, from: SocketAddr, output: &mut Output) {
    if let Some(sender) = ways.shared.own.sender(&message) {
        table.incoming(sender, message, from, output);
    }
}
