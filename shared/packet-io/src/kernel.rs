//! WireGuard in the kernel, over generic netlink (`include/uapi/linux/wireguard.h`).

use crate::device::{Peer, Status};
use crate::tunnel::Settings;
use futures::StreamExt as _;
use genetlink::GenetlinkHandle;
use ipnet::IpNet;
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::GenlMessage;
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute, WireguardCmd,
    WireguardMessage, WireguardPeer, WireguardPeerAttribute, WireguardPeerFlags,
};
use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, UNIX_EPOCH};
use tokio_util::task::AbortOnDropHandle;
use tornado_shared::model::{PublicKey, Transfer};

/// Peers per message. Each takes about 200 bytes, well below the kernel's limit for a message.
const PEERS_PER_MESSAGE: usize = 100;
/// Persistent keepalive in seconds while handshakes are started. Its value does not matter: it is reset at once.
const HANDSHAKE_KEEPALIVE: u16 = 25;

/// A WireGuard interface of the kernel. It exists until its link is deleted, also after this is dropped.
pub struct KernelTunnel {
    index: u32,
    handle: GenetlinkHandle,
    _connection: AbortOnDropHandle<()>,
}

impl KernelTunnel {
    /// Connects to WireGuard in the kernel, for the interface with this index. Changes nothing.
    ///
    /// # Errors
    /// If the netlink socket cannot be opened.
    pub fn connect(index: u32) -> io::Result<Self> {
        let (connection, handle, _) = genetlink::new_connection()?;
        Ok(Self { index, handle, _connection: AbortOnDropHandle::new(tokio::spawn(connection)) })
    }

    /// Sets the key, the port (0: the kernel chooses it) and the mark, and adds the peers.
    ///
    /// # Errors
    /// If the kernel rejects the change.
    pub async fn start(&self, settings: Settings) -> io::Result<()> {
        let Settings { key, port, mark, peers } = settings;
        let mut what = vec![WireguardAttribute::PrivateKey(*key.expose()), WireguardAttribute::ListenPort(port)];
        what.extend(mark.map(WireguardAttribute::Fwmark));
        self.set(what).await?;
        self.put(&peers).await
    }

    /// Adds or updates these peers. Learned endpoints and running sessions survive.
    ///
    /// # Errors
    /// If the kernel rejects the change; a part of it may have been applied.
    pub async fn put(&self, peers: &[Peer]) -> io::Result<()> {
        let present: HashSet<PublicKey> = if peers.iter().any(|p| p.endpoint.is_some()) {
            self.peers().await?.into_iter().map(|p| p.public_key).collect()
        } else {
            HashSet::new()
        };
        self.set_peers(peers.iter().map(|peer| put(peer, !present.contains(&peer.public_key)))).await
    }

    /// Removes these peers. Returns their final counters in the same order, zero for unknown peers.
    ///
    /// # Errors
    /// As for [`KernelTunnel::put`].
    pub async fn remove(&self, keys: &[PublicKey]) -> io::Result<Vec<Transfer>> {
        let last: HashMap<PublicKey, Transfer> =
            self.peers().await?.into_iter().map(|p| (p.public_key, p.transfer)).collect();
        let flags = WireguardPeerFlags::RemoveMe | WireguardPeerFlags::UpdateOnly;
        let gone = |key: &PublicKey| named(key, vec![WireguardPeerAttribute::Flags(flags)]);
        self.set_peers(keys.iter().filter(|key| last.contains_key(key)).map(gone)).await?;
        Ok(keys.iter().map(|key| last.get(key).copied().unwrap_or_default()).collect())
    }

    /// All peers. The age of a handshake is counted from a whole second.
    ///
    /// # Errors
    /// If the kernel rejects the request, for example because the interface no longer exists.
    pub async fn peers(&self) -> io::Result<Vec<Status>> {
        let answers = self.exchange(WireguardCmd::GetDevice, Vec::new(), NLM_F_DUMP).await?;
        let now = tornado_kit::clock::wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
        // A peer whose allowed IPs do not fit into one message continues in the next one; the map joins the parts.
        let mut found = HashMap::new();
        for attribute in answers {
            if let WireguardAttribute::Peers(peers) = attribute {
                for peer in peers.iter().filter_map(|peer| read(peer, now)) {
                    found.entry(peer.public_key).or_insert(peer);
                }
            }
        }
        Ok(found.into_values().collect())
    }

    /// Starts a handshake with each of these peers whose endpoint is known. Best effort.
    pub async fn start_handshakes(&self, keys: &[PublicKey]) {
        // Enabling persistent keepalive sends a keepalive at once, which needs a handshake first.
        for seconds in [HANDSHAKE_KEEPALIVE, 0] {
            let flags = WireguardPeerAttribute::Flags(WireguardPeerFlags::UpdateOnly);
            let keepalive = WireguardPeerAttribute::PersistentKeepalive(seconds);
            let peers = keys.iter().map(|key| named(key, vec![flags.clone(), keepalive.clone()]));
            if let Err(error) = self.set_peers(peers).await {
                tracing::debug!(%error, "could not start handshakes with peers");
            }
        }
    }

    async fn set_peers(&self, peers: impl Iterator<Item = WireguardPeer>) -> io::Result<()> {
        for chunk in peers.collect::<Vec<_>>().chunks(PEERS_PER_MESSAGE) {
            self.set(vec![WireguardAttribute::Peers(chunk.to_vec())]).await?;
        }
        Ok(())
    }

    async fn set(&self, what: Vec<WireguardAttribute>) -> io::Result<()> {
        self.exchange(WireguardCmd::SetDevice, what, NLM_F_ACK).await.map(drop)
    }

    /// Sends a command for this interface. Returns the attributes of all responses.
    #[expect(clippy::wildcard_enum_match_arm, reason = "an enum of another crate of which we use a few variants")]
    async fn exchange(
        &self,
        cmd: WireguardCmd,
        what: Vec<WireguardAttribute>,
        flags: u16,
    ) -> io::Result<Vec<WireguardAttribute>> {
        let mut attributes = vec![WireguardAttribute::IfIndex(self.index)];
        attributes.extend(what);
        let mut request = NetlinkMessage::from(GenlMessage::from_payload(WireguardMessage { cmd, attributes }));
        request.header.flags = NLM_F_REQUEST | flags;
        let mut handle = self.handle.clone();
        let mut responses = handle.request(request).await.map_err(|e| io::Error::other(e.to_string()))?;
        let mut found = Vec::new();
        while let Some(response) = responses.next().await {
            match response.map_err(|e| io::Error::other(e.to_string()))?.payload {
                NetlinkPayload::InnerMessage(message) => found.extend(message.payload.attributes),
                NetlinkPayload::Error(error) if error.code.is_some() => return Err(error.to_io()),
                _ => {}
            }
        }
        Ok(found)
    }
}

fn named(key: &PublicKey, what: Vec<WireguardPeerAttribute>) -> WireguardPeer {
    let mut attributes = vec![WireguardPeerAttribute::PublicKey(*key.as_bytes())];
    attributes.extend(what);
    WireguardPeer(attributes)
}

fn put(peer: &Peer, is_new: bool) -> WireguardPeer {
    let allowed = |net: &IpNet| {
        let family = if net.addr().is_ipv4() { WireguardAddressFamily::Ipv4 } else { WireguardAddressFamily::Ipv6 };
        WireguardAllowedIp(vec![
            WireguardAllowedIpAttr::Family(family),
            WireguardAllowedIpAttr::IpAddr(net.addr()),
            WireguardAllowedIpAttr::Cidr(net.prefix_len()),
        ])
    };
    // All zeros mean no preshared key (wireguard.h).
    let psk = peer.preshared_key.as_ref().map_or([0; 32], |psk| *psk.expose());
    let mut attributes = vec![
        WireguardPeerAttribute::Flags(WireguardPeerFlags::ReplaceAllowedIps),
        WireguardPeerAttribute::PresharedKey(psk),
        WireguardPeerAttribute::AllowedIps(peer.addresses.iter().map(allowed).collect()),
    ];
    attributes.extend(peer.endpoint.filter(|_| is_new).map(WireguardPeerAttribute::Endpoint));
    attributes.extend(peer.keepalive.map(WireguardPeerAttribute::PersistentKeepalive));
    named(&peer.public_key, attributes)
}

/// `now`: time since the epoch.
#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of another crate of which we use a few variants")]
fn read(peer: &WireguardPeer, now: Duration) -> Option<Status> {
    let mut key = None;
    let (mut endpoint, mut handshake_age, mut transfer) = (None, None, Transfer::default());
    for attribute in &peer.0 {
        match attribute {
            WireguardPeerAttribute::PublicKey(bytes) => key = PublicKey::from_bytes(*bytes).ok(),
            WireguardPeerAttribute::Endpoint(at) => endpoint = Some(*at),
            WireguardPeerAttribute::LastHandshake(time) if time.seconds > 0 => {
                handshake_age = Some(now.saturating_sub(Duration::from_secs(time.seconds.unsigned_abs())));
            }
            WireguardPeerAttribute::RxBytes(bytes) => transfer.rx_bytes = *bytes,
            WireguardPeerAttribute::TxBytes(bytes) => transfer.tx_bytes = *bytes,
            _ => {}
        }
    }
    Some(Status { public_key: key?, endpoint, handshake_age, transfer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{Emitable as _, Nla as _, NlaBuffer, Parseable as _};
    use tornado_shared::model::{PresharedKey, PrivateKey};

    /// The kernel of a test machine may have no WireGuard, so the encoded request is parsed instead of sent.
    #[test]
    fn an_encoded_peer_reads_back() {
        let peer = Peer {
            public_key: PrivateKey::random().public_key(),
            addresses: vec!["10.8.0.2/32".parse().unwrap(), "fd00::2/128".parse().unwrap()],
            preshared_key: Some(PresharedKey::from_bytes([7; 32])),
            endpoint: Some(([192, 0, 2, 1], 7).into()),
            keepalive: None,
        };
        for (is_new, endpoint) in [(true, peer.endpoint), (false, None)] {
            let message = put(&peer, is_new);
            let mut bytes = vec![0; message.buffer_len()];
            message.emit(&mut bytes);
            assert!(message.value_len() < 250);
            let parsed = WireguardPeer::parse(&NlaBuffer::new(&bytes)).unwrap();
            assert_eq!(parsed.0.len(), message.0.len());
            let read = read(&parsed, Duration::ZERO).unwrap();
            assert_eq!((read.public_key, read.endpoint), (peer.public_key, endpoint));
        }
    }
}
