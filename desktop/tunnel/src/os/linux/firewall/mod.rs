//! Puts the firewall in place in one transaction, verifies it, and finds out later whether it still holds.

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

/// What version 0.1 called its table; a helper of it may have died and left it.
const FORMER: &str = "add table inet tornado_names\ndelete table inet tornado_names\n";

/// Pause after a copy failed that had succeeded before.
const RETRY: Duration = Duration::from_secs(30);

/// The firewall of this machine.
#[derive(Debug, Default)]
pub(super) struct Wall {
    held: Option<Held>,
    /// The kernel has no ARP tables.
    without_arp: bool,
    owner: Option<Owner>,
    /// A copy was made since this value exists: the kernel and nft know owners of tables.
    has_owned: bool,
    /// The kernel, or nft, does not: the first attempt failed.
    without_owner: bool,
    /// A later attempt failed, and the next is not before this.
    next_attempt: Option<Instant>,
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Synced {
    /// The kernel held it.
    Held,
    /// It is new.
    Applied,
    /// Another program had changed or removed it.
    Restored,
}

/// What was applied.
#[derive(Debug)]
struct Held {
    firewall: Firewall,
    /// The tables, by family, as the kernel listed them right after that.
    listed: Vec<(&'static str, String)>,
}

impl Wall {
    /// Makes the firewall exactly this. `look`: the kernel may hold something else than what was applied here.
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
        let fail = |e: Refusal| OsError::new("put the firewall in place", e);
        let tables = self.apply(firewall).await.map_err(fail)?;
        let mut listed = Vec::new();
        for (family, chains) in tables {
            let text = nft::list(family, TABLE).await.map_err(fail)?.unwrap_or_default();
            if !holds(&text, &chains) {
                return Err(OsError::new("verify the firewall", "the kernel does not hold what nft was given"));
            }
            listed.push((family, text));
        }
        self.own(firewall, &listed).await;
        self.held = Some(Held { firewall: firewall.clone(), listed });
        Ok(synced)
    }

    /// Whether a copy is wanted now.
    fn may_own(&self) -> bool {
        !self.without_owner && self.next_attempt.is_none_or(|next| next <= Instant::now())
    }

    /// The copy is a second line: without it the first table decides alone. After a failure there is no copy, also not
    /// of an older firewall: the table ends with the process that owned it.
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
                // What succeeded once fails for another reason: a busy machine, an update of nft.
                self.without_owner = !self.has_owned;
                self.next_attempt = self.has_owned.then(|| Instant::now() + RETRY);
                tracing::warn!(%error, "the firewall has no copy that other programs cannot flush");
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
            tracing::warn!("the kernel has no ARP tables; ARP requests for the tunnel's addresses may be answered");
        }
        Ok(one)
    }

    /// Removes it, also that of an earlier life.
    pub(super) async fn remove(&mut self) -> Result<(), OsError> {
        self.held = None;
        if let Some(owner) = self.owner.take() {
            owner.end().await;
        }
        let fail = |e: Refusal| OsError::new("remove the firewall", e);
        match nft::run(&(FORMER.to_owned() + &render::gone("inet"))).await {
            // Without the program it was never put in place.
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

/// Whether the kernel lists the tables as it did when they were applied.
async fn still(held: &Held) -> bool {
    for (family, text) in &held.listed {
        if !matches!(nft::list(family, TABLE).await, Ok(Some(now)) if now == *text) {
            return false;
        }
    }
    true
}

/// Whether a listing has these chains with as many lines each.
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
