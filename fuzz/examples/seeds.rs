//! Writes the generated seeds into `corpus/`: `cargo run -p tornado-fuzz --example seeds`. Existing files with the same
//! names are replaced.

#![expect(clippy::unwrap_used, reason = "a generator panics on errors")]

use serde_json::{Value, json};
use std::path::Path;
use tornado_fuzz::known;
use tornado_shared::crypto::{v1, v2};
use tornado_shared::invitation::Invitation;
use tornado_shared::model::{PrivateKey, Secret};
use x25519_dalek::{PublicKey, StaticSecret};

fn put(target: &str, name: &str, bytes: impl AsRef<[u8]>) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join(name), bytes).unwrap();
}

fn main() {
    envelopes();
    tokens();
    answers();
    invitations();
    packets();
    datagrams();
    netlink();
}

fn payload(enrol: bool) -> Value {
    let (device_key, device_name) = ("A".repeat(43), "laptop");
    if enrol {
        json!({"code": "ABCDEFGH23456789ABCD", "username": "alice", "password": "correct horse battery",
               "device_key": device_key, "device_name": device_name})
    } else {
        json!({"username_or_email": "alice", "password": "hunter22", "device_key": device_key,
               "device_name": device_name, "totp": "123456"})
    }
}

fn envelopes() {
    let server = PublicKey::from(&known::v1_key());
    let plain = br#"{"username_or_email": "alice", "password": "hunter22"}"#;
    let sealed = v1::seal(server.as_bytes(), &StaticSecret::from([0x22; 32]), [5; 12], plain).unwrap();
    put("envelope_v1", "login", serde_json::to_vec(&sealed).unwrap());
    put("envelope_v1", "plain", payload(false).to_string());
    put("api_body", "login-v1", serde_json::to_vec(&sealed).unwrap());

    let (identity, key) = (known::identity(), known::v2_key());
    let key = key.sign(&identity).verify(&identity.public(), known::NOW).unwrap();
    for (name, purpose) in [("login", v2::Purpose::Login), ("enroll", v2::Purpose::Enroll)] {
        let plain = payload(purpose == v2::Purpose::Enroll).to_string();
        let (sealed, _) = v2::seal(&key, purpose, known::NOW, plain.as_bytes()).unwrap();
        let text = serde_json::to_string(&sealed).unwrap();
        put("envelope_v2", name, &text);
        put("api_body", &format!("{name}-v2"), &text);
        put(
            "api_request",
            &format!("{name}-v2"),
            format!("POST {}\n\n{text}", if name == "login" { "/auth/login" } else { "/v2/enroll" }),
        );
        put("api_body", &format!("{name}-payload"), &plain);
    }
}

fn tokens() {
    let id = |n: u8| format!("00000000-0000-4000-8000-0000000000{n:02x}");
    let header = r#"{"typ":"JWT","alg":"EdDSA","kid":"k1"}"#;
    let claims = json!({"iss": "tornado-vpn.local", "aud": "tornado-vpn-users", "sub": id(1), "device_id": id(2),
        "fam": id(3), "iat": known::NOW, "nbf": known::NOW, "exp": known::NOW + 900, "jti": id(4), "type": "access",
        "scope": "user"});
    let claims = claims.to_string();
    put("token", "claims", format!("{header}\n{claims}"));
    put("token", "refresh", format!("{header}\n{}", claims.replace("access", "refresh")));
    put("token", "no-algorithm", format!("{}\n{claims}", header.replace("EdDSA", "none")));
    put("token", "whole", known::signed(header.as_bytes(), claims.as_bytes()));
    put("token", "hmac", format!("{}\n{claims}", header.replace("EdDSA", "HS256")));
}

fn answers() {
    let (identity, key) = (known::identity(), known::v2_key());
    let info = json!({"identity": identity.public(), "login_key": key.sign(&identity), "pubkey": "A".repeat(43) + "=",
        "tls": {"spki_sha256": "ab".repeat(32), "signature": identity.sign(b"x")}, "now": known::NOW});
    put("api_answer", "server", info.to_string());
    let key = |n: u8| PrivateKey::from_bytes([n; 32]).public_key();
    let initiated = json!({"status": "success",
        "vpn": {"ip": "10.8.0.2", "endpoint": "vpn.example.org:51820", "server_pubkey": key(1), "ip6": "fd74::2",
                "port": 51820, "mtu": 1420},
        "tor": {"ip": "10.9.0.2", "endpoint": "[2001:db8::1]:51821", "server_pubkey": key(2), "ip6": "fd75::2",
                "port": 51821, "mtu": 1280, "dns": "10.9.0.1", "dns6": "fd75::1"},
        "session": {"heartbeat_ttl": 90, "hard_ttl": 86400},
        "session_id": "00000000-0000-4000-8000-000000000001", "preshared": true});
    put("api_answer", "initiated", initiated.to_string());
    put(
        "api_request",
        "initiate",
        format!("POST /vpn/initiate\nauthorization: Bearer a.b.c\n\n{}", json!({"public_key": key(3)})),
    );
    put("api_body", "initiate", json!({"public_key": key(3)}).to_string());
    put("model", "public-key", key(3).to_string());
    let peer = json!({"public_key": key(4), "direct": {"addresses": {"v4": "10.8.0.2", "v6": "fd74::2"}},
        "tor": {"addresses": {"v4": "10.9.0.2", "v6": "fd75::2"}, "preshared_key": "AQ".repeat(21) + "A="},
        "isolation": 7, "exit": "de"});
    put("rpc_request", "wg-put", format!("\u{2}PUT /v1/peers\n\n{peer}"));
    put("rpc_request", "wg-sync", format!("\u{2}PUT /v1/sync\n\n{}", json!({"peers": [peer]})));
    let connect = json!({"access_token": "a.b.c", "public_key": key(4), "client_ip": "192.0.2.7", "exported": true});
    put("rpc_request", "session-connect", format!("\u{1}POST /v1/connect\n\n{connect}"));
}

fn invitations() {
    for (name, server) in [("name", "vpn.example.org"), ("v4", "192.0.2.1:99"), ("v6", "[2001:db8::1]:8443")] {
        let invitation = Invitation {
            server: server.parse().unwrap(),
            identity: known::identity().public().fingerprint(),
            tls: (name != "v4").then(|| known::identity().public().fingerprint()),
            code: Secret::new("ABCDEFGH23456789ABCD"),
        };
        put("invitation", name, invitation.to_link().expose());
        put("invitation", &format!("address-{name}"), server);
    }
}

/// An IP packet with one of the two transports; the target sets lengths and checksums.
fn packet(v6: bool, protocol: u8, sequence: u32, payload: usize) -> Vec<u8> {
    let transport = if protocol == 6 { 20 } else { 8 };
    let length = u16::try_from(transport + payload).unwrap();
    let mut bytes = if v6 {
        let mut header = vec![0x60, 0, 0, 0, 0, 0, protocol, 64];
        header[4..6].copy_from_slice(&length.to_be_bytes());
        header.extend([0xfd; 32]);
        header
    } else {
        let mut header = vec![0x45, 0, 0, 0, 0, 1, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        header[2..4].copy_from_slice(&(length + 20).to_be_bytes());
        header
    };
    bytes.extend([0x10, 1, 0x20, 2]);
    if protocol == 6 {
        bytes.extend(sequence.to_be_bytes());
        bytes.extend([0, 0, 0, 9, 0x50, 0x10, 1, 0, 0, 0, 0, 0]);
    } else {
        bytes.extend(length.to_be_bytes());
        bytes.extend([0, 0]);
    }
    bytes.extend(std::iter::repeat_n(0x5a, payload));
    bytes
}

fn packets() {
    for (name, v6, protocol) in [("tcp4", false, 6), ("tcp6", true, 6), ("udp4", false, 17), ("udp6", true, 17)] {
        let mut joined = Vec::new();
        for (number, payload) in [32u32, 32, 32, 9].into_iter().enumerate() {
            let sequence = 0xffff_ffd0_u32.wrapping_add(32 * u32::try_from(number).unwrap());
            let one = packet(v6, protocol, sequence, usize::try_from(payload).unwrap());
            joined.extend((0x8000 | u16::try_from(one.len()).unwrap()).to_be_bytes());
            joined.extend(one);
        }
        put("join", name, joined);
        // virtio_net_hdr: needs a checksum, GSO type, header length, segment size, checksum start, checksum offset.
        let kind = match (protocol, v6) {
            (6, false) => 1,
            (6, true) => 4,
            _ => 5,
        };
        let ip: u16 = if v6 { 40 } else { 20 };
        let mut piece = vec![1, kind];
        for word in [ip + if protocol == 6 { 20 } else { 8 }, 40, ip, if protocol == 6 { 16 } else { 6 }] {
            piece.extend(word.to_ne_bytes());
        }
        piece.extend(packet(v6, protocol, 7, 130));
        put("split", name, piece);
    }
    put("split", "single", [&[0; 10][..], &packet(false, 6, 7, 3)].concat());
}

/// Events between two interfaces; each step is event, side, position, length and bytes.
fn datagrams() {
    // A packet, initiation, response, confirmation: then there is a session.
    let shake = [&[5, 0, 0, 3, 1, 2, 3][..], &[0, 1, 0, 0], &[0, 0, 0, 0], &[0, 1, 0, 0], &[8, 1, 0, 0]].concat();
    put("datagrams", "handshake", &shake);
    let both =
        [&shake[..], &[5, 1, 0, 2, 7, 8], &[0, 0, 0, 0], &[0, 0, 0, 0], &[5, 0, 0, 1, 9], &[0, 1, 20, 1, 4]].concat();
    put("datagrams", "changed-and-again", both);
    put("datagrams", "removed", [&shake[..], &[6, 1, 0, 0], &[8, 1, 0, 0], &[6, 5, 0, 0], &[5, 1, 0, 1, 1]].concat());
    put("datagrams", "cookie", [&[7, 0, 0, 0][..], &[0, 3, 0, 0], &[0, 0, 0, 0], &[7, 0, 0, 0]].concat());
    put("datagrams", "made-up", [&[4, 0, 0, 36, 4][..], &[0; 35], &[5, 4, 9, 1, 1]].concat());
}

/// A netlink attribute.
fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(value.len() + 4).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

fn message(kind: u16, family: u8, attributes: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(20 + attributes.len()).unwrap().to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend([0; 10]);
    bytes.extend([family, 0, 0, 0]);
    bytes.extend(attributes);
    bytes
}

fn netlink() {
    let changed = [message(0x0a06, 1, &attribute(1, b"tornado\0")), message(0x0a0f, 0, &attribute(2, &[0, 0, 0, 4]))];
    put("netlink", "table-changed", changed.concat());
    for (name, family, from, to) in [("flow4", 2, 1, 2), ("flow6", 10, 3, 4)] {
        let width = if family == 2 { 4 } else { 16 };
        let ends = [attribute(from, &vec![10; width]), attribute(to, &vec![11; width])].concat();
        let tuple = attribute(0x8001, &ends);
        let all = [attribute(0x8001, &tuple), attribute(12, &[1, 2, 3, 4]), attribute(18, &[0, 1])].concat();
        put("netlink", name, [message(0x100, family, &all), message(3, 0, &[])].concat());
    }
}
