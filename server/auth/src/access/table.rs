//! The authorisation table. Pure.

use tornado_contracts::auth::operators::OperatorRole;

/// Every action that requires a right, with the right's name and the least privileged role that has it.
pub const TABLE: &[(Act, &str, OperatorRole)] = &[
    (Act::OwnRead, "own.read", OperatorRole::Viewer),
    (Act::OwnSignIn, "own.sign_in", OperatorRole::Viewer),
    (Act::UsersRead, "users.read", OperatorRole::Viewer),
    (Act::UsersWrite, "users.write", OperatorRole::Operator),
    (Act::DevicesWrite, "devices.write", OperatorRole::Operator),
    (Act::InvitationsWrite, "invitations.write", OperatorRole::Operator),
    (Act::SessionsRead, "sessions.read", OperatorRole::Viewer),
    (Act::SessionsClose, "sessions.close", OperatorRole::Operator),
    (Act::TorRead, "tor.read", OperatorRole::Viewer),
    (Act::TorWrite, "tor.write", OperatorRole::Operator),
    (Act::LogsRead, "logs.read", OperatorRole::Viewer),
    (Act::LogsSave, "logs.save", OperatorRole::Operator),
    (Act::LogsWrite, "logs.write", OperatorRole::Owner),
    (Act::ServicesRead, "services.read", OperatorRole::Viewer),
    (Act::ServicesControl, "services.control", OperatorRole::Operator),
    (Act::SettingsRead, "settings.read", OperatorRole::Operator),
    (Act::SettingsWrite, "settings.write", OperatorRole::Owner),
    (Act::BackupCreate, "backup.create", OperatorRole::Owner),
    (Act::BackupRead, "backup.read", OperatorRole::Owner),
    (Act::OperatorsRead, "operators.read", OperatorRole::Owner),
    (Act::OperatorsWrite, "operators.write", OperatorRole::Owner),
    (Act::OperatorsRemove, "operators.remove", OperatorRole::Owner),
    (Act::TokensRead, "tokens.read", OperatorRole::Operator),
    (Act::TokensCreate, "tokens.create", OperatorRole::Operator),
    (Act::TokensRevoke, "tokens.revoke", OperatorRole::Operator),
    (Act::KeysRead, "keys.read", OperatorRole::Operator),
    (Act::KeysRotate, "keys.rotate", OperatorRole::Owner),
    (Act::AuditRead, "audit.read", OperatorRole::Operator),
    (Act::AuditVerify, "audit.verify", OperatorRole::Owner),
];

/// An action that requires a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    OwnRead,
    OwnSignIn,
    UsersRead,
    UsersWrite,
    DevicesWrite,
    InvitationsWrite,
    SessionsRead,
    SessionsClose,
    TorRead,
    TorWrite,
    LogsRead,
    LogsSave,
    LogsWrite,
    ServicesRead,
    ServicesControl,
    SettingsRead,
    SettingsWrite,
    BackupCreate,
    BackupRead,
    OperatorsRead,
    OperatorsWrite,
    OperatorsRemove,
    TokensRead,
    TokensCreate,
    TokensRevoke,
    KeysRead,
    KeysRotate,
    AuditRead,
    AuditVerify,
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

    /// True if the operator must have confirmed the password a short time ago: what cannot be undone.
    pub const fn needs_confirmation(self) -> bool {
        matches!(self, Self::OperatorsRemove | Self::LogsWrite | Self::TokensCreate | Self::BackupCreate)
    }

    /// True if the scopes of an API token may include the right. A token must not create access that outlives it, and
    /// cannot confirm a password.
    pub const fn is_for_tokens(self) -> bool {
        let is_own = matches!(self, Self::OwnRead | Self::OwnSignIn);
        let is_access = matches!(self, Self::OperatorsWrite | Self::TokensRead | Self::TokensRevoke | Self::BackupRead);
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
