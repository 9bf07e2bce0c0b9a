//! Access control: the authorisation table, and the one place that evaluates it.

use super::{Service, fault};
use crate::code::{self, CodeKind};
use tornado_contracts::ServiceName;
use tornado_contracts::auth::AuthError;
use tornado_contracts::auth::audit::Outcome;
use tornado_contracts::auth::operators::OperatorRole;
use tornado_rpc::{Caller, Fault};
use tornado_shared::model::{FamilyId, Secret};
use tornado_store::identity::{Authority, OperatorRow, User};
use uuid::Uuid;

/// Every action that requires a right, with the right's name and the least privileged role that has it.
pub(super) const TABLE: &[(Act, &str, OperatorRole)] = &[
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
    (Act::LogsWrite, "logs.write", OperatorRole::Owner),
    (Act::ServicesRead, "services.read", OperatorRole::Viewer),
    (Act::ServicesControl, "services.control", OperatorRole::Operator),
    (Act::OperatorsRead, "operators.read", OperatorRole::Owner),
    (Act::OperatorsWrite, "operators.write", OperatorRole::Owner),
    (Act::KeysRead, "keys.read", OperatorRole::Operator),
    (Act::KeysRotate, "keys.rotate", OperatorRole::Owner),
    (Act::AuditRead, "audit.read", OperatorRole::Operator),
    (Act::AuditVerify, "audit.verify", OperatorRole::Owner),
];

/// An action that requires a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
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
    LogsWrite,
    ServicesRead,
    ServicesControl,
    OperatorsRead,
    OperatorsWrite,
    KeysRead,
    KeysRotate,
    AuditRead,
    AuditVerify,
}

impl Act {
    /// The action of a right's name.
    pub(super) fn named(word: &str) -> Option<Self> {
        TABLE.iter().find(|(_, name, _)| *name == word).map(|(act, _, _)| *act)
    }

    fn word(self) -> &'static str {
        TABLE.iter().find(|(act, _, _)| *act == self).map_or("unknown", |(_, word, _)| word)
    }

    /// An action outside the table is never allowed.
    fn allowed_to(self, role: OperatorRole) -> bool {
        TABLE.iter().any(|(act, _, least)| *act == self && role >= *least)
    }
}

/// Names of all rights of a role.
pub(super) fn allowed(role: OperatorRole) -> Vec<String> {
    TABLE.iter().filter(|(_, _, least)| role >= *least).map(|(_, word, _)| (*word).to_owned()).collect()
}

/// The actor of a call.
#[derive(Debug, Clone)]
pub(super) struct Actor {
    /// Name in the audit trail: `root`, `operator:NAME`, …
    pub name: String,
    /// The operator and its sign-in, if the actor is an operator.
    pub operator: Option<(Uuid, OperatorRow)>,
    /// Basis of the right; the store checks it again in the same transaction as the write.
    pub authority: Authority,
}

impl Actor {
    pub(super) fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), operator: None, authority: Authority::Caller }
    }

    /// The owner of an account, authenticated by a device's login.
    pub(super) fn owner(user: &User, family: FamilyId) -> Self {
        Self { authority: Authority::Login(family), ..Self::named(format!("user:{}", user.username)) }
    }

    /// The calling process: root, or a service.
    pub(super) fn caller() -> Result<Self, AuthError> {
        let unknown = || Fault::Forbidden("unknown caller".into());
        let caller = Caller::<ServiceName>::current().ok_or_else(unknown)?;
        if caller.is_superuser() {
            return Ok(Self::named("root"));
        }
        let service = caller.roles().first().ok_or_else(unknown)?;
        Ok(Self::named(format!("service:{}", service.unix_user().trim_start_matches("tornado-"))))
    }

    /// The operator. Root does not have a sign-in.
    pub(super) fn signed_in(self) -> Result<(Uuid, OperatorRow), AuthError> {
        self.operator.ok_or(AuthError::SignedOut)
    }
}

pub(super) fn role_of(row: &OperatorRow) -> Result<OperatorRole, AuthError> {
    row.role.parse().map_err(|_| fault::internal("an operator has a role unknown to this version"))
}

impl Service {
    /// Root may do everything without a sign-in. Every other caller needs an operator's sign-in with the required role.
    pub(super) async fn authorise(&self, operator: Option<&Secret>, act: Act) -> Result<Actor, AuthError> {
        let Some(token) = operator else {
            let caller = Actor::caller()?;
            return if caller.name == "root" { Ok(caller) } else { Err(AuthError::SignedOut) };
        };
        let hash = code::hash(CodeKind::SignIn, token);
        let found = self.store.sign_in(&hash, self.clock.now()).await.map_err(fault::store)?;
        let (sign_in, row) = found.ok_or(AuthError::SignedOut)?;
        let name = format!("operator:{}", row.name);
        if !act.allowed_to(role_of(&row)?) {
            self.note(&name, "access.refused", act.word(), Outcome::Refused).await;
            return Err(AuthError::NotAllowed);
        }
        let authority = Authority::SignIn { id: sign_in, role: row.role.clone() };
        Ok(Actor { name, operator: Some((sign_in, row)), authority })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defect_022_the_table_is_whole_and_each_role_holds_those_below() {
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
