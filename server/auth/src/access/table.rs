//! The authorisation table. Pure.

use tornado_contracts::auth::operators::OperatorRole;

macro_rules! table {
    ($($act:ident $name:literal $least:ident,)+) => {
        /// An action that requires a right.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Act {
            $($act),+
        }

        /// Every action, with the name of its right and the least privileged role that has it.
        pub const TABLE: &[(Act, &str, OperatorRole)] = &[$((Act::$act, $name, OperatorRole::$least)),+];
    };
}

table! {
    OwnSignIn "own.sign_in" Viewer,
    UsersRead "users.read" Viewer,
    UsersWrite "users.write" Operator,
    DevicesWrite "devices.write" Operator,
    InvitationsWrite "invitations.write" Operator,
    SessionsRead "sessions.read" Viewer,
    SessionsClose "sessions.close" Operator,
    TorRead "tor.read" Viewer,
    TorWrite "tor.write" Operator,
    LogsRead "logs.read" Viewer,
    LogsWrite "logs.write" Owner,
    ServicesRead "services.read" Viewer,
    ServicesControl "services.control" Operator,
    OperatorsRead "operators.read" Owner,
    OperatorsWrite "operators.write" Owner,
    KeysRead "keys.read" Operator,
    KeysRotate "keys.rotate" Owner,
    AuditRead "audit.read" Operator,
    AuditVerify "audit.verify" Owner,
}

impl Act {
    /// The action of a right's name.
    pub fn named(right: &str) -> Option<Self> {
        TABLE.iter().find(|(_, name, _)| *name == right).map(|(act, _, _)| *act)
    }

    /// Name of the right.
    pub fn name(self) -> &'static str {
        TABLE.iter().find(|(act, _, _)| *act == self).map_or("unknown", |(_, name, _)| name)
    }

    /// An action outside the table is never allowed.
    pub fn allowed_to(self, role: OperatorRole) -> bool {
        TABLE.iter().any(|(act, _, least)| *act == self && role >= *least)
    }
}

/// Names of all rights of a role.
pub fn allowed(role: OperatorRole) -> Vec<String> {
    TABLE.iter().filter(|(_, _, least)| role >= *least).map(|(_, name, _)| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_role_holds_the_rights_of_those_below() {
        for (i, (act, word, _)) in TABLE.iter().enumerate() {
            assert_eq!(Act::named(word), Some(*act));
            assert!(TABLE.iter().skip(i + 1).all(|(other, name, _)| other != act && name != word), "{word} twice");
            assert!(act.allowed_to(OperatorRole::Owner), "{word}");
        }
        let (viewer, operator) = (allowed(OperatorRole::Viewer), allowed(OperatorRole::Operator));
        assert!(viewer.iter().all(|word| operator.contains(word)));
        assert!(viewer.iter().all(|word| !word.ends_with(".write") && !word.ends_with(".close")));
        assert!(!operator.contains(&"operators.write".to_owned()));
    }
}
