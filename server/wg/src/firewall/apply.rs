//! Puts the ruleset into the kernel with one call of nft(8), and reads it back.

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

/// The policy could not be put in place.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The program could not be run.
    #[error("cannot run nft: {0}; is the package nftables installed?")]
    Spawn(#[source] std::io::Error),
    /// It took too long.
    #[error("nft did not end within {DEADLINE:?}")]
    Late,
    /// It refused.
    #[error("nft refused: {0}")]
    Refused(String),
    /// A table of this name was made by another program.
    #[error(
        "the nftables table inet {0} exists and was not made by this server; remove it with `nft delete table inet {0}` \
         if nothing needs it, or set another name as table in [wg]"
    )]
    Foreign(String),
    /// Its answer was not understood.
    #[error("nft answered in a form that is not known: {0}")]
    Answer(#[from] serde_json::Error),
    /// The kernel did not change or show the maps of devices.
    #[error("the maps of devices: {0}")]
    Maps(#[source] std::io::Error),
    /// What was read back is not what was loaded.
    #[error("the ruleset in the kernel is not the policy: {0}")]
    Differs(String),
}

/// How the table in the kernel is.
#[derive(Debug)]
pub(crate) enum Check {
    /// As it was loaded.
    Whole,
    /// Somebody changed it or took it away.
    Changed,
    /// We failed to load it: whatever it is, it is our own doing.
    NotLoaded,
    /// It could not be read.
    Unknown(FirewallError),
}

/// The table of one policy.
pub(crate) struct Firewall {
    pub(super) policy: Policy,
    pub(super) nft: Nft,
    pub(super) maps: Maps,
    pub(super) content: Mutex<Content>,
    /// The state for those who only ask: they wait for nothing that is being done.
    shown: std::sync::Mutex<SetTorLane>,
}

/// What the table should hold besides the policy.
pub(super) struct Content {
    pub(super) state: SetTorLane,
    pub(super) host: Host,
    pub(super) isolation: IsolationMap,
    /// Accounts that are treated otherwise than most.
    pub(super) groups: Groups,
    /// Countries that have chains. One that has them keeps them until the service ends: empty ones do no harm.
    pub(super) countries: BTreeSet<CountryCode>,
    /// The kernel's listing right after loading, without handles, elements and limits. Anything else later is
    /// somebody's change.
    pub(super) loaded: Option<Value>,
    /// The number of the kernel's ruleset when it was last found whole.
    whole_at: Option<u32>,
    /// Elements of the maps were found to be others than ours: the whole table is to be loaded.
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

    /// Replaces the table atomically, reads it back and compares.
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

    /// Takes what the kernel has for what is loaded. After a change of ours to `changed`, chains, of a table that was
    /// `former`: what else is different somebody else did, and the next look shall find it.
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
            return Err(FirewallError::Differs("other limits".into()));
        }
        let strange = former.filter(|former| without(former, changed) != without(&objects, changed));
        content.loaded = Some(strange.unwrap_or(objects));
        Ok(())
    }

    /// The state of the tor lane that the table has, or should have, with its exit countries.
    pub(crate) fn state(&self) -> SetTorLane {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Puts the tor lane into a state, in one transaction. Says how long that took. After an error the wanted
    /// state is `Closed`; whether the kernel has it is not known until [`Firewall::apply`] succeeds.
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
            // The table may have been taken away or changed, or was never whole: all of it, also one transaction.
            Ok(_) | Err(_) => self.apply_all(&mut content).await.map(|()| started.elapsed()),
        };
        if switched.is_err() {
            content.state = TorLane::Closed.into();
        }
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&content.state);
        switched
    }

    /// Follows the host's interfaces, in one transaction. True when they were others than before.
    pub(crate) async fn set_host(&self, host: Host) -> Result<bool, FirewallError> {
        let mut content = self.content.lock().await;
        if content.host == host {
            return Ok(false);
        }
        content.host = host;
        // What was never loaded is loaded with it.
        let Some(former) = content.loaded.take() else { return Ok(true) };
        let text = host::change(&self.policy, &content.host);
        if let Err(error) = self.nft.run(&["-f", "-"], Some(text)).await {
            tracing::warn!(%error, "loading the whole table again");
            return self.apply_all(&mut content).await.map(|()| true);
        }
        self.read_back(&mut content, Some(former), &host::written()).await.map(|()| true)
    }

    /// Makes the accounts that are treated otherwise exactly these, in one transaction. When that fails the whole table
    /// is loaded anew, with them; when that fails too, with those of before.
    pub(crate) async fn set_groups(&self, groups: Groups) -> Result<(), FirewallError> {
        let mut content = self.content.lock().await;
        let change = groups.change_from(&content.groups, &self.policy.table);
        if change.is_empty() {
            return Ok(());
        }
        let former = std::mem::replace(&mut content.groups, groups);
        let Err(error) = self.nft.run(&["-f", "-"], Some(change)).await else { return Ok(()) };
        tracing::warn!(%error, "loading the whole table anew");
        let Err(error) = self.apply_all(&mut content).await else { return Ok(()) };
        // They may be why, and without a table nobody is served.
        content.groups = former;
        if let Err(error) = self.apply_all(&mut content).await {
            tracing::error!(%error, "nor could the table be loaded as it was");
        }
        Err(error)
    }

    /// What is wanted of groups, as the table will have it.
    pub(crate) fn groups_of(&self, wanted: &SetGroups) -> Result<Groups, &'static str> {
        Groups::of(wanted, &self.policy)
    }

    /// Compares the table in the kernel with the one that was loaded. Nothing is listed while the kernel's ruleset has the
    /// number at which it was last found whole.
    pub(crate) async fn check(&self) -> Check {
        let mut content = self.content.lock().await;
        let Some(then) = content.loaded.as_ref().filter(|_| !content.is_spoiled) else { return Check::NotLoaded };
        // Before the listing: what changes during it is another number at the next look.
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

    /// True when the table in the kernel is still the one that was loaded.
    pub(crate) async fn verify(&self) -> bool {
        matches!(self.check().await, Check::Whole)
    }

    /// Under which address Tor sees a device.
    pub(crate) fn seen_as(&self, device: IpAddr, seat: Seat) -> IpAddr {
        self.policy.seen_as(device, seat.isolation)
    }

    /// Addresses that were refused flows in the last seconds.
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

    /// Takes the table away.
    pub(crate) async fn remove(&self) -> Result<(), FirewallError> {
        let table = &self.policy.table;
        self.nft.run(&["-f", "-"], Some(format!("table inet {table}\ndelete table inet {table}\n"))).await.map(drop)
    }

    /// The table without elements; nothing when there is none.
    async fn list(&self) -> Result<Listing, FirewallError> {
        // Not `list table`: there nft 1.0.6 reads every element, also to show none, 0.8 s for 25,000 devices.
        let text = self.nft.run(&["-j", "-t", "list", "ruleset", "inet"], None).await?;
        Ok(Listing::of(serde_json::from_str(&text)?, &self.policy.table))
    }
}

#[cfg(test)]
#[path = "apply_tests.rs"]
mod tests;
