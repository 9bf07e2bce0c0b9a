//! Schemas of what account owners read and change. As in `schemas`, the tests compare them with the serialised types.

#![expect(dead_code, reason = "these types only describe schemas and are never constructed")]

use super::schemas::Transfer;
use utoipa::ToSchema;
use uuid::Uuid;

/// Absent fields stay unchanged.
#[derive(ToSchema)]
pub struct UpdateMe {
    /// A new e-mail address; empty removes it.
    email: Option<String>,
    /// A new name for the requesting device.
    device_name: Option<String>,
}

/// The current and the new password.
#[derive(ToSchema)]
pub struct NewPassword {
    current: String,
    /// At least 10 characters.
    new: String,
}

/// The source address of the connection.
#[derive(ToSchema)]
pub struct Seen {
    address: String,
}

/// The account's password, for confirmation.
#[derive(ToSchema)]
pub struct PasswordAgain {
    password: String,
}

/// Six digits from the authenticator.
#[derive(ToSchema)]
pub struct FirstCode {
    code: String,
}

/// A secret for an authenticator app (RFC 6238: SHA-1, 6 digits, 30 seconds).
#[derive(ToSchema)]
pub struct TotpOffer {
    /// Base32.
    secret: String,
    /// `otpauth://totp/…`.
    url: String,
}

/// Each code replaces one authenticator code, once. Returned only here.
#[derive(ToSchema)]
pub struct RecoveryCodes {
    codes: Vec<String>,
}

/// The account's devices, oldest first.
#[derive(ToSchema)]
pub struct OwnDevices {
    devices: Vec<OwnDevice>,
}

/// A device of the account.
#[derive(ToSchema)]
pub struct OwnDevice {
    id: Uuid,
    name: String,
    logged_in: bool,
    /// Unix seconds.
    created_at: i64,
    /// Unix seconds.
    last_login_at: i64,
}

/// Bytes on each lane.
#[derive(ToSchema)]
pub struct LaneBytes {
    direct: Transfer,
    tor: Transfer,
}

/// Monthly quota and the rest of it.
#[derive(ToSchema)]
pub struct Quota {
    /// Bytes per month, sum of both lanes and both directions.
    bytes: u64,
    used: u64,
    left: u64,
    /// Unix seconds: start of the next month, in UTC.
    renews_at: i64,
}

/// Transfer of the account, over all of its devices, up to now.
#[derive(ToSchema)]
pub struct OwnUsage {
    /// Since the account was created.
    sessions: u64,
    total: LaneBytes,
    /// Since midnight, in UTC.
    today: LaneBytes,
    /// Since the start of the month, in UTC.
    month: LaneBytes,
    /// null: no quota.
    quota: Option<Quota>,
}

/// A past or live session.
#[derive(ToSchema)]
pub struct OwnSession {
    session_id: Uuid,
    device_id: Uuid,
    /// Unix seconds.
    started_at: i64,
    /// Unix seconds; null while the session is live.
    ended_at: Option<i64>,
    /// Close reason.
    reason: Option<String>,
    direct: Transfer,
    tor: Transfer,
}

/// One page, newest first.
#[derive(ToSchema)]
pub struct OwnSessions {
    sessions: Vec<OwnSession>,
    /// Value of `before` for the next page; null: this is the last page.
    next: Option<Uuid>,
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
