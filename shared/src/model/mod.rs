//! Types of the domain. Every value is valid by construction: parsing rejects everything else.

mod address;
mod country;
mod id;
mod key;
mod lane;
mod lockdown;
mod name;
mod origin;
mod secret;
mod session;
pub mod text;

pub use address::{LaneAddresses, LanePool, LanePools, PoolError, Slot};
pub use country::{CountryCode, NotCountry};
pub use id::{DeviceId, FamilyId, InvitationId, OperatorId, SessionId, UserId};
pub use key::{KeyError, PresharedKey, PrivateKey, PublicKey};
pub use lane::{Backend, Lane};
pub use lockdown::{LockdownMode, LockdownPolicy, UnknownMode};
pub use name::{DeviceName, NameError, Username};
pub use origin::Origin;
pub use secret::Secret;
pub use session::{CloseReason, SessionState, Transfer};

/// Seconds since the Unix epoch, UTC. This is the only time format on the wire and in the stores.
pub type UnixSeconds = i64;
