//! WireGuard in the kernel, configured by generic netlink.

use crate::os::OsError;
use crate::plan::{KEEPALIVE, Link, Observation};
use crate::policy::MARK;
use futures::StreamExt as _;
use netlink_packet_core::{NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::GenlMessage;
use netlink_packet_wireguard::{
    WireguardAddressFamily, WireguardAllowedIp, WireguardAllowedIpAttr, WireguardAttribute, WireguardCmd,
    WireguardDeviceFlags, WireguardMessage, WireguardPeer, WireguardPeerAttribute,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, UNIX_EPOCH};
use tornado_kit::clock::wall_clock;
use tornado_shared::model::Transfer;

/// Sets the key, the mark and the only peer. The persistent keepalive makes the kernel send the first handshake when
/// the interface comes up.
pub(super) async fn configure(name: &str, link: &Link) -> Result<(), OsError> {
    exchange(settings(name, link), NLM_F_ACK).await.map(drop)
}

fn settings(name: &str, link: &Link) -> WireguardMessage {
    let lane = &link.lane;
    let everything = |family, address: IpAddr| {
        WireguardAllowedIp(vec![
            WireguardAllowedIpAttr::Family(family),
            WireguardAllowedIpAttr::IpAddr(address),
            WireguardAllowedIpAttr::Cidr(0),
        ])
    };
    let mut peer = vec![WireguardPeerAttribute::PublicKey(*lane.peer.as_bytes())];
    if let Some(key) = &lane.preshared_key {
        peer.push(WireguardPeerAttribute::PresharedKey(*key.expose()));
    }
    peer.push(WireguardPeerAttribute::Endpoint(lane.endpoint));
    peer.push(WireguardPeerAttribute::PersistentKeepalive(KEEPALIVE));
    peer.push(WireguardPeerAttribute::AllowedIps(vec![
        everything(WireguardAddressFamily::Ipv4, Ipv4Addr::UNSPECIFIED.into()),
        everything(WireguardAddressFamily::Ipv6, Ipv6Addr::UNSPECIFIED.into()),
    ]));
    WireguardMessage {
        cmd: WireguardCmd::SetDevice,
        attributes: vec![
            WireguardAttribute::IfName(name.to_owned()),
            WireguardAttribute::Flags(WireguardDeviceFlags::ReplacePeers),
            WireguardAttribute::PrivateKey(*link.private_key.expose()),
            WireguardAttribute::Fwmark(MARK),
            WireguardAttribute::Peers(vec![WireguardPeer(peer)]),
        ],
    }
}

/// Reads the counters of the only peer.
pub(super) async fn observe(name: &str) -> Result<Observation, OsError> {
    let question = WireguardMessage {
        cmd: WireguardCmd::GetDevice,
        attributes: vec![WireguardAttribute::IfName(name.to_owned())],
    };
    let answers = exchange(question, NLM_F_DUMP).await?;
    let now = wall_clock().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut observation = Observation::default();
    for attribute in answers.iter().flat_map(|message| &message.attributes) {
        if let WireguardAttribute::Peers(peers) = attribute {
            for value in peers.iter().flat_map(|peer| peer.iter()) {
                read(&mut observation, value, now);
            }
        }
    }
    Ok(observation)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of another crate of which we use a few variants")]
fn read(observation: &mut Observation, value: &WireguardPeerAttribute, now: Duration) {
    let Transfer { rx_bytes, tx_bytes } = &mut observation.transfer;
    match value {
        WireguardPeerAttribute::RxBytes(bytes) => *rx_bytes = *bytes,
        WireguardPeerAttribute::TxBytes(bytes) => *tx_bytes = *bytes,
        WireguardPeerAttribute::LastHandshake(time) if time.seconds > 0 => {
            let at = Duration::from_secs(time.seconds.unsigned_abs());
            observation.handshake_age = Some(now.saturating_sub(at));
        }
        _ => {}
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "an enum of another crate of which we use a few variants")]
async fn exchange(message: WireguardMessage, flags: u16) -> Result<Vec<WireguardMessage>, OsError> {
    let fail = |e: &dyn std::fmt::Display| OsError::new("exchange messages with WireGuard in the kernel", e);
    let (connection, mut handle, _) = genetlink::new_connection().map_err(|e| fail(&e))?;
    let task = tokio::spawn(connection);
    let mut request = NetlinkMessage::from(GenlMessage::from_payload(message));
    request.header.flags = NLM_F_REQUEST | flags;
    let mut replies = handle.request(request).await.map_err(|e| fail(&e))?;
    let mut messages = Vec::new();
    while let Some(reply) = replies.next().await {
        match reply.map_err(|e| fail(&e))?.payload {
            NetlinkPayload::InnerMessage(inner) => messages.push(inner.payload),
            NetlinkPayload::Error(error) if error.code.is_some() => return Err(fail(&error.to_io())),
            _ => {}
        }
    }
    task.abort();
    Ok(messages)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{LanePlan, Slot};
    use netlink_packet_wireguard::WireguardTimeSpec;
    use tornado_shared::model::{PresharedKey, PrivateKey};

    #[test]
    fn settings_replace_existing_ones() {
        let link = Link {
            slot: Slot::A,
            private_key: PrivateKey::random(),
            lane: LanePlan {
                addresses: vec![],
                peer: PrivateKey::random().public_key(),
                preshared_key: Some(PresharedKey::from_bytes([3; 32])),
                endpoint: "192.0.2.1:51820".parse().unwrap(),
                others: Vec::new(),
                mtu: 1420,
                dns: Vec::new(),
            },
        };
        let message = settings("tornado0", &link);
        assert!(message.attributes.contains(&WireguardAttribute::Flags(WireguardDeviceFlags::ReplacePeers)));
        assert!(message.attributes.contains(&WireguardAttribute::Fwmark(MARK)));
        let peers = message
            .attributes
            .iter()
            .find_map(|a| if let WireguardAttribute::Peers(peers) = a { Some(peers) } else { None });
        assert!(peers.unwrap()[0].contains(&WireguardPeerAttribute::PersistentKeepalive(25)));
    }

    #[test]
    fn no_handshake_has_no_age() {
        let mut observation = Observation::default();
        let never = WireguardTimeSpec { seconds: 0, nano_seconds: 0 };
        read(&mut observation, &WireguardPeerAttribute::LastHandshake(never), Duration::from_secs(100));
        assert_eq!(observation.handshake_age, None);
        let then = WireguardTimeSpec { seconds: 90, nano_seconds: 0 };
        read(&mut observation, &WireguardPeerAttribute::LastHandshake(then), Duration::from_secs(100));
        assert_eq!(observation.handshake_age, Some(Duration::from_secs(10)));
    }
}
