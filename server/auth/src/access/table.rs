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
    OwnRead "own.read" Viewer,
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
    LogsSave "logs.save" Operator,
    LogsWrite "logs.write" Owner,
    ServicesRead "services.read" Viewer,
    ServicesControl "services.control" Operator,
    SettingsRead "settings.read" Operator,
    SettingsWrite "settings.write" Owner,
    BackupCreate "backup.create" Owner,
    BackupRead "backup.read" Owner,
    OperatorsRead "operators.read" Owner,
    OperatorsWrite "operators.write" Owner,
    OperatorsRemove "operators.remove" Owner,
    TokensRead "tokens.read" Operator,
    TokensCreate "tokens.create" Operator,
    TokensRevoke "tokens.revoke" Operator,
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

    /// True if the operator must have confirmed the password a short time ago: what cannot be undone, and what lets
    /// others sign in.
    pub const fn needs_confirmation(self) -> bool {
        let creates_access = matches!(self, Self::OperatorsWrite | Self::TokensCreate | Self::BackupCreate);
        creates_access || matches!(self, Self::OperatorsRemove | Self::LogsWrite)
    }

    /// True if the scopes of an API token may include the right. A token must not create access that outlives it, and
    /// cannot confirm a password.
    pub const fn is_for_tokens(self) -> bool {
        let is_own = matches!(self, Self::OwnRead | Self::OwnSignIn);
        let is_access = matches!(self, Self::TokensRead | Self::TokensRevoke | Self::BackupRead);
        !is_own && !is_access && !self.needs_confirmation()
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

    #[test]
    fn access_is_created_after_a_confirmation_only() {
        let rights = TABLE.iter().filter(|(act, ..)| act.needs_confirmation()).map(|(_, name, _)| *name);
        let expected = ["logs.write", "backup.create", "operators.write", "operators.remove", "tokens.create"];
        assert!(rights.eq(expected));
    }

    #[test]
    fn tokens_do_not_create_access() {
        let rights = TABLE.iter().filter(|(act, ..)| !act.is_for_tokens()).map(|(_, name, _)| *name);
        let expected = [
            "own.read",
            "own.sign_in",
            "logs.write",
            "backup.create",
            "backup.read",
            "operators.write",
            "operators.remove",
            "tokens.read",
            "tokens.create",
            "tokens.revoke",
        ];
        assert!(rights.eq(expected));
    }
}
