//! Loads the ruleset into the kernel with one run of nft(8) and reads it back.

mod elements;
mod listing;
mod nft;
mod ownership;

pub(crate) use listing::{compare, drop_handles};
pub(crate) use nft::Nft;
pub use ownership::foreign_tables;
pub(crate) use ownership::{canary_table, refuse_foreign};

use super::error::FirewallError;
use super::policy::Policy;
use super::policy::admission::OVER;
use super::render::{Groups, chains, host, render, tor_states};
use crate::host::HostInterfaces;
use crate::model::{AssignmentMap, TorAssignment};
use crate::netfilter::{Key, Maps};
use listing::{Listing, without};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tornado_contracts::wg::{SetGroups, SetTorLane, TorLane};
use tornado_shared::model::CountryCode;

/// State of the table in the kernel.
#[derive(Debug)]
pub(crate) enum Check {
    /// As it was loaded.
    Unchanged,
    /// Another program changed or deleted it.
    Changed,
    /// This service did not load it successfully, so a difference is no sign of another program.
    NotLoaded,
    /// The table could not be read.
    Unknown(FirewallError),
}

/// The table of one policy.
pub(crate) struct Firewall {
    policy: Policy,
    nft: Nft,
    maps: Maps,
    content: Mutex<Content>,
}

/// Desired content of the table besides the policy.
struct Content {
    state: SetTorLane,
    host: HostInterfaces,
    assignments: AssignmentMap,
    /// Rates and peer groups of accounts.
    groups: Groups,
    /// Countries that have chains. They keep them until the service ends; empty chains are harmless.
    countries: BTreeSet<CountryCode>,
    /// The kernel's listing directly after loading, without handles, elements and limits. A later difference is a
    /// change by another program.
    loaded: Option<Value>,
    /// The kernel's generation number when the table was last verified.
    unchanged_at: Option<u32>,
    /// The elements of the maps differed from ours, so the whole table has to be loaded.
    elements_differ: bool,
}

impl Firewall {
    pub(crate) fn new(policy: Policy, nft: Nft, maps: Maps) -> Self {
        let content = Content {
            state: TorLane::Closed.into(),
            host: HostInterfaces::default(),
            assignments: AssignmentMap::new(),
            groups: Groups::default(),
            countries: BTreeSet::new(),
            loaded: None,
            unchanged_at: None,
            elements_differ: false,
        };
        Self { policy, nft, maps, content: Mutex::new(content) }
    }

    /// Replaces the table atomically, reads it back and compares it with the policy.
    pub(crate) async fn apply(&self) -> Result<(), FirewallError> {
        self.apply_all(&mut self.content.lock().await).await
    }

    async fn apply_all(&self, content: &mut MutexGuard<'_, Content>) -> Result<(), FirewallError> {
        content.loaded = None;
        let text = {
            let Content { state, host, assignments, groups, countries, .. } = &**content;
            render(&self.policy, host, state, countries, assignments, groups)
        };
        self.nft.load(text).await?;
        content.elements_differ = false;
        self.read_back(content, None, &BTreeSet::new()).await
    }

    /// Reads the table back and stores the listing. After our own change to the chains `changed` of a table that was
    /// `former`, all other chains must be equal to `former`; otherwise `former` stays stored and the next check reports
    /// the difference.
    async fn read_back(
        &self,
        content: &mut MutexGuard<'_, Content>,
        former: Option<Value>,
        changed: &BTreeSet<String>,
    ) -> Result<(), FirewallError> {
        let Listing { objects, limits } = self.list().await?;
        let expected = chains(&self.policy, &content.host, &content.state, &content.countries);
        compare(&objects, &expected).map_err(FirewallError::Differs)?;
        if !content.groups.has_limits(&limits) {
            return Err(FirewallError::Differs("limits differ".into()));
        }
        let unexpected = former.filter(|former| without(former, changed) != without(&objects, changed));
        content.loaded = Some(unexpected.unwrap_or(objects));
        Ok(())
    }

    /// Switches the tor lane in one transaction. Returns how long it took.
    ///
    /// # Errors
    ///
    /// After an error the desired state is `Closed`. The state in the kernel is unknown until [`Firewall::apply`]
    /// succeeds.
    pub(crate) async fn switch(&self, state: SetTorLane) -> Result<Duration, FirewallError> {
        let mut content = self.content.lock().await;
        let started = Instant::now();
        content.countries.extend(state.exits.keys());
        content.state = state;
        let former = content.loaded.take();
        let text = tor_states::switch(&self.policy, &content.state, &content.countries);
        let switched = match self.nft.load(text).await {
            Ok(()) if former.is_some() => {
                let (took, changed) = (started.elapsed(), tor_states::written(&content.countries));
                self.read_back(&mut content, former, &changed).await.map(|()| took)
            }
            // The table may have been changed or deleted, or was never complete. Load all of it, again in one
            // transaction.
            Ok(()) | Err(_) => self.apply_all(&mut content).await.map(|()| started.elapsed()),
        };
        if switched.is_err() {
            content.state = TorLane::Closed.into();
        }
        switched
    }

    /// Adapts the table to the host's interfaces, in one transaction. Returns true if they have changed.
    pub(crate) async fn set_host(&self, host: HostInterfaces) -> Result<bool, FirewallError> {
        let mut content = self.content.lock().await;
        if content.host == host {
            return Ok(false);
        }
        content.host = host;
        // The next full load includes the change.
        let Some(former) = content.loaded.take() else { return Ok(true) };
        let text = host::change(&self.policy, &content.host);
        if let Err(error) = self.nft.load(text).await {
            tracing::warn!(%error, "could not update the chains of the host; loading the whole table");
            return self.apply_all(&mut content).await.map(|()| true);
        }
        self.read_back(&mut content, Some(former), &host::written()).await.map(|()| true)
    }

    /// Replaces the rates and peer groups of all accounts, in one transaction. If that fails, loads the whole table
    /// with the new ones; if that fails, too, with the former ones.
    pub(crate) async fn set_groups(&self, groups: Groups) -> Result<(), FirewallError> {
        let mut content = self.content.lock().await;
        let change = groups.change_from(&content.groups, &self.policy.table);
        if change.is_empty() {
            return Ok(());
        }
        let former = std::mem::replace(&mut content.groups, groups);
        let Err(error) = self.nft.load(change).await else { return Ok(()) };
        tracing::warn!(%error, "could not change rates and peer groups; loading the whole table");
        let Err(error) = self.apply_all(&mut content).await else { return Ok(()) };
        // The new groups may be the cause, and without a table no device has service.
        content.groups = former;
        if let Err(error) = self.apply_all(&mut content).await {
            tracing::error!(%error, "could not restore the former table");
        }
        Err(error)
    }

    /// Computes limits and elements from a request. `Err` gives the reason why the request is invalid.
    pub(crate) fn groups_of(&self, request: &SetGroups) -> Result<Groups, &'static str> {
        Groups::of(request, &self.policy)
    }

    /// Compares the table in the kernel with the one that was loaded. Skips the listing while the kernel's generation
    /// number is the one of the last successful check.
    pub(crate) async fn check(&self) -> Check {
        let mut content = self.content.lock().await;
        let Some(loaded) = content.loaded.as_ref().filter(|_| !content.elements_differ) else {
            return Check::NotLoaded;
        };
        // Read before the listing, so that a change during the listing shows in the next check.
        let number = self.maps.generation().await.ok();
        if number.is_some() && number == content.unchanged_at {
            return Check::Unchanged;
        }
        match self.list().await {
            Ok(now) if now.objects == *loaded && content.groups.has_limits(&now.limits) => {
                content.unchanged_at = number;
                Check::Unchanged
            }
            Ok(_) => Check::Changed,
            Err(error) => Check::Unknown(error),
        }
    }

    /// True if the table in the kernel is the one that was loaded.
    pub(crate) async fn verify(&self) -> bool {
        matches!(self.check().await, Check::Unchanged)
    }

    /// The isolation address of a device.
    pub(crate) fn isolation_address(&self, device: IpAddr, assignment: TorAssignment) -> IpAddr {
        self.policy.isolation_address(device, assignment.isolation)
    }

    /// Addresses that were refused flows within the last ten seconds.
    pub(crate) async fn refused(&self) -> Result<Vec<IpAddr>, FirewallError> {
        let mut refused = Vec::new();
        for set in OVER {
            let found = self.maps.read(set).await.map_err(FirewallError::Maps)?;
            refused.extend(found.into_keys().filter_map(|key| match key {
                Key::One(address) => Some(address),
                Key::Pair(..) | Key::Other => None,
            }));
        }
        Ok(refused)
    }

    /// Removes the table.
    pub(crate) async fn remove(&self) -> Result<(), FirewallError> {
        self.nft.remove_table(&self.policy.table).await
    }

    /// Lists the table without elements; empty if it does not exist.
    async fn list(&self) -> Result<Listing, FirewallError> {
        // Not `list table`: nft 1.0.6 then reads every element, even if it shows none, which takes 0.8 s for 25,000
        // devices.
        let text = self.nft.run(&["-j", "-t", "list", "ruleset", "inet"], None).await?;
        Ok(Listing::of(serde_json::from_str(&text)?, &self.policy.table))
    }
}

#[cfg(test)]
mod tests;
