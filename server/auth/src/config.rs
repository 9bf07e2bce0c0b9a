//! Settings of service `auth`, read and validated at start.

use crate::guard::Limits;
use serde::{Deserialize, Serialize};
use tornado_shared::invitation::DEFAULT_PORT;

const DAY: i64 = 86_400;
/// Maximum memory of all concurrent password hashes, KiB: 4 GiB.
pub(crate) const MOST_KIB: u32 = 4 * 1024 * 1024;

/// Settings. Durations are in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Cost of a password hash.
    pub argon2: Argon2Cost,
    /// Password hashes computed concurrently; 0: one per core. Each uses `argon2.memory_kib`, all together at most 4
    /// GiB. An imported hash may use up to 256 MiB; other hashes then wait for the memory.
    pub hash_workers: usize,
    /// Logins that may wait for a free worker; more are rejected with a retry time.
    pub hash_queue: usize,
    /// Lifetime of an access token: the longest time that a device can continue while its login cannot be checked.
    pub access_lifetime: i64,
    /// Lifetime of a refresh token.
    pub refresh_lifetime: i64,
    /// Age at which the token signing keys get successors; 0: rotation is manual.
    pub key_rotation: i64,
    /// Time between publication and first use of a new key; long enough for every service to fetch it.
    pub key_lead: i64,
    /// Lifetime of an operator's sign-in.
    pub sign_in_lifetime: i64,
    /// Limits against guessing.
    pub guard: Limits,
}

/// Cost of Argon2id (RFC 9106). The defaults equal those of `argon2-cffi`, whose hashes are accepted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Argon2Cost {
    /// Memory, KiB.
    pub memory_kib: u32,
    /// Passes.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for Argon2Cost {
    fn default() -> Self {
        Self { memory_kib: 64 * 1024, passes: 3, lanes: 4 }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            argon2: Argon2Cost::default(),
            hash_workers: 0,
            hash_queue: 64,
            access_lifetime: 900,
            refresh_lifetime: 7 * DAY,
            key_rotation: DAY,
            key_lead: 120,
            sign_in_lifetime: 8 * 3600,
            guard: Limits::default(),
        }
    }
}

/// The address of the device API for invitation links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Host name or address. `None`: the machine's own address at that moment.
    pub host: Option<String>,
    /// TCP port.
    pub port: u16,
}

impl Default for Address {
    fn default() -> Self {
        Self { host: None, port: DEFAULT_PORT }
    }
}

/// A rejected setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid setting '{name}' of auth: {reason}")]
pub struct ConfigError {
    name: &'static str,
    reason: &'static str,
}

impl Config {
    /// Checks all values against their ranges.
    ///
    /// # Errors
    /// The first setting outside its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let rotation = self.key_rotation == 0 || (3600..=365 * DAY).contains(&self.key_rotation);
        let refresh = (self.access_lifetime..=30 * DAY).contains(&self.refresh_lifetime);
        let workers = u32::try_from(self.hash_workers).unwrap_or(u32::MAX).max(1);
        let memory = self.argon2.memory_kib.saturating_mul(workers);
        let pool = self.hash_workers <= 64 && self.hash_queue <= 4096;
        let rules = [
            ("access_lifetime", (10..=DAY).contains(&self.access_lifetime), "must be 10 seconds to 1 day"),
            ("refresh_lifetime", refresh, "must be at least access_lifetime and at most 30 days"),
            ("key_rotation", rotation, "must be 0 or 1 hour to 365 days"),
            ("key_lead", (10..=1800).contains(&self.key_lead), "must be 10 to 1800 seconds"),
            ("sign_in_lifetime", (300..=7 * DAY).contains(&self.sign_in_lifetime), "must be 5 minutes to 7 days"),
            ("hash_workers", pool, "must be at most 64 workers, and hash_queue at most 4096"),
            ("hash_workers", memory <= MOST_KIB, "times argon2.memory_kib must be at most 4 GiB"),
        ];
        if let Some((name, _, reason)) = rules.into_iter().find(|(_, good, _)| !good) {
            return Err(ConfigError { name, reason });
        }
        self.guard.validate().map_err(|reason| ConfigError { name: "guard", reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_strict() {
        assert_eq!(Config::default().validate(), Ok(()));
        assert!(serde_json::from_str::<Config>(r#"{"acces_lifetime": 1}"#).is_err());
        assert!(Config { access_lifetime: 0, ..Config::default() }.validate().is_err());
        let hashes = |memory_kib, hash_workers| {
            let argon2 = Argon2Cost { memory_kib, ..Argon2Cost::default() };
            Config { argon2, hash_workers, ..Config::default() }.validate()
        };
        assert_eq!((hashes(65_536, 64), hashes(262_144, 16), hashes(4_194_304, 0)), (Ok(()), Ok(()), Ok(())));
        assert!(hashes(65_537, 64).is_err() && hashes(4_194_305, 0).is_err());
    }
}
