//! Argon2id (RFC 9106) on a bounded pool.

use super::policy::{DEAREST, MAX_BYTES};
use crate::config::{Argon2Cost, MOST_KIB};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tornado_contracts::auth::AuthError;
use tornado_rpc::Fault;
use tornado_shared::model::Secret;

/// Retry time for a login that met a full queue, seconds.
const BUSY_RETRY: u64 = 3;

/// Reason why a password was not hashed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// All workers and the whole queue are occupied.
    #[error("too many passwords are being checked at once")]
    Busy,
    /// Longer than [`MAX_BYTES`].
    #[error("the password may have at most {MAX_BYTES} bytes")]
    TooLong,
    /// The library failed: invalid settings or a damaged stored hash.
    #[error("cannot hash a password: {0}")]
    Refused(String),
}

impl From<HashError> for AuthError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::Busy { retry_after: BUSY_RETRY },
            HashError::TooLong => Self::InvalidFields(error.to_string()),
            HashError::Refused(_) => {
                tracing::error!(%error, "password hashing failed");
                Self::Fault(Fault::Internal("cannot check a password".into()))
            }
        }
    }
}

/// Hashes passwords on separate threads, bounded by the number of workers. Logins beyond the queue are rejected at
/// once, so a burst of logins uses bounded memory and delays nothing else. An imported hash may need more memory than
/// the configured cost: it waits until enough of the memory bound is free.
#[derive(Clone)]
pub struct Hasher {
    argon2: Argon2<'static>,
    workers: Arc<Semaphore>,
    /// Free memory, KiB.
    memory: Arc<Semaphore>,
    /// Total memory, KiB.
    most: u32,
    places: Arc<Semaphore>,
    /// Number of all places.
    limit: usize,
    /// Verified when the account does not exist, so that both cases take the same time.
    dummy: Arc<str>,
    computed: Arc<AtomicU64>,
}

/// A slot in the queue of a [`Hasher`].
#[derive(Clone)]
pub struct Place {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hasher")
    }
}

impl Hasher {
    /// A pool of `workers` (0: one per core, within 4 GiB) with a queue.
    ///
    /// # Errors
    /// The library rejects the cost.
    pub fn new(cost: Argon2Cost, workers: usize, queue: usize) -> Result<Self, HashError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let affordable = usize::try_from(MOST_KIB / cost.memory_kib.max(1)).unwrap_or(1).max(1);
        let workers = if workers == 0 { cores.min(affordable) } else { workers };
        let most = cost.memory_kib.saturating_mul(u32::try_from(workers).unwrap_or(u32::MAX)).max(DEAREST.0);
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(refused)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let dummy = hash(&argon2, b"no password is this one")?;
        let places = Arc::new(Semaphore::new(workers + queue));
        let memory = Arc::new(Semaphore::new(usize::try_from(most).unwrap_or(Semaphore::MAX_PERMITS)));
        Ok(Self {
            argon2,
            workers: Arc::new(Semaphore::new(workers)),
            memory,
            most,
            places,
            limit: workers + queue,
            dummy: dummy.into(),
            computed: Arc::default(),
        })
    }

    /// Number of hashes computed since the start, for new passwords and for checks.
    #[must_use]
    pub fn computed(&self) -> u64 {
        self.computed.load(Ordering::Relaxed)
    }

    /// Places in use, waiting and hashing, and the number of all places.
    #[must_use]
    pub fn queue(&self) -> (usize, usize) {
        (self.limit.saturating_sub(self.places.available_permits()), self.limit)
    }

    /// Takes a slot in the queue; it is held until the slot and all hashes computed in it are done.
    ///
    /// # Errors
    /// The queue is full.
    pub fn place(&self) -> Result<Place, HashError> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| HashError::Busy)?;
        Ok(Place { _permit: Arc::new(place) })
    }

    /// Hash of a new password, in PHC format.
    ///
    /// # Errors
    /// The queue is full, the password is too long, or the library failed.
    pub async fn hash(&self, password: &Secret) -> Result<String, HashError> {
        self.hash_at(&self.place()?, password).await
    }

    /// Like [`hash`](Self::hash), in a slot already held.
    ///
    /// # Errors
    /// The password is too long, or the library failed.
    pub async fn hash_at(&self, place: &Place, password: &Secret) -> Result<String, HashError> {
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let (len, needs) = (password.expose().len(), argon2.params().m_cost());
        self.run(place, len, needs, move || hash(&argon2, password.expose().as_bytes())).await
    }

    /// True if this is the password of `stored`. Without a stored hash it returns false after the same work.
    ///
    /// # Errors
    /// The queue is full, the password is too long, or the stored hash is damaged.
    pub async fn verify(&self, password: &Secret, stored: Option<&str>) -> Result<bool, HashError> {
        self.verify_at(&self.place()?, password, stored).await
    }

    /// Like [`verify`](Self::verify), in a slot already held.
    ///
    /// # Errors
    /// The password is too long, or the stored hash is damaged.
    pub async fn verify_at(&self, place: &Place, password: &Secret, stored: Option<&str>) -> Result<bool, HashError> {
        let (argon2, password, known) = (self.argon2.clone(), password.clone(), stored.is_some());
        let stored: Arc<str> = stored.map_or_else(|| self.dummy.clone(), Arc::from);
        let (len, needs) = (password.expose().len(), self.needs(&stored));
        let work = move || verify(&argon2, password.expose().as_bytes(), &stored).map(|right| right && known);
        self.run(place, len, needs, work).await
    }

    /// True if the cost of `stored` differs from the configured cost.
    #[must_use]
    pub fn is_outdated(&self, stored: &str) -> bool {
        let Ok(hash) = PasswordHash::new(stored) else { return false };
        let Ok(params) = Params::try_from(&hash) else { return false };
        let configured = self.argon2.params();
        (params.m_cost(), params.t_cost(), params.p_cost())
            != (configured.m_cost(), configured.t_cost(), configured.p_cost())
    }

    /// KiB required to check this hash. An invalid hash is rejected later, without using memory.
    fn needs(&self, stored: &str) -> u32 {
        let params = PasswordHash::new(stored).ok().and_then(|hash| Params::try_from(&hash).ok());
        params.map_or_else(|| self.argon2.params().m_cost(), |params| params.m_cost())
    }

    async fn run<T: Send + 'static>(
        &self,
        place: &Place,
        len: usize,
        needs: u32,
        work: impl FnOnce() -> Result<T, HashError> + Send + 'static,
    ) -> Result<T, HashError> {
        if len > MAX_BYTES {
            return Err(HashError::TooLong);
        }
        let place = place.clone();
        let worker = self.workers.clone().acquire_owned().await.map_err(|_| HashError::Busy)?;
        // A hash imported under a higher limit takes all the memory and runs alone.
        let memory = self.memory.clone().acquire_many_owned(needs.min(self.most)).await.map_err(|_| HashError::Busy)?;
        let computed = self.computed.clone();
        let task = tokio::task::spawn_blocking(move || {
            computed.fetch_add(1, Ordering::Relaxed);
            // Held by the work itself: a caller that gives up does not release a busy worker.
            let _held = (place, worker, memory);
            work()
        });
        task.await.map_err(|error| HashError::Refused(error.to_string()))?
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, HashError> {
    let salt: [u8; 16] = rand::random();
    let hash: PasswordHash = argon2.hash_password_with_salt(password, &salt).map_err(refused)?;
    Ok(hash.to_string())
}

fn verify(argon2: &Argon2<'_>, password: &[u8], stored: &str) -> Result<bool, HashError> {
    match argon2.verify_password(password, stored) {
        Ok(()) => Ok(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: impl std::fmt::Display) -> HashError {
    HashError::Refused(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::policy::check_foreign;
    use super::*;
    use std::time::Duration;

    /// Longer than any machine needs; only a fault makes a test wait this long.
    const PATIENCE: Duration = Duration::from_secs(60);

    fn cheap(workers: usize, queue: usize) -> Hasher {
        Hasher::new(Argon2Cost { memory_kib: 64, passes: 1, lanes: 1 }, workers, queue).unwrap()
    }

    /// Created by argon2-cffi 25 with its defaults, as in the original.
    #[tokio::test]
    async fn foreign_hashes_are_checked_and_verify() {
        let foreign =
            "$argon2id$v=19$m=65536,t=3,p=4$tetbm1ygQqOyRYqVr1XsyA$Z52KaQ56G5+Az8NDMAOYlkq+5OvYTn514+pvo3zK43M";
        assert_eq!(check_foreign(foreign), Ok(()));
        let hasher = cheap(1, 1);
        assert!(hasher.verify(&Secret::new("the old password"), Some(foreign)).await.unwrap());
        assert!(!hasher.verify(&Secret::new("another password"), Some(foreign)).await.unwrap());
        assert_eq!(check_foreign(&foreign.replace("m=65536", "m=262144")), Ok(()));
        let dear = foreign.replace("m=65536", "m=262145");
        let other = foreign.replace("argon2id", "argon2i");
        for bad in ["", "plain", "$argon2id$v=19$m=65536,t=3,p=4$tetbm1ygQqOyRYqVr1XsyA", &dear, &other] {
            assert!(check_foreign(bad).is_err(), "{bad}");
        }
    }

    /// Imported hashes together use no more memory than the bound, whatever the number of workers.
    #[tokio::test]
    async fn expensive_hashes_wait_for_memory() {
        let hasher = cheap(4, 4);
        assert_eq!(hasher.most, 262_144, "room for at least one hash of the highest cost");
        assert_eq!(Hasher::new(Argon2Cost::default(), 8, 1).unwrap().most, 8 * 65_536);
        let dear = Hasher::new(Argon2Cost { memory_kib: 8192, passes: 1, lanes: 1 }, 1, 1).unwrap();
        let password = Secret::new("correct horse");
        let stored = dear.hash(&password).await.unwrap();
        assert_eq!((hasher.needs(&stored), hasher.needs("rubbish")), (8192, 64));
        let others = hasher.memory.clone().acquire_many_owned(262_144 - 8191).await.unwrap();
        let own = hasher.verify(&password, None);
        assert!(!own.await.unwrap(), "a hash at the configured cost fits");
        let waits = hasher.verify(&password, Some(&stored));
        tokio::pin!(waits);
        assert!(futures::poll!(waits.as_mut()).is_pending());
        assert_eq!(hasher.computed(), 1, "no hash has started");
        drop(others);
        assert!(waits.await.unwrap());
        assert_eq!(hasher.memory.available_permits(), 262_144);
    }

    #[tokio::test]
    async fn hashes_verify_and_differ() {
        let hasher = cheap(1, 4);
        let password = Secret::new("correct horse");
        let stored = hasher.hash(&password).await.unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        assert_ne!(stored, hasher.hash(&password).await.unwrap());
        assert!(hasher.verify(&password, Some(&stored)).await.unwrap());
        assert!(!hasher.verify(&Secret::new("wrong horse"), Some(&stored)).await.unwrap());
        assert!(!hasher.verify(&Secret::new("no password is this one"), None).await.unwrap());
        assert!(hasher.verify(&password, Some("rubbish")).await.is_err());
        assert!(!hasher.is_outdated(&stored));
        let dearer = Hasher::new(Argon2Cost { memory_kib: 128, passes: 1, lanes: 1 }, 1, 1).unwrap();
        assert!(dearer.is_outdated(&stored));
        assert!(dearer.verify(&password, Some(&stored)).await.unwrap());
    }

    /// Parameters of argon2-cffi: Argon2id v19, m=65536, t=3, p=4, 16-byte salt, 32-byte hash.
    #[tokio::test]
    async fn default_cost_is_that_of_argon2_cffi() {
        let hasher = Hasher::new(Argon2Cost::default(), 1, 1).unwrap();
        let stored = hasher.hash(&Secret::new("correct horse")).await.unwrap();
        let parts: Vec<_> = stored.split('$').collect();
        assert_eq!(parts[1..4], ["argon2id", "v=19", "m=65536,t=3,p=4"]);
        assert_eq!((parts[4].len(), parts[5].len()), (22, 43));
    }

    /// Runs on one thread: a hash on that thread would delay every rejection.
    #[tokio::test]
    async fn a_burst_of_logins_is_rejected_without_blocking() {
        let hasher = cheap(1, 2);
        let (release, held) = std::sync::mpsc::channel();
        let (begun, running) = tokio::sync::oneshot::channel();
        let work = move || {
            let _ = begun.send(());
            held.recv_timeout(PATIENCE).map_err(|_| HashError::Refused("the runtime was stalled".into()))
        };
        let place = hasher.place().unwrap();
        let hash = tokio::spawn({
            let hasher = hasher.clone();
            async move { hasher.run(&place, 1, 64, work).await }
        });
        running.await.unwrap();
        let mut storm = tokio::task::JoinSet::new();
        for _ in 0..20 {
            let hasher = hasher.clone();
            storm.spawn(async move { hasher.verify(&Secret::new("x"), None).await });
        }
        for _ in 0..18 {
            assert_eq!(storm.join_next().await.unwrap().unwrap(), Err(HashError::Busy));
        }
        assert!(storm.try_join_next().is_none(), "two wait in the queue");
        release.send(()).unwrap();
        assert_eq!(hash.await.unwrap(), Ok(()));
        for answer in storm.join_all().await {
            assert_eq!(answer, Ok(false));
        }
    }

    #[tokio::test]
    async fn an_unknown_user_costs_as_much_as_a_known_one() {
        let hasher = cheap(1, 1);
        let stored = hasher.hash(&Secret::new("correct horse")).await.unwrap();
        let mut costs = Vec::new();
        for stored in [Some(stored.as_str()), None] {
            let before = hasher.computed();
            assert!(!hasher.verify(&Secret::new("wrong"), stored).await.unwrap());
            costs.push((hasher.computed() - before, hasher.needs(stored.unwrap_or(&hasher.dummy))));
        }
        assert_eq!(costs, [(1, 64); 2]);
        // Same memory, passes and lanes, and the same hash length.
        assert!(!hasher.is_outdated(&hasher.dummy));
        assert_eq!(hasher.dummy.len(), stored.len());
    }
}
