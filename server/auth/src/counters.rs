//! Counters since the start of the service.

use tornado_runtime::metrics::Outcomes;

/// Operations by outcome.
#[derive(Default)]
pub(crate) struct AuthCounters {
    /// Logins and enrolments of devices.
    pub logins: Outcomes,
    /// Refreshes of tokens.
    pub refreshes: Outcomes,
    /// Sign-ins of operators.
    pub sign_ins: Outcomes,
}
