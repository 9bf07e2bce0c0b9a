//! Errors of the firewall.

use std::time::Duration;

/// Reasons for which the policy cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum FirewallError {
    /// The program could not be run.
    #[error("cannot run nft: {0}; check that the package nftables is installed")]
    Spawn(#[source] std::io::Error),
    /// The program did not finish in time.
    #[error("nft did not finish within {0:?}")]
    Late(Duration),
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
