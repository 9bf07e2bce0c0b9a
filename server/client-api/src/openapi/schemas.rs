//! The shapes of the device API as the document shows them. They describe types of `tornado-shared`, which knows no
//! HTTP; the test below compares each with what its type writes.

#![expect(dead_code, reason = "these types are only described, never made")]

use utoipa::ToSchema;
use uuid::Uuid;

/// `{"status": "ok"}` and its kin.
#[derive(ToSchema)]
pub struct StatusWord {
    status: String,
}

/// Raw X25519 key, standard base64.
#[derive(ToSchema)]
pub struct Pubkey {
    pubkey: String,
}

/// Everything a client checks against the identity it pinned.
#[derive(ToSchema)]
pub struct ServerInfo {
    /// Ed25519 public key.
    identity: String,
    /// Hybrid login key of envelope version 2 with its expiry, signed by the identity.
    #[schema(value_type = Object)]
    login_key: (),
    /// Login key of envelope version 1.
    pubkey: String,
    /// The certificate's key, signed by the identity.
    tls: Option<TlsAttestation>,
    /// The server's clock, Unix seconds.
    now: i64,
}

/// The identity's word for a TLS key.
#[derive(ToSchema)]
pub struct TlsAttestation {
    /// SHA-256 of the SubjectPublicKeyInfo, lower-case hex.
    spki_sha256: String,
    signature: String,
}

/// A sealed login or enrolment. Version 1 has the first three fields only.
#[derive(ToSchema)]
pub struct Envelope {
    /// X25519 key made for this envelope, base64.
    ephemeral_pubkey: String,
    /// Version 1: 12 bytes, base64.
    iv: Option<String>,
    /// Sealed JSON and tag, base64.
    ciphertext: String,
    /// 2 in version 2.
    version: Option<u8>,
    /// Version 2: the login key it is sealed to.
    key_id: Option<String>,
    /// Version 2: ML-KEM-768 ciphertext, base64.
    kem_ciphertext: Option<String>,
    /// Version 2: the client's clock, Unix seconds.
    issued_at: Option<i64>,
}

/// To an envelope of version 1 in the clear; to one of version 2 as `version` and `reply`.
#[derive(ToSchema)]
pub struct LoginReply {
    /// `ok`.
    status: Option<String>,
    user: Option<User>,
    tokens: Option<Tokens>,
    device_id: Option<Uuid>,
    /// 2 in version 2.
    version: Option<u8>,
    /// Version 2: the same content, sealed.
    reply: Option<SealedReply>,
}

/// Sealed JSON and tag.
#[derive(ToSchema)]
pub struct SealedReply {
    ciphertext: String,
}

/// An account as its owner sees it.
#[derive(ToSchema)]
pub struct User {
    id: Uuid,
    username: String,
    email: String,
    is_active: bool,
}

/// A token pair.
#[derive(ToSchema)]
pub struct Tokens {
    /// JWT for the header `Authorization`.
    access_token: String,
    /// JWT that works once.
    refresh_token: String,
    access_jti: Uuid,
    refresh_jti: Uuid,
    device_id: Uuid,
    /// Seconds until the access token expires.
    expires_in: i64,
}

/// Body of reauth and logout.
#[derive(ToSchema)]
pub struct Refresh {
    refresh_token: String,
    /// 16 random bytes, base64url without padding, drawn for one trade and kept until its answer has arrived.
    attempt: Option<String>,
}

/// A new pair.
#[derive(ToSchema)]
pub struct Reauthenticated {
    /// `ok`.
    status: String,
    tokens: Tokens,
}

/// Body of connect.
#[derive(ToSchema)]
pub struct Initiate {
    /// WireGuard public key, 32 bytes, base64.
    public_key: String,
}

/// Both lanes are open.
#[derive(ToSchema)]
pub struct Initiated {
    /// `success`.
    status: String,
    /// Direct lane.
    vpn: LaneOffer,
    /// Tor lane.
    tor: LaneOffer,
    session: SessionTimes,
    session_id: Uuid,
    /// True when both lanes use the preshared keys derived from the login.
    preshared: bool,
}

/// What a device needs to bring a lane up.
#[derive(ToSchema)]
pub struct LaneOffer {
    /// The device's IPv4 address.
    ip: String,
    /// `host:port` of the server.
    endpoint: String,
    server_pubkey: String,
    /// The device's IPv6 address.
    ip6: String,
    port: u16,
    mtu: u16,
    /// Resolver of this lane; absent when it has none.
    dns: Option<String>,
    /// The same resolver's IPv6 address.
    dns6: Option<String>,
}

/// Seconds.
#[derive(ToSchema)]
pub struct SessionTimes {
    heartbeat_ttl: u64,
    hard_ttl: u64,
}

/// `ok` or `reconnected`.
#[derive(ToSchema)]
pub struct HeartbeatStatus {
    status: String,
}

/// The session that ended, if there was one.
#[derive(ToSchema)]
pub struct Disconnected {
    session_id: Option<Uuid>,
}

/// The caller.
#[derive(ToSchema)]
pub struct Me {
    user: User,
    device_id: Uuid,
    device_name: String,
    /// Devices that may be connected at once.
    max_devices: u32,
    /// Bytes a calendar month (UTC); absent: no quota.
    month_quota: Option<u64>,
    session: Option<Session>,
}

/// The device's session.
#[derive(ToSchema)]
pub struct Session {
    session_id: Uuid,
    /// connecting, online, offline or closed.
    state: String,
    /// Unix seconds.
    started_at: i64,
    direct: Transfer,
    tor: Transfer,
}

/// Bytes, seen from the server.
#[derive(ToSchema)]
pub struct Transfer {
    rx_bytes: u64,
    tx_bytes: u64,
}

/// All lanes.
#[derive(ToSchema)]
pub struct Lanes {
    lanes: Vec<LaneView>,
    /// Name or address under which lanes are offered now.
    host: Option<String>,
}

/// One lane.
#[derive(ToSchema)]
pub struct LaneView {
    /// direct or tor.
    lane: String,
    /// open, maintenance or closed.
    state: String,
    port: u16,
    server_pubkey: String,
}

/// The tor lane of the device.
#[derive(ToSchema)]
pub struct TorView {
    /// open, maintenance or closed, for every device.
    lane: String,
    /// Two letters: where the device wishes to leave Tor; null: anywhere.
    exit: Option<String>,
    /// True while what the device sends is carried.
    ready: bool,
    /// Why it is not.
    waiting_for: Option<String>,
    /// Countries to choose from, the widest first.
    countries: Vec<ExitOffer>,
    /// How the device's latest connection went through Tor.
    path: Option<TorPath>,
    /// Why there is none.
    no_path: Option<String>,
}

/// A country that can be chosen.
#[derive(ToSchema)]
pub struct ExitOffer {
    /// Two letters.
    country: String,
    exits: u32,
}

/// A circuit that carried something of the device.
#[derive(ToSchema)]
pub struct TorPath {
    /// The exit's address in the network's directory.
    exit_address: Option<String>,
    exit_country: Option<String>,
    /// Guard first, exit last.
    hops: Vec<TorHop>,
    /// Unix seconds.
    since: i64,
}

/// A relay.
#[derive(ToSchema)]
pub struct TorHop {
    /// guard, middle or exit.
    role: String,
    nickname: String,
    country: Option<String>,
}

/// Where to leave Tor.
#[derive(ToSchema)]
pub struct ChooseExit {
    /// Two letters; null: anywhere.
    country: Option<String>,
}

/// RFC 9457.
#[derive(ToSchema)]
pub struct Problem {
    /// `urn:tornado:problem:<code>`.
    #[schema(rename = "type")]
    kind: String,
    status: u16,
    /// Stable word for programs.
    code: String,
    /// A sentence for people.
    detail: String,
    /// Seconds to wait, also in the header Retry-After.
    retry_after: Option<u64>,
}

#[cfg(test)]
#[path = "schemas_tests.rs"]
pub(super) mod tests;
