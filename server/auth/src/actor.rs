//! The actor of a call.

use tornado_contracts::ServiceName;
use tornado_contracts::auth::AuthError;
use tornado_rpc::{Caller, Fault};
use tornado_shared::model::FamilyId;
use tornado_store::identity::{Authority, OperatorRow, User};
use uuid::Uuid;

/// Performs an action, named in the audit trail.
#[derive(Debug, Clone)]
pub struct Actor {
    /// Name in the audit trail: `root`, `operator:NAME`, …
    pub name: String,
    /// The operator and its sign-in or API token, if the actor is an operator.
    pub operator: Option<(Uuid, OperatorRow)>,
    /// Names of the rights of the API token. `None`: the actor does not use one.
    pub scopes: Option<Vec<String>>,
    /// Basis of the right; the store checks it again in the same transaction as the write.
    pub authority: Authority,
}

impl Actor {
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), operator: None, scopes: None, authority: Authority::Caller }
    }

    /// The owner of an account, authenticated by a device's login.
    pub fn owner(user: &User, family: FamilyId) -> Self {
        Self { authority: Authority::Login(family), ..Self::named(format!("user:{}", user.username)) }
    }

    /// The calling process: root, or a service.
    pub fn caller() -> Result<Self, AuthError> {
        let unknown = || Fault::Forbidden("unknown caller".into());
        let caller = Caller::<ServiceName>::current().ok_or_else(unknown)?;
        if caller.is_superuser() {
            return Ok(Self::named("root"));
        }
        let service = caller.roles().first().ok_or_else(unknown)?;
        Ok(Self::named(format!("service:{}", service.unix_user().trim_start_matches("tornado-"))))
    }

    /// The operator. Root does not have a sign-in.
    pub fn signed_in(self) -> Result<(Uuid, OperatorRow), AuthError> {
        self.operator.ok_or(AuthError::SignedOut)
    }
}
