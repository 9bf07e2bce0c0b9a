//! Users, devices, invitations, logins and operators: the data of service `auth`. The room [`tables`] has one file per table.

mod accounts;
mod api_tokens;
mod audit_store;
pub mod chain;
mod factors;
mod model;
mod passkeys;
mod proofs;
mod sql;
mod staff;
mod tables;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod postgres_tests;
#[cfg(test)]
mod sqlite_tests;

pub use accounts::AccountStore;
pub use api_tokens::ApiTokenStore;
pub use audit_store::AuditStore;
pub use factors::FactorStore;
pub use model::{
    ApiTokenOutcome, ApiTokenRow, AuditFilter, AuditHead, Authority, ChangeOutcome, DeviceClaim, DeviceKind, DeviceRow,
    EnrollOutcome, Enrollee, Factor, FactorOwner, Hash, KeyOutcome, LoginOutcome, MAX_API_TOKENS, MAX_DEVICE_ROWS,
    MAX_PASSKEYS, NewApiToken, NewAudit, NewInvitation, NewLogin, NewSignIn, NewUser, OpenInvitation, OperatorChange,
    OperatorRow, PasskeyOutcome, PasskeyRow, Proof, PutOutcome, RefreshOutcome, RemoveOutcome, RevokeReason, SignInRow,
    Standing, StoredAudit, TokenRefresh, UsedPasskey, User, UserChange, UserFilter, UserKey,
};
pub use passkeys::PasskeyStore;
pub use sql::SqlIdentityStore;
pub use staff::OperatorStore;
pub use tables::devices::{V1Choice, choose_v1};

use crate::StoreError;
use async_trait::async_trait;
use tornado_shared::model::{DeviceId, FamilyId, InvitationId, PublicKey, UnixSeconds, UserId};

/// Durable state of service `auth`. Every method is one statement or one transaction. A privileged act is written
/// together with its audit row, or not at all.
///
/// # Errors
/// Every method fails when the database is unavailable or contains an invalid value.
#[async_trait]
pub trait IdentityStore:
    AccountStore + ApiTokenStore + AuditStore + FactorStore + OperatorStore + PasskeyStore
{
    /// True if there are no accounts, operators and invitations.
    async fn is_pristine(&self) -> Result<bool, StoreError>;

    /// Finds an account that is not deleted.
    async fn find_user(&self, key: UserKey<'_>) -> Result<Option<User>, StoreError>;
    /// Replaces a password hash by another hash of the same password. Returns false if the stored hash has changed.
    async fn rehash_user(&self, user: UserId, old: &str, new: &str) -> Result<bool, StoreError>;

    /// Writes a login: time of the latest login, device and token family. The device's earlier login is revoked.
    ///
    /// # Errors
    /// [`StoreError::Lapsed`] when the account's password or second factor differs from the proof.
    async fn log_in(&self, user: UserId, proof: &Proof, login: &NewLogin) -> Result<LoginOutcome, StoreError>;
    /// The same for a device that another person creates, with its audit row.
    async fn export_device(&self, user: UserId, login: &NewLogin, audit: &NewAudit)
    -> Result<LoginOutcome, StoreError>;
    /// Uses an invitation and writes account, device and login, all or nothing. Fails like [`Self::log_in`].
    async fn enroll(
        &self,
        invitation: InvitationId,
        who: &Enrollee,
        login: &NewLogin,
    ) -> Result<EnrollOutcome, StoreError>;
    /// Everything that a token of this family must be checked against.
    async fn standing(&self, family: FamilyId) -> Result<Option<Standing>, StoreError>;
    /// Uses a refresh token once. Of two concurrent uses, one rotates the token and the other revokes the family.
    async fn refresh(&self, refresh: &TokenRefresh) -> Result<RefreshOutcome, StoreError>;
    /// Revokes a login. Returns false if it was already revoked or does not exist.
    async fn revoke_family(&self, family: FamilyId, reason: RevokeReason, now: UnixSeconds)
    -> Result<bool, StoreError>;

    /// Keeps a login until it is revoked, even if its tokens expire. Returns false if it was already revoked.
    async fn keep_family(&self, family: FamilyId) -> Result<bool, StoreError>;

    /// Why a device may no longer have a session. `None` if it has a login, or if the store does not know the device.
    async fn ended(&self, device: DeviceId) -> Result<Option<RevokeReason>, StoreError>;

    /// Sets the device's only WireGuard key.
    async fn set_wireguard_key(&self, device: DeviceId, key: &PublicKey) -> Result<KeyOutcome, StoreError>;

    /// True if the account has a device with this key that is not removed.
    async fn has_device(&self, user: UserId, key: &[u8; 32]) -> Result<bool, StoreError>;

    /// Records an envelope's ephemeral key. Returns false if it was already used.
    async fn spend_envelope(&self, key_hash: &Hash, expires_at: UnixSeconds) -> Result<bool, StoreError>;

    /// Stores an invitation.
    async fn create_invitation(&self, invitation: &NewInvitation, audit: &NewAudit) -> Result<(), StoreError>;
    /// Finds an invitation that is neither used nor expired.
    async fn find_invitation(&self, code_hash: &Hash, now: UnixSeconds) -> Result<Option<OpenInvitation>, StoreError>;

    /// Replaces the set-up code. Returns false if there is an operator.
    async fn put_setup_code(
        &self,
        code_hash: &Hash,
        expires_at: UnixSeconds,
        audit: &NewAudit,
    ) -> Result<bool, StoreError>;
    /// Hash of the set-up code if it has not expired and there is no operator.
    async fn setup_code(&self, now: UnixSeconds) -> Result<Option<Hash>, StoreError>;
    /// Uses the set-up code and creates the first operator. `None` if the code is used or expired, or if there is an
    /// operator.
    async fn redeem_setup(
        &self,
        code_hash: &Hash,
        operator: &OperatorChange,
        audit: &NewAudit,
    ) -> Result<Option<OperatorRow>, StoreError>;

    /// Stores the certificate of the edge: SHA-256 of its SubjectPublicKeyInfo in lower-case hex.
    async fn attest_tls(&self, spki_sha256: &str, now: UnixSeconds) -> Result<(), StoreError>;
    /// The stored certificate of the edge.
    async fn tls(&self) -> Result<Option<String>, StoreError>;

    /// The value of a setting. `None`: it is not set.
    async fn setting(&self, name: &str) -> Result<Option<String>, StoreError>;
    /// Sets a setting, or removes it.
    async fn put_setting(&self, name: &str, value: Option<&str>, audit: &NewAudit) -> Result<(), StoreError>;

    /// Deletes expired envelopes, token families, invitations, set-up codes and sign-ins, and tokens that expired 30 days ago. Returns the number of rows.
    async fn prune(&self, now: UnixSeconds) -> Result<u64, StoreError>;
}
