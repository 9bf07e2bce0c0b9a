//! Rights by service `auth`.

use super::access::{Access, Right};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::audit::{AppendAudit, Audit, Outcome};
use tornado_contracts::auth::operators::{CheckRight, Operators};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_contracts::telemetry::TelemetryError;
use tornado_log::line::Level;
use tornado_log::redact_text;
use tornado_rpc::{Caller, Fault};
use tornado_shared::model::Secret;

/// Longest query text in the audit trail.
const MAX_QUERY: usize = 200;

/// Asks `auth` for each operator. A call without an operator must come from root.
pub struct OperatorAccess {
    operators: Arc<dyn Operators>,
    audit: Arc<dyn Audit>,
}

impl OperatorAccess {
    /// Access through these contracts of `auth`.
    #[must_use]
    pub const fn new(operators: Arc<dyn Operators>, audit: Arc<dyn Audit>) -> Self {
        Self { operators, audit }
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other error belongs to these methods")]
fn refused(error: AuthError) -> TelemetryError {
    match error {
        AuthError::NotAllowed | AuthError::OutOfScope => TelemetryError::NotAllowed,
        AuthError::ConfirmationRequired => TelemetryError::ConfirmationRequired,
        AuthError::SignedOut | AuthError::ApiTokenInvalid | AuthError::ApiTokenExpired => TelemetryError::SignedOut,
        AuthError::Fault(fault) => TelemetryError::Fault(fault),
        error => TelemetryError::Fault(Fault::Internal(format!("unexpected response of auth: {error}"))),
    }
}

#[async_trait]
impl Access for OperatorAccess {
    async fn check(&self, operator: Option<&Secret>, right: Right) -> Result<(), TelemetryError> {
        let Some(token) = operator else {
            let is_root = Caller::<ServiceName>::current().is_some_and(|caller| caller.is_superuser());
            return if is_root { Ok(()) } else { Err(TelemetryError::SignedOut) };
        };
        let act = match right {
            Right::Read => "logs.read",
            Right::Save => "logs.save",
            Right::Delete => "logs.write",
        };
        let checked = self.operators.check(Acting::operator(token.clone(), CheckRight { act: act.into() })).await;
        checked.map(drop).map_err(refused)
    }

    async fn record_deletion(&self, operator: Option<Secret>, query: &str, lines: u64) -> Result<(), TelemetryError> {
        let query: String = redact_text(query, Level::Info).chars().take(MAX_QUERY).collect();
        let mut details: BTreeMap<_, _> = [("lines".to_owned(), lines.to_string()), ("query".to_owned(), query)].into();
        if operator.is_none() {
            // `check` accepts no other caller without an operator.
            details.insert("by".to_owned(), "root".to_owned());
        }
        let row = AppendAudit {
            operator,
            action: "logs.deleted".into(),
            subject: "logs".into(),
            outcome: Outcome::Done,
            details,
        };
        self.audit.append(row).await.map(drop).map_err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_keep_their_meaning() {
        assert_eq!(refused(AuthError::NotAllowed), TelemetryError::NotAllowed);
        assert_eq!(refused(AuthError::SignedOut), TelemetryError::SignedOut);
        assert_eq!(refused(AuthError::ApiTokenExpired), TelemetryError::SignedOut);
        assert_eq!(refused(AuthError::OutOfScope), TelemetryError::NotAllowed);
        let away = Fault::Unavailable("auth is away".into());
        assert_eq!(refused(AuthError::Fault(away.clone())), TelemetryError::Fault(away));
        assert!(matches!(refused(AuthError::MaxDevices), TelemetryError::Fault(Fault::Internal(_))));
    }
}
