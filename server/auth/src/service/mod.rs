//! The use cases, one file per concern. This module holds their shared state and the contract's methods.

mod access;
mod attempt;
mod closing;
mod contracts;
mod enroll;
mod fault;
mod import;
mod invite;
mod issue;
mod keyring;
mod login;
mod operators;
mod own;
mod passwords;
mod second_factor;
mod server;
mod sign_in;
mod tokens;
mod trail;
mod users;
mod welcome;

use crate::clock::Clock;
use crate::config::Config;
use crate::guard::Guard;
use crate::head::HeadFile;
use crate::keys::Keys;
use crate::password::{HashError, Hasher};
use crate::restored::Restored;
use crate::tokens::Lifetimes;
use closing::Unsettled;
use std::sync::{Arc, Mutex};
use tornado_contracts::UserTrafficPolicy;
use tornado_contracts::auth::operators::SignedIn;
use tornado_contracts::auth::{
    AccessToken, Acting, AttestTls, Auth, AuthError, Authorize, CreateInvitation, Grant, InvitationLink, OpenLogin,
    Operator, PutOperator, RedeemSetup, RefreshToken, SetupLink,
};
use tornado_contracts::session::Sessions;
use tornado_contracts::token::VerifyingKey;
use tornado_rpc::{Done, NoInput};
use tornado_shared::api::{LoginReply, Profile, ServerInfo, Tokens};
use tornado_shared::crypto::v2::Purpose;
use tornado_store::identity::{IdentityStore, User};

/// Service `auth` with any store and any session service.
pub struct Service {
    config: Config,
    store: Arc<dyn IdentityStore>,
    sessions: Arc<dyn Sessions>,
    keys: Keys,
    hasher: Hasher,
    guard: Mutex<Guard>,
    unsettled: Unsettled,
    head: HeadFile,
    restored: Option<Restored>,
    signing: tokio::sync::Mutex<()>,
    clock: Clock,
}

impl Service {
    /// Creates the service.
    ///
    /// # Errors
    /// The password hash cost is not usable.
    pub fn new(
        config: Config,
        store: Arc<dyn IdentityStore>,
        sessions: Arc<dyn Sessions>,
        keys: Keys,
        clock: Clock,
    ) -> Result<Self, HashError> {
        let hasher = Hasher::new(config.argon2, config.hash_workers, config.hash_queue)?;
        let guard = Mutex::new(Guard::new(config.guard));
        let (head, unsettled) = (HeadFile::new(&keys), Unsettled::default());
        let signing = tokio::sync::Mutex::new(());
        let restored = keys.dir().parent().map_or(Ok(None), Restored::read).unwrap_or_else(|error| {
            tracing::error!(%error, "could not read the restore marker; newer logins must be repeated");
            None
        });
        Ok(Self { config, store, sessions, keys, hasher, guard, unsettled, head, restored, signing, clock })
    }

    /// Number of passwords hashed since the start, for existing and unknown accounts.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.hasher.computed()
    }

    /// Rotates keys, deletes expired rows and schedules the comparison of sessions with logins. Failures are logged and
    /// retried at the next upkeep.
    pub async fn upkeep(&self) {
        self.unsettled.mark();
        let now = self.clock.now();
        self.advance_keys(now).await;
        self.sign_trail().await;
        match self.store.prune(now).await {
            Ok(rows) => tracing::debug!(rows, "deleted expired rows"),
            Err(error) => tracing::error!(%error, "could not delete expired rows"),
        }
    }

    const fn lifetimes(&self) -> Lifetimes {
        Lifetimes { access: self.config.access_lifetime, refresh: self.config.refresh_lifetime }
    }
}

#[async_trait::async_trait]
impl Auth for Service {
    async fn server_info(&self, _: NoInput) -> Result<ServerInfo, AuthError> {
        self.info().await
    }

    async fn open_login(&self, input: OpenLogin) -> Result<LoginReply, AuthError> {
        match input.purpose {
            Purpose::Login => self.log_in(&input.body, input.client_ip).await,
            Purpose::Enroll => self.enroll(&input.body, input.client_ip).await,
        }
    }

    async fn refresh(&self, input: RefreshToken) -> Result<Tokens, AuthError> {
        self.rotate(&input).await
    }

    async fn logout(&self, input: RefreshToken) -> Result<Done, AuthError> {
        self.log_out(&input.refresh_token).await
    }

    async fn whoami(&self, input: AccessToken) -> Result<Profile, AuthError> {
        self.profile(&input.access_token).await
    }

    async fn authorize(&self, input: Authorize) -> Result<Grant, AuthError> {
        self.grant(&input).await
    }

    async fn traffic_policies(&self, _: NoInput) -> Result<Vec<UserTrafficPolicy>, AuthError> {
        let users = self.store.treated_users().await.map_err(fault::store)?;
        let of = |user: &User| UserTrafficPolicy { user_id: user.id, traffic_policy: users::traffic_policy(user) };
        Ok(users.iter().map(of).collect())
    }

    async fn verifying_keys(&self, _: NoInput) -> Result<Vec<VerifyingKey>, AuthError> {
        Ok(self.keys.tokens().public().to_vec())
    }

    async fn attest_tls(&self, input: AttestTls) -> Result<Done, AuthError> {
        self.note_tls(&input.spki_sha256).await
    }

    async fn create_invitation(&self, input: Acting<CreateInvitation>) -> Result<InvitationLink, AuthError> {
        self.invite(input).await
    }

    async fn setup_link(&self, _: NoInput) -> Result<SetupLink, AuthError> {
        self.make_setup_code().await
    }

    async fn redeem_setup(&self, input: RedeemSetup) -> Result<SignedIn, AuthError> {
        self.redeem(input).await
    }

    async fn put_operator(&self, input: PutOperator) -> Result<Operator, AuthError> {
        self.set_operator(input).await
    }
}
