//! Loads the ruleset into the kernel with one run of nft(8) and reads it back.

use super::admission::OVER;
use super::groups::Groups;
use super::host::{self, Host};
use super::listing::{Listing, compare, without};
use super::nft::{DEADLINE, Nft};
use super::policy::Policy;
use super::render::{IsolationMap, Seat, chains, render};
use super::states;
use crate::netfilter::{Key, Maps};
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, MutexGuard};
use tornado_contracts::wg::{SetGroups, SetTorLane, TorLane};
use tornado_shared::model::CountryCode;

/// Reasons for which the policy cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The program could not be run.
    #[error("cannot run nft: {0}; check that the package nftables is installed")]
    Spawn(#[source] std::io::Error),
    /// The program did not finish in time.
    #[error("nft did not finish within {DEADLINE:?}")]
    Late,
    /// The program reported an error.
    #[error("nft failed: {0}")]
    Refused(String),
    /// Another program created a table of this name.
    #[error(
        "cannot create the nftables table inet {0}: a table with this name was not created by this server; remove it \
         with `nft delete table inet {0}` if nothing needs it, or set another name as table in [wg]"
    )]
    Foreign(String),
    /// The output could not be parsed.
    #[error("cannot parse the output of nft: {0}")]
    Answer(#[from] serde_json::Error),
    /// The kernel did not change or list the maps of devices.
    #[error("cannot read or change the maps of devices: {0}")]
    Maps(#[source] std::io::Error),
    /// The ruleset that was read back differs from the policy.
    #[error("the ruleset in the kernel differs from the policy: {0}")]
    Differs(String),
}

/// State of the table in the kernel.
#[derive(Debug)]
pub(crate) enum Check {
    /// As it was loaded.
    Whole,
    /// Another program changed or deleted it.
    Changed,
    /// This service did not load it successfully, so a difference is no sign of another program.
    NotLoaded,
    /// The table could not be read.
    Unknown(FirewallError),
}

/// The table of one policy.
pub(crate) struct Firewall {
    pub(super) policy: Policy,
    pub(super) nft: Nft,
    pub(super) maps: Maps,
    pub(super) content: Mutex<Content>,
    /// Copy of the tor lane's state for readers, which must not wait for a change in progress.
    shown: std::sync::Mutex<SetTorLane>,
}

/// Desired content of the table besides the policy.
pub(super) struct Content {
    pub(super) state: SetTorLane,
    pub(super) host: Host,
    pub(super) isolation: IsolationMap,
    /// Rates and peer groups of accounts.
    pub(super) groups: Groups,
    /// Countries that have chains. They keep them until the service ends; empty chains are harmless.
    pub(super) countries: BTreeSet<CountryCode>,
    /// The kernel's listing directly after loading, without handles, elements and limits. A later difference is a
    /// change by another program.
    pub(super) loaded: Option<Value>,
    /// The kernel's generation number when the table was last verified.
    whole_at: Option<u32>,
    /// The elements of the maps differed from ours, so the whole table has to be loaded.
    pub(super) is_spoiled: bool,
}

impl Firewall {
    pub(crate) fn new(policy: Policy, nft: Nft, maps: Maps) -> Self {
        let content = Content {
            state: TorLane::Closed.into(),
            host: Host::default(),
            isolation: IsolationMap::new(),
            groups: Groups::default(),
            countries: BTreeSet::new(),
            loaded: None,
            whole_at: None,
            is_spoiled: false,
        };
        let shown = std::sync::Mutex::new(content.state.clone());
        Self { policy, nft, maps, content: Mutex::new(content), shown }
    }

    /// Replaces the table atomically, reads it back and compares it with the policy.
    pub(crate) async fn apply(&self) -> Result<(), FirewallError> {
        self.apply_all(&mut self.content.lock().await).await
    }

    pub(super) async fn apply_all(&self, content: &mut MutexGuard<'_, Content>) -> Result<(), FirewallError> {
        content.loaded = None;
        let text = {
            let Content { state, host, isolation, groups, countries, .. } = &**content;
            render(&self.policy, host, state, countries, isolation, groups)
        };
        self.nft.run(&["-f", "-"], Some(text)).await?;
        content.is_spoiled = false;
        self.read_back(content, None, &BTreeSet::new()).await
    }

    /// Reads the table back and stores the listing. After our own change to the chains `changed` of a table that was
    /// `former`, all other chains must be equal to `former`; otherwise `former` stays stored and the next check reports
    /// the difference.
    pub(super) async fn read_back(
        &self,
        content: &mut MutexGuard<'_, Content>,
        former: Option<Value>,
        changed: &BTreeSet<String>,
    ) -> Result<(), FirewallError> {
        let Listing { objects, limits } = self.list().await?;
        let wanted = chains(&self.policy, &content.host, &content.state, &content.countries);
        compare(&objects, &wanted).map_err(FirewallError::Differs)?;
        if !content.groups.has_limits(&limits) {
            return Err(FirewallError::Differs("limits differ".into()));
        }
        let strange = former.filter(|former| without(former, changed) != without(&objects, changed));
        content.loaded = Some(strange.unwrap_or(objects));
        Ok(())
    }

    /// The desired state of the tor lane, with its exit countries.
    pub(crate) fn state(&self) -> SetTorLane {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        let text = states::switch(&self.policy, &content.state, &content.countries);
        let switched = match self.nft.run(&["-f", "-"], Some(text)).await {
            Ok(_) if former.is_some() => {
                let (took, changed) = (started.elapsed(), states::written(&content.countries));
                self.read_back(&mut content, former, &changed).await.map(|()| took)
            }
            // The table may have been changed or deleted, or was never complete. Load all of it, again in one
            // transaction.
            Ok(_) | Err(_) => self.apply_all(&mut content).await.map(|()| started.elapsed()),
        };
        if switched.is_err() {
            content.state = TorLane::Closed.into();
        }
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&content.state);
        switched
    }

    /// Follows the host's interfaces, in one transaction. Returns true if they have changed.
    pub(crate) async fn set_host(&self, host: Host) -> Result<bool, FirewallError> {
        let mut content = self.content.lock().await;
        if content.host == host {
            return Ok(false);
        }
        content.host = host;
        // The next full load includes the change.
        let Some(former) = content.loaded.take() else { return Ok(true) };
        let text = host::change(&self.policy, &content.host);
        if let Err(error) = self.nft.run(&["-f", "-"], Some(text)).await {
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
        let Err(error) = self.nft.run(&["-f", "-"], Some(change)).await else { return Ok(()) };
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
    pub(crate) fn groups_of(&self, wanted: &SetGroups) -> Result<Groups, &'static str> {
        Groups::of(wanted, &self.policy)
    }

    /// Compares the table in the kernel with the one that was loaded. Skips the listing while the kernel's generation
    /// number is the one of the last successful check.
    pub(crate) async fn check(&self) -> Check {
        let mut content = self.content.lock().await;
        let Some(then) = content.loaded.as_ref().filter(|_| !content.is_spoiled) else { return Check::NotLoaded };
        // Read before the listing, so that a change during the listing shows in the next check.
        let number = self.maps.generation().await.ok();
        if number.is_some() && number == content.whole_at {
            return Check::Whole;
        }
        match self.list().await {
            Ok(now) if now.objects == *then && content.groups.has_limits(&now.limits) => {
                content.whole_at = number;
                Check::Whole
            }
            Ok(_) => Check::Changed,
            Err(error) => Check::Unknown(error),
        }
    }

    /// True if the table in the kernel is the one that was loaded.
    pub(crate) async fn verify(&self) -> bool {
        matches!(self.check().await, Check::Whole)
    }

    /// The isolation address of a device.
    pub(crate) fn seen_as(&self, device: IpAddr, seat: Seat) -> IpAddr {
        self.policy.seen_as(device, seat.isolation)
    }

    /// Addresses that were refused flows within the last ten seconds.
    pub(crate) async fn refused(&self) -> Result<Vec<IpAddr>, FirewallError> {
        let mut refused = Vec::new();
        for set in OVER {
            let found = self.maps.read(set).await.map_err(FirewallError::Maps)?;
            refused.extend(found.into_keys().filter_map(|key| match key {
                Key::One(address) => Some(address),
                Key::Pair(..) | Key::Strange => None,
            }));
        }
        Ok(refused)
    }

    /// Removes the table.
    pub(crate) async fn remove(&self) -> Result<(), FirewallError> {
        let table = &self.policy.table;
        self.nft.run(&["-f", "-"], Some(format!("table inet {table}\ndelete table inet {table}\n"))).await.map(drop)
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
#[path = "apply_tests.rs"]
mod tests;
