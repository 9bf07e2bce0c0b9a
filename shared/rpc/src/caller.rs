//! The caller: its user, as the kernel reports it, and its roles.

use crate::Peer;
use std::any::Any;
use std::fmt;
use std::sync::Arc;

/// A contract's type of roles, for example the services of a server.
pub trait Role: Copy + Eq + fmt::Debug + Send + Sync + 'static {}

impl<R: Copy + Eq + fmt::Debug + Send + Sync + 'static> Role for R {}

/// The calling process, with the roles that [`Access`](crate::Access) gave its user.
#[derive(Clone, PartialEq, Eq)]
pub struct Caller<R> {
    peer: Peer,
    roles: Vec<R>,
}

/// A [`Caller`] with any role type.
pub(crate) type AnyCaller = Arc<dyn Any + Send + Sync>;

tokio::task_local! {
    /// The caller of the running method.
    static CALLER: AnyCaller;
}

/// Runs a method's work so that [`Caller::current`] returns its caller.
pub(crate) async fn as_caller<F: Future>(caller: AnyCaller, work: F) -> F::Output {
    CALLER.scope(caller, work).await
}

impl<R: Role> Caller<R> {
    /// Creates a caller with these roles.
    #[must_use]
    pub const fn new(peer: Peer, roles: Vec<R>) -> Self {
        Self { peer, roles }
    }

    /// The caller of the method that runs on this task; `None` outside of a method.
    #[must_use]
    pub fn current() -> Option<Self> {
        let caller = CALLER.try_with(Clone::clone).ok()?;
        caller.downcast_ref::<Self>().cloned()
    }

    /// The process, as the kernel reports it.
    #[must_use]
    pub const fn peer(&self) -> Peer {
        self.peer
    }

    /// The roles; empty for the superuser, who needs none.
    #[must_use]
    pub fn roles(&self) -> &[R] {
        &self.roles
    }

    /// True for root.
    #[must_use]
    pub const fn is_superuser(&self) -> bool {
        self.peer.is_superuser()
    }

    /// True if the caller is the superuser or has one of the roles.
    #[must_use]
    pub fn may(&self, allowed: &[R]) -> bool {
        self.is_superuser() || self.roles.iter().any(|role| allowed.contains(role))
    }

    /// True if the caller is the superuser or has any role.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.is_superuser() || !self.roles.is_empty()
    }
}

impl<R: fmt::Debug> fmt::Debug for Caller<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.peer, self.roles)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_determined_by_the_uid() {
        let caller = |uid, roles| Caller::new(Peer::new(uid, None), roles);
        assert!(caller(900, vec!['s']).may(&['s']));
        assert!(!caller(900, vec!['s']).may(&['c']));
        assert!(!caller(901, Vec::new()).is_known());
        assert!(caller(0, Vec::<char>::new()).may(&[]));
    }

    #[tokio::test]
    async fn a_method_sees_its_own_caller_only() {
        let caller = Caller::new(Peer::new(900, Some(7)), vec!['s']);
        assert_eq!(Caller::<char>::current(), None);
        let seen = as_caller(Arc::new(caller.clone()), async { (Caller::<char>::current(), Caller::<u8>::current()) });
        assert_eq!(seen.await, (Some(caller), None));
    }
}
