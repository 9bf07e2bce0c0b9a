//! What can go wrong between a device and its server.

use std::time::Duration;
use tornado_shared::crypto::CryptoError;
use tornado_shared::offer::OfferError;
use tornado_shared::problem::Problem;

/// Why a call failed. [`Error::is_transient`] separates what waiting cures from what it does not, so that
/// a network failure never costs a login.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke.
    #[error("the server cannot be reached ({0}); check the network and the server's address")]
    Unreachable(String),
    /// No answer in time.
    #[error("the server did not answer in time; try again")]
    Timeout,
    /// The server answered 5xx or 429.
    #[error("the server cannot do this now: {detail}")]
    Busy {
        /// HTTP status.
        status: u16,
        /// Stable code.
        code: String,
        /// For people.
        detail: String,
        /// Seconds to wait, when the server said.
        retry_after: Option<u64>,
    },
    /// The server answered 4xx.
    #[error("{detail}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable code, for example `invalid_credentials`.
        code: String,
        /// For people.
        detail: String,
        /// Seconds after which it may be otherwise, when the server said.
        retry_after: Option<u64>,
    },
    /// The TLS key is not the pinned one.
    #[error("the server's certificate is not the one this device knows; nothing was sent to it")]
    WrongCertificate,
    /// The identity is not the pinned one, or did not vouch for the TLS key.
    #[error(
        "this is not the server this device was enrolled with: {0}; nothing secret was sent. \
         Ask the operator for a new invitation if the server was replaced"
    )]
    WrongServer(&'static str),
    /// A signed or sealed part of an answer was not good.
    #[error("the server's answer was refused: {0}")]
    Crypto(#[from] CryptoError),
    /// An answer that breaks the contract.
    #[error("the server's answer makes no sense: {0}")]
    Malformed(String),
    /// An offer that breaks the contract.
    #[error("the server's offer was refused: {0}")]
    Offer(#[from] OfferError),
    /// Less protection than was agreed at login.
    #[error("the server offered less protection than this device asked for ({0}); refused")]
    Downgrade(&'static str),
    /// The client could not be built.
    #[error("cannot set up TLS: {0}")]
    Setup(String),
}

impl Error {
    /// True when the same call may succeed later without anybody doing anything.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Timeout | Self::Busy { .. } => true,
            Self::Refused { .. }
            | Self::WrongCertificate
            | Self::WrongServer(_)
            | Self::Crypto(_)
            | Self::Malformed(_)
            | Self::Offer(_)
            | Self::Downgrade(_)
            | Self::Setup(_) => false,
        }
    }

    /// True when the server itself said that this login is over: only then may stored tokens go.
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

    /// True when a fresh access token may help.
    #[must_use]
    pub fn wants_fresh_token(&self) -> bool {
        matches!(self, Self::Refused { status: 401, code, .. } if code == "token_expired" || code == "invalid_token")
    }

    /// True when the server knows no live session of this device.
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

    /// How long the server asked to wait, at most one hour.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } | Self::Refused { retry_after, .. } => {
                retry_after.map(|s| Duration::from_secs(s.min(3600)))
            }
            Self::Unreachable(_)
            | Self::Timeout
            | Self::WrongCertificate
            | Self::WrongServer(_)
            | Self::Crypto(_)
            | Self::Malformed(_)
            | Self::Offer(_)
            | Self::Downgrade(_)
            | Self::Setup(_) => None,
        }
    }

    /// An answer other than 2xx. Bodies that are no problem documents are not quoted: they may be anything.
    pub(crate) fn from_answer(status: u16, body: &[u8], retry_after: Option<u64>) -> Self {
        let problem = serde_json::from_slice::<Problem>(body)
            .unwrap_or_else(|_| Problem::new(status, "unknown", format!("the server answered with status {status}")));
        // Control characters have no place in a terminal or a log.
        let clean = |s: String, max: usize| s.chars().filter(|c| !c.is_control()).take(max).collect::<String>();
        let (code, detail) = (clean(problem.code, 64), clean(problem.detail, 400));
        let retry_after = retry_after.or(problem.retry_after);
        match status {
            429 | 500..=599 => Self::Busy { status, code, detail, retry_after },
            300..=399 => Self::Malformed("a redirect, which is never followed".into()),
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
    fn defect_102_transient_and_final_errors_differ() {
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
        // A month that is used up lasts; nobody is let wait for more than an hour without asking again.
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
