//! Applies the firewall in one transaction, verifies it, and later checks whether it is still in place.

mod nft;
mod owner;
mod render;

use crate::os::OsError;
use crate::policy::Firewall;
use nft::Refusal;
use owner::Owner;
use render::Chain;
pub(super) use render::TABLE;
use std::time::Duration;
use tokio::time::Instant;

/// Removes the table of version 0.1, which a crashed helper of that version may have left.
const FORMER: &str = "add table inet tornado_names\ndelete table inet tornado_names\n";

/// Delay before the next attempt after creating the copy failed, if it had succeeded before.
const RETRY: Duration = Duration::from_secs(30);

/// The firewall of this machine.
#[derive(Debug, Default)]
pub(super) struct Wall {
    held: Option<Held>,
    /// True if the kernel does not support ARP tables.
    without_arp: bool,
    owner: Option<Owner>,
    /// True if a copy was created before: the kernel and nft support table owners.
    has_owned: bool,
    /// True if the kernel or nft does not support table owners: the first attempt failed.
    without_owner: bool,
    /// Time of the next attempt after a later attempt failed.
    next_attempt: Option<Instant>,
}

/// Result of a synchronisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synced {
    /// The firewall was already in place.
    Held,
    /// A new firewall was applied.
    Applied,
    /// Another program had changed or removed the firewall.
    Restored,
}

/// The firewall that was applied last.
#[derive(Debug)]
struct Held {
    firewall: Firewall,
    /// The listing of each table right after it was applied, by family.
    listed: Vec<(&'static str, String)>,
}

impl Wall {
    /// Sets the firewall to exactly `firewall`. With `look`, compares the kernel's tables with those applied last.
    pub(super) async fn sync(&mut self, firewall: &Firewall, look: bool) -> Result<Synced, OsError> {
        let mut synced = Synced::Applied;
        if let Some(held) = &self.held
            && held.firewall == *firewall
        {
            let owned = !self.may_own() || self.owner.as_mut().is_some_and(Owner::lives);
            if owned && (!look || still(held).await) {
                return Ok(Synced::Held);
            }
            synced = Synced::Restored;
        }
        self.held = None;
        let fail = |e: Refusal| OsError::new("apply the firewall", e);
        let tables = self.apply(firewall).await.map_err(fail)?;
        let mut listed = Vec::new();
        for (family, chains) in tables {
            let text = nft::list(family, TABLE).await.map_err(fail)?.unwrap_or_default();
            if !holds(&text, &chains) {
                return Err(OsError::new("verify the firewall", "the kernel's tables differ from those passed to nft"));
            }
            listed.push((family, text));
        }
        self.own(firewall, &listed).await;
        self.held = Some(Held { firewall: firewall.clone(), listed });
        Ok(synced)
    }

    /// Returns whether a copy should be created now.
    fn may_own(&self) -> bool {
        !self.without_owner && self.next_attempt.is_none_or(|next| next <= Instant::now())
    }

    /// Creates the copy, a second line of defence: without it, the first table decides alone. After a failure there is
    /// no copy, not even of an older firewall, because the table ends with the process that owned it.
    async fn own(&mut self, firewall: &Firewall, listed: &[(&'static str, String)]) {
        if !self.may_own() {
            return;
        }
        self.next_attempt = None;
        let living = self.owner.take().and_then(|mut owner| owner.lives().then_some(owner));
        let put = async {
            let mut owner = match living {
                Some(owner) => owner,
                None => Owner::start()?,
            };
            let model = listed.iter().find(|(family, _)| *family == "inet").map_or("", |(_, text)| text.as_str());
            owner.put(&render::owned(firewall), model).await.map(|()| owner)
        };
        match put.await {
            Ok(owner) => {
                self.owner = Some(owner);
                self.has_owned = true;
            }
            Err(error) => {
                // If it succeeded before, the cause is another one: a busy machine, or an update of nft.
                self.without_owner = !self.has_owned;
                self.next_attempt = self.has_owned.then(|| Instant::now() + RETRY);
                tracing::warn!(%error, "cannot create the copy of the firewall that other programs cannot flush");
            }
        }
    }

    async fn apply(&mut self, firewall: &Firewall) -> Result<Vec<(&'static str, Vec<Chain>)>, Refusal> {
        let inet = ("inet", render::inet(firewall));
        if !self.without_arp {
            let both = vec![inet.clone(), ("arp", render::arp(firewall))];
            match nft::run(&(FORMER.to_owned() + &render::transaction(&both))).await {
                Ok(()) => return Ok(both),
                Err(Refusal::Said(_)) => {}
                Err(error @ (Refusal::Missing(_) | Refusal::Late)) => return Err(error),
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
        self.held = None;
        if let Some(owner) = self.owner.take() {
            owner.end().await;
        }
        let fail = |e: Refusal| OsError::new("remove the firewall", e);
        match nft::run(&(FORMER.to_owned() + &render::gone("inet"))).await {
            // Without nft(8), the firewall was never applied.
            Err(Refusal::Missing(_)) => return Ok(()),
            other => other.map_err(fail)?,
        }
        match nft::list("arp", TABLE).await {
            Ok(Some(_)) => nft::run(&render::gone("arp")).await.map_err(fail),
            // A kernel without ARP tables has none of ours.
            Ok(None) | Err(Refusal::Said(_)) => Ok(()),
            Err(error) => Err(fail(error)),
        }
    }
}

/// Returns whether the kernel lists the tables as it did when they were applied.
async fn still(held: &Held) -> bool {
    for (family, text) in &held.listed {
        if !matches!(nft::list(family, TABLE).await, Ok(Some(now)) if now == *text) {
            return false;
        }
    }
    true
}

/// Returns whether the listing has these chains with the same number of lines.
fn holds(listing: &str, chains: &[Chain]) -> bool {
    chains.iter().all(|(name, lines)| body(listing, name).map(|body| body.lines().count()) == Some(lines.len()))
}

/// The lines of a chain in a listing.
fn body<'a>(listing: &'a str, chain: &str) -> Option<&'a str> {
    let (_, rest) = listing.split_once(&format!("\tchain {chain} {{\n"))?;
    rest.split_once("\t}\n").map(|(body, _)| body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_with_a_line_less_does_not_hold() {
        let chains = vec![("own", vec!["a".to_owned(), "b".to_owned()])];
        let text = render::transaction(&[("inet", chains.clone())]);
        assert!(holds(&text, &chains));
        assert!(!holds(&text.replace("\t\tb\n", ""), &chains));
        assert!(!holds("", &chains));
    }
}
