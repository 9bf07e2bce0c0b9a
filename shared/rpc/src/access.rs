//! Which users may connect, and as what.

use crate::{Role, UserId};
use tornado_shared::problem::Problem;

/// Turns the user at the other end of a connection into roles. The superuser always may connect and call every method.
pub trait Access: Send + Sync + 'static {
    /// What the contract's methods list.
    type Role: Role;

    /// The roles of a user, without waiting for anything.
    fn known(&self, user: UserId) -> Known<Self::Role>;

    /// The roles of a user, looked up on a thread that may block. Called after [`Known::Ask`] only.
    fn look_up(&self, _user: UserId) -> Vec<Self::Role> {
        Vec::new()
    }

    /// The response to every request of a user without a role; status 403.
    fn refusal(&self) -> Problem;
}

/// What [`Access`] can say at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known<R> {
    /// The user's roles. None: the user may not connect.
    Roles(Vec<R>),
    /// Only a look-up can tell.
    Ask,
}
