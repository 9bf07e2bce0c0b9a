//! Who may speak to the helper. The kernel vouches for the caller's uid (`SO_PEERCRED`, `unix(7)`).

use nix::unistd::{Gid, Group, Uid, User};
use std::collections::BTreeSet;

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

    /// Whether a uid is root or one of those named; asks nothing.
    pub(crate) fn names(&self, uid: u32) -> bool {
        uid == 0 || self.uids.contains(&uid)
    }

    /// Whether a uid may. Looks into the user database, so it may block.
    #[must_use]
    pub fn allows(&self, uid: u32) -> bool {
        self.names(uid) || self.group.as_deref().is_some_and(|name| is_member(uid, name))
    }
}

/// A database that cannot be read allows nobody.
fn is_member(uid: u32, group: &str) -> bool {
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
