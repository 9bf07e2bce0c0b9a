//! Exit countries in use by the connected devices.

use crate::registry::Registry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;
use tornado_contracts::session::SessionError;
use tornado_contracts::tor::SyncCountries;
use tornado_shared::model::{CountryCode, DeviceId, SessionState, UserId};

pub(crate) struct Countries {
    registry: Arc<Registry>,
    /// Exit countries that the devices of one account may use at the same time.
    max_of_account: usize,
    /// Wakes the task that reports the countries to `tor`.
    report: Notify,
}

impl Countries {
    pub fn new(registry: Arc<Registry>, max_of_account: u32) -> Self {
        let max_of_account = usize::try_from(max_of_account).unwrap_or(usize::MAX);
        Self { registry, max_of_account, report: Notify::new() }
    }

    /// Limits the exit countries of one account, so that it cannot use all of them.
    pub fn check_limit(&self, country: CountryCode, user: UserId, device: DeviceId) -> Result<(), SessionError> {
        let others = self.registry.all().into_iter().filter(|entry| {
            entry.user_id == user && entry.device_id != device && entry.state() != SessionState::Closed
        });
        let used: BTreeSet<CountryCode> = others.filter_map(|entry| entry.circuits().1).collect();
        if used.contains(&country) || used.len() < self.max_of_account {
            return Ok(());
        }
        let max = self.max_of_account;
        let why = format!("the devices of one account may use {max} exit countries at the same time");
        Err(SessionError::NoExit { country, why })
    }

    /// Countries and isolation numbers in use, as input for `tor`. Choices made while a device was not connected were
    /// not checked; of an account with too many, those of the oldest sessions count.
    pub fn in_use(&self) -> SyncCountries {
        let mut of_user: BTreeMap<UserId, BTreeSet<CountryCode>> = BTreeMap::new();
        let mut live = Vec::new();
        let mut entries = self.registry.all();
        // Oldest first: a device that connects must not displace the exit of another.
        entries.sort_by_cached_key(|entry| (entry.machine().activity().started_at, entry.session_id));
        for entry in entries {
            if entry.state() == SessionState::Closed {
                continue;
            }
            let (isolation, exit) = entry.circuits();
            live.push(isolation);
            let used = of_user.entry(entry.user_id).or_default();
            if used.len() < self.max_of_account {
                used.extend(exit);
            }
        }
        SyncCountries { countries: of_user.into_values().flatten().collect(), live }
    }

    /// Has the countries in use reported now.
    pub fn request_report(&self) {
        self.report.notify_one();
    }

    /// Waits for [`request_report`](Self::request_report).
    pub async fn report_requested(&self) {
        self.report.notified().await;
    }
}
