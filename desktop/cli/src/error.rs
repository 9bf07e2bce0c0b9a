//! Reasons for which a command fails, and their exit codes.

use tornado_helper_api::HelperError;

/// How to release traffic without the helper's program.
#[cfg(unix)]
const RELEASE: &str = "as root, run `nft delete table inet tornado_device` and `ip rule flush protocol 116`, or restart \
                       the machine with tornado-lockdown.service disabled";
#[cfg(windows)]
const RELEASE: &str = "as an administrator, run `tornado-helperd --release`";

/// Reasons for which a command fails.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The helper returned an error.
    #[error(transparent)]
    Helper(#[from] HelperError),
    /// The command line or the input is invalid.
    #[error("{0}")]
    Usage(String),
    /// The account has a second factor, and there is no terminal to prompt for a code.
    #[error(
        "this account requires an authenticator or recovery code; run this command in a terminal, or pass the code with \
         --totp-stdin"
    )]
    CodeRequired,
    /// The helper does not run, and its firewall could not be removed without it.
    #[error("cannot release traffic: {0}; {advice}", advice = RELEASE)]
    NotReleased(String),
    /// Cannot read from or write to the terminal.
    #[error(transparent)]
    Terminal(#[from] std::io::Error),
}

impl Failure {
    /// The exit code, as documented in `--help`.
    pub(crate) const fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotReleased(_) | Self::Terminal(_) => 1,
            Self::CodeRequired => 4,
            Self::Helper(error) => match error {
                HelperError::Malformed(_) | HelperError::BadInvitation(_) => 2,
                HelperError::NotRunning(_) | HelperError::Forbidden(_) => 3,
                HelperError::Refused { .. } => 4,
                HelperError::Unreachable { .. } => 5,
                HelperError::NoHandshake(_) => 6,
                HelperError::NotEnrolled
                | HelperError::NotLoggedIn
                | HelperError::NotConnected
                | HelperError::Untrusted(_)
                | HelperError::Blocked(_)
                | HelperError::Tunnel(_)
                | HelperError::Internal(_) => 1,
            },
        }
    }
}
