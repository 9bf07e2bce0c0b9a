//! Users, devices, invitations, logins and operators: what service `auth` owns. One file a table.

mod accounts;
mod audit;
mod audit_store;
pub mod chain;
mod devices;
mod envelopes;
mod factors;
mod families;
mod invitations;
mod model;
mod operators;
mod proofs;
mod setup;
mod sign_ins;
mod sql;
mod staff;
mod tls;
mod users;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod sqlite_tests;

pub use accounts::{AccountStore, ChangeOutcome, DeviceRow, UserChange, UserFilter};
pub use audit_store::{AuditFilter, AuditHead, AuditStore, Authority, NewAudit, StoredAudit};
pub use devices::{V1Choice, choose_v1};
pub use factors::{Factor, FactorOwner, FactorStore};
pub use model::{
    DeviceClaim, DeviceKind, EnrollOutcome, Enrollee, Hash, KeyOutcome, LoginOutcome, MAX_DEVICE_ROWS, NewInvitation,
    NewLogin, NewUser, OpenInvitation, OperatorRow, Proof, RevokeReason, RotateOutcome, Rotation, Standing, User,
    UserKey,
};
pub use operators::PutOutcome;
pub use sql::SqlIdentityStore;
pub use staff::{NewSignIn, OperatorChange, OperatorStore, RemoveOutcome, SignInRow};

use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{DeviceId, FamilyId, InvitationId, PublicKey, UnixSeconds, UserId};

/// The durable half of service `auth`. Every method is one statement or one transaction. Privileged acts come with their
/// row of the audit trail and are written with it or not at all.
#[async_trait]
pub trait IdentityStore: AccountStore + AuditStore + FactorStore + OperatorStore {
    /// True while there is no account, operator or invitation.
    async fn is_pristine(&self) -> Result<bool, StoreError>;

    /// Finds an account that is not deleted.
    async fn find_user(&self, key: UserKey<'_>) -> Result<Option<User>, StoreError>;
    /// Replaces a password hash by one of the same password. False: it changed meanwhile.
    async fn rehash_user(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError>;

    /// Writes a login: last login, device, token family. The device's earlier login is ended.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the account's password or second factor is not that of the proof.
    async fn log_in(&self, user: UserId, proof: &Proof, login: &NewLogin) -> Result<LoginOutcome, StoreError>;
    /// The same for a device that somebody else makes, with its row of the trail.
    async fn issue_device(&self, user: UserId, login: &NewLogin, audit: &NewAudit) -> Result<LoginOutcome, StoreError>;
    /// Uses an invitation up and writes account, device and login, all or nothing. Fails as [`Self::log_in`] does.
    async fn enroll(
        &self,
        invitation: InvitationId,
        who: &Enrollee,
        login: &NewLogin,
    ) -> Result<EnrollOutcome, StoreError>;
    /// Everything a token of this family has to be checked against.
    async fn standing(&self, family: FamilyId) -> Result<Option<Standing>, StoreError>;
    /// Uses a refresh token once. Two uses at the same time: one rotates, the other revokes the family.
    async fn rotate(&self, rotation: &Rotation) -> Result<RotateOutcome, StoreError>;
    /// Ends a login. False: it was ended before, or there is none.
    async fn revoke_family(&self, family: FamilyId, reason: RevokeReason, now: UnixSeconds)
    -> Result<bool, StoreError>;

    /// Keeps a login until it is revoked, whatever becomes of its tokens. False: it was revoked already.
    async fn keep_family(&self, family: FamilyId) -> Result<bool, StoreError>;

    /// Why a device may hold no session any more. None: it has a login, or nothing is known of it (any longer).
    async fn ended(&self, device: DeviceId) -> Result<Option<RevokeReason>, StoreError>;

    /// Makes a key the device's only one.
    async fn set_wireguard_key(&self, device: DeviceId, key: &PublicKey) -> Result<KeyOutcome, StoreError>;

    /// True for a device of this account that is not removed, by its key.
    async fn has_device(&self, user: UserId, key: &[u8; 32]) -> Result<bool, StoreError>;

    /// Takes note of an envelope's ephemeral key. False: it was seen before.
    async fn spend_envelope(&self, key_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError>;

    /// Writes an invitation.
    async fn create_invitation(&self, invitation: &NewInvitation, audit: &NewAudit) -> Result<(), StoreError>;
    /// Finds an invitation that is neither used nor lapsed.
    async fn find_invitation(&self, code_hash: &Hash, now: UnixSeconds) -> Result<Option<OpenInvitation>, StoreError>;

    /// Makes this the only set-up code. False: there is an operator.
    async fn put_setup_code(
        &self,
        code_hash: &Hash,
        expires_at: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError>;
    /// Hash of the set-up code while it is good and there is no operator.
    async fn setup_code(&self, now: UnixSeconds) -> Result<Option<Hash>, StoreError>;
    /// Uses the set-up code up and makes the first operator. None: used, lapsed, or there is an operator.
    async fn redeem_setup(
        &self,
        code_hash: &Hash,
        operator: &OperatorChange,
        audit: &NewAudit,
    ) -> Result<Option<OperatorRow>, StoreError>;

    /// Takes note of the edge's certificate: SHA-256 of its SubjectPublicKeyInfo, lower-case hex.
    async fn put_tls(&self, spki_sha256: &str, now: UnixSeconds) -> Result<(), StoreError>;
    /// The edge's certificate, as last noted.
    async fn tls(&self) -> Result<Option<String>, StoreError>;

    /// Forgets lapsed envelopes, token families, invitations and set-up codes. Returns how many rows.
    async fn prune(&self, now: UnixSeconds) -> Result<u64, StoreError>;
}
