//! Contract of service `session`: sessions, leases, accounting and events.

mod accounting;
mod offers;

pub use accounting::{OwnHistory, Repairs, SessionsStatus, UsageQuery, UserUsage};

use crate::ServiceName;
use crate::auth::AccessToken;
use crate::token::TokenError;
use crate::wg::LaneEnd;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use tornado_rpc::{Done, Fault, NoInput, ServiceError};
use tornado_shared::api::{OwnUsage, QuotaView, TorView};
use tornado_shared::model::{
    CloseReason, CountryCode, DeviceId, Lane, LaneAddresses, PublicKey, Secret, SessionId, SessionState, Transfer,
    UnixSeconds, UserId, Username,
};

/// Input of [`Sessions::connect`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connect {
    /// The device's access token; `session` verifies it with `auth`.
    pub access_token: Secret,
    /// The device's WireGuard key.
    pub public_key: PublicKey,
    /// Client address; kept in live state only, never stored, never logged above DEBUG.
    pub client_ip: IpAddr,
    /// True: an exported device. It sends no heartbeats, so its handshakes show whether it is online. Its peers stay
    /// while it is offline, and its session lasts until it is closed.
    #[serde(default, rename = "plain", skip_serializing_if = "std::ops::Not::not")]
    pub exported: bool,
}

/// Everything a device needs to bring up both lanes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connected {
    /// The session.
    pub session_id: SessionId,
    /// The device's addresses on the direct lane.
    pub direct: LaneAddresses,
    /// The device's addresses on the tor lane.
    pub tor: LaneAddresses,
    /// The server's ends of both lanes.
    pub ends: Vec<LaneEnd>,
    /// True when both lanes use the preshared keys derived from the login.
    pub preshared: bool,
    /// Seconds until the next heartbeat is due; devices send one every half of this time.
    pub heartbeat_ttl: u64,
    /// Seconds until the session ends, regardless of heartbeats.
    pub hard_ttl: u64,
}

/// Result of a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeartbeatOutcome {
    /// The session was online and remains so.
    Ok,
    /// The session was offline; both peers were restored.
    Reconnected,
}

/// Response to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// Result of the heartbeat.
    pub outcome: HeartbeatOutcome,
}

/// Input of [`Sessions::close_device`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseDevice {
    /// The device whose session closes.
    pub device_id: DeviceId,
    /// Reason for closing.
    pub reason: CloseReason,
}

/// Input of [`Sessions::renew_identity`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewIdentity {
    /// The device that gets new circuits.
    pub device_id: DeviceId,
}

/// Input of [`Sessions::choose_exit`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseExit {
    /// The device's access token.
    pub access_token: Secret,
    /// Desired exit country; `None`: any country.
    pub country: Option<CountryCode>,
}

/// Result of every method that closes a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The session that was closed; `None`: there was none, which is not an error.
    pub session_id: Option<SessionId>,
}

/// Input of [`Sessions::live`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveQuery {
    /// Only this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// A live session, as shown to operators and its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// The session.
    pub session_id: SessionId,
    /// The account.
    pub user_id: UserId,
    /// The account's name.
    pub username: Username,
    /// The device.
    pub device_id: DeviceId,
    /// The device's key.
    pub public_key: PublicKey,
    /// Its state.
    pub state: SessionState,
    /// Addresses on the direct lane.
    pub direct: LaneAddresses,
    /// Addresses on the tor lane.
    pub tor: LaneAddresses,
    /// Start time.
    pub started_at: UnixSeconds,
    /// Latest heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Latest handshake on either lane.
    pub latest_handshake: Option<UnixSeconds>,
    /// Seconds since the latest handshake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_age: Option<u64>,
    /// The lane of the device's latest activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// Source address of that activity. Shown to operators only; never stored and never sent to the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<SocketAddr>,
    /// Bytes on the direct lane.
    pub direct_transfer: Transfer,
    /// Bytes on the tor lane.
    pub tor_transfer: Transfer,
}

/// Input of [`Sessions::history`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HistoryQuery {
    /// Only this account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Maximum number of rows, newest first, 1 to 500.
    #[serde(default = "default_history")]
    pub limit: u32,
}

const fn default_history() -> u32 {
    50
}

/// One session, past or live, with its actual transfer and close reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// The session.
    pub session_id: SessionId,
    /// The account.
    pub user_id: UserId,
    /// The account's name at that time.
    pub username: Username,
    /// The device.
    pub device_id: DeviceId,
    /// Start time.
    pub started_at: UnixSeconds,
    /// End time; `None` while the session is live.
    pub ended_at: Option<UnixSeconds>,
    /// Close reason.
    pub reason: Option<CloseReason>,
    /// Bytes on the direct lane.
    pub direct_transfer: Transfer,
    /// Bytes on the tor lane.
    pub tor_transfer: Transfer,
}

/// One line of the stream [`EVENTS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// Time of the event.
    pub at: UnixSeconds,
    /// The event.
    pub kind: EventKind,
    /// The session.
    pub session_id: SessionId,
    /// The account.
    pub user_id: UserId,
    /// The device.
    pub device_id: DeviceId,
}

/// A change of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It came online for the first time.
    Created,
    /// No heartbeat or handshake arrived in time.
    Offline,
    /// A heartbeat or handshake arrived after that.
    Recovered,
    /// The session closed.
    Closed(CloseReason),
    /// The account's quota is nearly or completely used. Sent once per month, quota and threshold.
    Quota(QuotaView),
}

/// Errors of service `session`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum SessionError {
    /// The access token was rejected.
    #[error("authentication failed: {0}")]
    Token(TokenError),
    /// The login was revoked, the device removed or the account suspended.
    #[error("this login has ended; log in again")]
    Revoked,
    /// The device has no live session.
    #[error("this session has ended; connect again")]
    SessionExpired,
    /// All device slots are occupied by connected devices.
    #[error("all {max} device slots of this account are in use; disconnect another device first")]
    MaxDevices {
        /// How many may be connected at once.
        max: u32,
    },
    /// The account has used its monthly quota.
    #[error("this account has used its monthly quota of {quota} bytes; connect again in {renews_in} seconds")]
    QuotaExceeded {
        /// Monthly quota, bytes.
        quota: u64,
        /// Seconds until the next month (UTC).
        renews_in: u64,
    },
    /// No address is available.
    #[error("the server has no free address; try again later or ask the operator")]
    PoolExhausted,
    /// This key already belongs to another device.
    #[error("this WireGuard key is in use by another device; generate a new key")]
    KeyInUse,
    /// The exit country is not available.
    #[error("no exit available in '{country}': {why}")]
    NoExit {
        /// The country.
        country: CountryCode,
        /// The reason, in plain words.
        why: String,
    },
    /// The device requested new circuits too often.
    #[error("this device requests new circuits too often; try again in {retry_after} seconds")]
    TooOften {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The lanes could not be programmed; nothing was changed.
    #[error("cannot set up the lanes: {0}; nothing was changed, try again in a moment")]
    DataPlane(String),
    /// The call itself failed.
    #[error(transparent)]
    #[serde(rename = "mesh")]
    Fault(Fault),
}

impl From<Fault> for SessionError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl ServiceError for SessionError {
    fn status(&self) -> u16 {
        match self {
            Self::Token(_) | Self::Revoked => 401,
            Self::SessionExpired => 400,
            Self::QuotaExceeded { .. } => 403,
            Self::MaxDevices { .. } | Self::KeyInUse | Self::NoExit { .. } => 409,
            Self::TooOften { .. } => 429,
            Self::PoolExhausted | Self::DataPlane(_) => 503,
            Self::Fault(fault) => fault.status(),
        }
    }

    fn code(&self) -> &str {
        match self {
            Self::Token(TokenError::Expired) => "token_expired",
            Self::Token(TokenError::Invalid | TokenError::UnknownKey) => "invalid_token",
            Self::Revoked => "revoked",
            Self::SessionExpired => "session_expired",
            Self::MaxDevices { .. } => "max_devices_exceeded",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::PoolExhausted => "pool_exhausted",
            Self::KeyInUse => "key_in_use",
            Self::NoExit { .. } => "no_exit",
            Self::TooOften { .. } => "too_many_attempts",
            Self::DataPlane(_) => "data_plane_unavailable",
            Self::Fault(fault) => fault.code(),
        }
    }

    fn retry_after(&self) -> Option<u64> {
        match self {
            Self::DataPlane(_) | Self::PoolExhausted => Some(2),
            Self::TooOften { retry_after } => Some(*retry_after),
            Self::QuotaExceeded { renews_in, .. } => Some(*renews_in),
            Self::Token(_)
            | Self::Revoked
            | Self::SessionExpired
            | Self::MaxDevices { .. }
            | Self::KeyInUse
            | Self::NoExit { .. }
            | Self::Fault(_) => None,
        }
    }
}

tornado_rpc::contract! {
    /// Sessions of devices.
    trait Sessions, client SessionsClient, error SessionError, callers ServiceName {
        /// Leases addresses, programs both lanes and opens the session. Idempotent for the same key.
        connect(Connect) -> Connected = POST "/v1/connect", within 22, up to 16_384, for [ClientApi];
        /// Renews the session's lease; restores an offline session.
        heartbeat(AccessToken) -> HeartbeatReply = POST "/v1/heartbeat", within 15, up to 16_384, for [ClientApi];
        /// Closes the session on the owner's request: lease, peers and slot are released immediately.
        disconnect(AccessToken) -> Closed = POST "/v1/disconnect", within 20, up to 16_384, for [ClientApi];
        /// The session of the token's device, if any.
        mine(AccessToken) -> Option<LiveSession> = POST "/v1/mine", within 15, up to 16_384, for [ClientApi];
        /// A new identity on the tor lane for the token's device: new flows share no circuit with earlier flows or
        /// other devices. Open flows continue.
        new_identity(AccessToken) -> Done = POST "/v1/identity", within 20, up to 16_384, for [ClientApi];
        /// The same, requested by an operator.
        renew_identity(RenewIdentity) -> Done = PUT "/v1/identity", within 10, up to 4_096, for [];
        /// The tor lane, as seen by the token's device.
        tor_view(AccessToken) -> TorView = POST "/v1/tor", within 25, up to 16_384, for [ClientApi];
        /// Sets the exit country of the token's device, for this and all later sessions. A change implies a new
        /// identity and ends open flows.
        choose_exit(ChooseExit) -> Done = PUT "/v1/tor/exit", within 25, up to 16_384, for [ClientApi];
        /// Closes a device's session in any state.
        close_device(CloseDevice) -> Closed = POST "/v1/close", within 15, up to 4_096, for [Auth];
        /// Live sessions.
        live(LiveQuery) -> Vec<LiveSession> = GET "/v1/sessions", within 15, up to 0, for [Auth];
        /// Past and live sessions.
        history(HistoryQuery) -> Vec<HistoryRow> = GET "/v1/history", within 15, up to 0, for [];
        /// Transfer of an account since its creation.
        usage(UsageQuery) -> UserUsage = GET "/v1/usage", within 15, up to 0, for [Auth];
        /// The same for the token's account, with usage of the current day and month and the remaining quota.
        own_usage(AccessToken) -> OwnUsage = POST "/v1/usage", within 15, up to 16_384, for [ClientApi];
        /// Past and live sessions of the token's account. Requires a valid login.
        own_history(OwnHistory) -> Vec<HistoryRow> = POST "/v1/history", within 15, up to 16_384, for [ClientApi];
        /// Status of the service.
        status(NoInput) -> SessionsStatus = GET "/v1/status", within 10, up to 0, for [Admin];
        /// Number of leased addresses and of all addresses.
        pool(NoInput) -> PoolStatus = GET "/v1/pool", within 10, up to 0, for [Admin];
    }
    streams {
        /// Session events from now on. The stream ends when the reader is too slow.
        events() -> SessionEvent = EVENTS "/v1/events", for [Auth, ClientApi];
    }
}

/// Occupancy of the address pools.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// Slots with a live lease.
    pub leased: u32,
    /// Slots in quarantine.
    pub quarantined: u32,
    /// All slots.
    pub total: u32,
}
