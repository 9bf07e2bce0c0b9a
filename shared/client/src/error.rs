//! Errors of calls to the device API.

use std::time::Duration;
use tornado_shared::crypto::CryptoError;
use tornado_shared::offer::OfferError;
use tornado_shared::problem::Problem;

/// Reasons for which a call fails. [`Error::is_transient`] separates errors that a retry can resolve from those that it
/// cannot, so that a network failure never ends a login.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no connection, or it broke.
    #[error("cannot reach the server: {0}; check the network and the server's address")]
    Unreachable(String),
    /// There was no response in time.
    #[error("the server did not respond in time; try again")]
    Timeout,
    /// The server responded with 5xx or 429.
    #[error("the server cannot process the request now: {detail}")]
    Busy {
        /// HTTP status.
        status: u16,
        /// Stable code.
        code: String,
        /// Description for people.
        detail: String,
        /// Seconds to wait before a retry, if the server sent `Retry-After`.
        retry_after: Option<u64>,
    },
    /// The server responded with 4xx.
    #[error("{detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code, for example `invalid_credentials`.
        code: String,
        /// Description for people.
        detail: String,
        /// Seconds to wait before a retry, if the server sent `Retry-After`.
        retry_after: Option<u64>,
    },
    /// The TLS key is not the pinned one.
    #[error("the server's certificate is not the pinned one; no request was sent")]
    WrongCertificate,
    /// The identity is not the pinned one, or it did not sign the TLS key.
    #[error(
        "this is not the server that this device is enrolled with: {0}; no secrets were sent; \
         if the server was replaced, ask the operator for a new invitation"
    )]
    WrongServer(&'static str),
    /// A signed or sealed part of a response is invalid.
    #[error("the server's response was rejected: {0}")]
    Crypto(#[from] CryptoError),
    /// The response violates the contract.
    #[error("invalid response from the server: {0}")]
    Malformed(String),
    /// The offer violates the contract.
    #[error("invalid offer from the server: {0}")]
    Offer(#[from] OfferError),
    /// The server offers less protection than was agreed at login.
    #[error("the server offered less protection than this device requires: {0}")]
    Downgrade(&'static str),
    /// The client could not be built.
    #[error("cannot set up TLS: {0}")]
    Setup(String),
}

impl Error {
    /// True if the same call may succeed later without any action.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::Timeout | Self::Busy { .. })
    }

    /// True if the server itself stated that this login has ended. Only then may stored tokens be deleted.
    #[must_use]
    pub fn ends_login(&self) -> bool {
        const ENDS: [&str; 5] = [
            "revoked",
            "user_inactive",
            "refresh_token_expired",
            "invalid_refresh_token",
            "token_revoked_reuse_detected",
        ];
        matches!(self, Self::Refused { status: 401 | 403, code, .. } if ENDS.contains(&code.as_str()))
    }

    /// True if a new access token may help.
    #[must_use]
    pub fn wants_fresh_token(&self) -> bool {
        matches!(self, Self::Refused { status: 401, code, .. } if code == "token_expired" || code == "invalid_token")
    }

    /// True if the server has no live session for this device.
    #[must_use]
    pub fn is_session_expired(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code == "session_expired")
    }

    /// Stable code for programs.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Unreachable(_) => "unreachable",
            Self::Timeout => "timeout",
            Self::Busy { code, .. } | Self::Refused { code, .. } => code,
            Self::WrongCertificate => "wrong_certificate",
            Self::WrongServer(_) => "wrong_server",
            Self::Crypto(_) => "crypto",
            Self::Malformed(_) => "malformed_reply",
            Self::Offer(_) => "bad_offer",
            Self::Downgrade(_) => "downgrade",
            Self::Setup(_) => "setup",
        }
    }

    /// The delay that the server requested, at most one hour.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let (Self::Busy { retry_after, .. } | Self::Refused { retry_after, .. }) = self else { return None };
        retry_after.map(|s| Duration::from_secs(s.min(3600)))
    }

    /// Converts a response other than 2xx. A body that is not a problem document is not quoted, because it may contain
    /// anything.
    pub(crate) fn from_answer(status: u16, body: &[u8], retry_after: Option<u64>) -> Self {
        let problem = serde_json::from_slice::<Problem>(body)
            .unwrap_or_else(|_| Problem::new(status, "unknown", format!("the server responded with status {status}")));
        // Control characters must not reach a terminal or a log.
        let clean = |s: String, max: usize| s.chars().filter(|c| !c.is_control()).take(max).collect::<String>();
        let (code, detail) = (clean(problem.code, 64), clean(problem.detail, 400));
        let retry_after = retry_after.or(problem.retry_after);
        match status {
            429 | 500..=599 => Self::Busy { status, code, detail, retry_after },
            300..=399 => Self::Malformed("a redirect, which this client does not follow".into()),
            _ => Self::Refused { status, code, detail, retry_after },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, code: &str) -> Error {
        let body = serde_json::to_vec(&Problem::new(status, code, "x")).unwrap();
        Error::from_answer(status, &body, None)
    }

    #[test]
    fn transient_and_final_errors_differ() {
        for transient in [Error::Timeout, Error::Unreachable("x".into()), answer(503, "busy"), answer(429, "revoked")] {
            assert!(transient.is_transient() && !transient.ends_login(), "{transient:?}");
        }
        for code in ["revoked", "refresh_token_expired", "token_revoked_reuse_detected"] {
            assert!(answer(401, code).ends_login(), "{code}");
        }
        // A wrong password or an expired access token does not end a login.
        for code in ["invalid_credentials", "token_expired", "max_devices_exceeded"] {
            let error = answer(401, code);
            assert!(!error.ends_login() && !error.is_transient(), "{code}");
        }
        assert!(Error::from_answer(302, b"", None).to_string().contains("redirect"));
        // The quota resets only next month, but the client never waits for more than an hour before it asks again.
        let quota = Error::from_answer(403, b"", Some(20 * 86_400));
        assert_eq!((quota.retry_after(), quota.is_transient()), (Some(Duration::from_secs(3600)), false));
    }

    #[test]
    fn hostile_bodies_are_not_quoted() {
        let error = Error::from_answer(502, b"<html>\x1b[2J evil", None);
        assert_eq!(error.code(), "unknown");
        let body = serde_json::to_vec(&Problem::new(400, "a\u{1b}[2Jb", "d\u{7}e".repeat(1000))).unwrap();
        let Error::Refused { code, detail, .. } = Error::from_answer(400, &body, None) else { panic!() };
        assert_eq!(code, "a[2Jb");
        assert!(!detail.contains('\u{7}') && detail.len() <= 400);
    }
}
