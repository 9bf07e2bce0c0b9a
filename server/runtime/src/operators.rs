//! Rights of operators, checked by service `auth`, for services that act on an operator's behalf.

use std::collections::BTreeMap;
use std::sync::Arc;
use tornado_contracts::ServiceName;
use tornado_contracts::auth::audit::{AppendAudit, Audit, AuditClient, Outcome};
use tornado_contracts::auth::operators::{CheckRight, Operators, OperatorsClient};
use tornado_contracts::auth::{Acting, AuthError};
use tornado_contracts::operator::OperatorError;
use tornado_rpc::{Caller, Channel, Fault, ServiceError};
use tornado_shared::model::Secret;

/// Calls `auth` for each check. A call without an operator must come from root.
#[derive(Clone)]
pub struct OperatorRights {
    operators: Arc<dyn Operators>,
    audit: Arc<dyn Audit>,
}

/// An action of an operator that is being carried out.
#[derive(Debug, Clone)]
pub struct Action {
    /// The action, as in [`AppendAudit::action`].
    pub name: &'static str,
    /// The object, as in [`AppendAudit::subject`].
    pub subject: String,
    /// Details, as in [`AppendAudit::details`].
    pub details: BTreeMap<String, String>,
}

impl Action {
    /// An action without details.
    #[must_use]
    pub fn new(name: &'static str, subject: impl Into<String>) -> Self {
        Self { name, subject: subject.into(), details: BTreeMap::new() }
    }

    /// Adds a detail.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.details.insert(key.to_owned(), value.into());
        self
    }
}

impl OperatorRights {
    /// Rights through a channel to `auth`.
    #[must_use]
    pub fn new(auth: Channel) -> Self {
        Self::of(Arc::new(OperatorsClient::new(auth.clone())), Arc::new(AuditClient::new(auth)))
    }

    /// Rights through these contracts of `auth`.
    #[must_use]
    pub const fn of(operators: Arc<dyn Operators>, audit: Arc<dyn Audit>) -> Self {
        Self { operators, audit }
    }

    /// Checks the sign-in and the right of `acting`, and returns what it wants.
    ///
    /// # Errors
    /// The operator is signed out, lacks the right, or `auth` does not respond.
    pub async fn check<T: Send>(&self, acting: Acting<T>, right: &str) -> Result<T, OperatorError> {
        let Acting { operator, what } = acting;
        self.check_token(operator.as_ref(), right).await?;
        Ok(what)
    }

    /// As [`check`](Self::check), and carries out `work` afterwards. The action is recorded before: what cannot be
    /// recorded is not done. A failure is recorded as a second row.
    ///
    /// # Errors
    /// Those of `check` and of `work`, or the trail cannot be written.
    pub async fn act<T, O, E, F>(
        &self,
        acting: Acting<T>,
        right: &str,
        action: impl FnOnce(&T) -> Action + Send,
        work: impl FnOnce(T) -> F + Send,
    ) -> Result<O, OperatorError>
    where
        T: Send,
        E: ServiceError,
        F: Future<Output = Result<O, E>> + Send,
    {
        let Acting { operator, what } = acting;
        self.check_token(operator.as_ref(), right).await?;
        let action = action(&what);
        self.record(operator.clone(), action.clone(), Outcome::Done).await?;
        match work(what).await {
            Ok(output) => Ok(output),
            Err(error) => {
                let failed = action.with("error", error.code());
                if let Err(error) = self.record(operator, failed, Outcome::Failed).await {
                    tracing::warn!(%error, "could not record the failure of an operator's action");
                }
                Err(OperatorError::refused(&error))
            }
        }
    }

    async fn check_token(&self, operator: Option<&Secret>, right: &str) -> Result<(), OperatorError> {
        let Some(token) = operator else {
            let is_root = Caller::<ServiceName>::current().is_some_and(|caller| caller.is_superuser());
            return if is_root { Ok(()) } else { Err(OperatorError::SignedOut) };
        };
        let wanted = CheckRight { act: right.to_owned() };
        match self.operators.check(Acting::operator(token.clone(), wanted)).await {
            Ok(_) => Ok(()),
            Err(AuthError::NotFound(_)) => {
                Err(Fault::Internal(format!("auth does not know the right '{right}'")).into())
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn record(&self, operator: Option<Secret>, action: Action, outcome: Outcome) -> Result<(), OperatorError> {
        let Action { name, subject, details } = action;
        let row = AppendAudit { operator, action: name.to_owned(), subject, outcome, details };
        self.audit.append(row).await?;
        Ok(())
    }
}
