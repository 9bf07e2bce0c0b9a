//! The shapes of what owners see and change; as in `schemas`, the test below compares them with what is written.

#![expect(dead_code, reason = "these types are only described, never made")]

use super::schemas::Transfer;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is absent stays.
#[derive(ToSchema)]
pub struct UpdateMe {
    /// A new e-mail address; empty: none.
    email: Option<String>,
    /// A new name for the device that asks.
    device_name: Option<String>,
}

/// The password of now and the next one.
#[derive(ToSchema)]
pub struct NewPassword {
    current: String,
    /// At least 10 characters.
    new: String,
}

/// The account's password once more.
#[derive(ToSchema)]
pub struct PasswordAgain {
    password: String,
}

/// Six digits of the authenticator.
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

/// Each stands once for a code of the authenticator; shown only now.
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

/// Bytes a month, and what is left.
#[derive(ToSchema)]
pub struct Quota {
    /// Both lanes and both ways together.
    bytes: u64,
    used: u64,
    left: u64,
    /// Unix seconds: when the next month begins, in UTC.
    renews_at: i64,
}

/// What the account moved, with all its devices, up to this moment.
#[derive(ToSchema)]
pub struct OwnUsage {
    /// Since the account was made.
    sessions: u64,
    total: LaneBytes,
    /// Since midnight, in UTC.
    today: LaneBytes,
    /// Since the month began, in UTC.
    month: LaneBytes,
    /// null: the account has none.
    quota: Option<Quota>,
}

/// A connection that was or is.
#[derive(ToSchema)]
pub struct OwnSession {
    session_id: Uuid,
    device_id: Uuid,
    /// Unix seconds.
    started_at: i64,
    /// Unix seconds; null while it lives.
    ended_at: Option<i64>,
    /// Why it ended.
    reason: Option<String>,
    direct: Transfer,
    tor: Transfer,
}

/// A page, newest first.
#[derive(ToSchema)]
pub struct OwnSessions {
    sessions: Vec<OwnSession>,
    /// To be given as `before` for the next page; null: this is the last.
    next: Option<Uuid>,
}

#[cfg(test)]
#[path = "own_tests.rs"]
mod tests;
