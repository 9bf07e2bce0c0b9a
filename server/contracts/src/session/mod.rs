//! Contract of service `session`: sessions, leases, lifecycle, accounting, events.

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
    /// The device's access token; `session` asks `auth` about it itself.
    pub access_token: Secret,
    /// The WireGuard key the device made.
    pub public_key: PublicKey,
    /// Where the call came from; live state only, never stored, never logged above DEBUG.
    pub client_ip: IpAddr,
    /// True: an ordinary WireGuard app will use the lease. It sends no heartbeats: its handshakes say whether it is
    /// there, its peers stay when it is not, and its session lives until it is ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
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
    /// Seconds within which the next heartbeat is due; send one each half of it.
    pub heartbeat_ttl: u64,
    /// Seconds until the session ends whatever happens.
    pub hard_ttl: u64,
}

/// What a heartbeat did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeartbeatOutcome {
    /// The session was online and stays so.
    Ok,
    /// The session was offline; both peers are back.
    Reconnected,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeartbeatReply {
    /// What it did.
    pub outcome: HeartbeatOutcome,
}

/// Input of [`Sessions::close_device`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseDevice {
    /// The device whose session ends.
    pub device_id: DeviceId,
    /// Why.
    pub reason: CloseReason,
}

/// Input of [`Sessions::renew_identity`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RenewIdentity {
    /// The device whose circuits change.
    pub device_id: DeviceId,
}

/// Input of [`Sessions::choose_exit`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseExit {
    /// The device's access token.
    pub access_token: Secret,
    /// Where it wishes to leave Tor; none: anywhere.
    pub country: Option<CountryCode>,
}

/// Answer to every way of closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// The session that ended now; `None` when there was none, which is no error.
    pub session_id: Option<SessionId>,
}

/// Input of [`Sessions::live`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveQuery {
    /// Only this user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
}

/// A live session as operators and the owner see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    /// The session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The account's name.
    pub username: Username,
    /// Which device.
    pub device_id: DeviceId,
    /// Its key.
    pub public_key: PublicKey,
    /// Its state.
    pub state: SessionState,
    /// Addresses on the direct lane.
    pub direct: LaneAddresses,
    /// Addresses on the tor lane.
    pub tor: LaneAddresses,
    /// When it was made.
    pub started_at: UnixSeconds,
    /// Latest heartbeat.
    pub last_heartbeat: UnixSeconds,
    /// Latest handshake on either lane.
    pub latest_handshake: Option<UnixSeconds>,
    /// Seconds since then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handshake_age: Option<u64>,
    /// The lane on which something was heard of it last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lane: Option<Lane>,
    /// From where it was heard there. For operators' eyes only: never stored, and not told to the device.
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
    /// Only this user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Rows, newest first, 1 to 500.
    #[serde(default = "default_history")]
    pub limit: u32,
}

const fn default_history() -> u32 {
    50
}

/// One connection that was or is: one row, true bytes, true reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// The session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// The account's name at that time.
    pub username: Username,
    /// Which device.
    pub device_id: DeviceId,
    /// When it began.
    pub started_at: UnixSeconds,
    /// When it ended; `None` while it lives.
    pub ended_at: Option<UnixSeconds>,
    /// Why it ended.
    pub reason: Option<CloseReason>,
    /// Bytes on the direct lane.
    pub direct_transfer: Transfer,
    /// Bytes on the tor lane.
    pub tor_transfer: Transfer,
}

/// One line of the stream [`EVENTS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEvent {
    /// When.
    pub at: UnixSeconds,
    /// What.
    pub kind: EventKind,
    /// Which session.
    pub session_id: SessionId,
    /// Whose.
    pub user_id: UserId,
    /// Which device.
    pub device_id: DeviceId,
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// It came online for the first time.
    Created,
    /// No sign of life within the time.
    Offline,
    /// A sign of life after that.
    Recovered,
    /// It ended.
    Closed(CloseReason),
    /// Little or nothing is left of the quota of its account; once for each month, quota and of the two.
    Quota(QuotaView),
}

/// What `session` can answer besides success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case", tag = "kind", content = "data")]
pub enum SessionError {
    /// The access token is not good.
    #[error("authentication failed: {0}")]
    Token(TokenError),
    /// The login was ended, the device removed or the account suspended.
    #[error("this login has been ended; log in again")]
    Revoked,
    /// There is no live session of this device.
    #[error("this session has ended; connect again")]
    SessionExpired,
    /// All device slots are taken by connected devices.
    #[error("all {max} device slots of this account are in use; disconnect another device first")]
    MaxDevices {
        /// How many may be connected at once.
        max: u32,
    },
    /// The account moved as many bytes as it may in a month.
    #[error("this account has used its {quota} bytes of this month; it may connect again in {renews_in} seconds")]
    QuotaExceeded {
        /// Bytes a month.
        quota: u64,
        /// Seconds until the next month begins, in UTC.
        renews_in: u64,
    },
    /// No address is free.
    #[error("no address is free on this server; try again later or ask the operator")]
    PoolExhausted,
    /// This key already belongs to another device.
    #[error("this WireGuard key is in use by another device; make a new one")]
    KeyInUse,
    /// The country cannot be had.
    #[error("no exit in '{country}' for now: {why}")]
    NoExit {
        /// Which.
        country: CountryCode,
        /// Why, in plain words.
        why: String,
    },
    /// The device asked for other circuits too often.
    #[error("this device changes its circuits too often; wait {retry_after} seconds")]
    TooOften {
        /// Seconds to wait.
        retry_after: u64,
    },
    /// The lanes could not be programmed; nothing was left behind.
    #[error("the lanes could not be set up ({0}); nothing was changed, try again in a moment")]
    DataPlane(String),
    /// The call failed on its way.
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
    /// The life of tunnels.
    trait Sessions, client SessionsClient, error SessionError, callers ServiceName {
        /// Leases addresses, programs both lanes, opens the session. Again with the same key: the same answer.
        connect(Connect) -> Connected = POST "/v1/connect", within 22, up to 16_384, for [ClientApi];
        /// A sign of life; brings an offline session back.
        heartbeat(AccessToken) -> HeartbeatReply = POST "/v1/heartbeat", within 15, up to 16_384, for [ClientApi];
        /// The device's owner ends its session: lease, peers and slot are free at once.
        disconnect(AccessToken) -> Closed = POST "/v1/disconnect", within 20, up to 16_384, for [ClientApi];
        /// The session of the token's device, if it has one.
        mine(AccessToken) -> Option<LiveSession> = POST "/v1/mine", within 15, up to 16_384, for [ClientApi];
        /// A new identity on the tor lane for the token's device: flows that begin from now on meet no circuit of
        /// before, and no other device's. Running flows go on.
        new_identity(AccessToken) -> Done = POST "/v1/identity", within 20, up to 16_384, for [ClientApi];
        /// The same, for an operator.
        renew_identity(RenewIdentity) -> Done = PUT "/v1/identity", within 10, up to 4_096, for [];
        /// The tor lane as the token's device sees it.
        tor(AccessToken) -> TorView = POST "/v1/tor", within 25, up to 16_384, for [ClientApi];
        /// The country in which the token's device leaves Tor, from now on and in every session to come. A change
        /// is a new identity too, and ends the flows of before.
        choose_exit(ChooseExit) -> Done = PUT "/v1/tor/exit", within 25, up to 16_384, for [ClientApi];
        /// Ends a device's session, whatever its state.
        close_device(CloseDevice) -> Closed = POST "/v1/close", within 15, up to 4_096, for [Auth];
        /// Live sessions.
        live(LiveQuery) -> Vec<LiveSession> = GET "/v1/sessions", within 15, up to 0, for [Auth];
        /// Connections that were.
        history(HistoryQuery) -> Vec<HistoryRow> = GET "/v1/history", within 15, up to 0, for [];
        /// What an account moved since it was made.
        usage(UsageQuery) -> UserUsage = GET "/v1/usage", within 15, up to 0, for [Auth];
        /// The same of the token's account, with the parts of this day and month and what is left of its quota.
        own_usage(AccessToken) -> OwnUsage = POST "/v1/usage", within 15, up to 16_384, for [ClientApi];
        /// Connections of the token's account that were and are. The token's login must stand.
        own_history(OwnHistory) -> Vec<HistoryRow> = POST "/v1/history", within 15, up to 16_384, for [ClientApi];
        /// The service at a glance.
        status(NoInput) -> SessionsStatus = GET "/v1/status", within 10, up to 0, for [Admin];
        /// Number of taken and of all addresses.
        pool(NoInput) -> PoolStatus = GET "/v1/pool", within 10, up to 0, for [Admin];
    }
    streams {
        /// What happens to sessions from now on. Ends when it is not read in time.
        events() -> SessionEvent = EVENTS "/v1/events", for [Auth, ClientApi];
    }
}

/// How full the address pools are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolStatus {
    /// Slots with a live lease.
    pub leased: u32,
    /// Slots that rest before they are given out again.
    pub quarantined: u32,
    /// All slots.
    pub total: u32,
}
