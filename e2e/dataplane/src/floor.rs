//! The cost of cipher, TUN device and socket alone: packets are encrypted and sent, or decrypted and written, with a
//! fixed key and without a protocol. No userspace WireGuard on these transports can cost less.

use anyhow::{Context as _, anyhow};
use gotatun::packet::{Packet, PacketBufPool};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use std::net::SocketAddr;
use tornado_packet_io::{Narrow, Offload, Received, Socket, Taken, Tun, TunNode};

/// Arguments of `floor`.
#[derive(clap::Args)]
pub struct Words {
    /// Name of the TUN device; it is not set up
    #[arg(long)]
    name: String,
    /// MTU of the device
    #[arg(long, default_value_t = 1420)]
    mtu: u16,
    /// UDP port
    #[arg(long)]
    port: u16,
    /// Address of the other end
    #[arg(long)]
    endpoint: SocketAddr,
}

/// Length of the type and receiver fields, as in WireGuard.
const HEAD: usize = 8;

fn cipher() -> anyhow::Result<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).map_err(|_| anyhow!("invalid key"))?;
    Ok(LessSafeKey::new(key))
}

fn nonce(counter: [u8; 8]) -> Nonce {
    let mut bytes = [0; 12];
    if let Some(place) = bytes.get_mut(4..) {
        place.copy_from_slice(&counter);
    }
    Nonce::assume_unique_for_key(bytes)
}

impl Words {
    /// Runs until killed.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let tun = Tun::open(&self.name, self.mtu, Offload::Auto, &TunNode::Own).await?;
            let socket = Socket::bind(self.port, None, Offload::Auto).await?;
            let outgoing = tokio::spawn(outgoing(tun.clone(), socket.clone(), self.endpoint));
            incoming(tun, socket).await?;
            outgoing.await?
        })
    }
}

async fn outgoing(tun: Tun, socket: Socket, to: SocketAddr) -> anyhow::Result<()> {
    let (key, pool) = (cipher()?, PacketBufPool::<4096>::new(512));
    let (mut taken, mut batch, mut narrow) = (Taken::default(), Vec::new(), Narrow::default());
    let mut counter = 0_u64;
    loop {
        let pieces = match tun.read(&mut taken) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tun.readable().await?;
                continue;
            }
            pieces => pieces?,
        };
        for packet in pieces.packets() {
            let mut sealed = pool.get();
            let buffer = sealed.buf_mut();
            buffer.clear();
            buffer.extend_from_slice(&[4; HEAD]);
            buffer.extend_from_slice(&counter.to_le_bytes());
            buffer.extend_from_slice(&packet);
            let plain = buffer.get_mut(HEAD + 8..).context("the buffer is too short")?;
            let tag = key.seal_in_place_separate_tag(nonce(counter.to_le_bytes()), Aad::empty(), plain);
            buffer.extend_from_slice(tag.map_err(|_| anyhow!("cannot seal"))?.as_ref());
            counter += 1;
            batch.push((sealed, to));
        }
        socket.send(&mut narrow, &mut batch).await?;
    }
}

async fn incoming(tun: Tun, socket: Socket) -> anyhow::Result<()> {
    let key = cipher()?;
    let (mut received, mut batch, mut opened) = (Received::default(), Vec::new(), Vec::new());
    loop {
        socket.receive(&mut received, &mut batch).await?;
        opened.extend(batch.drain(..).filter_map(|(packet, _)| open(&key, packet)));
        tun.write(&opened)?;
        opened.clear();
        tokio::task::yield_now().await;
    }
}

fn open(key: &LessSafeKey, mut packet: Packet) -> Option<Packet> {
    let buffer = packet.buf_mut();
    if buffer.len() < HEAD + 8 {
        return None;
    }
    drop(buffer.split_to(HEAD));
    let counter = buffer.split_to(8);
    let length = key.open_in_place(nonce(counter.as_ref().try_into().ok()?), Aad::empty(), buffer).ok()?.len();
    packet.truncate(length);
    Some(packet)
}
