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

/// What version 0.1 called its table; a helper of it may have died and left it.
const FORMER: &str = "add table inet tornado_names\ndelete table inet tornado_names\n";

/// The firewall of this machine.
#[derive(Debug, Default)]
pub(super) struct Wall {
    held: Option<Held>,
    /// The kernel has no ARP tables.
    without_arp: bool,
    owner: Option<Owner>,
    /// The kernel, or nft, knows no owners of tables.
    without_owner: bool,
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
            let owned = self.without_owner || self.owner.as_mut().is_some_and(Owner::lives);
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
        self.own(firewall).await;
        self.held = Some(Held { firewall: firewall.clone(), listed });
        Ok(synced)
    }

    /// The copy is a second line: without it the first table decides alone.
    async fn own(&mut self, firewall: &Firewall) {
        if self.without_owner {
            return;
        }
        let living = self.owner.take().and_then(|mut owner| owner.lives().then_some(owner));
        let put = async {
            let mut owner = match living {
                Some(owner) => owner,
                None => Owner::start()?,
            };
            owner.put(&render::owned(firewall)).await.map(|()| owner)
        };
        match put.await {
            Ok(owner) => self.owner = Some(owner),
            Err(error) => {
                self.without_owner = true;
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
    chains.iter().all(|(name, lines)| {
        let body = listing.split_once(&format!("\tchain {name} {{\n")).map(|(_, rest)| rest);
        let found = body.and_then(|rest| rest.split_once("\t}\n")).map(|(body, _)| body.lines().count());
        found == Some(lines.len())
    })
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
