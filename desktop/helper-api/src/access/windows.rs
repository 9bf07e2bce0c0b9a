//! Users of Windows. The caller's token names its user.

use super::HelperCaller;
use crate::error::HelperError;
use std::collections::BTreeSet;
use std::path::Path;
use tornado_rpc::{Known, ServiceError as _, Socket, SocketError, UserId};
use tornado_shared::problem::Problem;
use tornado_windows::Sid;

/// The users who may call the helper: LocalSystem, elevated administrators, and a set of users.
#[derive(Debug, Clone, Default)]
pub struct Access {
    users: BTreeSet<Sid>,
}

impl Access {
    /// Allows LocalSystem, elevated administrators, and `users`, each in their own sessions.
    #[must_use]
    pub fn of(users: impl IntoIterator<Item = Sid>) -> Self {
        Self { users: users.into_iter().collect() }
    }

    /// Opens the helper's pipe, which only these users may open. Call it inside a Tokio runtime.
    ///
    /// # Errors
    /// `AddrInUse` if a helper is running; otherwise that of the operating system.
    pub fn listen(&self, path: &Path) -> Result<Socket, SocketError> {
        tornado_rpc::listen_alone(path, self.users.iter().copied())
    }
}

impl tornado_rpc::Access for Access {
    type Role = HelperCaller;

    fn known(&self, user: UserId) -> Known<HelperCaller> {
        Known::Roles(if self.users.contains(&user) { vec![HelperCaller::User] } else { Vec::new() })
    }

    fn refusal(&self) -> Problem {
        let text = "this user may not use the helper, or this program does not run in a session of its user; ask the \
                    administrator to run `tornado-helperd install --allow-sid SID` with the SID that `whoami /user` shows";
        HelperError::Forbidden(text.into()).to_problem()
    }
}
