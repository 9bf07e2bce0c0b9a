//! Service `auth`: composes the rooms. Each contract method authorises the caller and calls the function of its name.

mod admin;
mod operators;
mod passkeys;
mod users;

use crate::access::{Access, Act};
use crate::clock::Clock;
use crate::closing::Closing;
use crate::config::Config;
use crate::counters::AuthCounters;
use crate::factor::Factors;
use crate::guard::Attempts;
use crate::keyring::Keyring;
use crate::keys::Keys;
use crate::keys::rotation::Schedule;
use crate::keys::signing::Lifetimes;
use crate::login::{self, Parts, open_login};
use crate::operators::{ApiTokens, Operators, Setup, SignInParts, SignIns};
use crate::passkeys::{Parts as PasskeyParts, Passkeys};
use crate::password::{HashError, Hasher, Passwords};
use crate::server::{Address, Invitations, Settings, Statement};
use crate::tokens::Logins;
use crate::trail::{HeadFile, Trail};
use crate::users::{Accounts, Devices, OwnAccount};
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
use tornado_shared::api::{LoginReply, Profile, ServerInfo, Tokens};
use tornado_store::identity::IdentityStore;

/// Service `auth` with any store and any session service.
pub struct Service {
    store: Arc<dyn IdentityStore>,
    keys: Arc<Keys>,
    trail: Arc<Trail>,
    access: Access,
    closing: Arc<Closing>,
    login: login::Parts,
    keyring: Keyring,
    statement: Arc<Statement>,
    invitations: Invitations,
    accounts: Arc<Accounts>,
    devices: Arc<Devices>,
    own: OwnAccount,
    operators: Arc<Operators>,
    sign_ins: Arc<SignIns>,
    api_tokens: ApiTokens,
    passkeys: Passkeys,
    settings: Settings,
    setup: Setup,
    counters: AuthCounters,
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
        let (at, schedule) = (|| clock.clone(), Schedule::from(&config));
        let lifetimes = Lifetimes { access: config.access_lifetime, refresh: config.refresh_lifetime };
        let head = HeadFile::new(&keys);
        let (db, keys) = (|| store.clone(), Arc::new(keys));
        let trail = Arc::new(Trail::new(db(), head, at()));
        let closing = Arc::new(Closing::new(db(), sessions));
        let attempts = Arc::new(Attempts::new(config.guard, at()));
        let hasher = Hasher::new(config.argon2, config.hash_workers, config.hash_queue)?;
        let passwords = Arc::new(Passwords::new(hasher, attempts.clone()));
        let factors = Arc::new(Factors::new(db(), keys.clone(), trail.clone(), at()));
        let logins = Arc::new(Logins::new(db(), keys.clone(), trail.clone(), closing.clone(), lifetimes, at()));
        let statement = Arc::new(Statement::new(db(), keys.clone(), at()));
        let address = Address { host: config.public_host, port: config.api_port };
        let accounts = Accounts::new(db(), trail.clone(), closing.clone(), passwords.clone(), factors.clone(), at());
        let accounts = Arc::new(accounts);
        let devices = Arc::new(Devices::new(db(), trail.clone(), closing.clone(), logins.clone(), at()));
        let own = OwnAccount::new(
            db(),
            trail.clone(),
            logins.clone(),
            accounts.clone(),
            devices.clone(),
            passwords.clone(),
            factors.clone(),
        );
        let operators = Arc::new(Operators::new(db(), trail.clone(), passwords.clone(), factors.clone(), at()));
        let parts = SignInParts {
            store: db(),
            trail: trail.clone(),
            attempts: attempts.clone(),
            passwords: passwords.clone(),
            factors: factors.clone(),
            operators: operators.clone(),
            clock: at(),
        };
        let sign_ins = Arc::new(SignIns::new(parts, config.sign_in_lifetime));
        let passkeys = PasskeyParts {
            store: db(),
            trail: trail.clone(),
            attempts: attempts.clone(),
            passwords: passwords.clone(),
            sign_ins: sign_ins.clone(),
            clock: at(),
        };
        let lifetime = config.setup_lifetime;
        let setup = Setup::new(db(), trail.clone(), operators.clone(), sign_ins.clone(), lifetime, at());
        let login = Parts {
            store: db(),
            keys: keys.clone(),
            attempts,
            passwords,
            factors,
            logins,
            closing: closing.clone(),
            clock: at(),
        };
        Ok(Self {
            access: Access::new(db(), trail.clone(), at()),
            passkeys: Passkeys::new(passkeys),
            settings: Settings::new(db(), trail.clone()),
            api_tokens: ApiTokens::new(db(), trail.clone(), at()),
            keyring: Keyring::new(db(), trail.clone(), keys.clone(), schedule, at()),
            invitations: Invitations::new(db(), trail.clone(), statement.clone(), address, at()),
            clock: at(),
            store,
            keys,
            trail,
            closing,
            login,
            statement,
            accounts,
            devices,
            own,
            operators,
            sign_ins,
            setup,
            counters: AuthCounters::default(),
        })
    }

    /// Number of passwords hashed since the start, for existing and unknown accounts.
    #[must_use]
    pub fn hashes(&self) -> u64 {
        self.login.passwords.computed()
    }

    /// Entries of the queue for hashing passwords, and its limit.
    pub(crate) fn hash_queue(&self) -> (usize, usize) {
        self.login.passwords.queue()
    }

    pub(crate) const fn counters(&self) -> &AuthCounters {
        &self.counters
    }

    /// Signs the newest row of the audit trail.
    pub async fn sign_trail(&self) {
        self.trail.sign_trail().await;
    }

    /// Closes every live session whose device no longer has a login, if one may have been missed.
    pub async fn settle_sessions(&self) {
        self.closing.settle_sessions().await;
    }

    /// Rotates keys, deletes expired rows and schedules the comparison of sessions with logins. Failures are logged and
    /// retried at the next upkeep.
    pub async fn upkeep(&self) {
        self.closing.mark_unsettled();
        let now = self.clock.now();
        self.keyring.advance_keys(now).await;
        self.trail.sign_trail().await;
        match self.store.prune(now).await {
            Ok(rows) => tracing::debug!(rows, "deleted expired rows"),
            Err(error) => tracing::error!(%error, "could not delete expired rows"),
        }
    }
}

#[async_trait::async_trait]
impl Auth for Service {
    async fn server_info(&self, _: NoInput) -> Result<ServerInfo, AuthError> {
        self.statement.server_info().await
    }

    async fn open_login(&self, input: OpenLogin) -> Result<LoginReply, AuthError> {
        let reply = open_login(&self.login, input).await;
        self.counters.logins.count_result(&reply);
        reply
    }

    async fn refresh(&self, input: RefreshToken) -> Result<Tokens, AuthError> {
        let tokens = self.login.logins.refresh(&input).await;
        self.counters.refreshes.count_result(&tokens);
        tokens
    }

    async fn logout(&self, input: RefreshToken) -> Result<Done, AuthError> {
        self.login.logins.logout(&input.refresh_token).await
    }

    async fn whoami(&self, input: AccessToken) -> Result<Profile, AuthError> {
        self.login.logins.whoami(&input.access_token).await
    }

    async fn authorize(&self, input: Authorize) -> Result<Grant, AuthError> {
        self.login.logins.authorize(&input).await
    }

    async fn traffic_policies(&self, _: NoInput) -> Result<Vec<UserTrafficPolicy>, AuthError> {
        self.accounts.traffic_policies().await
    }

    async fn verifying_keys(&self, _: NoInput) -> Result<Vec<VerifyingKey>, AuthError> {
        Ok(self.keys.tokens().public().to_vec())
    }

    async fn attest_tls(&self, input: AttestTls) -> Result<Done, AuthError> {
        self.statement.attest_tls(&input).await
    }

    async fn create_invitation(&self, input: Acting<CreateInvitation>) -> Result<InvitationLink, AuthError> {
        let actor = self.access.authorise(input.operator.as_ref(), Act::InvitationsWrite).await?;
        self.invitations.create_invitation(&actor, input.what).await
    }

    async fn setup_link(&self, _: NoInput) -> Result<SetupLink, AuthError> {
        self.setup.setup_link().await
    }

    async fn redeem_setup(&self, input: RedeemSetup) -> Result<SignedIn, AuthError> {
        self.setup.redeem_setup(input).await
    }

    /// Short form for the command line.
    async fn put_operator(&self, PutOperator { name, password }: PutOperator) -> Result<Operator, AuthError> {
        let actor = self.access.authorise(None, Act::OperatorsWrite).await?;
        let what = PutOperatorRole { name, password: Some(password), role: None, forget_totp: false };
        self.operators.put_operator(&actor, what).await
    }
}
