//! Applies the firewall in one transaction, verifies it, and later checks whether it is still in place.

mod chain;
mod excluded;
mod listing;
mod owner;
mod render;

use super::nft::{self, NftError};
use crate::os::OsError;
use crate::policy::{Excluded, Firewall, Routing};
use chain::Chain;
use listing::has_chains;
use owner::Owner;
pub(super) use render::TABLE;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;
use tokio::time::Instant;

/// Removes the table of version 0.1, which a crashed helper of that version may have left.
const FORMER: &str = "add table inet tornado_names\ndelete table inet tornado_names\n";

/// Addresses for examples (RFC 5737, RFC 3849).
pub(super) const DOCUMENTATION: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// Delay before the next attempt after creating the copy failed, if it had succeeded before.
const RETRY: Duration = Duration::from_secs(30);

/// The firewall of this machine.
#[derive(Debug, Default)]
pub(super) struct AppliedFirewall {
    applied: Option<Applied>,
    /// True if the kernel does not support ARP tables.
    without_arp: bool,
    owner: Option<Owner>,
    /// True if a copy was created before: the kernel and nft support table owners.
    owner_worked: bool,
    /// True if the kernel or nft does not support table owners: the first attempt failed.
    without_owner: bool,
    /// Time of the next attempt after a later attempt failed.
    next_attempt: Option<Instant>,
}

/// Result of a synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synced {
    /// The firewall was already in place.
    Unchanged,
    /// A new firewall was applied.
    Applied,
    /// Another program had changed or removed the firewall.
    Restored,
}

/// The firewall that was applied last.
#[derive(Debug)]
struct Applied {
    firewall: Firewall,
    /// The listing of each table right after it was applied, by family.
    listed: Vec<(&'static str, String)>,
}

impl AppliedFirewall {
    /// Sets the firewall to exactly `firewall`. With `check`, compares the kernel's tables with those applied last.
    pub(super) async fn sync(&mut self, firewall: &Firewall, check: bool) -> Result<Synced, OsError> {
        let mut synced = Synced::Applied;
        if let Some(applied) = &self.applied
            && applied.firewall == *firewall
        {
            let owned = !self.may_copy() || self.owner.as_mut().is_some_and(Owner::is_running);
            if owned && (!check || is_unchanged(applied).await) {
                return Ok(Synced::Unchanged);
            }
            synced = Synced::Restored;
        }
        self.applied = None;
        let fail = |e: NftError| OsError::new("apply the firewall", e);
        let tables = self.apply(firewall).await.map_err(fail)?;
        let listed = verified(tables).await?;
        self.put_copy(firewall, &listed).await;
        self.applied = Some(Applied { firewall: firewall.clone(), listed });
        Ok(synced)
    }

    /// Returns whether a copy should be created now.
    fn may_copy(&self) -> bool {
        !self.without_owner && self.next_attempt.is_none_or(|next| next <= Instant::now())
    }

    /// Creates the copy, a second line of defence: without it, the first table decides alone. After a failure there is
    /// no copy, not even of an older firewall, because the table ends with the process that owned it.
    async fn put_copy(&mut self, firewall: &Firewall, listed: &[(&'static str, String)]) {
        if !self.may_copy() {
            return;
        }
        self.next_attempt = None;
        let running = self.owner.take().and_then(|mut owner| owner.is_running().then_some(owner));
        let put = async {
            let mut owner = match running {
                Some(owner) => owner,
                None => Owner::start()?,
            };
            let model = listed.iter().find(|(family, _)| *family == "inet").map_or("", |(_, text)| text.as_str());
            owner.put(&render::owner_chains(firewall), model).await.map(|()| owner)
        };
        match put.await {
            Ok(owner) => {
                self.owner = Some(owner);
                self.owner_worked = true;
            }
            Err(error) => {
                // If it succeeded before, the cause is another one: a busy machine, or an update of nft.
                self.without_owner = !self.owner_worked;
                self.next_attempt = self.owner_worked.then(|| Instant::now() + RETRY);
                tracing::warn!(%error, "cannot create the copy of the firewall that other programs cannot flush");
            }
        }
    }

    /// Applies the first table only, and verifies it. For a process that ends afterwards: the copy would end with it.
    pub(super) async fn apply_once(firewall: &Firewall) -> Result<(), OsError> {
        let fail = |e: NftError| OsError::new("apply the firewall", e);
        let mut this = Self::default();
        let tables = this.apply(firewall).await.map_err(fail)?;
        verified(tables).await.map(drop)
    }

    async fn apply(&mut self, firewall: &Firewall) -> Result<Vec<(&'static str, Vec<Chain>)>, NftError> {
        let inet = ("inet", render::inet(firewall));
        if !self.without_arp {
            let both = vec![inet.clone(), ("arp", render::arp(firewall))];
            match nft::run(&(FORMER.to_owned() + &render::transaction(&both))).await {
                Ok(()) => return Ok(both),
                Err(NftError::Failed(_)) => {}
                Err(error @ (NftError::NotRun(_) | NftError::Timeout)) => return Err(error),
            }
        }
        let one = vec![inet];
        nft::run(&(FORMER.to_owned() + &render::transaction(&one))).await?;
        if !self.without_arp {
            self.without_arp = true;
            tracing::warn!(
                "the kernel does not support ARP tables; it may answer ARP requests for the tunnel's addresses"
            );
        }
        Ok(one)
    }

    /// Removes the firewall, including that of an earlier process.
    pub(super) async fn remove(&mut self) -> Result<(), OsError> {
        self.applied = None;
        if let Some(owner) = self.owner.take() {
            owner.end().await;
        }
        let fail = |e: NftError| OsError::new("remove the firewall", e);
        match nft::run(&(FORMER.to_owned() + &render::removal("inet"))).await {
            // Without nft(8), the firewall was never applied.
            Err(NftError::NotRun(_)) => return Ok(()),
            other => other.map_err(fail)?,
        }
        match nft::list("arp", TABLE).await {
            Ok(Some(_)) => nft::run(&render::removal("arp")).await.map_err(fail),
            // A kernel without ARP tables has none of ours.
            Ok(None) | Err(NftError::Failed(_)) => Ok(()),
            Err(error) => Err(fail(error)),
        }
    }
}

/// Tests whether nft and the kernel accept the rules for excluded programs. Changes nothing.
pub(super) async fn test(excluded: Excluded) -> Result<(), NftError> {
    let firewall = Routing::lockdown(Vec::new()).firewall(["tornado0".into(), "tornado1".into()], &[]);
    let firewall = Firewall { excluded: Some(excluded), inner: DOCUMENTATION.to_vec(), ..firewall };
    nft::test(&render::transaction(&[("inet", render::inet(&firewall))])).await
}

/// Reads the tables back. Returns the listing of each table by family.
async fn verified(tables: Vec<(&'static str, Vec<Chain>)>) -> Result<Vec<(&'static str, String)>, OsError> {
    let mut listed = Vec::new();
    for (family, chains) in tables {
        let text = nft::list(family, TABLE).await.map_err(|e| OsError::new("verify the firewall", e))?;
        let text = text.unwrap_or_default();
        if !has_chains(&text, &chains) {
            return Err(OsError::new("verify the firewall", "the kernel's tables differ from those passed to nft"));
        }
        listed.push((family, text));
    }
    Ok(listed)
}

/// Returns whether the kernel lists the tables as it did when they were applied.
async fn is_unchanged(applied: &Applied) -> bool {
    for (family, text) in &applied.listed {
        if !matches!(nft::list(family, TABLE).await, Ok(Some(now)) if now == *text) {
            return false;
        }
    }
    true
}
