//! Which users may call the helper. The kernel vouches for the caller's uid (`SO_PEERCRED`, `unix(7)`).

use crate::{HelperError, ServiceError as _};
use nix::unistd::{Gid, Group, Uid, User};
use std::collections::BTreeSet;
use tornado_rpc::{Known, UserId};
use tornado_shared::problem::Problem;

/// What a caller of the helper may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HelperCaller {
    /// A user of this machine who may use the helper.
    User,
}

/// Root, the named uids, and the members of one group.
#[derive(Debug, Clone, Default)]
pub struct Access {
    uids: BTreeSet<u32>,
    group: Option<String>,
}

impl Access {
    /// Root and these uids.
    #[must_use]
    pub fn of(uids: impl IntoIterator<Item = u32>) -> Self {
        Self { uids: uids.into_iter().collect(), group: None }
    }

    /// And the members of this group, as the user database has it at the time of a call.
    #[must_use]
    pub fn and_group(mut self, name: impl Into<String>) -> Self {
        self.group = Some(name.into());
        self
    }

    /// Whether a uid may. Reads the user database, so it may block.
    #[must_use]
    pub fn allows(&self, uid: UserId) -> bool {
        self.names(uid) || self.group.as_deref().is_some_and(|name| is_member(uid, name))
    }

    /// Whether a uid is root or one of those named.
    fn names(&self, uid: UserId) -> bool {
        uid == 0 || self.uids.contains(&uid)
    }

    /// Root, who may call every method.
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
        let text = "this user may not use the helper; ask the administrator to add you to the group 'tornado'";
        HelperError::Forbidden(text.into()).to_problem()
    }
}

/// False when the database cannot be read.
fn is_member(uid: UserId, group: &str) -> bool {
    let Ok(Some(group)) = Group::from_name(group) else { return false };
    let Ok(Some(user)) = User::from_uid(Uid::from_raw(uid)) else { return false };
    user.gid == Gid::from_raw(group.gid.as_raw()) || group.mem.contains(&user.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strangers_are_strangers() {
        let access = Access::of([1000]);
        assert!(access.allows(0) && access.allows(1000));
        assert!(!access.allows(1001) && !access.allows(65534));
        let access = access.and_group("no such group here");
        assert!(!access.allows(65534));
        // Whoever has the group as the primary one is a member.
        let nobody = User::from_name("nobody").unwrap().unwrap();
        let group = Group::from_gid(nobody.gid).unwrap().unwrap();
        assert!(Access::default().and_group(group.name).allows(nobody.uid.as_raw()));
    }
}
