//! What the use cases share: configuration, keys, state and clients. Use cases are functions over a [`Core`]; a part
//! that keeps an invariant is a struct with private fields.

use crate::access::Used;
use crate::closing::Closing;
use crate::config::{Address, Config};
use crate::guard::Attempts;
use crate::keys::rotation::Schedule;
use crate::keys::signing::Lifetimes;
use crate::keys::{Keys, Restored};
use crate::passkeys::Pending;
use crate::password::{HashError, Hasher, Passwords};
use crate::trail::{HeadFile, Trail};
use std::sync::Arc;
use tornado_contracts::session::Sessions;
use tornado_runtime::clock::Clock;
use tornado_store::identity::SqlIdentityStore;

pub(crate) struct Core {
    pub store: SqlIdentityStore,
    pub keys: Keys,
    pub schedule: Schedule,
    pub lifetimes: Lifetimes,
    /// Set if the server's state comes from a backup.
    pub restored: Option<Restored>,
    pub trail: Trail,
    pub closing: Closing,
    /// Times of use of sign-ins and API tokens.
    pub used: Used,
    /// Challenges of passkeys.
    pub pending: Pending,
    pub attempts: Arc<Attempts>,
    pub passwords: Passwords,
    pub config: Config,
    /// For invitation links.
    pub address: Address,
    pub clock: Clock,
}

impl Core {
    pub fn new(
        config: Config,
        address: Address,
        store: SqlIdentityStore,
        sessions: Arc<dyn Sessions>,
        keys: Keys,
        clock: Clock,
    ) -> Result<Self, HashError> {
        let restored = keys.dir().parent().map_or(Ok(None), Restored::read).unwrap_or_else(|error| {
            tracing::error!(%error, "could not read the restore marker; newer logins must be repeated");
            None
        });
        let attempts = Arc::new(Attempts::new(config.guard, clock.clone()));
        let hasher = Hasher::new(config.argon2, config.hash_workers, config.hash_queue)?;
        Ok(Self {
            schedule: Schedule::from(&config),
            lifetimes: Lifetimes { access: config.access_lifetime, refresh: config.refresh_lifetime },
            restored,
            trail: Trail::new(store.clone(), HeadFile::new(&keys), clock.clone()),
            closing: Closing::new(store.clone(), sessions),
            used: Used::default(),
            pending: Pending::default(),
            passwords: Passwords::new(hasher, attempts.clone()),
            attempts,
            store,
            keys,
            config,
            address,
            clock,
        })
    }
}
