//! Schemas of the device API in the OpenAPI document. They describe types of `tornado-shared`, which does not depend on
//! HTTP. The tests compare each schema with its serialised type.

#![expect(dead_code, reason = "these types only describe schemas and are never constructed")]

use utoipa::ToSchema;
use uuid::Uuid;

/// A status, such as `{"status": "ok"}`.
#[derive(ToSchema)]
pub struct StatusWord {
    status: String,
}

/// Raw X25519 key, standard base64.
#[derive(ToSchema)]
pub struct Pubkey {
    pubkey: String,
}

/// Statement that a client verifies with the pinned identity.
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
    /// The server's current time, Unix seconds.
    now: i64,
}

/// The identity's attestation of a TLS key.
#[derive(ToSchema)]
pub struct TlsAttestation {
    /// SHA-256 of the SubjectPublicKeyInfo, lower-case hex.
    spki_sha256: String,
    signature: String,
}

/// A sealed login or enrolment. Version 1 has the first three fields only.
#[derive(ToSchema)]
pub struct Envelope {
    /// Ephemeral X25519 key of this envelope, base64.
    ephemeral_pubkey: String,
    /// Version 1: 12 bytes, base64.
    iv: Option<String>,
    /// Sealed JSON and tag, base64.
    ciphertext: String,
    /// 2 in version 2.
    version: Option<u8>,
    /// Version 2: id of the login key it is sealed to.
    key_id: Option<String>,
    /// Version 2: ML-KEM-768 ciphertext, base64.
    kem_ciphertext: Option<String>,
    /// Version 2: the client's current time, Unix seconds.
    issued_at: Option<i64>,
}

/// Reply to an envelope: plain for version 1; `version` and `reply` for version 2.
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

/// An account, as shown to its owner.
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
    /// JWT that can be used once.
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
    /// Idempotency key of one refresh: 16 random bytes, base64url without padding; the same in every retry.
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

/// Parameters for bringing up one lane.
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
    /// DNS resolver of this lane; absent if the lane does not have one.
    dns: Option<String>,
    /// IPv6 address of the same resolver.
    dns6: Option<String>,
}

/// Durations in seconds.
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

/// The session that was closed, if any.
#[derive(ToSchema)]
pub struct Disconnected {
    session_id: Option<Uuid>,
}

/// The requesting account and device.
#[derive(ToSchema)]
pub struct Me {
    user: User,
    device_id: Uuid,
    device_name: String,
    /// Maximum number of devices connected at once.
    max_devices: u32,
    /// Bytes per calendar month (UTC); absent: no quota.
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

/// Bytes, as counted by the server.
#[derive(ToSchema)]
pub struct Transfer {
    rx_bytes: u64,
    tx_bytes: u64,
}

/// All lanes.
#[derive(ToSchema)]
pub struct Lanes {
    lanes: Vec<LaneView>,
    /// Current name or address of the server in the lanes' endpoints.
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

/// The device's view of the tor lane.
#[derive(ToSchema)]
pub struct TorView {
    /// open, maintenance or closed, for every device.
    lane: String,
    /// Two letters: the desired exit country; null: any country.
    exit: Option<String>,
    /// True while traffic of the device passes through Tor.
    ready: bool,
    /// Reason why `ready` is false.
    waiting_for: Option<String>,
    /// Available exit countries, highest capacity first.
    countries: Vec<ExitOffer>,
    /// Circuit of the device's latest connection through Tor.
    path: Option<TorPath>,
    /// Reason why there is no `path`.
    no_path: Option<String>,
}

/// An available exit country.
#[derive(ToSchema)]
pub struct ExitOffer {
    /// Two letters.
    country: String,
    exits: u32,
}

/// A circuit that carried traffic of the device.
#[derive(ToSchema)]
pub struct TorPath {
    /// The exit's address in the directory.
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

/// Selection of the exit country.
#[derive(ToSchema)]
pub struct ChooseExit {
    /// Two letters; null: any country.
    country: Option<String>,
}

/// Problem details, RFC 9457.
#[derive(ToSchema)]
pub struct Problem {
    /// `urn:tornado:problem:<code>`.
    #[schema(rename = "type")]
    kind: String,
    status: u16,
    /// Stable code for programs.
    code: String,
    /// Message for people.
    detail: String,
    /// Seconds to wait, also in the header Retry-After.
    retry_after: Option<u64>,
    /// Id of the request, also in the header X-Request-Id; an operator finds the reason with it.
    request_id: Option<String>,
}

#[cfg(test)]
#[path = "schemas_tests.rs"]
pub(super) mod tests;
