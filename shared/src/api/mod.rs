//! Wire format of the device API on port 4605.
//!
//! The routes and fields of the original are kept for its clients (v1). An error is `application/problem+json` for
//! clients that accept it, and `{"detail": "<code>"}` for others.

mod events;
mod login;
mod own;
mod server;
mod tor;
mod vpn;

pub use crate::crypto::v2::V2Tag;
pub use events::DeviceEvent;
pub use login::{
    EnrollPayload, IdempotencyKey, LoginBody, LoginPayload, LoginReply, LoginReplyV1, Profile, RecoveryCodes, Refresh,
    Tokens, TotpOffer, UserView, V2, WelcomePayload,
};
pub use own::{
    FirstCode, LaneBytes, NewPassword, OwnDevice, OwnDevices, OwnSession, OwnSessions, OwnUsage, PasswordAgain,
    QuotaView, SessionsQuery, UpdateMe,
};
pub use server::{ServerInfo, TlsAttestation};
pub use tor::{ChooseExit, ExitOffer, TorHop, TorHopRole, TorPath, TorView};
pub use vpn::{
    Disconnected, HeartbeatStatus, HeartbeatWord, Initiate, Initiated, LaneOffer, LaneState, LaneView, Lanes, Seen,
    SessionTimes, SessionView, StatusWord,
};

/// Routes of the device API.
pub mod path {
    /// `GET`: changes as server-sent events, while the device has a session.
    pub const EVENTS: &str = "/v2/events";
    /// `GET`: liveness; no authentication.
    pub const HEALTH: &str = "/health";
    /// `GET`: login key of envelope v1.
    pub const PUBKEY: &str = "/auth/pubkey";
    /// `POST`: login envelope of either version.
    pub const LOGIN: &str = "/auth/login";
    /// `POST`: exchanges a refresh token for a new pair.
    pub const REAUTH: &str = "/auth/reauth";
    /// `POST`: ends the login.
    pub const LOGOUT: &str = "/auth/logout";
    /// `POST`: connect.
    pub const INITIATE: &str = "/vpn/initiate";
    /// `POST`: a lease for an exported device.
    pub const EXPORT: &str = "/v2/export";
    /// `POST`: token echo of the original.
    pub const VERIFY_ID: &str = "/vpn/verify/id";
    /// `POST`: heartbeat.
    pub const HEARTBEAT: &str = "/session/heartbeat";
    /// `GET`: the server's signed statement.
    pub const SERVER: &str = "/v2/server";
    /// `POST`: enrolment envelope (v2 only).
    pub const ENROLL: &str = "/v2/enroll";
    /// `POST`: disconnect.
    pub const DISCONNECT: &str = "/v2/session/disconnect";
    /// `GET`: account, device and session of the caller. `PATCH`: changes the e-mail address or the device name.
    pub const ME: &str = "/v2/me";
    /// `PUT`: changes the password; all other devices are logged out.
    pub const ME_PASSWORD: &str = "/v2/me/password";
    /// `GET`: the account's devices.
    pub const ME_DEVICES: &str = "/v2/me/devices";
    /// `DELETE`: removes a device; its login and its session end.
    pub const ME_DEVICE: &str = "/v2/me/devices/{id}";
    /// `POST`: creates a secret for an authenticator. `PUT`: confirms it. `DELETE`: removes it.
    pub const ME_TOTP: &str = "/v2/me/totp";
    /// `GET`: the account's usage and quota.
    pub const ME_USAGE: &str = "/v2/me/usage";
    /// `GET`: a page of the account's sessions.
    pub const ME_SESSIONS: &str = "/v2/me/sessions";
    /// `GET`: the source address of the caller's connection.
    pub const SEEN: &str = "/v2/seen";
    /// `GET`: the lanes and their states.
    pub const LANES: &str = "/v2/lanes";
    /// `POST`: new circuits for the device on the tor lane.
    pub const NEW_IDENTITY: &str = "/v2/tor/new-identity";
    /// `GET`: the device's Tor state: exit country, circuit, available countries.
    pub const TOR: &str = "/v2/tor";
    /// `PUT`: sets the country of the device's Tor exits.
    pub const TOR_EXIT: &str = "/v2/tor/exit";
    /// `GET`: OpenAPI document.
    pub const OPENAPI: &str = "/openapi.json";
}
