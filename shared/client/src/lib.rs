//! Client of the device API, used by the desktop helper.
//!
//! It trusts only the identity that was pinned at enrolment, and through it one TLS key. Host names and certificate
//! authorities are not used for trust. A password is sent only inside a v2 envelope, sealed to a login key that the
//! pinned identity signed.

#![forbid(unsafe_code)]

mod api;
mod dial;
mod error;
mod events;
mod failure;
mod pin;
mod transport;

pub use api::{DeviceApi, DeviceIdentity, Proof, Welcome};
pub use dial::{ATTEMPT_DELAY, interleave, race, set_mark};
pub use error::Error;
pub use events::EventStream;
pub use tornado_shared::offer::{Connection, Offer, OfferError};
pub use tornado_shared::wg_quick::wg_quick;
pub use transport::Options;
