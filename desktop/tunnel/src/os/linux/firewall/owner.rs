//! A second copy of the rules for outgoing traffic, in a table that only its owner can change (`flags owner`, Linux
//! 5.12).
//!
//! If another program runs `nft flush ruleset`, the first table is removed but this one stays. The table exists as long
//! as the netlink socket that created it, so a process of nft(8) in interactive mode keeps running. If that process or
//! the helper ends, only the first table applies.

use super::super::nft::{self, NftError};
use super::chain::Chain;
use super::listing::body;
use super::render::{OWNED, owner_transaction};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin};

/// How often to check whether the kernel applied the table, then the delay between the checks.
const CHECKS: u32 = 50;
const PAUSE: Duration = Duration::from_millis(10);

/// The running nft(8) process.
#[derive(Debug)]
pub(super) struct Owner {
    child: Child,
    input: ChildStdin,
}

impl Owner {
    pub(super) fn start() -> Result<Self, NftError> {
        let mut child = nft::command(&["-i"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .map_err(NftError::NotRun)?;
        let input = child.stdin.take().ok_or(NftError::Timeout)?;
        Ok(Self { child, input })
    }

    /// Replaces the table in one transaction. Then verifies that the kernel lists its chains exactly like those of the
    /// first table, `model`: nft prints the same rules as the same text.
    pub(super) async fn put(&mut self, chains: &[Chain], model: &str) -> Result<(), NftError> {
        let line = owner_transaction(chains) + "\n";
        let written = async {
            self.input.write_all(line.as_bytes()).await?;
            self.input.flush().await
        };
        written.await.map_err(NftError::NotRun)?;
        for _ in 0..CHECKS {
            let listed = nft::list("inet", OWNED).await?.unwrap_or_default();
            if is_copy(&listed, model, chains) {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(NftError::Timeout)
    }

    /// Returns true while the process, and therefore the table, exists.
    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the process, which removes the table.
    pub(super) async fn end(mut self) {
        // An error means that the process has already ended.
        let _ = self.child.kill().await;
    }
}

/// Returns whether the chains have the same rules in both listings.
fn is_copy(listing: &str, model: &str, chains: &[Chain]) -> bool {
    chains.iter().all(|(name, _)| {
        let found = body(listing, name);
        found.is_some() && found == body(model, name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_table_of_equal_length_is_not_taken_for_the_copy() {
        let chains = |address: &str| vec![("marked", vec![format!("ip daddr {address} accept"), "drop".to_owned()])];
        let listing = |address: &str| super::super::render::transaction(&[("inet", chains(address))]);
        let (old, new) = (listing("192.0.2.1"), listing("192.0.2.2"));
        let current = chains("192.0.2.2");
        assert!(super::super::listing::has_chains(&old, &current), "the number of lines is equal");
        assert!(!is_copy(&old, &new, &current));
        assert!(is_copy(&new, &new, &current));
        assert!(!is_copy("", "", &current), "neither table has the chain");
    }
}
