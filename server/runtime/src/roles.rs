//! Maps Unix users to services.

use std::collections::HashMap;
use tornado_contracts::ServiceName;
use tornado_rpc::{Access, Caller, Known, Peer, UserId};
use tornado_shared::problem::Problem;

/// A service user could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("cannot look up Unix user '{user}'; run `tornadod doctor` or install the package again")]
pub struct RolesError {
    user: &'static str,
    #[source]
    source: nix::Error,
}

/// The services of each uid. Root has access without an entry.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    by_uid: HashMap<UserId, Vec<ServiceName>>,
}

impl Roles {
    /// Reads the service users from the system's user database. Service users that do not exist are skipped.
    ///
    /// # Errors
    /// When the user database cannot be read.
    pub fn from_system() -> Result<Self, RolesError> {
        let mut roles = Self::default();
        for service in ServiceName::ALL {
            let user = service.unix_user();
            let found = nix::unistd::User::from_name(user).map_err(|source| RolesError { user, source })?;
            if let Some(found) = found {
                roles = roles.with(found.uid.as_raw(), service);
            }
        }
        Ok(roles)
    }

    /// Adds a service to the roles of a uid.
    #[must_use]
    pub fn with(mut self, uid: UserId, service: ServiceName) -> Self {
        self.by_uid.entry(uid).or_default().push(service);
        self
    }

    /// The caller with this uid and pid.
    #[must_use]
    pub fn caller(&self, uid: UserId, pid: Option<i32>) -> Caller<ServiceName> {
        Caller::new(Peer::new(uid, pid), self.of(uid))
    }

    fn of(&self, uid: UserId) -> Vec<ServiceName> {
        self.by_uid.get(&uid).cloned().unwrap_or_default()
    }
}

impl Access for Roles {
    type Role = ServiceName;

    fn known(&self, user: UserId) -> Known<ServiceName> {
        Known::Roles(self.of(user))
    }

    fn refusal(&self) -> Problem {
        Problem::new(403, "forbidden", "this socket is for the server's own processes")
    }
}
