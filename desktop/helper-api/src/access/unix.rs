//! Users and groups of Unix. The kernel reports the caller's uid (`SO_PEERCRED`, `unix(7)`).

use super::HelperCaller;
use crate::error::HelperError;
use nix::unistd::{Gid, Group, Uid, User};
use std::collections::BTreeSet;
use std::path::Path;
use tornado_rpc::{Known, ServiceError as _, Socket, SocketError, UserId};
use tornado_shared::problem::Problem;

/// The users who may call the helper: root, a set of uids, and the members of one group.
#[derive(Debug, Clone, Default)]
pub struct Access {
    uids: BTreeSet<u32>,
    group: Option<String>,
}

impl Access {
    /// Allows root and `uids`.
    #[must_use]
    pub fn of(uids: impl IntoIterator<Item = u32>) -> Self {
        Self { uids: uids.into_iter().collect(), group: None }
    }

    /// Also allows the members of group `name`. Membership is read from the user database when a call arrives.
    #[must_use]
    pub fn and_group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Opens the helper's socket. Every user may connect to it; a call is refused if the user may not make it.
    ///
    /// # Errors
    /// `AddrInUse` if a helper is running; otherwise that of the operating system.
    pub fn listen(&self, path: &Path) -> Result<Socket, SocketError> {
        tornado_rpc::listen_alone(path)
    }

    /// Returns whether `uid` may call the helper. It reads the user database and may block.
    #[must_use]
    pub fn allows(&self, uid: UserId) -> bool {
        self.names(uid) || self.group.as_deref().is_some_and(|name| is_member(uid, name))
    }

    /// Returns whether `uid` is root or in the set of uids. It does not block.
    fn names(&self, uid: UserId) -> bool {
        uid == 0 || self.uids.contains(&uid)
    }

    /// A caller that is root.
    #[cfg(feature = "fuzzing")]
    pub(crate) const fn superuser() -> tornado_rpc::Caller<HelperCaller> {
        tornado_rpc::Caller::new(tornado_rpc::Peer::new(0, None), Vec::new())
    }
}

impl tornado_rpc::Access for Access {
    type Role = HelperCaller;

    fn known(&self, user: UserId) -> Known<HelperCaller> {
        match (self.names(user), &self.group) {
            (true, _) => Known::Roles(vec![HelperCaller::User]),
            (false, Some(_)) => Known::Ask,
            (false, None) => Known::Roles(Vec::new()),
        }
    }

    fn look_up(&self, user: UserId) -> Vec<HelperCaller> {
        if self.allows(user) { vec![HelperCaller::User] } else { Vec::new() }
    }

    fn refusal(&self) -> Problem {
        let text = "this user may not use the helper; ask the administrator to add the user to the group 'tornado'";
        HelperError::Forbidden(text.into()).to_problem()
    }
}

/// Returns false if the user database cannot be read.
fn is_member(uid: UserId, group: &str) -> bool {
    let Ok(Some(group)) = Group::from_name(group) else { return false };
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else { return false };
    user.gid == Gid::from_raw(group.gid.as_raw()) || group.mem.contains(&user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_users_and_group_members_are_allowed() {
        let access = Access::of([1000]);
        assert!(access.allows(0) && access.allows(1000));
        assert!(!access.allows(1001) && !access.allows(65534));
        let access = access.and_group("no such group here");
        assert!(!access.allows(65534));
        // A user whose primary group is the allowed group is a member.
        let nobody = User::from_name("nobody").unwrap().unwrap();
        let group = Group::from_gid(nobody.gid).unwrap().unwrap();
        assert!(Access::default().and_group(group.name).allows(nobody.uid.as_raw()));
    }
}
