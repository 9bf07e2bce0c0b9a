//! Steps of the set-up after the first operator.

use serde::{Deserialize, Serialize};

/// What the server knows about its address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// A name; where it leads is not known.
    Name,
    /// An address of the public internet.
    Public,
    /// A private address.
    Private,
    /// There is none.
    Missing,
}

/// How devices reach the server, as far as the server itself can know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reachability {
    /// The public name or address that is set.
    pub host: Option<String>,
    /// Address of the interface with the default route.
    pub found_address: Option<String>,
    /// Port of the device API.
    pub port: u16,
    /// What follows from the name or address that invitations contain.
    pub reach: Reach,
    /// Progress of Tor in percent, and its words; absent if Tor does not respond.
    pub tor: Option<(u64, String)>,
}
