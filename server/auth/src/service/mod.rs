//! Service `auth`: composes the rooms. Each contract method authorises the caller and calls the function of its name.

mod admin;
mod operators;
mod passkeys;
mod users;

use crate::access::{Act, authorise};
use crate::actor::Actor;
use crate::config::{Address, Config};
use crate::core::Core;
use crate::counters::AuthCounters;
use crate::keys::Keys;
use crate::login::open_login;
use crate::operators::{manage, setup};
use crate::password::HashError;
use crate::server::{invitations, statement};
use crate::users::accounts;
use crate::{keyring, tokens};
use std::sync::Arc;
use tornado_contracts::UserTrafficPolicy;
use tornado_contracts::auth::operators::{PutOperatorRole, SignedIn};
use tornado_contracts::auth::{
    AccessToken, Acting, AttestTls, Auth, AuthError, Authorize, CreateInvitation, Grant, InvitationLink, OpenLogin,
    Operator, PutOperator, RedeemSetup, RefreshToken, SetupLink,
};
use tornado_contracts::session::Sessions;
use tornado_contracts::token::VerifyingKey;
use tornado_rpc::{Done, NoInput};
use tornado_runtime::clock::Clock;
use tornado_shared::api::{LoginReply, Profile, ServerInfo, Tokens};
use tornado_store::identity::SqlIdentityStore;

/// Service `auth` with any session service.
pub struct Service {
    core: Core,
    counters: AuthCounters,
}

impl Service {
    /// Creates the service.
    ///
    /// # Errors
    /// The password hash cost is not usable.
    pub fn new(
        config: Config,
        address: Address,
        store: SqlIdentityStore,
        sessions: Arc<dyn Sessions>,
        keys: Keys,
        clock: Clock,
    ) -> Result<Self, HashError> {
        let core = Core::new(config, address, store, sessions, keys, clock)?;
        Ok(Self { core, counters: AuthCounters::default() })
    }

    /// The actor of a call that requires a right.
    async fn authorise<T>(&self, input: &Acting<T>, act: Act) -> Result<Actor, AuthError> {
        authorise(&self.core, input.operator.as_ref(), act).await
    }

    /// Number of passwords hashed since the start, for existing and unknown accounts.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.core.passwords.computed()
    }

    /// Entries of the queue for hashing passwords, and its limit.
    pub(crate) fn hash_queue(&self) -> (usize, usize) {
        self.core.passwords.queue()
    }

    pub(crate) const fn counters(&self) -> &AuthCounters {
        &self.counters
    }

    /// Signs the newest row of the audit trail.
    pub async fn sign_trail(&self) {
        self.core.trail.sign_trail().await;
    }

    /// Closes every live session whose device no longer has a login, if one may have been missed.
    pub async fn settle_sessions(&self) {
        self.core.closing.settle_sessions().await;
    }

    /// Rotates keys, deletes expired rows and schedules the comparison of sessions with logins. Failures are logged and
    /// retried at the next upkeep.
    pub async fn upkeep(&self) {
        self.core.closing.mark_unsettled();
        let now = self.core.clock.now();
        keyring::advance_keys(&self.core, now).await;
        self.core.trail.sign_trail().await;
        match self.core.store.prune(now).await {
            Ok(rows) => tracing::debug!(rows, "deleted expired rows"),
            Err(error) => tracing::error!(%error, "could not delete expired rows"),
        }
        if let Err(error) = self.core.store.database().remove_copies(now) {
            tracing::error!(%error, "could not delete old copies of the database");
        }
    }
}

#[async_trait::async_trait]
impl Auth for Service {
    async fn server_info(&self, _: NoInput) -> Result<ServerInfo, AuthError> {
        statement::server_info(&self.core).await
    }

    async fn open_login(&self, input: OpenLogin) -> Result<LoginReply, AuthError> {
        let reply = open_login(&self.core, input).await;
        self.counters.logins.count_result(&reply);
        reply
    }

    async fn refresh(&self, input: RefreshToken) -> Result<Tokens, AuthError> {
        let tokens = tokens::refresh(&self.core, &input).await;
        self.counters.refreshes.count_result(&tokens);
        tokens
    }

    async fn logout(&self, input: RefreshToken) -> Result<Done, AuthError> {
        tokens::logout(&self.core, &input.refresh_token).await
    }

    async fn whoami(&self, input: AccessToken) -> Result<Profile, AuthError> {
        tokens::whoami(&self.core, &input.access_token).await
    }

    async fn authorize(&self, input: Authorize) -> Result<Grant, AuthError> {
        tokens::authorize(&self.core, &input).await
    }

    async fn traffic_policies(&self, _: NoInput) -> Result<Vec<UserTrafficPolicy>, AuthError> {
        accounts::traffic_policies(&self.core).await
    }

    async fn verifying_keys(&self, _: NoInput) -> Result<Vec<VerifyingKey>, AuthError> {
        Ok(self.core.keys.tokens().public().to_vec())
    }

    async fn attest_tls(&self, input: AttestTls) -> Result<Done, AuthError> {
        statement::attest_tls(&self.core, &input).await
    }

    async fn create_invitation(&self, input: Acting<CreateInvitation>) -> Result<InvitationLink, AuthError> {
        let actor = self.authorise(&input, Act::InvitationsWrite).await?;
        invitations::create_invitation(&self.core, &actor, input.what).await
    }

    async fn setup_link(&self, _: NoInput) -> Result<SetupLink, AuthError> {
        setup::setup_link(&self.core).await
    }

    async fn redeem_setup(&self, input: RedeemSetup) -> Result<SignedIn, AuthError> {
        setup::redeem_setup(&self.core, input).await
    }

    /// Short form for the command line.
    async fn put_operator(&self, PutOperator { name, password }: PutOperator) -> Result<Operator, AuthError> {
        let actor = authorise(&self.core, None, Act::OperatorsWrite).await?;
        let what = PutOperatorRole { name, password: Some(password), role: None, forget_totp: false };
        manage::put_operator(&self.core, &actor, what).await
    }
}
