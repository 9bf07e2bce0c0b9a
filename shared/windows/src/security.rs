//! Security descriptors as data, and the two that this project uses. The text form is SDDL (MS-DTYP §2.5.1).

use crate::sid::Sid;
use std::fmt;

/// Every right to a file, a directory or a pipe (`FILE_ALL_ACCESS`).
pub const FULL: u32 = 0x001f_01ff;
/// What a client of a pipe needs: read and write data and attributes, `READ_CONTROL` and `SYNCHRONIZE`. It excludes
/// `FILE_CREATE_PIPE_INSTANCE` (0x4), which `GENERIC_WRITE` includes: with it, a client could serve the pipe, too.
pub const PIPE_CLIENT: u32 = 0x0012_019b;

/// Owner and access list of an object. The list is protected: nothing is inherited from the parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Security {
    owner: Sid,
    denied: Vec<Sid>,
    allowed: Vec<(Sid, u32)>,
    /// Whether files and directories inside inherit the list.
    is_inherited: bool,
}

impl Security {
    /// The helper's pipe: LocalSystem serves it; administrators and `users` are its clients, but not over the network.
    /// A client can check the owner: only LocalSystem can set it to LocalSystem.
    #[must_use]
    pub fn of_pipe(users: impl IntoIterator<Item = Sid>) -> Self {
        let mut allowed = vec![(Sid::SYSTEM, FULL), (Sid::ADMINISTRATORS, PIPE_CLIENT)];
        for user in users {
            if !allowed.iter().any(|(known, _)| *known == user) {
                allowed.push((user, PIPE_CLIENT));
            }
        }
        Self { owner: Sid::SYSTEM, denied: vec![Sid::NETWORK], allowed, is_inherited: false }
    }

    /// A directory for secrets, owned by `owner`: only LocalSystem and administrators have access.
    #[must_use]
    pub fn of_directory(owner: Sid) -> Self {
        let allowed = vec![(Sid::SYSTEM, FULL), (Sid::ADMINISTRATORS, FULL)];
        Self { owner, denied: Vec::new(), allowed, is_inherited: true }
    }
}

impl fmt::Display for Security {
    /// Denying entries come first, as Windows evaluates the list in order.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flags = if self.is_inherited { "OICI" } else { "" };
        write!(f, "O:{}D:P", self.owner)?;
        self.denied.iter().try_for_each(|who| write!(f, "(D;{flags};{FULL:#x};;;{who})"))?;
        self.allowed.iter().try_for_each(|(who, rights)| write!(f, "(A;{flags};{rights:#x};;;{who})"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_system_serves_the_pipe() {
        let user: Sid = "S-1-5-21-1-2-3-1001".parse().unwrap();
        assert_eq!(
            Security::of_pipe([user, user, Sid::SYSTEM]).to_string(),
            "O:S-1-5-18D:P(D;;0x1f01ff;;;S-1-5-2)(A;;0x1f01ff;;;S-1-5-18)(A;;0x12019b;;;S-1-5-32-544)\
             (A;;0x12019b;;;S-1-5-21-1-2-3-1001)"
        );
        assert_eq!(PIPE_CLIENT & 0x4, 0, "a client cannot create an instance of the pipe");
        assert_eq!(PIPE_CLIENT & 0x000d_0000, 0, "nor change its access list or its owner, nor delete it");
    }

    #[test]
    fn users_have_no_access_to_the_directory_of_secrets() {
        assert_eq!(
            Security::of_directory(Sid::ADMINISTRATORS).to_string(),
            "O:S-1-5-32-544D:P(A;OICI;0x1f01ff;;;S-1-5-18)(A;OICI;0x1f01ff;;;S-1-5-32-544)"
        );
    }
}
