//! Renders a lane of a session as a configuration file that every WireGuard app reads (`wg-quick(8)`).

use crate::model::{DeviceName, PresharedKey, PrivateKey, Secret};
use crate::offer::Offer;
use std::fmt::Write as _;
use zeroize::Zeroizing;

/// Seconds between keepalives, shorter than the usual lifetime of a NAT mapping (`wg(8)`).
const KEEPALIVE: u16 = 25;

/// Renders one lane for an ordinary WireGuard app. All traffic goes into the tunnel, and DNS does too if the lane has a
/// resolver. The result contains the private key.
#[must_use]
pub fn wg_quick(name: &DeviceName, offer: &Offer, private: &PrivateKey, preshared: Option<&PresharedKey>) -> Secret {
    let mut text = Zeroizing::new(String::with_capacity(640));
    // Writing to a String cannot fail.
    let _ =
        writeln!(text, "# Tornado VPN: {name}, {} lane. Contains a private key: keep this file secret.", offer.lane);
    let _ = writeln!(text, "[Interface]");
    let _ = writeln!(text, "PrivateKey = {}", *Zeroizing::new(private.expose_base64()));
    let _ = writeln!(text, "Address = {}/32, {}/128", offer.v4, offer.v6);
    let resolvers: Vec<String> = offer.resolvers().iter().map(ToString::to_string).collect();
    if !resolvers.is_empty() {
        let _ = writeln!(text, "DNS = {}", resolvers.join(", "));
    }
    let _ = writeln!(text, "MTU = {}\n\n[Peer]\nPublicKey = {}", offer.mtu, offer.server_key);
    if let Some(key) = preshared {
        let _ = writeln!(text, "PresharedKey = {}", *Zeroizing::new(key.expose_base64()));
    }
    let _ = writeln!(text, "AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = {}", offer.endpoint);
    let _ = writeln!(text, "PersistentKeepalive = {KEEPALIVE}");
    Secret::new(text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Lane;

    #[test]
    fn both_lanes_read_as_wg_quick_wants_them() {
        let (private, server) = (PrivateKey::from_bytes([1; 32]), PrivateKey::from_bytes([2; 32]).public_key());
        let tor = Offer {
            lane: Lane::Tor,
            v4: [10, 9, 0, 2].into(),
            v6: "fd75::2".parse().unwrap(),
            endpoint: "[2001:db8::1]:51821".parse().unwrap(),
            server_key: server,
            mtu: 1420,
            dns: Some([10, 9, 0, 1].into()),
            dns6: Some("fd75::1".parse().unwrap()),
        };
        let name = "my phone".parse().unwrap();
        let text = wg_quick(&name, &tor, &private, Some(&PresharedKey::from_bytes([3; 32])));
        let expected = format!(
            "# Tornado VPN: my phone, tor lane. Contains a private key: keep this file secret.\n[Interface]\n\
             PrivateKey = {}\nAddress = 10.9.0.2/32, fd75::2/128\nDNS = 10.9.0.1, fd75::1\nMTU = 1420\n\n\
             [Peer]\nPublicKey = {server}\nPresharedKey = {}\nAllowedIPs = 0.0.0.0/0, ::/0\n\
             Endpoint = [2001:db8::1]:51821\nPersistentKeepalive = 25\n",
            private.expose_base64(),
            PresharedKey::from_bytes([3; 32]).expose_base64(),
        );
        assert_eq!(text.expose(), expected);
        let direct = Offer { lane: Lane::Direct, dns: None, dns6: None, ..tor };
        let text = wg_quick(&name, &direct, &private, None);
        assert!(!text.expose().contains("DNS") && !text.expose().contains("PresharedKey"));
    }
}
