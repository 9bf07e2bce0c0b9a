//! A second copy of what may leave, in a table that only its owner can change (`flags owner`, Linux 5.12).
//!
//! `nft flush ruleset` of another program removes the first table, and leaves this one. It lives as long as the netlink
//! socket that made it, so an nft(8) in interactive mode is kept running for it; should that or the helper end, the
//! first table holds alone.

use super::nft::{self, Refusal};
use super::render::{Chain, OWNED, flat};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin};

/// How often the kernel is asked whether it holds what was written, and with which pause.
const LOOKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// The running nft(8).
#[derive(Debug)]
pub(super) struct Owner {
    child: Child,
    input: ChildStdin,
}

impl Owner {
    pub(super) fn start() -> Result<Self, Refusal> {
        let mut child = nft::command(&["-i"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .map_err(Refusal::Missing)?;
        let input = child.stdin.take().ok_or(Refusal::Late)?;
        Ok(Self { child, input })
    }

    /// Replaces the table in one transaction, and verifies that the kernel lists its chains as it lists those of the
    /// first table, `model`: nft prints the same rules as the same text.
    pub(super) async fn put(&mut self, chains: &[Chain], model: &str) -> Result<(), Refusal> {
        let line = flat(chains) + "\n";
        let written = async {
            self.input.write_all(line.as_bytes()).await?;
            self.input.flush().await
        };
        written.await.map_err(Refusal::Missing)?;
        for _ in 0..LOOKS {
            let listed = nft::list("inet", OWNED).await?.unwrap_or_default();
            if is_copy(&listed, model, chains) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Refusal::Late)
    }

    /// True while the process, and with it the table, is there.
    pub(super) fn lives(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends it, and with it the table.
    pub(super) async fn end(mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill().await;
    }
}

/// Whether a listing has these chains with the rules that they have in another.
fn is_copy(listing: &str, model: &str, chains: &[Chain]) -> bool {
    chains.iter().all(|(name, _)| {
        let found = super::body(listing, name);
        found.is_some() && found == super::body(model, name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_table_of_equal_length_is_not_the_copy() {
        let chains = |address: &str| vec![("marked", vec![format!("ip daddr {address} accept"), "drop".to_owned()])];
        let listing = |address: &str| super::super::render::transaction(&[("inet", chains(address))]);
        let (old, new) = (listing("192.0.2.1"), listing("192.0.2.2"));
        let wanted = chains("192.0.2.2");
        assert!(super::super::holds(&old, &wanted), "as many lines");
        assert!(!is_copy(&old, &new, &wanted));
        assert!(is_copy(&new, &new, &wanted));
        assert!(!is_copy("", "", &wanted), "neither table has the chain");
    }
}
