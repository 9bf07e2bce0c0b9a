//! Findings and their severities.

use serde::Serialize;

/// The severity of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Severity {
    /// For information.
    Note,
    /// The server works or will work, but not for all devices or not permanently.
    Warning,
    /// The server does not work.
    Error,
}

/// A finding. `code` is stable across versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) code: &'static str,
    pub(super) severity: Severity,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) cure: String,
}

pub(super) fn found(
    code: &'static str,
    severity: Severity,
    what: impl Into<String>,
    why: impl Into<String>,
    cure: impl Into<String>,
) -> Finding {
    Finding { code, severity, what: what.into(), why: why.into(), cure: cure.into() }
}
