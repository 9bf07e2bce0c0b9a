//! Access control: which users may connect, and with which roles.

use crate::{Role, UserId};
use tornado_shared::problem::Problem;

/// Maps the user at the other end of a connection to roles. The superuser may always connect and call every method.
pub trait Access: Send + Sync + 'static {
    /// The roles that the contract's methods list.
    type Role: Role;

    /// The roles of a user, as far as they are known without blocking.
    fn known(&self, user: UserId) -> Known<Self::Role>;

    /// Looks up the roles of a user. Runs on a thread that may block, and only after [`Known::Ask`].
    fn look_up(&self, _user: UserId) -> Vec<Self::Role> {
        Vec::new()
    }

    /// The response to every request of a user without a role; status 403.
    fn refusal(&self) -> Problem;
}

/// Result of [`Access::known`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<R> {
    /// The user's roles. If empty, the user may not connect.
    Roles(Vec<R>),
    /// A lookup is required.
    Ask,
}
