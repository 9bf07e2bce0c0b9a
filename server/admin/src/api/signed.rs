//! The admin API of one sign-in.

use super::{Services, problem};
use std::collections::BTreeMap;
use std::sync::Arc;
use tornado_admin_api::types::{Done, List};
use tornado_admin_api::{AdminError, AdminResult};
use tornado_contracts::auth::Acting;
use tornado_contracts::auth::audit::{AppendAudit, Outcome};
use tornado_contracts::auth::operators::{self, CheckRight};
use tornado_contracts::auth::passkeys::Site;
use tornado_contracts::telemetry::logs::Selection;
use tornado_rpc::NoInput as Nothing;
use tornado_shared::model::{OperatorId, Secret};

/// The API, as the holder of a sign-in may use it.
#[derive(Clone)]
pub struct Signed {
    services: Arc<Services>,
    token: Secret,
    site: Option<Site>,
    operator: Option<OperatorId>,
}

impl Signed {
    /// The API for the holder of `token`, which need not be valid.
    #[must_use]
    pub const fn new(services: Arc<Services>, token: Secret) -> Self {
        Self { services, token, site: None, operator: None }
    }

    /// The same, for a browser on this site.
    #[must_use]
    pub fn on(self, site: Site) -> Self {
        Self { site: Some(site), ..self }
    }

    /// The same, after `auth` has named the operator of the token.
    #[must_use]
    pub fn of(self, operator: OperatorId) -> Self {
        Self { operator: Some(operator), ..self }
    }

    /// The operator of the token. `None`: the token has not been checked.
    #[must_use]
    pub const fn operator(&self) -> Option<OperatorId> {
        self.operator
    }

    /// The token.
    #[must_use]
    pub const fn token(&self) -> &Secret {
        &self.token
    }

    pub(super) fn site(&self) -> AdminResult<Site> {
        self.site.clone().ok_or_else(|| AdminError::invalid("passkeys require a browser"))
    }

    /// Checks a right and returns the operator.
    ///
    /// # Errors
    /// The sign-in has ended, the role lacks the right, or `auth` does not respond.
    pub async fn check(&self, right: &str) -> AdminResult<operators::Operator> {
        let right = CheckRight { act: right.to_owned() };
        self.services.operators.check(self.acting(right)).await.map_err(|error| problem(&error))
    }

    pub(super) fn services(&self) -> &Services {
        &self.services
    }

    pub(super) fn acting<T>(&self, what: T) -> Acting<T> {
        Acting::operator(self.token.clone(), what)
    }

    pub(super) fn nothing(&self) -> Acting<Nothing> {
        self.acting(Nothing {})
    }

    /// Records an action.
    pub(super) async fn record(
        &self,
        action: &str,
        subject: String,
        details: BTreeMap<String, String>,
    ) -> AdminResult<()> {
        self.append(action, subject, Outcome::Done, details).await
    }

    /// Records an action, carries it out, and records its failure: an action without a row must not happen, so the row
    /// of the success comes first.
    pub(super) async fn recorded<T>(
        &self,
        action: &str,
        subject: &str,
        details: BTreeMap<String, String>,
        carry_out: impl Future<Output = AdminResult<T>>,
    ) -> AdminResult<T> {
        self.record(action, subject.to_owned(), details.clone()).await?;
        let result = carry_out.await;
        if result.is_err()
            && let Err(error) = self.append(action, subject.to_owned(), Outcome::Failed, details).await
        {
            tracing::warn!(%error, action, "could not record the failure of an action");
        }
        result
    }

    async fn append(
        &self,
        action: &str,
        subject: String,
        outcome: Outcome,
        details: BTreeMap<String, String>,
    ) -> AdminResult<()> {
        let row =
            AppendAudit { operator: Some(self.token.clone()), action: action.to_owned(), subject, outcome, details };
        self.services.audit.append(row).await.map(drop).map_err(|error| problem(&error))
    }
}

/// The output of a call, converted.
pub(super) fn answer<T, U, E: tornado_rpc::ServiceError>(
    result: Result<T, E>,
    view: impl FnOnce(T) -> U,
) -> AdminResult<U> {
    result.map(view).map_err(|error| problem(&error))
}

pub(super) fn list<T, U>(items: Vec<T>, view: impl FnMut(T) -> U) -> List<U> {
    List::whole(items.into_iter().map(view).collect())
}

pub(super) fn done<T>(_: T) -> Done {
    Done {}
}

pub(super) fn selection(text: Option<String>, from: Option<i64>, until: Option<i64>) -> Selection {
    Selection { text: text.unwrap_or_default(), from, until }
}
