//! The kernel's WireGuard over generic netlink (`include/uapi/linux/wireguard.h`).

use super::interface::{BackendError, Interface, InterfacePeer, LanePeer};
use crate::host::netlink::{Link, LinkKind, Netlink};
use async_trait::async_trait;
use futures::StreamExt as _;
use genetlink::GenetlinkHandle;
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::GenlMessage;
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute, WireguardCmd,
    WireguardMessage, WireguardPeer, WireguardPeerAttribute, WireguardPeerFlags, WireguardTimeSpec,
};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use tokio::task::JoinHandle;
use tornado_shared::model::{PrivateKey, PublicKey, Transfer};

/// Peers per message. Each takes about 200 bytes, well below the kernel's limit for a message.
const PEERS_PER_MESSAGE: usize = 100;
/// Persistent keepalive in seconds while handshakes are started. Its value does not matter: it is reset at once.
const HANDSHAKE_KEEPALIVE: u16 = 25;

/// A WireGuard interface of the kernel.
pub(crate) struct KernelInterface {
    name: String,
    index: u32,
    netlink: Netlink,
    handle: GenetlinkHandle,
    connection: JoinHandle<()>,
}

impl KernelInterface {
    /// Takes over the interface with this name, including its peers, or creates it.
    pub(crate) async fn open(netlink: &Netlink, name: &str, port: u16, key: &PrivateKey) -> Result<Self, BackendError> {
        if netlink.link(name).await?.is_none() {
            netlink.create_wireguard(name).await?;
        }
        let index = match netlink.link(name).await? {
            Some(Link { index, kind: LinkKind::Wireguard, .. }) => index,
            Some(_) | None => return Err(BackendError::Gone(name.to_owned())),
        };
        let (connection, handle, _) = genetlink::new_connection().map_err(|source| BackendError::Open {
            what: "a netlink socket",
            interface: name.to_owned(),
            source,
        })?;
        let connection = tokio::spawn(connection);
        let this = Self { name: name.to_owned(), index, netlink: netlink.clone(), handle, connection };
        this.set(vec![WireguardAttribute::PrivateKey(*key.expose()), WireguardAttribute::ListenPort(port)]).await?;
        Ok(this)
    }

    fn refused(&self, detail: impl ToString) -> BackendError {
        BackendError::Refused { interface: self.name.clone(), detail: detail.to_string() }
    }

    async fn set(&self, what: Vec<WireguardAttribute>) -> Result<(), BackendError> {
        let mut attributes = vec![WireguardAttribute::IfIndex(self.index)];
        attributes.extend(what);
        let message = WireguardMessage { cmd: WireguardCmd::SetDevice, attributes };
        let mut request = NetlinkMessage::from(GenlMessage::from_payload(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK;
        let mut handle = self.handle.clone();
        let mut responses = handle.request(request).await.map_err(|e| self.refused(e))?;
        while let Some(response) = responses.next().await {
            if let NetlinkPayload::Error(error) = response.map_err(|e| self.refused(e))?.payload
                && error.code.is_some()
            {
                return Err(self.refused(error.to_io()));
            }
        }
        Ok(())
    }

    async fn set_peers(&self, peers: Vec<WireguardPeer>) -> Result<(), BackendError> {
        for chunk in peers.chunks(PEERS_PER_MESSAGE) {
            self.set(vec![WireguardAttribute::Peers(chunk.to_vec())]).await?;
        }
        Ok(())
    }
}

impl Drop for KernelInterface {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

#[async_trait]
impl Interface for KernelInterface {
    async fn alive(&self) -> Result<(), BackendError> {
        match self.netlink.link(&self.name).await? {
            Some(Link { index, up: true, .. }) if index == self.index => Ok(()),
            Some(_) | None => Err(BackendError::Gone(self.name.clone())),
        }
    }

    async fn put_peers(&self, peers: &[LanePeer]) -> Result<(), BackendError> {
        self.alive().await?;
        let present: HashSet<PublicKey> = if peers.iter().any(|p| p.endpoint.is_some()) {
            self.peers().await?.into_iter().map(|p| p.public_key).collect()
        } else {
            HashSet::new()
        };
        let peers = peers.iter().map(|peer| put(peer, !present.contains(&peer.public_key))).collect();
        self.set_peers(peers).await
    }

    async fn remove_peers(&self, keys: &[PublicKey]) -> Result<Vec<Transfer>, BackendError> {
        self.alive().await?;
        let last: HashMap<PublicKey, Transfer> =
            self.peers().await?.into_iter().map(|p| (p.public_key, p.transfer)).collect();
        let gone = |key: &PublicKey| {
            WireguardPeer(vec![
                WireguardPeerAttribute::PublicKey(*key.as_bytes()),
                WireguardPeerAttribute::Flags(WireguardPeerFlags::RemoveMe | WireguardPeerFlags::UpdateOnly),
            ])
        };
        self.set_peers(keys.iter().filter(|key| last.contains_key(key)).map(gone).collect()).await?;
        Ok(keys.iter().map(|key| last.get(key).copied().unwrap_or_default()).collect())
    }

    async fn peers(&self) -> Result<Vec<InterfacePeer>, BackendError> {
        let message = WireguardMessage {
            cmd: WireguardCmd::GetDevice,
            attributes: vec![WireguardAttribute::IfIndex(self.index)],
        };
        let mut request = NetlinkMessage::from(GenlMessage::from_payload(message));
        request.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
        let mut handle = self.handle.clone();
        let mut responses = handle.request(request).await.map_err(|e| self.refused(e))?;
        // A peer whose allowed IPs do not fit into one message continues in the next one; the map joins the parts.
        let mut found = HashMap::new();
        while let Some(response) = responses.next().await {
            let payload = response.map_err(|e| self.refused(e))?.payload;
            if let NetlinkPayload::Error(error) = &payload
                && error.code.is_some()
            {
                return Err(self.refused(error.to_io()));
            }
            let NetlinkPayload::InnerMessage(message) = payload else { continue };
            for attribute in message.payload.attributes {
                if let WireguardAttribute::Peers(peers) = attribute {
                    for peer in peers.iter().filter_map(read) {
                        found.entry(peer.public_key).or_insert(peer);
                    }
                }
            }
        }
        Ok(found.into_values().collect())
    }

    async fn start_handshakes(&self, keys: &[PublicKey]) {
        // Enabling persistent keepalive sends a keepalive at once, which needs a handshake first.
        for seconds in [HANDSHAKE_KEEPALIVE, 0] {
            let keepalive = |key: &PublicKey| {
                WireguardPeer(vec![
                    WireguardPeerAttribute::PublicKey(*key.as_bytes()),
                    WireguardPeerAttribute::Flags(WireguardPeerFlags::UpdateOnly),
                    WireguardPeerAttribute::PersistentKeepalive(seconds),
                ])
            };
            if let Err(error) = self.set_peers(keys.iter().map(keepalive).collect()).await {
                tracing::debug!(%error, "could not start handshakes with peers");
            }
        }
    }

    async fn close(&self) {
        if let Err(error) = self.netlink.delete_link(self.index).await {
            tracing::debug!(%error, "could not delete the interface");
        }
    }
}

fn put(peer: &LanePeer, is_new: bool) -> WireguardPeer {
    let ip = |address: IpAddr, family, bits| {
        WireguardAllowedIp(vec![
            WireguardAllowedIpAttr::Family(family),
            WireguardAllowedIpAttr::IpAddr(address),
            WireguardAllowedIpAttr::Cidr(bits),
        ])
    };
    let psk = peer.preshared_key.as_ref().map_or([0; 32], |psk| *psk.expose());
    let mut attributes = vec![
        WireguardPeerAttribute::PublicKey(*peer.public_key.as_bytes()),
        WireguardPeerAttribute::Flags(WireguardPeerFlags::ReplaceAllowedIps),
        // All zeros mean no preshared key (wireguard.h).
        WireguardPeerAttribute::PresharedKey(psk),
        WireguardPeerAttribute::AllowedIps(vec![
            ip(peer.addresses.v4.into(), WireguardAddressFamily::Ipv4, 32),
            ip(peer.addresses.v6.into(), WireguardAddressFamily::Ipv6, 128),
        ]),
    ];
    if let Some(endpoint) = peer.endpoint.filter(|_| is_new) {
        attributes.push(WireguardPeerAttribute::Endpoint(endpoint));
    }
    WireguardPeer(attributes)
}

fn read(peer: &WireguardPeer) -> Option<InterfacePeer> {
    let mut key = None;
    let mut found = (None, None, Transfer::default());
    for attribute in &peer.0 {
        if let WireguardPeerAttribute::PublicKey(bytes) = attribute {
            key = PublicKey::from_bytes(*bytes).ok();
        } else if let WireguardPeerAttribute::Endpoint(at) = attribute {
            found.0 = Some(*at);
        } else if let WireguardPeerAttribute::LastHandshake(WireguardTimeSpec { seconds, .. }) = attribute {
            found.1 = (*seconds > 0).then_some(*seconds);
        } else if let WireguardPeerAttribute::RxBytes(bytes) = attribute {
            found.2.rx_bytes = *bytes;
        } else if let WireguardPeerAttribute::TxBytes(bytes) = attribute {
            found.2.tx_bytes = *bytes;
        }
    }
    let (endpoint, latest_handshake, transfer) = found;
    Some(InterfacePeer { public_key: key?, endpoint, latest_handshake, transfer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use netlink_packet_core::{Emitable as _, Nla as _, NlaBuffer, Parseable as _};
    use tornado_shared::model::{LaneAddresses, PresharedKey};

    /// The kernel of a test machine may have no WireGuard, so the encoded request is parsed instead of sent.
    #[test]
    fn an_encoded_peer_reads_back() {
        let peer = LanePeer {
            public_key: PrivateKey::random().public_key(),
            addresses: LaneAddresses { v4: [10, 8, 0, 2].into(), v6: "fd00::2".parse().unwrap() },
            preshared_key: Some(PresharedKey::from_bytes([7; 32])),
            endpoint: Some(([192, 0, 2, 1], 7).into()),
        };
        for (is_new, endpoint) in [(true, peer.endpoint), (false, None)] {
            let message = put(&peer, is_new);
            let mut bytes = vec![0; message.buffer_len()];
            message.emit(&mut bytes);
            assert!(message.value_len() < 250);
            let parsed = WireguardPeer::parse(&NlaBuffer::new(&bytes)).unwrap();
            assert_eq!(parsed.0.len(), message.0.len());
            let read = read(&parsed).unwrap();
            assert_eq!((read.public_key, read.endpoint), (peer.public_key, endpoint));
        }
    }
}
