//! The device API on port 4605: what goes over the wire.
//!
//! The original's routes and fields are kept for its clients (v1). An error is
//! `application/problem+json` for clients that accept it and `{"detail": "<code>"}` for the others.

mod events;
mod login;
mod own;
mod server;
mod tor;
mod vpn;

pub use events::DeviceEvent;
pub use login::{
    Attempt, EnrollPayload, LoginBody, LoginPayload, LoginReply, LoginReplyV1, Profile, RecoveryCodes, Refresh, Tokens,
    TotpOffer, UserView, V2, V2Tag, WelcomePayload,
};
pub use own::{
    FirstCode, LaneBytes, NewPassword, OwnDevice, OwnDevices, OwnSession, OwnSessions, OwnUsage, PasswordAgain,
    QuotaView, SessionsQuery, UpdateMe,
};
pub use server::{ServerInfo, TlsAttestation};
pub use tor::{ChooseExit, ExitOffer, TorHop, TorHopRole, TorPath, TorView};
pub use vpn::{
    Disconnected, HeartbeatStatus, HeartbeatWord, Initiate, Initiated, LaneOffer, LaneState, LaneView, Lanes,
    SessionTimes, SessionView, StatusWord,
};

/// Routes of the device API.
pub mod path {
    /// `GET`: what a device learns at once, as server-sent events, while it has a session.
    pub const EVENTS: &str = "/v2/events";
    /// `GET`: liveness, no authentication.
    pub const HEALTH: &str = "/health";
    /// `GET`: v1 login key.
    pub const PUBKEY: &str = "/auth/pubkey";
    /// `POST`: login envelope, both versions.
    pub const LOGIN: &str = "/auth/login";
    /// `POST`: refresh token → new pair.
    pub const REAUTH: &str = "/auth/reauth";
    /// `POST`: ends the login.
    pub const LOGOUT: &str = "/auth/logout";
    /// `POST`: connect.
    pub const INITIATE: &str = "/vpn/initiate";
    /// `POST`: a lease for an ordinary WireGuard app.
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
    /// `GET`: the caller's account, device and session. `PATCH`: changes address or device name.
    pub const ME: &str = "/v2/me";
    /// `PUT`: a new password; every other device is logged out.
    pub const ME_PASSWORD: &str = "/v2/me/password";
    /// `GET`: the account's devices.
    pub const ME_DEVICES: &str = "/v2/me/devices";
    /// `DELETE`: removes a device; its login and tunnel end.
    pub const ME_DEVICE: &str = "/v2/me/devices/{id}";
    /// `POST`: a secret for an authenticator. `PUT`: confirms it. `DELETE`: takes it away.
    pub const ME_TOTP: &str = "/v2/me/totp";
    /// `GET`: what the account moved, and its quota.
    pub const ME_USAGE: &str = "/v2/me/usage";
    /// `GET`: the account's connections, a page.
    pub const ME_SESSIONS: &str = "/v2/me/sessions";
    /// `GET`: the lanes.
    pub const LANES: &str = "/v2/lanes";
    /// `POST`: new circuits on the tor lane for the device.
    pub const NEW_IDENTITY: &str = "/v2/tor/new-identity";
    /// `GET`: the tor lane of the device: exit country, circuit, what can be chosen.
    pub const TOR: &str = "/v2/tor";
    /// `PUT`: chooses the country in which the device leaves Tor.
    pub const TOR_EXIT: &str = "/v2/tor/exit";
    /// `GET`: OpenAPI document.
    pub const OPENAPI: &str = "/openapi.json";
}
