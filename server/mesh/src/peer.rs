//! Who is calling: the kernel's word for it, turned into a role.

use std::collections::HashMap;
use std::fmt;

/// A process's part on the mesh. Methods list the roles that may call them; root may call all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The supervisor and the operators' command line.
    Root,
    /// Service `auth`.
    Auth,
    /// Service `session`.
    Session,
    /// Service `wg`.
    Wg,
    /// Service `tor`.
    Tor,
    /// Service `dns`.
    Dns,
    /// Service `logs`.
    Logs,
    /// Service `client-api`.
    ClientApi,
    /// Service `admin`.
    Admin,
}

impl Role {
    /// The Unix user that has this role.
    #[must_use]
    pub const fn unix_user(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Auth => "tornado-auth",
            Self::Session => "tornado-session",
            Self::Wg => "tornado-wg",
            Self::Tor => "tornado-tor",
            Self::Dns => "tornado-dns",
            Self::Logs => "tornado-logs",
            Self::ClientApi => "tornado-api",
            Self::Admin => "tornado-admin",
        }
    }

    const SERVICES: [Self; 8] =
        [Self::Auth, Self::Session, Self::Wg, Self::Tor, Self::Dns, Self::Logs, Self::ClientApi, Self::Admin];
}

/// The uid table could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot look up Unix user '{user}'; run `tornadod doctor` or install the package again")]
pub struct RolesError {
    user: &'static str,
    #[source]
    source: nix::Error,
}

/// Which uid has which roles.
#[derive(Debug, Clone, Default)]
pub struct Roles {
    by_uid: HashMap<u32, Vec<Role>>,
}

impl Roles {
    /// Reads the service users from the system's user database. Users that do not exist have no role.
    pub fn from_system() -> Result<Self, RolesError> {
        let mut roles = Self::default();
        for role in Role::SERVICES {
            let user = role.unix_user();
            let found = nix::unistd::User::from_name(user).map_err(|source| RolesError { user, source })?;
            if let Some(found) = found {
                roles = roles.with(found.uid.as_raw(), role);
            }
        }
        Ok(roles)
    }

    /// Adds a role to a uid.
    #[must_use]
    pub fn with(mut self, uid: u32, role: Role) -> Self {
        self.by_uid.entry(uid).or_default().push(role);
        self
    }

    /// The caller behind a uid and pid.
    #[must_use]
    pub fn caller(&self, uid: u32, pid: Option<i32>) -> Caller {
        let mut roles = self.by_uid.get(&uid).cloned().unwrap_or_default();
        if uid == 0 {
            roles.push(Role::Root);
        }
        Caller { uid, pid, roles }
    }
}

/// The other end of a Unix socket, as the kernel names it.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller {
    /// Effective uid when it connected.
    pub uid: u32,
    /// Process id when it connected.
    pub pid: Option<i32>,
    roles: Vec<Role>,
}

tokio::task_local! {
    static CALLER: Option<Caller>;
}

/// Runs a method's work with its caller at hand.
pub(crate) async fn as_caller<F: Future>(caller: Option<Caller>, work: F) -> F::Output {
    CALLER.scope(caller, work).await
}

impl Caller {
    /// Who called the method that is running; `None` outside of one.
    #[must_use]
    pub fn current() -> Option<Self> {
        CALLER.try_with(Clone::clone).ok().flatten()
    }

    /// The caller's first role.
    #[must_use]
    pub fn role(&self) -> Option<Role> {
        self.roles.iter().copied().find(|role| *role == Role::Root).or_else(|| self.roles.first().copied())
    }

    /// True when the caller is root or has one of the roles.
    #[must_use]
    pub fn may(&self, allowed: &[Role]) -> bool {
        self.roles.iter().any(|role| *role == Role::Root || allowed.contains(role))
    }

    /// True when the caller has any role at all.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        !self.roles.is_empty()
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "uid {} pid {:?} {:?}", self.uid, self.pid, self.roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_029_roles_decide_by_uid() {
        let roles = Roles::default().with(900, Role::Session);
        assert!(roles.caller(900, None).may(&[Role::Session]));
        assert!(!roles.caller(900, None).may(&[Role::ClientApi]));
        assert!(!roles.caller(901, None).is_known());
        assert!(roles.caller(0, None).may(&[]));
    }
}
